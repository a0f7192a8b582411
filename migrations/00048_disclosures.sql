-- Every way on which personal data leaves a centre has its line in the ledger of disclosures.
--
-- An export is one row, and one narrow row for each person that left with it: a hundred thousand people are one statement.
-- What the rows have in common – the fields, to whom, by whom – stands once.

-- +goose Up
create table exports (
  centre_id       uuid not null references centres (id),
  id              uuid not null,
  version         bigint not null default 1,
  created_at      timestamptz not null default clock_timestamp(),
  updated_at      timestamptz not null default clock_timestamp(),
  list            text not null,             -- beneficiaries, cases …
  organisation_id uuid not null references organisations (id), -- of whoever took it
  actor_id        uuid default scope_actor(),
  fields          text[] not null,
  primary key (centre_id, id)
);
select protect('exports', append_only => true);

create table exported_people (
  centre_id      uuid not null,
  id             uuid not null default gen_random_uuid(),
  export_id      uuid not null,
  beneficiary_id uuid not null,
  case_id        uuid,                       -- whose wall it is behind
  primary key (centre_id, id),
  constraint exported_people_export_fk foreign key (centre_id, export_id) references exports (centre_id, id),
  constraint exported_people_beneficiary_fk foreign key (centre_id, beneficiary_id) references beneficiaries (centre_id, id),
  constraint exported_people_case_fk foreign key (centre_id, case_id) references cases (centre_id, id)
);
create index exported_people_beneficiary on exported_people (centre_id, beneficiary_id);
select confine('exported_people');
grant select, insert on exported_people to waystation_app;
create policy need_to_know on exported_people as restrictive for select using (case_id is null or (select need_to_know_lifted())
  or exists (select 1 from cases c where c.centre_id = exported_people.centre_id and c.id = exported_people.case_id));

-- The ledger as it is read. An export rests on what the person's record rests on.
create view disclosure_ledger with (security_invoker = true) as
  select centre_id, id, version, created_at, updated_at, beneficiary_id, referral_id, organisation_id, act, fields, consent_id, basis, actor_id, '' as list
  from disclosures
  union all
  select p.centre_id, p.id, x.version, x.created_at, x.updated_at, p.beneficiary_id, null, x.organisation_id, 'export', x.fields, k.id, b.basis, x.actor_id, x.list
  from exported_people p
  join exports x on x.centre_id = p.centre_id and x.id = p.export_id
  join beneficiaries b on b.centre_id = p.centre_id and b.id = p.beneficiary_id
  left join lateral (
    select c.id from consents c
    where b.basis = 'consent' and c.centre_id = p.centre_id and c.beneficiary_id = p.beneficiary_id and c.scope = 'registration' and c.decision = 'given' and c.given_at <= x.created_at
    order by c.given_at desc, c.id desc limit 1) k on true;
grant select on disclosure_ledger to waystation_app;

-- Of what a partner handed in, the consent is with the partner.
alter table disclosures drop constraint disclosures_ground_check;
alter table disclosures add constraint disclosures_ground_check check (basis <> 'consent' or consent_id is not null or referral_id is not null);

-- +goose StatementBegin

-- A partner reads what the centre wrote: in its own transaction, which cannot write the ledger itself.
create function partner_read_messages(referral uuid) returns void language plpgsql security definer set search_path = public, pg_temp set app.need_to_know = 'lifted' as $$
declare r referrals;
begin
  select o.* into r from referrals o join partner_referrals p on p.centre_id = o.centre_id and p.id = o.id where o.id = referral;
  if r.beneficiary_id is null then return; end if;
  perform set_config('app.centre_ids', r.centre_id::text, true);
  insert into disclosures (centre_id, beneficiary_id, referral_id, organisation_id, act, fields, consent_id, basis)
    select r.centre_id, r.beneficiary_id, r.id, r.organisation_id, 'view', '{message}', r.consent_id, referral_basis(r)
    where exists (select from referral_messages m where m.centre_id = r.centre_id and m.referral_id = r.id and m.side = 'centre');
  perform set_config('app.centre_ids', '', true);
end $$;

-- What the exchange about a person rests on: the sender's ground.
create function referral_basis(r referrals) returns text language sql immutable as $$
  select case when r.consent_id is not null or (r.direction = 'inbound' and (r.consent_statement->>'given')::boolean) then 'consent'
    when r.direction = 'inbound' then r.consent_statement->>'basis' else r.override_basis end
$$;

-- Asking another centre to take a case tells it the preview.
create function case_transfer_previewed() returns trigger language plpgsql as $$
begin
  insert into disclosures (centre_id, beneficiary_id, case_id, organisation_id, act, fields, consent_id, basis)
    values (new.centre_id, new.beneficiary_id, new.case_id, new.organisation_id, 'send', array(select jsonb_object_keys(new.preview) order by 1),
      new.consent_id, case when new.consent_id is null then new.override_basis else 'consent' end);
  return null;
end $$;
-- +goose StatementEnd
create trigger previewed after insert on case_transfers for each row when (new.status = 'requested') execute function case_transfer_previewed();
create trigger previewed_later after update on case_transfers for each row when (new.status = 'requested' and old.status <> 'requested') execute function case_transfer_previewed();

-- +goose Down
drop trigger previewed_later on case_transfers;
drop trigger previewed on case_transfers;
drop function case_transfer_previewed, partner_read_messages, referral_basis;
alter table disclosures drop constraint disclosures_ground_check;
alter table disclosures add constraint disclosures_ground_check check (basis <> 'consent' or consent_id is not null);
drop view disclosure_ledger;
drop table exported_people, exports;
