-- Goods on their way between two stores of a centre, or between two centres. A transfer has two sides: `centre_id` sends, and
-- the record is its own; `target_centre_id` receives, and sees from the day they left what is coming. Between
-- the two the goods lie on the sender's road, a place of its books; what comes in is taken off it in the same transaction.

-- +goose Up
create table stock_transfers (
  centre_id     uuid not null references centres (id),
  id            uuid not null,
  version       bigint not null,
  created_at    timestamptz not null,
  updated_at    timestamptz not null,
  target_centre_id uuid not null references centres (id), -- the sender itself, between two of its stores
  status        text not null,               -- requested | approved | dispatched | received | closed | rejected | cancelled
  from_location_id uuid not null,
  to_location_id uuid,                       -- within one centre
  origin        jsonb not null,              -- name and code of the sender, for the receiver
  destination   jsonb not null,              -- name and code of the receiver
  wanted        jsonb not null,              -- [{item_id, lot_id, unit, quantity, reason}]
  needed_on     date,
  note          text not null default '',
  requested_by  uuid not null,
  decided_by    uuid,                        -- approved, rejected or cancelled it
  decided_at    timestamptz,
  decision_note text not null default '',
  waybill_id    uuid,
  waybill       jsonb not null default '{}', -- {number, driver, vehicle, seal}, for the receiver
  dispatched_by uuid,
  dispatched_at timestamptz,
  received_by   uuid,
  received_at   timestamptz,
  receipt_note  text not null default '',
  settlement_id uuid,
  settled_by    uuid,
  primary key (centre_id, id),
  constraint stock_transfers_from_fk foreign key (centre_id, from_location_id) references stock_locations (centre_id, id),
  constraint stock_transfers_to_fk foreign key (centre_id, to_location_id) references stock_locations (centre_id, id),
  constraint stock_transfers_waybill_fk foreign key (centre_id, waybill_id) references stock_documents (centre_id, id),
  constraint stock_transfers_settlement_fk foreign key (centre_id, settlement_id) references stock_documents (centre_id, id),
  constraint stock_transfers_status_check check (status in ('requested', 'approved', 'dispatched', 'received', 'closed', 'rejected', 'cancelled')),
  constraint stock_transfers_within_check check ((to_location_id is not null) = (target_centre_id = centre_id) and to_location_id is distinct from from_location_id),
  constraint stock_transfers_four_eyes_check check (status not in ('approved', 'rejected') or decided_by <> requested_by),
  constraint stock_transfers_settler_check check (settled_by <> dispatched_by)
);
create index stock_transfers_created on stock_transfers (centre_id, created_at, id);
create index stock_transfers_status on stock_transfers (centre_id, status, created_at, id);
create index stock_transfers_target on stock_transfers (target_centre_id, created_at, id) where status in ('dispatched', 'received', 'closed');
select protect('stock_transfers', 'stock_transfer');
create policy target on stock_transfers for select using (target_centre_id = any ((select scope_centres())::uuid[]) and status in ('dispatched', 'received', 'closed'));

-- What was put on the road, lot by lot, and what became of it. What was sent and not accepted is settled by the sender.
create table stock_transfer_goods (
  centre_id   uuid not null,
  id          uuid not null,
  version     bigint not null,
  created_at  timestamptz not null,
  updated_at  timestamptz not null,
  transfer_id uuid not null,
  position    int not null,
  item_id     uuid not null,
  lot_id      uuid not null,
  goods       jsonb not null,                -- what they are, for the receiver: code, name, unit, batch, expires_on, donor …
  sent        numeric(14,3) not null,        -- in the base unit, as the rest
  accepted    numeric(14,3),                 -- once the receiver has counted
  damaged     numeric(14,3),
  primary key (centre_id, id),
  constraint stock_transfer_goods_transfer_fk foreign key (centre_id, transfer_id) references stock_transfers (centre_id, id),
  constraint stock_transfer_goods_lot_fk foreign key (centre_id, item_id, lot_id) references stock_lots (centre_id, item_id, id),
  constraint stock_transfer_goods_position_key unique (centre_id, transfer_id, position),
  constraint stock_transfer_goods_sent_check check (sent > 0 and accepted >= 0 and damaged >= 0 and accepted + damaged <= sent)
);
select protect('stock_transfer_goods');
create policy target on stock_transfer_goods for select using (exists (select from stock_transfers t where t.centre_id = stock_transfer_goods.centre_id
  and t.id = stock_transfer_goods.transfer_id and t.target_centre_id = any ((select scope_centres())::uuid[]) and t.status in ('dispatched', 'received', 'closed')));

-- What the receiver sees of them.
create view incoming_stock_transfers with (security_invoker = true) as
  select target_centre_id as centre_id, id, version, created_at, updated_at, status, to_location_id, origin, waybill, note, dispatched_at, received_by, received_at, receipt_note
  from stock_transfers where status in ('dispatched', 'received', 'closed');
create view incoming_stock_goods with (security_invoker = true) as
  select t.target_centre_id as centre_id, g.id, g.version, g.created_at, g.updated_at, g.transfer_id, g.position, g.lot_id as origin_lot_id,
    case when t.target_centre_id = t.centre_id then g.item_id end as item_id, g.goods, g.sent, g.accepted, g.damaged
  from stock_transfers t join stock_transfer_goods g on g.centre_id = t.centre_id and g.transfer_id = t.id where t.status in ('dispatched', 'received', 'closed');
grant select on incoming_stock_transfers, incoming_stock_goods to waystation_app;

-- +goose StatementBegin
create function stock_transfer_told() returns trigger language plpgsql as $$
begin
  if new.status in ('dispatched', 'received', 'closed') and (tg_op = 'INSERT' or new.status <> old.status) then
    insert into events (centre_id, type, resource, subject_id, version) values (new.target_centre_id, 'stock_transfer.' || new.status, 'incoming_stock_transfer', new.id, new.version);
  end if;
  return null;
end $$;
create trigger told after insert or update on stock_transfers for each row execute function stock_transfer_told();

-- The receiver's count, which alone reaches into the sender's books: it locks the transfer, takes what was accepted off the road
-- and leaves the rest there to be settled. Null: no such transfer comes here. What stands against it is a constraint with a name.
create function stock_transfer_receive(transfer uuid, seen bigint, counted jsonb, remark text) returns boolean
language plpgsql security definer set search_path = public, pg_temp as $$
declare
  scope constant text := current_setting('app.centre_ids', true);
  paper constant uuid := gen_random_uuid();
  t stock_transfers;
  road uuid;
begin
  select * into t from stock_transfers x where x.id = transfer and x.target_centre_id = any (scope_centres()) and x.status in ('dispatched', 'received', 'closed');
  if not found then return null; end if;
  perform set_config('app.centre_ids', scope || ',' || t.centre_id, true);
  select * into t from stock_transfers x where x.centre_id = t.centre_id and x.id = transfer for update;
  if t.status <> 'dispatched' then
    raise exception 'decided' using errcode = '23514', constraint = 'stock_transfers_received_check';
  elsif t.version <> seen then
    raise exception 'stale' using errcode = '23514', constraint = 'stock_transfers_version_check';
  end if;
  update stock_transfer_goods g set accepted = c.accepted, damaged = c.damaged, version = g.version + 1, updated_at = now()
    from jsonb_to_recordset(counted) c (id uuid, accepted numeric, damaged numeric) where g.centre_id = t.centre_id and g.transfer_id = t.id and g.id = c.id;
  if exists (select from stock_transfer_goods g where g.centre_id = t.centre_id and g.transfer_id = t.id and g.accepted is null) then
    raise exception 'uncounted' using errcode = '23514', constraint = 'stock_transfers_counted_check';
  end if;
  if exists (select from stock_transfer_goods g where g.centre_id = t.centre_id and g.transfer_id = t.id and g.accepted > 0) then
    select l.id into strict road from stock_locations l where l.centre_id = t.centre_id and l.kind = 'transit';
    insert into stock_documents (centre_id, id, version, created_at, updated_at, kind, status, subject_id, requested_by)
      values (t.centre_id, paper, 1, now(), now(), 'transfer_receipt', 'posted', t.id, scope_actor());
    insert into stock_lines (centre_id, id, created_at, updated_at, document_id, position, type, item_id, location_id, lot_id, unit, entered, factor, quantity)
      select g.centre_id, g.id, now(), now(), paper, g.position, 'issue_transfer', g.item_id, road, g.lot_id, g.goods->>'unit', g.accepted, 1, g.accepted
      from stock_transfer_goods g where g.centre_id = t.centre_id and g.transfer_id = t.id and g.accepted > 0;
    insert into stock_movements (centre_id, id, created_at, updated_at, document_id, line_id, type, item_id, location_id, lot_id, quantity, posted_by)
      select l.centre_id, gen_random_uuid(), now(), now(), paper, l.id, l.type, l.item_id, road, l.lot_id, -l.quantity, scope_actor()
      from stock_lines l where l.centre_id = t.centre_id and l.document_id = paper;
  end if;
  update stock_transfers x set status = case when exists (select from stock_transfer_goods g where g.centre_id = t.centre_id and g.transfer_id = t.id and g.accepted < g.sent) then 'received' else 'closed' end,
      received_by = scope_actor(), received_at = now(), receipt_note = remark, version = x.version + 1, updated_at = now()
    where x.centre_id = t.centre_id and x.id = t.id;
  perform set_config('app.centre_ids', scope, true);
  return true;
end $$;
-- +goose StatementEnd
revoke execute on function stock_transfer_receive(uuid, bigint, jsonb, text) from public;
grant execute on function stock_transfer_receive(uuid, bigint, jsonb, text) to waystation_app;

-- +goose Down
drop function stock_transfer_receive;
drop view incoming_stock_goods, incoming_stock_transfers;
drop table stock_transfer_goods, stock_transfers;
drop function stock_transfer_told;
