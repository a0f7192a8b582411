-- Home and outreach visits of a case (handbook 4, D6).

-- +goose Up
create table case_visits (
  centre_id    uuid not null,
  id           uuid not null,
  version      bigint not null,
  created_at   timestamptz not null,
  updated_at   timestamptz not null,
  case_id      uuid not null,
  followup_id  uuid not null,                -- what the visit is for
  next_followup_id uuid,                     -- the next date
  kind         text not null,                -- home | outreach
  status       text not null,                -- planned | met | not_met | cancelled | void
  planned_at   timestamptz not null,
  visitor_id   uuid not null references users (id),
  companion_id uuid references users (id),
  admin2_pcode text not null default '',     -- OCHA P-code, opaque: all that is kept of where …
  place        text not null default '',     -- … unless the person agreed to more
  place_agreed_on date,
  worker_safety text not null default '',    -- safe | precautions | unsafe
  person_safety text not null default '',
  safety_note  text not null default '',
  safety_checked_at timestamptz,
  safety_checked_by uuid,
  visited_at   timestamptz,
  outcome      text not null default '',
  reason       text not null default '',     -- why it was cancelled or voided
  voided_at    timestamptz,
  primary key (centre_id, id),
  constraint case_visits_case_fk foreign key (centre_id, case_id) references cases (centre_id, id),
  constraint case_visits_followup_fk foreign key (centre_id, followup_id) references case_followups (centre_id, id),
  constraint case_visits_next_followup_fk foreign key (centre_id, next_followup_id) references case_followups (centre_id, id),
  constraint case_visits_kind_check check (kind in ('home', 'outreach')),
  constraint case_visits_status_check check (status in ('planned', 'met', 'not_met', 'cancelled', 'void')),
  constraint case_visits_place_check check (place = '' or place_agreed_on is not null),
  constraint case_visits_safety_check check (visited_at is null
    or worker_safety in ('safe', 'precautions') and person_safety in ('safe', 'precautions') and safety_checked_at <= visited_at)
);
create index case_visits_case on case_visits (centre_id, case_id, planned_at, id);
create unique index case_visits_planned_key on case_visits (centre_id, followup_id) where status = 'planned';
select case_file('case_visits', 'case_visit', array['place', 'safety_note', 'outcome', 'reason']);
select chronicle('case_visits', 'case_visit', '{"planned": "created_at", "made": "visited_at"}', '{kind,status}');

-- A visit that met nobody is an attempt to reach the person, as long as it stands.
alter table case_contact_attempts add column visit_id uuid,
  add constraint case_contact_attempts_visit_fk foreign key (centre_id, visit_id) references case_visits (centre_id, id);

-- +goose Down
alter table case_contact_attempts drop column visit_id;
drop table case_visits;
