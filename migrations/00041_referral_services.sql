-- A referral may name the entry of the service map that it asks for.

-- +goose Up
alter table referrals add column service_id uuid references services (id);

-- +goose Down
alter table referrals drop column service_id;
