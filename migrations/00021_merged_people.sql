-- Nothing new is kept under a record that ended in another, whoever writes it and whether or not the writer
-- looked: every table that refers to a person asks, holding the person, before a row of it does.

-- +goose Up

-- A key share lock waits for a merge that is under way and keeps one from beginning before the row is
-- committed; a merge then finds the row. It is the lock that the foreign key takes a moment later, of a row
-- found by its primary key. Who came too late is told so as of a lost race: the work runs again and meets
-- the record as it is now.
-- +goose StatementBegin
create function person_in_use() returns trigger language plpgsql as $$
declare
  scope   constant text := current_setting('app.centre_ids', true);
  outside constant boolean := coalesce(new.centre_id <> all (scope_centres()), true); -- a partner's move
  person  uuid;
  state   text;
begin
  if tg_argv[0] = 'beneficiary_id' then person := new.beneficiary_id; else person := to_jsonb(new)->>tg_argv[0]; end if;
  if outside then perform set_config('app.centre_ids', new.centre_id::text, true); end if;
  select status into state from beneficiaries where centre_id = new.centre_id and id = person for key share;
  if outside then perform set_config('app.centre_ids', coalesce(scope, ''), true); end if;
  if state = 'merged' then
    raise exception 'the person was merged into another' using errcode = 'serialization_failure', constraint = 'beneficiaries_merged';
  end if;
  return new;
end $$;

-- The columns of a table that refer to a person. What is derived from a record, and what speaks of records
-- instead of people, stays with the record: search keys, the timeline, pairs and merges.
create function person_columns(t regclass) returns setof name language sql stable as $$
  select a.attname from pg_constraint k join pg_attribute b on b.attrelid = k.confrelid and b.attname = 'id'
    join pg_attribute a on a.attrelid = k.conrelid and a.attnum = k.conkey[array_position(k.confkey, b.attnum)]
  where k.contype = 'f' and k.confrelid = to_regclass('beneficiaries') and k.conrelid = t
    and t::text <> all (array['beneficiary_keys', 'timeline', 'duplicates', 'merges'])
$$;

create function keep_from_merged(t regclass) returns void language plpgsql as $$
declare col name;
begin
  for col in select person_columns(t) loop
    execute format('create trigger %I before insert on %s for each row when (new.%I is not null) execute function person_in_use(%L)', col || '_in_use', t, col, col);
    execute format('create trigger %1$I before update on %2$s for each row when (new.%3$I is distinct from old.%3$I) execute function person_in_use(%3$L)', col || '_still_in_use', t, col);
  end loop;
end $$;

create or replace function protect(t regclass, feed text default null, hide text[] default '{}', append_only boolean default false) returns void language plpgsql as $$
begin
  execute format('alter table %s enable row level security', t);
  execute format('alter table %s force row level security', t);
  execute format('create policy tenant on %s using (centre_id = any ((select scope_centres())::uuid[])) with check (centre_id = any ((select scope_centres())::uuid[]))', t);
  perform track(t, feed, hide, append_only);
  perform keep_from_merged(t);
end $$;
-- +goose StatementEnd
revoke execute on function keep_from_merged(regclass) from public;
select keep_from_merged(conrelid::regclass) from (select distinct conrelid from pg_constraint where contype = 'f' and confrelid = 'beneficiaries'::regclass) referring;

-- +goose Down
-- +goose StatementBegin
create or replace function protect(t regclass, feed text default null, hide text[] default '{}', append_only boolean default false) returns void language plpgsql as $$
begin
  execute format('alter table %s enable row level security', t);
  execute format('alter table %s force row level security', t);
  execute format('create policy tenant on %s using (centre_id = any ((select scope_centres())::uuid[])) with check (centre_id = any ((select scope_centres())::uuid[]))', t);
  perform track(t, feed, hide, append_only);
end $$;
-- +goose StatementEnd
drop function keep_from_merged, person_columns;
drop function person_in_use cascade; -- with the triggers that call it
