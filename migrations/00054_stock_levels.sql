-- Levels of stock: when an item runs short, runs out, piles up or is about to expire, said once for each time it happens.

-- +goose Up
create table stock_alerts (
  centre_id  uuid not null references centres (id),
  id         uuid not null,
  version    bigint not null,
  created_at timestamptz not null,           -- when the level was crossed, as the hourly look saw it
  updated_at timestamptz not null,
  item_id    uuid not null,
  kind       text not null,
  ended_at   timestamptz,                    -- when it was back
  primary key (centre_id, id),
  constraint stock_alerts_item_fk foreign key (centre_id, item_id) references stock_items (centre_id, id),
  constraint stock_alerts_kind_check check (kind in ('stock_out', 'stock_low', 'stock_over', 'stock_expiring'))
);
create unique index stock_alerts_open_key on stock_alerts (centre_id, item_id, kind) where ended_at is null;
create index stock_alerts_created on stock_alerts (centre_id, created_at, id);
select protect('stock_alerts', 'stock_alert');

-- +goose Down
drop table stock_alerts;
