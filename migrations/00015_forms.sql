-- Forms as data, and what a case file holds beside plans and notes: assessments, problems, evaluations,
-- best-interest procedures.

-- +goose Up

-- The network's forms: written from the files of the product when it migrates, read by everybody.
create table shipped_forms (
  id           uuid primary key,
  key          text not null,
  number       int not null,
  kind         text not null,                -- code list form_kind
  title        text not null,
  description  text not null,
  language     text not null,
  schema       json not null,                -- json, not jsonb: the order of the keys is that of the questions
  ui_schema    json not null,
  translations jsonb not null,
  created_at   timestamptz not null default clock_timestamp(),
  constraint shipped_forms_number_key unique (key, number)
);
grant select on shipped_forms to waystation_app;

-- A centre's own forms. Once published, only their end is written.
create table forms (
  centre_id    uuid not null references centres (id),
  id           uuid not null,
  version      bigint not null,
  created_at   timestamptz not null,
  updated_at   timestamptz not null,
  key          text not null,
  number       int not null,
  kind         text not null,                -- code list form_kind
  title        text not null,
  description  text not null default '',
  language     text not null,
  status       text not null,
  schema       json not null,
  ui_schema    json not null,
  translations jsonb not null,
  based_on     uuid,                         -- own or the network's
  created_by   uuid,
  published_by uuid,
  published_at timestamptz,
  ended_at     timestamptz,
  primary key (centre_id, id),
  constraint forms_number_key unique (centre_id, key, number),
  constraint forms_status_check check (status in ('draft', 'published', 'superseded', 'retired'))
);
create unique index forms_published_key on forms (centre_id, key) where status = 'published';
select protect('forms', 'form', array['schema', 'ui_schema', 'translations']);

-- What is finished stays as it is. The arguments name the status of a draft and the columns that may
-- still change; the server's role deletes no such row either.
-- +goose StatementBegin
create function frozen() returns trigger language plpgsql as $$
declare
  free constant text[] := tg_argv[1]::text[] || array['version', 'updated_at'];
begin
  if tg_op = 'DELETE' then
    raise exception 'rows of % stay', tg_table_name using errcode = 'restrict_violation';
  end if;
  if old.status <> tg_argv[0] and (to_jsonb(new) - free) <> (to_jsonb(old) - free) then
    raise exception '% that is % does not change', tg_table_name, old.status using errcode = 'restrict_violation';
  end if;
  return null;
end $$;
-- +goose StatementEnd
create trigger frozen after update or delete on forms for each row when (current_user = 'waystation_app')
  execute function frozen('draft', '{status,ended_at}');

-- The forms that a centre finds. Its own version of a shipped form takes that one's place.
create view centre_forms with (security_invoker = true) as
  select f.*, 'centre' as origin, f.status = 'published' as in_force from forms f
  union all
  select c.centre_id, s.id, 1, s.created_at, s.created_at, s.key, s.number, s.kind, s.title, s.description, s.language, 'published', s.schema, s.ui_schema,
    s.translations, null, null, null, s.created_at, null, 'network',
    s.number = (select max(number) from shipped_forms n where n.key = s.key)
      and not exists (select from forms f where f.centre_id = c.centre_id and f.key = s.key and f.status = 'published')
  from shipped_forms s cross join unnest((select scope_centres())::uuid[]) c (centre_id);
grant select on centre_forms to waystation_app;

alter table cases add column assessed_at timestamptz; -- the first assessment completed since it was opened

create table case_assessments (
  centre_id    uuid not null,
  id           uuid not null,
  version      bigint not null,
  created_at   timestamptz not null,
  updated_at   timestamptz not null,
  case_id      uuid not null,
  kind         text not null,                -- code list form_kind, that of the form
  form_id      uuid not null,                -- the version that asked
  form_origin  text not null,                -- network | centre
  own_form_id  uuid generated always as (case when form_origin = 'centre' then form_id end) stored,
  shipped_form_id uuid generated always as (case when form_origin = 'network' then form_id end) stored,
  status       text not null,
  answers      jsonb not null,
  assessor_id  uuid not null,
  interview_language text not null default '',
  interpreter_used boolean,
  started_at   timestamptz not null,
  completed_at timestamptz,
  completed_by uuid,
  summary      text not null default '',
  outcome      text not null default '',
  suggested_risk text not null default '',   -- code list case_risk_level; a suggestion and no more
  risk_level   text not null default '',     -- what the person who completed it decided
  amends_id    uuid,                         -- the version that it corrects
  amend_reason text not null default '',
  primary key (centre_id, id),
  constraint case_assessments_case_fk foreign key (centre_id, case_id) references cases (centre_id, id),
  constraint case_assessments_form_fk foreign key (centre_id, own_form_id) references forms (centre_id, id),
  constraint case_assessments_shipped_form_fk foreign key (shipped_form_id) references shipped_forms (id),
  constraint case_assessments_amends_fk foreign key (centre_id, amends_id) references case_assessments (centre_id, id),
  constraint case_assessments_amends_key unique (centre_id, amends_id),
  constraint case_assessments_status_check check (status in ('draft', 'completed', 'superseded')),
  constraint case_assessments_form_check check (form_origin in ('network', 'centre')),
  constraint case_assessments_completed_check check ((status = 'draft') = (completed_at is null))
);
create index case_assessments_case on case_assessments (centre_id, case_id, started_at, id);
select case_file('case_assessments', 'case_assessment', array['answers', 'summary', 'outcome', 'amend_reason']);
create trigger frozen after update or delete on case_assessments for each row when (current_user = 'waystation_app')
  execute function frozen('draft', '{status}');

select chronicle('case_assessments', 'case_assessment', '{"started": "started_at", "completed": "completed_at"}', '{kind}');

-- What is wrong, as the person and the worker see it. A restricted problem is for the case team alone.
create table case_problems (
  centre_id     uuid not null,
  id            uuid not null,
  version       bigint not null,
  created_at    timestamptz not null,
  updated_at    timestamptz not null,
  case_id       uuid not null,
  code          text not null,               -- code list case_problem
  description   text not null default '',
  sensitivity   text not null,
  status        text not null,
  since         date,
  assessment_id uuid,                        -- that found it
  recorded_by   uuid,
  resolved_on   date,
  resolution    text not null default '',
  primary key (centre_id, id),
  constraint case_problems_case_fk foreign key (centre_id, case_id) references cases (centre_id, id),
  constraint case_problems_assessment_fk foreign key (centre_id, assessment_id) references case_assessments (centre_id, id),
  constraint case_problems_sensitivity_check check (sensitivity in ('normal', 'sensitive', 'restricted')),
  constraint case_problems_status_check check (status in ('active', 'resolved')),
  constraint case_problems_resolved_check check ((status = 'resolved') = (resolved_on is not null))
);
create index case_problems_case on case_problems (centre_id, case_id, id);
select case_file('case_problems', null, array['code', 'description', 'sensitivity', 'resolution']);

-- A restricted problem is silent in the change feed; one that becomes restricted is gone from it.
-- +goose StatementBegin
create function case_problem_gone() returns trigger language plpgsql as $$
begin
  insert into events (centre_id, type, resource, subject_id, version)
    select new.centre_id, 'case_problem.deleted', 'case_problem', new.id, new.version
    from cases c where c.centre_id = new.centre_id and c.id = new.case_id and c.sensitivity <> 'restricted';
  return null;
end $$;
-- +goose StatementEnd
create trigger feed after insert or update on case_problems for each row when (new.sensitivity <> 'restricted')
  execute function case_file_event('case_problem');
create trigger feed_gone after update on case_problems for each row when (new.sensitivity = 'restricted' and old.sensitivity <> 'restricted')
  execute function case_problem_gone();
create policy restricted_problem on case_problems as restrictive for select using (
  sensitivity <> 'restricted' or (select need_to_know_lifted()) or case_id = any ((select cases_of_actor())::uuid[]));

alter table case_goals add column problem_id uuid, -- that the goal answers
  add constraint case_goals_problem_fk foreign key (centre_id, problem_id) references case_problems (centre_id, id);

-- One waits for each thing that is asked for: two assessments may wait side by side.
drop index case_approvals_open_key;
create unique index case_approvals_open_key on case_approvals (centre_id, case_id, kind, coalesce(subject_id, case_id)) where status = 'requested';
create index case_approvals_waiting on case_approvals (centre_id, created_at, id) where status = 'requested';

-- +goose Down
drop table case_problems, case_assessments cascade; -- and with them what a goal says of its problem
alter table case_goals drop column problem_id;
alter table cases drop column assessed_at;
drop view centre_forms;
drop table forms, shipped_forms;
drop function case_problem_gone, frozen;
