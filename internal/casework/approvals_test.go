package casework_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/app/apptest"
)

// override asks for work on another basis than consent.
func (d *desk) override(by apptest.Person, id uuid.UUID) *apptest.Response {
	d.T.Helper()
	return d.Call(by, "POST", d.at(id, "approvals"), obj{"kind": "consent_override", "basis": "vital_interest", "reason": "Unconscious"}).Want(201)
}

// closure finds the approval of a closure that waits.
func (d *desk) closure(id uuid.UUID) uuid.UUID {
	return d.Call(d.worker, "GET", d.at(id, "approvals")+"?status=requested", nil).Want(200).ID("data", 0, "id")
}

func item(id uuid.UUID, version int) obj { return obj{"id": id, "version": version} }

func TestApprovals_OneWorklistForSupervisors(t *testing.T) {
	d := newDesk(t)
	all := "/v1/centres/" + d.CentreA.String() + "/approvals"
	theirs := d.override(d.worker, d.open(nil))
	own := d.override(d.supervisor, d.open(nil))
	d.pending(nil)
	hidden := d.open(obj{"sensitivity": "restricted"})
	d.override(d.worker, hidden)
	if n := d.Call(d.supervisor, "GET", all, nil).Want(200).Len("data"); n != 3 {
		t.Errorf("%d wait; a restricted case is not told of", n)
	}
	decidable := d.Call(d.supervisor, "GET", all+"?decidable=true", nil).Want(200)
	if decidable.Len("data") != 2 || slices.Contains(ids(decidable), own.ID()) || !slices.Contains(ids(decidable), theirs.ID()) {
		t.Errorf("decidable: %s", decidable.Raw)
	}
	for query, want := range map[string]int{"?kind=closure": 1, "?requested_by=" + d.supervisor.ID.String(): 1, "?status=approved": 0, "?decidable=false": 1} {
		if n := d.Call(d.supervisor, "GET", all+query, nil).Want(200).Len("data"); n != want {
			t.Errorf("%s: %d", query, n)
		}
	}
	if n := d.Call(d.worker, "GET", all+"?decidable=true", nil).Want(200).Len("data"); n != 0 {
		t.Errorf("a caseworker may decide %d", n)
	}
	d.Call(d.Staff(d.CentreA, "registrar"), "GET", all, nil).WantCode(403, "forbidden")
	d.Call(d.worker, "POST", all+"/decide", obj{"decision": "approve", "items": []obj{item(theirs.ID(), 1)}}).WantCode(403, "forbidden")
}

func TestApprovals_DecidedTogetherEachByItself(t *testing.T) {
	d := newDesk(t)
	all := "/v1/centres/" + d.CentreA.String() + "/approvals"
	caseA, caseB, caseC := d.open(nil), d.pending(nil), d.open(nil)
	good, own, stale := d.override(d.worker, caseA), d.override(d.supervisor, d.open(nil)), d.override(d.worker, caseC)
	child := person(d.House, true)
	d.Exec("update beneficiaries set birth_date = current_date - interval '9 years', birth_date_precision = 'day' where id = $1", child)
	minor := d.pending(obj{"beneficiary_id": child})
	r := d.Call(d.supervisor, "POST", all+"/decide", obj{"decision": "approve", "comment": "Seen", "items": []obj{
		item(own.ID(), 1), item(good.ID(), 1), item(stale.ID(), 7), item(uuid.New(), 1), item(d.closure(minor), 1), item(d.closure(caseB), 1), item(good.ID(), 2),
	}}).Want(200)
	got := []string{}
	for i := range r.Len("results") {
		got = append(got, r.Text("results", i, "outcome")+" "+r.Text("results", i, "code"))
	}
	want := []string{"refused four_eyes", "decided ", "refused stale_version", "refused not_found", "refused best_interest_required", "decided ", "refused state_conflict"}
	if !slices.Equal(got, want) {
		t.Errorf("results: %q", got)
	}
	if r.Text("results", 1, "approval", "status") != "approved" || r.Text("results", 1, "approval", "comment") != "Seen" || r.Text("results", 5, "approval", "kind") != "closure" {
		t.Errorf("results: %s", r.Raw)
	}
	if c := d.Call(d.worker, "GET", d.at(caseA), nil).Want(200); c.Text("consent_basis") != "vital_interest" {
		t.Errorf("granted: %s", c.Raw)
	}
	if c := d.Call(d.supervisor, "GET", d.at(caseB), nil).Want(200); c.Text("status") != "closed" {
		t.Errorf("closed: %s", c.Raw)
	}
	if c := d.Call(d.supervisor, "GET", d.at(minor), nil).Want(200); c.Text("status") != "pending_closure" {
		t.Errorf("a child's case: %s", c.Raw)
	}
	if s := d.Call(d.second, "POST", all+"/decide", obj{"decision": "reject", "comment": "Not yet", "items": []obj{item(d.closure(minor), 1)}}).Want(200); s.Text("results", 0, "approval", "status") != "rejected" {
		t.Errorf("rejected: %s", s.Raw)
	}
	if c := d.Call(d.supervisor, "GET", d.at(minor), nil).Want(200); c.Text("status") != "open" {
		t.Errorf("rejected: %s", c.Raw)
	}
}

// rule 8
func TestApproval_TheDatabaseKeepsRequesterAndDeciderApart(t *testing.T) {
	d := newDesk(t)
	asked := d.override(d.supervisor, d.open(nil))
	_, err := d.Owner.Exec(t.Context(), "update case_approvals set status = 'approved', decided_by = requested_by where id = $1", asked.ID())
	if err == nil {
		t.Error("whoever asked decided")
	}
}

func TestRace_TwoApproversDecideOnce(t *testing.T) {
	d := newDesk(t)
	all := "/v1/centres/" + d.CentreA.String() + "/approvals/decide"
	asked := d.override(d.worker, d.open(nil))
	outcomes := make([]string, 6)
	var wg sync.WaitGroup
	for i := range outcomes {
		wg.Go(func() {
			who, decision := d.supervisor, "approve"
			if i%2 == 1 {
				who, decision = d.second, "reject"
			}
			r := d.Call(who, "POST", all, obj{"decision": decision, "comment": fmt.Sprint(i), "items": []obj{item(asked.ID(), 1)}}).Want(200)
			outcomes[i] = r.Text("results", 0, "outcome")
		})
	}
	wg.Wait()
	slices.Sort(outcomes)
	if !slices.Equal(outcomes, []string{"decided", "refused", "refused", "refused", "refused", "refused"}) {
		t.Errorf("outcomes: %v", outcomes)
	}
	if history := d.Call(d.worker, "GET", asked.Header.Get("Location"), nil).Want(200); history.Text("version") != "2" || history.Text("decided_at") == "" {
		t.Errorf("history: %s", history.Raw)
	}
}
