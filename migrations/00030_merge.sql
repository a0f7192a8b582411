-- Two records of one person become one, and two again. Behind all tables that hold something of a
-- person: what a merge moves is whatever refers to a person, found in the catalogue, so that no
-- table can be forgotten.

-- +goose Up
create table merges (
  centre_id    uuid not null references centres (id),
  id           uuid not null,
  version      bigint not null,
  created_at   timestamptz not null,
  updated_at   timestamptz not null,
  duplicate_id uuid not null,                -- the record that ended
  survivor_id  uuid not null,
  reason       text not null,
  merged_by    uuid,
  taken        jsonb not null default '[]',  -- fields that the survivor took over, with what it held before
  undone_at    timestamptz,
  undone_by    uuid,
  undo_reason  text not null default '',
  primary key (centre_id, id),
  constraint merges_duplicate_fk foreign key (centre_id, duplicate_id) references beneficiaries (centre_id, id),
  constraint merges_survivor_fk foreign key (centre_id, survivor_id) references beneficiaries (centre_id, id),
  constraint merges_two_check check (duplicate_id <> survivor_id)
);
create unique index merges_standing_key on merges (centre_id, duplicate_id) where undone_at is null;
create index merges_survivor on merges (centre_id, survivor_id);
create index beneficiaries_merged_into on beneficiaries (centre_id, merged_into) where merged_into is not null;
select protect('merges', null, array['reason', 'taken', 'undo_reason']);

-- What a merge did to which row: the provenance of everything that a survivor took over, and what an
-- undo puts back. Rows of restricted files are among them: it is read by whoever reads the row itself.
create table merge_rows (
  centre_id uuid not null,
  id        uuid not null default gen_random_uuid(),
  merge_id  uuid not null,
  relation  text not null,
  row_key   jsonb not null,
  before    jsonb,                           -- the columns that changed; null: the merge made the row
  after     jsonb,                           -- null: the row stays with the duplicate, where it does not fit the survivor
  primary key (centre_id, id),
  constraint merge_rows_merge_fk foreign key (centre_id, merge_id) references merges (centre_id, id)
);
create index merge_rows_merge on merge_rows (centre_id, merge_id, relation);
select confine('merge_rows');
grant select on merge_rows to waystation_app;
-- +goose StatementBegin
create function row_seen(centre uuid, relation regclass, key jsonb) returns boolean language plpgsql stable as $$
declare seen boolean;
begin
  execute format('select exists (select from %1$s t, jsonb_populate_record(null::%1$s, $2) k where t.centre_id = $1 and %2$s)',
    relation, (select string_agg(format('t.%1$I = k.%1$I', col), ' and ') from jsonb_object_keys(key) col)) into seen using centre, key;
  return seen;
end $$;
-- +goose StatementEnd
create policy need_to_know on merge_rows as restrictive for select using ((select need_to_know_lifted()) or row_seen(centre_id, relation::regclass, row_key));

-- The walls around what refers to a person open for the system's own work.
-- +goose StatementBegin
do $$
declare p record;
begin
  for p in select pol.polname, pol.polrelid::regclass as relation, pg_get_expr(pol.polqual, pol.polrelid) as wall from pg_policy pol
      where not pol.polpermissive and pol.polcmd = 'r' and pg_get_expr(pol.polqual, pol.polrelid) not like '%need_to_know_lifted%'
        and pol.polrelid in (select conrelid from pg_constraint where contype = 'f' and confrelid = 'beneficiaries'::regclass) loop
    execute format('alter policy %I on %s using ((select need_to_know_lifted()) or (%s))', p.polname, p.relation, p.wall);
  end loop;
end $$;

-- Everything that refers to a person: table, column, and the primary key beside the centre. Search keys
-- follow from the record; pairs and merges speak of records, not of people.
create function person_references() returns table (relation regclass, col name, keys name[], versioned boolean) language sql stable as $$
  select k.conrelid::regclass, a.attname,
    array(select c.attname from pg_index i, unnest(i.indkey) n join pg_attribute c on c.attrelid = k.conrelid and c.attnum = n where i.indrelid = k.conrelid and i.indisprimary and c.attname <> 'centre_id'),
    2 = (select count(*) from pg_attribute v where v.attrelid = k.conrelid and v.attname in ('version', 'updated_at') and not v.attisdropped)
  from pg_constraint k join pg_attribute b on b.attrelid = k.confrelid and b.attname = 'id'
    join pg_attribute a on a.attrelid = k.conrelid and a.attnum = k.conkey[array_position(k.confkey, b.attnum)]
  where k.contype = 'f' and k.confrelid = 'beneficiaries'::regclass
    and k.conrelid not in ('beneficiary_keys'::regclass, 'duplicates'::regclass, 'merges'::regclass)
  order by k.conrelid::regclass::text, a.attname
$$;

-- Moves what refers to the duplicate. A row that cannot stand beside the survivor's own (one
-- open visit, a relationship between the two) stays where it is.
create function merge_move(merge merges) returns void language plpgsql security definer set search_path = public, pg_temp set app.need_to_know = 'lifted' as $$
declare
  r record;
  change text;
  one jsonb;
begin
  if merge.centre_id <> all (scope_centres()) then raise exception 'outside the scope' using errcode = 'insufficient_privilege'; end if;
  for r in select * from person_references() loop
    change := format('with moved as (update %1$s t set %2$I = $1 %3$s where t.centre_id = $2 and t.%2$I = $3 and ($6 is null or to_jsonb(t) @> $6) returning to_jsonb(t) as row)
      insert into merge_rows (centre_id, merge_id, relation, row_key, before, after)
      select $2, $4, %4$L, (select jsonb_object_agg(k, row->k) from unnest($5) k), jsonb_build_object(%2$L, $3), jsonb_build_object(%2$L, $1) from moved',
      r.relation, r.col, case when r.versioned then ', version = t.version + 1, updated_at = now()' else '' end, r.relation::text);
    begin
      execute change using merge.survivor_id, merge.centre_id, merge.duplicate_id, merge.id, r.keys::text[], null::jsonb;
    exception when unique_violation or check_violation or exclusion_violation then
      for one in execute format('select (select jsonb_object_agg(k, to_jsonb(t)->k) from unnest($3) k) from %s t where t.centre_id = $1 and t.%I = $2', r.relation, r.col)
          using merge.centre_id, merge.duplicate_id, r.keys::text[] loop
        begin
          execute change using merge.survivor_id, merge.centre_id, merge.duplicate_id, merge.id, r.keys::text[], one;
        exception when unique_violation or check_violation or exclusion_violation then
          insert into merge_rows (centre_id, merge_id, relation, row_key, before) values (merge.centre_id, merge.id, r.relation::text, one, jsonb_build_object(r.col, merge.duplicate_id));
        end;
      end loop;
    end;
  end loop;
end $$;

-- Who is in two households stays in the survivor's: the other membership ends today.
create function merge_households(merge merges, today date) returns void language plpgsql security definer set search_path = public, pg_temp as $$
declare
  leaves household_members;
  stays  household_members;
  left_behind households;
begin
  if merge.centre_id <> all (scope_centres()) then raise exception 'outside the scope' using errcode = 'insufficient_privilege'; end if;
  select * into leaves from household_members where centre_id = merge.centre_id and beneficiary_id = merge.duplicate_id and left_on is null;
  select * into stays from household_members where centre_id = merge.centre_id and beneficiary_id = merge.survivor_id and left_on is null;
  if leaves.id is null or stays.id is null then return; end if;
  select * into left_behind from households where centre_id = merge.centre_id and id = leaves.household_id for update;
  update household_members set left_on = greatest(joined_on, today), version = version + 1, updated_at = now() where centre_id = merge.centre_id and id = leaves.id;
  insert into merge_rows (centre_id, merge_id, relation, row_key, before, after)
    select merge.centre_id, merge.id, 'household_members', jsonb_build_object('id', leaves.id), '{"left_on": null}', jsonb_build_object('left_on', greatest(leaves.joined_on, today));
  update households set size = size - 1, version = version + 1, updated_at = now(),
    head_id = case when head_id = merge.duplicate_id and stays.household_id <> id then null else head_id end where centre_id = merge.centre_id and id = left_behind.id;
  if left_behind.head_id = merge.duplicate_id and stays.household_id <> left_behind.id then
    insert into merge_rows (centre_id, merge_id, relation, row_key, before, after)
      values (merge.centre_id, merge.id, 'households', jsonb_build_object('id', left_behind.id), jsonb_build_object('head_id', merge.duplicate_id), '{"head_id": null}');
  end if;
end $$;

-- Notes a row that the merge itself made: an undo takes it away again.
create function merge_made(merge uuid, centre uuid, made regclass, row_id uuid) returns void language sql security definer set search_path = public, pg_temp as $$
  insert into merge_rows (centre_id, merge_id, relation, row_key) select centre, merge, made::text, jsonb_build_object('id', row_id) where centre = any (scope_centres())
$$;

-- Puts everything back that is still as the merge left it; what was recorded or changed since stays.
create function merge_undo(merge merges) returns void language plpgsql security definer set search_path = public, pg_temp set app.need_to_know = 'lifted' as $$
declare
  r record;
  versioned boolean;
  kind text;
begin
  if merge.centre_id <> all (scope_centres()) then raise exception 'outside the scope' using errcode = 'insufficient_privilege'; end if;
  for r in select m.relation, c.col, bool_and(m.row_key ? 'id') as by_id from merge_rows m left join lateral jsonb_object_keys(m.before) c (col) on true
      where m.centre_id = merge.centre_id and m.merge_id = merge.id and (m.before is null or m.after is not null) group by 1, 2 order by 1, 2 loop
    if r.col is null then
      execute format('delete from %s t using merge_rows m where m.centre_id = $1 and m.merge_id = $2 and m.relation = %L and m.before is null and t.centre_id = $1 and t.id = (m.row_key->>''id'')::uuid', r.relation, r.relation)
        using merge.centre_id, merge.id;
      continue;
    end if;
    select 2 = count(*) into versioned from pg_attribute a where a.attrelid = r.relation::regclass and a.attname in ('version', 'updated_at');
    select format_type(a.atttypid, a.atttypmod) into kind from pg_attribute a where a.attrelid = r.relation::regclass and a.attname = r.col;
    execute format('update %1$s t set %2$I = (m.before->>%2$L)::%3$s %4$s from merge_rows m where m.centre_id = $1 and m.merge_id = $2 and m.relation = %5$L and m.before ? %2$L and m.after is not null
      and t.centre_id = $1 and %6$s and t.%2$I is not distinct from (m.after->>%2$L)::%3$s',
      r.relation, r.col, kind, case when versioned then ', version = t.version + 1, updated_at = now()' else '' end, r.relation,
      case when r.by_id then 't.id = (m.row_key->>''id'')::uuid' else format('t.%I = (m.after->>%L)::%s and to_jsonb(t) @> m.row_key', r.col, r.col, kind) end)
      using merge.centre_id, merge.id;
  end loop;
  -- A document that was recorded since with a scan that went back shows it no more.
  update identity_documents d set attachment_id = null, version = d.version + 1, updated_at = now() from attachments a
    where d.centre_id = merge.centre_id and d.beneficiary_id in (merge.duplicate_id, merge.survivor_id)
      and a.centre_id = d.centre_id and a.id = d.attachment_id and a.beneficiary_id <> d.beneficiary_id;
  update household_members hm set left_on = greatest(joined_on, current_date) from households h
    where hm.centre_id = merge.centre_id and hm.beneficiary_id = merge.duplicate_id and hm.left_on is null
      and h.centre_id = hm.centre_id and h.id = hm.household_id and h.status = 'void';
  update households h set size = n.members, version = version + 1, updated_at = now()
    from (select m.household_id, count(*) filter (where m.left_on is null) as members from household_members m
      where m.centre_id = merge.centre_id and m.household_id in (select x.household_id from household_members x where x.centre_id = merge.centre_id and x.beneficiary_id in (merge.duplicate_id, merge.survivor_id))
      group by 1) n
    where h.centre_id = merge.centre_id and h.id = n.household_id and h.size <> n.members;
end $$;
-- +goose StatementEnd
revoke execute on function merge_move(merges), merge_households(merges, date), merge_made(uuid, uuid, regclass, uuid), merge_undo(merges) from public;
grant execute on function merge_move(merges), merge_households(merges, date), merge_made(uuid, uuid, regclass, uuid), merge_undo(merges) to waystation_app;

-- +goose Down
drop function merge_undo, merge_made, merge_households, merge_move, person_references;
drop table merge_rows, merges;
drop function row_seen;
drop index beneficiaries_merged_into;
