-- People, their households, their needs and what they consented to.

-- +goose Up

-- Short references such as AGZ-000123. Each centre counts for itself with a sequence of its own:
-- a counter row would keep every registration of a centre waiting for the one before it to
-- commit, and for a whole import. Numbers of what was rolled back are never given out again.
create schema numbering;

-- +goose StatementBegin
create function found_numbering(centre uuid) returns void language plpgsql as $$
declare s text;
begin
  foreach s in array array['beneficiary', 'household'] loop
    execute format('create sequence numbering.%I', s || '_' || replace(centre::text, '-', ''));
  end loop;
end $$;

create function centres_numbering() returns trigger language plpgsql security definer set search_path = pg_catalog, public as $$
begin
  perform found_numbering(new.id);
  return null;
end $$;

-- The next reference of a series, for a centre in scope: 'beneficiary' is AGZ-000123,
-- 'household' is AGZ-H-000123.
create function next_reference(centre uuid, series text) returns text language plpgsql security definer set search_path = pg_catalog, public as $$
declare
  code text;
  n    text;
begin
  select c.code into strict code from centres c where c.id = next_reference.centre and c.id = any (scope_centres());
  n := nextval(format('numbering.%I', series || '_' || replace(centre::text, '-', '')))::text;
  return code || case series when 'household' then '-H-' else '-' end || lpad(n, greatest(6, length(n)), '0');
end $$;
-- +goose StatementEnd
revoke execute on function found_numbering(uuid) from public;
create trigger numbering after insert on centres for each row execute function centres_numbering();
select found_numbering(id) from centres;

create table beneficiaries (
  centre_id        uuid not null references centres (id),
  id               uuid not null,
  version          bigint not null,
  created_at       timestamptz not null,
  updated_at       timestamptz not null,
  reference        text not null,            -- AGZ-000123, short and human
  registration_level text not null,          -- basic | full
  registered_on    date not null,
  reception_on     date not null,            -- arrival at the centre
  given_name       text not null default '',
  family_name      text not null default '',
  other_names      text[] not null default '{}', -- further spellings and scripts
  sex              text not null,            -- code list sex (ISO 5218)
  gender_identity  text not null default '',
  birth_date       date,
  birth_date_precision text,                 -- day | month | year | estimated
  population_type  text not null,            -- code list population_type
  nationalities    text[] not null default '{}', -- ISO 3166-1 alpha-3, first is the main one
  country_of_origin text not null default '',
  languages        text[] not null default '{}',
  interview_language text not null default '',
  interpreter_used boolean,
  marital_status   text not null default '',
  education_level  text not null default '',
  migration_status text not null default '',
  migration_reasons text[] not null default '{}',
  intended_destination text not null default '',
  phone            text not null default '',
  document_type    text not null default '',
  document_number  text not null default '',
  remarks          text not null default '',
  source           text not null,            -- api | import
  source_key       text,                     -- the row id of the sheet it came from
  basis            text not null,            -- code list processing_basis: consent, vital_interest …
  basis_reason     text not null default '',
  status           text not null default 'active',
  merged_into      uuid,
  void_reason      text not null default '',
  created_by       uuid,
  answers          jsonb not null default '{}', -- {field: unknown | declined}, for questions without a value
  search_name      text not null default '', -- all names, folded, for the trigrams
  search_keys      text[] not null default '{}', -- how the names sound, document, phone; kept in beneficiary_keys
  primary key (centre_id, id),
  constraint beneficiaries_reference_key unique (centre_id, reference),
  constraint beneficiaries_source_key unique (centre_id, source_key),
  constraint beneficiaries_level_check check (registration_level in ('basic', 'full')),
  constraint beneficiaries_precision_check check ((birth_date is null) = (birth_date_precision is null)),
  constraint beneficiaries_status_check check (status in ('active', 'merged', 'void'))
);
create index beneficiaries_created on beneficiaries (centre_id, created_at, id);
create index beneficiaries_registered on beneficiaries (centre_id, registered_on, id);
create index beneficiaries_family_name on beneficiaries (centre_id, family_name, id);
create index beneficiaries_ended on beneficiaries (centre_id, status, created_at, id) where status <> 'active'; -- few among many
create index beneficiaries_search_name on beneficiaries using gin (centre_id, search_name gin_trgm_ops);
select protect('beneficiaries', 'beneficiary', array['search_name', 'search_keys']);

-- What the insert leaves to the database, so that a registration is one statement.
-- +goose StatementBegin
create function beneficiaries_insert() returns trigger language plpgsql as $$
begin
  if coalesce(new.reference, '') = '' then
    new.reference := next_reference(new.centre_id, 'beneficiary');
  end if;
  if new.registered_on is null then -- today, where the centre is
    new.registered_on := (now() at time zone (select c.time_zone from centres c where c.id = new.centre_id))::date;
  end if;
  return new;
end $$;
-- +goose StatementEnd
create trigger fill before insert on beneficiaries for each row execute function beneficiaries_insert();

-- Everything a person is found by exactly, one row a key: equality on text is leakproof, so that
-- row-level security leaves the index usable. n:… a name as it sounds, d:… a document, p:… a phone.
create table beneficiary_keys (
  centre_id      uuid not null,
  key            text not null,
  beneficiary_id uuid not null,
  primary key (centre_id, key, beneficiary_id),
  constraint beneficiary_keys_beneficiary_fk foreign key (centre_id, beneficiary_id) references beneficiaries (centre_id, id) on delete cascade
);
create index beneficiary_keys_beneficiary on beneficiary_keys (centre_id, beneficiary_id);
select confine('beneficiary_keys');
grant select, insert, delete on beneficiary_keys to waystation_app;

-- +goose StatementBegin
-- Blocks: the keys under which somebody who may be the same person is looked for first, each rare
-- even among a million people. y: all names as they sound, with the year of birth; b: one name with
-- the day of birth; w: one name with the year and the first nationality. y and w also say whether
-- the day of birth is known (1) or not (0): a known day needs no guessing among other known days.
create function duplicate_blocks(keys text[], born date, born_precision text, nationalities text[]) returns text[] language sql stable parallel safe as $$
  with sounds as (select substr(k, 3) as s from unnest(keys) k where k like 'n:%'),
    names as (select string_agg(s, ' ' order by s collate "C") as s from sounds),
    known as (select case born_precision when 'day' then '1' else '0' end as day, extract(year from born)::text as year)
  select array(
    select 'y:' || names.s || ':' || coalesce(known.year, '') || ':' || known.day from names, known where names.s is not null
    union all select 'b:' || s || ':' || born from sounds, known where known.day = '1'
    union all select 'w:' || s || ':' || known.year || ':' || known.day || ':' || nationalities[1] from sounds, known where known.year is not null and nationalities[1] is not null)
$$;

create function beneficiaries_keys() returns trigger language plpgsql as $$
declare
  keys constant text[] := new.search_keys || duplicate_blocks(new.search_keys, new.birth_date, new.birth_date_precision, new.nationalities);
begin
  if tg_op = 'UPDATE' then
    delete from beneficiary_keys where centre_id = new.centre_id and beneficiary_id = new.id and key <> all (keys);
  end if;
  insert into beneficiary_keys (centre_id, key, beneficiary_id)
    select new.centre_id, k, new.id from unnest(keys) k on conflict do nothing;
  return null;
end $$;
-- +goose StatementEnd
create trigger keys_insert after insert on beneficiaries for each row execute function beneficiaries_keys();
create trigger keys_update after update on beneficiaries for each row
  when ((old.search_keys, old.birth_date, old.birth_date_precision, old.nationalities[1])
    is distinct from (new.search_keys, new.birth_date, new.birth_date_precision, new.nationalities[1])) execute function beneficiaries_keys();

-- Names are searched by a role of its own, which sees what a search needs and nothing else: under
-- row-level security the trigram index would lie idle (% is not leakproof). The function is that
-- role's only use. It takes the centres explicitly and keeps to those in scope.
-- +goose StatementBegin
do $$
begin
  begin
    create role waystation_search nologin noinherit;
  exception when duplicate_object or unique_violation then null;
  end;
  begin
    grant waystation_search to current_user;
  exception when unique_violation or internal_error then null; -- two migrations of one server at once
  end;
end $$;
-- +goose StatementEnd
grant usage on schema public to waystation_search;
grant select (centre_id, id, reference, search_name) on beneficiaries to waystation_search;
grant select on beneficiary_keys to waystation_search;
create policy search on beneficiaries for select to waystation_search using (true);
create policy search on beneficiary_keys for select to waystation_search using (true);

-- Who answers to a reference, an exact key (document, phone), names as they sound, or, where fewer
-- than `few` sound like all of them, a name as it is written. Scores go up to 1.
-- +goose StatementBegin
create function search_beneficiaries(centres uuid[], exactly text, exact_keys text[], sounds text[], written text, few int, most int)
returns table (centre_id uuid, id uuid, score real) language plpgsql stable security definer
set search_path = pg_catalog, public, pg_temp set pg_trgm.word_similarity_threshold = 0.5
set enable_seqscan = off set cpu_operator_cost = 0.1 as $$
#variable_conflict use_column
declare
  reach uuid[] := array(select unnest(centres) intersect select unnest(scope_centres()));
begin
  return query
  with exact as (
    select b.centre_id, b.id, 1::real as score from beneficiaries b where b.centre_id = any (reach) and b.reference = exactly
    union
    select k.centre_id, k.beneficiary_id, 1::real from beneficiary_keys k where k.centre_id = any (reach) and k.key = any (exact_keys)
  ), heard as (
    select k.centre_id, k.beneficiary_id as id, count(*)::real / cardinality(sounds) as share
    from beneficiary_keys k where k.centre_id = any (reach) and k.key = any (sounds)
    group by 1, 2 order by 3 desc, 2 desc limit most
  ), alike as (
    select b.centre_id, b.id, word_similarity(written, b.search_name) as score from beneficiaries b
    where (select count(*) from heard where share = 1) + (select count(*) from exact) < few
      and b.centre_id = any (reach) and b.search_name %> written
    order by 3 desc limit most
  ), found as (
    select * from exact
    union all
    select h.centre_id, h.id, ((h.share + greatest(similarity(b.search_name, written), word_similarity(written, b.search_name))) / 2)::real
    from heard h join beneficiaries b on b.centre_id = h.centre_id and b.id = h.id
    union all
    select a.centre_id, a.id, (a.score * 0.75)::real from alike a
  )
  select f.centre_id, f.id, max(f.score) from found f group by 1, 2 order by 3 desc, 2 desc limit most;
end $$;
-- +goose StatementEnd
grant create on schema public to waystation_search;
alter function search_beneficiaries owner to waystation_search;
revoke create on schema public from waystation_search;
revoke execute on function search_beneficiaries from public;
grant execute on function search_beneficiaries to waystation_app;

create table households (
  centre_id  uuid not null references centres (id),
  id         uuid not null,
  version    bigint not null,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  reference  text not null,
  head_id    uuid,                           -- a member, or nobody yet
  size       int not null default 0,         -- active members; kept under the row's lock
  declared_size int,                         -- as the household says, members not registered included
  note       text not null default '',
  status     text not null default 'active',
  void_reason text not null default '',
  source_key text,
  primary key (centre_id, id),
  constraint households_reference_key unique (centre_id, reference),
  constraint households_source_key unique (centre_id, source_key),
  constraint households_status_check check (status in ('active', 'void')),
  constraint households_head_fk foreign key (centre_id, head_id) references beneficiaries (centre_id, id)
);
create index households_created on households (centre_id, created_at, id);
select protect('households', 'household');

-- +goose StatementBegin
create function households_insert() returns trigger language plpgsql as $$
begin
  if coalesce(new.reference, '') = '' then
    new.reference := next_reference(new.centre_id, 'household');
  end if;
  return new;
end $$;
-- +goose StatementEnd
create trigger fill before insert on households for each row execute function households_insert();

create table household_members (
  centre_id      uuid not null,
  id             uuid not null,
  version        bigint not null,
  created_at     timestamptz not null,
  updated_at     timestamptz not null,
  household_id   uuid not null,
  beneficiary_id uuid not null,
  relationship   text not null,              -- code list household_relationship
  joined_on      date not null,
  left_on        date,
  primary key (centre_id, id),
  constraint household_members_household_fk foreign key (centre_id, household_id) references households (centre_id, id),
  constraint household_members_beneficiary_fk foreign key (centre_id, beneficiary_id) references beneficiaries (centre_id, id),
  constraint household_members_left_check check (left_on >= joined_on)
);
create unique index household_members_one_household_key on household_members (centre_id, beneficiary_id) where left_on is null;
create index household_members_household on household_members (centre_id, household_id);
select protect('household_members', 'household_member');

-- Append-only. Effective consent is the latest entry per scope, and per recipient where one is named.
create table consents (
  centre_id      uuid not null,
  id             uuid not null,
  version        bigint not null default 1,
  created_at     timestamptz not null,
  updated_at     timestamptz not null,
  beneficiary_id uuid not null,
  scope          text not null,              -- code list consent_scope
  decision       text not null,              -- given | refused | withdrawn
  giver          text not null,              -- code list consent_giver
  giver_name     text not null default '',
  method         text not null,              -- code list consent_method
  language       text not null default '',
  interpreter_used boolean,
  statement_version text not null default '',
  recipient_ids  uuid[] not null default '{}',  -- organisations it is limited to; empty: as the scope says
  excluded_ids   uuid[] not null default '{}',  -- organisations it must be withheld from
  exclusion_reason text not null default '',
  valid_until    date,
  given_at       timestamptz not null,
  certified_by   text not null default '',
  certified_at   timestamptz,
  note           text not null default '',
  recorded_by    uuid,
  primary key (centre_id, id),
  constraint consents_beneficiary_fk foreign key (centre_id, beneficiary_id) references beneficiaries (centre_id, id),
  constraint consents_decision_check check (decision in ('given', 'refused', 'withdrawn')),
  constraint consents_verbal_check check (method <> 'verbal_certified' or (certified_by <> '' and certified_at is not null))
);
create index consents_beneficiary on consents (centre_id, beneficiary_id, scope, given_at desc, id desc);
select protect('consents', 'consent', append_only => true);

create table specific_needs (
  centre_id      uuid not null,
  id             uuid not null,
  version        bigint not null,
  created_at     timestamptz not null,
  updated_at     timestamptz not null,
  beneficiary_id uuid not null,
  code_system    text not null,              -- code list: migrant_vulnerability | specific_need_unhcr
  code           text not null,
  sensitivity    text not null,              -- normal | sensitive | restricted
  confidence     text not null,              -- self_reported | observed | assessed
  since          date,
  identified_by  uuid,
  ended_on       date,
  review_on      date,
  note           text not null default '',
  primary key (centre_id, id),
  constraint specific_needs_beneficiary_fk foreign key (centre_id, beneficiary_id) references beneficiaries (centre_id, id),
  constraint specific_needs_sensitivity_check check (sensitivity in ('normal', 'sensitive', 'restricted'))
);
create index specific_needs_beneficiary on specific_needs (centre_id, beneficiary_id);
-- The trail keeps who wrote, not what: it is read by people who are on nobody's case team.
select protect('specific_needs', 'specific_need', array['code', 'sensitivity', 'note']);

-- +goose Down
drop function search_beneficiaries(uuid[], text, text[], text[], text, int, int);
drop table specific_needs, consents, household_members, households, beneficiary_keys, beneficiaries;
drop function households_insert, beneficiaries_keys, duplicate_blocks, beneficiaries_insert;
drop trigger numbering on centres;
drop function next_reference, centres_numbering, found_numbering;
drop schema numbering cascade;
revoke usage on schema public from waystation_search;
