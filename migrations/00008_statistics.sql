-- Statistics: counts kept by the transactions that change the facts, and what was published of them.
-- Whoever works as waystation_stats reads counts and publications over all centres, and nothing else.

-- +goose Up
-- Age in full years at the event, in the groups of the scheme unhcr of the code list age_group.
-- A birth after the event is an error of entry, not an age.
-- +goose StatementBegin
create function stat_age_group(birth date, event date) returns text language sql immutable parallel safe as $$
  select case
    when birth is null or event is null or birth > event then 'unknown'
    when years < 5 then 'unhcr_0_4'
    when years < 12 then 'unhcr_5_11'
    when years < 18 then 'unhcr_12_17'
    when years < 60 then 'unhcr_18_59'
    else 'unhcr_60p' end
  from (select extract(year from age(event::timestamp, birth::timestamp)) as years) a
$$;
-- The month of an event. Dates of events are calendar dates of the centre: its time zone was applied when they were
-- recorded, so the session's must not be.
create function stat_month(event date) returns date language sql immutable parallel safe as
$$ select event - (extract(day from event)::int - 1) $$;
-- +goose StatementEnd

-- What statistics know of a centre.
create table stat_centres (
  centre_id uuid primary key references centres (id),
  country   text not null,                   -- ISO 3166-1 alpha-3
  pcode     text not null
);

-- Persons by month of registration. The figure is the sum over three tables: what was compacted, and the changes
-- since, one row per statement and cell, so that parallel registrations never wait for each other.
create table stat_registrations (
  centre_id       uuid not null references centres (id),
  month           date not null,
  sex             text not null,
  age_group       text not null,             -- at registration
  nationality     text not null,             -- the main one; 'unknown' where there is none
  population_type text not null,
  n               bigint not null,
  primary key (centre_id, month, sex, age_group, nationality, population_type)
);
create table stat_registration_deltas (
  id              bigint generated always as identity primary key,
  centre_id       uuid not null,
  month           date not null,
  sex             text not null,
  age_group       text not null,
  nationality     text not null,
  population_type text not null,
  n               bigint not null
);
create index stat_registration_deltas_centre on stat_registration_deltas (centre_id, month);

-- Figures whose persons were erased: part of the counts above, no longer to be found among the persons.
create table stat_registrations_kept (
  id              bigint generated always as identity primary key,
  centre_id       uuid not null references centres (id),
  month           date not null,
  sex             text not null,
  age_group       text not null,
  nationality     text not null,
  population_type text not null,
  n               bigint not null
);
create index stat_registrations_kept_centre on stat_registrations_kept (centre_id, month);

-- The nightly proof that counts equal a recount of the persons.
create table stat_recounts (
  centre_id  uuid not null references centres (id),
  id         uuid not null,
  counted_at timestamptz not null default clock_timestamp(),
  persons    bigint not null,                -- counted anew
  drift      jsonb not null,                 -- cells that differ, with both numbers; [] where none does
  primary key (centre_id, id)
);

-- +goose StatementBegin
-- An erasure calls this in its transaction: whatever it then does to persons, the figures stay.
create function keep_figures() returns void language sql as
$$ select set_config('app.keep_figures', 'on', true) $$;

create function stat_count_registrations() returns trigger language plpgsql as $$
declare kept boolean := coalesce(current_setting('app.keep_figures', true), '') = 'on';
begin
  if tg_op = 'INSERT' then
    insert into stat_registration_deltas (centre_id, month, sex, age_group, nationality, population_type, n)
      select centre_id, stat_month(registered_on), sex, stat_age_group(birth_date, registered_on),
             coalesce(nationalities[1], 'unknown'), population_type, count(*)
        from added where status = 'active' group by 1, 2, 3, 4, 5, 6;
  elsif kept then
    insert into stat_registrations_kept (centre_id, month, sex, age_group, nationality, population_type, n)
      select centre_id, stat_month(registered_on), sex, stat_age_group(birth_date, registered_on),
             coalesce(nationalities[1], 'unknown'), population_type, count(*)
        from removed where status = 'active' group by 1, 2, 3, 4, 5, 6;
  else
    insert into stat_registration_deltas (centre_id, month, sex, age_group, nationality, population_type, n)
      select centre_id, stat_month(registered_on), sex, stat_age_group(birth_date, registered_on),
             coalesce(nationalities[1], 'unknown'), population_type, -count(*)
        from removed where status = 'active' group by 1, 2, 3, 4, 5, 6;
  end if;
  return null;
end $$;

create function stat_move_registration() returns trigger language plpgsql as $$
begin
  if coalesce(current_setting('app.keep_figures', true), '') = 'on' then
    insert into stat_registrations_kept (centre_id, month, sex, age_group, nationality, population_type, n)
      select new.centre_id, stat_month(event), sex, stat_age_group(birth, event), coalesce(nationality, 'unknown'), population, n
        from (values (old.registered_on, old.sex, old.birth_date, old.nationalities[1], old.population_type, old.status, 1),
                     (new.registered_on, new.sex, new.birth_date, new.nationalities[1], new.population_type, new.status, -1))
          change (event, sex, birth, nationality, population, status, n) where status = 'active';
  else
    insert into stat_registration_deltas (centre_id, month, sex, age_group, nationality, population_type, n)
      select new.centre_id, stat_month(event), sex, stat_age_group(birth, event), coalesce(nationality, 'unknown'), population, n
        from (values (old.registered_on, old.sex, old.birth_date, old.nationalities[1], old.population_type, old.status, -1),
                     (new.registered_on, new.sex, new.birth_date, new.nationalities[1], new.population_type, new.status, 1))
          change (event, sex, birth, nationality, population, status, n) where status = 'active';
  end if;
  return null;
end $$;

create function stat_know_centre() returns trigger language plpgsql as $$
begin
  insert into stat_centres (centre_id, country, pcode) values (new.id, new.country, new.pcode)
    on conflict (centre_id) do update set country = excluded.country, pcode = excluded.pcode;
  return null;
end $$;
-- +goose StatementEnd

create trigger stat_insert after insert on beneficiaries referencing new table as added
  for each statement execute function stat_count_registrations();
create trigger stat_delete after delete on beneficiaries referencing old table as removed
  for each statement execute function stat_count_registrations();
create trigger stat_update after update on beneficiaries for each row
  when ((old.registered_on, old.sex, old.birth_date, old.nationalities[1], old.population_type, old.status)
    is distinct from (new.registered_on, new.sex, new.birth_date, new.nationalities[1], new.population_type, new.status))
  execute function stat_move_registration();
create trigger stat_centre after insert or update of country, pcode on centres
  for each row execute function stat_know_centre();

-- What was there before: the owner, too, is subject to row-level security.
select set_config('app.network', 'on', true);
select set_config('app.centre_ids', (select coalesce(string_agg(id::text, ','), '') from centres), true);
insert into stat_centres (centre_id, country, pcode) select id, country, pcode from centres;
insert into stat_registrations (centre_id, month, sex, age_group, nationality, population_type, n)
  select centre_id, stat_month(registered_on), sex, stat_age_group(birth_date, registered_on),
         coalesce(nationalities[1], 'unknown'), population_type, count(*)
    from beneficiaries where status = 'active' group by 1, 2, 3, 4, 5, 6;

-- The app sees the counts of the centres in scope; the statistics role those of all.
-- +goose StatementBegin
do $$
declare t text;
begin
  foreach t in array array['stat_centres', 'stat_registrations', 'stat_registration_deltas', 'stat_registrations_kept', 'stat_recounts'] loop
    execute format('alter table %I enable row level security', t);
    execute format('alter table %I force row level security', t);
    execute format('create policy tenant on %I to waystation_app using (centre_id = any ((select scope_centres())::uuid[]) %s)
      with check (centre_id = any ((select scope_centres())::uuid[]) %s)', t,
      case t when 'stat_centres' then 'or (select scope_network())' else '' end, case t when 'stat_centres' then 'or (select scope_network())' else '' end);
    execute format('grant select, insert, update, delete on %I to waystation_app', t);
  end loop;
  foreach t in array array['stat_centres', 'stat_registrations', 'stat_registration_deltas'] loop
    execute format('create policy figures on %I for select to waystation_stats using (true)', t);
    execute format('grant select on %I to waystation_stats', t);
  end loop;
end $$;
-- +goose StatementEnd

-- What each audience may see: the defaults of handbook 9.6, to be changed with the agreements. A change counts for
-- blocks that are published after it. Internal hides nothing: row-level security is its limit.
create table statistics_profiles (
  audience             text primary key,
  organisation_types   text[] not null default '{}', -- whose clients it is for; others are partners
  released             boolean not null,             -- whether anything is released to it
  min_cell             int not null,
  min_cell_restricted  int not null,
  under_age_min_cell   int not null,
  protection           int not null default 0,
  hide_sensitive_zeros boolean not null default false,
  rounding_base        int not null default 0,
  rounding_key         bytea not null default uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()),
  max_dimensions       int not null,                 -- 0: any
  embargo_days         int not null,                 -- a month is released this long after its end
  constraint statistics_profiles_cell_check check (min_cell >= 1 and min_cell_restricted >= 1 and under_age_min_cell >= 1),
  constraint statistics_profiles_range_check check (protection >= 0 and rounding_base >= 0 and max_dimensions >= 0 and embargo_days >= 0),
  constraint statistics_profiles_internal_check check (audience <> 'internal' or (min_cell = 1 and max_dimensions = 0))
);
insert into statistics_profiles
  (audience, organisation_types, released, min_cell, min_cell_restricted, under_age_min_cell, protection, hide_sensitive_zeros, rounding_base, max_dimensions, embargo_days) values
  ('internal',   '{}',           true,   1,  1,  1, 0, false, 0, 0, 0),
  ('government', '{government}', true,   5, 10, 10, 2, false, 0, 4, 30),
  ('partner',    '{}',           true,   5, 10, 10, 2, false, 0, 4, 30),
  ('public',     '{}',           false, 10, 10, 10, 5, true,  5, 3, 30);
grant select on statistics_profiles to waystation_stats;

-- Frozen tables. A row is never changed: what is released later, or revised, is the next number.
create table statistics_publications (
  id           uuid primary key,
  cube         text not null,
  cube_version int not null,
  audience     text not null references statistics_profiles (audience),
  country      text not null,
  year         int not null,
  number       int not null,
  kind         text not null,
  released_to  date not null,                -- first day of the last month in it
  published_at timestamptz not null,
  profile      jsonb not null,               -- as it was applied
  facts        jsonb not null,               -- the counts it was made of: never for outsiders
  hidden       jsonb not null,               -- the cells it does not show
  constraint statistics_publications_number_key unique (cube, cube_version, audience, country, year, number),
  constraint statistics_publications_kind_check check (kind in ('first', 'extension', 'revision'))
);
-- Revisions that would tell, beside what is published, of single persons. They wait for more changes.
create table statistics_holds (
  id           uuid primary key,
  cube         text not null,
  cube_version int not null,
  audience     text not null,
  country      text not null,
  year         int not null,
  held_at      timestamptz not null,
  findings     int not null,                 -- cells that would have been given away
  constraint statistics_holds_block_key unique (cube, cube_version, audience, country, year)
);
-- +goose StatementBegin
do $$
declare t text;
begin
  foreach t in array array['statistics_publications', 'statistics_holds'] loop
    execute format('alter table %I enable row level security', t);
    execute format('alter table %I force row level security', t);
    execute format('create policy publisher on %I to waystation_app using ((select scope_network())) with check ((select scope_network()))', t);
    execute format('create policy figures on %I for select to waystation_stats using (true)', t);
    execute format('grant select on %I to waystation_stats', t);
  end loop;
end $$;
-- +goose StatementEnd
select track('statistics_publications', null, array['facts', 'hidden', 'profile'], append_only => true);
select track('statistics_holds');

-- +goose Down
drop trigger stat_centre on centres;
drop trigger stat_update on beneficiaries;
drop trigger stat_delete on beneficiaries;
drop trigger stat_insert on beneficiaries;
drop table statistics_holds, statistics_publications, statistics_profiles, stat_recounts, stat_registrations_kept,
  stat_registration_deltas, stat_registrations, stat_centres;
drop function stat_know_centre, stat_move_registration, stat_count_registrations, keep_figures, stat_month, stat_age_group;
