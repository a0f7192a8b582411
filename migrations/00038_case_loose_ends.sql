-- Assessments that were taken back or carry attachments, and notes that call somebody's attention.

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

-- +goose Down
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
