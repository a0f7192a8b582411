-- Best-interest procedures of children (handbook 3.7), and today's date where a centre is.

-- +goose Up

-- The one meaning of today: the date in the centre's time zone.
create function centre_today(centre uuid) returns date language sql stable parallel safe as
$$ select (now() at time zone time_zone)::date from centres where id = centre $$;

create table best_interest_procedures (
  centre_id    uuid not null,
  id           uuid not null,
  version      bigint not null,
  created_at   timestamptz not null,
  updated_at   timestamptz not null,
  case_id      uuid not null,
  kind         text not null,
  known_as     text not null default '',     -- what whoever held it calls it
  agency       text not null default '',     -- that held it, where it was not the centre
  trigger      text not null,                -- code list best_interest_trigger
  question     text not null default '',     -- what is to be decided
  options      jsonb not null default '[]',  -- considered: option, considerations
  childs_views text not null default '',
  panel        jsonb not null default '[]',  -- name, role, organisation
  document_id  uuid,                         -- attached to the case
  review_on    date,
  status       text not null,
  outcome      text not null default '',     -- code list best_interest_outcome, once it is decided
  decision     text not null default '',
  decided_at   timestamptz,
  decided_by   uuid,                         -- who recorded it
  reviews_id   uuid,                         -- the decision that is looked at again
  created_by   uuid,
  void_reason  text not null default '',
  voided_at    timestamptz,
  voided_by    uuid,
  primary key (centre_id, id),
  constraint best_interest_procedures_case_fk foreign key (centre_id, case_id) references cases (centre_id, id),
  constraint best_interest_procedures_document_fk foreign key (centre_id, document_id) references attachments (centre_id, id),
  constraint best_interest_procedures_reviews_fk foreign key (centre_id, reviews_id) references best_interest_procedures (centre_id, id),
  constraint best_interest_procedures_kind_check check (kind in ('BIA', 'BID')),
  constraint best_interest_procedures_status_check check (status in ('draft', 'decided', 'superseded', 'void')),
  constraint best_interest_procedures_void_check check ((status = 'void') = (voided_at is not null)),
  constraint best_interest_procedures_decided_check check (status in ('draft', 'void') or
    (outcome <> '' and decision <> '' and childs_views <> '' and options <> '[]' and decided_at is not null and (kind = 'BIA' or panel <> '[]')))
);
create index best_interest_procedures_case on best_interest_procedures (centre_id, case_id, created_at, id);
create unique index best_interest_procedures_review_key on best_interest_procedures (centre_id, reviews_id) where status = 'draft';
select case_file('best_interest_procedures', 'best_interest_procedure',
  array['known_as', 'agency', 'question', 'options', 'childs_views', 'panel', 'outcome', 'decision', 'void_reason']);
create trigger frozen after update or delete on best_interest_procedures for each row when (current_user = 'waystation_app')
  execute function frozen('draft', '{status,void_reason,voided_at,voided_by}');
select chronicle('best_interest_procedures', 'best_interest_procedure', '{"begun": "created_at", "decided": "decided_at"}', '{kind,trigger}');

-- Whether what a trigger asks about was decided in the child's favour, and is not due for review. It looks at
-- the files that the caller may know of: that another one exists must not be told by what passes here.
create function best_interest_decided(centre uuid, child uuid, asked text) returns boolean language sql stable as
$$ select exists (select from cases c join best_interest_procedures p on p.centre_id = c.centre_id and p.case_id = c.id
     where c.centre_id = centre and c.beneficiary_id = child and p.trigger = asked and p.status = 'decided' and p.outcome = 'in_favour'
       and (p.review_on is null or p.review_on >= centre_today(centre))) $$;

alter table care_arrangements add column without_procedure_reason text not null default '';  -- why nobody decided first
drop trigger trail on care_arrangements;
create trigger trail after insert or update or delete on care_arrangements for each row
  execute function trail_row('care_arrangement', '{caregiver_name,place,best_interest_note,without_procedure_reason,note,void_reason}');

-- +goose Down
drop trigger trail on care_arrangements;
create trigger trail after insert or update or delete on care_arrangements for each row
  execute function trail_row('care_arrangement', '{caregiver_name,place,best_interest_note,note,void_reason}');
alter table care_arrangements drop column without_procedure_reason;
drop function best_interest_decided;
drop table best_interest_procedures;
drop function centre_today;
