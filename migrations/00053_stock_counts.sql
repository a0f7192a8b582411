-- Physical counts: what really lies in places, against what the books say. Counters do not see the books; who finds a
-- difference is counted after by somebody else, and a third person lets it into the ledger.

-- +goose Up
create table stock_counts (
  centre_id    uuid not null references centres (id),
  id           uuid not null,
  version      bigint not null,
  created_at   timestamptz not null,
  updated_at   timestamptz not null,
  number       text not null,                -- INV-2026-00003
  status       text not null,                -- planned | counting | recount | review | posted | rejected | cancelled
  location_ids uuid[] not null,
  item_ids     uuid[] not null default '{}', -- none: all
  planned_on   date,
  note         text not null default '',
  opened_by    uuid,
  opened_at    timestamptz,
  submitted_by uuid,
  submitted_at timestamptz,
  decided_by   uuid,
  decided_at   timestamptz,
  decision_note text not null default '',
  document_id  uuid,                         -- the differences, in the ledger
  primary key (centre_id, id),
  constraint stock_counts_number_key unique (centre_id, number),
  constraint stock_counts_document_fk foreign key (centre_id, document_id) references stock_documents (centre_id, id),
  constraint stock_counts_status_check check (status in ('planned', 'counting', 'recount', 'review', 'posted', 'rejected', 'cancelled')),
  constraint stock_counts_places_check check (cardinality(location_ids) > 0)
);
create index stock_counts_created on stock_counts (centre_id, created_at, id);
create index stock_counts_under_way on stock_counts (centre_id) where status in ('counting', 'recount', 'review');
select protect('stock_counts', 'stock_count');

-- +goose StatementBegin
create function stock_counts_insert() returns trigger language plpgsql as $$
begin
  new.number := stock_number(new.centre_id, 'stock_count', 'INV');
  return new;
end $$;
-- +goose StatementEnd
create trigger fill before insert on stock_counts for each row execute function stock_counts_insert();

-- One lot in one place, as two people found it and as the books had it at that moment.
create table stock_count_lines (
  centre_id    uuid not null,
  id           uuid not null,
  version      bigint not null,
  created_at   timestamptz not null,
  updated_at   timestamptz not null,
  count_id     uuid not null,
  position     bigint not null,
  item_id      uuid not null,
  location_id  uuid not null,
  lot_id       uuid,                         -- null: found, and of no lot that is known
  expires_on   date,                         -- of what was found without a lot
  found        boolean not null default false,
  counted      numeric(14,3),                -- in the base unit, as the rest
  counted_by   uuid,
  counted_at   timestamptz,
  recount      boolean not null default false, -- to be counted by somebody else
  recounted    numeric(14,3),
  recounted_by uuid,
  recounted_at timestamptz,
  expected     numeric(20,3),                -- by the books, when it was counted last
  primary key (centre_id, id),
  constraint stock_count_lines_count_fk foreign key (centre_id, count_id) references stock_counts (centre_id, id),
  constraint stock_count_lines_item_fk foreign key (centre_id, item_id) references stock_items (centre_id, id),
  constraint stock_count_lines_location_fk foreign key (centre_id, location_id) references stock_locations (centre_id, id),
  constraint stock_count_lines_lot_fk foreign key (centre_id, item_id, lot_id) references stock_lots (centre_id, item_id, id),
  constraint stock_count_lines_lot_key unique (centre_id, count_id, location_id, lot_id),
  constraint stock_count_lines_quantity_check check (counted >= 0 and recounted >= 0),
  constraint stock_count_lines_counter_check check (recounted_by <> counted_by)
);
create index stock_count_lines_position on stock_count_lines (centre_id, count_id, position, id);
select protect('stock_count_lines');

-- +goose Down
drop table stock_count_lines, stock_counts;
drop function stock_counts_insert;
