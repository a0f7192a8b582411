-- How every case stood, for good: what a centre's reports are counted from, so that a period that is over stays as it was.

-- +goose Up
create table case_states (
  centre_id      uuid not null,
  id             bigint generated always as identity, -- in the order in which a case changed
  at             timestamptz not null default clock_timestamp(),
  case_id        uuid not null,
  status         text not null,
  sensitivity    text not null,
  owner_id       uuid,
  closure_reason text not null,
  run            int not null,               -- 0, and one more each time it was reopened
  assign_due_at     timestamptz,
  response_due_at   timestamptz,
  assessment_due_at timestamptz,
  plan_due_at       timestamptz,
  followup_due_at   timestamptz,
  responded      boolean not null,           -- whatever the time that somebody gave for it: recorded by now
  assessed       boolean not null,
  planned        boolean not null,
  followed_up_at timestamptz,                -- one that is later than before: a follow-up was recorded
  primary key (centre_id, id),
  constraint case_states_case_fk foreign key (centre_id, case_id) references cases (centre_id, id)
);
create index case_states_case on case_states (centre_id, case_id, id);
-- What changed or fell due in a time is found by either end of it, whatever came before or since. (A range would need one index,
-- and it would lie idle: its operators are not leakproof, and the table stands behind row-level security.)
create index case_states_at on case_states (centre_id, at);
create index case_states_assign on case_states (centre_id, assign_due_at) where assign_due_at is not null;
create index case_states_response on case_states (centre_id, response_due_at) where response_due_at is not null;
create index case_states_assessment on case_states (centre_id, assessment_due_at) where assessment_due_at is not null;
create index case_states_plan on case_states (centre_id, plan_due_at) where plan_due_at is not null;
create index case_states_followup on case_states (centre_id, followup_due_at) where followup_due_at is not null;
select confine('case_states');
create policy need_to_know on case_states as restrictive for select using ((select need_to_know_lifted()) or exists (
  select 1 from cases c where c.centre_id = case_states.centre_id and c.id = case_states.case_id));
grant select, insert on case_states to waystation_app;

-- +goose StatementBegin
create function case_stands() returns trigger language plpgsql as $$
begin
  if tg_op = 'UPDATE' and
    (old.status, old.sensitivity, old.owner_id, old.closure_reason, old.reopened_count, old.assign_due_at, old.response_due_at, old.assessment_due_at, old.plan_due_at,
      old.followup_due_at, old.responded_at is null, old.assessed_at is null, old.planned_at is null, old.followed_up_at)
    is not distinct from
    (new.status, new.sensitivity, new.owner_id, new.closure_reason, new.reopened_count, new.assign_due_at, new.response_due_at, new.assessment_due_at, new.plan_due_at,
      new.followup_due_at, new.responded_at is null, new.assessed_at is null, new.planned_at is null, new.followed_up_at) then
    return null;
  end if;
  insert into case_states (centre_id, case_id, status, sensitivity, owner_id, closure_reason, run, assign_due_at, response_due_at, assessment_due_at, plan_due_at, followup_due_at,
      responded, assessed, planned, followed_up_at)
    values (new.centre_id, new.id, new.status, new.sensitivity, new.owner_id, new.closure_reason, new.reopened_count, new.assign_due_at, new.response_due_at, new.assessment_due_at,
      new.plan_due_at, new.followup_due_at, new.responded_at is not null, new.assessed_at is not null, new.planned_at is not null, new.followed_up_at);
  return null;
end $$;
create trigger stands after insert or update on cases for each row execute function case_stands();

-- What a report is counted from: how the cases that changed or had something due in that time stood at every moment before
-- until. Restricted ones are left out, whoever asks, as of until: what becomes restricted later does not change a figure. What is
-- kept from the caller by name is left out of theirs, or a file could be found by subtraction.
create function case_history(centre uuid, since timestamptz, until timestamptz) returns setof case_states
language sql stable set app.need_to_know = 'lifted' as $$
  with touched as (
    select case_id from case_states s where s.centre_id = centre and s.at >= since and s.at < until
    union select case_id from case_states s where s.centre_id = centre and s.assign_due_at >= since and s.assign_due_at < until
    union select case_id from case_states s where s.centre_id = centre and s.response_due_at >= since and s.response_due_at < until
    union select case_id from case_states s where s.centre_id = centre and s.assessment_due_at >= since and s.assessment_due_at < until
    union select case_id from case_states s where s.centre_id = centre and s.plan_due_at >= since and s.plan_due_at < until
    union select case_id from case_states s where s.centre_id = centre and s.followup_due_at >= since and s.followup_due_at < until)
  select s.* from touched
  cross join lateral (select sensitivity from case_states l where l.centre_id = centre and l.case_id = touched.case_id and l.at < until order by l.id desc limit 1) at_last
  join case_states s on s.centre_id = centre and s.case_id = touched.case_id and s.at < until
  where at_last.sensitivity <> 'restricted' and touched.case_id <> all ((select cases_walled_from_actor())::uuid[])
$$;

-- The last judgement of every goal that was judged in the time, with the case's owner of that moment. A goal that was
-- copied into a new version of a plan stays one goal.
create function goals_judged(centre uuid, since timestamptz, until timestamptz) returns table (owner_id uuid, progress text)
language sql stable set app.need_to_know = 'lifted' as $$
  with recursive judged as (
    select e.* from case_evaluations e where e.centre_id = centre and e.created_at >= since and e.created_at < until),
  line (goal_id, first_id) as (
    select goal_id, goal_id from judged
    union
    select l.goal_id, g.copied_from from line l join case_goals g on g.centre_id = centre and g.id = l.first_id where g.copied_from is not null),
  goal as (select distinct on (l.goal_id) l.goal_id, l.first_id from line l join case_goals g on g.centre_id = centre and g.id = l.first_id and g.copied_from is null),
  final as (select distinct on (g.first_id) j.case_id, j.progress, j.created_at from judged j join goal g on g.goal_id = j.goal_id order by g.first_id, j.created_at desc, j.id desc)
  select (select s.owner_id from case_states s where s.centre_id = centre and s.case_id = f.case_id and s.at <= f.created_at order by s.id desc limit 1), f.progress
  from final f
  where (select s.sensitivity from case_states s where s.centre_id = centre and s.case_id = f.case_id and s.at < until order by s.id desc limit 1) <> 'restricted'
    and f.case_id <> all ((select cases_walled_from_actor())::uuid[])
$$;

-- Who carries how many cases of which risk, weighted; restricted ones left out, whoever asks, and those that are kept from the caller.
create function caseloads_by_risk(weights jsonb) returns table (centre_id uuid, user_id uuid, risk_level text, cases int, load float8)
language sql stable set app.need_to_know = 'lifted' as
$$ select c.centre_id, c.owner_id, c.risk_level, count(*)::int, count(*) * coalesce((weights->>c.risk_level)::float8, (weights->>'medium')::float8) from cases c
   where c.centre_id = any (scope_centres()) and c.status in ('draft', 'open', 'on_hold', 'pending_closure') and c.sensitivity <> 'restricted'
     and c.id <> all ((select cases_walled_from_actor())::uuid[]) group by 1, 2, 3 $$;
-- +goose StatementEnd
create index case_evaluations_recorded on case_evaluations (centre_id, created_at);

-- Cases that are there already begin their history now.
insert into case_states (centre_id, case_id, status, sensitivity, owner_id, closure_reason, run, assign_due_at, response_due_at, assessment_due_at, plan_due_at, followup_due_at,
    responded, assessed, planned, followed_up_at)
  select centre_id, id, status, sensitivity, owner_id, closure_reason, reopened_count, assign_due_at, response_due_at, assessment_due_at, plan_due_at, followup_due_at,
    responded_at is not null, assessed_at is not null, planned_at is not null, followed_up_at from cases;

-- +goose Down
drop index case_evaluations_recorded;
drop function caseloads_by_risk, goals_judged, case_history;
drop trigger stands on cases;
drop function case_stands;
drop table case_states;
