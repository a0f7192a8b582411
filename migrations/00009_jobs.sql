-- The job queue's own schema. River makes and changes its tables there itself, after these
-- migrations and as the same role; what it will make is granted here.

-- +goose Up
create schema river;
grant usage on schema river to waystation_app;
alter default privileges in schema river grant select, insert, update, delete on tables to waystation_app;
alter default privileges in schema river grant usage on sequences to waystation_app;

-- +goose Down
alter default privileges in schema river revoke select, insert, update, delete on tables from waystation_app;
alter default privileges in schema river revoke usage on sequences from waystation_app;
drop schema river cascade;
