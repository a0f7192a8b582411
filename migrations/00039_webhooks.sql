-- Webhooks: where other systems want to be told of changes, and what was told to them.

-- +goose Up
create table webhook_endpoints (
  id              uuid primary key,
  version         bigint not null,
  created_at      timestamptz not null,
  updated_at      timestamptz not null,
  owner_id        uuid not null,                -- whose rights say what it is told: a user or an API client
  owner_kind      text not null,
  organisation_id uuid references organisations (id),
  follows         uuid references centres (id), -- the centre whose feed it follows; null: what is told to the organisation as a partner
  url             text not null,
  description     text not null default '',
  types           text[] not null default '{}', -- empty: all
  status          text not null,
  reason          text not null default '',     -- why it is not active
  secret          text not null,                -- sealed; see auth.Vault
  previous_secret text not null default '',     -- sealed; signs beside the other until then
  previous_secret_until timestamptz,
  cursor          text not null,                -- how far of the feed its deliveries go
  cursor_at       timestamptz not null,
  succeeded_at    timestamptz,
  failing_since   timestamptz,
  constraint webhook_endpoints_owner_check check (owner_kind = 'user' and follows is not null or owner_kind = 'client' and follows is null and organisation_id is not null),
  constraint webhook_endpoints_status_check check (status in ('active', 'paused', 'disabled'))
);
create index webhook_endpoints_organisation on webhook_endpoints (organisation_id, created_at, id);
create index webhook_endpoints_follows on webhook_endpoints (follows, created_at, id);
alter table webhook_endpoints enable row level security;
alter table webhook_endpoints force row level security;
create policy subscribers on webhook_endpoints using ((select scope_network()) or follows = any ((select scope_centres())::uuid[])
  or (follows is null and organisation_id = (select scope_organisation()) and (select scope_trail()->>'actor_kind') = 'client'));
select track('webhook_endpoints', null, array['secret', 'previous_secret', 'cursor', 'cursor_at', 'succeeded_at', 'failing_since']);

-- What an endpoint is told, in the order in which it is told it. Ids and codes only, as in the feed.
create table webhook_deliveries (
  id              uuid primary key,             -- webhook-id: the same however often it is sent
  endpoint_id     uuid not null references webhook_endpoints (id),
  seq             bigint generated always as identity,
  event_id        bigint,                       -- in the feed; null: a test
  at              timestamptz not null,         -- when it happened
  type            text not null,
  payload         text not null,                -- the body, as it is signed
  subject_id      uuid not null,
  resource        text not null,
  status          text not null default 'pending',
  attempts        int not null default 0,       -- since it was last put in line
  next_attempt_at timestamptz not null,
  ended_at        timestamptz,                  -- delivered or dropped
  log             jsonb not null default '[]',  -- [{at, status, error, milliseconds}], the last attempts
  constraint webhook_deliveries_status_check check (status in ('pending', 'delivered', 'dropped'))
);
create unique index webhook_deliveries_event_key on webhook_deliveries (endpoint_id, event_id);
create index webhook_deliveries_line on webhook_deliveries (endpoint_id, seq) where status = 'pending';
create index webhook_deliveries_log on webhook_deliveries (endpoint_id, at, id);
create index webhook_deliveries_ended on webhook_deliveries (ended_at) where ended_at is not null;
alter table webhook_deliveries enable row level security;
alter table webhook_deliveries force row level security;
create policy subscribers on webhook_deliveries using (exists (select from webhook_endpoints e where e.id = endpoint_id));
grant select, insert, update, delete on webhook_deliveries to waystation_app;

-- +goose Down
drop table webhook_deliveries, webhook_endpoints;
