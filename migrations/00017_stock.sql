-- Stock: what a centre keeps, where, in which lots, and every movement of it. The ledger is only ever added to;
-- balances follow from it in the same transaction and can be written in no other way.

-- +goose Up
create table stock_items (
  centre_id    uuid not null references centres (id),
  id           uuid not null,
  version      bigint not null,
  created_at   timestamptz not null,
  updated_at   timestamptz not null,
  code         text not null,
  name         text not null,
  category     text not null,                -- code list stock_item_category
  unit         text not null,                -- code list stock_unit: what quantities are kept in
  units        jsonb not null default '[]',  -- further units: [{unit, factor}], one of it = factor of the base unit
  catalogue_code text not null default '',   -- code list nfi_item, where the network's catalogue has it
  catalogue_version text not null default '', -- the list's version when it was taken over
  track_expiry boolean not null,
  weight_grams numeric(14,3),                -- of one base unit
  value        numeric(14,4),                -- of one base unit
  currency     text not null default '',     -- ISO 4217
  standard_quantity numeric(14,3),           -- what one is entitled to by the standard
  standard_per text not null default '',
  standard_source text not null default '',
  standard_basis text not null default '',   -- verified | recalled | proposed
  replenish_days int,
  target       text not null default '',     -- sex and age that it is meant for
  active       boolean not null default true,
  note         text not null default '',
  primary key (centre_id, id),
  constraint stock_items_code_key unique (centre_id, code),
  constraint stock_items_value_check check ((value is null) = (currency = ''))
);
create index stock_items_code on stock_items (centre_id, code, id);
create index stock_items_created on stock_items (centre_id, created_at, id);
create unique index stock_items_catalogue_key on stock_items (centre_id, catalogue_code) where catalogue_code <> '';
select protect('stock_items', 'stock_item');

-- What a kit is made of: a bill of materials. The kit is an item itself.
create table stock_kits (
  centre_id  uuid not null,
  id         uuid not null,
  version    bigint not null,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  item_id    uuid not null,
  components jsonb not null,                 -- [{item_id, quantity}], of one kit, in base units
  active     boolean not null default true,
  primary key (centre_id, id),
  constraint stock_kits_item_fk foreign key (centre_id, item_id) references stock_items (centre_id, id),
  constraint stock_kits_item_key unique (centre_id, item_id)
);
create index stock_kits_created on stock_kits (centre_id, created_at, id);
select protect('stock_kits', 'stock_kit');

-- A store with its bins; `transit` is the road between two places.
create table stock_locations (
  centre_id  uuid not null references centres (id),
  id         uuid not null,
  version    bigint not null,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  code       text not null,
  name       text not null,
  kind       text not null,
  parent_id  uuid,
  active     boolean not null default true,
  note       text not null default '',
  primary key (centre_id, id),
  constraint stock_locations_code_key unique (centre_id, code),
  constraint stock_locations_parent_fk foreign key (centre_id, parent_id) references stock_locations (centre_id, id),
  constraint stock_locations_kind_check check (kind in ('warehouse', 'store', 'bin', 'transit')),
  constraint stock_locations_bin_check check (kind <> 'bin' or parent_id is not null)
);
create unique index stock_locations_transit_key on stock_locations (centre_id) where kind = 'transit'; -- one road
create index stock_locations_code on stock_locations (centre_id, code, id);
select protect('stock_locations', 'stock_location');

-- The numbers that documents use up, one series a kind and year.
create table stock_counters (
  centre_id uuid not null,
  series    text not null,
  year      int not null,
  last      int not null,
  primary key (centre_id, series, year)
);
select confine('stock_counters');
grant select, insert, update on stock_counters to waystation_app;

create table stock_documents (
  centre_id    uuid not null references centres (id),
  id           uuid not null,
  version      bigint not null,
  created_at   timestamptz not null,
  updated_at   timestamptz not null,
  kind         text not null,
  number       text not null,                -- GRN-2026-00012
  status       text not null,                -- requested | posted | rejected
  occurred_at  timestamptz not null,         -- when the goods moved; the ledger's time
  occurred_on  date not null,                -- the centre's day of it
  details      jsonb not null default '{}',  -- supplier, waybill, inspector, cause …, by kind
  note         text not null default '',
  subject_id   uuid,                         -- the kit, count or transfer that it belongs to
  requested_by uuid,
  decided_by   uuid,
  decided_at   timestamptz,
  decision_note text not null default '',
  primary key (centre_id, id),
  constraint stock_documents_number_key unique (centre_id, number),
  constraint stock_documents_kind_check check (kind in ('receipt', 'release', 'loss', 'disposal', 'adjustment', 'assembly', 'disassembly', 'count', 'waybill', 'transfer_receipt', 'settlement', 'distribution', 'reversal')),
  constraint stock_documents_status_check check (status in ('requested', 'posted', 'rejected')),
  constraint stock_documents_four_eyes_check check (decided_by <> requested_by)
);
create index stock_documents_occurred on stock_documents (centre_id, occurred_at, id);
create index stock_documents_kind on stock_documents (centre_id, kind, occurred_at, id);
create index stock_documents_waiting on stock_documents (centre_id, occurred_at, id) where status = 'requested';
create index stock_documents_subject on stock_documents (centre_id, subject_id, id) where subject_id is not null;
select protect('stock_documents', 'stock_document');

-- Where nobody says when, it is now: after the balances were locked, so that the ledger's order is the order of commits.
-- +goose StatementBegin
-- The next number of a series in the centre's year: GRN-2026-00012.
create function stock_number(centre uuid, of_kind text, prefix text) returns text language plpgsql as $$
declare
  y constant int := extract(year from clock_timestamp() at time zone (select time_zone from centres where id = centre));
  n int;
begin
  insert into stock_counters as c (centre_id, series, year, last) values (centre, of_kind, y, 1)
    on conflict (centre_id, series, year) do update set last = c.last + 1 returning last into n;
  return prefix || '-' || y || '-' || lpad(n::text, greatest(5, length(n::text)), '0');
end $$;

create function stock_period_key(centre uuid) returns bigint language sql immutable as
$$ select hashtextextended('waystation stock period ' || centre, 0) $$;

create function stock_documents_insert() returns trigger language plpgsql as $$
begin
  new.occurred_at := coalesce(new.occurred_at, clock_timestamp());
  new.occurred_on := (new.occurred_at at time zone (select c.time_zone from centres c where c.id = new.centre_id))::date;
  perform pg_advisory_xact_lock_shared(stock_period_key(new.centre_id));
  if exists (select from stock_periods p where p.centre_id = new.centre_id and p.through_on >= new.occurred_on) then
    raise exception 'the period is closed' using errcode = 'check_violation', constraint = 'stock_period_closed_check';
  end if;
  new.number := stock_number(new.centre_id, new.kind, case new.kind when 'receipt' then 'GRN' when 'release' then 'REL' when 'loss' then 'LOS' when 'disposal' then 'DIS'
    when 'adjustment' then 'ADJ' when 'assembly' then 'KIT' when 'disassembly' then 'UNK' when 'count' then 'CNT' when 'waybill' then 'WB' when 'transfer_receipt' then 'TRN'
    when 'settlement' then 'SET' when 'distribution' then 'DST' else 'REV' end);
  return new;
end $$;

create function stock_documents_settled() returns trigger language plpgsql as $$
begin
  if tg_op = 'DELETE' or old.status <> 'requested' or (new.kind, new.number, new.occurred_at, new.details, new.requested_by) is distinct from (old.kind, old.number, old.occurred_at, old.details, old.requested_by) then
    raise exception 'a document stays as it was posted' using errcode = 'check_violation', constraint = 'stock_documents_settled_check';
  end if;
  return new;
end $$;

-- What was written into the ledger stays as it was written, whoever tries.
create function stock_append_only() returns trigger language plpgsql as $$
begin
  raise exception '% takes entries only; correct one by reversing it', tg_table_name using errcode = 'check_violation', constraint = 'stock_append_only_check';
end $$;
-- +goose StatementEnd
create trigger fill before insert on stock_documents for each row execute function stock_documents_insert();
create trigger settled before update or delete on stock_documents for each row execute function stock_documents_settled();

-- A lot is what came in together; nothing about it changes.
create table stock_lots (
  centre_id   uuid not null,
  id          uuid not null,
  version     bigint not null default 1,
  created_at  timestamptz not null,
  updated_at  timestamptz not null,
  item_id     uuid not null,
  batch       text not null default '',
  expires_on  date,                          -- the last day on which it may be issued
  received_on date not null,
  donor       text not null default '',
  grant_code  text not null default '',
  cost        numeric(14,4),                 -- of one base unit
  currency    text not null default '',
  ownership   text not null,                 -- own | entrusted | consignment
  origin_lot_id uuid,                        -- the lot of another centre that it came from
  primary key (centre_id, id),
  constraint stock_lots_item_fk foreign key (centre_id, item_id) references stock_items (centre_id, id),
  constraint stock_lots_item_key unique (centre_id, item_id, id),
  constraint stock_lots_ownership_check check (ownership in ('own', 'entrusted', 'consignment')),
  constraint stock_lots_cost_check check ((cost is null) = (currency = ''))
);
create index stock_lots_received on stock_lots (centre_id, received_on, id);
create index stock_lots_expiry on stock_lots (centre_id, expires_on, id) where expires_on is not null;
create index stock_lots_item on stock_lots (centre_id, item_id, received_on, id);
select protect('stock_lots', 'stock_lot', append_only => true);
create trigger append_only before update or delete on stock_lots for each row execute function stock_append_only();

-- What a document says, line by line: in the unit that was counted, with the conversion that was applied.
create table stock_lines (
  centre_id   uuid not null,
  id          uuid not null,
  version     bigint not null default 1,
  created_at  timestamptz not null,
  updated_at  timestamptz not null,
  document_id uuid not null,
  position    int not null,
  type        text not null,                 -- code list stock_movement_type
  item_id     uuid not null,
  location_id uuid not null,
  lot_id      uuid,                          -- null: first expiry, first out
  unit        text not null,
  entered     numeric(14,3) not null,        -- in that unit
  factor      numeric(14,6) not null,
  quantity    numeric(14,3) not null,        -- in the base unit
  ordered     numeric(14,3),                 -- goods received notes: in that unit
  damaged     numeric(14,3),
  reason      text not null default '',
  primary key (centre_id, id),
  constraint stock_lines_document_fk foreign key (centre_id, document_id) references stock_documents (centre_id, id),
  constraint stock_lines_position_key unique (centre_id, document_id, position),
  constraint stock_lines_item_fk foreign key (centre_id, item_id) references stock_items (centre_id, id),
  constraint stock_lines_location_fk foreign key (centre_id, location_id) references stock_locations (centre_id, id),
  constraint stock_lines_lot_fk foreign key (centre_id, item_id, lot_id) references stock_lots (centre_id, item_id, id),
  constraint stock_lines_quantity_check check (entered > 0 and factor > 0 and quantity > 0 and quantity = entered * factor)
);
select protect('stock_lines', append_only => true);
create trigger append_only before update or delete on stock_lines for each row execute function stock_append_only();

create table stock_movements (
  centre_id   uuid not null,
  id          uuid not null,
  version     bigint not null default 1,
  created_at  timestamptz not null,
  updated_at  timestamptz not null,
  document_id uuid not null,
  line_id     uuid not null,
  type        text not null,                 -- code list stock_movement_type
  item_id     uuid not null,
  location_id uuid not null,
  lot_id      uuid not null,
  quantity    numeric(14,3) not null,        -- in the base unit; less than zero: out
  occurred_at timestamptz not null,
  occurred_on date not null,
  reverses_id uuid,
  posted_by   uuid,
  primary key (centre_id, id),
  constraint stock_movements_document_fk foreign key (centre_id, document_id) references stock_documents (centre_id, id),
  constraint stock_movements_line_fk foreign key (centre_id, line_id) references stock_lines (centre_id, id),
  constraint stock_movements_location_fk foreign key (centre_id, location_id) references stock_locations (centre_id, id),
  constraint stock_movements_lot_fk foreign key (centre_id, item_id, lot_id) references stock_lots (centre_id, item_id, id),
  constraint stock_movements_reverses_fk foreign key (centre_id, reverses_id) references stock_movements (centre_id, id),
  constraint stock_movements_reverses_key unique (centre_id, reverses_id),
  constraint stock_movements_quantity_check check (quantity <> 0),
  constraint stock_movements_reversal_check check ((type = 'reversal') = (reverses_id is not null))
);
create index stock_movements_occurred on stock_movements (centre_id, occurred_at, id);
create index stock_movements_item on stock_movements (centre_id, item_id, occurred_at, id) include (quantity);
create index stock_movements_bin on stock_movements (centre_id, item_id, location_id, lot_id, occurred_at, id) include (quantity);
create index stock_movements_document on stock_movements (centre_id, document_id, id);
select protect('stock_movements', 'stock_movement', append_only => true);
create trigger append_only before update or delete on stock_movements for each row execute function stock_append_only();

-- What there is of each lot in each place. No role of the server can write it: the triggers below do.
create table stock_balances (
  centre_id   uuid not null,
  id          uuid not null default gen_random_uuid(),
  item_id     uuid not null,
  location_id uuid not null,
  lot_id      uuid not null,
  on_hand     numeric(20,3) not null default 0,
  reserved    numeric(20,3) not null default 0, -- promised to somebody and still here
  created_at  timestamptz not null default clock_timestamp(),
  updated_at  timestamptz not null default clock_timestamp(),
  primary key (centre_id, id),
  constraint stock_balances_place_key unique (centre_id, item_id, location_id, lot_id),
  constraint stock_balances_lot_fk foreign key (centre_id, item_id, lot_id) references stock_lots (centre_id, item_id, id),
  constraint stock_balances_available_check check (reserved >= 0 and on_hand >= reserved)
);
create index stock_balances_created on stock_balances (centre_id, created_at, id);
create index stock_balances_item on stock_balances (centre_id, item_id, created_at, id);
create index stock_balances_location on stock_balances (centre_id, location_id, created_at, id);
select confine('stock_balances');
grant select, update (updated_at) on stock_balances to waystation_app; -- the update is for the lock

-- The days that are closed. The books open again for nobody: errors are put right in the open period.
create table stock_periods (
  centre_id  uuid not null references centres (id),
  id         uuid not null,
  version    bigint not null default 1,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  through_on date not null,                  -- the last day that is closed, with all before it
  closed_by  uuid,
  note       text not null default '',
  primary key (centre_id, id),
  constraint stock_periods_through_key unique (centre_id, through_on)
);
create index stock_periods_through on stock_periods (centre_id, through_on, id);
select protect('stock_periods', 'stock_period', append_only => true);
create trigger append_only before update or delete on stock_periods for each row execute function stock_append_only();

-- +goose StatementBegin
create function stock_periods_insert() returns trigger language plpgsql as $$
begin
  perform pg_advisory_xact_lock(stock_period_key(new.centre_id)); -- whoever posts meanwhile is through, or will see it
  if exists (select from stock_periods p where p.centre_id = new.centre_id and p.through_on >= new.through_on) then
    raise exception 'closed already' using errcode = 'check_violation', constraint = 'stock_periods_order_check';
  end if;
  if exists (select from stock_documents d where d.centre_id = new.centre_id and d.status = 'requested' and d.occurred_on <= new.through_on) then
    raise exception 'a document waits' using errcode = 'check_violation', constraint = 'stock_periods_waiting_check';
  end if;
  return new;
end $$;

-- A movement happens when its document says.
create function stock_movements_insert() returns trigger language plpgsql as $$
begin
  select d.occurred_at, d.occurred_on into strict new.occurred_at, new.occurred_on from stock_documents d where d.centre_id = new.centre_id and d.id = new.document_id;
  return new;
end $$;

-- The one place where balances change: for all movements of a statement together, rows in one order.
create function stock_posted() returns trigger language plpgsql security definer set search_path = pg_catalog, public as $$
begin
  perform pg_advisory_xact_lock_shared(stock_period_key(c.centre_id)) from (select distinct p.centre_id from posted p) c;
  if exists (select from posted p join stock_periods k on k.centre_id = p.centre_id and k.through_on >= p.occurred_on) then
    raise exception 'the period is closed' using errcode = 'check_violation', constraint = 'stock_period_closed_check';
  end if;
  if exists (select from posted p join stock_lots l on l.centre_id = p.centre_id and l.id = p.lot_id
      where p.type in ('issue_distribution', 'issue_internal', 'issue_transfer', 'kit_assembly_out') and l.expires_on < p.occurred_on
        and not exists (select from stock_documents d where d.centre_id = p.centre_id and d.id = p.document_id and d.kind in ('disassembly', 'transfer_receipt', 'settlement'))) then
    raise exception 'an expired lot is not issued' using errcode = 'check_violation', constraint = 'stock_movements_expired_check';
  end if;

  insert into stock_balances (centre_id, item_id, location_id, lot_id)
    select p.centre_id, p.item_id, p.location_id, p.lot_id from posted p group by 1, 2, 3, 4 order by 1, 2, 3, 4
    on conflict (centre_id, item_id, location_id, lot_id) do nothing;
  perform from stock_balances b where (b.centre_id, b.item_id, b.location_id, b.lot_id) in (select p.centre_id, p.item_id, p.location_id, p.lot_id from posted p)
    order by b.item_id, b.location_id, b.lot_id for update;
  update stock_balances b set on_hand = b.on_hand + s.quantity, updated_at = clock_timestamp()
    from (select p.centre_id, p.item_id, p.location_id, p.lot_id, sum(p.quantity) as quantity from posted p group by 1, 2, 3, 4) s
    where (b.centre_id, b.item_id, b.location_id, b.lot_id) = (s.centre_id, s.item_id, s.location_id, s.lot_id);

  -- What is written into the past must not have been missing then: the balance of each later instant, counted back from now.
  if exists (
      select from (select p.centre_id, p.item_id, p.location_id, p.lot_id, min(p.occurred_at) as since from posted p where p.quantity < 0 group by 1, 2, 3, 4) s
      join stock_balances b on (b.centre_id, b.item_id, b.location_id, b.lot_id) = (s.centre_id, s.item_id, s.location_id, s.lot_id)
      cross join lateral (
        select sum(sum(m.quantity)) over (order by m.occurred_at desc) - sum(m.quantity) as later from stock_movements m
        where (m.centre_id, m.item_id, m.location_id, m.lot_id) = (s.centre_id, s.item_id, s.location_id, s.lot_id) and m.occurred_at >= s.since
        group by m.occurred_at) x
      where b.on_hand < x.later) then
    raise exception 'it was not there at that time' using errcode = 'check_violation', constraint = 'stock_movements_past_check';
  end if;
  return null;
end $$;
-- +goose StatementEnd
create trigger closing before insert on stock_periods for each row execute function stock_periods_insert();
create trigger fill before insert on stock_movements for each row execute function stock_movements_insert();
create trigger posted after insert on stock_movements referencing new table as posted for each statement execute function stock_posted();

-- Each night's proof of the balances: what differs from the sum of the movements, or nothing.
create table stock_recounts (
  centre_id  uuid not null,
  id         uuid not null,
  created_at timestamptz not null default clock_timestamp(),
  balances   bigint not null,
  drift      jsonb not null,
  primary key (centre_id, id)
);
create index stock_recounts_created on stock_recounts (centre_id, created_at, id);
select confine('stock_recounts');
grant select, insert on stock_recounts to waystation_app;

-- +goose Down
drop table stock_recounts, stock_periods, stock_balances, stock_movements, stock_lines, stock_lots, stock_documents, stock_counters, stock_locations, stock_kits, stock_items;
drop function stock_posted, stock_movements_insert, stock_periods_insert, stock_period_key, stock_number, stock_append_only, stock_documents_settled, stock_documents_insert;
