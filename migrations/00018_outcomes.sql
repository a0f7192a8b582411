-- Rows of an import that may be of somebody who is registered already: they wait for a person to decide.

-- +goose Up
alter table imports
  add column on_duplicate text not null default 'import', -- what ran before held nothing
  add column duplicates   int not null default 0,         -- wait for a decision
  add column linked       int not null default 0,
  add column left_out     int not null default 0,
  add constraint imports_on_duplicate_check check (on_duplicate in ('hold', 'import'));
alter table imports alter column on_duplicate drop default;

alter table import_rows
  add column candidates jsonb not null default '[]', -- as they were found: ids, scores and evidence, no names
  add column held       jsonb,                       -- what the row says, while it waits
  add column held_until timestamptz,
  add column decision   text not null default '',    -- import | link | skip
  add column decided_by uuid,
  add column decided_at timestamptz,
  add column head_of    bytea,                       -- the household that the row is the first head of in its file, as a hash
  drop constraint import_rows_status_check,
  add constraint import_rows_status_check check (status in ('accepted', 'created', 'unchanged', 'changed', 'skipped', 'rejected', 'duplicate', 'linked', 'left_out')),
  add constraint import_rows_held_check check ((held is null) = (held_until is null) and (held is null or status = 'duplicate')),
  add constraint import_rows_decision_check check (decision in ('', 'import', 'link', 'skip') and (decision = '') = (decided_at is null));
create index import_rows_held on import_rows (centre_id, held_until) where held_until is not null;
grant update on import_rows to waystation_app;

-- What shows only beside other rows of a file is asked of these, whatever the file's length.
create index import_rows_source on import_rows (centre_id, import_id, source_id) where source_id <> '';
create index import_rows_head on import_rows (centre_id, import_id, head_of) where head_of is not null;

-- Whom a run that saves nothing would have registered so far, as far as others are compared with them: later rows may be
-- of the same people. They are deleted when the run ends.
create table import_people (
  centre_id            uuid not null,
  import_id            uuid not null,
  id                   uuid not null,
  line                 int not null,
  search_name          text not null,
  search_keys          text[] not null,
  birth_date           date,
  birth_date_precision text,
  sex                  text not null,
  nationalities        text[] not null,
  household_id         uuid,                 -- of one that is not stored: made from its key
  primary key (centre_id, import_id, id),
  constraint import_people_import_fk foreign key (centre_id, import_id) references imports (centre_id, id)
);
create table import_people_keys (
  centre_id uuid not null,
  import_id uuid not null,
  key       text not null,
  person_id uuid not null,
  primary key (centre_id, import_id, key, person_id),
  constraint import_people_keys_import_fk foreign key (centre_id, import_id) references imports (centre_id, id)
);
select confine('import_people');
create policy search on import_people for select to waystation_search using (true);
select confine('import_people_keys');
create policy search on import_people_keys for select to waystation_search using (true);
grant select, insert, delete on import_people, import_people_keys to waystation_app;
grant select on import_people, import_people_keys to waystation_search;

-- Who of a centre may be one of the people described, the likeliest first, with what speaks for and against each: the
-- registered and, where a run of an import is named, those whom it would have registered. nr is the person's place in the
-- list. rules is the centre's policy on duplicates; a person's own id is left out; most bounds how many are weighed under
-- one key, so that a common name stays quick. Runs as the role of searches.
-- +goose StatementBegin
create function duplicate_candidates(centre uuid, people jsonb, rules jsonb, most int, run uuid)
returns table (nr int, id uuid, reference text, line int, score float8, reasons jsonb) language plpgsql stable security definer
set search_path = pg_catalog, public, pg_temp set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set jit = off as $$
#variable_conflict use_column
declare
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
  with asked as materialized (
    select p.nr, p.self, p.sounds, p.spelled, p.keys, p.born, p.exact, p.gender, p.citizen, p.home,
      exists (select from unnest(p.keys) k where k like 'p:%') as phoned, exists (select from unnest(p.keys) k where k like 'd:%') as papers,
      duplicate_probes(p.keys, p.born, p.exact, p.citizen) as probes
    from rows from (jsonb_to_recordset(people) as (self uuid, sounds text[], spelled text[], keys text[], birth_date date, birth_date_precision text, sex text, nationalities text[], household_id uuid))
      with ordinality p (self, sounds, spelled, keys, born, exact, gender, citizen, home, nr)
  ), block as materialized (
    select a.*, block.* from asked a cross join lateral (
      select found.id, bool_or(probe like 'p:%') as phone, bool_or(probe like 'd:%') as document from unnest(a.probes) probe
      cross join lateral (select k.beneficiary_id as id from beneficiary_keys k where k.centre_id = centre and k.key = probe order by k.beneficiary_id limit most) found
      where found.id is distinct from a.self group by 1) block
  ), rehearsed as materialized (
    select a.*, block.* from asked a cross join lateral (
      select found.id, bool_or(probe like 'p:%') as phone, bool_or(probe like 'd:%') as document from unnest(a.probes) probe
      cross join lateral (select k.person_id as id from import_people_keys k where k.centre_id = centre and k.import_id = run and k.key = probe order by k.person_id limit most) found
      group by 1) block
    where run is not null
  ), met as ( -- each row by its key, whatever is believed of the sizes of tables: hence offset 0
    select k.*, b.* from block k cross join lateral (
      select b.reference, null::int as line, b.search_keys, b.search_name, b.birth_date, b.birth_date_precision, b.sex, b.nationalities, null::uuid as theirs
      from beneficiaries b where b.centre_id = centre and b.id = k.id and b.status = 'active' offset 0) b
    union all
    select k.*, b.* from rehearsed k cross join lateral (
      select '' as reference, b.line, b.search_keys, b.search_name, b.birth_date, b.birth_date_precision, b.sex, b.nationalities, b.household_id
      from import_people b where b.centre_id = centre and b.import_id = run and b.id = k.id offset 0) b
  ), weighed as materialized (
    select b.nr, b.sounds, b.spelled, b.id, b.reference, b.line, b.search_keys, b.search_name,
      birth_agreement(b.born, b.exact, b.birth_date, b.birth_date_precision, near, about) as birth,
      case when b.gender in ('1', '2') and b.sex in ('1', '2') then case when b.gender = b.sex then 0.5 else -1 end end as sex,
      case when cardinality(b.citizen) > 0 and cardinality(b.nationalities) > 0 then case when b.citizen && b.nationalities then 0.5 else -0.5 end end as nationality,
      case when b.phone then 1 when b.phoned and exists (select from unnest(b.search_keys) k where k like 'p:%') then -0.4 end as phone,
      case when b.document then 1 when b.papers and exists (select from unnest(b.search_keys) k where k like 'd:%') then -0.25 end as document,
      case when b.home = b.theirs or b.home is not null and exists (select from household_members m
        where m.centre_id = centre and m.beneficiary_id = b.id and m.household_id = b.home and m.left_on is null) then 1 end as home
    from met b
  ), named as materialized (
    select x.*, name_agreement(sounds, spelled, x.search_keys, x.search_name) as names,
      coalesce(sex * w_sex, 0) + coalesce(nationality * w_nationality, 0) + coalesce(phone * w_phone, 0) + coalesce(document * w_document, 0) + coalesce(home * w_home, 0) as others
    from weighed x
    where coalesce(birth * w_birth, 0) + coalesce(sex * w_sex, 0) + coalesce(nationality * w_nationality, 0) + coalesce(phone * w_phone, 0) + coalesce(document * w_document, 0)
      + coalesce(home * w_home, 0) + w_names >= enough
  ), crowded as ( -- where many share name and age, an age tells nobody apart; a known day does
    select n.nr, n.id, n.reference, n.line, n.names, n.sex, n.nationality, n.phone, n.document, n.home, n.others,
      case when birth > 0 and birth < 1 and phone is distinct from 1 and document is distinct from 1 and home is null
        then birth * least(1, few / greatest(1, count(*) filter (where names > 0.8 and birth > 0 and birth < 1) over (partition by n.nr))) else birth end as birth
    from named n
  ), scored as (
    select c.*, least(1, round((c.others + coalesce(c.birth * w_birth, 0) + coalesce(c.names * w_names, 0))::numeric, 3)::float8) as score from crowded c
  ), ranked as (
    select s.*, row_number() over (partition by s.nr order by s.score desc, s.id) as place from scored s where s.score >= enough
  )
  select s.nr::int, s.id, s.reference, s.line, s.score, (
    select jsonb_agg(jsonb_build_object('evidence', e.name, 'agreement', round(e.agreement::numeric, 3), 'weight', e.weight) order by e.agreement * e.weight desc)
    from (values ('names', s.names, w_names), ('birth_date', s.birth, w_birth), ('sex', s.sex, w_sex), ('nationality', s.nationality, w_nationality),
      ('phone', s.phone, w_phone), ('document', s.document, w_document), ('household', s.home, w_home)) e (name, agreement, weight) where e.agreement is not null)
  from ranked s where s.place <= 20 order by s.nr, s.place;
end $$;
-- +goose StatementEnd
grant create on schema public to waystation_search;
alter function duplicate_candidates owner to waystation_search;
revoke create on schema public from waystation_search;
revoke execute on function duplicate_candidates from public;
grant execute on function duplicate_candidates to waystation_app;

-- What the planner believes of the tables that an import fills. They may be new: believed to be empty they are read whole
-- for each row, and an import does not wait for the database's own round.
-- +goose StatementBegin
create function analyse_imported() returns void language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
begin
  analyze (skip_locked) beneficiaries, beneficiary_keys, consents, households, household_members, specific_needs, visits, import_sources, import_rows, import_people, import_people_keys;
end $$;
-- +goose StatementEnd
revoke execute on function analyse_imported from public;
grant execute on function analyse_imported to waystation_app;

-- +goose Down
drop function duplicate_candidates, analyse_imported;
drop table import_people_keys, import_people;
drop index import_rows_held, import_rows_source;
delete from import_rows where status in ('duplicate', 'linked', 'left_out');
alter table import_rows
  drop constraint import_rows_status_check,
  add constraint import_rows_status_check check (status in ('accepted', 'created', 'unchanged', 'changed', 'skipped', 'rejected')),
  drop column candidates, drop column held, drop column held_until, drop column decision, drop column decided_by, drop column decided_at, drop column head_of;
alter table imports drop column on_duplicate, drop column duplicates, drop column linked, drop column left_out;
revoke update on import_rows from waystation_app;
