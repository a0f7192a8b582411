-- Cases and what belongs to a case file.

-- +goose Up

-- Need to know. A restricted file is seen by its case team and by nobody else, whatever their
-- role: not in a list, not in a count, not through an error. What the system itself must do to a
-- file that the caller may not see (a consent is withdrawn, a referral ends) lifts the wall for
-- that one act; see lifted in internal/casework.
-- +goose StatementBegin
create function need_to_know_lifted() returns boolean language sql stable as
$$ select coalesce(current_setting('app.need_to_know', true), '') = 'lifted' $$;
-- +goose StatementEnd

create table cases (
  centre_id      uuid not null,
  id             uuid not null,
  version        bigint not null,
  created_at     timestamptz not null,
  updated_at     timestamptz not null,
  number         text not null,              -- AGZ-C-000045
  beneficiary_id uuid not null,
  status         text not null,              -- code list case_status
  risk_level     text not null,              -- code list case_risk_level; empty on a draft that was not assessed
  sensitivity    text not null default 'normal',
  source         text not null,              -- code list case_source
  summary        text not null default '',
  owner_id       uuid references users (id),
  created_by     uuid,
  sop_id         uuid,                       -- the SOP it was opened under; its timers and guards hold
  opened_at      timestamptz,
  reopened_at    timestamptz,                -- the last time
  reopened_count int not null default 0,
  assigned_at    timestamptz,
  closed_at      timestamptz,
  closure_reason text not null default '',   -- code list case_closure_reason
  referral_override text not null default '', -- why it may close although referrals are open
  held_at        timestamptz,
  hold_reason    text not null default '',
  hold_review_on date,
  consent_basis  text not null default 'consent', -- or the basis of an override
  consent_override_reason text not null default '',
  duplicate_of   uuid,                       -- the case that survived a merge
  merged_at      timestamptz,
  merged_from    text not null default '',   -- the status it had before
  open_referrals int not null default 0,     -- kept by the referrals themselves, under the row's lock
  assign_due_at   timestamptz,
  response_due_at timestamptz,
  assessment_due_at timestamptz,
  plan_due_at     timestamptz,
  followup_due_at timestamptz,
  responded_at   timestamptz,                -- the first note or follow-up since it was opened
  plan_drafted_at timestamptz,               -- a plan was begun …
  planned_at     timestamptz,                -- … and agreed with the person
  followed_up_at timestamptz,                -- the last completed follow-up
  followup_from_at timestamptz,              -- the cadence of follow-ups counts from here
  urgent_due_at  timestamptz,                -- the last follow-up asked for urgent intervention by then
  primary key (centre_id, id),
  constraint cases_number_key unique (centre_id, number),
  constraint cases_beneficiary_fk foreign key (centre_id, beneficiary_id) references beneficiaries (centre_id, id),
  constraint cases_sop_fk foreign key (centre_id, sop_id) references sops (centre_id, id),
  constraint cases_duplicate_of_fk foreign key (centre_id, duplicate_of) references cases (centre_id, id),
  constraint cases_open_referrals_check check (open_referrals >= 0),
  constraint cases_closed_referrals_check check (status <> 'closed' or open_referrals = 0 or referral_override <> ''),
  constraint cases_sensitivity_check check (sensitivity in ('normal', 'sensitive', 'restricted')),
  constraint cases_status_check check (status in ('draft', 'open', 'on_hold', 'pending_closure', 'closed', 'not_opened', 'transferred', 'duplicate'))
);
create index cases_created on cases (centre_id, created_at, id);
create index cases_beneficiary on cases (centre_id, beneficiary_id);
create index cases_duplicates on cases (centre_id, duplicate_of) where duplicate_of is not null;
create index cases_owner on cases (centre_id, owner_id, status);
create index cases_followup_due on cases (centre_id, coalesce(followup_due_at, '9999-12-31T00:00:00Z'), id);
select protect('cases', 'case', array['summary', 'hold_reason', 'consent_override_reason', 'referral_override']);

-- The last number given out; one row a centre, locked while a case is made.
create table case_counters (
  centre_id uuid primary key references centres (id),
  last      bigint not null
);
select confine('case_counters');
grant select, insert, update on case_counters to waystation_app;

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
  constraint case_team_case_fk foreign key (centre_id, case_id) references cases (centre_id, id),
  constraint case_team_role_check check (role in ('owner', 'member'))
);
create unique index case_team_user_key on case_team (centre_id, case_id, user_id) where ended_at is null;
create unique index case_team_owner_key on case_team (centre_id, case_id) where ended_at is null and role = 'owner';
create index case_team_user on case_team (user_id, centre_id) where ended_at is null;

-- A table of the case file, in one line: tenancy as everywhere, read by whoever reads the case,
-- and silent in the change feed where the case is restricted.
-- +goose StatementBegin
create function case_file(t regclass, feed text default null, hide text[] default '{}', append_only boolean default false) returns void language plpgsql as $$
begin
  perform protect(t, null, hide, append_only);
  execute format('create policy need_to_know on %1$s as restrictive for select using ((select need_to_know_lifted()) or exists (
    select 1 from cases c where c.centre_id = %1$s.centre_id and c.id = %1$s.case_id))', t);
  if feed is not null then
    execute format('create trigger feed after insert or update on %s for each row execute function case_file_event(%L)', t, feed);
  end if;
end $$;

create function case_file_event() returns trigger language plpgsql as $$
declare change text := '.created';
begin
  if tg_op = 'UPDATE' then
    change := case when to_jsonb(new)->>'voided_at' is distinct from to_jsonb(old)->>'voided_at' then '.voided' else '.updated' end;
  end if;
  insert into events (centre_id, type, resource, subject_id, version, case_id)
    select new.centre_id, tg_argv[0] || change, tg_argv[0], new.id, new.version, new.case_id
    from cases c where c.centre_id = new.centre_id and c.id = new.case_id and c.sensitivity <> 'restricted';
  return null;
end $$;
-- +goose StatementEnd

select case_file('case_team', 'case_team_member');

-- The glass that somebody broke: for some hours they see a restricted file. Supervisors and the data-protection
-- officer learn of it and judge it; only what is needed for that is here, and the trail does not keep whose file it was:
-- only a restricted file's glass is broken.
create table break_glass_grants (
  centre_id   uuid not null,
  id          uuid not null,
  version     bigint not null,
  created_at  timestamptz not null,
  updated_at  timestamptz not null,
  case_id     uuid not null,
  opened_by   uuid not null references users (id),
  reason      text not null,
  until_at    timestamptz not null,
  review_due_at timestamptz not null,
  outcome     text not null default '',      -- '' until somebody reviewed it
  comment     text not null default '',
  reviewed_by uuid references users (id),
  reviewed_at timestamptz,
  primary key (centre_id, id),
  constraint break_glass_grants_case_fk foreign key (centre_id, case_id) references cases (centre_id, id),
  constraint break_glass_grants_outcome_check check (outcome in ('', 'justified', 'not_justified') and (outcome = '') = (reviewed_at is null) and (outcome = '') = (reviewed_by is null)),
  constraint break_glass_grants_reviewer_check check (reviewed_by <> opened_by)
);
create index break_glass_grants_actor on break_glass_grants (opened_by, centre_id, until_at);
create index break_glass_grants_created on break_glass_grants (centre_id, created_at, id);
select protect('break_glass_grants', 'break_glass_grant', array['reason', 'comment', 'case_id']);

-- Staff who must never see a file: they know the person, or are named in it.
create table case_walls (
  centre_id  uuid not null,
  id         uuid not null,
  version    bigint not null,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  case_id    uuid not null,
  user_id    uuid not null references users (id),
  reason     text not null,
  raised_by  uuid references users (id),
  end_reason text not null default '',
  ended_at   timestamptz,
  primary key (centre_id, id),
  constraint case_walls_case_fk foreign key (centre_id, case_id) references cases (centre_id, id)
);
create unique index case_walls_user_key on case_walls (centre_id, case_id, user_id) where ended_at is null;
create index case_walls_user on case_walls (user_id, centre_id) where ended_at is null;
select case_file('case_walls', 'case_wall', array['reason', 'end_reason']);

create table case_conferences (
  centre_id  uuid not null,
  id         uuid not null,
  version    bigint not null,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  case_id    uuid not null,
  scheduled_at timestamptz not null,
  purpose    text not null,
  participants jsonb not null default '[]',  -- people from outside: name, organisation
  held_at    timestamptz,
  outcome    text not null default '',       -- code list case_conference_outcome, once it was held
  decisions  text not null default '',
  cancelled_at timestamptz,
  cancel_reason text not null default '',
  convened_by uuid references users (id),
  primary key (centre_id, id),
  constraint case_conferences_case_fk foreign key (centre_id, case_id) references cases (centre_id, id),
  constraint case_conferences_held_check check ((held_at is null) = (outcome = '')),
  constraint case_conferences_ended_check check (held_at is null or cancelled_at is null)
);
create index case_conferences_case on case_conferences (centre_id, case_id, scheduled_at, id);
select case_file('case_conferences', 'case_conference', array['purpose', 'participants', 'decisions', 'cancel_reason']);

-- Who reads the file for a conference, and from when until when.
create table case_invitations (
  centre_id  uuid not null,
  id         uuid not null,
  version    bigint not null,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  case_id    uuid not null,
  conference_id uuid not null,
  user_id    uuid not null references users (id),
  from_at    timestamptz not null,
  until_at   timestamptz not null,
  ended_at   timestamptz,
  invited_by uuid references users (id),
  primary key (centre_id, id),
  constraint case_invitations_conference_fk foreign key (centre_id, conference_id) references case_conferences (centre_id, id),
  constraint case_invitations_case_fk foreign key (centre_id, case_id) references cases (centre_id, id),
  constraint case_invitations_times_check check (from_at < until_at)
);
create unique index case_invitations_user_key on case_invitations (centre_id, conference_id, user_id) where ended_at is null;
create index case_invitations_user on case_invitations (user_id, centre_id) where ended_at is null;
create index case_invitations_conference on case_invitations (centre_id, conference_id, id);
select case_file('case_invitations', 'case_invitation');

-- The files that the caller works on: as one of the team, or behind broken glass.
-- +goose StatementBegin
create function cases_worked_by_actor() returns uuid[] language sql stable set app.need_to_know = 'lifted' as
$$ select coalesce(array_agg(case_id), '{}') from (
     select case_id from case_team where centre_id = any (scope_centres()) and user_id = scope_actor() and ended_at is null
     union select case_id from break_glass_grants where centre_id = any (scope_centres()) and opened_by = scope_actor() and until_at > now()) mine $$;

-- And those that the caller reads, because a conference needs it.
create function cases_of_actor() returns uuid[] language sql stable set app.need_to_know = 'lifted' as
$$ select cases_worked_by_actor() || coalesce(array_agg(case_id), '{}') from case_invitations
   where centre_id = any (scope_centres()) and user_id = scope_actor() and ended_at is null and now() >= from_at and now() < until_at $$;

create function cases_walled_from_actor() returns uuid[] language sql stable set app.need_to_know = 'lifted' as
$$ select coalesce(array_agg(case_id), '{}') from case_walls
   where centre_id = any (scope_centres()) and user_id = scope_actor() and ended_at is null $$;
-- +goose StatementEnd

create policy need_to_know on cases as restrictive for select using ((select need_to_know_lifted())
  or ((sensitivity <> 'restricted' or id = any ((select cases_of_actor())::uuid[]))
    and id <> all ((select cases_walled_from_actor())::uuid[])));

-- Whoever judges a broken glass must not be one whom the file is kept from.
create policy need_to_know on break_glass_grants as restrictive for select using ((select need_to_know_lifted())
  or case_id <> all ((select cases_walled_from_actor())::uuid[]));

-- Whoever registers a restricted need may write it; who reads a file of the person's as one of its own reads it back.
create policy need_to_know on specific_needs as restrictive for select using (
  sensitivity <> 'restricted' or exists (
    select 1 from cases c where c.id = any ((select cases_of_actor())::uuid[])
      and c.centre_id = specific_needs.centre_id and c.beneficiary_id = specific_needs.beneficiary_id));

-- The change feed keeps a wall too: an event says whose file it is about.
create policy events_read on events for select using (
  (centre_id = any ((select scope_centres())::uuid[]) or organisation_id = (select scope_organisation())
    or (centre_id = '00000000-0000-0000-0000-000000000000' and (select scope_network())))
  and (case_id is null or case_id <> all ((select cases_walled_from_actor())::uuid[]))
  and (resource <> 'case' or subject_id <> all ((select cases_walled_from_actor())::uuid[])));

-- Every transition, for good.
create table case_transitions (
  centre_id   uuid not null,
  id          uuid not null,
  version     bigint not null,
  created_at  timestamptz not null,
  updated_at  timestamptz not null,
  case_id     uuid not null,
  verb        text not null,
  from_status text not null,
  to_status   text not null,
  by_id       uuid,                          -- null: the system
  reason      text not null default '',
  reason_code text not null default '',      -- of a closure
  risk_level  text not null,                 -- as it was then
  owner_id    uuid,                          -- likewise
  primary key (centre_id, id),
  constraint case_transitions_case_fk foreign key (centre_id, case_id) references cases (centre_id, id)
);
create index case_transitions_case on case_transitions (centre_id, case_id, created_at, id);
select case_file('case_transitions', hide => array['reason'], append_only => true);

-- What needs a second person: a closure, a plan, work without consent.
create table case_approvals (
  centre_id    uuid not null,
  id           uuid not null,
  version      bigint not null,
  created_at   timestamptz not null,
  updated_at   timestamptz not null,
  case_id      uuid not null,
  kind         text not null,                -- closure | consent_override | plan
  subject_id   uuid,                         -- the plan
  status       text not null,                -- code list approval_status
  reason       text not null default '',
  details      jsonb not null default '{}',
  requested_by uuid,                         -- null: the system
  decided_by   uuid,                         -- null: open, or the SOP asks for nobody
  decided_at   timestamptz,
  comment      text not null default '',
  primary key (centre_id, id),
  constraint case_approvals_case_fk foreign key (centre_id, case_id) references cases (centre_id, id),
  constraint case_approvals_status_check check (status in ('requested', 'pending', 'approved', 'rejected')),
  constraint case_approvals_four_eyes_check check (decided_by <> requested_by)
);
create index case_approvals_case on case_approvals (centre_id, case_id, id);
create unique index case_approvals_open_key on case_approvals (centre_id, case_id, kind) where status = 'requested';
select case_file('case_approvals', 'case_approval', array['reason', 'details', 'comment']);

create table case_plans (
  centre_id    uuid not null,
  id           uuid not null,
  version      bigint not null,
  created_at   timestamptz not null,
  updated_at   timestamptz not null,
  case_id      uuid not null,
  number       int not null,                 -- the version of the plan, from 1
  status       text not null,
  summary      text not null default '',
  review_on    date,
  agreed       boolean not null default false, -- by the person
  agreed_on    date,
  copy_given   boolean not null default false, -- the person has a copy
  revises_id   uuid,                         -- the version it was copied from
  revision_reason text not null default '',
  created_by   uuid,
  activated_by uuid,
  activated_at timestamptz,
  ended_at     timestamptz,                  -- superseded or completed
  primary key (centre_id, id),
  constraint case_plans_case_fk foreign key (centre_id, case_id) references cases (centre_id, id),
  constraint case_plans_number_key unique (centre_id, case_id, number),
  constraint case_plans_status_check check (status in ('draft', 'active', 'superseded', 'completed')),
  constraint case_plans_agreed_check check (status = 'draft' or (agreed and agreed_on is not null))
);
create unique index case_plans_active_key on case_plans (centre_id, case_id) where status = 'active';
create unique index case_plans_draft_key on case_plans (centre_id, case_id) where status = 'draft';
select case_file('case_plans', 'case_plan', array['summary', 'revision_reason']);

create table case_goals (
  centre_id     uuid not null,
  id            uuid not null,
  version       bigint not null,
  created_at    timestamptz not null,
  updated_at    timestamptz not null,
  case_id       uuid not null,
  plan_id       uuid not null,
  description   text not null,
  progress      text not null,               -- code list case_goal_progress
  progress_note text not null default '',
  target_on     date,
  copied_from   uuid,                        -- the same goal in the plan's earlier version
  primary key (centre_id, id),
  constraint case_goals_case_fk foreign key (centre_id, case_id) references cases (centre_id, id),
  constraint case_goals_plan_fk foreign key (centre_id, plan_id) references case_plans (centre_id, id)
);
create index case_goals_plan on case_goals (centre_id, plan_id, id);
create index case_goals_case on case_goals (centre_id, case_id, id);
select case_file('case_goals', 'case_goal', array['description', 'progress_note']);

create table case_actions (
  centre_id      uuid not null,
  id             uuid not null,
  version        bigint not null,
  created_at     timestamptz not null,
  updated_at     timestamptz not null,
  case_id        uuid not null,
  plan_id        uuid not null,
  goal_id        uuid,
  description    text not null default '',
  service_type   text not null default '',   -- code list service_type
  responsible_id uuid references users (id),
  responsible    text not null default '',   -- who else: the person, a partner
  due_on         date not null,
  status         text not null,
  done_on        date,
  outcome        text not null default '',
  copied_from    uuid,
  primary key (centre_id, id),
  constraint case_actions_case_fk foreign key (centre_id, case_id) references cases (centre_id, id),
  constraint case_actions_plan_fk foreign key (centre_id, plan_id) references case_plans (centre_id, id),
  constraint case_actions_goal_fk foreign key (centre_id, goal_id) references case_goals (centre_id, id),
  constraint case_actions_status_check check (status in ('planned', 'in_progress', 'done', 'dropped'))
);
create index case_actions_plan on case_actions (centre_id, plan_id, id);
create index case_actions_case on case_actions (centre_id, case_id, id);
select case_file('case_actions', 'case_action', array['description', 'responsible', 'outcome']);

create table case_notes (
  centre_id   uuid not null,
  id          uuid not null,
  version     bigint not null,
  created_at  timestamptz not null,
  updated_at  timestamptz not null,
  case_id     uuid not null,
  author_id   uuid not null,
  text        text not null,
  occurred_at timestamptz not null,
  late        boolean not null,              -- written long after it happened; see the SOP
  edited_at   timestamptz,
  void_reason text not null default '',
  voided_at   timestamptz,
  voided_by   uuid,
  primary key (centre_id, id),
  constraint case_notes_case_fk foreign key (centre_id, case_id) references cases (centre_id, id)
);
create index case_notes_case on case_notes (centre_id, case_id, occurred_at, id);
select case_file('case_notes', 'case_note', array['text', 'void_reason']);

-- What a note said before each edit.
create table case_note_versions (
  centre_id   uuid not null,
  id          uuid not null,
  version     bigint not null,
  created_at  timestamptz not null,
  updated_at  timestamptz not null,
  case_id     uuid not null,
  note_id     uuid not null,
  number      bigint not null,               -- the version of the note that said so
  text        text not null,
  occurred_at timestamptz not null,
  written_at  timestamptz not null,
  primary key (centre_id, id),
  constraint case_note_versions_note_fk foreign key (centre_id, note_id) references case_notes (centre_id, id),
  constraint case_note_versions_number_key unique (centre_id, note_id, number)
);
select case_file('case_note_versions', hide => array['text'], append_only => true);

create table case_followups (
  centre_id    uuid not null,
  id           uuid not null,
  version      bigint not null,
  created_at   timestamptz not null,
  updated_at   timestamptz not null,
  case_id      uuid not null,
  type         text not null,                -- code list case_followup_type
  due_at       timestamptz not null,
  responsible_id uuid references users (id),
  done_at      timestamptz,
  done_by      uuid,
  outcome      text not null default '',
  need         text not null default '',     -- code list case_followup_need
  void_reason  text not null default '',
  voided_at    timestamptz,
  primary key (centre_id, id),
  constraint case_followups_case_fk foreign key (centre_id, case_id) references cases (centre_id, id),
  constraint case_followups_done_check check ((done_at is null) = (need = ''))
);
create index case_followups_case on case_followups (centre_id, case_id, due_at, id);
select case_file('case_followups', 'case_followup', array['outcome', 'void_reason']);

-- Attempts to reach the person, successful or not: the evidence behind a closure for lost contact.
create table case_contact_attempts (
  centre_id   uuid not null,
  id          uuid not null,
  version     bigint not null,
  created_at  timestamptz not null,
  updated_at  timestamptz not null,
  case_id     uuid not null,
  followup_id uuid not null,
  at          timestamptz not null,
  method      text not null,
  note        text not null default '',
  by_id       uuid not null,
  primary key (centre_id, id),
  constraint case_contact_attempts_followup_fk foreign key (centre_id, followup_id) references case_followups (centre_id, id),
  constraint case_contact_attempts_method_check check (method in ('phone', 'message', 'visit', 'family', 'partner', 'other'))
);
create index case_contact_attempts_case on case_contact_attempts (centre_id, case_id, at);
create index case_contact_attempts_followup on case_contact_attempts (centre_id, followup_id, id);
select case_file('case_contact_attempts', hide => array['note'], append_only => true);

-- +goose Down
drop policy need_to_know on specific_needs;
drop policy events_read on events;
drop table case_contact_attempts, case_followups, case_note_versions, case_notes, case_actions, case_goals, case_plans, case_approvals, case_transitions, case_invitations, case_conferences, case_walls, break_glass_grants, case_team, case_counters, cases;
drop function case_file_event, case_file, cases_of_actor, cases_worked_by_actor, cases_walled_from_actor, need_to_know_lifted;
