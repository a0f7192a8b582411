-- Who may receive what, and what was given to whom. The goods leave the stock ledger in the transaction that uses the
-- entitlement up; of two who use it up at once the database lets one through.

-- +goose Up

create table entitlement_rules (
  centre_id   uuid not null references centres (id),
  id          uuid not null,
  version     bigint not null,
  created_at  timestamptz not null,
  updated_at  timestamptz not null,
  name        text not null,
  item_id     uuid not null,
  trigger     text not null,
  per         text not null,
  group_size  int,                           -- of a group: one quantity for so many
  quantity    numeric(14,3) not null,        -- in the item's base unit
  interval_days int,                         -- after so many days again; null: once
  sexes       text[] not null default '{}',  -- code list sex; empty: everybody
  age_from    int,                           -- in completed years
  age_to      int,
  needs       jsonb not null default '[]',   -- [{code_system, code}]: any of these
  household_from int,                        -- members
  household_to int,
  season_from text not null default '',      -- MM-DD, every year
  season_to   text not null default '',
  active      boolean not null default true,
  note        text not null default '',
  primary key (centre_id, id),
  constraint entitlement_rules_item_fk foreign key (centre_id, item_id) references stock_items (centre_id, id),
  constraint entitlement_rules_trigger_check check (trigger in ('arrival', 'monthly', 'departure', 'assessment')),
  constraint entitlement_rules_per_check check (per in ('person', 'household', 'group')),
  constraint entitlement_rules_group_check check ((per = 'group') = (group_size is not null)),
  constraint entitlement_rules_monthly_check check (trigger <> 'monthly' or interval_days is null),
  constraint entitlement_rules_quantity_check check (quantity > 0)
);
create index entitlement_rules_name on entitlement_rules (centre_id, name, id);
create index entitlement_rules_item on entitlement_rules (centre_id, item_id);
select protect('entitlement_rules', 'entitlement_rule');

create table distributions (
  centre_id    uuid not null references centres (id),
  id           uuid not null,
  version      bigint not null,
  created_at   timestamptz not null,
  updated_at   timestamptz not null,
  title        text not null,
  mode         text not null,                -- named | headcount
  route        text not null,                -- general | health_nutrition
  status       text not null,
  location_id  uuid not null,                -- the store that it is issued from
  scheduled_on date not null,
  open_list    boolean not null,             -- people who are on no line receive too
  offers       jsonb not null,               -- [{rule_id, item_id, quantity}]
  note         text not null default '',
  planned_by   uuid,
  approved_by  uuid,
  approved_at  timestamptz,
  opened_by    uuid,
  opened_at    timestamptz,
  brought      jsonb not null default '[]',  -- [{item_id, quantity}]: handed to the counter
  closed_by    uuid,
  closed_at    timestamptz,
  reconciled_by uuid,
  reconciled_at timestamptz,
  reconciliation jsonb not null default '[]', -- [{item_id, brought, issued, returned, variance, explanation}]
  adjustment_id uuid,                        -- the document that posts what is explained
  reason       text not null default '',     -- why it was cancelled
  primary key (centre_id, id),
  constraint distributions_location_fk foreign key (centre_id, location_id) references stock_locations (centre_id, id),
  constraint distributions_adjustment_fk foreign key (centre_id, adjustment_id) references stock_documents (centre_id, id),
  constraint distributions_mode_check check (mode in ('named', 'headcount')),
  constraint distributions_route_check check (route in ('general', 'health_nutrition')),
  constraint distributions_status_check check (status in ('planned', 'approved', 'open', 'closed', 'reconciled', 'cancelled'))
);
create index distributions_scheduled on distributions (centre_id, scheduled_on, id);
create index distributions_status on distributions (centre_id, status, scheduled_on, id);
select protect('distributions', 'distribution');

-- What was handed to one recipient, or to people who were counted.
create table distribution_issues (
  centre_id       uuid not null,
  id              uuid not null,             -- made by the counter
  version         bigint not null,
  created_at      timestamptz not null,
  updated_at      timestamptz not null,
  distribution_id uuid not null,
  beneficiary_id  uuid,
  household_id    uuid,
  headcounts      jsonb not null default '[]',
  persons         int not null,
  items           jsonb not null,            -- [{item_id, rule_id, quantity, lot_id, reason, overridden}]
  asked           bytea not null,            -- a digest of what was asked, to know a repeat by
  proof           text not null,             -- token | signature | thumbprint | witness
  attachment_id   uuid,
  reference       text not null default '',
  witness         text not null default '',
  proxy_name      text not null default '',
  proxy_id        uuid,
  authorisation   text not null default '',
  issued_at       timestamptz not null,
  issued_on       date not null,             -- the centre's day of it
  issued_by       uuid,
  document_id     uuid not null,
  overridden      boolean not null default false,
  override_reason text not null default '',
  reversed_at     timestamptz,
  reversed_by     uuid,
  reason          text not null default '',  -- why it was taken back
  reversal_id     uuid,
  primary key (centre_id, id),
  constraint distribution_issues_distribution_fk foreign key (centre_id, distribution_id) references distributions (centre_id, id),
  constraint distribution_issues_beneficiary_fk foreign key (centre_id, beneficiary_id) references beneficiaries (centre_id, id),
  constraint distribution_issues_household_fk foreign key (centre_id, household_id) references households (centre_id, id),
  constraint distribution_issues_proxy_fk foreign key (centre_id, proxy_id) references beneficiaries (centre_id, id),
  constraint distribution_issues_attachment_fk foreign key (centre_id, attachment_id) references attachments (centre_id, id),
  constraint distribution_issues_document_fk foreign key (centre_id, document_id) references stock_documents (centre_id, id),
  constraint distribution_issues_reversal_fk foreign key (centre_id, reversal_id) references stock_documents (centre_id, id),
  constraint distribution_issues_recipient_check check ((beneficiary_id is null) = (headcounts <> '[]')),
  constraint distribution_issues_proof_check check (proof in ('token', 'signature', 'thumbprint', 'witness')),
  constraint distribution_issues_override_check check (overridden = (override_reason <> '')),
  constraint distribution_issues_reversed_check check ((reversed_at is null) = (reversal_id is null))
);
create index distribution_issues_issued on distribution_issues (centre_id, distribution_id, issued_at, id);
create index distribution_issues_beneficiary on distribution_issues (centre_id, beneficiary_id) where beneficiary_id is not null;
create index distribution_issues_proxy on distribution_issues (centre_id, proxy_id) where proxy_id is not null;
select protect('distribution_issues', 'distribution_issue', array['reference', 'witness', 'proxy_name', 'authorisation', 'override_reason', 'reason', 'asked']);
select chronicle('distribution_issues', 'distribution_issue', '{"issued": "issued_at", "reversed": "reversed_at"}');

-- Who is to receive, with what they may receive on the day.
create table distribution_lines (
  centre_id       uuid not null,
  id              uuid not null,
  version         bigint not null,
  created_at      timestamptz not null,
  updated_at      timestamptz not null,
  distribution_id uuid not null,
  beneficiary_id  uuid not null,
  household_id    uuid,
  items           jsonb not null,            -- [{item_id, rule_id, quantity}]
  issue_id        uuid,                      -- what they received, once they did
  removed_at      timestamptz,
  reason          text not null default '',  -- why they were taken off the list
  primary key (centre_id, id),
  constraint distribution_lines_distribution_fk foreign key (centre_id, distribution_id) references distributions (centre_id, id),
  constraint distribution_lines_beneficiary_fk foreign key (centre_id, beneficiary_id) references beneficiaries (centre_id, id),
  constraint distribution_lines_household_fk foreign key (centre_id, household_id) references households (centre_id, id),
  constraint distribution_lines_issue_fk foreign key (centre_id, issue_id) references distribution_issues (centre_id, id)
);
create unique index distribution_lines_once_key on distribution_lines (centre_id, distribution_id, beneficiary_id) where removed_at is null;
create index distribution_lines_created on distribution_lines (centre_id, distribution_id, created_at, id);
create index distribution_lines_beneficiary on distribution_lines (centre_id, beneficiary_id);
create index distribution_lines_issue on distribution_lines (centre_id, issue_id) where issue_id is not null;
select protect('distribution_lines', null, array['reason']);

-- What an issue used up, for each person whom the goods are for: of a household all of its members. While it stands,
-- none of them receives by the same rule until it ends. What was given against a rule counts, and stands in nobody's way.
create table entitlement_uses (
  centre_id      uuid not null,
  id             uuid not null,
  version        bigint not null,
  created_at     timestamptz not null,
  updated_at     timestamptz not null,
  rule_id        uuid not null,
  issue_id       uuid not null,
  beneficiary_id uuid not null,
  issued_on      date not null,
  from_on        date not null,
  until_on       date,                       -- the first day on which it is not used up any more; null: until the next arrival or assessment
  overridden     boolean not null,
  reversed_at    timestamptz,
  primary key (centre_id, id),
  constraint entitlement_uses_rule_fk foreign key (centre_id, rule_id) references entitlement_rules (centre_id, id),
  constraint entitlement_uses_issue_fk foreign key (centre_id, issue_id) references distribution_issues (centre_id, id),
  constraint entitlement_uses_beneficiary_fk foreign key (centre_id, beneficiary_id) references beneficiaries (centre_id, id),
  constraint entitlement_uses_once_check exclude using gist (centre_id with =, rule_id with =, beneficiary_id with =, daterange(from_on, until_on) with &&)
    where (reversed_at is null and not overridden)
);
create index entitlement_uses_beneficiary on entitlement_uses (centre_id, beneficiary_id) where reversed_at is null;
create index entitlement_uses_issue on entitlement_uses (centre_id, issue_id);
select protect('entitlement_uses');

-- +goose Down
drop table entitlement_uses, distribution_lines, distribution_issues, distributions, entitlement_rules;
