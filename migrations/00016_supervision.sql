-- How those who work on files are supervised, and what the timeline tells of conferences.

-- +goose Up
select chronicle('case_conferences', 'case_conference', '{"convened": "created_at", "held": "held_at", "cancelled": "cancelled_at"}', '{outcome}');

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
-- chronicle's triggers go with their table
