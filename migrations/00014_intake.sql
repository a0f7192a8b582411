-- References reserved for devices that register offline, and the timeline of a person.

-- +goose Up

-- A block of references that one device may give out. Its numbers come from the centre's own
-- sequence: whatever becomes of the block, nobody else ever gets them.
create table reference_blocks (
  centre_id   uuid not null references centres (id),
  id          uuid not null,
  version     bigint not null,
  created_at  timestamptz not null,
  updated_at  timestamptz not null,
  label       text not null,                 -- the device, as people call it
  size        int not null,
  reserved_by uuid,
  expires_at  timestamptz,
  released_at timestamptz,
  primary key (centre_id, id),
  constraint reference_blocks_size_check check (size > 0)
);
create index reference_blocks_created on reference_blocks (centre_id, created_at, id);
select protect('reference_blocks');

create table reserved_references (
  centre_id uuid not null,
  reference text not null,
  block_id  uuid not null,
  primary key (centre_id, reference),
  constraint reserved_references_block_fk foreign key (centre_id, block_id) references reference_blocks (centre_id, id)
);
create index reserved_references_block on reserved_references (centre_id, block_id, reference);
select confine('reserved_references');
grant select, insert on reserved_references to waystation_app;

revoke execute on function next_reference(uuid, text) from public;
grant execute on function next_reference(uuid, text) to waystation_app;

-- A registration brings a number only from a block that is still good: the block is held until the
-- registration is committed, so that releasing it waits or comes first.
-- +goose StatementBegin
create function beneficiaries_reserved() returns trigger language plpgsql as $$
begin
  if scope_centres() is not null then -- else the owner is at work
    perform from reserved_references r join reference_blocks b on b.centre_id = r.centre_id and b.id = r.block_id
      where r.centre_id = new.centre_id and r.reference = new.reference and b.released_at is null and coalesce(b.expires_at > now(), true)
      for share of b;
    if not found then
      raise exception 'the reference is not reserved' using errcode = '23514', constraint = 'beneficiaries_reference_reserved_check';
    end if;
  end if;
  return new;
end $$;
-- +goose StatementEnd
create trigger brought before insert on beneficiaries for each row when (new.reference <> '') execute function beneficiaries_reserved(); -- before "fill"

-- Everything that happened with a person, in one place and in order: an entry for each moment of a row, written
-- by that row's own trigger (see chronicle). Ids and codes only; what was said stays where it was said.
create table timeline (
  centre_id      uuid not null,
  id             uuid not null,              -- of row and moment: the same moment is the same entry
  at             timestamptz not null,
  beneficiary_id uuid not null,
  resource       text not null,              -- as the change feed names it
  resource_id    uuid not null,
  moment         text not null,
  case_id        uuid,                       -- whose wall it is behind
  codes          jsonb not null default '{}',
  restricted     boolean not null default false, -- by itself, as a restricted need is
  voided         boolean not null default false,
  primary key (centre_id, id),
  constraint timeline_beneficiary_fk foreign key (centre_id, beneficiary_id) references beneficiaries (centre_id, id) on delete cascade
);
create index timeline_person on timeline (centre_id, beneficiary_id, at, id);
select confine('timeline');
-- What is restricted by itself shows as it does in its list.
create policy need_to_know on timeline as restrictive for select using ((select need_to_know_lifted()) or (
  (case_id is null or exists (select 1 from cases c where c.centre_id = timeline.centre_id and c.id = timeline.case_id))
  and (not restricted or exists (
    select 1 from cases c where c.id = any ((select cases_of_actor())::uuid[])
      and c.centre_id = timeline.centre_id and c.beneficiary_id = timeline.beneficiary_id))));
grant select, update (beneficiary_id), delete on timeline to waystation_app; -- a merge moves entries, an erasure ends them

-- The entries of one row: none where the person is not known (yet). moments says which column holds
-- the time of which moment; a date is its midnight in UTC.
-- +goose StatementBegin
create function timeline_entries(resource text, moments jsonb, codes text[], r jsonb) returns setof timeline language plpgsql stable as $$
declare
  e timeline;
  m record;
begin
  e.centre_id := r->>'centre_id'; e.resource_id := r->>'id'; e.resource := resource; e.codes := '{}';
  e.beneficiary_id := coalesce(r->>'beneficiary_id', case resource when 'beneficiary' then r->>'id' end);
  e.case_id := case resource when 'case' then r->>'id' else r->>'case_id' end;
  if r ? 'referral_id' then
    select coalesce(e.case_id, f.case_id), coalesce(e.beneficiary_id, f.beneficiary_id) into e.case_id, e.beneficiary_id
      from referrals f where f.centre_id = e.centre_id and f.id = (r->>'referral_id')::uuid;
  end if;
  if e.beneficiary_id is null and e.case_id is not null then
    select c.beneficiary_id into e.beneficiary_id from cases c where c.centre_id = e.centre_id and c.id = e.case_id;
  end if;
  if e.beneficiary_id is null then return; end if;
  for i in 1 .. cardinality(codes) loop
    if r->>codes[i] <> '' then e.codes := jsonb_set(e.codes, codes[i:i], r->codes[i]); end if;
  end loop;
  e.restricted := resource <> 'case' and coalesce(r->>'sensitivity' = 'restricted', false);
  e.voided := coalesce(r->>'status' in ('void', 'voided'), false) or coalesce(r->>'voided_at' <> '', false);
  for m in select key, r->>value as time from jsonb_each_text(moments) loop
    if m.time <> '' then
      e.id := md5(e.resource_id || m.key); e.moment := m.key;
      e.at := m.time || case when length(m.time) = 10 then ' UTC' else '' end;
      return next e;
    end if;
  end loop;
end $$;

-- Partners move rows too, in transactions that reach no centre: the entry is written all the same.
create function chronicle_row() returns trigger language plpgsql security definer
set search_path = public, pg_temp set app.need_to_know = 'lifted' as $$
declare
  moments constant jsonb  := tg_argv[1];
  r       constant jsonb  := to_jsonb(case tg_op when 'DELETE' then old else new end);
  outside constant boolean := scope_centres() is null;
begin
  if outside then perform set_config('app.centre_ids', r->>'centre_id', true); end if;
  if tg_op <> 'INSERT' then
    delete from timeline t using jsonb_each_text(moments) m
      where t.centre_id = (r->>'centre_id')::uuid and t.id = md5((r->>'id') || m.key)::uuid and (tg_op = 'DELETE' or r->>m.value is null);
  end if;
  if tg_op <> 'DELETE' then
    insert into timeline select * from timeline_entries(tg_argv[0], moments, tg_argv[2]::text[], r)
      on conflict (centre_id, id) do update set at = excluded.at, beneficiary_id = excluded.beneficiary_id, case_id = excluded.case_id,
        codes = excluded.codes, restricted = excluded.restricted, voided = excluded.voided;
  end if;
  if outside then perform set_config('app.centre_ids', '', true); end if;
  return null;
end $$;

-- Puts a table on the timeline, in one line, with what it holds already. `codes` are columns whose
-- codes are shown; never personal text.
create function chronicle(t regclass, resource text, moments jsonb, codes text[] default '{}') returns void language plpgsql as $$
declare
  call constant text := format('chronicle_row(%L, %L, %L)', resource, moments, codes);
  told text[];
begin
  select array_agg(quote_ident(a.attname)) into told from pg_attribute a where a.attrelid = t and a.attnum > 0 and not a.attisdropped
    and (a.attname = any (codes) or a.attname in (select value from jsonb_each_text(moments))
      or a.attname in ('beneficiary_id', 'case_id', 'status', 'voided_at', 'sensitivity'));
  execute format('create trigger chronicle after insert or delete on %s for each row execute function %s', t, call);
  execute format('create trigger chronicle_change after update on %s for each row when ((old.%s) is distinct from (new.%s)) execute function %s',
    t, array_to_string(told, ', old.'), array_to_string(told, ', new.'), call);
  perform chronicle_past(t);
end $$;

-- What a table held before it came onto the timeline, or before somebody repaired it. The owner
-- keeps to row-level security too, so it is lifted for the owner while this transaction lasts.
create function chronicle_past(t regclass) returns void language plpgsql set app.need_to_know = 'lifted' as $$
declare
  args text[];
  walled regclass;
begin
  select string_to_array(encode(tgargs, 'escape'), '\000') into args from pg_trigger where tgrelid = t and tgname = 'chronicle';
  foreach walled in array array[t, 'cases', 'referrals', 'timeline']::regclass[] loop
    execute format('alter table %s no force row level security', walled);
  end loop;
  execute format('insert into timeline select e.* from %s r cross join timeline_entries(%L, %L, %L, to_jsonb(r)) e on conflict do nothing', t, args[1], args[2], args[3]);
  foreach walled in array array[t, 'cases', 'referrals', 'timeline']::regclass[] loop
    execute format('alter table %s force row level security', walled);
  end loop;
end $$;
-- +goose StatementEnd
revoke execute on function chronicle(regclass, text, jsonb, text[]), chronicle_past(regclass) from public;

select chronicle('beneficiaries', 'beneficiary', '{"received": "reception_on", "registered": "registered_on"}', '{registration_level,source}');
select chronicle('visits', 'visit', '{"arrived": "arrived_at", "triaged": "triaged_at", "admitted": "admitted_at", "ended": "ended_at"}', '{status}');
select chronicle('rescue_event_people', 'rescue_event_person', '{"named": "created_at"}');
select chronicle('household_members', 'household_member', '{"joined": "joined_on", "left": "left_on"}', '{relationship}');
select chronicle('consents', 'consent', '{"decided": "given_at"}', '{scope,decision}');
select chronicle('specific_needs', 'specific_need', '{"recorded": "created_at", "ended": "ended_on"}', '{code_system,code}');
select chronicle('beneficiary_names', 'beneficiary_name', '{"recorded": "created_at"}', '{kind}');
select chronicle('identity_documents', 'identity_document', '{"recorded": "created_at", "verified": "verified_at"}');
select chronicle('contacts', 'contact', '{"recorded": "created_at"}', '{kind,safe}');
select chronicle('journey_legs', 'journey_leg', '{"recorded": "created_at"}', '{mode}');
select chronicle('functional_assessments', 'functional_assessment', '{"assessed": "assessed_at"}', '{answered_by}');
select chronicle('vulnerability_screenings', 'vulnerability_screening', '{"screened": "screened_at", "confirmed": "confirmed_at"}');
select chronicle('relationships', 'relationship', '{"recorded": "created_at", "verified": "verified_at", "ended": "ended_on"}', '{kind}');
select chronicle('care_arrangements', 'care_arrangement', '{"began": "since", "ended": "ended_on"}', '{arrangement}');
select chronicle('separations', 'separation', '{"began": "since", "ended": "ended_on"}', '{status,tracing_status}');
select chronicle('cases', 'case', '{"begun": "created_at"}', '{source,status,risk_level}');
select chronicle('case_transitions', 'case_transition', '{"moved": "created_at"}', '{verb,to_status,reason_code}');
select chronicle('case_approvals', 'case_approval', '{"requested": "created_at", "decided": "decided_at"}', '{kind,status}');
select chronicle('case_plans', 'case_plan', '{"drafted": "created_at", "activated": "activated_at", "ended": "ended_at"}', '{status}');
select chronicle('case_goals', 'case_goal', '{"set": "created_at"}', '{progress}');
select chronicle('case_actions', 'case_action', '{"planned": "created_at", "done": "done_on"}', '{service_type,status}');
select chronicle('case_notes', 'case_note', '{"written": "occurred_at"}');
select chronicle('case_followups', 'case_followup', '{"planned": "created_at", "done": "done_at"}', '{type,need}');
select chronicle('case_contact_attempts', 'case_contact_attempt', '{"made": "at"}', '{method}');
select chronicle('registration_cards', 'registration_card', '{"issued": "created_at", "revoked": "revoked_at"}', '{status}');
select chronicle('attachments', 'attachment', '{"added": "created_at", "verified": "verified_at"}', '{kind}');
select chronicle('referrals', 'referral', '{"drafted": "created_at", "sent": "sent_at", "acknowledged": "acknowledged_at", "answered": "responded_at", "started": "started_at", "closed": "closed_at"}', '{direction,status,priority}');
select chronicle('referral_messages', 'referral_message', '{"posted": "created_at"}', '{side}');
select chronicle('disclosures', 'disclosure', '{"made": "created_at"}', '{act,basis}');

-- +goose Down
drop function chronicle_past, chronicle;
drop function chronicle_row cascade; -- with the triggers that call it
drop function timeline_entries;
drop table timeline;
drop trigger brought on beneficiaries;
drop function beneficiaries_reserved;
grant execute on function next_reference(uuid, text) to public;
drop table reserved_references, reference_blocks;
