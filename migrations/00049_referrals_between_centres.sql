-- Referrals from one centre of the network to another.
--
-- Each side has a row of its own, of the same id: the sender's outbound one and, from sending on, the receiver's inbound one
-- with what was disclosed. Neither side reaches the other's row. A move of one is carried to the other by the database, in the
-- transaction that makes it: the state, the times, what was delivered; never a reason to refuse, nor who the person is there.
-- Whoever moves holds the sender's case, then the sender's row, then the receiver's.

-- +goose Up
create index referrals_twin on referrals (centre_id, closed_at) where twin_centre_id is not null and direction = 'inbound' and person is not null;

-- +goose StatementBegin

-- Gives the receiving centre its row. What it reads of the person is content; person is the same as a partner would describe them.
create function referral_deliver(referral uuid, person jsonb, content jsonb, statement jsonb) returns void language plpgsql security definer
set search_path = public, pg_temp set app.need_to_know = 'lifted' as $$
declare
  scope constant text := current_setting('app.centre_ids', true);
  r referrals;
  sender uuid;
begin
  select * into r from referrals x where x.centre_id = any (scope_centres()) and x.id = referral and x.direction = 'outbound' and x.status = 'sent';
  select c.organisation_id into sender from centres c where c.id = r.centre_id;
  perform set_config('app.centre_ids', r.twin_centre_id::text, true);
  if not exists (select from centres c where c.id = r.twin_centre_id and c.phase not in ('handed_over', 'closed')) then
    raise exception 'takes nobody' using errcode = '23514', constraint = 'referrals_destination_check';
  end if;
  perform set_config('app.twin', 'on', true);
  insert into referrals select (jsonb_populate_record(r, jsonb_build_object('centre_id', r.twin_centre_id, 'twin_centre_id', r.centre_id, 'version', 1, 'direction', 'inbound',
    'organisation_id', sender, 'person', person, 'snapshot', content, 'consent_statement', statement, 'explanation', coalesce(content->>'explanation', ''),
    'background', coalesce(content->>'background', ''), 'services_provided', coalesce(content->>'services_provided', ''), 'destination', '{}'::jsonb, 'need_count', 0,
    'case_id', null, 'beneficiary_id', null, 'action_id', null, 'previous_id', null, 'consent_id', null, 'agreement_id', null, 'created_by', null, 'sent_by', null,
    'override_status', '', 'override_basis', '', 'override_reason', '', 'override_requested_by', null, 'override_requested_at', null, 'override_decided_by', null, 'override_decided_at', null))).*;
  perform set_config('app.twin', '', true);
  perform set_config('app.centre_ids', scope, true);
end $$;

-- The row of the sender is held before that of the receiver, and its case before it.
create function referral_hold_sender(referral uuid) returns void language plpgsql security definer set search_path = public, pg_temp set app.need_to_know = 'lifted' as $$
declare
  scope constant text := current_setting('app.centre_ids', true);
  sender uuid;
  file uuid;
begin
  select twin_centre_id into sender from referrals x where x.centre_id = any (scope_centres()) and x.id = referral and x.direction = 'inbound';
  if sender is null then return; end if;
  perform set_config('app.centre_ids', sender::text, true);
  select case_id into file from referrals x where x.centre_id = sender and x.id = referral;
  perform 1 from cases c where c.centre_id = sender and c.id = file for update;
  perform 1 from referrals x where x.centre_id = sender and x.id = referral for update;
  perform set_config('app.centre_ids', scope, true);
end $$;

-- What the receiver was told is gone where it has no use for it any more.
create function referral_forget(centre uuid, referral uuid) returns void language sql as $$
  update referrals set person = null, snapshot = null, background = '', services_provided = '', explanation = '' where centre_id = centre and id = referral and direction = 'inbound'
$$;

-- Carries a move to the other side.
create function referral_carried() returns trigger language plpgsql security definer set search_path = public, pg_temp set app.need_to_know = 'lifted' as $$
declare
  scope constant text := current_setting('app.centre_ids', true);
  gone constant boolean := referral_ended(new.status) and new.status <> 'completed';
begin
  if current_setting('app.twin', true) = 'on' then return null; end if;
  perform set_config('app.twin', 'on', true);
  if gone then perform referral_forget(new.centre_id, new.id); end if;
  perform set_config('app.centre_ids', new.twin_centre_id::text, true);
  update referrals o set version = o.version + 1, updated_at = now(), status = new.status, acknowledged_at = new.acknowledged_at, responded_at = new.responded_at,
      feedback_due_at = new.feedback_due_at, appointment_at = new.appointment_at, started_at = new.started_at, closed_at = new.closed_at, delivered_on = new.delivered_on,
      not_delivered_reason = new.not_delivered_reason, revoke_reason = new.revoke_reason, deletion_requested_at = new.deletion_requested_at,
      deletion_confirmed_at = new.deletion_confirmed_at, closing_note = case new.status when 'declined' then '' else new.closing_note end
    where o.centre_id = new.twin_centre_id and o.id = new.id;
  if gone then perform referral_forget(new.twin_centre_id, new.id); end if;
  perform set_config('app.centre_ids', scope, true);
  perform set_config('app.twin', '', true);
  return null;
end $$;

create function referral_message_carried() returns trigger language plpgsql security definer set search_path = public, pg_temp set app.need_to_know = 'lifted' as $$
declare
  scope constant text := current_setting('app.centre_ids', true);
  r referrals;
begin
  if current_setting('app.twin', true) = 'on' or scope is null or scope = '' then return null; end if;
  select * into r from referrals x where x.centre_id = new.centre_id and x.id = new.referral_id;
  if r.twin_centre_id is null then return null; end if;
  perform set_config('app.twin', 'on', true);
  perform set_config('app.centre_ids', r.twin_centre_id::text, true);
  insert into referral_messages select (jsonb_populate_record(new, jsonb_build_object('centre_id', r.twin_centre_id, 'side', 'partner',
    'organisation_id', (select o.organisation_id from referrals o where o.centre_id = r.twin_centre_id and o.id = r.id)))).*;
  perform set_config('app.centre_ids', scope, true);
  perform set_config('app.twin', '', true);
  return null;
end $$;

-- The receiving centre reads what was disclosed: each look is a line of the sender's ledger.
create function referral_read(referrals uuid[]) returns void language plpgsql security definer set search_path = public, pg_temp set app.need_to_know = 'lifted' as $$
declare
  scope constant text := current_setting('app.centre_ids', true);
  y referrals;
begin
  for y in select * from referrals x where x.centre_id = any (scope_centres()) and x.id = any (referrals) and x.direction = 'inbound' and x.twin_centre_id is not null and x.person is not null loop
    perform set_config('app.centre_ids', y.twin_centre_id::text, true);
    insert into disclosures (centre_id, beneficiary_id, referral_id, organisation_id, act, fields, consent_id, basis)
      select x.centre_id, x.beneficiary_id, x.id, x.organisation_id, 'view', array(select jsonb_object_keys(y.snapshot) order by 1), x.consent_id, referral_basis(x)
      from referrals x where x.centre_id = y.twin_centre_id and x.id = y.id;
    perform set_config('app.centre_ids', scope, true);
  end loop;
end $$;

-- What was told of those whose service was completed is forgotten when the agreed days are over.
create function referral_forget_completed(now timestamptz) returns void language plpgsql security definer set search_path = public, pg_temp set app.need_to_know = 'lifted' as $$
begin
  perform set_config('app.twin', 'on', true);
  perform referral_forget(x.centre_id, x.id) from referrals x where x.centre_id = any (scope_centres()) and x.direction = 'inbound' and x.twin_centre_id is not null
    and x.person is not null and x.status = 'completed' and x.closed_at + make_interval(days => x.access_days) <= now;
  perform set_config('app.twin', '', true);
end $$;
-- +goose StatementEnd
create trigger carried after update on referrals for each row when (new.twin_centre_id is not null and old.status <> 'draft' and (new.status, new.deletion_requested_at, new.deletion_confirmed_at)
  is distinct from (old.status, old.deletion_requested_at, old.deletion_confirmed_at)) execute function referral_carried();
create trigger carried after insert on referral_messages for each row execute function referral_message_carried();
revoke execute on function referral_deliver(uuid, jsonb, jsonb, jsonb), referral_hold_sender(uuid), referral_read(uuid[]), referral_forget_completed(timestamptz) from public;
grant execute on function referral_deliver(uuid, jsonb, jsonb, jsonb), referral_hold_sender(uuid), referral_read(uuid[]), referral_forget_completed(timestamptz) to waystation_app;

-- +goose Down
drop trigger carried on referral_messages;
drop trigger carried on referrals;
drop function referral_forget_completed, referral_read, referral_message_carried, referral_carried, referral_forget, referral_hold_sender, referral_deliver;
drop index referrals_twin;
