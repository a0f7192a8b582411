-- What is promised and still here. A reservation holds a quantity of a lot until it is let go; balances follow, and never promise
-- more than there is.

-- +goose Up
create table stock_reservations (
  centre_id   uuid not null,
  id          uuid not null,
  version     bigint not null,
  created_at  timestamptz not null,
  updated_at  timestamptz not null,
  subject_id  uuid not null,                 -- the transfer that it is for
  item_id     uuid not null,
  location_id uuid not null,
  lot_id      uuid not null,
  quantity    numeric(14,3) not null,        -- in the base unit
  released_at timestamptz,
  primary key (centre_id, id),
  constraint stock_reservations_location_fk foreign key (centre_id, location_id) references stock_locations (centre_id, id),
  constraint stock_reservations_lot_fk foreign key (centre_id, item_id, lot_id) references stock_lots (centre_id, item_id, id),
  constraint stock_reservations_quantity_check check (quantity > 0)
);
create index stock_reservations_subject on stock_reservations (centre_id, subject_id) where released_at is null;
select protect('stock_reservations');

-- +goose StatementBegin
create function stock_reserved() returns trigger language plpgsql security definer set search_path = pg_catalog, public as $$
begin
  if tg_op = 'DELETE' or tg_op = 'UPDATE' and (old.released_at is not null or new.released_at is null
      or (new.item_id, new.location_id, new.lot_id, new.quantity, new.subject_id) is distinct from (old.item_id, old.location_id, old.lot_id, old.quantity, old.subject_id)) then
    raise exception 'a reservation is let go, and nothing else' using errcode = 'check_violation', constraint = 'stock_append_only_check';
  end if;
  update stock_balances b set reserved = b.reserved + case tg_op when 'INSERT' then new.quantity else -new.quantity end, updated_at = clock_timestamp()
    where (b.centre_id, b.item_id, b.location_id, b.lot_id) = (new.centre_id, new.item_id, new.location_id, new.lot_id);
  if not found then
    raise exception 'it is not there' using errcode = 'check_violation', constraint = 'stock_balances_available_check';
  end if;
  return null;
end $$;
-- +goose StatementEnd
create trigger reserved after insert or update or delete on stock_reservations for each row execute function stock_reserved();

-- +goose Down
drop table stock_reservations;
drop function stock_reserved;
