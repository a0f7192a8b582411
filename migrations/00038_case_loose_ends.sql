-- Assessments that were taken back or carry attachments, notes that call somebody's attention, overrides that end, and
-- restricted files that nobody is left to work on.

-- +goose Up

-- A draft is taken back by whoever wrote it, a completed assessment by two people. What it said stays.
alter table case_assessments
  add column void_reason text not null default '',
  add column voided_at   timestamptz,
  add column voided_by   uuid,
  drop constraint case_assessments_amends_key,
  drop constraint case_assessments_status_check,
  drop constraint case_assessments_completed_check,
  add constraint case_assessments_status_check check (status in ('draft', 'completed', 'superseded', 'void')),
  add constraint case_assessments_completed_check check (status = 'void' or (status = 'draft') = (completed_at is null)),
  add constraint case_assessments_void_check check ((status = 'void') = (voided_at is not null)),
  add constraint case_assessments_file_key unique (centre_id, case_id, id);
create unique index case_assessments_amends_key on case_assessments (centre_id, amends_id) where status <> 'void';
drop trigger frozen on case_assessments;
create trigger frozen after update or delete on case_assessments for each row when (current_user = 'waystation_app')
  execute function frozen('draft', '{status,void_reason,voided_at,voided_by}');
drop trigger trail on case_assessments;
create trigger trail after insert or update or delete on case_assessments for each row
  execute function trail_row('', '{answers,summary,outcome,amend_reason,void_reason}');

-- What was brought to an assessment is attached to it, within its case.
alter table attachments add column assessment_id uuid,
  add constraint attachments_assessment_fk foreign key (centre_id, case_id, assessment_id) references case_assessments (centre_id, case_id, id),
  add constraint attachments_assessment_check check (assessment_id is null or case_id is not null);
create index attachments_assessment on attachments (centre_id, assessment_id) where assessment_id is not null;

alter table case_notes add column mentions uuid[] not null default '{}'; -- whose attention it asks for

-- An override of consent ends.
alter table cases add column consent_override_until date, -- its last day
  add constraint cases_consent_override_check check (consent_basis = 'consent' or consent_override_until is not null) not valid;
create index cases_overridden on cases (centre_id, id) where consent_override_until is not null and status in ('draft', 'open', 'on_hold', 'pending_closure');
create index case_transfers_waiting on case_transfers (target_centre_id, id) where status = 'requested';

-- The work list holds these two as well: work without consent that must end, and cases that other centres offer.
alter view worklist rename to worklist_of_files;
create view worklist with (security_invoker = true) as
  select * from worklist_of_files
  union all
  select w.centre_id, w.id, w.kind, w.resource, w.code, w.case_id, w.case_number, w.beneficiary_id, w.risk_level, w.owner_id, w.user_id, w.roles, null::uuid, w.due_at,
    case when w.due_at < now() then 'overdue'
      when w.due_at <= ((now() at time zone z.time_zone)::date + 1)::timestamp at time zone z.time_zone then 'due_today'
      else 'upcoming' end,
    (to_char(w.due_at at time zone 'UTC', 'YYYYMMDDHH24MISSUS') || w.kind) collate "C"
  from (
    select c.centre_id, c.id, 'consent_override' as kind, 'case' as resource, c.consent_basis as code, c.id as case_id, c.number as case_number, c.beneficiary_id, c.risk_level,
      c.owner_id, c.owner_id as user_id, case when c.owner_id is null then '{case_supervisor}'::text[] else '{}' end as roles,
      (c.consent_override_until + 1)::timestamp at time zone zone.time_zone as due_at
    from cases c join centres zone on zone.id = c.centre_id
    where c.consent_override_until is not null and c.status in ('draft', 'open', 'on_hold', 'pending_closure')
    union all
    select t.target_centre_id, t.id, 'incoming_transfer', 'incoming_transfer', t.status, null, '', null, coalesce(t.preview->>'risk_level', ''), null, null, '{case_supervisor}',
      t.created_at + make_interval(hours => coalesce((s.policy->'alerts'->>'approval_hours')::int, 48))
    from case_transfers t left join sops s on s.centre_id = t.target_centre_id and s.status = 'active'
    where t.status = 'requested') w
  join centres z on z.id = w.centre_id;
grant select on worklist to waystation_app;

-- A restricted file that nobody works on any more still runs late: supervisors and the data-protection officer, who learn of a broken
-- glass too, are told that a file needs a team; one from whom it is kept is not.
drop policy need_to_know on tasks;
create policy need_to_know on tasks as restrictive for select using (
  case_id is null or (select need_to_know_lifted()) or exists (select 1 from cases c where c.centre_id = tasks.centre_id and c.id = tasks.case_id)
  or (kind in ('break_glass_review', 'unattended_case') and case_id <> all ((select cases_walled_from_actor())::uuid[])));

-- +goose Down
drop policy need_to_know on tasks;
create policy need_to_know on tasks as restrictive for select using (
  case_id is null or (select need_to_know_lifted()) or exists (select 1 from cases c where c.centre_id = tasks.centre_id and c.id = tasks.case_id)
  or (kind = 'break_glass_review' and case_id <> all ((select cases_walled_from_actor())::uuid[])));
drop view worklist;
alter view worklist_of_files rename to worklist;
drop index case_transfers_waiting, cases_overridden;
alter table cases drop column consent_override_until;
alter table case_notes drop column mentions;
alter table attachments drop column assessment_id;
drop trigger trail on case_assessments;
create trigger trail after insert or update or delete on case_assessments for each row
  execute function trail_row('', '{answers,summary,outcome,amend_reason}');
drop trigger frozen on case_assessments;
create trigger frozen after update or delete on case_assessments for each row when (current_user = 'waystation_app')
  execute function frozen('draft', '{status}');
drop index case_assessments_amends_key;
alter table case_assessments
  drop constraint case_assessments_file_key,
  drop constraint case_assessments_void_check,
  drop constraint case_assessments_completed_check,
  drop constraint case_assessments_status_check,
  add constraint case_assessments_amends_key unique (centre_id, amends_id),
  add constraint case_assessments_status_check check (status in ('draft', 'completed', 'superseded')),
  add constraint case_assessments_completed_check check ((status = 'draft') = (completed_at is null)),
  drop column void_reason, drop column voided_at, drop column voided_by;
