-- What a plan costs, the copy that the person has, and how its goals are judged.

-- +goose Up
alter table case_plans
  add column agreement_recorded_at timestamptz,        -- an approval counts from here on
  add column copy_given_on date,                       -- the last copy
  add column copy_given_by uuid,
  add column copy_language text not null default '',
  add column evaluation_id uuid;                       -- that led to this version

alter table case_actions
  add column cost numeric(13, 4),
  add column currency text not null default '',        -- ISO 4217
  add column funding_source text not null default '',
  add constraint case_actions_cost_check check (cost >= 0 and (cost is null) = (currency = ''));

alter table case_goals add column review_on date;      -- when its progress is judged next

create table case_evaluations (
  centre_id    uuid not null,
  id           uuid not null,
  version      bigint not null,
  created_at   timestamptz not null,
  updated_at   timestamptz not null,
  case_id      uuid not null,
  plan_id      uuid not null,
  goal_id      uuid not null,
  progress     text not null,                -- code list case_goal_progress
  reason       text not null,
  evaluated_on date not null,
  review_on    date,
  evaluated_by uuid,
  primary key (centre_id, id),
  constraint case_evaluations_case_fk foreign key (centre_id, case_id) references cases (centre_id, id),
  constraint case_evaluations_plan_fk foreign key (centre_id, plan_id) references case_plans (centre_id, id),
  constraint case_evaluations_goal_fk foreign key (centre_id, goal_id) references case_goals (centre_id, id)
);
create index case_evaluations_case on case_evaluations (centre_id, case_id, created_at, id);
create index case_evaluations_goal on case_evaluations (centre_id, goal_id);
select case_file('case_evaluations', 'case_evaluation', array['reason'], append_only => true);
select chronicle('case_evaluations', 'case_evaluation', '{"judged": "evaluated_on"}', '{progress}');
alter table case_plans add constraint case_plans_evaluation_fk foreign key (centre_id, evaluation_id) references case_evaluations (centre_id, id);

-- What was agreed with a person stays as it was agreed. The arguments name what may still change once
-- the plan is no draft.
create trigger frozen after update or delete on case_plans for each row when (current_user = 'waystation_app')
  execute function frozen('draft', '{status,ended_at,copy_given,copy_given_on,copy_given_by,copy_language}');
-- +goose StatementBegin
create function agreed() returns trigger language plpgsql as $$
declare
  free constant text[] := tg_argv[0]::text[] || array['version', 'updated_at'];
begin
  if tg_op = 'DELETE' then
    raise exception 'rows of % stay', tg_table_name using errcode = 'restrict_violation';
  end if;
  if tg_op = 'UPDATE' and (to_jsonb(new) - free) = (to_jsonb(old) - free) then return null; end if;
  if exists (select from case_plans p where p.centre_id = new.centre_id and p.status <> 'draft'
      and p.id in (new.plan_id, case tg_op when 'UPDATE' then old.plan_id end)) then
    raise exception '% of an agreed plan do not change', tg_table_name using errcode = 'restrict_violation';
  end if;
  return null;
end $$;
-- +goose StatementEnd
create trigger agreed after insert or update or delete on case_goals for each row when (current_user = 'waystation_app')
  execute function agreed('{progress,progress_note,review_on}');
create trigger agreed after insert or update or delete on case_actions for each row when (current_user = 'waystation_app')
  execute function agreed('{status,done_on,outcome,responsible_id}');

-- +goose Down
drop trigger agreed on case_actions;
drop trigger agreed on case_goals;
drop function agreed;
drop trigger frozen on case_plans;
alter table case_plans drop column evaluation_id;
drop table case_evaluations;
alter table case_goals drop column review_on;
alter table case_actions drop column cost, drop column currency, drop column funding_source;
alter table case_plans drop column agreement_recorded_at, drop column copy_given_on, drop column copy_given_by, drop column copy_language;
