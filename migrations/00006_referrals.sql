-- Referrals: what a centre asks of a partner, and what a partner asks of a centre.
--
-- A referral has two sides. `centre_id` is the centre whose record it is: the sender of an outbound referral, the
-- receiver of an inbound one. `organisation_id` is the partner on the other side. A partner's transaction has no
-- centres, so the table's own policy shows it nothing. It sees what these windows show:
--   partner_referrals   the envelope: service, priority, state, deadlines; which columns it may change
--   partner_open()      what was disclosed about the person; opening it writes the disclosure ledger
--   partner_deletions   referrals whose content the partner was asked to delete
-- They run with the owner's rights. The policies named `window` are for an owner that is no superuser.

-- +goose Up
create table referrals (
  centre_id       uuid not null references centres (id),
  id              uuid not null,
  version         bigint not null,
  created_at      timestamptz not null,
  updated_at      timestamptz not null,
  direction       text not null,              -- outbound | inbound
  number          text not null,              -- R-7F3K9QXM; random: a partner cannot count a centre's referrals
  status          text not null,              -- code list referral_status
  priority        text not null,              -- code list referral_priority
  organisation_id uuid not null references organisations (id),
  reasons         text[] not null,            -- code list referral_reason
  services        text[] not null,            -- code list service_type
  explanation     text not null default '',
  background      text not null default '',
  services_provided text not null default '',
  channel         text not null default 'api', -- code list referral_channel
  follow_up_on    date,                       -- follow-up expected by
  feedback_wanted boolean not null default true,
  contact         jsonb not null default '{}', -- the sender's focal point
  origin          jsonb not null default '{}', -- outbound: the centre's name, code and place, as they were at send

  case_id         uuid,
  beneficiary_id  uuid,
  action_id       uuid,                       -- of the case's plan
  previous_id     uuid,                       -- the referral that this one replaces
  twin_centre_id  uuid references centres (id), -- the centre on the other side, where it is one: it has a row of its own, of the same id (00049)
  destination     jsonb not null default '{}', -- outbound, to a centre: its name and code
  client_mode     text not null default '',   -- code list referral_client_mode
  client_code     text not null default '',   -- known to both sides, means nothing elsewhere
  disclosed_fields text[] not null default '{}',
  need_count      int not null default 0,     -- rows of referral_needs, those hidden from the reader included
  snapshot        jsonb,                      -- outbound: what is disclosed, frozen at send
  consent_id      uuid,
  created_by      uuid,
  sent_by         uuid,

  override_status text not null default '',   -- requested | approved | rejected
  override_basis  text not null default '',   -- code list processing_basis
  override_reason text not null default '',
  override_requested_by uuid,
  override_requested_at timestamptz,
  override_decided_by uuid,
  override_decided_at timestamptz,

  person          jsonb,                      -- inbound: the person as the partner described them
  consent_statement jsonb,                    -- inbound: what the partner says of their consent

  feedback_days   int not null default 0,
  access_days     int not null default 0,
  sent_at         timestamptz,
  acknowledge_due_at timestamptz,
  decision_due_at timestamptz,
  feedback_due_at timestamptz,
  expires_at      timestamptz,
  acknowledged_at timestamptz,
  responded_at    timestamptz,
  appointment_at  timestamptz,
  started_at      timestamptz,
  closed_at       timestamptz,
  delivered_on    date,
  decline_reason  text not null default '',   -- code list referral_decline_reason
  not_delivered_reason text not null default '', -- code list not_delivered_reason
  revoke_reason   text not null default '',   -- sender | consent_withdrawn
  closing_note    text not null default '',
  deletion_requested_at timestamptz,
  deletion_confirmed_at timestamptz,
  resolved_at     timestamptz,                -- the sender has dealt with a refusal or silence
  resolved_by     uuid,
  resolution      text not null default '',

  primary key (centre_id, id),
  constraint referrals_number_key unique (centre_id, number),
  constraint referrals_beneficiary_fk foreign key (centre_id, beneficiary_id) references beneficiaries (centre_id, id),
  constraint referrals_case_fk foreign key (centre_id, case_id) references cases (centre_id, id),
  constraint referrals_action_fk foreign key (centre_id, action_id) references case_actions (centre_id, id),
  constraint referrals_previous_fk foreign key (centre_id, previous_id) references referrals (centre_id, id),
  constraint referrals_consent_fk foreign key (centre_id, consent_id) references consents (centre_id, id),
  constraint referrals_direction_check check (direction in ('outbound', 'inbound')),
  constraint referrals_status_check check (status in ('draft', 'sent', 'acknowledged', 'accepted', 'waitlisted', 'in_progress',
    'completed', 'declined', 'not_delivered', 'revoked', 'expired')),
  constraint referrals_four_eyes_check check (override_decided_by is null or override_decided_by is distinct from override_requested_by),
  constraint referrals_sent_check check (direction = 'inbound' or status = 'draft' or
    (snapshot is not null and sent_at is not null and (consent_id is not null or override_status = 'approved')))
);
create index referrals_created on referrals (centre_id, created_at, id);
create index referrals_case on referrals (centre_id, case_id);
create index referrals_beneficiary on referrals (centre_id, beneficiary_id);
create index referrals_organisation on referrals (organisation_id, created_at, id);
create index referrals_waiting on referrals (centre_id, expires_at) where status = 'sent';
select protect('referrals', null, array['snapshot', 'person', 'consent_statement', 'background', 'services_provided', 'explanation', 'closing_note']);
create policy need_to_know on referrals as restrictive for select using (
  case_id is null or (select need_to_know_lifted()) or (select scope_centres()) is null
  or exists (select 1 from cases c where c.centre_id = referrals.centre_id and c.id = referrals.case_id));

-- What belongs to a referral is behind the same wall as the referral.
-- +goose StatementBegin
create function referral_file(t regclass, hide text[] default '{}', append_only boolean default false) returns void language plpgsql as $$
begin
  perform protect(t, null, hide, append_only);
  execute format('create policy need_to_know on %1$s as restrictive for select using ((select need_to_know_lifted()) or exists (
    select 1 from referrals r where r.centre_id = %1$s.centre_id and r.id = %1$s.referral_id) or (select scope_centres()) is null)', t);
end $$;
-- +goose StatementEnd

-- The facts about a person's needs that go out with a referral: each chosen one by one, frozen at send. Restricted
-- ones are for the eyes of the case team and of the receiver.
create table referral_needs (
  centre_id   uuid not null,
  id          uuid not null,
  version     bigint not null,
  created_at  timestamptz not null,
  updated_at  timestamptz not null,
  referral_id uuid not null,
  need_id     uuid not null,
  code_system text not null,
  code        text not null,
  sensitivity text not null,
  since       date,
  primary key (centre_id, id),
  constraint referral_needs_referral_fk foreign key (centre_id, referral_id) references referrals (centre_id, id),
  constraint referral_needs_need_fk foreign key (centre_id, need_id) references specific_needs (centre_id, id),
  constraint referral_needs_need_key unique (centre_id, referral_id, need_id)
);
select referral_file('referral_needs', array['need_id', 'code_system', 'code', 'sensitivity', 'since']);
create policy restricted_need on referral_needs as restrictive for select using (
  sensitivity <> 'restricted' or (select need_to_know_lifted()) or exists (
    select 1 from cases c join referrals r on r.centre_id = c.centre_id and r.beneficiary_id = c.beneficiary_id
    where c.id = any ((select cases_of_actor())::uuid[])
      and r.centre_id = referral_needs.centre_id and r.id = referral_needs.referral_id));

-- Who moved a referral from where to where. Written by the database itself.
create table referral_history (
  centre_id   uuid not null,
  id          uuid not null default gen_random_uuid(),
  version     bigint not null default 1,
  created_at  timestamptz not null default clock_timestamp(),
  updated_at  timestamptz not null default clock_timestamp(),
  referral_id uuid not null,
  from_status text not null,
  to_status   text not null,
  side        text not null,                 -- centre | partner | system
  actor_id    uuid default scope_actor(),
  reason      text not null default '',
  primary key (centre_id, id),
  constraint referral_history_referral_fk foreign key (centre_id, referral_id) references referrals (centre_id, id)
);
create index referral_history_referral on referral_history (centre_id, referral_id, created_at, id);
select referral_file('referral_history', append_only => true);
revoke insert on referral_history from waystation_app;

-- What was shown of a person to whom, and on what ground.
create table disclosures (
  centre_id       uuid not null,
  id              uuid not null default gen_random_uuid(),
  version         bigint not null default 1,
  created_at      timestamptz not null default clock_timestamp(),
  updated_at      timestamptz not null default clock_timestamp(),
  beneficiary_id  uuid not null,
  referral_id     uuid,
  case_id         uuid,                      -- of a transfer; a referral has its own
  organisation_id uuid not null references organisations (id),
  act             text not null,             -- send | view | export | transfer
  fields          text[] not null,
  consent_id      uuid,
  basis           text not null,             -- code list processing_basis
  actor_id        uuid default scope_actor(),
  primary key (centre_id, id),
  constraint disclosures_beneficiary_fk foreign key (centre_id, beneficiary_id) references beneficiaries (centre_id, id),
  constraint disclosures_referral_fk foreign key (centre_id, referral_id) references referrals (centre_id, id),
  constraint disclosures_case_fk foreign key (centre_id, case_id) references cases (centre_id, id),
  constraint disclosures_act_check check (act in ('send', 'view', 'export', 'transfer')),
  constraint disclosures_ground_check check (basis <> 'consent' or consent_id is not null)
);
create index disclosures_beneficiary on disclosures (centre_id, beneficiary_id, created_at, id);
select protect('disclosures', append_only => true);
create policy need_to_know on disclosures as restrictive for select using ((select need_to_know_lifted()) or (select scope_centres()) is null
  or case when referral_id is null then case_id is null or exists (select 1 from cases c where c.centre_id = disclosures.centre_id and c.id = disclosures.case_id)
    else exists (select 1 from referrals r where r.centre_id = disclosures.centre_id and r.id = disclosures.referral_id) end);

create table referral_messages (
  centre_id       uuid not null,
  id              uuid not null,
  version         bigint not null,
  created_at      timestamptz not null,
  updated_at      timestamptz not null,
  referral_id     uuid not null,
  organisation_id uuid not null references organisations (id),
  side            text not null,             -- centre | partner: who wrote it
  author_id       uuid not null,
  body            text not null,
  primary key (centre_id, id),
  constraint referral_messages_referral_fk foreign key (centre_id, referral_id) references referrals (centre_id, id),
  constraint referral_messages_side_check check (side in ('centre', 'partner'))
);
create index referral_messages_referral on referral_messages (centre_id, referral_id, created_at, id);
select referral_file('referral_messages', array['body'], append_only => true);

-- The moves of handbook 5.3, and who may make them. Package referral holds the same table; a test compares them.
-- +goose StatementBegin
create function referral_may(was text, becomes text, actor text) returns boolean language sql immutable parallel safe as $$
  select exists (select 1 from (values
    ('draft', 'sent', 'sender'),
    ('sent', 'acknowledged', 'receiver'),
    ('sent', 'accepted', 'receiver'),           ('acknowledged', 'accepted', 'receiver'),
    ('sent', 'declined', 'receiver'),           ('acknowledged', 'declined', 'receiver'),
    ('accepted', 'waitlisted', 'receiver'),
    ('accepted', 'in_progress', 'receiver'),    ('waitlisted', 'in_progress', 'receiver'),
    ('in_progress', 'completed', 'receiver'),
    ('accepted', 'not_delivered', 'receiver'),  ('waitlisted', 'not_delivered', 'receiver'), ('in_progress', 'not_delivered', 'receiver'),
    ('sent', 'revoked', 'sender'),              ('acknowledged', 'revoked', 'sender'),
    ('accepted', 'revoked', 'sender'),          ('waitlisted', 'revoked', 'sender'),
    ('sent', 'revoked', 'system'),              ('acknowledged', 'revoked', 'system'),       ('accepted', 'revoked', 'system'),
    ('waitlisted', 'revoked', 'system'),        ('in_progress', 'revoked', 'system'),
    ('sent', 'expired', 'system')
  ) as moves (f, t, a) where f = was and t = becomes and a = actor)
$$;

create function referral_ended(status text) returns boolean language sql immutable parallel safe as
$$ select status in ('completed', 'declined', 'not_delivered', 'revoked', 'expired') $$;

create function referral_side() returns text language sql stable as
$$ select case when current_setting('app.twin', true) = 'on' or scope_centres() is null and scope_organisation() is not null then 'partner'
  when scope_trail()->>'actor_kind' = 'user' then 'centre' else 'system' end $$;

-- No code path makes an illegal move, changes what was disclosed, or lengthens a partner's access.
create function referral_guard() returns trigger language plpgsql as $$
declare
  side text := referral_side();
  role text := case when (side = 'partner') = (new.direction = 'outbound') then 'receiver' else 'sender' end;
  moving constant text[] := array['version', 'updated_at', 'status', 'case_id', 'beneficiary_id', 'acknowledged_at', 'responded_at',
    'feedback_due_at', 'appointment_at', 'started_at', 'closed_at', 'delivered_on', 'decline_reason', 'not_delivered_reason', 'revoke_reason',
    'closing_note', 'deletion_requested_at', 'deletion_confirmed_at', 'resolved_at', 'resolved_by', 'resolution']; -- all else is frozen
begin
  if scope_centres() is null and scope_organisation() is null then return new; end if; -- the owner at work
  if current_setting('app.twin', true) = 'on' then return new; end if; -- judged where it was made
  if old.status <> 'draft' and to_jsonb(new) - moving is distinct from to_jsonb(old) - moving then
    raise exception 'what was sent is frozen' using errcode = '23514', constraint = 'referrals_frozen_check';
  end if;
  if new.status <> old.status and not (referral_may(old.status, new.status, role)
      or (side <> 'partner' and referral_may(old.status, new.status, 'system'))) then
    raise exception 'no such move' using errcode = '23514', constraint = 'referrals_move_check';
  end if;
  if referral_ended(new.status) and (new.closed_at is null or new.closed_at > now() + interval '5 minutes') then
    raise exception 'a referral that ended has ended' using errcode = '23514', constraint = 'referrals_closed_check';
  end if;
  return new;
end $$;
create trigger guard before update on referrals for each row execute function referral_guard();

-- Tells centre and partner. A referral of a restricted case is told to the partner alone: in the centre's feed not even
-- its existence shows.
create function referral_tell(r referrals, type text, data jsonb, to_partner boolean) returns void language plpgsql as $$
declare
  quiet boolean := exists (select 1 from cases c where c.centre_id = r.centre_id and c.id = r.case_id and c.sensitivity = 'restricted');
begin
  to_partner := to_partner and r.twin_centre_id is null; -- a centre on the other side has its own row and feed
  if quiet and not to_partner then return; end if;
  insert into events (centre_id, type, resource, subject_id, version, organisation_id, data) values (
    case when quiet then '00000000-0000-0000-0000-000000000000' else r.centre_id end, type, 'referral', r.id, r.version,
    case when to_partner then r.organisation_id end, data);
end $$;

-- What follows from a change, whoever makes it: the feed, the history of a move, the events of handbook 13. Where a
-- partner ends a referral, also the case's count of open ones, which a partner's transaction cannot reach; it holds the
-- case's lock already, see partner_hold.
create function referral_moved() returns trigger language plpgsql security definer set search_path = public, pg_temp set app.need_to_know = 'lifted' as $$
declare
  side text := referral_side();
  outside boolean := scope_centres() is null;
  was text := case tg_op when 'UPDATE' then old.status else '' end;
  reason text := case new.status when 'declined' then new.decline_reason when 'not_delivered' then new.not_delivered_reason
    when 'revoked' then new.revoke_reason else '' end;
  told text := case new.direction when 'outbound' then reason else '' end; -- why a centre refuses may tell who is known there
begin
  if outside then perform set_config('app.centre_ids', new.centre_id::text, true); end if;
  perform referral_tell(new, case tg_op when 'UPDATE' then 'referral.updated' else 'referral.created' end, '{}', false);
  if new.status <> was then
    insert into referral_history (centre_id, referral_id, from_status, to_status, side, reason) values (new.centre_id, new.id, was, new.status, side, reason);
  end if;
  if new.status not in (was, 'draft') then
    perform referral_tell(new, 'referral.' || case new.status when 'in_progress' then 'started' else new.status end,
      jsonb_strip_nulls(jsonb_build_object('from', nullif(was, ''), 'reason', nullif(told, ''), 'deletion_requested', nullif(new.deletion_requested_at is not null, false))), true);
  end if;
  if tg_op = 'UPDATE' and new.deletion_confirmed_at is distinct from old.deletion_confirmed_at then
    perform referral_tell(new, 'referral.deletion_confirmed', '{}', true);
  end if;
  if side = 'partner' and new.direction = 'outbound' and new.case_id is not null and referral_ended(new.status) and not referral_ended(was) then
    update cases set open_referrals = open_referrals - 1, version = version + 1, updated_at = now() where centre_id = new.centre_id and id = new.case_id;
  end if;
  if outside then perform set_config('app.centre_ids', '', true); end if;
  return null;
end $$;
create trigger moved after insert or update on referrals for each row execute function referral_moved();

create function referral_message_told() returns trigger language plpgsql security definer set search_path = public, pg_temp set app.need_to_know = 'lifted' as $$
declare
  r referrals;
  outside boolean := scope_centres() is null;
begin
  if outside then perform set_config('app.centre_ids', new.centre_id::text, true); end if;
  select * into r from referrals where centre_id = new.centre_id and id = new.referral_id;
  perform referral_tell(r, 'referral.message_posted', jsonb_build_object('message_id', new.id, 'side', new.side), true);
  if outside then perform set_config('app.centre_ids', '', true); end if;
  return null;
end $$;
create trigger told after insert on referral_messages for each row execute function referral_message_told();
-- +goose StatementEnd
create policy window_write on referral_history for insert to current_user with check (true);

-- The envelope of a partner's referrals, open while its access is: from sending until refusal, revocation, expiry or
-- failure, and for the agreed days after completion. What a partner submitted itself stays in its sight.
create view partner_referrals with (security_barrier) as
  select centre_id, id, version, created_at, updated_at, direction, number, status, priority, organisation_id, reasons, services,
    channel, follow_up_on, feedback_wanted, contact, origin, client_mode, sent_at, acknowledge_due_at, decision_due_at, feedback_due_at,
    expires_at, feedback_days, access_days, acknowledged_at, responded_at, appointment_at, started_at, closed_at, delivered_on,
    decline_reason, not_delivered_reason, revoke_reason, closing_note
  from referrals
  where organisation_id = (select scope_organisation()) and (select scope_centres()) is null and twin_centre_id is null
    and (direction = 'inbound' or status in ('sent', 'acknowledged', 'accepted', 'waitlisted', 'in_progress')
      or (status = 'completed' and closed_at + make_interval(days => access_days) > now()));
grant select on partner_referrals to waystation_app;
grant update (version, updated_at, status, feedback_due_at, acknowledged_at, responded_at, appointment_at, started_at, closed_at,
  delivered_on, decline_reason, not_delivered_reason, revoke_reason, closing_note) on partner_referrals to waystation_app;
create policy window_read on referrals for select to current_user using (organisation_id = (select scope_organisation()));
create policy window_write on referrals for update to current_user using (organisation_id = (select scope_organisation()));

create view partner_deletions with (security_barrier) as
  select centre_id, id, version, created_at, updated_at, number, deletion_requested_at, deletion_confirmed_at
  from referrals
  where organisation_id = (select scope_organisation()) and (select scope_centres()) is null and twin_centre_id is null
    and deletion_requested_at is not null;
grant select on partner_deletions to waystation_app;
grant update (version, updated_at, deletion_confirmed_at) on partner_deletions to waystation_app;

-- A partner hands in a referral; it cannot read the row back but through its window.
create policy submit on referrals for insert with check (
  direction = 'inbound' and status = 'sent' and organisation_id = (select scope_organisation()) and (select scope_centres()) is null
  and twin_centre_id is null and case_id is null and beneficiary_id is null and snapshot is null and person is not null);

create policy partner_read on referral_messages for select using (exists (
  select 1 from partner_referrals p where p.centre_id = referral_messages.centre_id and p.id = referral_messages.referral_id));
create policy partner_write on referral_messages for insert with check (
  side = 'partner' and organisation_id = (select scope_organisation()) and author_id = (select scope_actor()) and exists (
  select 1 from partner_referrals p where p.centre_id = referral_messages.centre_id and p.id = referral_messages.referral_id));

-- +goose StatementBegin

-- Opens what was disclosed: before acceptance what tells no person apart, afterwards the frozen snapshot. There is no
-- other way to it in a partner's transaction, so nobody looks without a line in the ledger. Null: no such referral.
create function partner_open(referral uuid) returns jsonb language plpgsql security definer set search_path = public, pg_temp set app.need_to_know = 'lifted' as $$
declare
  r referrals;
  content jsonb;
  needs jsonb;
begin
  select o.* into r from referrals o join partner_referrals p on p.centre_id = o.centre_id and p.id = o.id
    where o.id = referral and o.direction = 'outbound';
  if not found then return null; end if;
  perform set_config('app.centre_ids', r.centre_id::text, true);
  if r.status in ('sent', 'acknowledged') then
    select coalesce(jsonb_object_agg(key, value), '{}') into content from jsonb_each(r.snapshot) where key in ('code', 'age_group', 'sex');
  else
    content := r.snapshot;
    select jsonb_agg(jsonb_strip_nulls(jsonb_build_object('code_system', n.code_system, 'code', n.code, 'since', n.since)) order by n.id) into needs
      from referral_needs n where n.centre_id = r.centre_id and n.referral_id = r.id;
    if needs is not null then content := content || jsonb_build_object('needs', needs); end if;
  end if;
  insert into disclosures (centre_id, beneficiary_id, referral_id, organisation_id, act, fields, consent_id, basis)
    values (r.centre_id, r.beneficiary_id, r.id, r.organisation_id, 'view', array(select jsonb_object_keys(content) order by 1),
      r.consent_id, case when r.consent_id is null then r.override_basis else 'consent' end);
  perform set_config('app.centre_ids', '', true);
  return content;
end $$;

-- Takes the lock of the case before a partner's move takes that of the referral: the order of every other change.
create function partner_hold(referral uuid) returns void language plpgsql security definer set search_path = public, pg_temp set app.need_to_know = 'lifted' as $$
declare r referrals;
begin
  select o.* into r from referrals o join partner_referrals p on p.centre_id = o.centre_id and p.id = o.id where o.id = referral;
  if r.case_id is null then return; end if;
  perform set_config('app.centre_ids', r.centre_id::text, true);
  perform 1 from cases where centre_id = r.centre_id and id = r.case_id for update;
  perform set_config('app.centre_ids', '', true);
end $$;

-- The centre that takes a partner's referral, by id or code, and the referral policy of its procedures. No row: no
-- such centre, or one that takes none any more.
create function referral_destination(centre uuid, code text) returns table (centre_id uuid, policy jsonb)
language plpgsql security definer set search_path = public, pg_temp as $$
declare found_id uuid;
begin
  perform set_config('app.network', 'on', true);
  select c.id into found_id from centres c where (c.id = centre or c.code = referral_destination.code) and c.phase not in ('handed_over', 'closed');
  perform set_config('app.network', '', true);
  if found_id is null then return; end if;
  perform set_config('app.centre_ids', found_id::text, true);
  return query select found_id, (select s.policy->'referral' from sops s where s.centre_id = found_id and s.status = 'active');
  perform set_config('app.centre_ids', '', true);
end $$;
-- +goose StatementEnd

-- +goose Down
drop function referral_destination, partner_hold, partner_open;
drop policy partner_write on referral_messages;
drop policy partner_read on referral_messages;
drop view partner_deletions, partner_referrals;
drop function referral_tell;
drop table referral_messages, disclosures, referral_history, referral_needs, referrals;
drop function referral_message_told, referral_moved, referral_file, referral_guard, referral_side, referral_ended, referral_may;
