-- The service map: who offers what, where and when, and when somebody last made sure of it. It belongs to
-- the network; nothing in it is about a person.

-- +goose Up

-- Where providers work. The place of a confidential site is known to its provider and the network's operators
-- alone: nothing searches by it, and the trail does not keep it.
create table service_locations (
  id              uuid primary key,
  version         bigint not null,
  created_at      timestamptz not null,
  updated_at      timestamptz not null,
  organisation_id uuid not null,             -- the provider
  confidential    boolean not null,
  admin1_pcode    text not null,             -- OCHA P-code, opaque; all that is told of a confidential site
  name            text not null,
  address         text not null default '',
  pcode           text not null default '',  -- of the place, finer than admin 1
  latitude        double precision,          -- WGS 84
  longitude       double precision,
  time_zone       text not null,
  areas           text[] not null default '{}', -- P-codes of the areas that it lies in; of a confidential one, its region and above
  retired_at      timestamptz,               -- nothing is offered here any more
  constraint service_locations_organisation_fk foreign key (organisation_id) references organisations (id),
  constraint service_locations_coordinates_check check ((latitude is null) = (longitude is null)
    and latitude between -90 and 90 and longitude between -180 and 180)
);
create index service_locations_organisation on service_locations (organisation_id, created_at, id);
create index service_locations_place on service_locations (latitude, longitude) where not confidential;
create index service_locations_areas on service_locations using gin (areas);
alter table service_locations enable row level security;
alter table service_locations force row level security;
create policy service_map on service_locations using (true)
  with check (organisation_id = (select scope_organisation()) or (select scope_trail()->>'actor_kind') is distinct from 'client');
select track('service_locations', 'service_location', array['name', 'address', 'pcode', 'latitude', 'longitude', 'areas']);

-- The locations that the sites of a service name.
-- +goose StatementBegin
create function locations_of_sites(sites jsonb) returns uuid[] language sql immutable parallel safe as
$$ select coalesce(array_agg((site->>'location_id')::uuid), '{}') from jsonb_array_elements(sites) site $$;
-- +goose StatementEnd

create table services (
  id                   uuid primary key,
  version              bigint not null,
  created_at           timestamptz not null,
  updated_at           timestamptz not null,
  organisation_id      uuid not null,                -- the provider
  name                 text not null,
  type                 text not null,                -- code list service_type
  mhpss_activity       text not null default '',     -- code list mhpss_activity_type (IASC 4Ws)
  description          text not null default '',
  languages            text[] not null default '{}', -- BCP 47
  cost                 text not null default '',     -- in words; empty: not known
  status               text not null,                -- code list service_status_hsds
  public               boolean not null,             -- whether the systems of other organisations see it
  sexes                text[] not null default '{}', -- empty: any
  minimum_age          int,                          -- years, inclusive
  maximum_age          int,                          -- years, inclusive
  population_types     text[] not null default '{}', -- empty: any
  nationalities        text[] not null default '{}', -- empty: any
  coverage_pcodes      text[] not null default '{}', -- OCHA P-codes, opaque
  referral_methods     text[] not null,              -- code list service_map_referral_method
  external_code        text not null default '',     -- the provider's own name for it, by which files are matched
  migration_statuses   text[] not null default '{}', -- code list migration_status; empty: any
  specific_needs       text[] not null default '{}', -- code list specific_need_unhcr; empty: for everybody
  intake_criteria      text not null default '',     -- in words, beside the rules above
  registration_required boolean not null default false, -- with an authority or an agency, before one comes
  documents_required   text[] not null default '{}', -- code list document_type
  interpretation       text not null default '',     -- in words
  access_modes         text[] not null default '{}', -- walk_in | appointment | outreach | referral_only
  accessibility        text not null default '',     -- to people with disabilities, in words
  coverage_extent      text not null default '',     -- code list service_map_coverage
  availability         text not null default '',     -- code list service_map_availability
  next_step            text not null default '',     -- what follows a referral at once
  feedback_channel     text not null default '',     -- code list referral_channel
  feedback_days        int,                          -- after which the provider tells how it went
  funding_ends_on      date,
  source               text not null default '',     -- where the entry comes from
  contact_office       text not null default '',     -- a function, never a name
  contact_email        text not null default '',
  contact_phone        text not null default '',
  acknowledge_hours    int,                          -- as the provider publishes it
  decision_hours       int,
  sites                jsonb not null default '[]',  -- [{location_id, hours: [{weekday, opens_at, closes_at, frequency, interval, ordinal, starts_on, ends_on}], exceptions: [{on, opens_at, closes_at}]}]
  location_ids         uuid[] not null generated always as (locations_of_sites(sites)) stored,
  verified_at          timestamptz not null,
  verified_by          uuid,
  verification_note    text not null default '',
  next_verification_due_on date not null,                -- stale from the day after
  constraint services_organisation_fk foreign key (organisation_id) references organisations (id),
  constraint services_name_key unique (organisation_id, name),
  constraint services_age_check check (minimum_age <= maximum_age)
);
create index services_name on services (name, id);
create index services_type on services (type);
create index services_due on services (next_verification_due_on, id);
create unique index services_external_key on services (organisation_id, external_code) where external_code <> '';
alter table services enable row level security;
alter table services force row level security;
create policy service_map on services
  using (public or organisation_id = (select scope_organisation()) or (select scope_trail()->>'actor_kind') is distinct from 'client')
  with check (organisation_id = (select scope_organisation()) or (select scope_trail()->>'actor_kind') is distinct from 'client');
select track('services', 'service');

-- Where services are given and what they cover, for searches by place: under row-level security an index on arrays lies idle,
-- because their operators are not leakproof. Derived; ids and codes alone.
create table service_sites (
  service_id  uuid not null references services (id) on delete cascade,
  location_id uuid not null references service_locations (id),
  id          uuid not null default gen_random_uuid() unique, -- of the service at this location, as HSDS names it
  primary key (location_id, service_id)
);
create table service_coverage (
  service_id uuid not null references services (id) on delete cascade,
  pcode      text not null,
  primary key (pcode, service_id)
);
create index service_sites_service on service_sites (service_id);
create index service_coverage_service on service_coverage (service_id);
grant select, insert, delete on service_sites, service_coverage to waystation_app;

-- +goose StatementBegin
create function service_reached() returns trigger language plpgsql as $$
begin
  if tg_op = 'UPDATE' then
    delete from service_sites where service_id = new.id and location_id <> all (new.location_ids);
    delete from service_coverage where service_id = new.id and pcode <> all (new.coverage_pcodes);
  end if;
  insert into service_sites (service_id, location_id) select new.id, l from unnest(new.location_ids) l on conflict do nothing;
  insert into service_coverage (service_id, pcode) select new.id, p from unnest(new.coverage_pcodes) p on conflict do nothing;
  return null;
end $$;
-- +goose StatementEnd
create trigger reach after insert or update on services for each row execute function service_reached();

-- Who changed what of a service, by the names of its fields.
create table service_changes (
  id         uuid primary key default gen_random_uuid(),
  service_id uuid not null references services (id),
  version    bigint not null,
  at         timestamptz not null default clock_timestamp(),
  actor_id   uuid default scope_actor(),
  actor_kind text not null default coalesce(scope_trail()->>'actor_kind', 'system'),
  action     text not null,                  -- created | updated | verified
  fields     text[] not null,
  note       text not null default ''
);
create index service_changes_version on service_changes (service_id, version, id);
alter table service_changes enable row level security;
alter table service_changes force row level security;
create policy service_map on service_changes using (exists (select from services s where s.id = service_id)) with check (true);
grant select, insert on service_changes to waystation_app;

-- +goose StatementBegin
create function service_changed() returns trigger language plpgsql as $$
declare
  changed text[] := '{}';
  done    text := 'created';
begin
  if tg_op = 'UPDATE' then
    changed := array(select f from unnest(akeys(hstore(new) - hstore(old))) f where f not in ('version', 'updated_at', 'location_ids') order by f);
    if changed = '{}' then return null; end if;
    done := case when 'verified_at' = any (changed) then 'verified' else 'updated' end;
  end if;
  insert into service_changes (service_id, version, action, fields, note)
    values (new.id, new.version, done, changed, case done when 'verified' then new.verification_note else '' end);
  return null;
end $$;
-- +goose StatementEnd
create trigger history after insert or update on services for each row execute function service_changed();

-- Each verification that was asked for before its day and each lapse that was told of, so that either is told once.
create table service_reminders (
  service_id uuid not null references services (id),
  due_on     date not null,
  type       text not null,                  -- service.verification_due | service.stale
  told_at    timestamptz not null default clock_timestamp(),
  primary key (service_id, due_on, type)
);
grant select, insert on service_reminders to waystation_app;

-- +goose StatementBegin
-- Great-circle distance in kilometres, on the mean radius of the earth.
create function distance_km(lat1 double precision, lon1 double precision, lat2 double precision, lon2 double precision)
  returns double precision language sql immutable strict parallel safe as
$$ select 2 * 6371.0088 * asin(sqrt(least(1, power(sin(radians(lat2 - lat1) / 2), 2)
    + cos(radians(lat1)) * cos(radians(lat2)) * power(sin(radians(lon2 - lon1) / 2), 2)))) $$;

-- Whether hours recur on a day, as iCalendar says it: FREQ, INTERVAL counted from DTSTART, BYDAY with the ordinal of a monthly
-- rule (-1: the last of the month), UNTIL.
create function hours_recur(h jsonb, day date) returns boolean language sql immutable parallel safe as $$
  select h->>'weekday' = (array['MO', 'TU', 'WE', 'TH', 'FR', 'SA', 'SU'])[extract(isodow from day)::int]
    and day >= coalesce((h->>'starts_on')::date, day) and day <= coalesce((h->>'ends_on')::date, day)
    and case coalesce(h->>'frequency', 'WEEKLY')
      when 'MONTHLY' then case (h->>'ordinal')::int when -1 then extract(month from day + 7) <> extract(month from day)
          else (extract(day from day)::int + 6) / 7 = (h->>'ordinal')::int end
        and ((extract(year from day) * 12 + extract(month from day))::int
          - (extract(year from coalesce((h->>'starts_on')::date, day)) * 12 + extract(month from coalesce((h->>'starts_on')::date, day)))::int) % coalesce((h->>'interval')::int, 1) = 0
      else (date_trunc('week', day)::date - date_trunc('week', coalesce((h->>'starts_on')::date, day))::date) / 7 % coalesce((h->>'interval')::int, 1) = 0 end
$$;

-- The hours of a site on one day: those of a date that is an exception, else those that recur on it. An
-- exception without hours is a day on which nobody opens.
create function site_hours(site jsonb, day date) returns table (opens time, closes time) language sql stable parallel safe as $$
  select (h->>'opens_at')::time, (h->>'closes_at')::time from jsonb_array_elements(site->'exceptions') h
    where (h->>'on')::date = day and h ? 'opens_at'
  union all
  select (h->>'opens_at')::time, (h->>'closes_at')::time from jsonb_array_elements(site->'hours') h
    where hours_recur(h, day) and not exists (select from jsonb_array_elements(site->'exceptions') e where (e->>'on')::date = day)
$$;

-- Whether any site, but retired ones, is open at an instant, each by its own clock. Hours that close when they open or before
-- run past midnight.
create function sites_open_at(sites jsonb, instant timestamptz) returns boolean language sql stable parallel safe as $$
  select exists (
    select from jsonb_array_elements(sites) site
    join service_locations l on l.id = (site->>'location_id')::uuid and l.retired_at is null,
    lateral (select instant at time zone l.time_zone as clock) here
    where exists (select from site_hours(site, here.clock::date) h where h.opens <= here.clock::time and (here.clock::time < h.closes or h.closes <= h.opens))
      or exists (select from site_hours(site, here.clock::date - 1) h where h.closes <= h.opens and here.clock::time < h.closes))
$$;
-- +goose StatementEnd

-- +goose Down
drop function sites_open_at, site_hours, hours_recur, distance_km;
drop table service_reminders, service_changes, service_sites, service_coverage, services, service_locations;
drop function service_changed, service_reached, locations_of_sites;
