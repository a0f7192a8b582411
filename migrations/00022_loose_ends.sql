-- The loose ends of a person's file: which scan shows a document, what must not be deleted, whether a record may be
-- voided, and what the trail must not tell.

-- +goose Up
alter table identity_documents add column attachment_id uuid,
  add constraint identity_documents_attachment_fk foreign key (centre_id, attachment_id) references attachments (centre_id, id);
create index identity_documents_attachment on identity_documents (centre_id, attachment_id) where attachment_id is not null;

-- What must be kept although its time is over: a court, an inquiry or the person asks for it.
create table legal_holds (
  centre_id      uuid not null references centres (id),
  id             uuid not null,
  version        bigint not null,
  created_at     timestamptz not null,
  updated_at     timestamptz not null,
  beneficiary_id uuid,                       -- everything of a person, their cases included …
  case_id        uuid,                       -- … or of one case
  reason         text not null,
  until_on       date,                       -- the last day; null: until somebody ends it
  placed_by      uuid,
  end_reason     text not null default '',
  ended_at       timestamptz,
  ended_by       uuid,
  primary key (centre_id, id),
  constraint legal_holds_beneficiary_fk foreign key (centre_id, beneficiary_id) references beneficiaries (centre_id, id),
  constraint legal_holds_case_fk foreign key (centre_id, case_id) references cases (centre_id, id),
  constraint legal_holds_of_check check (num_nonnulls(beneficiary_id, case_id) = 1),
  constraint legal_holds_ended_check check ((ended_at is null) = (end_reason = ''))
);
create index legal_holds_created on legal_holds (centre_id, created_at, id);
create index legal_holds_beneficiary on legal_holds (centre_id, beneficiary_id) where beneficiary_id is not null;
create index legal_holds_case on legal_holds (centre_id, case_id) where case_id is not null;
select protect('legal_holds', hide => array['reason', 'end_reason']);

-- Whether something of a person or of a case must be kept. Whoever deletes asks; a hold of the case is as good as
-- one of its person.
-- +goose StatementBegin
create function on_legal_hold(centre uuid, person uuid, kase uuid) returns boolean language sql stable set app.need_to_know = 'lifted' as $$
  select exists (select from legal_holds h join centres z on z.id = h.centre_id
    where h.centre_id = centre and h.ended_at is null and coalesce(h.until_on >= (now() at time zone z.time_zone)::date, true)
      and (h.case_id = kase or h.beneficiary_id = coalesce(person, (select c.beneficiary_id from cases c where c.centre_id = centre and c.id = kase))))
$$;

-- Whether anything is still under way that hangs on a person, also what the caller may not know of: the answer does not
-- tell what it is.
create function depended_upon(person uuid) returns boolean language sql stable set app.need_to_know = 'lifted' as $$
  select exists (select from cases c where c.centre_id = any (scope_centres()) and c.beneficiary_id = person and c.status in ('draft', 'open', 'on_hold', 'pending_closure'))
    or exists (select from household_members m where m.centre_id = any (scope_centres()) and m.beneficiary_id = person and m.left_on is null)
    or exists (select from visits v where v.centre_id = any (scope_centres()) and v.beneficiary_id = person and v.status in ('waiting', 'admitted'))
$$;

-- +goose StatementEnd

-- +goose Down
drop function depended_upon, on_legal_hold;
drop table legal_holds;
alter table identity_documents drop column attachment_id;
