-- What one caseworker carries, and who let them carry more.

-- +goose Up
alter table cases add column caseload_overridden_at timestamptz; -- a supervisor let the owner have it above their limit
alter table case_transitions add column caseload_override text not null default ''; -- and why
drop trigger trail on case_transitions;
create trigger trail after insert or update or delete on case_transitions for each row execute function trail_row('', '{reason,caseload_override}');

create index cases_owned on cases (centre_id, owner_id, risk_level) where owner_id is not null and status in ('draft', 'open', 'on_hold', 'pending_closure');

-- The weighted cases under way of each owner (handbook 3.4), or of one, leaving a case out. A restricted case counts for
-- whoever may know of it, and one that is kept from the caller does not: a load that is more than the cases in sight would tell of it.
-- +goose StatementBegin
create function caseloads(weights jsonb, one uuid default null, but uuid default null) returns table (centre_id uuid, user_id uuid, load float8)
language sql stable set app.need_to_know = 'lifted' as
$$ select c.centre_id, c.owner_id, sum(coalesce((weights->>c.risk_level)::float8, (weights->>'medium')::float8)) from cases c
   where c.centre_id = any (scope_centres()) and c.owner_id is not null and (c.sensitivity <> 'restricted' or c.id = any ((select cases_of_actor())::uuid[])) and c.status in ('draft', 'open', 'on_hold', 'pending_closure')
     and c.id <> all ((select cases_walled_from_actor())::uuid[]) and (one is null or c.owner_id = one) and (but is null or c.id <> but) group by 1, 2 $$;
-- +goose StatementEnd

-- +goose Down
drop function caseloads;
drop index cases_owned;
drop trigger trail on case_transitions;
create trigger trail after insert or update or delete on case_transitions for each row execute function trail_row('', '{reason}');
alter table case_transitions drop column caseload_override;
alter table cases drop column caseload_overridden_at;
