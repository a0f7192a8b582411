-- What told of a file by a side door: the change feed, the trail, and needs that one reader saw and another did not.

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

-- A restricted screening is read as a restricted need is: by whoever reads a file of the person's as one of its own. What
-- is restricted by itself shows on the timeline as it does in its list.
drop policy need_to_know on vulnerability_screenings;
create policy need_to_know on vulnerability_screenings as restrictive for select using (
  sensitivity <> 'restricted' or (select need_to_know_lifted()) or exists (
    select 1 from cases c where c.id = any ((select cases_of_actor())::uuid[])
      and c.centre_id = vulnerability_screenings.centre_id and c.beneficiary_id = vulnerability_screenings.beneficiary_id));
drop policy need_to_know on timeline;
create policy need_to_know on timeline as restrictive for select using ((select need_to_know_lifted()) or (
  (case_id is null or exists (select 1 from cases c where c.centre_id = timeline.centre_id and c.id = timeline.case_id))
  and (not restricted or exists (
    select 1 from cases c where c.id = any ((select cases_of_actor())::uuid[])
      and c.centre_id = timeline.centre_id and c.beneficiary_id = timeline.beneficiary_id))));

-- The trail is read by people who are on no case team: that something is restricted is not for them,
-- nor what triage decided. A need's sensitivity comes with its code and never changes alone.
drop trigger trail on specific_needs;
create trigger trail after insert or update or delete on specific_needs for each row
  execute function trail_row('specific_need', '{code,sensitivity,note}');
drop trigger trail on vulnerability_screenings;
create trigger trail after insert or update or delete on vulnerability_screenings for each row
  execute function trail_row('vulnerability_screening', '{factors,sensitivity,suggested_level,confirmed_level,confirm_note,note,void_reason}');
drop trigger trail on visits;
create trigger trail after insert or update or delete on visits for each row
  execute function trail_row('visit', '{observed_groups,known_groups,priority_band,queue_key,eligibility,triage_note,outcome_note,exception_reason,note,void_reason}');

-- +goose Down
drop trigger trail on visits;
create trigger trail after insert or update or delete on visits for each row
  execute function trail_row('visit', '{observed_groups,known_groups,priority_band,queue_key,triage_note,outcome_note,exception_reason,note,void_reason}');
drop trigger trail on vulnerability_screenings;
create trigger trail after insert or update or delete on vulnerability_screenings for each row
  execute function trail_row('vulnerability_screening', '{factors,suggested_level,confirmed_level,confirm_note,note,void_reason}');
drop trigger trail on specific_needs;
create trigger trail after insert or update or delete on specific_needs for each row
  execute function trail_row('specific_need', '{code,note}');
drop policy need_to_know on timeline;
create policy need_to_know on timeline as restrictive for select using ((select need_to_know_lifted()) or (
  (case_id is null or exists (select 1 from cases c where c.centre_id = timeline.centre_id and c.id = timeline.case_id))
  and (not restricted or case resource
    when 'specific_need' then exists (select 1 from specific_needs n where n.centre_id = timeline.centre_id and n.id = timeline.resource_id)
    else exists (select 1 from case_team t join cases c on c.centre_id = t.centre_id and c.id = t.case_id
      where t.user_id = (select scope_actor()) and t.ended_at is null
        and c.centre_id = timeline.centre_id and c.beneficiary_id = timeline.beneficiary_id) end)));
drop policy need_to_know on vulnerability_screenings;
create policy need_to_know on vulnerability_screenings as restrictive for select using (
  sensitivity <> 'restricted' or exists (
    select 1 from case_team t join cases c on c.centre_id = t.centre_id and c.id = t.case_id
    where t.user_id = (select scope_actor()) and t.ended_at is null
      and c.centre_id = vulnerability_screenings.centre_id and c.beneficiary_id = vulnerability_screenings.beneficiary_id));
drop trigger of_file on events;
drop function events_of_file;
