-- Cases and what belongs to a case file.

-- +goose Up
create table cases (
  centre_id      uuid not null,
  id             uuid not null,
  version        bigint not null,
  created_at     timestamptz not null,
  updated_at     timestamptz not null,
  number         text not null,              -- AGZ-C-000045
  beneficiary_id uuid not null,
  status         text not null,              -- code list case_status
  risk_level     text not null,              -- code list case_risk_level; empty on a draft
  sensitivity    text not null default 'normal',
  source         text not null,              -- code list case_source
  summary        text not null default '',
  owner_id       uuid references users (id),
  sop_id         uuid,
  opened_at      timestamptz,
  assigned_at    timestamptz,
  closed_at      timestamptz,
  closure_reason text not null default '',
  hold_reason    text not null default '',
  hold_review_on date,
  consent_basis  text not null default 'consent', -- or the basis of an override
  consent_override_reason text not null default '',
  duplicate_of   uuid,
  open_referrals int not null default 0,     -- kept by the referrals themselves, under the row's lock
  assign_due_at   timestamptz,
  response_due_at timestamptz,
  assessment_due_at timestamptz,
  plan_due_at     timestamptz,
  followup_due_at timestamptz,
  reopened_count int not null default 0,
  primary key (centre_id, id),
  constraint cases_number_key unique (centre_id, number),
  constraint cases_beneficiary_fk foreign key (centre_id, beneficiary_id) references beneficiaries (centre_id, id),
  constraint cases_sop_fk foreign key (centre_id, sop_id) references sops (centre_id, id),
  constraint cases_open_referrals_check check (open_referrals >= 0),
  constraint cases_sensitivity_check check (sensitivity in ('normal', 'sensitive', 'restricted')),
  constraint cases_status_check check (status in ('draft', 'open', 'on_hold', 'pending_closure', 'closed', 'not_opened', 'transferred', 'duplicate'))
);
create index cases_created on cases (centre_id, created_at, id);
create index cases_beneficiary on cases (centre_id, beneficiary_id);
create index cases_owner on cases (centre_id, owner_id, status);
select protect('cases', 'case');

-- Who works on a file. Restricted facts are for these eyes only.
create table case_team (
  centre_id  uuid not null,
  id         uuid not null,
  version    bigint not null,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  case_id    uuid not null,
  user_id    uuid not null references users (id),
  role       text not null,                  -- owner | member
  ended_at   timestamptz,
  primary key (centre_id, id),
  constraint case_team_case_fk foreign key (centre_id, case_id) references cases (centre_id, id)
);
create unique index case_team_user_key on case_team (centre_id, case_id, user_id) where ended_at is null;
create index case_team_user on case_team (user_id, centre_id) where ended_at is null;
select protect('case_team', 'case_team_member');

-- Whoever registers a restricted need may write it; only the person's case team reads it back.
create policy need_to_know on specific_needs as restrictive for select using (
  sensitivity <> 'restricted' or exists (
    select 1 from case_team t join cases c on c.centre_id = t.centre_id and c.id = t.case_id
    where t.user_id = (select scope_actor()) and t.ended_at is null
      and c.centre_id = specific_needs.centre_id and c.beneficiary_id = specific_needs.beneficiary_id));

-- +goose Down
drop policy need_to_know on specific_needs;
drop table case_team, cases;
