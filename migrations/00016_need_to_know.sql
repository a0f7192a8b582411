-- Who may see a file for a while, who may never see it, and how those who work on files are supervised.

-- +goose Up

-- The glass that somebody broke: for some hours they see a restricted file. Supervisors and the data-protection
-- officer learn of it and judge it; only what is needed for that is here.
create table break_glass_grants (
  centre_id   uuid not null,
  id          uuid not null,
  version     bigint not null,
  created_at  timestamptz not null,
  updated_at  timestamptz not null,
  case_id     uuid not null,
  opened_by   uuid not null references users (id),
  reason      text not null,
  until_at    timestamptz not null,
  review_due_at timestamptz not null,
  outcome     text not null default '',      -- '' until somebody reviewed it
  comment     text not null default '',
  reviewed_by uuid references users (id),
  reviewed_at timestamptz,
  primary key (centre_id, id),
  constraint break_glass_grants_case_fk foreign key (centre_id, case_id) references cases (centre_id, id),
  constraint break_glass_grants_outcome_check check (outcome in ('', 'justified', 'not_justified') and (outcome = '') = (reviewed_at is null) and (outcome = '') = (reviewed_by is null)),
  constraint break_glass_grants_reviewer_check check (reviewed_by <> opened_by)
);
create index break_glass_grants_actor on break_glass_grants (opened_by, centre_id, until_at);
create index break_glass_grants_created on break_glass_grants (centre_id, created_at, id);
select protect('break_glass_grants', 'break_glass_grant', array['reason', 'comment']);

-- Staff who must never see a file: they know the person, or are named in it.
create table case_walls (
  centre_id  uuid not null,
  id         uuid not null,
  version    bigint not null,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  case_id    uuid not null,
  user_id    uuid not null references users (id),
  reason     text not null,
  raised_by  uuid references users (id),
  end_reason text not null default '',
  ended_at   timestamptz,
  primary key (centre_id, id),
  constraint case_walls_case_fk foreign key (centre_id, case_id) references cases (centre_id, id)
);
create unique index case_walls_user_key on case_walls (centre_id, case_id, user_id) where ended_at is null;
create index case_walls_user on case_walls (user_id, centre_id) where ended_at is null;
select case_file('case_walls', 'case_wall', array['reason', 'end_reason']);

create table case_conferences (
  centre_id  uuid not null,
  id         uuid not null,
  version    bigint not null,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  case_id    uuid not null,
  scheduled_at timestamptz not null,
  purpose    text not null,
  participants jsonb not null default '[]',  -- people from outside: name, organisation
  held_at    timestamptz,
  outcome    text not null default '',       -- code list case_conference_outcome, once it was held
  decisions  text not null default '',
  cancelled_at timestamptz,
  cancel_reason text not null default '',
  convened_by uuid references users (id),
  primary key (centre_id, id),
  constraint case_conferences_case_fk foreign key (centre_id, case_id) references cases (centre_id, id),
  constraint case_conferences_held_check check ((held_at is null) = (outcome = '')),
  constraint case_conferences_ended_check check (held_at is null or cancelled_at is null)
);
create index case_conferences_case on case_conferences (centre_id, case_id, scheduled_at, id);
select case_file('case_conferences', 'case_conference', array['purpose', 'participants', 'decisions', 'cancel_reason']);
select chronicle('case_conferences', 'case_conference', '{"convened": "created_at", "held": "held_at", "cancelled": "cancelled_at"}', '{outcome}');

-- Who reads the file for a conference, and from when until when.
create table case_invitations (
  centre_id  uuid not null,
  id         uuid not null,
  version    bigint not null,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  case_id    uuid not null,
  conference_id uuid not null,
  user_id    uuid not null references users (id),
  from_at    timestamptz not null,
  until_at   timestamptz not null,
  ended_at   timestamptz,
  invited_by uuid references users (id),
  primary key (centre_id, id),
  constraint case_invitations_conference_fk foreign key (centre_id, conference_id) references case_conferences (centre_id, id),
  constraint case_invitations_case_fk foreign key (centre_id, case_id) references cases (centre_id, id),
  constraint case_invitations_times_check check (from_at < until_at)
);
create unique index case_invitations_user_key on case_invitations (centre_id, conference_id, user_id) where ended_at is null;
create index case_invitations_user on case_invitations (user_id, centre_id) where ended_at is null;
create index case_invitations_conference on case_invitations (centre_id, conference_id, id);
select case_file('case_invitations', 'case_invitation');

-- The files that the caller works on: as one of the team, or behind broken glass.
-- +goose StatementBegin
create function cases_worked_by_actor() returns uuid[] language sql stable set app.need_to_know = 'lifted' as
$$ select coalesce(array_agg(case_id), '{}') from (
     select case_id from case_team where centre_id = any (scope_centres()) and user_id = scope_actor() and ended_at is null
     union select case_id from break_glass_grants where centre_id = any (scope_centres()) and opened_by = scope_actor() and until_at > now()) mine $$;

-- And those that the caller reads, because a conference needs it.
create or replace function cases_of_actor() returns uuid[] language sql stable set app.need_to_know = 'lifted' as
$$ select cases_worked_by_actor() || coalesce(array_agg(case_id), '{}') from case_invitations
   where centre_id = any (scope_centres()) and user_id = scope_actor() and ended_at is null and now() >= from_at and now() < until_at $$;

create function cases_walled_from_actor() returns uuid[] language sql stable set app.need_to_know = 'lifted' as
$$ select coalesce(array_agg(case_id), '{}') from case_walls
   where centre_id = any (scope_centres()) and user_id = scope_actor() and ended_at is null $$;
-- +goose StatementEnd

drop policy need_to_know on cases;
create policy need_to_know on cases as restrictive for select using ((select need_to_know_lifted())
  or ((sensitivity <> 'restricted' or id = any ((select cases_of_actor())::uuid[]))
    and id <> all ((select cases_walled_from_actor())::uuid[])));

-- Whoever judges a broken glass must not be one whom the file is kept from.
create policy need_to_know on break_glass_grants as restrictive for select using ((select need_to_know_lifted())
  or case_id <> all ((select cases_walled_from_actor())::uuid[]));

-- A restricted need is read by whoever reads a file of the person's as one of its own.
drop policy need_to_know on specific_needs;
create policy need_to_know on specific_needs as restrictive for select using (
  sensitivity <> 'restricted' or exists (
    select 1 from cases c where c.id = any ((select cases_of_actor())::uuid[])
      and c.centre_id = specific_needs.centre_id and c.beneficiary_id = specific_needs.beneficiary_id));
drop policy restricted_need on referral_needs;
create policy restricted_need on referral_needs as restrictive for select using (
  sensitivity <> 'restricted' or (select need_to_know_lifted()) or exists (
    select 1 from cases c join referrals r on r.centre_id = c.centre_id and r.beneficiary_id = c.beneficiary_id
    where c.id = any ((select cases_of_actor())::uuid[])
      and r.centre_id = referral_needs.centre_id and r.id = referral_needs.referral_id));

-- The change feed keeps a wall too: an event says whose file it is about.
alter table events add column case_id uuid;
drop policy events_read on events;
create policy events_read on events for select using (
  (centre_id = any ((select scope_centres())::uuid[]) or organisation_id = (select scope_organisation())
    or (centre_id = '00000000-0000-0000-0000-000000000000' and (select scope_network())))
  and (case_id is null or case_id <> all ((select cases_walled_from_actor())::uuid[]))
  and (resource <> 'case' or subject_id <> all ((select cases_walled_from_actor())::uuid[])));
-- +goose StatementBegin
create or replace function case_file_event() returns trigger language plpgsql as $$
declare change text := '.created';
begin
  if tg_op = 'UPDATE' then
    change := case when to_jsonb(new)->>'voided_at' is distinct from to_jsonb(old)->>'voided_at' then '.voided' else '.updated' end;
  end if;
  insert into events (centre_id, type, resource, subject_id, version, case_id)
    select new.centre_id, tg_argv[0] || change, tg_argv[0], new.id, new.version, new.case_id
    from cases c where c.centre_id = new.centre_id and c.id = new.case_id and c.sensitivity <> 'restricted';
  return null;
end $$;
-- +goose StatementEnd

-- Staff supervised one by one or together. Nothing names a person: cases are told by their ids.
create table supervision_sessions (
  centre_id  uuid not null,
  id         uuid not null,
  version    bigint not null,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  kind       text not null,
  supervisor_id uuid not null references users (id),
  participant_ids uuid[] not null,
  held_at    timestamptz not null,
  minutes    int not null,
  topics     text[] not null default '{}',
  actions    text not null default '',
  case_ids   uuid[] not null default '{}',
  voided_at  timestamptz,
  void_reason text not null default '',
  primary key (centre_id, id),
  constraint supervision_sessions_kind_check check (kind in ('individual', 'group')),
  constraint supervision_sessions_participants_check check (cardinality(participant_ids) > 0)
);
create index supervision_sessions_held on supervision_sessions (centre_id, held_at, id);
select protect('supervision_sessions', null, array['topics', 'actions', 'case_ids', 'void_reason']);
create policy need_to_know on supervision_sessions as restrictive for select using ((select need_to_know_lifted())
  or supervisor_id = (select scope_actor()) or (select scope_actor()) = any (participant_ids));

-- +goose Down
drop table supervision_sessions;
-- +goose StatementBegin
create or replace function case_file_event() returns trigger language plpgsql as $$
declare change text := '.created';
begin
  if tg_op = 'UPDATE' then
    change := case when to_jsonb(new)->>'voided_at' is distinct from to_jsonb(old)->>'voided_at' then '.voided' else '.updated' end;
  end if;
  insert into events (centre_id, type, resource, subject_id, version)
    select new.centre_id, tg_argv[0] || change, tg_argv[0], new.id, new.version
    from cases c where c.centre_id = new.centre_id and c.id = new.case_id and c.sensitivity <> 'restricted';
  return null;
end $$;
-- +goose StatementEnd
drop policy events_read on events;
create policy events_read on events for select using (
  centre_id = any ((select scope_centres())::uuid[]) or organisation_id = (select scope_organisation())
  or (centre_id = '00000000-0000-0000-0000-000000000000' and (select scope_network())));
alter table events drop column case_id;
drop policy restricted_need on referral_needs;
create policy restricted_need on referral_needs as restrictive for select using (
  sensitivity <> 'restricted' or (select need_to_know_lifted()) or exists (
    select 1 from case_team t join cases c on c.centre_id = t.centre_id and c.id = t.case_id
      join referrals r on r.centre_id = c.centre_id and r.beneficiary_id = c.beneficiary_id
    where t.user_id = (select scope_actor()) and t.ended_at is null
      and r.centre_id = referral_needs.centre_id and r.id = referral_needs.referral_id));
drop policy need_to_know on specific_needs;
create policy need_to_know on specific_needs as restrictive for select using (
  sensitivity <> 'restricted' or exists (
    select 1 from case_team t join cases c on c.centre_id = t.centre_id and c.id = t.case_id
    where t.user_id = (select scope_actor()) and t.ended_at is null
      and c.centre_id = specific_needs.centre_id and c.beneficiary_id = specific_needs.beneficiary_id));
drop policy need_to_know on break_glass_grants;
drop policy need_to_know on cases;
create policy need_to_know on cases as restrictive for select using (
  sensitivity <> 'restricted' or (select need_to_know_lifted()) or id = any ((select cases_of_actor())::uuid[]));
-- +goose StatementBegin
create or replace function cases_of_actor() returns uuid[] language sql stable set app.need_to_know = 'lifted' as
$$ select coalesce(array_agg(case_id), '{}') from case_team
   where centre_id = any (scope_centres()) and user_id = scope_actor() and ended_at is null $$;
-- +goose StatementEnd
drop function cases_walled_from_actor, cases_worked_by_actor;
drop table case_invitations, case_conferences, case_walls, break_glass_grants;
