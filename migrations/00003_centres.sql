-- A centre over time: its phases, who manages it, its rules, its selection of codes.

-- +goose Up
create table centre_phases (
  centre_id  uuid not null references centres (id),
  id         uuid not null,
  version    bigint not null,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  phase      text not null,
  starts_on  date not null,                  -- in the centre's time zone
  note       text not null default '',
  voided_at  timestamptz,
  void_reason text not null default '',
  primary key (centre_id, id),
  constraint centre_phases_void_check check ((voided_at is null) = (void_reason = ''))
);
create unique index centre_phases_starts_on_key on centre_phases (centre_id, starts_on) where voided_at is null;
create policy founding on centre_phases for insert with check ((select scope_network()));
select protect('centre_phases', 'centre_phase');

create table centre_management_models (
  centre_id  uuid not null references centres (id),
  id         uuid not null,
  version    bigint not null,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  model      text not null,
  organisation_id uuid references organisations (id),
  starts_on  date not null,                  -- in the centre's time zone
  note       text not null default '',
  voided_at  timestamptz,
  void_reason text not null default '',
  primary key (centre_id, id),
  constraint centre_management_models_void_check check ((voided_at is null) = (void_reason = ''))
);
create unique index centre_management_models_starts_on_key on centre_management_models (centre_id, starts_on) where voided_at is null;
create policy founding on centre_management_models for insert with check ((select scope_network()));
select protect('centre_management_models', 'centre_management_model');

-- Standard operating procedures: the policy that timers, guards and required fields read.
create table sops (
  centre_id    uuid not null references centres (id),
  id           uuid not null,
  version      bigint not null,
  created_at   timestamptz not null,
  updated_at   timestamptz not null,
  number       int not null,
  title        text not null,
  status       text not null,
  policy       jsonb not null,
  drafted_by   uuid,
  activated_by uuid,
  editors      uuid[] not null default '{}', -- everyone who wrote on the draft
  activated_at timestamptz,
  superseded_at timestamptz,
  primary key (centre_id, id),
  constraint sops_number_key unique (centre_id, number),
  constraint sops_status_check check (status in ('draft', 'active', 'superseded')),
  constraint sops_four_eyes_check check (activated_by is null or
    (activated_by is distinct from drafted_by and not activated_by = any (editors)))
);
create unique index sops_active_key on sops (centre_id) where status = 'active';

-- Cases keep the version they were opened under: once it was in force, it stays as it was.
-- +goose StatementBegin
create function sops_stay_as_activated() returns trigger language plpgsql as $$
begin
  raise exception 'this version was in force' using errcode = 'check_violation', constraint = 'sops_activated_check';
end $$;
-- +goose StatementEnd
create trigger stay_as_activated before update of title, policy, number on sops for each row
  when (old.status <> 'draft' and (new.title, new.policy, new.number) is distinct from (old.title, old.policy, old.number))
  execute function sops_stay_as_activated();
select protect('sops', 'sop');

-- Codes a centre has switched off, or relabelled; no row means the network's list as it is.
create table centre_codes (
  centre_id  uuid not null references centres (id),
  id         uuid not null,
  version    bigint not null,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  list       text not null,
  code       text not null,
  active     boolean not null,
  labels     jsonb not null default '{}',
  primary key (centre_id, id),
  constraint centre_codes_code_key unique (centre_id, list, code)
);
select protect('centre_codes', 'centre_code');

-- +goose Down
drop table centre_codes, sops, centre_management_models, centre_phases;
drop function sops_stay_as_activated;
