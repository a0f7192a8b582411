-- People, their households, their needs and what they consented to.

-- +goose Up

-- Latin names as they are pronounced along the corridor: one key for Diallo, Jallow, Djallo.
-- Refined as the search is; keys are stored, so a change of this function needs a rebuild.
create table beneficiaries (
  centre_id        uuid not null references centres (id),
  id               uuid not null,
  version          bigint not null,
  created_at       timestamptz not null,
  updated_at       timestamptz not null,
  reference        text not null,            -- AGZ-000123, short and human
  registration_level text not null,          -- basic | full
  registered_on    date not null,
  reception_on     date not null,            -- arrival at the centre
  given_name       text not null default '',
  family_name      text not null default '',
  other_names      text[] not null default '{}', -- further spellings and scripts
  sex              text not null,            -- code list sex (ISO 5218)
  gender_identity  text not null default '',
  birth_date       date,
  birth_date_precision text,                 -- day | month | year | estimated
  population_type  text not null,            -- code list population_type
  nationalities    text[] not null default '{}', -- ISO 3166-1 alpha-3, first is the main one
  country_of_origin text not null default '',
  languages        text[] not null default '{}',
  interview_language text not null default '',
  interpreter_used boolean,
  marital_status   text not null default '',
  education_level  text not null default '',
  migration_status text not null default '',
  migration_reasons text[] not null default '{}',
  intended_destination text not null default '',
  phone            text not null default '',
  document_type    text not null default '',
  document_number  text not null default '',
  remarks          text not null default '',
  source           text not null,            -- api | import
  source_key       text,                     -- the row id of the sheet it came from
  basis            text not null,            -- code list processing_basis: consent, vital_interest …
  basis_reason     text not null default '',
  status           text not null default 'active',
  merged_into      uuid,
  void_reason      text not null default '',
  created_by       uuid,
  search_name      text not null default '', -- lower case, without accents, all names
  primary key (centre_id, id),
  constraint beneficiaries_reference_key unique (centre_id, reference),
  constraint beneficiaries_source_key unique (centre_id, source_key),
  constraint beneficiaries_level_check check (registration_level in ('basic', 'full')),
  constraint beneficiaries_precision_check check ((birth_date is null) = (birth_date_precision is null)),
  constraint beneficiaries_status_check check (status in ('active', 'merged', 'void'))
);
create index beneficiaries_created on beneficiaries (centre_id, created_at, id);
create index beneficiaries_registered on beneficiaries (centre_id, registered_on, id);
select protect('beneficiaries', 'beneficiary');

create table beneficiary_counters (
  centre_id uuid primary key references centres (id),
  last      bigint not null
);
alter table beneficiary_counters enable row level security;
alter table beneficiary_counters force row level security;
create policy tenant on beneficiary_counters using (centre_id = any ((select scope_centres())::uuid[]));
grant select, insert, update on beneficiary_counters to waystation_app;

create table households (
  centre_id  uuid not null references centres (id),
  id         uuid not null,
  version    bigint not null,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  reference  text not null,
  head_id    uuid,                           -- a member, or nobody yet
  declared_size int,
  note       text not null default '',
  status     text not null default 'active',
  void_reason text not null default '',
  source_key text,
  primary key (centre_id, id),
  constraint households_reference_key unique (centre_id, reference),
  constraint households_source_key unique (centre_id, source_key),
  constraint households_head_fk foreign key (centre_id, head_id) references beneficiaries (centre_id, id)
);
select protect('households', 'household');

create table household_members (
  centre_id      uuid not null,
  id             uuid not null,
  version        bigint not null,
  created_at     timestamptz not null,
  updated_at     timestamptz not null,
  household_id   uuid not null,
  beneficiary_id uuid not null,
  relationship   text not null,              -- code list household_relationship
  joined_on      date not null,
  left_on        date,
  primary key (centre_id, id),
  constraint household_members_household_fk foreign key (centre_id, household_id) references households (centre_id, id),
  constraint household_members_beneficiary_fk foreign key (centre_id, beneficiary_id) references beneficiaries (centre_id, id)
);
create unique index household_members_one_household_key on household_members (centre_id, beneficiary_id) where left_on is null;
create index household_members_household on household_members (centre_id, household_id);
select protect('household_members', 'household_member');

-- Append-only. Effective consent is the latest entry per scope, and per recipient where one is named.
create table consents (
  centre_id      uuid not null,
  id             uuid not null,
  version        bigint not null default 1,
  created_at     timestamptz not null,
  updated_at     timestamptz not null,
  beneficiary_id uuid not null,
  scope          text not null,              -- code list consent_scope
  decision       text not null,              -- given | refused | withdrawn
  giver          text not null,              -- code list consent_giver
  giver_name     text not null default '',
  method         text not null,              -- code list consent_method
  language       text not null default '',
  interpreter_used boolean,
  statement_version text not null default '',
  recipient_ids  uuid[] not null default '{}',  -- organisations it is limited to; empty: as the scope says
  excluded_ids   uuid[] not null default '{}',  -- organisations it must be withheld from
  exclusion_reason text not null default '',
  valid_until    date,
  given_at       timestamptz not null,
  certified_by   text not null default '',
  certified_at   timestamptz,
  note           text not null default '',
  recorded_by    uuid,
  primary key (centre_id, id),
  constraint consents_beneficiary_fk foreign key (centre_id, beneficiary_id) references beneficiaries (centre_id, id),
  constraint consents_decision_check check (decision in ('given', 'refused', 'withdrawn')),
  constraint consents_verbal_check check (method <> 'verbal_certified' or (certified_by <> '' and certified_at is not null))
);
create index consents_beneficiary on consents (centre_id, beneficiary_id, scope, given_at desc, id desc);
select protect('consents', 'consent', append_only => true);

create table specific_needs (
  centre_id      uuid not null,
  id             uuid not null,
  version        bigint not null,
  created_at     timestamptz not null,
  updated_at     timestamptz not null,
  beneficiary_id uuid not null,
  code_system    text not null,              -- code list: migrant_vulnerability | specific_need_unhcr
  code           text not null,
  sensitivity    text not null,              -- normal | sensitive | restricted
  confidence     text not null,              -- self_reported | observed | assessed
  since          date,
  identified_by  uuid,
  ended_on       date,
  review_on      date,
  note           text not null default '',
  primary key (centre_id, id),
  constraint specific_needs_beneficiary_fk foreign key (centre_id, beneficiary_id) references beneficiaries (centre_id, id),
  constraint specific_needs_sensitivity_check check (sensitivity in ('normal', 'sensitive', 'restricted'))
);
create index specific_needs_beneficiary on specific_needs (centre_id, beneficiary_id);
select protect('specific_needs', 'specific_need');

-- +goose Down
drop table specific_needs, consents, household_members, households, beneficiary_counters, beneficiaries;
