-- Forms as data, and what a case file holds beside plans and notes: assessments, problems, evaluations,
-- best-interest procedures.

-- +goose Up

-- The network's forms: written from the files of the product when it migrates, read by everybody.
create table shipped_forms (
  id           uuid primary key,
  key          text not null,
  number       int not null,
  kind         text not null,                -- code list form_kind
  title        text not null,
  description  text not null,
  language     text not null,
  schema       json not null,                -- json, not jsonb: the order of the keys is that of the questions
  ui_schema    json not null,
  translations jsonb not null,
  created_at   timestamptz not null default clock_timestamp(),
  constraint shipped_forms_number_key unique (key, number)
);
grant select on shipped_forms to waystation_app;

-- A centre's own forms. Once published, only their end is written.
create table forms (
  centre_id    uuid not null references centres (id),
  id           uuid not null,
  version      bigint not null,
  created_at   timestamptz not null,
  updated_at   timestamptz not null,
  key          text not null,
  number       int not null,
  kind         text not null,                -- code list form_kind
  title        text not null,
  description  text not null default '',
  language     text not null,
  status       text not null,
  schema       json not null,
  ui_schema    json not null,
  translations jsonb not null,
  based_on     uuid,                         -- own or the network's
  created_by   uuid,
  published_by uuid,
  published_at timestamptz,
  ended_at     timestamptz,
  primary key (centre_id, id),
  constraint forms_number_key unique (centre_id, key, number),
  constraint forms_status_check check (status in ('draft', 'published', 'superseded', 'retired'))
);
create unique index forms_published_key on forms (centre_id, key) where status = 'published';
select protect('forms', 'form', array['schema', 'ui_schema', 'translations']);

-- What is finished stays as it is. The arguments name the status of a draft and the columns that may
-- still change; the server's role deletes no such row either.
-- +goose StatementBegin
create function frozen() returns trigger language plpgsql as $$
declare
  free constant text[] := tg_argv[1]::text[] || array['version', 'updated_at'];
begin
  if tg_op = 'DELETE' then
    raise exception 'rows of % stay', tg_table_name using errcode = 'restrict_violation';
  end if;
  if old.status <> tg_argv[0] and (to_jsonb(new) - free) <> (to_jsonb(old) - free) then
    raise exception '% that is % does not change', tg_table_name, old.status using errcode = 'restrict_violation';
  end if;
  return new;
end $$;
-- +goose StatementEnd
create trigger frozen before update or delete on forms for each row when (current_user = 'waystation_app')
  execute function frozen('draft', '{status,ended_at}');

-- The forms that a centre finds. Its own version of a shipped form takes that one's place.
create view centre_forms with (security_invoker = true) as
  select f.*, 'centre' as origin, f.status = 'published' as in_force from forms f
  union all
  select c.centre_id, s.id, 1, s.created_at, s.created_at, s.key, s.number, s.kind, s.title, s.description, s.language, 'published', s.schema, s.ui_schema,
    s.translations, null, null, null, s.created_at, null, 'network',
    s.number = (select max(number) from shipped_forms n where n.key = s.key)
      and not exists (select from forms f where f.centre_id = c.centre_id and f.key = s.key and f.status = 'published')
  from shipped_forms s cross join unnest((select scope_centres())::uuid[]) c (centre_id);
grant select on centre_forms to waystation_app;

-- +goose Down
drop view centre_forms;
drop table forms, shipped_forms;
drop function frozen;
