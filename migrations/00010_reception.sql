-- Reception: who arrives, how urgently they are seen, convoys after a rescue, and services given without a name.

-- +goose Up

-- A rescue, and the convoy that it brought. Its headcount is that of its groups, see visits; who of
-- them is registered is in rescue_event_people. Neither is kept as a number: nothing can be lost.
create table rescue_events (
  centre_id       uuid not null references centres (id),
  id              uuid not null,
  version         bigint not null,
  created_at      timestamptz not null,
  updated_at      timestamptz not null,
  kind            text not null,             -- code list rescue_event_kind
  occurred_at     timestamptz not null,      -- of the rescue, not of the arrival
  place           text not null default '',
  organisation_id uuid references organisations (id), -- who brought them
  note            text not null default '',
  status          text not null default 'active',
  void_reason     text not null default '',
  created_by      uuid,
  primary key (centre_id, id),
  constraint rescue_events_status_check check (status in ('active', 'void'))
);
create index rescue_events_occurred on rescue_events (centre_id, occurred_at, id);
select protect('rescue_events', 'rescue_event', array['note', 'void_reason']);

create table visits (
  centre_id       uuid not null references centres (id),
  id              uuid not null,
  version         bigint not null,
  created_at      timestamptz not null,
  updated_at      timestamptz not null,
  beneficiary_id  uuid,
  headcount       int,                       -- the sum of its headcounts; stays once a person who was counted is identified
  rescue_event_id uuid,
  referral_id     uuid,                      -- the referral that brought the person
  arrived_at      timestamptz not null,
  arrived_on      date not null,             -- the centre's day of arrived_at
  access_mode     text not null,             -- code list centre_access_mode
  arrival_mode    text not null default '',  -- code list arrival_mode
  expelled_from   text not null default '',  -- ISO 3166-1 alpha-3
  status          text not null default 'waiting',
  observed_groups text[] not null default '{}', -- code list reception_priority_group: seen at triage
  known_groups    text[] not null default '{}', -- likewise: from the register, or from the headcounts
  priority_band   text not null,             -- code list reception_priority_band
  eligibility     text not null default '',  -- code list reception_eligibility
  triage_note     text not null default '',
  triaged_at      timestamptz,
  triaged_by      uuid,
  admitted_at     timestamptz,
  admitted_by     uuid,
  ended_at        timestamptz,
  ended_by        uuid,
  outcome_reason  text not null default '',  -- code list visit_outcome_reason
  outcome_note    text not null default '',
  referred_to     uuid references organisations (id),
  orientation_on  date,                      -- house rules and information given
  orientation_language text not null default '',
  orientation_format text not null default '', -- code list orientation_format
  exception_reason text not null default '', -- received in a phase that receives nobody
  note            text not null default '',
  void_reason     text not null default '',
  created_by      uuid,
  -- The place in the queue: by band, then by arrival to the microsecond.
  queue_key       bigint not null generated always as (
    (case priority_band when 'urgent' then 1 when 'high' then 2 else 3 end)::bigint * 1000000000000000000
    + (extract(epoch from arrived_at at time zone 'UTC') * 1000000)::bigint) stored,
  primary key (centre_id, id),
  constraint visits_beneficiary_fk foreign key (centre_id, beneficiary_id) references beneficiaries (centre_id, id),
  constraint visits_rescue_event_fk foreign key (centre_id, rescue_event_id) references rescue_events (centre_id, id),
  constraint visits_referral_fk foreign key (centre_id, referral_id) references referrals (centre_id, id),
  constraint visits_person_or_headcount_check check (beneficiary_id is not null or headcount is not null),
  constraint visits_headcount_check check (headcount >= 1 and (headcount = 1 or beneficiary_id is null)),
  constraint visits_status_check check (status in ('waiting', 'admitted', 'left', 'referred_out', 'turned_away', 'void')),
  constraint visits_band_check check (priority_band in ('urgent', 'high', 'normal')),
  constraint visits_orientation_check check ((orientation_on is null) = (orientation_language = '') and (orientation_on is null) = (orientation_format = '')),
  constraint visits_ended_check check ((ended_at is not null) = (status in ('left', 'referred_out', 'turned_away')) or status = 'void')
);
create index visits_queue on visits (centre_id, queue_key, id) where status = 'waiting';
create index visits_arrived on visits (centre_id, arrived_at, id);
create index visits_beneficiary on visits (centre_id, beneficiary_id, arrived_at) where beneficiary_id is not null;
create index visits_rescue_event on visits (centre_id, rescue_event_id) where rescue_event_id is not null;
create unique index visits_one_open_key on visits (centre_id, beneficiary_id) where status in ('waiting', 'admitted');
-- The trail keeps that a triage was made, not what it found: it is read by people who receive nobody.
select protect('visits', 'visit', array['observed_groups', 'known_groups', 'priority_band', 'queue_key', 'eligibility', 'triage_note', 'outcome_note', 'exception_reason', 'note', 'void_reason']);

-- Who of a convoy is registered.
create table rescue_event_people (
  centre_id       uuid not null,
  id              uuid not null,
  version         bigint not null,
  created_at      timestamptz not null,
  updated_at      timestamptz not null,
  rescue_event_id uuid not null,
  beneficiary_id  uuid not null,
  linked_by       uuid,
  voided_at       timestamptz,
  void_reason     text not null default '',
  primary key (centre_id, id),
  constraint rescue_event_people_event_fk foreign key (centre_id, rescue_event_id) references rescue_events (centre_id, id),
  constraint rescue_event_people_beneficiary_fk foreign key (centre_id, beneficiary_id) references beneficiaries (centre_id, id)
);
create unique index rescue_event_people_key on rescue_event_people (centre_id, rescue_event_id, beneficiary_id) where voided_at is null;
create index rescue_event_people_beneficiary on rescue_event_people (centre_id, beneficiary_id);
select protect('rescue_event_people', 'rescue_event_person', array['void_reason']);

-- A record that is voided or merged no longer counts among a convoy's registered: its events have
-- changed for whoever holds their version.
-- +goose StatementBegin
create function rescue_events_recounted() returns trigger language plpgsql as $$
begin
  update rescue_events set version = version + 1, updated_at = now()
    where centre_id = new.centre_id and id in (select rescue_event_id from rescue_event_people
      where centre_id = new.centre_id and beneficiary_id = new.id and voided_at is null);
  return null;
end $$;
-- +goose StatementEnd
create trigger rescue_events after update on beneficiaries for each row
  when (old.status is distinct from new.status) execute function rescue_events_recounted();

-- Something given or told to people who are not registered (handbook 9.2).
create table service_contacts (
  centre_id    uuid not null references centres (id),
  id           uuid not null,
  version      bigint not null,
  created_at   timestamptz not null,
  updated_at   timestamptz not null,
  occurred_at  timestamptz not null,
  occurred_on  date not null,                -- the centre's day of occurred_at
  service_type text not null,                -- code list service_type
  access_mode  text not null default '',     -- code list centre_access_mode
  reason       text not null default '',     -- code list anonymous_contact_reason: why nobody was registered
  place        text not null default '',
  persons      int not null,                 -- the sum of its headcounts
  note         text not null default '',
  status       text not null default 'active',
  void_reason  text not null default '',
  created_by   uuid,
  primary key (centre_id, id),
  constraint service_contacts_persons_check check (persons >= 1),
  constraint service_contacts_status_check check (status in ('active', 'void'))
);
create index service_contacts_occurred on service_contacts (centre_id, occurred_at, id);
select protect('service_contacts', 'service_contact', array['note', 'void_reason']);

-- People counted without a name, by sex and age group: of a visit, or of a service contact.
create table headcounts (
  centre_id  uuid not null,
  id         uuid not null,
  version    bigint not null,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  visit_id   uuid,
  contact_id uuid,
  sex        text not null,                  -- code list sex
  age_group  text not null,                  -- code list age_group
  persons    int not null,
  primary key (centre_id, id),
  constraint headcounts_visit_fk foreign key (centre_id, visit_id) references visits (centre_id, id),
  constraint headcounts_contact_fk foreign key (centre_id, contact_id) references service_contacts (centre_id, id),
  constraint headcounts_owner_check check (num_nonnulls(visit_id, contact_id) = 1),
  constraint headcounts_persons_check check (persons >= 1)
);
create unique index headcounts_visit_key on headcounts (centre_id, visit_id, sex, age_group) where visit_id is not null;
create unique index headcounts_contact_key on headcounts (centre_id, contact_id, sex, age_group) where contact_id is not null;
select protect('headcounts');

-- +goose Down
drop trigger rescue_events on beneficiaries;
drop function rescue_events_recounted;
drop table headcounts, service_contacts, rescue_event_people, visits, rescue_events;
