-- What is recorded about a person beside their registration, whose child they are and who takes
-- care of them, and the tasks that follow from it.
--
-- Every table that belongs to a person refers to them by (centre_id, beneficiary_id). Two of them
-- hold one current row a person: care_arrangements and separations. Whoever moves rows from one
-- person to another (two records of one person become one) ends one of two current rows first; a
-- relationship of the two with each other is voided first.

-- +goose Up

create table beneficiary_names (
  centre_id      uuid not null,
  id             uuid not null,
  version        bigint not null,
  created_at     timestamptz not null,
  updated_at     timestamptz not null,
  beneficiary_id uuid not null,
  kind           text not null,              -- code list name_kind
  given_name     text not null default '',   -- the only name of who has one
  family_name    text not null default '',
  script         text not null default '',   -- ISO 15924: Arab, Latn
  language       text not null default '',   -- BCP 47
  note           text not null default '',
  recorded_by    uuid,
  voided_at      timestamptz,
  voided_by      uuid,
  void_reason    text not null default '',
  primary key (centre_id, id),
  constraint beneficiary_names_beneficiary_fk foreign key (centre_id, beneficiary_id) references beneficiaries (centre_id, id),
  constraint beneficiary_names_some_check check (given_name <> '' or family_name <> '')
);
create index beneficiary_names_beneficiary on beneficiary_names (centre_id, beneficiary_id, created_at, id);
select protect('beneficiary_names', 'beneficiary_name', array['given_name', 'family_name', 'note', 'void_reason']);

create table identity_documents (
  centre_id      uuid not null,
  id             uuid not null,
  version        bigint not null,
  created_at     timestamptz not null,
  updated_at     timestamptz not null,
  beneficiary_id uuid not null,
  type           text not null,              -- code list document_type
  number         text not null default '',   -- empty where it cannot be read
  issuing_country text not null default '',
  issued_on      date,
  expires_on     date,
  note           text not null default '',
  verified_at    timestamptz,
  verified_by    uuid,
  recorded_by    uuid,
  voided_at      timestamptz,
  voided_by      uuid,
  void_reason    text not null default '',
  primary key (centre_id, id),
  constraint identity_documents_beneficiary_fk foreign key (centre_id, beneficiary_id) references beneficiaries (centre_id, id),
  constraint identity_documents_expiry_check check (expires_on >= issued_on),
  constraint identity_documents_verified_check check ((verified_at is null) = (verified_by is null))
);
create index identity_documents_beneficiary on identity_documents (centre_id, beneficiary_id, created_at, id);
select protect('identity_documents', 'identity_document', array['type', 'number', 'issuing_country', 'note', 'void_reason']);

create table contacts (
  centre_id      uuid not null,
  id             uuid not null,
  version        bigint not null,
  created_at     timestamptz not null,
  updated_at     timestamptz not null,
  beneficiary_id uuid not null,
  kind           text not null,              -- code list contact_kind
  value          text not null,              -- number, address or handle
  name           text not null default '',   -- who answers, where it is not the person
  relationship   text not null default '',   -- code list household_relationship
  safe           text not null,              -- to contact: yes | no | unknown
  safe_when      text not null default '',
  preferred      boolean not null default false,
  consent_note   text not null default '',   -- what the person agreed to
  note           text not null default '',
  recorded_by    uuid,
  voided_at      timestamptz,
  voided_by      uuid,
  void_reason    text not null default '',
  primary key (centre_id, id),
  constraint contacts_beneficiary_fk foreign key (centre_id, beneficiary_id) references beneficiaries (centre_id, id),
  constraint contacts_safe_check check (safe in ('yes', 'no', 'unknown')),
  constraint contacts_preferred_check check (not preferred or safe <> 'no')
);
create index contacts_beneficiary on contacts (centre_id, beneficiary_id, created_at, id);
select protect('contacts', 'contact', array['value', 'name', 'relationship', 'safe_when', 'consent_note', 'note', 'void_reason']);

create table journey_legs (
  centre_id      uuid not null,
  id             uuid not null,
  version        bigint not null,
  created_at     timestamptz not null,
  updated_at     timestamptz not null,
  beneficiary_id uuid not null,
  position       int not null,               -- order of the legs; two may share one
  from_country   text not null default '',
  from_place     text not null default '',
  from_pcode     text not null default '',
  to_country     text not null default '',
  to_place       text not null default '',
  to_pcode       text not null default '',
  mode           text not null default '',   -- code list transport_mode
  departed_on    date,
  departed_precision text,                   -- code list birth_date_precision
  arrived_on     date,
  arrived_precision text,
  note           text not null default '',
  recorded_by    uuid,
  voided_at      timestamptz,
  voided_by      uuid,
  void_reason    text not null default '',
  primary key (centre_id, id),
  constraint journey_legs_beneficiary_fk foreign key (centre_id, beneficiary_id) references beneficiaries (centre_id, id),
  constraint journey_legs_precision_check check ((departed_on is null) = (departed_precision is null) and (arrived_on is null) = (arrived_precision is null))
);
create index journey_legs_beneficiary on journey_legs (centre_id, beneficiary_id, position, id);
select protect('journey_legs', 'journey_leg', array['from_place', 'from_pcode', 'to_place', 'to_pcode', 'note', 'void_reason']);

-- The Washington Group short set. A measurement, never a diagnosis.
create table functional_assessments (
  centre_id      uuid not null,
  id             uuid not null,
  version        bigint not null,
  created_at     timestamptz not null,
  updated_at     timestamptz not null,
  beneficiary_id uuid not null,
  levels         jsonb not null,             -- {domain: level | unknown | declined}
  answered_by    text not null,              -- self | proxy
  assessed_at    timestamptz not null,
  cut_off_level  text not null,              -- the SOP's of that day …
  cut_off_domains int not null,
  reaches_cut_off boolean not null,          -- … and what it makes of the levels
  note           text not null default '',
  recorded_by    uuid,
  voided_at      timestamptz,
  voided_by      uuid,
  void_reason    text not null default '',
  primary key (centre_id, id),
  constraint functional_assessments_beneficiary_fk foreign key (centre_id, beneficiary_id) references beneficiaries (centre_id, id),
  constraint functional_assessments_answered_by_check check (answered_by in ('self', 'proxy'))
);
create index functional_assessments_beneficiary on functional_assessments (centre_id, beneficiary_id, assessed_at, id);
select protect('functional_assessments', 'functional_assessment', array['levels', 'reaches_cut_off', 'note', 'void_reason']);

-- Determinants of migrant vulnerability: what weighs on a person and what protects them.
create table vulnerability_screenings (
  centre_id      uuid not null,
  id             uuid not null,
  version        bigint not null,
  created_at     timestamptz not null,
  updated_at     timestamptz not null,
  beneficiary_id uuid not null,
  sensitivity    text not null,              -- the highest of its factors
  factors        jsonb not null,             -- [{factor, polarity, severity, note, source}]
  screened_at    timestamptz not null,
  interview_language text not null default '',
  interpreter_used boolean,
  suggested_level text not null,             -- code list case_risk_level; a suggestion only
  confirmed_level text not null default '',  -- what a person made of it
  confirmed_by   uuid,
  confirmed_at   timestamptz,
  confirm_note   text not null default '',
  note           text not null default '',
  recorded_by    uuid,
  voided_at      timestamptz,
  voided_by      uuid,
  void_reason    text not null default '',
  primary key (centre_id, id),
  constraint vulnerability_screenings_beneficiary_fk foreign key (centre_id, beneficiary_id) references beneficiaries (centre_id, id),
  constraint vulnerability_screenings_sensitivity_check check (sensitivity in ('normal', 'sensitive', 'restricted')),
  constraint vulnerability_screenings_confirmed_check check ((confirmed_level = '') = (confirmed_at is null))
);
create index vulnerability_screenings_beneficiary on vulnerability_screenings (centre_id, beneficiary_id, screened_at, id);
select protect('vulnerability_screenings', 'vulnerability_screening',
  array['factors', 'sensitivity', 'suggested_level', 'confirmed_level', 'confirm_note', 'note', 'void_reason']);
-- As with restricted needs: whoever finds out may write, who reads a file of the person's as one of its own may read.
create policy need_to_know on vulnerability_screenings as restrictive for select using (
  sensitivity <> 'restricted' or (select need_to_know_lifted()) or exists (
    select 1 from cases c where c.id = any ((select cases_of_actor())::uuid[])
      and c.centre_id = vulnerability_screenings.centre_id and c.beneficiary_id = vulnerability_screenings.beneficiary_id));

-- One row for two people; read from the other end, the kind is its inverse.
create table relationships (
  centre_id      uuid not null,
  id             uuid not null,
  version        bigint not null,
  created_at     timestamptz not null,
  updated_at     timestamptz not null,
  beneficiary_id uuid not null,
  relative_id    uuid not null,
  kind           text not null,              -- code list relationship_kind: what the relative is to the beneficiary
  care           text not null default '',   -- who takes care of the other: relative | beneficiary
  primary_caregiver boolean not null default false,
  since          date,
  ended_on       date,
  verified_at    timestamptz,
  verified_by    uuid,
  note           text not null default '',
  recorded_by    uuid,
  voided_at      timestamptz,
  voided_by      uuid,
  void_reason    text not null default '',
  primary key (centre_id, id),
  constraint relationships_beneficiary_fk foreign key (centre_id, beneficiary_id) references beneficiaries (centre_id, id),
  constraint relationships_relative_fk foreign key (centre_id, relative_id) references beneficiaries (centre_id, id),
  constraint relationships_self_check check (relative_id <> beneficiary_id or voided_at is not null),
  constraint relationships_care_check check (care in ('', 'relative', 'beneficiary') and (care <> '' or not primary_caregiver)),
  constraint relationships_ended_check check (ended_on >= since)
);
create index relationships_beneficiary on relationships (centre_id, beneficiary_id);
create index relationships_relative on relationships (centre_id, relative_id);
select protect('relationships', 'relationship', array['note', 'void_reason']);

create table care_arrangements (
  centre_id      uuid not null,
  id             uuid not null,
  version        bigint not null,
  created_at     timestamptz not null,
  updated_at     timestamptz not null,
  beneficiary_id uuid not null,
  arrangement    text not null,              -- code list care_arrangement
  since          date not null,
  ended_on       date,                       -- the next one began, or the person came of age
  caregiver_id   uuid,                       -- a person registered here …
  caregiver_name text not null default '',   -- … or somebody who is not
  place          text not null default '',
  against_caregivers_will boolean not null default false,
  best_interest_note text not null default '',
  note           text not null default '',
  recorded_by    uuid,
  voided_at      timestamptz,
  voided_by      uuid,
  void_reason    text not null default '',
  primary key (centre_id, id),
  constraint care_arrangements_beneficiary_fk foreign key (centre_id, beneficiary_id) references beneficiaries (centre_id, id),
  constraint care_arrangements_caregiver_fk foreign key (centre_id, caregiver_id) references beneficiaries (centre_id, id),
  constraint care_arrangements_ended_check check (ended_on >= since),
  constraint care_arrangements_best_interest_check check (not against_caregivers_will or best_interest_note <> '')
);
create unique index care_arrangements_current_key on care_arrangements (centre_id, beneficiary_id) where ended_on is null and voided_at is null;
create index care_arrangements_beneficiary on care_arrangements (centre_id, beneficiary_id, since, id);
create index care_arrangements_caregiver on care_arrangements (centre_id, caregiver_id) where caregiver_id is not null;
select protect('care_arrangements', 'care_arrangement', array['caregiver_name', 'place', 'best_interest_note', 'note', 'void_reason']);

create table separations (
  centre_id      uuid not null,
  id             uuid not null,
  version        bigint not null,
  created_at     timestamptz not null,
  updated_at     timestamptz not null,
  beneficiary_id uuid not null,
  status         text not null,              -- code list separation_status
  tracing_status text not null default '',   -- code list tracing_status
  since          date not null,
  ended_on       date,
  note           text not null default '',
  recorded_by    uuid,
  voided_at      timestamptz,
  voided_by      uuid,
  void_reason    text not null default '',
  primary key (centre_id, id),
  constraint separations_beneficiary_fk foreign key (centre_id, beneficiary_id) references beneficiaries (centre_id, id),
  constraint separations_ended_check check (ended_on >= since)
);
create unique index separations_current_key on separations (centre_id, beneficiary_id) where ended_on is null and voided_at is null;
create index separations_beneficiary on separations (centre_id, beneficiary_id, since, id);
select protect('separations', 'separation', array['note', 'void_reason']);

alter table specific_needs add column code_system_version text not null default ''; -- of the list, when the code was taken from it
create index specific_needs_review on specific_needs (centre_id, review_on, id) where review_on is not null and ended_on is null;

-- Who comes of age when.
create index beneficiaries_birth_date on beneficiaries (centre_id, birth_date);

-- What somebody has to do. Ids, kinds and times only; the facts are where the ids point.
create table tasks (
  centre_id      uuid not null references centres (id),
  id             uuid not null,
  version        bigint not null,
  created_at     timestamptz not null,
  updated_at     timestamptz not null,
  key            text not null,              -- what it is raised for: once
  kind           text not null,              -- code list task_kind
  resource       text not null,              -- what it is about, as the change feed calls it …
  resource_id    uuid not null,              -- … and which
  case_id        uuid,                       -- the file it belongs to; who cannot read that, cannot read this
  beneficiary_id uuid,
  role           text not null default '',   -- code list staff_role: anybody who has it
  user_id        uuid references users (id), -- or one of them
  due_at         timestamptz not null,
  status         text not null,
  reason         text not null default '',   -- why it was dismissed, or what was done
  closed_by      uuid,
  closed_at      timestamptz,
  primary key (centre_id, id),
  constraint tasks_key_key unique (centre_id, key),
  constraint tasks_case_fk foreign key (centre_id, case_id) references cases (centre_id, id),
  constraint tasks_beneficiary_fk foreign key (centre_id, beneficiary_id) references beneficiaries (centre_id, id),
  constraint tasks_somebody_check check (role <> '' or user_id is not null),
  constraint tasks_status_check check (status in ('open', 'done', 'dismissed')),
  constraint tasks_dismissed_check check (status <> 'dismissed' or reason <> ''),
  constraint tasks_closed_check check ((status = 'open') = (closed_at is null))
);
create index tasks_due on tasks (centre_id, status, due_at, id);
create index tasks_beneficiary on tasks (centre_id, beneficiary_id) where beneficiary_id is not null;
create index tasks_case on tasks (centre_id, case_id) where case_id is not null;
select protect('tasks', null, array['reason']);
-- Who judges a broken glass has a task for it without reading the file; one whom the file is kept from has none.
create policy need_to_know on tasks as restrictive for select using (
  case_id is null or (select need_to_know_lifted()) or exists (select 1 from cases c where c.centre_id = tasks.centre_id and c.id = tasks.case_id)
  or (kind = 'break_glass_review' and case_id <> all ((select cases_walled_from_actor())::uuid[])));

-- +goose StatementBegin
create function tasks_feed() returns trigger language plpgsql as $$
begin
  if new.case_id is null or exists (
    select from cases c where c.centre_id = new.centre_id and c.id = new.case_id and c.sensitivity <> 'restricted') then
    insert into events (centre_id, type, resource, subject_id, version)
      values (new.centre_id, 'task.' || case tg_op when 'INSERT' then 'created' else 'updated' end, 'task', new.id, new.version);
  end if;
  return null;
end $$;
-- +goose StatementEnd
create trigger feed after insert or update on tasks for each row execute function tasks_feed();

-- +goose Down
drop table tasks;
drop function tasks_feed;
drop index beneficiaries_birth_date, specific_needs_review;
alter table specific_needs drop column code_system_version;
drop table separations, care_arrangements, relationships, vulnerability_screenings, functional_assessments, journey_legs, contacts, identity_documents, beneficiary_names;
