-- The change feed tells of no file by a side door.

-- +goose Up

-- An event about something that belongs to a file says whose file, whoever writes the event: the feed
-- keeps it from those from whom the file is kept.
-- +goose StatementBegin
create function events_of_file() returns trigger language plpgsql set app.need_to_know = 'lifted' as $$
begin
  new.case_id := case new.resource
    when 'referral' then (select r.case_id from referrals r where r.centre_id = new.centre_id and r.id = new.subject_id)
    when 'task' then (select t.case_id from tasks t where t.centre_id = new.centre_id and t.id = new.subject_id)
    else (select g.case_id from break_glass_grants g where g.centre_id = new.centre_id and g.id = new.subject_id) end;
  return new;
end $$;
-- +goose StatementEnd
create trigger of_file before insert on events for each row
  when (new.case_id is null and new.resource in ('referral', 'task', 'break_glass_grant')) execute function events_of_file();

-- +goose Down
drop trigger of_file on events;
drop function events_of_file;
