-- Psychosocial support: sessions with people one by one, with families and with groups, and what their
-- facilitators keep to themselves.

-- +goose Up

create table mhpss_sessions (
  centre_id      uuid not null references centres (id),
  id             uuid not null,
  version        bigint not null,
  created_at     timestamptz not null,
  updated_at     timestamptz not null,
  kind           text not null,                -- individual | family | group
  status         text not null,                -- planned | held | cancelled | void
  activity       text not null,                -- code list mhpss_activity_type
  pyramid_level  text not null,                -- code list mhpss_pyramid_level
  psycho_education boolean not null default false,
  topic          text not null default '',
  starts_at      timestamptz not null,
  starts_on      date not null,                -- the centre's day of it
  minutes        int,                          -- once held
  modality       text not null,                -- in_person | remote
  place          text not null default '',
  language       text not null default '',     -- BCP 47
  interpreter    boolean,
  facilitator_id uuid not null references users (id),
  supervisor_id  uuid references users (id),
  plan           text not null default '',     -- what the facilitator means to do
  materials      text[] not null default '{}',
  case_id        uuid,
  headcounts     jsonb not null default '[]',  -- people counted without a name
  persons        int not null default 0,       -- who came: named and counted
  reason         text not null default '',     -- why it was cancelled or voided
  created_by     uuid,
  primary key (centre_id, id),
  constraint mhpss_sessions_case_fk foreign key (centre_id, case_id) references cases (centre_id, id),
  constraint mhpss_sessions_kind_check check (kind in ('individual', 'family', 'group')),
  constraint mhpss_sessions_status_check check (status in ('planned', 'held', 'cancelled', 'void')),
  constraint mhpss_sessions_modality_check check (modality in ('in_person', 'remote')),
  constraint mhpss_sessions_held_check check (status <> 'held' or minutes > 0 and persons > 0),
  constraint mhpss_sessions_case_check check (case_id is null or kind <> 'group')
);
create index mhpss_sessions_starts on mhpss_sessions (centre_id, starts_at, id);
create index mhpss_sessions_held on mhpss_sessions (centre_id, starts_on) where status = 'held';
create index mhpss_sessions_facilitator on mhpss_sessions (centre_id, facilitator_id, starts_at, id);
create index mhpss_sessions_case on mhpss_sessions (centre_id, case_id) where case_id is not null;

-- +goose StatementBegin
-- A session in a restricted file is known to its team alone, by its events too.
create function mhpss_session_event() returns trigger language plpgsql as $$
begin
  insert into events (centre_id, type, resource, subject_id, version)
    select new.centre_id, 'mhpss_session.' || case when tg_op = 'INSERT' then 'created' when new.status = 'void' and old.status <> 'void' then 'voided' else 'updated' end,
      'mhpss_session', new.id, new.version
    where new.case_id is null or exists (select 1 from cases c where c.centre_id = new.centre_id and c.id = new.case_id and c.sensitivity <> 'restricted');
  return null;
end $$;
-- +goose StatementEnd
select protect('mhpss_sessions', null, array['plan', 'place', 'reason']);
create trigger feed after insert or update on mhpss_sessions for each row execute function mhpss_session_event();
create policy need_to_know on mhpss_sessions as restrictive for select using (case_id is null or (select need_to_know_lifted()) or exists (
  select 1 from cases c where c.centre_id = mhpss_sessions.centre_id and c.id = mhpss_sessions.case_id));

create table mhpss_participants (
  centre_id      uuid not null,
  id             uuid not null,
  version        bigint not null,
  created_at     timestamptz not null,
  updated_at     timestamptz not null,
  session_id     uuid not null,
  beneficiary_id uuid not null,
  case_id        uuid,                         -- the session's, so that the person's history keeps to its wall
  role           text not null,                -- participant | family_member
  attended_at    timestamptz,                  -- when the session began that they came to
  primary key (centre_id, id),
  constraint mhpss_participants_session_fk foreign key (centre_id, session_id) references mhpss_sessions (centre_id, id),
  constraint mhpss_participants_beneficiary_fk foreign key (centre_id, beneficiary_id) references beneficiaries (centre_id, id),
  constraint mhpss_participants_case_fk foreign key (centre_id, case_id) references cases (centre_id, id),
  constraint mhpss_participants_role_check check (role in ('participant', 'family_member'))
);
create unique index mhpss_participants_key on mhpss_participants (centre_id, session_id, beneficiary_id);
create index mhpss_participants_beneficiary on mhpss_participants (centre_id, beneficiary_id);
select protect('mhpss_participants');
create policy need_to_know on mhpss_participants as restrictive for select using (case_id is null or (select need_to_know_lifted()) or exists (
  select 1 from cases c where c.centre_id = mhpss_participants.centre_id and c.id = mhpss_participants.case_id));
select chronicle('mhpss_participants', 'mhpss_participant', '{"attended": "attended_at"}', '{role}');

-- What was said and seen, written for whoever leads the session and whoever supervises it; never changed.
create table mhpss_notes (
  centre_id  uuid not null,
  id         uuid not null,
  version    bigint not null,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  session_id uuid not null,
  written_by uuid not null references users (id),
  text       text not null,
  primary key (centre_id, id),
  constraint mhpss_notes_session_fk foreign key (centre_id, session_id) references mhpss_sessions (centre_id, id)
);
create index mhpss_notes_session on mhpss_notes (centre_id, session_id, created_at, id);
select protect('mhpss_notes', null, array['text'], append_only => true);
create policy need_to_know on mhpss_notes as restrictive for select using (written_by = (select scope_actor()) or exists (
  select 1 from mhpss_sessions s where s.centre_id = mhpss_notes.centre_id and s.id = mhpss_notes.session_id
    and (select scope_actor()) in (s.facilitator_id, s.supervisor_id)));

-- +goose Down
drop table mhpss_notes, mhpss_participants, mhpss_sessions;
drop function mhpss_session_event;
