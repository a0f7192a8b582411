-- The whole file that goes over to another centre, as far as the parts say and the consent that it rests on covers.

-- +goose Up
-- +goose StatementBegin

-- The file as it goes over. The source keeps all of it; what is not here stays with it alone (package transfer says why).
create function transfer_file(t case_transfers, k cases) returns jsonb language sql stable as $$
  with mine as (select k.centre_id as centre, k.id as kase),
  assessed as (select a.* from mine join case_assessments a on a.centre_id = centre and a.case_id = kase
    where 'assessments' = any (t.parts) and a.status in ('completed', 'superseded') and a.form_origin = 'network'),
  found as (select p.* from mine join case_problems p on p.centre_id = centre and p.case_id = kase where 'assessments' = any (t.parts)),
  plan as (select p.* from mine join case_plans p on p.centre_id = centre and p.case_id = kase where 'plan' = any (t.parts) and p.status = 'active'),
  goal as (select g.* from case_goals g join plan on plan.centre_id = g.centre_id and plan.id = g.plan_id),
  line as (with recursive back (goal_id, is_id) as (
      select g.id, g.id from goal g
      union select b.goal_id, g.copied_from from back b join mine on true join case_goals g on g.centre_id = centre and g.id = b.is_id where g.copied_from is not null)
    select * from back),
  note as (select n.* from mine join case_notes n on n.centre_id = centre and n.case_id = kase where 'notes' = any (t.parts) and n.voided_at is null),
  followup as (select f.* from mine join case_followups f on f.centre_id = centre and f.case_id = kase where 'follow_ups' = any (t.parts) and f.voided_at is null),
  visit as (select v.* from mine join case_visits v on v.centre_id = centre and v.case_id = kase join followup f on f.id = v.followup_id where v.status in ('met', 'not_met')),
  interest as (select p.* from mine join best_interest_procedures p on p.centre_id = centre and p.case_id = kase where 'best_interests' = any (t.parts) and p.status <> 'void')
  select jsonb_build_object(
    'person', (select to_jsonb(b) from mine join beneficiaries b on b.centre_id = centre and b.id = k.beneficiary_id),
    'consent', (select to_jsonb(c) from mine join consents c on c.centre_id = centre and c.beneficiary_id = k.beneficiary_id and c.scope = 'case_management'
      order by c.given_at desc, c.id desc limit 1),
    'case', jsonb_build_object('risk_level', k.risk_level, 'sensitivity', k.sensitivity, 'summary', k.summary, 'consent_basis', k.consent_basis, 'consent_override_reason', k.consent_override_reason),
    'walls', (select coalesce(jsonb_agg(to_jsonb(w)), '[]') from mine join case_walls w on w.centre_id = centre and w.case_id = kase where w.ended_at is null),
    'needs', (select coalesce(jsonb_agg(to_jsonb(n)), '[]') from mine join specific_needs n on n.centre_id = centre and n.beneficiary_id = k.beneficiary_id
      where 'needs' = any (t.parts) and n.ended_on is null),
    'assessments', (select coalesce(jsonb_agg(to_jsonb(a) - 'own_form_id' - 'shipped_form_id' || jsonb_build_object('amends_id', (select b.id from assessed b where b.id = a.amends_id))), '[]') from assessed a),
    'problems', (select coalesce(jsonb_agg(to_jsonb(p) || jsonb_build_object('assessment_id', (select a.id from assessed a where a.id = p.assessment_id))), '[]') from found p),
    'plans', (select coalesce(jsonb_agg(to_jsonb(p) - '{agreed_on,agreement_recorded_at,revises_id,activated_by,activated_at,copy_given_on,copy_given_by,evaluation_id}'::text[]
      || '{"number": 1, "status": "draft", "agreed": false, "copy_given": false, "copy_language": "", "revision_reason": ""}'), '[]') from plan p),
    'goals', (select coalesce(jsonb_agg(to_jsonb(g) - 'copied_from' || jsonb_build_object('problem_id', (select p.id from found p where p.id = g.problem_id))), '[]') from goal g),
    'actions', (select coalesce(jsonb_agg(to_jsonb(a) - 'copied_from' - 'responsible_id'), '[]') from case_actions a join plan p on p.centre_id = a.centre_id and p.id = a.plan_id where a.status <> 'dropped'),
    'evaluations', (select coalesce(jsonb_agg(to_jsonb(e) || jsonb_build_object('plan_id', plan.id, 'goal_id', l.goal_id)), '[]')
      from plan join line l on true join case_evaluations e on e.centre_id = plan.centre_id and e.goal_id = l.is_id),
    'notes', (select coalesce(jsonb_agg(to_jsonb(n) || '{"mentions": []}'), '[]') from note n),
    'note_versions', (select coalesce(jsonb_agg(to_jsonb(v)), '[]') from case_note_versions v join note n on n.centre_id = v.centre_id and n.id = v.note_id),
    'followups', (select coalesce(jsonb_agg(case when f.done_at is null then to_jsonb(f) - 'responsible_id' else to_jsonb(f) end), '[]') from followup f),
    'visits', (select coalesce(jsonb_agg(to_jsonb(v) || jsonb_build_object('next_followup_id', (select f.id from followup f where f.id = v.next_followup_id))), '[]') from visit v),
    'attempts', (select coalesce(jsonb_agg(to_jsonb(x) || jsonb_build_object('visit_id', (select v.id from visit v where v.id = x.visit_id))), '[]')
      from case_contact_attempts x join followup f on f.centre_id = x.centre_id and f.id = x.followup_id),
    'conferences', (select coalesce(jsonb_agg(to_jsonb(c)), '[]') from mine join case_conferences c on c.centre_id = centre and c.case_id = kase
      where 'conferences' = any (t.parts) and c.held_at is not null),
    'best_interests', (select coalesce(jsonb_agg(to_jsonb(p) - 'document_id' || jsonb_build_object('reviews_id', (select q.id from interest q where q.id = p.reviews_id))), '[]') from interest p))
$$;

-- The id under which the target keeps a row of a file: nobody can trace it back without the token.
create function transfer_id(token uuid, id text) returns uuid language sql immutable as $$ select md5(token || id)::uuid $$;

-- A row of a file as it is kept by the target: under its own case and person and inside its own centre.
create function transfer_row(item jsonb, centre uuid, kase uuid, person uuid, token uuid) returns jsonb language sql immutable as $$
  select item || jsonb_build_object('centre_id', centre, 'version', 1)
    || case when item ? 'case_id' then jsonb_build_object('case_id', kase) else '{}' end
    || case when item ? 'beneficiary_id' then jsonb_build_object('beneficiary_id', person) else '{}' end
    || (select coalesce(jsonb_object_agg(k, transfer_id(token, item->>k)), '{}')
      from unnest('{id,plan_id,goal_id,problem_id,assessment_id,amends_id,note_id,followup_id,next_followup_id,visit_id,reviews_id}'::text[]) k where item->>k is not null)
$$;

-- Stores rows of a file with the target.
create function transfer_put(t regclass, items jsonb, centre uuid, kase uuid, person uuid, token uuid) returns void language plpgsql as $$
declare names constant text := (select string_agg(quote_ident(attname), ', ') from pg_attribute where attrelid = t and attnum > 0 and not attisdropped and attgenerated = '');
begin
  execute format('insert into %s (%s) select %s from jsonb_array_elements($1) item (doc) cross join jsonb_populate_record(null::%s, transfer_row(doc, $2, $3, $4, $5))', t, names, names, t) using items, centre, kase, person, token;
end $$;

-- The document of a best-interest procedure that came before it did.
create function transfer_document(centre uuid, procedure uuid, document uuid) returns void
language sql security definer set search_path = public, pg_temp set app.need_to_know = 'lifted' as $$
  update best_interest_procedures p set document_id = document where p.centre_id = centre and p.id = procedure and p.document_id is null and centre = any (scope_centres())
    and exists (select from attachments a where a.centre_id = centre and a.id = document and a.case_id = p.case_id) $$;

-- A no to casework, or to sharing with whoever runs the target, takes back what waits for its answer.
create function consent_ends_transfers() returns trigger language plpgsql set app.need_to_know = 'lifted' as $$
begin
  update case_transfers t set status = 'withdrawn', decided_at = now(), decision_note = 'consent_withdrawn', version = version + 1, updated_at = now()
    where t.centre_id = new.centre_id and t.beneficiary_id = new.beneficiary_id and t.status = 'requested' and t.consent_id is not null
      and (new.decision <> 'given' and (new.recipient_ids = '{}' or t.organisation_id = any (new.recipient_ids)) or t.organisation_id = any (new.excluded_ids));
  return null;
end $$;
-- +goose StatementEnd
create trigger ends_transfers after insert or update of beneficiary_id on consents for each row
  when (new.scope in ('case_management', 'share_organisations') and new.giver <> 'assent') execute function consent_ends_transfers();
revoke execute on function transfer_file(case_transfers, cases), transfer_document(uuid, uuid, uuid) from public;
grant execute on function transfer_document(uuid, uuid, uuid) to waystation_app;

-- +goose Down
drop trigger ends_transfers on consents;
drop function consent_ends_transfers, transfer_document, transfer_put, transfer_row, transfer_id, transfer_file;
