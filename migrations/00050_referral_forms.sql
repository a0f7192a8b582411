-- A referral that is printed for a partner without a system leaves the centre on paper.

-- +goose Up
alter table disclosures drop constraint disclosures_act_check;
alter table disclosures add constraint disclosures_act_check check (act in ('send', 'view', 'export', 'transfer', 'print'));

-- +goose Down
alter table disclosures drop constraint disclosures_act_check;
alter table disclosures add constraint disclosures_act_check check (act in ('send', 'view', 'export', 'transfer'));
