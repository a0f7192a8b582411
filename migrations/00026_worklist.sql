-- What waits for somebody: one list over the files that are worked on, and alerts that climb.

-- +goose Up

-- How often an alert has climbed; null: an ordinary task.
alter table tasks add column level int;

-- Everything below begins from the cases under way, so that those that have ended cost nothing.
create index cases_under_way on cases (centre_id, id) where status in ('draft', 'open', 'on_hold', 'pending_closure');
create index case_followups_waiting on case_followups (centre_id, case_id) where done_at is null and voided_at is null;
create index tasks_waiting on tasks (centre_id, case_id, key) where status = 'open';
create index referrals_in_hand on referrals (centre_id, case_id) where resolved_at is null and status not in ('draft', 'completed', 'revoked');
create index tasks_unattended on tasks (centre_id) where status = 'open' and kind = 'unattended_case';
create index break_glass_grants_waiting on break_glass_grants (centre_id, review_due_at) where reviewed_at is null;

-- The work list (handbook 3.4). An entry waits for user_id, or where there is none for whoever has one of roles, and
-- never for not_id. place orders the entries: by the moment when they are due, then by kind, since two clocks of a case may
-- run out together. It shows what the reader of each table may see.
create view worklist with (security_invoker = true) as
  select w.centre_id, w.id, w.kind, w.resource, w.code, w.case_id, w.case_number, w.beneficiary_id, w.risk_level, w.owner_id, w.user_id, w.roles, w.not_id, w.due_at,
    case when w.due_at < now() then 'overdue'
      when w.due_at <= ((now() at time zone z.time_zone)::date + 1)::timestamp at time zone z.time_zone then 'due_today'
      else 'upcoming' end as state,
    (to_char(w.due_at at time zone 'UTC', 'YYYYMMDDHH24MISSUS') || w.kind) collate "C" as place
  from (
    select c.centre_id, x.id, x.kind, x.resource, x.code, c.id as case_id, c.number as case_number, c.beneficiary_id, c.risk_level, c.owner_id,
      x.user_id, x.roles, x.not_id, x.due_at
    from cases c join centres zone on zone.id = c.centre_id cross join lateral (
      select c.id, clock.kind, 'case' as resource, '' as code, c.owner_id as user_id, clock.roles, null::uuid as not_id, clock.due_at
      from (values
        ('assignment', '{case_supervisor}'::text[], case when c.owner_id is null then coalesce(c.assign_due_at, c.created_at) end),
        ('first_response', '{}', case when c.responded_at is null then c.response_due_at end),
        ('assessment', '{}', case when c.assessed_at is null then c.assessment_due_at end),
        ('plan', '{}', case when c.planned_at is null then c.plan_due_at end),
        ('follow_up', '{}', c.followup_due_at),
        ('hold_review', '{}', (c.hold_review_on + 1)::timestamp at time zone zone.time_zone)) clock (kind, roles, due_at)
      where clock.due_at is not null
      union all
      select f.id, 'follow_up', 'case_followup', f.type, coalesce(f.responsible_id, c.owner_id), '{}', null, f.due_at
      from case_followups f where f.centre_id = c.centre_id and f.case_id = c.id and f.done_at is null and f.voided_at is null
      union all
      select p.id, 'approval', 'case_approval', p.kind, null,
        coalesce(nullif(array(select jsonb_array_elements_text(s.policy->'approvals'->p.kind->'roles')), '{}'), '{case_supervisor}'), p.requested_by,
        p.created_at + make_interval(hours => coalesce((s.policy->'alerts'->>'approval_hours')::int, 48))
      from case_approvals p left join sops s on s.centre_id = c.centre_id and case when c.opened_at is null then s.status = 'active' else s.id = c.sop_id end
      where p.centre_id = c.centre_id and p.case_id = c.id and p.status = 'requested'
      union all
      select r.id, 'referral', 'referral', r.status, c.owner_id, '{}', null, late.at
      from referrals r cross join lateral (select case r.status when 'sent' then r.acknowledge_due_at when 'acknowledged' then r.decision_due_at
        when 'declined' then r.closed_at when 'not_delivered' then r.closed_at when 'expired' then r.closed_at else r.feedback_due_at end) late (at)
      where r.centre_id = c.centre_id and r.case_id = c.id and r.direction = 'outbound' and r.resolved_at is null
        and r.status not in ('draft', 'completed', 'revoked') and late.at <= now()
      union all
      select t.id, case t.kind when 'turning_18' then t.kind else 'task' end, 'task', t.kind, t.user_id, case t.role when '' then '{}' else array[t.role] end, null, t.due_at
      from tasks t where t.centre_id = c.centre_id and t.case_id = c.id and t.status = 'open' and t.kind not in ('break_glass_review', 'unattended_case') and coalesce(t.level, 1) > 0) x
    where c.status in ('draft', 'open', 'on_hold', 'pending_closure')
    union all
    select t.centre_id, t.id, case t.kind when 'turning_18' then t.kind else 'task' end, 'task', t.kind, null, '', t.beneficiary_id, '', null,
      t.user_id, case t.role when '' then '{}' else array[t.role] end, null, t.due_at
    from tasks t where t.case_id is null and t.status = 'open'
    union all
    select t.centre_id, t.id, t.kind, 'task', t.kind, null, '', null, '', null, null, array[t.role], null, t.due_at -- a file that the reader sees nothing of
    from tasks t where t.kind = 'unattended_case' and t.status = 'open'
    union all
    select r.centre_id, r.id, 'inbound_referral', 'referral', r.status, null, '', r.beneficiary_id, '', null, null,
      '{registrar,caseworker,case_supervisor}', null, coalesce(case r.status when 'sent' then r.acknowledge_due_at else r.decision_due_at end, r.created_at)
    from referrals r where r.case_id is null and r.direction = 'inbound' and r.status in ('sent', 'acknowledged') and r.resolved_at is null
    union all
    select g.centre_id, g.id, 'break_glass_review', 'break_glass_grant', '', null, '', null, '', null, null, '{case_supervisor,dpo}', g.opened_by, g.review_due_at
    from break_glass_grants g where g.reviewed_at is null) w
  join centres z on z.id = w.centre_id;
grant select on worklist to waystation_app;

-- +goose Down
drop view worklist;
drop index break_glass_grants_waiting, tasks_unattended, referrals_in_hand, tasks_waiting, case_followups_waiting, cases_under_way;
alter table tasks drop column level;
