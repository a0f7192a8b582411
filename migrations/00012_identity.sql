-- Who is who: people who may have been registered twice, and records that became one.

-- +goose Up

-- Blocks: the keys under which somebody who may be the same person is looked for first, each rare
-- even among a million people. y: all names as they sound, with the year of birth; b: one name with
-- the day of birth; w: one name with the year and the first nationality. y and w also say whether
-- the day of birth is known (1) or not (0): a known day needs no guessing among other known days.
-- +goose StatementBegin
create function duplicate_blocks(keys text[], born date, born_precision text, nationalities text[]) returns text[] language sql stable parallel safe as $$
  with sounds as (select substr(k, 3) as s from unnest(keys) k where k like 'n:%'),
    names as (select string_agg(s, ' ' order by s collate "C") as s from sounds),
    known as (select case born_precision when 'day' then '1' else '0' end as day, extract(year from born)::text as year)
  select array(
    select 'y:' || names.s || ':' || coalesce(known.year, '') || ':' || known.day from names, known where names.s is not null
    union all select 'b:' || s || ':' || born from sounds, known where known.day = '1'
    union all select 'w:' || s || ':' || known.year || ':' || known.day || ':' || nationalities[1] from sounds, known where known.year is not null and nationalities[1] is not null)
$$;

-- Where to look for whom: the blocks of others that somebody may be found in, years counting from
-- one before to one after where either day of birth is not known.
create function duplicate_probes(keys text[], born date, born_precision text, nationalities text[]) returns text[] language sql stable parallel safe as $$
  with sounds as (select substr(k, 3) as s from unnest(keys) k where k like 'n:%'),
    names as (select string_agg(s, ' ' order by s collate "C") as s from sounds),
    known as (select born_precision = 'day' as day, extract(year from born)::int as year),
    years as (select y::text as year, y = known.year as same from known, generate_series(coalesce(known.year - 1, 1900), coalesce(known.year + 1, extract(year from now())::int)) y)
  select array(
    select k from unnest(keys) k where k not like 'n:%'
    union all select 'b:' || s || ':' || born from sounds, known where known.day
    union all select 'y:' || names.s || '::0' from names
    union all select 'y:' || names.s || ':' || years.year || ':0' from names, years
    union all select 'y:' || names.s || ':' || years.year || ':1' from names, years, known where years.same or known.day is distinct from true
    union all select 'w:' || s || ':' || years.year || ':0:' || nationalities[1] from sounds, years, known where known.year is not null
    union all select 'w:' || s || ':' || years.year || ':1:' || nationalities[1] from sounds, years, known where known.year is not null and not known.day)
$$;

create or replace function beneficiaries_keys() returns trigger language plpgsql as $$
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
drop trigger keys_update on beneficiaries;
create trigger keys_update after update on beneficiaries for each row
  when ((old.search_keys, old.birth_date, old.birth_date_precision, old.nationalities[1])
    is distinct from (new.search_keys, new.birth_date, new.birth_date_precision, new.nationalities[1])) execute function beneficiaries_keys();

-- Whoever is registered already, in every centre: the owner, too, is subject to row-level security.
select set_config('app.centre_ids', (select coalesce(string_agg(id::text, ','), '') from centres), true);
insert into beneficiary_keys (centre_id, key, beneficiary_id)
  select centre_id, unnest(duplicate_blocks(search_keys, birth_date, birth_date_precision, nationalities)), id from beneficiaries on conflict do nothing;

grant select (status, sex, birth_date, birth_date_precision, nationalities, search_keys) on beneficiaries to waystation_search;
grant select (centre_id, beneficiary_id, household_id, left_on) on household_members to waystation_search;
create policy search on household_members for select to waystation_search using (true);

-- How far two birth dates speak for one person: 1 the same day, down to -0.5 for days that exclude
-- each other. Days that are near, or have day and month exchanged, may be slips of the pen.
-- +goose StatementBegin
create function birth_agreement(a date, a_precision text, b date, b_precision text, near_days int, estimate_days int) returns float8 language sql immutable parallel safe as $$
  select case
    when a is null or b is null then null
    when a_precision = 'day' and b_precision = 'day' then case
      when a = b then 1
      when abs(a - b) <= near_days then 0.4
      when extract(year from a) = extract(year from b) and extract(month from a) = extract(day from b) and extract(day from a) = extract(month from b) then 0.4
      else -0.5 end
    when abs(a - b) > estimate_days * 2 then -0.5
    when abs(a - b) > estimate_days then 0
    when a_precision <> 'day' and b_precision <> 'day' and abs(a - b) * 2 <= estimate_days then 0.8
    else 0.5
  end
$$;

-- How far names speak for one person: 1 where all parts sound and are spelled alike, 0 where half of
-- them do, -1 where none does. Parts that sound alike are told apart a little by their spelling;
-- others count as far as few letters differ. A name with fewer parts is not held against anybody much.
create function name_agreement(sounds text[], spelled text[], keys text[], name text) returns float8 language sql immutable parallel safe as $$
  with parts as (
    select s.sound, 'n:' || s.sound = any (keys) as heard, (
      select max(1 - levenshtein(left(s.word, 60), left(t, 60))::float8 / greatest(length(left(s.word, 60)), length(left(t, 60)), 1))
      from (select t from unnest(string_to_array(name, ' ')) t where length(t) > 1 or length(s.word) < 2 limit 12) them) as alike
    from unnest(sounds, spelled) s (sound, word)),
  agreed as (select sum(case when heard then 0.85 + 0.15 * coalesce(alike, 0) when alike >= 0.6 then alike else 0 end) as m, count(*)::float8 as mine from parts),
  sizes as (select m, mine, greatest((select count(*) from unnest(keys) k where k like 'n:%'), 1)::float8 as theirs from agreed)
  select case when mine = 0 then null else
    2 * least(1, (m / ((mine + theirs) / 2) + m / least(mine, theirs)) / 2) - 1 end from sizes
$$;

-- Who of a centre may be the person described, the likeliest first, with what speaks for and against
-- each. rules is the centre's policy on duplicates; self is left out; most bounds how many are
-- weighed under one key, so that a common name stays quick. Runs as the role of searches.
create function duplicate_candidates(centre uuid, self uuid, person jsonb, rules jsonb, most int)
returns table (id uuid, reference text, score float8, reasons jsonb) language plpgsql stable security definer
set search_path = pg_catalog, public, pg_temp set enable_seqscan = off as $$
#variable_conflict use_column
declare
  sounds   constant text[] := array(select jsonb_array_elements_text(person->'sounds'));
  spelled  constant text[] := array(select jsonb_array_elements_text(person->'spelled'));
  keys     constant text[] := array(select jsonb_array_elements_text(person->'keys'));
  born     constant date   := person->>'birth_date';
  exact    constant text   := person->>'birth_date_precision';
  gender   constant text   := person->>'sex';
  home     constant uuid   := person->>'household_id';
  citizen  constant text[] := array(select jsonb_array_elements_text(person->'nationalities'));
  phoned   constant boolean := exists (select from unnest(keys) k where k like 'p:%');
  papers   constant boolean := exists (select from unnest(keys) k where k like 'd:%');
  w        constant jsonb  := rules->'weights';
  w_names  constant float8 := w->>'names';       w_birth constant float8 := w->>'birth_date';
  w_sex    constant float8 := w->>'sex';         w_nationality constant float8 := w->>'nationality';
  w_phone  constant float8 := w->>'phone';       w_document constant float8 := w->>'document';
  w_home   constant float8 := w->>'household';
  enough   constant float8 := rules->>'possible';
  near     constant int    := rules->>'near_days';
  about    constant int    := rules->>'estimate_days';
  few      constant float8 := rules->>'namesakes';
begin
  if centre <> all (scope_centres()) then return; end if;
  return query
  with block as materialized (
    select found.beneficiary_id as id, bool_or(probe like 'p:%') as phone, bool_or(probe like 'd:%') as document
    from unnest(duplicate_probes(keys, born, exact, citizen)) probe
    cross join lateral (select k.beneficiary_id from beneficiary_keys k where k.centre_id = centre and k.key = probe order by k.beneficiary_id limit most) found
    where found.beneficiary_id is distinct from self group by 1
  ), weighed as materialized (
    select b.id, b.reference, b.search_keys, b.search_name,
      birth_agreement(born, exact, b.birth_date, b.birth_date_precision, near, about) as birth,
      case when gender in ('1', '2') and b.sex in ('1', '2') then case when gender = b.sex then 0.5 else -1 end end as sex,
      case when cardinality(citizen) > 0 and cardinality(b.nationalities) > 0 then case when citizen && b.nationalities then 0.5 else -0.5 end end as nationality,
      case when block.phone then 1 when phoned and exists (select from unnest(b.search_keys) k where k like 'p:%') then -0.4 end as phone,
      case when block.document then 1 when papers and exists (select from unnest(b.search_keys) k where k like 'd:%') then -0.25 end as document,
      case when home is not null and exists (select from household_members m where m.centre_id = centre and m.beneficiary_id = b.id and m.household_id = home and m.left_on is null) then 1 end as home
    from block join beneficiaries b on b.centre_id = centre and b.id = block.id and b.status = 'active'
  ), named as materialized (
    select x.*, name_agreement(sounds, spelled, x.search_keys, x.search_name) as names,
      coalesce(sex * w_sex, 0) + coalesce(nationality * w_nationality, 0) + coalesce(phone * w_phone, 0) + coalesce(document * w_document, 0) + coalesce(home * w_home, 0) as others
    from weighed x
    where coalesce(birth * w_birth, 0) + coalesce(sex * w_sex, 0) + coalesce(nationality * w_nationality, 0) + coalesce(phone * w_phone, 0) + coalesce(document * w_document, 0)
      + coalesce(home * w_home, 0) + w_names >= enough
  ), crowded as ( -- where many share name and age, an age tells nobody apart; a known day does
    select n.id, n.reference, n.names, n.sex, n.nationality, n.phone, n.document, n.home, n.others,
      case when birth > 0 and birth < 1 and phone is distinct from 1 and document is distinct from 1 and home is null
        then birth * least(1, few / greatest(1, count(*) filter (where names > 0.8 and birth > 0 and birth < 1) over ())) else birth end as birth
    from named n
  ), scored as (
    select c.*, least(1, round((c.others + coalesce(c.birth * w_birth, 0) + coalesce(c.names * w_names, 0))::numeric, 3)::float8) as score from crowded c
  )
  select s.id, s.reference, s.score, (
    select jsonb_agg(jsonb_build_object('evidence', e.name, 'agreement', round(e.agreement::numeric, 3), 'weight', e.weight) order by e.agreement * e.weight desc)
    from (values ('names', s.names, w_names), ('birth_date', s.birth, w_birth), ('sex', s.sex, w_sex), ('nationality', s.nationality, w_nationality),
      ('phone', s.phone, w_phone), ('document', s.document, w_document), ('household', s.home, w_home)) e (name, agreement, weight) where e.agreement is not null)
  from scored s where s.score >= enough order by s.score desc, s.id limit 20;
end $$;
-- +goose StatementEnd
grant create on schema public to waystation_search;
alter function duplicate_candidates owner to waystation_search;
revoke create on schema public from waystation_search;
revoke execute on function duplicate_candidates from public;
grant execute on function duplicate_candidates to waystation_app;

-- Two records that may be of one person: the queue, and what was decided.
create table duplicates (
  centre_id       uuid not null references centres (id),
  id              uuid not null,
  version         bigint not null,
  created_at      timestamptz not null,
  updated_at      timestamptz not null,
  one_id          uuid not null,             -- the lower id of the two
  other_id        uuid not null,
  score           float8 not null,           -- as it was when they were found
  level           text not null,             -- possible | likely, by the thresholds of then
  reasons         jsonb not null,
  found_by        text not null,             -- registration | change | recheck | import
  status          text not null default 'pending',
  acknowledged_by uuid,                      -- who registered the second although the first was shown
  acknowledged_at timestamptz,
  review_on       date,                      -- later: when
  decided_by      uuid,
  decided_at      timestamptz,
  primary key (centre_id, id),
  constraint duplicates_pair_key unique (centre_id, one_id, other_id),
  constraint duplicates_order_check check (one_id < other_id),
  constraint duplicates_one_fk foreign key (centre_id, one_id) references beneficiaries (centre_id, id),
  constraint duplicates_other_fk foreign key (centre_id, other_id) references beneficiaries (centre_id, id),
  constraint duplicates_level_check check (level in ('possible', 'likely')),
  constraint duplicates_status_check check (status in ('pending', 'later', 'not_duplicate', 'merged'))
);
create index duplicates_queue on duplicates (centre_id, status, score, id);
create index duplicates_other on duplicates (centre_id, other_id);
select protect('duplicates', 'duplicate', array['reasons', 'score']);

-- Every decision on a pair, for good.
create table duplicate_decisions (
  centre_id    uuid not null,
  id           uuid not null,
  version      bigint not null,
  created_at   timestamptz not null,
  updated_at   timestamptz not null,
  duplicate_id uuid not null,
  decision     text not null,                -- merge | not_duplicate | later | unmerge
  reason       text not null default '',
  review_on    date,
  decided_by   uuid,
  primary key (centre_id, id),
  constraint duplicate_decisions_duplicate_fk foreign key (centre_id, duplicate_id) references duplicates (centre_id, id)
);
create index duplicate_decisions_duplicate on duplicate_decisions (centre_id, duplicate_id, created_at, id);
select protect('duplicate_decisions', hide => array['reason'], append_only => true);

-- +goose Down
drop table duplicate_decisions, duplicates;
drop function duplicate_candidates, name_agreement, birth_agreement;
drop policy search on household_members;
revoke select (centre_id, beneficiary_id, household_id, left_on) on household_members from waystation_search;
revoke select (status, sex, birth_date, birth_date_precision, nationalities, search_keys) on beneficiaries from waystation_search;
drop trigger keys_update on beneficiaries;
delete from beneficiary_keys where key ~ '^[ybw]:';
-- +goose StatementBegin
create or replace function beneficiaries_keys() returns trigger language plpgsql as $$
begin
  if tg_op = 'UPDATE' then
    delete from beneficiary_keys where centre_id = new.centre_id and beneficiary_id = new.id and key <> all (new.search_keys);
  end if;
  insert into beneficiary_keys (centre_id, key, beneficiary_id)
    select new.centre_id, k, new.id from unnest(new.search_keys) k on conflict do nothing;
  return null;
end $$;
-- +goose StatementEnd
create trigger keys_update after update on beneficiaries for each row
  when (old.search_keys is distinct from new.search_keys) execute function beneficiaries_keys();
drop function duplicate_probes, duplicate_blocks;
