package casework_test

import (
	"context"
	"testing"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/app/apptest"
	"github.com/waystation/waystation/internal/auth"
	"github.com/waystation/waystation/internal/casework"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
)

// person registers somebody, with or without consent to case management.
func person(h *apptest.House, consents bool) uuid.UUID {
	id := db.NewID()
	h.Exec(`insert into beneficiaries (centre_id, id, version, created_at, updated_at, reference, registration_level, registered_on, reception_on, sex, population_type, source, basis)
		values ($1, $2, 1, now(), now(), $3, 'basic', current_date, current_date, '1', 'migrant', 'api', 'consent')`, h.CentreA, id, id.String())
	if consents {
		consent(h, id, "given")
	}
	return id
}

func consent(h *apptest.House, beneficiary uuid.UUID, decision string) {
	h.Exec(`insert into consents (centre_id, id, created_at, updated_at, beneficiary_id, scope, decision, giver, method, given_at)
		values ($1, $2, now(), now(), $3, 'case_management', $4, 'person', 'written', now())`, h.CentreA, db.NewID(), beneficiary, decision)
}

// file puts a case as it is into the database.
func file(h *apptest.House, beneficiary uuid.UUID, status, sensitivity string, owner *uuid.UUID) uuid.UUID {
	id := db.NewID()
	h.Exec(`insert into cases (centre_id, id, version, created_at, updated_at, number, beneficiary_id, status, risk_level, source, sensitivity, owner_id, opened_at)
		values ($1, $2, 1, now(), now(), $3, $4, $5, 'medium', 'walk_in', $6, $7, now())`, h.CentreA, id, id.String(), beneficiary, status, sensitivity, owner)
	if owner != nil {
		h.Exec(`insert into case_team (centre_id, id, version, created_at, updated_at, case_id, user_id, role) values ($1, $2, 1, now(), now(), $3, $4, 'owner')`, h.CentreA, db.NewID(), id, owner)
	}
	return id
}

// as runs fn in a transaction of somebody with a role at centre A.
func as(h *apptest.House, p apptest.Person, role string, fn func(context.Context) error) error {
	caller := &auth.Principal{Kind: auth.User, ID: p.ID, Centres: map[uuid.UUID][]string{h.CentreA: {role}}}
	return h.App.DB.InTx(auth.With(context.Background(), caller), db.Scope{Centres: []uuid.UUID{h.CentreA}, ActorID: p.ID, ActorKind: "user"}, fn)
}

func TestReferrals_AreCountedOnTheCase(t *testing.T) {
	h := apptest.New(t)
	worker, stranger := h.Staff(h.CentreA, "caseworker"), h.Staff(h.CentreA, "registrar")
	for _, sensitivity := range []string{"normal", "restricted"} {
		id := file(h, person(h, true), "open", sensitivity, &worker.ID)
		open := func(ctx context.Context) error { return casework.ReferralOpened(ctx, id) }
		ended := func(ctx context.Context) error { return casework.ReferralEnded(ctx, id) }
		if err := as(h, stranger, "registrar", open); !fault.Is(err, fault.NotFound) {
			t.Errorf("%s: who does not see the case opened a referral: %v", sensitivity, err)
		}
		if err := as(h, worker, "caseworker", open); err != nil {
			t.Fatal(err)
		}
		var n int
		if h.Scan("select open_referrals from cases where id = $1", []any{id}, &n); n != 1 {
			t.Errorf("%s: %d open referrals", sensitivity, n)
		}
		if err := as(h, stranger, "registrar", ended); err != nil {
			t.Errorf("%s: an ended referral depends on who ends it: %v", sensitivity, err)
		}
		if h.Scan("select open_referrals from cases where id = $1", []any{id}, &n); n != 0 {
			t.Errorf("%s: %d open referrals", sensitivity, n)
		}
	}
}

func TestReferrals_BeginOnlyFromACaseThatIsWorkedOn(t *testing.T) {
	h := apptest.New(t)
	worker := h.Staff(h.CentreA, "caseworker")
	for status, want := range map[string]bool{"draft": false, "open": true, "on_hold": true, "pending_closure": false, "closed": false, "duplicate": false, "transferred": false, "not_opened": false} {
		id := file(h, person(h, true), status, "normal", &worker.ID)
		err := as(h, worker, "caseworker", func(ctx context.Context) error { return casework.ReferralOpened(ctx, id) })
		if (err == nil) != want || (err != nil && !fault.Is(err, fault.Conflict)) {
			t.Errorf("%s: %v", status, err)
		}
	}
}

func TestConsentWithdrawn_CasesWithoutAnotherBasisWaitForClosure(t *testing.T) {
	h := apptest.New(t)
	worker, registrar := h.Staff(h.CentreA, "caseworker"), h.Staff(h.CentreA, "registrar")
	who := person(h, true)
	cases := map[string]uuid.UUID{}
	for _, status := range []string{"draft", "open", "on_hold", "closed"} {
		cases[status] = file(h, who, status, "normal", &worker.ID)
	}
	cases["restricted"] = file(h, who, "open", "restricted", &worker.ID)
	cases["vital"] = file(h, who, "open", "normal", &worker.ID)
	h.Exec("update cases set consent_basis = 'vital_interest', consent_override_until = current_date where id = $1", cases["vital"])
	for _, scope := range []string{"share_organisations", "case_management"} {
		if err := as(h, registrar, "registrar", func(ctx context.Context) error { return casework.ConsentWithdrawn(ctx, who, scope) }); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string]string{"draft": "draft", "open": "pending_closure", "on_hold": "pending_closure", "closed": "closed", "restricted": "pending_closure", "vital": "open"} {
		var status, reason string
		var rows, approvals int
		h.Scan(`select status, closure_reason, (select count(*) from case_transitions t where t.case_id = c.id and by_id is null and verb = 'withdraw-consent'),
			(select count(*) from case_approvals a where a.case_id = c.id and requested_by is null and status = 'requested') from cases c where id = $1`, []any{cases[name]}, &status, &reason, &rows, &approvals)
		moved := want == "pending_closure"
		if status != want || (reason == "consent_withdrawn") != moved || (rows == 1) != moved || (approvals == 1) != moved {
			t.Errorf("%s: %s for %q, %d transitions, %d approvals", name, status, reason, rows, approvals)
		}
	}
	var leaked int
	h.Scan("select count(*) from events where subject_id = $1", []any{cases["restricted"]}, &leaked)
	if leaked != 0 {
		t.Errorf("the feed tells of a restricted case %d times", leaked)
	}
}
