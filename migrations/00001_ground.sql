-- The ground every other table stands on: roles, the scope of a transaction, the audit
-- trail, the change feed and stored answers of repeated requests.

-- +goose Up
create extension if not exists pg_trgm;
create extension if not exists btree_gin;
create extension if not exists btree_gist;
create extension if not exists fuzzystrmatch;
create extension if not exists unaccent;
create extension if not exists hstore;

-- Roles belong to the whole server; another database of it may have made them already.
-- +goose StatementBegin
do $$
declare r text;
begin
  foreach r in array array['waystation_app', 'waystation_stats'] loop
    begin
      execute format('create role %I nologin noinherit', r);
    exception when duplicate_object or unique_violation then null;
    end;
    begin
      execute format('grant %I to current_user', r);
    exception when unique_violation or internal_error then null; -- two migrations of one server at once
    end;
  end loop;
end $$;
-- +goose StatementEnd
grant usage on schema public to waystation_app, waystation_stats;

-- The scope, as `set local app.…` carries it. An empty setting is null: nothing is in reach.
-- +goose StatementBegin
create function scope_centres() returns uuid[] language sql stable parallel safe as
$$ select string_to_array(nullif(current_setting('app.centre_ids', true), ''), ',')::uuid[] $$;
create function scope_actor() returns uuid language sql stable parallel safe as
$$ select nullif(current_setting('app.actor_id', true), '')::uuid $$;
create function scope_organisation() returns uuid language sql stable parallel safe as
$$ select nullif(current_setting('app.organisation_id', true), '')::uuid $$;
create function scope_network() returns boolean language sql stable parallel safe as
$$ select coalesce(current_setting('app.network', true), '') = 'on' $$;
create function scope_trail() returns jsonb language sql stable parallel safe as
$$ select coalesce(nullif(current_setting('app.trail', true), ''), '{}')::jsonb $$;
-- +goose StatementEnd

-- Transaction ids order what is written here. They begin anew in another cluster, as after a dump
-- and restore, so every row carries the epoch that it was written in.
create table epochs (
  epoch    int primary key,
  cluster  bigint not null,                  -- PostgreSQL's system identifier
  began_at timestamptz not null default clock_timestamp()
);
grant select on epochs to waystation_app;
create function current_epoch() returns int language sql stable as $$ select max(epoch) from epochs $$;

-- The trail. Only inserts and reads are granted; what was written stays as it was written.
-- Rows of network tables carry the zero centre.
create table audit_events (
  centre_id   uuid not null default '00000000-0000-0000-0000-000000000000',
  id          bigint generated always as identity,
  epoch       int not null,
  xid         xid8 not null default pg_current_xact_id(),
  at          timestamptz not null default clock_timestamp(),
  actor_id    uuid default scope_actor(),
  actor_kind  text not null default coalesce(scope_trail()->>'actor_kind', 'system'),
  organisation_id uuid default scope_organisation(),
  operation   text not null default coalesce(scope_trail()->>'operation', ''),
  request_id  text not null default coalesce(scope_trail()->>'request_id', ''),
  purpose     text not null default coalesce(scope_trail()->>'purpose', ''),
  action      text not null,
  resource    text not null,
  subject_ids uuid[] not null default '{}',
  before      jsonb,
  after       jsonb,
  redacted_at timestamptz,                   -- the values were erased, the names of the fields stay
  primary key (centre_id, id)
);
create index audit_events_commit_order on audit_events (centre_id, epoch, xid, id);
create index audit_events_at on audit_events using brin (at) with (autosummarize = on);
alter table audit_events enable row level security;
alter table audit_events force row level security;
create policy audit_events_read on audit_events for select using (
  centre_id = any ((select scope_centres() || '00000000-0000-0000-0000-000000000000'::uuid)::uuid[])
  and (centre_id <> '00000000-0000-0000-0000-000000000000' or resource = 'organisations' or (select scope_network())));
create policy audit_events_write on audit_events for insert with check (true);
create policy audit_events_redact on audit_events for update using (centre_id = any ((select scope_centres())::uuid[])); -- for redact_trail alone
grant select, insert on audit_events to waystation_app;

-- The seal of the trail: each centre's rows chained in commit order. The values of a row go into
-- its hash through a digest of their own, salted, so that erasing values and salt leaves the chain whole.
create table audit_seals (
  centre_id   uuid not null,
  seq         bigint not null,
  epoch       int not null,
  xid         xid8 not null,
  event_id    bigint not null,
  salt        bytea,
  values_hash bytea,
  hash        bytea not null,
  sealed_at   timestamptz not null default clock_timestamp(),
  primary key (centre_id, seq),
  constraint audit_seals_event_key unique (centre_id, event_id)
);
create table audit_checkpoints (
  centre_id uuid not null,
  seq       bigint not null,
  hash      bytea not null,
  key_id    text not null,
  signature bytea not null,
  signed_at timestamptz not null,
  primary key (centre_id, seq)
);
-- Which rows of the trail concern whom; kept up by the sealer, off the path of requests.
create table audit_subjects (
  centre_id  uuid not null,
  subject_id uuid not null,
  event_id   bigint not null,
  primary key (centre_id, subject_id, event_id)
);

-- The change feed. One row per change of a resource, numbered by transaction, so that a reader
-- who stays below the oldest running transaction never skips a late commit.
create table events (
  centre_id       uuid not null,
  epoch           int not null,
  xid             xid8 not null default pg_current_xact_id(),
  id              bigint generated always as identity,
  at              timestamptz not null default clock_timestamp(),
  type            text not null,
  resource        text not null,
  subject_id      uuid not null,
  version         bigint,
  organisation_id uuid,          -- a partner that may see this event too
  case_id         uuid,          -- of something that belongs to a case: its wall is the event's
  data            jsonb not null default '{}',  -- ids and codes only, never personal data
  primary key (centre_id, epoch, xid, id)
);
create index events_organisation on events (organisation_id, epoch, xid, id) where organisation_id is not null;

-- Begins a new epoch where this is another cluster than before. The epoch of new rows is a
-- default of the tables: it costs nothing to write.
-- +goose StatementBegin
create function begin_epoch() returns void language plpgsql as $$
declare
  here constant bigint := (select system_identifier from pg_control_system());
  next constant int := coalesce(current_epoch(), 0) + 1;
begin
  if exists (select from epochs where epoch = next - 1 and cluster = here) then return; end if;
  insert into epochs (epoch, cluster) values (next, here);
  execute format('alter table audit_events alter column epoch set default %s', next);
  execute format('alter table events alter column epoch set default %s', next);
end $$;

-- The rows of the trail that concern somebody or something: those that are sealed by index, and
-- behind the last seal of each centre the few that are not. Planned for what stands there each time:
-- a general plan would read the whole trail for those few.
create function trail_of(subject uuid) returns setof bigint language plpgsql stable rows 50 set plan_cache_mode = force_custom_plan as $$
declare
  centre uuid;
  last   audit_seals;
begin
  return query select event_id from audit_subjects where subject_id = subject;
  foreach centre in array scope_centres() || '00000000-0000-0000-0000-000000000000'::uuid loop
    select * into last from audit_seals s where s.centre_id = centre order by s.seq desc limit 1;
    return query select e.id from audit_events e where e.centre_id = centre and e.epoch > coalesce(last.epoch, 0) and subject = any (e.subject_ids);
    return query select e.id from audit_events e where e.centre_id = centre and e.epoch = last.epoch and e.xid >= last.xid
      and (e.xid, e.id) > (last.xid, last.event_id) and subject = any (e.subject_ids);
  end loop;
end $$;

-- Erasure of personal data in the trail: that something was done, by whom and to which fields,
-- stays; the values go. It is itself a line of the trail.
create function redact_trail(centre uuid, subjects uuid[]) returns bigint language plpgsql security definer set search_path = public, pg_temp as $$
declare
  lines bigint[];
begin
  if centre <> all (scope_centres()) then
    raise exception 'outside the scope' using errcode = 'insufficient_privilege';
  end if;
  perform pg_advisory_xact_lock(hashtextextended('waystation seal ' || centre, 0)); -- not while the sealer reads the values
  with redacted as (
    update audit_events set redacted_at = clock_timestamp(),
      before = (select jsonb_object_agg(k, null) from jsonb_object_keys(before) k),
      after = (select jsonb_object_agg(k, null) from jsonb_object_keys(after) k)
    where centre_id = centre and redacted_at is null and coalesce(before, after) is not null and subject_ids[1] = any (subjects)
      and id in (select trail_of(s) from unnest(subjects) s)
    returning id)
  select coalesce(array_agg(id), '{}') into lines from redacted;
  update audit_seals set salt = null where centre_id = centre and event_id = any (lines);
  insert into audit_events (centre_id, action, resource, subject_ids) values (centre, 'redact', 'audit_events', subjects);
  return cardinality(lines);
end $$;
-- +goose StatementEnd
revoke execute on function begin_epoch(), redact_trail(uuid, uuid[]) from public;
grant execute on function redact_trail(uuid, uuid[]) to waystation_app;
select begin_epoch();

-- Tenancy for one table, in one line: forced row-level security, grants, the trail and, when
-- `feed` names the resource, the change feed. `hide` lists columns that the trail must not keep.
-- +goose StatementBegin
create function protect(t regclass, feed text default null, hide text[] default '{}', append_only boolean default false) returns void language plpgsql as $$
begin
  perform confine(t);
  perform track(t, feed, hide, append_only);
end $$;

-- A tenant table that leaves no trail: what is derived, or tells nothing by itself.
create function confine(t regclass) returns void language plpgsql as $$
begin
  execute format('alter table %s enable row level security', t);
  execute format('alter table %s force row level security', t);
  execute format('create policy tenant on %s using (centre_id = any ((select scope_centres())::uuid[])) with check (centre_id = any ((select scope_centres())::uuid[]))', t);
  perform keep_from_merged(t);
end $$;

create function track(t regclass, feed text default null, hide text[] default '{}', append_only boolean default false) returns void language plpgsql as $$
begin
  execute format('create trigger trail after insert or update or delete on %s for each row execute function trail_row(%L, %L)', t, coalesce(feed, ''), hide);
  execute format('grant select, insert %s on %s to waystation_app', case when append_only then '' else ', update, delete' end, t);
end $$;

-- Nothing new is kept under a record that ended in another, whoever writes it and whether or not the writer looked:
-- every table that refers to a person asks, holding the person, before a row of it does.
--
-- A key share lock waits for a merge that is under way and keeps one from beginning before the row is
-- committed; a merge then finds the row. It is the lock that the foreign key takes a moment later, of a row
-- found by its primary key. Who came too late is told so as of a lost race: the work runs again and meets
-- the record as it is now.
create function person_in_use() returns trigger language plpgsql as $$
declare
  scope   constant text := current_setting('app.centre_ids', true);
  outside constant boolean := coalesce(new.centre_id <> all (scope_centres()), true); -- a partner's move
  person  uuid;
  state   text;
begin
  if tg_argv[0] = 'beneficiary_id' then person := new.beneficiary_id; else person := to_jsonb(new)->>tg_argv[0]; end if;
  if outside then perform set_config('app.centre_ids', new.centre_id::text, true); end if;
  select status into state from beneficiaries where centre_id = new.centre_id and id = person for key share;
  if outside then perform set_config('app.centre_ids', coalesce(scope, ''), true); end if;
  if state = 'merged' then
    raise exception 'the person was merged into another' using errcode = 'serialization_failure', constraint = 'beneficiaries_merged';
  end if;
  return new;
end $$;

-- The columns of a table that refer to a person. What is derived from a record, and what speaks of records
-- instead of people, stays with the record: search keys, the timeline, pairs and merges.
create function person_columns(t regclass) returns setof name language sql stable as $$
  select a.attname from pg_constraint k join pg_attribute b on b.attrelid = k.confrelid and b.attname = 'id'
    join pg_attribute a on a.attrelid = k.conrelid and a.attnum = k.conkey[array_position(k.confkey, b.attnum)]
  where k.contype = 'f' and k.confrelid = to_regclass('beneficiaries') and k.conrelid = t
    and t::text <> all (array['beneficiary_keys', 'timeline', 'duplicates', 'merges'])
$$;

create function keep_from_merged(t regclass) returns void language plpgsql as $$
declare col name;
begin
  for col in select person_columns(t) loop
    execute format('create trigger %I before insert on %s for each row when (new.%I is not null) execute function person_in_use(%L)', col || '_in_use', t, col, col);
    execute format('create trigger %1$I before update on %2$s for each row when (new.%3$I is distinct from old.%3$I) execute function person_in_use(%3$L)', col || '_still_in_use', t, col);
  end loop;
end $$;

-- hstore finds the columns that differ in half the time that jsonb takes. The trail never holds how sensitive a row is: its
-- readers are on no case team (handbook 14), and what they read must not tell a restricted file from another. What the feed
-- makes of a change is judged before that is left out.
create function trail_row() returns trigger language plpgsql as $$
declare
  feed    constant text   := tg_argv[0];
  hidden  constant text[] := tg_argv[1]::text[] || '{sensitivity}';
  trail   constant jsonb  := nullif(current_setting('app.trail', true), '');
  whole   jsonb;
  was     jsonb;
  now_is  jsonb;
  same    text[];
  centre  uuid;
  subject uuid;
  change  text := case tg_op when 'INSERT' then '.created' when 'UPDATE' then '.updated' else '.deleted' end;
begin
  if tg_op = 'UPDATE' then
    same := akeys(hstore(old) - akeys(hstore(new) - hstore(old)));
    whole := to_jsonb(new);
    now_is := whole - same - hidden;
    if now_is = '{}' then return null; end if;
    was := to_jsonb(old) - same - hidden;
    change := feed_change(to_jsonb(old) - same, whole - same);
  elsif tg_op = 'INSERT' then
    whole := to_jsonb(new);
    now_is := whole - hidden;
  else
    whole := to_jsonb(old);
    was := whole - hidden;
  end if;
  centre := coalesce(whole->>'centre_id', '00000000-0000-0000-0000-000000000000');
  subject := whole->>'id';
  insert into audit_events (centre_id, actor_kind, operation, request_id, purpose, action, resource, subject_ids, before, after)
    values (centre, coalesce(trail->>'actor_kind', 'system'), coalesce(trail->>'operation', ''), coalesce(trail->>'request_id', ''),
      coalesce(trail->>'purpose', ''), lower(tg_op), tg_table_name, array[subject], was, now_is);
  if feed = '' then return null; end if;
  if whole->>'sensitivity' = 'restricted' and (change <> '.deleted' or tg_op <> 'UPDATE') then
    return null; -- not even that it exists
  end if;
  insert into events (centre_id, type, resource, subject_id, version)
    values (centre, feed || change, feed, subject, (whole->>'version')::bigint);
  return null;
end $$;

-- What an update means to whoever follows: a row that was voided, merged into another or became
-- restricted is gone; one that is no longer restricted is new.
create function feed_change(was jsonb, now_is jsonb) returns text language sql immutable as $$
  select case
    when now_is->>'sensitivity' = 'restricted' then '.deleted'
    when was->>'sensitivity' = 'restricted' then '.created'
    when now_is->>'status' = 'merged' then '.merged'
    when now_is->>'status' in ('void', 'voided') or now_is->>'voided_at' is not null then '.voided'
    else '.updated'
  end
$$;
-- +goose StatementEnd
revoke execute on function keep_from_merged(regclass) from public;

alter table events enable row level security;
alter table events force row level security;
create policy events_write on events for insert with check (true);
create policy events_expire on events for delete using (at < now() - interval '7 days');
grant select, insert, delete on events to waystation_app;

alter table audit_seals enable row level security;
alter table audit_seals force row level security;
create policy audit_seals_scope on audit_seals using (centre_id = any ((select scope_centres())::uuid[])
  or (centre_id = '00000000-0000-0000-0000-000000000000' and (select scope_network())));
grant select, insert on audit_seals to waystation_app;
alter table audit_checkpoints enable row level security;
alter table audit_checkpoints force row level security;
create policy audit_checkpoints_scope on audit_checkpoints using (centre_id = any ((select scope_centres())::uuid[])
  or (centre_id = '00000000-0000-0000-0000-000000000000' and (select scope_network())));
grant select, insert on audit_checkpoints to waystation_app;
alter table audit_subjects enable row level security;
alter table audit_subjects force row level security;
create policy audit_subjects_scope on audit_subjects
  using (centre_id = any ((select scope_centres() || '00000000-0000-0000-0000-000000000000'::uuid)::uuid[]));
grant select, insert on audit_subjects to waystation_app;

-- Answers that a repeated request gets again. They hold personal data, so only the caller
-- who got the answer reaches it.
create table stored_answers (
  actor_id     uuid not null default scope_actor(),
  operation    text not null,
  key          text not null,
  request_hash bytea not null,
  status       int not null,
  headers      jsonb not null,
  body         bytea not null,
  expires_at   timestamptz not null,
  primary key (actor_id, operation, key)
);
create index stored_answers_expiry on stored_answers (expires_at);
alter table stored_answers enable row level security;
alter table stored_answers force row level security;
create policy stored_answers_own on stored_answers using (actor_id = (select scope_actor()) or (select scope_network()));
grant select, insert, update, delete on stored_answers to waystation_app;

-- +goose Down
drop table stored_answers, events, audit_subjects, audit_checkpoints, audit_seals, audit_events, epochs;
drop function redact_trail, trail_of, begin_epoch, current_epoch, feed_change, trail_row, track, confine, keep_from_merged, person_columns, person_in_use, protect, scope_trail, scope_network, scope_organisation, scope_actor, scope_centres;
