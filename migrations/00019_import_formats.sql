-- Files of imports come in several formats; what is stored of each is the same.

-- +goose Up
alter table imports add column format text not null default 'csv';
alter table imports add column sheet text not null default ''; -- of a spreadsheet
alter table imports add constraint imports_format_check check (format in ('csv', 'xlsx', 'ndjson'));

-- +goose Down
alter table imports drop column format, drop column sheet;
