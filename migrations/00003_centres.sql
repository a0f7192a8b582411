-- A centre over time: its phases, who manages it, its rules, its selection of codes.

-- +goose Up
create table centre_phases (
  centre_id  uuid not null references centres (id),
  id         uuid not null,
  version    bigint not null,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  phase      text not null,
  starts_on  date not null,
  note       text not null default '',
  primary key (centre_id, id),
  constraint centre_phases_starts_on_key unique (centre_id, starts_on)
);
select protect('centre_phases', 'centre_phase');

create table centre_management_models (
  centre_id  uuid not null references centres (id),
  id         uuid not null,
  version    bigint not null,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  model      text not null,
  organisation_id uuid references organisations (id),
  starts_on  date not null,
  note       text not null default '',
  primary key (centre_id, id),
  constraint centre_management_models_starts_on_key unique (centre_id, starts_on)
);
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
  activated_at timestamptz,
  primary key (centre_id, id),
  constraint sops_number_key unique (centre_id, number),
  constraint sops_status_check check (status in ('draft', 'active', 'superseded')),
  constraint sops_four_eyes_check check (activated_by is null or activated_by is distinct from drafted_by)
);
create unique index sops_active_key on sops (centre_id) where status = 'active';
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
