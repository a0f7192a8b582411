-- The places of services: how many there are, who holds one until when, and who waits. Like the map it is of the
-- network and about nobody: whose hold it is stands in the centre's own row.
--
-- Whoever gives, takes or waits for a place of a service holds its row of service_capacities first. The order of locks is
-- case, referral, capacity, hold.

-- +goose Up
create table service_capacities (
  id              uuid primary key references services (id), -- the service
  version         bigint not null,
  created_at      timestamptz not null,
  updated_at      timestamptz not null,
  organisation_id uuid not null references organisations (id), -- the provider
  unit            text not null default '',  -- what a place is: a bed, a seat
  maximum         int,                       -- places that there are; null: not published, none is held
  elsewhere       int not null default 0,    -- of them in use by whom nobody referred here
  hold_hours      int not null default 48,   -- how long a place is held at most before somebody comes
  held            int not null default 0,
  taken           int not null default 0,
  waiting         int not null default 0,
  constraint service_capacities_check check (maximum >= 0 and elsewhere >= 0 and hold_hours > 0 and held >= 0 and taken >= 0 and waiting >= 0)
);
alter table service_capacities enable row level security;
alter table service_capacities force row level security;
create policy service_map on service_capacities using (exists (select from services s where s.id = service_capacities.id))
  with check (organisation_id = (select scope_organisation()) or (select scope_trail()->>'actor_kind') is distinct from 'client');
create policy counts on service_capacities to current_user using (true) with check (true);
select track('service_capacities', 'service_capacity');

create table service_holds (
  id              uuid primary key,
  version         bigint not null,
  created_at      timestamptz not null,
  updated_at      timestamptz not null,
  service_id      uuid not null references service_capacities (id),
  organisation_id uuid not null references organisations (id), -- the provider
  party_id        uuid not null references centres (id),       -- whose hold it is
  places          int not null,
  status          text not null,             -- waiting | held | taken | released | expired | no_show
  until_at        timestamptz,               -- held: when the place is free again
  joined_at       timestamptz not null,      -- the order of the line
  promoted_at     timestamptz,               -- when the line brought it a place
  ended_at        timestamptz,
  constraint service_holds_status_check check (status in ('waiting', 'held', 'taken', 'released', 'expired', 'no_show')),
  constraint service_holds_places_check check (places > 0),
  constraint service_holds_until_check check (status <> 'held' or until_at is not null)
);
create index service_holds_line on service_holds (service_id, joined_at, id) where status = 'waiting';
create index service_holds_created on service_holds (service_id, created_at, id);
create index service_holds_due on service_holds (until_at) where status = 'held';
create index service_holds_promoted on service_holds (party_id, promoted_at) where status = 'held' and promoted_at is not null;
alter table service_holds enable row level security;
alter table service_holds force row level security;
create policy party on service_holds using (party_id = any ((select scope_centres())::uuid[]) or (select scope_network()))
  with check (party_id = any ((select scope_centres())::uuid[]) or (select scope_network()));
create policy line on service_holds to current_user using (true) with check (true);
select track('service_holds');

-- For whom a centre holds a place: behind the wall of the case.
create table place_holds (
  centre_id   uuid not null references centres (id),
  id          uuid not null references service_holds (id) deferrable initially deferred, -- its hold; the referral is locked before
  version     bigint not null,
  created_at  timestamptz not null,
  updated_at  timestamptz not null,
  referral_id uuid,
  case_id     uuid,
  created_by  uuid,
  primary key (centre_id, id),
  constraint place_holds_referral_fk foreign key (centre_id, referral_id) references referrals (centre_id, id),
  constraint place_holds_case_fk foreign key (centre_id, case_id) references cases (centre_id, id)
);
create index place_holds_referral on place_holds (centre_id, referral_id) where referral_id is not null;
create index place_holds_case on place_holds (centre_id, case_id) where case_id is not null;
create index place_holds_created on place_holds (centre_id, created_at, id);
select protect('place_holds', append_only => true);
create policy need_to_know on place_holds as restrictive for select using (case_id is null or (select need_to_know_lifted()) or exists (
  select 1 from cases c where c.centre_id = place_holds.centre_id and c.id = place_holds.case_id));

-- +goose StatementBegin
create function places_free(c service_capacities) returns int language sql immutable parallel safe as
$$ select greatest(0, coalesce(c.maximum, 0) - c.elsewhere - c.held - c.taken) $$;

-- How many stand before somebody in the line, and they themselves: a number, of a line that the caller sees only its own of.
create function place_in_line(h service_holds) returns int language sql stable security definer set search_path = public, pg_temp as
$$ select count(*)::int from service_holds o where h.status = 'waiting' and o.service_id = h.service_id and o.status = 'waiting' and (o.joined_at, o.id) <= (h.joined_at, h.id) $$;

-- Tells the centre and the provider. A hold in a restricted file is told to the provider alone.
create function service_hold_tell(h service_holds, what text) returns void language plpgsql as $$
declare
  outside constant text := current_setting('app.centre_ids', true);
  file    uuid;
  quiet   boolean;
begin
  perform set_config('app.centre_ids', h.party_id::text, true);
  select p.case_id, c.sensitivity = 'restricted' into file, quiet from place_holds p left join cases c on c.centre_id = p.centre_id and c.id = p.case_id
    where p.centre_id = h.party_id and p.id = h.id;
  insert into events (centre_id, type, resource, subject_id, version, organisation_id, case_id, data) values (
    case when quiet then '00000000-0000-0000-0000-000000000000' else h.party_id end, 'hold.' || what, 'hold', h.id, h.version, h.organisation_id,
    case when not quiet then file end, jsonb_build_object('service_id', h.service_id, 'status', h.status));
  perform set_config('app.centre_ids', coalesce(outside, ''), true);
end $$;

-- Gives free places to whoever waits first, as long as they suffice for the first.
create function service_promote(service uuid) returns void language plpgsql as $$
declare
  c    service_capacities;
  next service_holds;
begin
  loop
    select * into c from service_capacities where id = service for update;
    select * into next from service_holds where service_id = service and status = 'waiting' order by joined_at, id limit 1;
    exit when not found or places_free(c) < next.places;
    update service_holds set status = 'held', promoted_at = clock_timestamp(), until_at = clock_timestamp() + make_interval(hours => c.hold_hours),
      version = version + 1, updated_at = clock_timestamp() where id = next.id;
  end loop;
end $$;

-- What follows from a hold that changes, whoever changes it: the counts of the service, who comes next, what is told. A place
-- that is not there is given to nobody.
create function service_hold_moved() returns trigger language plpgsql security definer set search_path = public, pg_temp set app.need_to_know = 'lifted' as $$
declare
  c     service_capacities;
  was   constant text := case tg_op when 'UPDATE' then old.status else '' end;
  needs constant int := new.places * ((new.status in ('held', 'taken'))::int - (was in ('held', 'taken'))::int);
begin
  if new.status = was then return null; end if;
  if was in ('released', 'expired', 'no_show') or (was = 'waiting' and new.status in ('taken', 'no_show')) then
    raise exception 'no such move' using errcode = '23514', constraint = 'service_holds_move_check';
  end if;
  select * into c from service_capacities where id = new.service_id for update;
  if needs > places_free(c) then
    raise exception 'no place is free' using errcode = '23514', constraint = 'service_holds_full_check';
  end if;
  update service_capacities set version = version + 1, updated_at = clock_timestamp(),
      held = held + new.places * ((new.status = 'held')::int - (was = 'held')::int),
      taken = taken + new.places * ((new.status = 'taken')::int - (was = 'taken')::int),
      waiting = waiting + new.places * ((new.status = 'waiting')::int - (was = 'waiting')::int)
    where id = new.service_id;
  perform service_hold_tell(new, case when was = 'waiting' and new.status = 'held' then 'promoted' else new.status end);
  if was in ('held', 'taken', 'waiting') and new.status not in ('held', 'taken') then perform service_promote(new.service_id); end if;
  return null;
end $$;
create trigger moved after insert or update on service_holds for each row execute function service_hold_moved();

-- A service has a row for its places from the beginning, and who waits comes on when there are more.
create function service_capacity_changed() returns trigger language plpgsql security definer set search_path = public, pg_temp set app.need_to_know = 'lifted' as $$
begin
  if tg_table_name = 'services' then
    insert into service_capacities (id, version, created_at, updated_at, organisation_id) values (new.id, 1, new.created_at, new.created_at, new.organisation_id);
  else
    perform service_promote(new.id);
  end if;
  return null;
end $$;
create trigger capacity after insert on services for each row execute function service_capacity_changed();
create trigger places after update on service_capacities for each row
  when ((new.maximum, new.elsewhere) is distinct from (old.maximum, old.elsewhere)) execute function service_capacity_changed();

-- A place goes with the referral that it is held for: it waits for the receiver's decision, then for the person, is taken when
-- the service begins, and is free when the referral ends, whoever ends it.
create function referral_place() returns trigger language plpgsql security definer set search_path = public, pg_temp set app.need_to_know = 'lifted' as $$
declare
  outside constant text := current_setting('app.centre_ids', true);
  ended   constant text := case when not referral_ended(new.status) then null when new.not_delivered_reason = 'person_did_not_attend' then 'no_show' else 'released' end;
  h       service_holds;
begin
  perform set_config('app.centre_ids', new.centre_id::text, true);
  for h in select s.* from place_holds p join service_holds s on s.id = p.id
      where p.centre_id = new.centre_id and p.referral_id = new.id and s.status in ('waiting', 'held', 'taken') order by s.service_id, s.id loop
    perform from service_capacities where id = h.service_id for update;
    update service_holds set version = version + 1, updated_at = clock_timestamp(),
        status = case when ended is not null then case status when 'held' then ended else 'released' end
          when new.status = 'in_progress' and status = 'held' then 'taken' else status end,
        until_at = case when ended is not null or new.status = 'in_progress' or status <> 'held' then null
          when new.status = 'sent' then greatest(until_at, new.decision_due_at)
          when new.status = 'accepted' then greatest(until_at, coalesce(new.appointment_at + interval '1 day', new.feedback_due_at))
          else until_at end,
        ended_at = case when ended is not null then clock_timestamp() end
      where id = h.id and status in ('waiting', 'held', 'taken');
  end loop;
  perform set_config('app.centre_ids', coalesce(outside, ''), true);
  return null;
end $$;
create trigger place after update on referrals for each row when (new.status is distinct from old.status) execute function referral_place();
-- +goose StatementEnd
revoke execute on function service_hold_tell(service_holds, text), service_promote(uuid) from public;

insert into service_capacities (id, version, created_at, updated_at, organisation_id) select id, 1, created_at, created_at, organisation_id from services;

-- A centre's holds, with how they stand.
create view holds with (security_invoker) as
  select p.centre_id, p.id, s.version, s.created_at, s.updated_at, s.service_id, s.organisation_id, p.referral_id, p.case_id, p.created_by, s.places, s.status,
    s.until_at, s.joined_at, s.promoted_at, s.ended_at, nullif(place_in_line(s), 0) as position
  from place_holds p join service_holds s on s.id = p.id;
grant select on holds to waystation_app;

-- The holds on a provider's services, for its own systems: how many and until when, not whose.
create view provider_holds with (security_barrier) as
  select id, version, created_at, updated_at, service_id, places, status, until_at, joined_at, promoted_at, ended_at, nullif(place_in_line(h), 0) as position
  from service_holds h where organisation_id = (select scope_organisation()) and (select scope_trail()->>'actor_kind') = 'client';
grant select on provider_holds to waystation_app;
grant update (version, updated_at, status, until_at, ended_at) on provider_holds to waystation_app;

-- +goose Down
drop view provider_holds, holds;
drop trigger place on referrals;
drop trigger capacity on services;
drop trigger moved on service_holds;
drop trigger places on service_capacities;
drop function referral_place, service_capacity_changed, service_hold_moved, service_promote, service_hold_tell, place_in_line, places_free;
drop table place_holds, service_holds, service_capacities;
