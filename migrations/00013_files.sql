-- Files: where their bytes lie, what is attached to people and cases, and registration cards.

-- +goose Up

-- The ledger of what lies in the folder or bucket. A file is entered before its first byte is
-- written and kept with what refers to it, so that whatever a process leaves behind is found.
create table stored_files (
  centre_id  uuid not null references centres (id),
  id         uuid not null,                  -- the content's name there
  version    bigint not null,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  state      text not null,                  -- pending | kept | dropped
  sealed_key text not null,                  -- what the content is encrypted with; gone, the content is unreadable
  size       bigint not null,                -- bytes, before encryption
  primary key (centre_id, id),
  constraint stored_files_state_check check (state in ('pending', 'kept', 'dropped')),
  constraint stored_files_dropped_check check ((state = 'dropped') = (sealed_key = ''))
);
create index stored_files_waiting on stored_files (centre_id, created_at) where state <> 'kept';
select confine('stored_files');
grant select, insert, update, delete on stored_files to waystation_app;

create table attachments (
  centre_id       uuid not null,
  id              uuid not null,
  version         bigint not null,
  created_at      timestamptz not null,
  updated_at      timestamptz not null,
  beneficiary_id  uuid,                      -- of a person …
  case_id         uuid,                      -- … or of a case
  kind            text not null,             -- code list attachment_kind
  sensitivity     text not null,             -- normal | sensitive | restricted; of a case: the case's counts
  label           text not null default '',
  file_name       text not null,
  media_type      text not null,             -- of what is kept
  size            bigint not null,           -- bytes of what is kept
  sha256          bytea not null,            -- of what is kept
  received_sha256 bytea not null,            -- of what was sent
  width           int,                       -- pixels, of images
  height          int,
  file_id         uuid,                      -- null: the content was deleted
  thumbnail_id    uuid,
  request_key     text,                      -- makes a repeat safe
  uploaded_by     uuid not null,
  verified_at     timestamptz,
  verified_by     uuid,
  void_reason     text not null default '',
  voided_at       timestamptz,
  voided_by       uuid,
  content_deleted_at timestamptz,
  primary key (centre_id, id),
  constraint attachments_beneficiary_fk foreign key (centre_id, beneficiary_id) references beneficiaries (centre_id, id),
  constraint attachments_case_fk foreign key (centre_id, case_id) references cases (centre_id, id),
  constraint attachments_file_fk foreign key (centre_id, file_id) references stored_files (centre_id, id),
  constraint attachments_thumbnail_fk foreign key (centre_id, thumbnail_id) references stored_files (centre_id, id),
  constraint attachments_owner_check check (num_nonnulls(beneficiary_id, case_id) = 1),
  constraint attachments_sensitivity_check check (sensitivity in ('normal', 'sensitive', 'restricted')),
  constraint attachments_content_check check ((file_id is null) = (content_deleted_at is not null))
);
create unique index attachments_request_key on attachments (centre_id, uploaded_by, request_key) where request_key is not null;
create index attachments_beneficiary on attachments (centre_id, beneficiary_id, created_at, id) where beneficiary_id is not null;
create index attachments_case on attachments (centre_id, case_id, created_at, id) where case_id is not null;
create index attachments_file on attachments (centre_id, file_id) where file_id is not null;
create index attachments_thumbnail on attachments (centre_id, thumbnail_id) where thumbnail_id is not null;
create index attachments_ending on attachments (centre_id, coalesce(voided_at, verified_at))
  where content_deleted_at is null and coalesce(voided_at, verified_at) is not null;
select protect('attachments', hide => array['label', 'file_name', 'void_reason', 'request_key']);

-- What belongs to a case is read by whoever reads the case; what is restricted of a person, by the
-- person's case team, as a restricted need is.
create policy need_to_know on attachments as restrictive for select using (
  (select need_to_know_lifted())
  or (case_id is null and sensitivity <> 'restricted')
  or exists (select 1 from cases c where c.centre_id = attachments.centre_id and c.id = attachments.case_id)
  or exists (select 1 from case_team t join cases c on c.centre_id = t.centre_id and c.id = t.case_id
    where t.user_id = (select scope_actor()) and t.ended_at is null
      and c.centre_id = attachments.centre_id and c.beneficiary_id = attachments.beneficiary_id));

-- The feed of a person's attachments; what is restricted does not exist in it.
-- +goose StatementBegin
create function attachment_event() returns trigger language plpgsql as $$
declare change text := '.created';
begin
  if tg_op = 'UPDATE' then
    change := feed_change(to_jsonb(old), to_jsonb(new));
    if old.sensitivity = 'restricted' and new.sensitivity = 'restricted' then return null; end if;
  elsif new.sensitivity = 'restricted' then
    return null;
  end if;
  insert into events (centre_id, type, resource, subject_id, version)
    values (new.centre_id, tg_argv[0] || change, tg_argv[0], new.id, new.version);
  return null;
end $$;
-- +goose StatementEnd
create trigger feed after insert or update on attachments for each row when (new.case_id is null) execute function attachment_event('attachment');
create trigger case_feed after insert or update on attachments for each row when (new.case_id is not null) execute function case_file_event('case_attachment');

-- What was recorded or signed stands behind a decision on consent.
alter table consents add column evidence_id uuid,
  add constraint consents_evidence_fk foreign key (centre_id, evidence_id) references attachments (centre_id, id);
create index consents_evidence on consents (centre_id, evidence_id) where evidence_id is not null;

-- Registration cards. What a scanned code is found by is its hash; the code itself is sealed.
create table registration_cards (
  centre_id      uuid not null,
  id             uuid not null,
  version        bigint not null,
  created_at     timestamptz not null,
  updated_at     timestamptz not null,
  beneficiary_id uuid not null,
  status         text not null,
  token_hash     bytea not null,
  token_sealed   text not null,
  issued_by      uuid not null,
  prints         int not null,
  last_printed_at timestamptz not null,
  revoke_reason  text not null default '',
  revoked_at     timestamptz,
  revoked_by     uuid,
  primary key (centre_id, id),
  constraint registration_cards_beneficiary_fk foreign key (centre_id, beneficiary_id) references beneficiaries (centre_id, id),
  constraint registration_cards_status_check check (status in ('active', 'revoked')),
  constraint registration_cards_revoked_check check ((status = 'revoked') = (revoked_at is not null))
);
create unique index registration_cards_active_key on registration_cards (centre_id, beneficiary_id) where status = 'active';
create unique index registration_cards_token_key on registration_cards (centre_id, token_hash);
create index registration_cards_beneficiary on registration_cards (centre_id, beneficiary_id);
select protect('registration_cards', 'registration_card', array['token_hash', 'token_sealed', 'revoke_reason']);

create table registration_card_prints (
  centre_id      uuid not null,
  id             uuid not null,
  version        bigint not null,
  created_at     timestamptz not null,
  updated_at     timestamptz not null,
  beneficiary_id uuid not null,
  card_id        uuid not null,
  printed_by     uuid not null,
  reason         text not null default '',
  primary key (centre_id, id),
  constraint registration_card_prints_card_fk foreign key (centre_id, card_id) references registration_cards (centre_id, id),
  constraint registration_card_prints_beneficiary_fk foreign key (centre_id, beneficiary_id) references beneficiaries (centre_id, id)
);
create index registration_card_prints_beneficiary on registration_card_prints (centre_id, beneficiary_id, created_at, id);
create index registration_card_prints_card on registration_card_prints (centre_id, card_id);
select protect('registration_card_prints', hide => array['reason'], append_only => true);

-- +goose Down
drop table registration_card_prints, registration_cards;
alter table consents drop column evidence_id;
drop table attachments, stored_files;
drop function attachment_event;
