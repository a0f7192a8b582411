-- The ground every other table stands on: roles, the scope of a transaction, the audit
-- trail, the change feed and stored answers of repeated requests.

-- +goose Up
create extension if not exists pg_trgm;
create extension if not exists btree_gin;
create extension if not exists btree_gist;
create extension if not exists fuzzystrmatch;
create extension if not exists unaccent;

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

-- The trail. Only inserts and reads are granted; what was written stays as it was written.
-- Rows of network tables carry the zero centre.
create table audit_events (
  centre_id   uuid not null default '00000000-0000-0000-0000-000000000000',
  id          bigint generated always as identity,
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
  primary key (centre_id, id)
);
create index audit_events_commit_order on audit_events (centre_id, xid, id);
alter table audit_events enable row level security;
alter table audit_events force row level security;
create policy audit_events_read on audit_events for select
  using (centre_id = any ((select scope_centres())::uuid[])
    or (centre_id = '00000000-0000-0000-0000-000000000000' and (resource = 'organisations' or (select scope_network()))));
create policy audit_events_write on audit_events for insert with check (true);
grant select, insert on audit_events to waystation_app;

-- The seal of the trail: each centre's rows chained in commit order.
create table audit_seals (
  centre_id uuid not null,
  seq       bigint not null,
  event_id  bigint not null,
  hash      bytea not null,
  sealed_at timestamptz not null default clock_timestamp(),
  primary key (centre_id, seq),
  constraint audit_seals_event_key unique (centre_id, event_id)
);
create table audit_checkpoints (
  centre_id uuid not null,
  seq       bigint not null,
  xid       xid8 not null,       -- everything below, and (xid, event_id) itself, is sealed
  event_id  bigint not null,
  hash      bytea not null,
  key_id    text not null,
  signature bytea not null,
  signed_at timestamptz not null default clock_timestamp(),
  primary key (centre_id, seq)
);

-- The change feed. One row per change of a resource, numbered by transaction, so that a reader
-- who stays below the oldest running transaction never skips a late commit.
create table events (
  centre_id       uuid not null,
  xid             xid8 not null default pg_current_xact_id(),
  id              bigint generated always as identity,
  at              timestamptz not null default clock_timestamp(),
  type            text not null,
  resource        text not null,
  subject_id      uuid not null,
  version         bigint,
  organisation_id uuid,          -- a partner that may see this event too
  data            jsonb not null default '{}',  -- ids and codes only, never personal data
  primary key (centre_id, xid, id)
);
create index events_organisation on events (organisation_id, xid, id) where organisation_id is not null;

-- Tenancy for one table, in one line: forced row-level security, grants, the trail and, when
-- `feed` names the resource, the change feed. `hide` lists columns that the trail must not keep.
-- +goose StatementBegin
create function protect(t regclass, feed text default null, hide text[] default '{}', append_only boolean default false) returns void language plpgsql as $$
begin
  execute format('alter table %s enable row level security', t);
  execute format('alter table %s force row level security', t);
  execute format('create policy tenant on %s using (centre_id = any ((select scope_centres())::uuid[])) with check (centre_id = any ((select scope_centres())::uuid[]))', t);
  perform track(t, feed, hide, append_only);
end $$;

create function track(t regclass, feed text default null, hide text[] default '{}', append_only boolean default false) returns void language plpgsql as $$
begin
  execute format('create trigger trail after insert or update or delete on %s for each row execute function trail_row(%L, %L)', t, coalesce(feed, ''), hide);
  execute format('grant select, insert %s on %s to waystation_app', case when append_only then '' else ', update, delete' end, t);
end $$;

create function trail_row() returns trigger language plpgsql as $$
declare
  old_row jsonb := case when tg_op <> 'INSERT' then to_jsonb(old) - tg_argv[1]::text[] end;
  new_row jsonb := case when tg_op <> 'DELETE' then to_jsonb(new) - tg_argv[1]::text[] end;
  whole   jsonb := coalesce(new_row, old_row);
  centre  uuid  := coalesce((whole->>'centre_id')::uuid, '00000000-0000-0000-0000-000000000000');
  subject uuid  := (whole->>'id')::uuid;
  was jsonb := old_row;
  now_is jsonb := new_row;
begin
  if tg_op = 'UPDATE' then
    select coalesce(jsonb_object_agg(o.key, o.value), '{}'), coalesce(jsonb_object_agg(o.key, new_row->o.key), '{}')
      into was, now_is from jsonb_each(old_row) o where o.value is distinct from new_row->o.key;
    if now_is = '{}' then return null; end if;
  end if;
  insert into audit_events (centre_id, action, resource, subject_ids, before, after)
    values (centre, lower(tg_op), tg_table_name, array[subject], was, now_is);
  if tg_argv[0] <> '' and coalesce(whole->>'sensitivity', '') <> 'restricted' then -- not even that it exists
    insert into events (centre_id, type, resource, subject_id, version)
      values (centre, tg_argv[0] || case tg_op when 'INSERT' then '.created' when 'UPDATE' then '.updated' else '.deleted' end,
              tg_argv[0], subject, (whole->>'version')::bigint);
  end if;
  return null;
end $$;
-- +goose StatementEnd

alter table events enable row level security;
alter table events force row level security;
create policy events_read on events for select using (
  centre_id = any ((select scope_centres())::uuid[]) or organisation_id = (select scope_organisation())
  or (centre_id = '00000000-0000-0000-0000-000000000000' and (select scope_network())));
create policy events_write on events for insert with check (true);
grant select, insert on events to waystation_app;

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
drop table stored_answers, events, audit_checkpoints, audit_seals, audit_events;
drop function trail_row, track, protect, scope_trail, scope_network, scope_organisation, scope_actor, scope_centres;
