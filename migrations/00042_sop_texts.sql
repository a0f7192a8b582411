-- Who was given the orientation and the house rules of which procedures, and whether they accepted them.

-- +goose Up
alter table visits
  add column orientation_by     uuid,
  add column orientation_sop_id uuid,
  add column house_rules        text not null default '', -- accepted | declined; empty: not asked
  add constraint visits_orientation_sop_fk foreign key (centre_id, orientation_sop_id) references sops (centre_id, id),
  add constraint visits_house_rules_check check (house_rules in ('', 'accepted', 'declined') and (house_rules = '' or orientation_on is not null));

-- +goose Down
alter table visits drop column house_rules, drop column orientation_sop_id, drop column orientation_by;
