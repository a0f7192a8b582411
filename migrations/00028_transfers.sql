-- Cases that go over to another centre. A transfer has two sides: `centre_id` is the centre that hands the case over, whose
-- record it is; `target_centre_id` the one that is asked. Until the target accepts it sees a preview, frozen when the transfer
-- was asked for; a transfer that was refused or taken back it does not see any more. The two records of the person, and the
-- two cases, are linked by a continuity token and by nothing else.

-- +goose Up
create table case_transfers (
  centre_id     uuid not null references centres (id),
  id            uuid not null,
  version       bigint not null,
  created_at    timestamptz not null,
  updated_at    timestamptz not null,
  case_id       uuid not null,
  beneficiary_id uuid not null,
  target_centre_id uuid not null references centres (id),
  organisation_id uuid not null references organisations (id), -- that runs the target; the recipient that the person agreed to
  status        text not null,               -- awaiting_override | requested | accepted | refused | withdrawn
  reason        text not null,
  parts         text[] not null,             -- of the file, that are copied on acceptance
  origin        jsonb not null,              -- name and code of the source, for the target
  destination   jsonb not null,              -- name and code of the target, for the source
  preview       jsonb not null,              -- what the target sees before it decides
  consent_id    uuid,                        -- what it rests on; null: an override
  override_basis text not null default '',   -- code list processing_basis
  override_reason text not null default '',
  override_decided_by uuid,
  requested_by  uuid not null,
  decided_by    uuid,                        -- of the target; or who withdrew it
  decided_at    timestamptz,
  decision_note text not null default '',
  continuity_token uuid,                     -- on acceptance
  target_case_id uuid,
  primary key (centre_id, id),
  constraint case_transfers_case_fk foreign key (centre_id, case_id) references cases (centre_id, id),
  constraint case_transfers_beneficiary_fk foreign key (centre_id, beneficiary_id) references beneficiaries (centre_id, id),
  constraint case_transfers_consent_fk foreign key (centre_id, consent_id) references consents (centre_id, id),
  constraint case_transfers_target_check check (target_centre_id <> centre_id),
  constraint case_transfers_status_check check (status in ('awaiting_override', 'requested', 'accepted', 'refused', 'withdrawn')),
  constraint case_transfers_four_eyes_check check (override_decided_by is distinct from requested_by),
  constraint case_transfers_ground_check check (status in ('awaiting_override', 'withdrawn') or consent_id is not null or override_decided_by is not null)
);
create unique index case_transfers_open_key on case_transfers (centre_id, case_id) where status in ('awaiting_override', 'requested');
create index case_transfers_created on case_transfers (centre_id, created_at, id);
create index case_transfers_case on case_transfers (centre_id, case_id);
create index case_transfers_target on case_transfers (target_centre_id, created_at, id) where status in ('requested', 'accepted');
select protect('case_transfers', null, array['reason', 'preview', 'override_reason', 'decision_note', 'continuity_token']);
create policy need_to_know on case_transfers as restrictive for select using ((select need_to_know_lifted())
  or (target_centre_id = any ((select scope_centres())::uuid[]) and status in ('requested', 'accepted'))
  or exists (select 1 from cases c where c.centre_id = case_transfers.centre_id and c.id = case_transfers.case_id));
create policy target on case_transfers for select using (target_centre_id = any ((select scope_centres())::uuid[]) and status in ('requested', 'accepted'));

-- What the target sees of it.
create view incoming_transfers with (security_invoker = true) as
  select target_centre_id as centre_id, id, version, created_at, updated_at, status, origin, preview, parts, decided_by, decided_at, target_case_id
  from case_transfers where status in ('requested', 'accepted');
grant select on incoming_transfers to waystation_app;

-- Both sides are told, with ids and codes; of a restricted case the source's feed tells nothing.
-- +goose StatementBegin
create function case_transfer_told() returns trigger language plpgsql set app.need_to_know = 'lifted' as $$
declare said text := 'case_transfer.' || new.status;
begin
  if tg_op = 'UPDATE' and new.status = old.status then return null; end if;
  insert into events (centre_id, type, resource, subject_id, version, case_id)
    select new.centre_id, said, 'case_transfer', new.id, new.version, new.case_id
    from cases c where c.centre_id = new.centre_id and c.id = new.case_id and c.sensitivity <> 'restricted';
  if new.status = 'requested' or (tg_op = 'UPDATE' and old.status = 'requested') then
    insert into events (centre_id, type, resource, subject_id, version) values (new.target_centre_id, said, 'incoming_transfer', new.id, new.version);
  end if;
  return null;
end $$;
create trigger told after insert or update on case_transfers for each row execute function case_transfer_told();

-- The centre that a case may go to, by its code, and who runs it. No row: no such centre, or one that takes nobody any more.
create function transfer_destination(wanted text) returns table (id uuid, name text, organisation_id uuid)
language plpgsql security definer set search_path = public, pg_temp as $$
begin
  perform set_config('app.network', 'on', true);
  return query select c.id, c.name, c.organisation_id from centres c where c.code = wanted and c.phase not in ('handed_over', 'closed');
  perform set_config('app.network', '', true);
end $$;

-- The target's answer, which alone reaches into the source: it locks the case, then the transfer, ends both and gives out
-- the file (transfer_file, in a later migration: it needs every table of a file). What stands against it is a constraint with a name. Nobody calls it but for a transfer to a centre in their scope.
create function transfer_answer(transfer uuid, seen bigint, answer text, note text, new_case uuid) returns jsonb
language plpgsql security definer set search_path = public, pg_temp set app.need_to_know = 'lifted' as $$
declare
  scope constant text := current_setting('app.centre_ids', true);
  t case_transfers;
  k cases;
  file jsonb := '{}';
begin
  select * into t from case_transfers x where x.id = transfer and x.target_centre_id = any (scope_centres()) and x.status in ('requested', 'accepted');
  if not found then return null; end if;
  perform set_config('app.centre_ids', scope || ',' || t.centre_id, true);
  select * into k from cases c where c.centre_id = t.centre_id and c.id = t.case_id for update;
  select * into t from case_transfers x where x.centre_id = t.centre_id and x.id = transfer for update;
  if t.status <> 'requested' then
    raise exception 'decided' using errcode = '23514', constraint = 'case_transfers_decided_check';
  elsif t.version <> seen then
    raise exception 'stale' using errcode = '23514', constraint = 'case_transfers_version_check';
  elsif answer = 'accepted' and (k.status not in ('open', 'on_hold') or k.open_referrals > 0
      or exists (select from consents c where c.centre_id = t.centre_id and c.id = t.consent_id and c.valid_until < centre_today(t.centre_id))) then
    raise exception 'not to be had' using errcode = '23514', constraint = 'case_transfers_source_check';
  end if;
  update case_transfers x set status = answer, decided_by = scope_actor(), decided_at = now(), decision_note = note, version = x.version + 1, updated_at = now(),
    target_case_id = new_case, continuity_token = case answer when 'accepted' then gen_random_uuid() end
    where x.centre_id = t.centre_id and x.id = transfer returning * into t;
  if answer = 'accepted' then
    file := transfer_file(t, k);
    update cases c set status = 'transferred', followup_due_at = null, caseload_overridden_at = null, version = c.version + 1, updated_at = now()
      where c.centre_id = k.centre_id and c.id = k.id;
    insert into case_transitions (centre_id, id, version, created_at, updated_at, case_id, verb, from_status, to_status, reason, risk_level, owner_id)
      values (k.centre_id, gen_random_uuid(), 1, now(), now(), k.id, 'transfer', k.status, 'transferred', t.reason, k.risk_level, k.owner_id);
    insert into disclosures (centre_id, beneficiary_id, case_id, organisation_id, act, fields, consent_id, basis)
      values (k.centre_id, k.beneficiary_id, k.id, t.organisation_id, 'transfer', array['person'] || t.parts, t.consent_id, case when t.consent_id is null then t.override_basis else 'consent' end);
    if k.sensitivity <> 'restricted' then
      insert into events (centre_id, type, resource, subject_id, version, case_id, data)
        values (k.centre_id, 'case.transferred', 'case', k.id, k.version + 1, k.id, jsonb_build_object('from', k.status, 'to', 'transferred', 'transfer_id', t.id));
    end if;
  end if;
  perform set_config('app.centre_ids', scope, true);
  return file || jsonb_build_object('token', t.continuity_token, 'source', t.centre_id);
end $$;
-- +goose StatementEnd
revoke execute on function transfer_answer(uuid, bigint, text, text, uuid), transfer_destination(text) from public;
grant execute on function transfer_answer(uuid, bigint, text, text, uuid), transfer_destination(text) to waystation_app;

-- +goose Down
drop function transfer_answer, transfer_destination;
drop view incoming_transfers;
drop table case_transfers;
drop function case_transfer_told;
