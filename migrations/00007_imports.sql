-- Imports: mappings, the files while they are needed, what became of each row, and which rows
-- of a source were taken in.

-- +goose Up
create table import_mappings (
  centre_id     uuid not null references centres (id),
  id            uuid not null,
  version       bigint not null,
  created_at    timestamptz not null,
  updated_at    timestamptz not null,
  name          text not null,
  source_system text not null,               -- begins the source key of every row read with it
  definition    jsonb not null,
  active        boolean not null default true,
  primary key (centre_id, id),
  constraint import_mappings_name_key unique (centre_id, name),
  constraint import_mappings_source_system_check check (source_system ~ '^[a-z0-9][a-z0-9._-]{0,59}$')
);
select protect('import_mappings');

create table imports (
  centre_id     uuid not null references centres (id),
  id            uuid not null,
  version       bigint not null,
  created_at    timestamptz not null,
  updated_at    timestamptz not null,
  mode          text not null,
  atomicity     text not null,
  status        text not null,
  mapping_id    uuid,
  mapping_name  text not null default '',
  source_system text not null,
  definition    jsonb not null,              -- the mapping as it was when the import was asked for
  file_name     text not null default '',
  file_size     bigint not null,
  file_sha256   bytea not null,
  encoding      text not null default '',
  delimiter     text not null,
  file_until    timestamptz,                 -- null once the file is deleted
  rows          int not null,                -- in the file
  processed     int not null default 0,
  accepted      int not null default 0,
  created       int not null default 0,
  unchanged     int not null default 0,
  changed       int not null default 0,
  skipped       int not null default 0,
  rejected      int not null default 0,
  with_warnings int not null default 0,
  errors        jsonb not null default '{}',
  warnings      jsonb not null default '{}',
  notes         jsonb not null default '[]',
  failure       jsonb,
  created_by    uuid,
  stumbles      int not null default 0,      -- attempts that ended in an unexpected error
  request_key   text not null default '',    -- Idempotency-Key: an upload is too large for the stored answers
  started_at    timestamptz,
  finished_at   timestamptz,
  primary key (centre_id, id),
  constraint imports_mapping_fk foreign key (centre_id, mapping_id) references import_mappings (centre_id, id),
  constraint imports_mode_check check (mode in ('dry_run', 'commit')),
  constraint imports_atomicity_check check (atomicity in ('per_row', 'all_or_nothing')),
  constraint imports_status_check check (status in ('queued', 'running', 'completed', 'failed', 'cancelled')),
  constraint imports_processed_check check (processed between 0 and rows)
);
create index imports_created on imports (centre_id, created_at, id);
create unique index imports_request_key on imports (centre_id, created_by, request_key) where request_key <> '';
create index imports_file_until on imports (file_until) where file_until is not null;
select protect('imports', 'import', array['notes', 'definition']);

-- The file, compressed, in pieces. It holds personal data and is deleted as soon as nothing needs it.
create table import_files (
  centre_id uuid not null,
  import_id uuid not null,
  seq       int not null,
  data      bytea not null,
  primary key (centre_id, import_id, seq),
  constraint import_files_import_fk foreign key (centre_id, import_id) references imports (centre_id, id)
);
alter table import_files alter column data set storage external; -- it is compressed already
select confine('import_files');
grant select, insert, delete on import_files to waystation_app;

-- What became of each row. The trail has the persons themselves; a second line for each row
-- of each attempt would say nothing more.
create table import_rows (
  centre_id      uuid not null,
  id             uuid not null,
  import_id      uuid not null,
  line           int not null,
  source_id      text not null default '',
  status         text not null,
  beneficiary_id uuid,
  reference      text not null default '',
  issues         jsonb not null default '[]', -- place and rule, never what a cell says
  codes          text[] not null default '{}',
  primary key (centre_id, id),
  constraint import_rows_line_key unique (centre_id, import_id, line),
  constraint import_rows_import_fk foreign key (centre_id, import_id) references imports (centre_id, id),
  constraint import_rows_beneficiary_fk foreign key (centre_id, beneficiary_id) references beneficiaries (centre_id, id),
  constraint import_rows_status_check check (status in ('accepted', 'created', 'unchanged', 'changed', 'skipped', 'rejected'))
);
select confine('import_rows');
grant select, insert, delete on import_rows to waystation_app;

-- Which rows of a source were taken in, and a fingerprint of what they said: the next file tells
-- an unchanged row from a changed one. Erasing a person erases the line here.
create table import_sources (
  centre_id      uuid not null,
  source_key     text not null,
  beneficiary_id uuid not null,
  fingerprint    bytea not null,
  primary key (centre_id, source_key),
  constraint import_sources_beneficiary_fk foreign key (centre_id, beneficiary_id) references beneficiaries (centre_id, id)
);
create index import_sources_beneficiary on import_sources (centre_id, beneficiary_id);
select confine('import_sources');
grant select, insert, delete on import_sources to waystation_app;

-- +goose Down
drop table import_sources, import_rows, import_files, imports, import_mappings;
