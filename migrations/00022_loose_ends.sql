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

-- The trail never holds how sensitive a row is: its readers are on no case team (handbook 14), and what they read must not
-- tell a restricted file from another. What the feed makes of a change is judged before that is left out.
create or replace function trail_row() returns trigger language plpgsql as $$
declare
  feed    constant text   := tg_argv[0];
  hidden  constant text[] := tg_argv[1]::text[] || '{sensitivity}';
  trail   constant jsonb  := nullif(current_setting('app.trail', true), '');
  whole   jsonb;
  was     jsonb;
  now_is  jsonb;
  same    text[];
  centre  uuid;
  subject uuid;
  change  text := case tg_op when 'INSERT' then '.created' when 'UPDATE' then '.updated' else '.deleted' end;
begin
  if tg_op = 'UPDATE' then
    same := akeys(hstore(old) - akeys(hstore(new) - hstore(old)));
    whole := to_jsonb(new);
    now_is := whole - same - hidden;
    if now_is = '{}' then return null; end if;
    was := to_jsonb(old) - same - hidden;
    change := feed_change(to_jsonb(old) - same, whole - same);
  elsif tg_op = 'INSERT' then
    whole := to_jsonb(new);
    now_is := whole - hidden;
  else
    whole := to_jsonb(old);
    was := whole - hidden;
  end if;
  centre := coalesce(whole->>'centre_id', '00000000-0000-0000-0000-000000000000');
  subject := whole->>'id';
  insert into audit_events (centre_id, actor_kind, operation, request_id, purpose, action, resource, subject_ids, before, after)
    values (centre, coalesce(trail->>'actor_kind', 'system'), coalesce(trail->>'operation', ''), coalesce(trail->>'request_id', ''),
      coalesce(trail->>'purpose', ''), lower(tg_op), tg_table_name, array[subject], was, now_is);
  if feed = '' then return null; end if;
  if whole->>'sensitivity' = 'restricted' and (change <> '.deleted' or tg_op <> 'UPDATE') then
    return null; -- not even that it exists
  end if;
  insert into events (centre_id, type, resource, subject_id, version)
    values (centre, feed || change, feed, subject, (whole->>'version')::bigint);
  return null;
end $$;
-- +goose StatementEnd

-- Only a restricted file's glass is broken: the trail keeps that somebody did, and not whose file it was.
drop trigger trail on break_glass_grants;
create trigger trail after insert or update or delete on break_glass_grants for each row
  execute function trail_row('break_glass_grant', '{reason,comment,case_id}');

-- +goose Down
drop trigger trail on break_glass_grants;
create trigger trail after insert or update or delete on break_glass_grants for each row
  execute function trail_row('break_glass_grant', '{reason,comment}');
-- +goose StatementBegin
create or replace function trail_row() returns trigger language plpgsql as $$
declare
  feed    constant text   := tg_argv[0];
  hidden  constant text[] := tg_argv[1];
  trail   constant jsonb  := nullif(current_setting('app.trail', true), '');
  whole   jsonb;
  was     jsonb;
  now_is  jsonb;
  same    text[];
  centre  uuid;
  subject uuid;
  change  text := case tg_op when 'INSERT' then '.created' when 'UPDATE' then '.updated' else '.deleted' end;
begin
  if tg_op = 'UPDATE' then
    same := akeys(hstore(old) - akeys(hstore(new) - hstore(old)));
    whole := to_jsonb(new);
    now_is := whole - same - hidden;
    if now_is = '{}' then return null; end if;
    was := to_jsonb(old) - same - hidden;
  elsif tg_op = 'INSERT' then
    whole := to_jsonb(new);
    now_is := whole - hidden;
  else
    whole := to_jsonb(old);
    was := whole - hidden;
  end if;
  centre := coalesce(whole->>'centre_id', '00000000-0000-0000-0000-000000000000');
  subject := whole->>'id';
  insert into audit_events (centre_id, actor_kind, operation, request_id, purpose, action, resource, subject_ids, before, after)
    values (centre, coalesce(trail->>'actor_kind', 'system'), coalesce(trail->>'operation', ''), coalesce(trail->>'request_id', ''),
      coalesce(trail->>'purpose', ''), lower(tg_op), tg_table_name, array[subject], was, now_is);
  if feed = '' then return null; end if;
  if tg_op = 'UPDATE' then
    change := feed_change(was, now_is);
  end if;
  if whole->>'sensitivity' = 'restricted' and (change <> '.deleted' or tg_op <> 'UPDATE') then
    return null; -- not even that it exists
  end if;
  insert into events (centre_id, type, resource, subject_id, version)
    values (centre, feed || change, feed, subject, (whole->>'version')::bigint);
  return null;
end $$;
-- +goose StatementEnd
drop function depended_upon, on_legal_hold;
drop table legal_holds;
alter table identity_documents drop column attachment_id;
