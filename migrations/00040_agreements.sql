-- What centres and the network agree with organisations about the people whom they refer there (handbook 5.4).

-- +goose Up
create table agreements (
  id                  uuid primary key,
  version             bigint not null,
  created_at          timestamptz not null,
  updated_at          timestamptz not null,
  party_id            uuid references centres (id),  -- who concludes it; null: the network
  organisation_id     uuid not null references organisations (id),
  purpose             text not null,
  fields              text[] not null,               -- that may be told beside code, age group and sex
  sensitivity_ceiling text not null,
  channels            text[] not null,               -- code list referral_channel
  retention_days      int not null,                  -- at the receiver
  sub_sharing         boolean not null,
  audit_right         boolean not null,
  breach_contact      jsonb not null,                -- an office, never a person
  breach_notice_hours int not null,
  acknowledge_hours   jsonb not null,                -- by priority
  decision_hours      jsonb not null,
  starts_on           date not null,
  ends_on             date,                          -- the last day
  status              text not null,
  constraint agreements_days_check check (ends_on >= starts_on),
  constraint agreements_ceiling_check check (sensitivity_ceiling in ('normal', 'sensitive', 'restricted')),
  constraint agreements_status_check check (status in ('draft', 'active', 'suspended', 'ended')),
  constraint agreements_one_excl exclude using gist (organisation_id with =, coalesce(party_id, '00000000-0000-0000-0000-000000000000') with =,
    daterange(starts_on, ends_on, '[]') with &&) where (status = 'active')
);
create index agreements_organisation on agreements (organisation_id, created_at, id);
create index agreements_created on agreements (created_at, id);
alter table agreements enable row level security;
alter table agreements force row level security;
create policy parties on agreements
  using ((select scope_network()) or party_id = any ((select scope_centres())::uuid[])
    or case when (select scope_trail()->>'actor_kind') = 'client' then organisation_id = (select scope_organisation()) else party_id is null end)
  with check (party_id = any ((select scope_centres())::uuid[]) or (party_id is null and (select scope_network())));
select track('agreements', 'agreement');

alter table referrals add column agreement_id uuid references agreements (id); -- under which it was sent

-- +goose Down
alter table referrals drop column agreement_id;
drop table agreements;
