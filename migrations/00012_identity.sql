-- Who is who: people who may have been registered twice, and records that became one.

-- +goose Up

-- Where to look for whom: the blocks of others that somebody may be found in (see duplicate_blocks), years counting from
-- one before to one after where either day of birth is not known.
-- +goose StatementBegin
create function duplicate_probes(keys text[], born date, born_precision text, nationalities text[]) returns text[] language sql stable parallel safe as $$
  with sounds as (select substr(k, 3) as s from unnest(keys) k where k like 'n:%'),
    names as (select string_agg(s, ' ' order by s collate "C") as s from sounds),
    known as (select born_precision = 'day' as day, extract(year from born)::int as year),
    years as (select y::text as year, y = known.year as same from known, generate_series(coalesce(known.year - 1, 1900), coalesce(known.year + 1, extract(year from now())::int)) y)
  select array(
    select k from unnest(keys) k where k not like 'n:%'
    union all select 'b:' || s || ':' || born from sounds, known where known.day
    union all select 'y:' || names.s || '::0' from names
    union all select 'y:' || names.s || ':' || years.year || ':0' from names, years
    union all select 'y:' || names.s || ':' || years.year || ':1' from names, years, known where years.same or known.day is distinct from true
    union all select 'w:' || s || ':' || years.year || ':0:' || nationalities[1] from sounds, years, known where known.year is not null
    union all select 'w:' || s || ':' || years.year || ':1:' || nationalities[1] from sounds, years, known where known.year is not null and not known.day)
$$;

-- +goose StatementEnd

grant select (status, sex, birth_date, birth_date_precision, nationalities, search_keys) on beneficiaries to waystation_search;
grant select (centre_id, beneficiary_id, household_id, left_on) on household_members to waystation_search;
create policy search on household_members for select to waystation_search using (true);

-- How far two birth dates speak for one person: 1 the same day, down to -0.5 for days that exclude
-- each other. Days that are near, or have day and month exchanged, may be slips of the pen.
-- +goose StatementBegin
create function birth_agreement(a date, a_precision text, b date, b_precision text, near_days int, estimate_days int) returns float8 language sql immutable parallel safe as $$
  select case
    when a is null or b is null then null
    when a_precision = 'day' and b_precision = 'day' then case
      when a = b then 1
      when abs(a - b) <= near_days then 0.4
      when extract(year from a) = extract(year from b) and extract(month from a) = extract(day from b) and extract(day from a) = extract(month from b) then 0.4
      else -0.5 end
    when abs(a - b) > estimate_days * 2 then -0.5
    when abs(a - b) > estimate_days then 0
    when a_precision <> 'day' and b_precision <> 'day' and abs(a - b) * 2 <= estimate_days then 0.8
    else 0.5
  end
$$;

-- How far names speak for one person: 1 where all parts sound and are spelled alike, 0 where half of
-- them do, -1 where none does. Parts that sound alike are told apart a little by their spelling;
-- others count as far as few letters differ. A name with fewer parts is not held against anybody much.
create function name_agreement(sounds text[], spelled text[], keys text[], name text) returns float8 language sql immutable parallel safe as $$
  with parts as (
    select s.sound, 'n:' || s.sound = any (keys) as heard, (
      select max(1 - levenshtein(left(s.word, 60), left(t, 60))::float8 / greatest(length(left(s.word, 60)), length(left(t, 60)), 1))
      from (select t from unnest(string_to_array(name, ' ')) t where length(t) > 1 or length(s.word) < 2 limit 12) them) as alike
    from unnest(sounds, spelled) s (sound, word)),
  agreed as (select sum(case when heard then 0.85 + 0.15 * coalesce(alike, 0) when alike >= 0.6 then alike else 0 end) as m, count(*)::float8 as mine from parts),
  sizes as (select m, mine, greatest((select count(*) from unnest(keys) k where k like 'n:%'), 1)::float8 as theirs from agreed)
  select case when mine = 0 then null else
    2 * least(1, (m / ((mine + theirs) / 2) + m / least(mine, theirs)) / 2) - 1 end from sizes
$$;
-- +goose StatementEnd

-- Two records that may be of one person: the queue, and what was decided.
create table duplicates (
  centre_id       uuid not null references centres (id),
  id              uuid not null,
  version         bigint not null,
  created_at      timestamptz not null,
  updated_at      timestamptz not null,
  one_id          uuid not null,             -- the lower id of the two
  other_id        uuid not null,
  score           float8 not null,           -- as it was when they were found
  level           text not null,             -- possible | likely, by the thresholds of then
  reasons         jsonb not null,
  found_by        text not null,             -- registration | change | recheck | import
  status          text not null default 'pending',
  acknowledged_by uuid,                      -- who registered the second although the first was shown
  acknowledged_at timestamptz,
  review_on       date,                      -- later: when
  decided_by      uuid,
  decided_at      timestamptz,
  primary key (centre_id, id),
  constraint duplicates_pair_key unique (centre_id, one_id, other_id),
  constraint duplicates_order_check check (one_id < other_id),
  constraint duplicates_one_fk foreign key (centre_id, one_id) references beneficiaries (centre_id, id),
  constraint duplicates_other_fk foreign key (centre_id, other_id) references beneficiaries (centre_id, id),
  constraint duplicates_level_check check (level in ('possible', 'likely')),
  constraint duplicates_status_check check (status in ('pending', 'later', 'not_duplicate', 'merged'))
);
create index duplicates_queue on duplicates (centre_id, status, score, id);
create index duplicates_other on duplicates (centre_id, other_id);
select protect('duplicates', 'duplicate', array['reasons', 'score']);

-- Every decision on a pair, for good.
create table duplicate_decisions (
  centre_id    uuid not null,
  id           uuid not null,
  version      bigint not null,
  created_at   timestamptz not null,
  updated_at   timestamptz not null,
  duplicate_id uuid not null,
  decision     text not null,                -- merge | not_duplicate | later | unmerge
  reason       text not null default '',
  review_on    date,
  decided_by   uuid,
  primary key (centre_id, id),
  constraint duplicate_decisions_duplicate_fk foreign key (centre_id, duplicate_id) references duplicates (centre_id, id)
);
create index duplicate_decisions_duplicate on duplicate_decisions (centre_id, duplicate_id, created_at, id);
select protect('duplicate_decisions', hide => array['reason'], append_only => true);

-- +goose Down
drop table duplicate_decisions, duplicates;
drop function name_agreement, birth_agreement;
drop policy search on household_members;
revoke select (centre_id, beneficiary_id, household_id, left_on) on household_members from waystation_search;
revoke select (status, sex, birth_date, birth_date_precision, nationalities, search_keys) on beneficiaries from waystation_search;
drop function duplicate_probes;
