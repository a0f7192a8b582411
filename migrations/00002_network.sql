-- The network: organisations, centres, staff, clients, sessions.

-- +goose Up
create table organisations (
  id          uuid primary key,
  version     bigint not null,
  created_at  timestamptz not null,
  updated_at  timestamptz not null,
  name        text not null,
  type        text not null,                 -- code list organisation_type
  country     text not null default '',      -- ISO 3166-1 alpha-3
  email       text not null default '',
  phone       text not null default '',
  website     text not null default '',
  description text not null default '',
  active      boolean not null default true,
  constraint organisations_name_key unique (name)
);
select track('organisations', 'organisation');

create table centres (
  id             uuid primary key,
  version        bigint not null,
  created_at     timestamptz not null,
  updated_at     timestamptz not null,
  centre_id      uuid not null generated always as (id) stored,  -- a centre is its own tenant
  organisation_id uuid references organisations (id),            -- who runs it; the data controller
  code           text not null,              -- begins every reference: AGZ-000123
  name           text not null,
  country        text not null,              -- ISO 3166-1 alpha-3
  pcode          text not null default '',   -- OCHA P-code of its place, opaque
  latitude       double precision,
  longitude      double precision,
  time_zone      text not null,
  languages      text[] not null default '{}', -- the first is the default
  typologies     text[] not null,            -- code list centre_typology
  primary_typology text not null default '',
  access_modes   text[] not null default '{}',
  services       text[] not null default '{}', -- code list service_type
  capacity       int,                        -- persons
  site_area_m2   int,
  living_area_m2 int,
  toilets        int,
  showers        int,
  water_litres_per_day int,
  phase          text not null,              -- code list centre_lifecycle_phase; history in centre_phases
  management_model text not null,            -- code list centre_management_model; history in centre_management_models
  constraint centres_code_key unique (code),
  constraint centres_typologies_check check (cardinality(typologies) >= 1),
  constraint centres_code_check check (code ~ '^[A-Z]{2,5}$')
);
alter table centres enable row level security;
alter table centres force row level security;
create policy centres_read on centres for select using (id = any ((select scope_centres())::uuid[]) or (select scope_network()));
create policy centres_write on centres for update using (id = any ((select scope_centres())::uuid[]) or (select scope_network()));
create policy centres_found on centres for insert with check ((select scope_network()));
select track('centres', 'centre');

create table users (
  id              uuid primary key,
  version         bigint not null,
  created_at      timestamptz not null,
  updated_at      timestamptz not null,
  organisation_id uuid references organisations (id),
  email           text not null,             -- lower case
  name            text not null,
  language        text not null default 'en',
  active          boolean not null default true,
  network_roles   text[] not null default '{}',
  issuer          text not null default '',  -- outside OpenID Connect issuer, with subject
  subject         text not null default '',
  password_hash   text not null default '',  -- argon2id, PHC form; empty: no sign-in by password
  password_temporary boolean not null default false, -- set by an administrator: the next sign-in must choose another
  password_until  timestamptz,               -- when a temporary password stops working
  totp_secret     text not null default '',  -- sealed; see auth.Vault
  totp_enabled    boolean not null default false,
  totp_last_step  bigint not null default 0,
  recovery_hashes text[] not null default '{}', -- SHA-256, hexadecimal
  failed_sign_ins int not null default 0,
  locked_until    timestamptz,
  home_centre_id  uuid references centres (id), -- whose administrator keeps this account; null: the network's operators
  constraint users_email_key unique (email),
  constraint users_email_check check (email = lower(email))
);
create index users_name on users (name, id);
create unique index users_subject_key on users (issuer, subject) where subject <> '';

-- Mandatory before a role is granted (code of conduct, protection training …).
create table user_trainings (
  id           uuid primary key,
  version      bigint not null,
  created_at   timestamptz not null,
  updated_at   timestamptz not null,
  user_id      uuid not null references users (id),
  training     text not null,                -- code_of_conduct | …
  completed_on date not null,
  valid_until  date,
  constraint user_trainings_valid_until_check check (valid_until >= completed_on)
);
create index user_trainings_user on user_trainings (user_id, training);

create table members (
  centre_id   uuid not null references centres (id),
  id          uuid not null,
  version     bigint not null,
  created_at  timestamptz not null,
  updated_at  timestamptz not null,
  user_id     uuid not null references users (id),
  role        text not null,                 -- code list staff_role
  starts_on   date not null,
  expires_on  date,
  ended_at    timestamptz,
  primary key (centre_id, id),
  constraint members_expires_on_check check (expires_on >= starts_on)
);
create unique index members_user_role_key on members (centre_id, user_id, role) where ended_at is null;
create index members_user on members (user_id);
alter table members enable row level security;
alter table members force row level security;
create policy tenant on members
  using (centre_id = any ((select scope_centres())::uuid[]) or user_id = (select scope_actor()) or (select scope_network()))
  with check (centre_id = any ((select scope_centres())::uuid[]) or (select scope_network()));
select track('members', 'member');

-- Staff are seen by those who share a centre with them, or once did: their names stand in its records.
alter table users enable row level security;
alter table users force row level security;
create policy users_scope on users using (
  (select scope_network()) or id = (select scope_actor()) or home_centre_id = any ((select scope_centres())::uuid[])
  or exists (select 1 from members m where m.user_id = users.id and m.centre_id = any ((select scope_centres())::uuid[])))
  with check ((select scope_network()) or id = (select scope_actor()) or cardinality((select scope_centres())) > 0);
select track('users', 'user', array['password_hash', 'totp_secret', 'recovery_hashes', 'totp_last_step', 'failed_sign_ins', 'locked_until']);

-- Where a user works, whoever asks: an administrator of one centre must not change the credentials
-- of somebody who holds rights elsewhere. Tells centre ids, nothing else.
-- +goose StatementBegin
create function centres_of_user(u uuid) returns uuid[] language sql stable set app.network = 'on' as
$$ select coalesce(array_agg(distinct centre_id), '{}') from members
   where user_id = u and ended_at is null and (expires_on is null or expires_on >= current_date - 1) $$; -- a day, for the time zones
-- +goose StatementEnd

alter table user_trainings enable row level security;
alter table user_trainings force row level security;
create policy user_trainings_scope on user_trainings using (exists (select 1 from users u where u.id = user_id));
select track('user_trainings');

create table api_clients (
  id              uuid primary key,
  version         bigint not null,
  created_at      timestamptz not null,
  updated_at      timestamptz not null,
  organisation_id uuid not null references organisations (id),
  name            text not null,
  description     text not null default '',
  scopes          text[] not null,
  networks        text[] not null default '{}',  -- CIDR ranges; empty: any address
  secret_hash     bytea not null,
  previous_secret_hash bytea,
  previous_secret_until timestamptz,
  last_used_at    timestamptz,
  revoked_at      timestamptz
);
alter table api_clients enable row level security;
alter table api_clients force row level security;
create policy api_clients_scope on api_clients using ((select scope_network()) or id = (select scope_actor()));
select track('api_clients', null, array['secret_hash', 'previous_secret_hash', 'last_used_at']);

-- A sign-in and its family of refresh tokens.
create table sessions (
  id          uuid primary key,
  user_id     uuid not null references users (id),
  created_at  timestamptz not null,
  used_at     timestamptz not null,
  expires_at  timestamptz not null,
  address     text not null default '',      -- where it began, to recognise it by
  user_agent  text not null default '',
  ended_at    timestamptz,
  end_reason  text not null default ''
);
create index sessions_user on sessions (user_id, created_at desc) where ended_at is null;
create index sessions_expiry on sessions (expires_at);
create table refresh_tokens (
  hash        bytea primary key,             -- SHA-256
  session_id  uuid not null references sessions (id) on delete cascade,
  created_at  timestamptz not null,
  expires_at  timestamptz not null,
  used_at     timestamptz                    -- a second use ends the session
);
create index refresh_tokens_session on refresh_tokens (session_id);
alter table sessions enable row level security;
alter table sessions force row level security;
create policy sessions_scope on sessions using ((select scope_network()) or user_id = (select scope_actor()));
alter table refresh_tokens enable row level security;
alter table refresh_tokens force row level security;
create policy refresh_tokens_scope on refresh_tokens using ((select scope_network()));
-- Signing a person out is the effect of what was done to their account, by whoever may do that.
-- +goose StatementBegin
create function end_sessions(u uuid, spare uuid, why text) returns setof uuid language sql set app.network = 'on' as
$$ update sessions set ended_at = now(), end_reason = why
   where user_id = u and ended_at is null and id is distinct from spare returning id $$;
-- +goose StatementEnd
select track('sessions', null, array['used_at', 'expires_at', 'address', 'user_agent']);
grant select, insert, update, delete on refresh_tokens to waystation_app;

-- What every process must refuse before it expires: announced on the channel `revocations`.
create table revocations (
  id         bigint generated always as identity primary key,
  kind       text not null check (kind in ('session', 'subject')),
  subject_id uuid not null,                  -- a session; else a user or a client
  not_before timestamptz not null,           -- tokens of a user or a client issued before are refused
  expires_at timestamptz not null
);
create index revocations_subject on revocations (subject_id, not_before);
create index revocations_recent on revocations (not_before);
grant select, insert, delete on revocations to waystation_app;
-- +goose StatementBegin
create function announce_revocation() returns trigger language plpgsql as $$
begin
  perform pg_notify('revocations', json_build_object('kind', new.kind, 'subject_id', new.subject_id, 'not_before', new.not_before)::text);
  return null;
end $$;
-- +goose StatementEnd
create trigger announce after insert on revocations for each row execute function announce_revocation();

-- +goose Down
drop table revocations, refresh_tokens, sessions, api_clients, members, user_trainings, users, centres, organisations;
drop function announce_revocation, end_sessions, centres_of_user;
