package casework_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/waystation/waystation/internal/app/apptest"
	"github.com/waystation/waystation/internal/casework"
)

// duty D10
// rule 7
func TestCase_ClosureIsBlockedByWhatIsUnfinished(t *testing.T) {
	d := newDesk(t)
	id := d.open(nil)
	d.Exec("update cases set open_referrals = 1 where id = $1", id)
	plan := d.plan(id)
	d.activate(id, plan)
	refused := d.do(d.worker, id, "request-closure", closing).WantCode(422, "invalid")
	codes := []string{}
	for i := range refused.Len("errors") {
		codes = append(codes, refused.Text("errors", i, "code"))
	}
	if strings.Join(codes, " ") != "unfinished_plan open_referrals final_follow_up_required" {
		t.Errorf("refused: %s", refused.Raw)
	}
	d.visited(id, "urgent_intervention")
	d.do(d.worker, id, "request-closure", closing).WantCode(422, "invalid")
	d.visited(id, "ongoing_monitoring")
	d.do(d.worker, id, "request-closure", obj{"reason": "plan_completed", "summary": "x", "justification": "Left"}).WantCode(422, "invalid")
	asked := d.do(d.worker, id, "request-closure", obj{"reason": "plan_completed", "summary": "x", "justification": "Left", "referral_override": "Never answered", "person_informed": false}).Want(200)
	if asked.Text("referral_override") != "Never answered" || asked.Text("stage") != "closure" {
		t.Errorf("asked: %s", asked.Raw)
	}
	approval := d.Call(d.supervisor, "GET", d.at(id, "approvals"), nil).Want(200)
	if approval.Text("data", 0, "kind") != "closure" || approval.Text("data", 0, "justification") != "Left" || approval.Text("data", 0, "person_informed") != "false" || approval.Text("data", 0, "goals_met_percent") != "0" {
		t.Errorf("what the supervisor reads: %s", approval.Raw)
	}
	d.Call(d.supervisor, "POST", d.at(id, "approvals", approval.ID("data", 0, "id"), "approve"), obj{}, match(1)).WantCode(409, "state_conflict")
	d.do(d.supervisor, id, "approve-closure", obj{}).Want(200)
}

func TestCase_FinishedPlanCloses(t *testing.T) {
	d := newDesk(t)
	id := d.open(nil)
	plan := d.plan(id)
	d.activate(id, plan)
	for i := range plan.Len("actions") {
		d.Call(d.worker, "PATCH", d.at(id, "actions", plan.ID("actions", i, "id")), obj{"status": "dropped"}, match(1)).Want(200)
	}
	d.judge(id, plan.ID("goals", 0, "id"), "met").Want(201)
	d.visited(id, "no_further_action")
	d.do(d.worker, id, "request-closure", closing).Want(200)
	approval := d.Call(d.supervisor, "GET", d.at(id, "approvals"), nil).Want(200)
	if approval.Text("data", 0, "goals_met_percent") != "100" {
		t.Errorf("approval: %s", approval.Raw)
	}
}

func TestCase_LostContactNeedsDocumentedAttempts(t *testing.T) {
	d := newDesk(t)
	id := d.open(nil)
	d.Exec("update cases set opened_at = now() - interval '60 days' where id = $1", id)
	lost := obj{"reason": "lost_contact", "summary": "Not seen since April"}
	d.do(d.worker, id, "request-closure", lost).WantCode(422, "invalid")
	f := d.Call(d.worker, "POST", d.at(id, "follow-ups"), obj{"type": "home_visit"}).Want(201)
	at := f.Header.Get("Location") + "/attempts"
	for i, daysAgo := range []int{40, 30} {
		d.Call(d.worker, "POST", at, obj{"method": "phone", "at": time.Now().AddDate(0, 0, -daysAgo)}, match(i+1)).Want(200)
	}
	if r := d.do(d.worker, id, "request-closure", lost).WantCode(422, "invalid"); r.Text("errors", 0, "code") != "too_few_attempts" {
		t.Errorf("two attempts: %s", r.Raw)
	}
	third := d.Call(d.worker, "POST", at, obj{"method": "visit", "note": "Neighbours know nothing"}, match(3)).Want(200)
	if third.Len("attempts") != 3 || third.Text("attempts", 2, "note") == "" || third.ID("attempts", 0, "by_id") != d.worker.ID {
		t.Errorf("attempts: %s", third.Raw)
	}
	if r := d.do(d.worker, id, "request-closure", lost).WantCode(422, "invalid"); r.Text("errors", 0, "code") != "last_attempt_too_recent" {
		t.Errorf("an attempt today: %s", r.Raw)
	}
	d.Exec("update case_contact_attempts set at = at - interval '14 days' where case_id = $1", id)
	d.do(d.worker, id, "request-closure", lost).Want(200)
}

// rule 8
func TestCase_WhoAskedForTheClosureCannotApproveIt(t *testing.T) {
	d := newDesk(t)
	id := d.open(nil)
	d.visited(id, "no_further_action")
	d.do(d.supervisor, id, "request-closure", closing).Want(200)
	d.do(d.supervisor, id, "approve-closure", obj{}).WantCode(422, "four_eyes")
	d.do(d.supervisor, id, "reject-closure", obj{"comment": "x"}).WantCode(422, "four_eyes")
	d.do(d.worker, id, "approve-closure", obj{}).WantCode(403, "forbidden")
	d.do(d.Staff(d.CentreA, "centre_manager"), id, "approve-closure", obj{}).WantCode(403, "forbidden")
	d.do(d.second, id, "approve-closure", obj{}).Want(200)
	var decided int
	d.Scan("select count(*) from case_approvals where case_id = $1 and status = 'approved' and requested_by = $2 and decided_by = $3", []any{id, d.supervisor.ID, d.second.ID}, &decided)
	if decided != 1 {
		t.Errorf("%d approvals", decided)
	}
}

// rule 9
func TestCase_AChildsCaseClosesInItsBestInterest(t *testing.T) {
	d := newDesk(t)
	for precision, birth := range map[string]string{
		"day":  time.Now().AddDate(-18, 0, 2).Format(time.DateOnly),
		"year": fmt.Sprintf("%d-01-01", time.Now().Year()-18), // may still turn 18 this year
	} {
		who := person(d.House, true)
		d.Exec("update beneficiaries set birth_date = $2, birth_date_precision = $3 where id = $1", who, birth, precision)
		id := d.pending(obj{"beneficiary_id": who})
		if precision == "year" && time.Now().YearDay() >= 365 {
			continue
		}
		if r := d.do(d.supervisor, id, "approve-closure", obj{}).WantCode(422, "invalid"); r.Text("errors", 0, "code") != "best_interest_required" {
			t.Errorf("%s: %s", precision, r.Raw)
		}
		d.do(d.supervisor, id, "approve-closure", obj{"best_interest_note": "With her aunt in Niamey"}).Want(200)
		if r := d.Call(d.supervisor, "GET", d.at(id, "approvals"), nil).Want(200); r.Text("data", 0, "best_interest_note") == "" {
			t.Errorf("the note is not kept: %s", r.Raw)
		}
	}
	grown := person(d.House, true)
	d.Exec("update beneficiaries set birth_date = current_date - interval '18 years 2 days', birth_date_precision = 'day' where id = $1", grown)
	d.do(d.supervisor, d.pending(obj{"beneficiary_id": grown}), "approve-closure", obj{}).Want(200)
}

func TestCase_SOPMaySwitchTheApprovalOff(t *testing.T) {
	d := newDesk(t)
	d.policy(`{"approvals": {"closure": {"required": false}}}`)
	id := d.open(nil)
	d.visited(id, "no_further_action")
	if r := d.do(d.worker, id, "request-closure", closing).Want(200); r.Text("status") != "closed" || r.Text("closed_at") == "" {
		t.Errorf("asked: %s", r.Raw)
	}
	history := d.Call(d.worker, "GET", d.at(id, "history")+"?sort=-created_at&limit=2", nil).Want(200)
	if history.Text("data", 0, "verb") != "close" || history.Text("data", 1, "verb") != "request-closure" {
		t.Errorf("history: %s", history.Raw)
	}
	child := person(d.House, true)
	d.Exec("update beneficiaries set birth_date = current_date - interval '10 years', birth_date_precision = 'day' where id = $1", child)
	id = d.open(obj{"beneficiary_id": child})
	d.visited(id, "no_further_action")
	d.do(d.worker, id, "request-closure", closing).WantCode(422, "invalid")
	d.do(d.worker, id, "request-closure", obj{"reason": "family_reunified", "summary": "x", "best_interest_note": "With her mother"}).Want(200)
}

func TestRace_TwoApproversCloseOnce(t *testing.T) {
	d := newDesk(t)
	for range 5 {
		id := d.pending(nil)
		var version int
		d.Scan("select version from cases where id = $1", []any{id}, &version)
		approvers := []apptest.Person{d.supervisor, d.second}
		statuses := apptest.AtOnce(2, func(i int) *apptest.Response {
			return d.Call(approvers[i], "POST", d.at(id, "approve-closure"), obj{}, match(version))
		})
		if !slices.Equal(statuses, []int{200, 412}) {
			t.Errorf("answers %v", statuses)
		}
		var rows int
		if d.Scan("select count(*) from case_transitions where case_id = $1 and verb = 'approve-closure'", []any{id}, &rows); rows != 1 {
			t.Errorf("%d approvals in the history", rows)
		}
	}
}

func TestRace_ACaseNeverClosesWithANewReferral(t *testing.T) {
	d := newDesk(t)
	d.policy(`{"approvals": {"closure": {"required": false}}}`)
	closedFirst := 0
	for range 12 {
		id := d.open(nil)
		d.visited(id, "no_further_action")
		var opened error
		var wg sync.WaitGroup
		wg.Go(func() { d.do(d.worker, id, "request-closure", closing) })
		wg.Go(func() {
			opened = as(d.House, d.worker, "caseworker", func(ctx context.Context) error { return casework.ReferralOpened(ctx, id) })
		})
		wg.Wait()
		var status string
		var open int
		d.Scan("select status, open_referrals from cases where id = $1", []any{id}, &status, &open)
		if status == "closed" && open > 0 {
			t.Fatal("closed with an open referral")
		}
		if (opened == nil) != (open == 1) || (status == "closed") == (open == 1) {
			t.Errorf("%s with %d referrals; opening answered %v", status, open, opened)
		}
		if status == "closed" {
			closedFirst++
		}
	}
	t.Logf("the closure came first in %d of 12", closedFirst)
}
