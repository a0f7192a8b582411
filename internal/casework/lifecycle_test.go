package casework_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/app/apptest"
	"github.com/waystation/waystation/internal/beneficiary"
	"github.com/waystation/waystation/internal/casework"
	"github.com/waystation/waystation/internal/db"
)

func TestCase_Life(t *testing.T) {
	d := newDesk(t)
	who := person(d.House, true)
	made := d.Call(d.worker, "POST", d.cases, obj{"beneficiary_id": who, "source": "walk_in", "summary": "Lost her papers"}).Want(201)
	id := made.ID()
	if made.Text("number") != "AGZ-C-000001" || made.Text("status") != "draft" || made.Text("stage") != "identification_registration" || made.ETag() != `"1"` || made.Header.Get("Location") != d.at(id) {
		t.Fatalf("made: %s", made.Raw)
	}
	if read := d.Call(d.worker, "GET", d.at(id), nil).Want(200); string(read.Raw) != string(made.Raw) {
		t.Errorf("create answered %s, read answers %s", made.Raw, read.Raw)
	}
	d.do(d.supervisor, id, "assign", obj{"owner_id": d.worker.ID, "reason": "Speaks Hausa"}).Want(200)
	d.Call(d.worker, "PATCH", d.at(id), obj{"risk_level": "medium"}, match(2)).Want(200)
	opened := d.do(d.worker, id, "open", nil).Want(200)
	if opened.Text("status") != "open" || opened.Text("stage") != "assessment" || opened.Text("followup_due_at") == "" || opened.ETag() != `"4"` {
		t.Errorf("opened: %s", opened.Raw)
	}
	d.do(d.worker, id, "hold", obj{"reason": "In hospital", "review_on": time.Now().AddDate(0, 0, 10).Format(time.DateOnly)}).Want(200)
	d.do(d.worker, id, "resume", nil).Want(200)
	d.visited(id, "no_further_action")
	d.do(d.worker, id, "request-closure", closing).Want(200)
	d.do(d.supervisor, id, "reject-closure", obj{"comment": "Not yet"}).Want(200)
	d.do(d.worker, id, "request-closure", closing).Want(200)
	closed := d.do(d.supervisor, id, "approve-closure", obj{"comment": "Fine"}).Want(200)
	if closed.Text("status") != "closed" || closed.Text("closed_at") == "" || closed.Text("closure_reason") != "plan_completed" || closed.Text("followup_due_at") != "" {
		t.Errorf("closed: %s", closed.Raw)
	}
	reopened := d.do(d.worker, id, "reopen", obj{"reason": "Came back", "risk_level": "high"}).Want(200)
	if reopened.Text("number") != "AGZ-C-000001" || reopened.Text("reopened_count") != "1" || reopened.Text("risk_level") != "high" || reopened.Text("closed_at") != "" {
		t.Errorf("reopened: %s", reopened.Raw)
	}
	history := d.Call(d.worker, "GET", d.at(id, "history"), nil).Want(200)
	verbs := []string{}
	for i := range history.Len("data") {
		verbs = append(verbs, history.Text("data", i, "verb"))
	}
	if got := strings.Join(verbs, " "); got != "create assign change-risk open hold resume request-closure reject-closure request-closure approve-closure reopen" {
		t.Errorf("history: %s", got)
	}
	if history.Text("data", 1, "reason") != "Speaks Hausa" || history.ID("data", 1, "by_id") != d.supervisor.ID || history.Text("data", 9, "from_status") != "pending_closure" || history.Text("data", 9, "to_status") != "closed" || history.Text("data", 6, "reason_code") != "plan_completed" {
		t.Errorf("history: %s", history.Raw)
	}
}

func TestCase_EventsTellWhatHappened(t *testing.T) {
	d := newDesk(t)
	id := d.closed()
	d.do(d.worker, id, "reopen", obj{"reason": "Came back", "risk_level": "high"}).Want(200)
	var types string
	d.Scan("select string_agg(type, ' ' order by id) from events where subject_id = $1 and type not in ('case.created', 'case.updated')", []any{id}, &types)
	if types != "case.opened case.closure_requested case.closed case.reopened" {
		t.Errorf("events: %s", types)
	}
}

func TestCase_RefusesBadInput(t *testing.T) {
	d := newDesk(t)
	who, gone := person(d.House, true), person(d.House, true)
	d.Exec("update beneficiaries set status = 'void' where id = $1", gone)
	stranger := d.Staff(d.CentreB, "caseworker")
	for name, c := range map[string]struct {
		body   obj
		status int
		at     string
		code   string
	}{
		"nobody":           {obj{"source": "walk_in"}, 422, "/beneficiary_id", "required"},
		"unknown person":   {obj{"beneficiary_id": uuid.New(), "source": "walk_in"}, 422, "/beneficiary_id", "unknown_beneficiary"},
		"void record":      {obj{"beneficiary_id": gone, "source": "walk_in"}, 422, "/beneficiary_id", "record_ended"},
		"unknown source":   {obj{"beneficiary_id": who, "source": "rumour"}, 422, "/source", "unknown_code"},
		"unknown risk":     {obj{"beneficiary_id": who, "source": "walk_in", "risk_level": "extreme"}, 422, "/risk_level", "unknown_code"},
		"owner elsewhere":  {obj{"beneficiary_id": who, "source": "walk_in", "owner_id": stranger.ID}, 422, "/owner_id", "unfit_owner"},
		"owner unknown":    {obj{"beneficiary_id": who, "source": "walk_in", "owner_id": uuid.New()}, 422, "/owner_id", "unfit_owner"},
		"owner registrar":  {obj{"beneficiary_id": who, "source": "walk_in", "owner_id": d.Staff(d.CentreA, "registrar").ID}, 422, "/owner_id", "unfit_owner"},
		"own status":       {obj{"beneficiary_id": who, "source": "walk_in", "status": "open"}, 422, "/status", "unknown_field"},
		"text with a NUL":  {obj{"beneficiary_id": who, "source": "walk_in", "summary": "a\x00b"}, 422, "/summary", "invalid_text"},
		"sensitivity typo": {obj{"beneficiary_id": who, "source": "walk_in", "sensitivity": "secret"}, 422, "/sensitivity", ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := d.Call(d.worker, "POST", d.cases, c.body)
			if r.Status != c.status || r.Text("errors", 0, "pointer") != c.at || (c.code != "" && r.Text("errors", 0, "code") != c.code) {
				t.Errorf("got %d %s", r.Status, r.Raw)
			}
		})
	}
	left := d.Staff(d.CentreA, "caseworker")
	d.Exec("update members set ended_at = now() where user_id = $1", left.ID)
	d.Call(d.worker, "POST", d.cases, obj{"beneficiary_id": who, "source": "walk_in", "owner_id": left.ID}).WantCode(422, "invalid")
	id := d.draft(nil)
	d.Call(d.worker, "PATCH", d.at(id), obj{"summary": "x"}).WantCode(428, "if_match_required")
	d.Call(d.worker, "POST", d.at(id, "open"), nil).WantCode(428, "if_match_required")
	d.Call(d.worker, "PATCH", d.at(id), obj{"summary": "x"}, match(9)).WantCode(412, "stale_version")
	d.Call(d.worker, "PATCH", d.at(id), obj{"number": "x"}, match(1)).WantCode(422, "invalid")
	d.Call(d.worker, "GET", d.cases+"?sort=risk_level", nil).WantCode(400, "invalid_parameter")
	d.Call(d.worker, "GET", d.cases+"?status=lost", nil).WantCode(400, "invalid_parameter")
	d.Call(d.worker, "GET", d.cases+"?colour=red", nil).WantCode(400, "invalid_parameter")
}

// Each transition is called in each wrong state: the state answers, and nothing changed.
func TestCase_WrongStateIsA409(t *testing.T) {
	d := newDesk(t)
	who := person(d.House, true)
	bodies := map[string]struct {
		from []string
		body obj
	}{
		"open":            {[]string{"draft"}, nil},
		"screen-out":      {[]string{"draft"}, obj{"reason": "x"}},
		"assign":          {[]string{"draft", "open", "on_hold", "pending_closure"}, obj{"owner_id": d.supervisor.ID}},
		"hold":            {[]string{"open"}, obj{"reason": "x", "review_on": time.Now().AddDate(0, 0, 3).Format(time.DateOnly)}},
		"resume":          {[]string{"on_hold"}, nil},
		"request-closure": {[]string{"open"}, closing},
		"approve-closure": {[]string{"pending_closure"}, obj{}},
		"reject-closure":  {[]string{"pending_closure"}, obj{"comment": "x"}},
		"reopen":          {[]string{"closed"}, obj{"reason": "x", "risk_level": "low"}},
		"merge":           {[]string{"open", "closed"}, obj{"survivor_id": uuid.New(), "reason": "x"}},
		"undo-merge":      {[]string{"duplicate"}, obj{"reason": "x"}},
	}
	for _, status := range []string{"draft", "open", "on_hold", "pending_closure", "closed", "not_opened", "transferred", "duplicate"} {
		id := file(d.House, who, status, "normal", &d.worker.ID)
		for verb, c := range bodies {
			if slices.Contains(c.from, status) {
				continue
			}
			var body any
			if c.body != nil {
				body = c.body
			}
			r := d.Call(d.supervisor, "POST", d.at(id, verb), body, match(1))
			if r.Status != 409 || r.Text("code") != "state_conflict" || r.Text("current_state") != status {
				t.Errorf("%s in %s: %d %s", verb, status, r.Status, r.Raw)
			}
		}
		if slices.Contains([]string{"closed", "not_opened", "transferred", "duplicate"}, status) {
			d.Call(d.worker, "PATCH", d.at(id), obj{"summary": "x"}, match(1)).WantCode(409, "state_conflict")
			d.Call(d.worker, "POST", d.at(id, "notes"), obj{"text": "x"}).WantCode(409, "state_conflict")
			d.Call(d.worker, "POST", d.at(id, "plans"), obj{}).WantCode(409, "state_conflict")
			d.Call(d.worker, "POST", d.at(id, "team"), obj{"user_id": d.second.ID}).WantCode(409, "state_conflict")
			d.Call(d.worker, "POST", d.at(id, "follow-ups"), obj{"type": "home_visit"}).WantCode(409, "state_conflict")
		}
	}
	var rows int
	if d.Scan("select count(*) from case_transitions", nil, &rows); rows != 0 {
		t.Errorf("%d refused transitions are in the history", rows)
	}
}

func TestCase_OpensOnlyWithRiskOwnerAndConsent(t *testing.T) {
	d := newDesk(t)
	who := person(d.House, false)
	id := d.Call(d.worker, "POST", d.cases, obj{"beneficiary_id": who, "source": "walk_in"}).Want(201).ID()
	refused := d.do(d.worker, id, "open", nil).WantCode(422, "invalid")
	if refused.Len("errors") != 3 {
		t.Errorf("all three rules at once: %s", refused.Raw)
	}
	d.do(d.worker, id, "assign", obj{"owner_id": d.worker.ID}).Want(200)
	d.Call(d.worker, "PATCH", d.at(id), obj{"risk_level": "none"}, match(2)).Want(200)
	d.do(d.worker, id, "open", nil).WantCode(422, "invalid")
	d.Call(d.worker, "PATCH", d.at(id), obj{"risk_level": "high"}, match(3)).Want(200)
	if r := d.do(d.worker, id, "open", nil).WantCode(422, "invalid"); r.Text("errors", 0, "code") != "consent_required" {
		t.Errorf("refused: %s", r.Raw)
	}
	consent(d.House, who, "given")
	consent(d.House, who, "withdrawn")
	d.do(d.worker, id, "open", nil).WantCode(422, "invalid")
	consent(d.House, who, "given")
	d.do(d.worker, id, "open", nil).Want(200)
}

func TestCase_LivesByTheSOPItWasOpenedUnder(t *testing.T) {
	d := newDesk(t)
	d.policy(`{}`)
	before := d.open(nil)
	d.policy(`{"case": {"hold_max_days": 3}, "risk": {"medium": {"follow_up_days": 50}}}`)
	after := d.open(nil)
	week := obj{"reason": "x", "review_on": time.Now().AddDate(0, 0, 7).Format(time.DateOnly)}
	d.do(d.worker, before, "hold", week).Want(200)
	d.do(d.worker, after, "hold", week).WantCode(422, "invalid")
	for id, days := range map[uuid.UUID]int{before: 5, after: 50} {
		var got int
		d.do(d.worker, id, "resume", nil)
		d.Scan("select extract(day from followup_due_at - opened_at)::int from cases where id = $1", []any{id}, &got)
		if got != days {
			t.Errorf("follow-up after %d days, want %d", got, days)
		}
	}
}

func TestCase_ReopensWithinRetentionAndWithConsent(t *testing.T) {
	d := newDesk(t)
	id := d.closed()
	again := obj{"reason": "Came back", "risk_level": "low"}
	d.do(d.worker, id, "reopen", obj{"reason": "x", "risk_level": "none"}).WantCode(422, "invalid")
	d.do(d.worker, id, "reopen", obj{"reason": "x", "risk_level": "low", "owner_id": uuid.New()}).WantCode(422, "invalid")
	d.Exec("update cases set closed_at = now() - interval '61 months' where id = $1", id)
	if r := d.do(d.worker, id, "reopen", again).WantCode(422, "invalid"); r.Text("errors", 0, "code") != "retention_over" {
		t.Errorf("late: %s", r.Raw)
	}
	d.Exec("update cases set closed_at = now() where id = $1", id)
	d.Exec("update members set ended_at = now() where user_id = $1", d.worker.ID)
	d.do(d.supervisor, id, "reopen", again).WantCode(422, "invalid")
	r := d.do(d.supervisor, id, "reopen", obj{"reason": "x", "risk_level": "low", "owner_id": d.supervisor.ID}).Want(200)
	if r.ID("owner_id") != d.supervisor.ID {
		t.Errorf("reopened: %s", r.Raw)
	}
	if n := d.Call(d.supervisor, "GET", d.at(id, "team")+"?current=true", nil).Want(200); n.Len("data") != 1 || n.ID("data", 0, "user_id") != d.supervisor.ID {
		t.Errorf("team: %s", n.Raw)
	}
}

func TestCase_HistoryIsNeverRewritten(t *testing.T) {
	d := newDesk(t)
	id := d.open(nil)
	for _, sql := range []string{"update case_transitions set reason = 'other' where case_id = ?", "delete from case_transitions where case_id = ?"} {
		err := as(d.House, d.worker, "caseworker", func(ctx context.Context) error { return db.Tx(ctx).Exec(sql, id).Error })
		if err == nil || !strings.Contains(err.Error(), "permission denied") {
			t.Errorf("%s: %v", sql, err)
		}
	}
}

func TestCase_RepeatedRequestActsOnce(t *testing.T) { // rule 33
	d := newDesk(t)
	body := obj{"id": db.NewID(), "beneficiary_id": person(d.House, true), "source": "walk_in", "risk_level": "low", "owner_id": d.worker.ID}
	first := d.Call(d.worker, "POST", d.cases, body).Want(201)
	if again := d.Call(d.worker, "POST", d.cases, body).Want(201); string(again.Raw) != string(first.Raw) {
		t.Errorf("%s, then %s", first.Raw, again.Raw)
	}
	id := first.ID()
	opened := d.Call(d.worker, "POST", d.at(id, "open"), nil, match(1), apptest.Key("k")).Want(200)
	if again := d.Call(d.worker, "POST", d.at(id, "open"), nil, match(1), apptest.Key("k")).Want(200); string(again.Raw) != string(opened.Raw) {
		t.Errorf("%s, then %s", opened.Raw, again.Raw)
	}
}

func TestRace_NumbersAreUniqueAndWithoutGaps(t *testing.T) {
	d := newDesk(t)
	who := person(d.House, true)
	numbers := make([]string, 20)
	var wg sync.WaitGroup
	for i := range numbers {
		wg.Go(func() {
			numbers[i] = d.Call(d.worker, "POST", d.cases, obj{"beneficiary_id": who, "source": "walk_in"}).Text("number")
		})
	}
	wg.Wait()
	slices.Sort(numbers)
	for i, n := range numbers {
		if n != fmt.Sprintf("AGZ-C-%06d", i+1) {
			t.Fatalf("numbers: %v", numbers)
		}
	}
}

func TestRace_NoCaseOpensOnAConsentThatIsBeingWithdrawn(t *testing.T) {
	d := newDesk(t)
	for range 8 {
		who := person(d.House, true)
		id := d.draft(obj{"beneficiary_id": who})
		var wg sync.WaitGroup
		wg.Go(func() { d.do(d.worker, id, "open", nil) })
		wg.Go(func() {
			err := as(d.House, d.worker, "registrar", func(ctx context.Context) error {
				err := beneficiary.RecordConsent(ctx, &beneficiary.Consent{BeneficiaryID: who, Scope: "case_management", Decision: "withdrawn", Giver: "person", Method: "written"})
				if err != nil {
					return err
				}
				return casework.ConsentWithdrawn(ctx, who, "case_management")
			})
			if err != nil {
				t.Error(err)
			}
		})
		wg.Wait()
		var status string
		if d.Scan("select status from cases where id = $1", []any{id}, &status); status != "draft" && status != "pending_closure" {
			t.Errorf("%s without consent", status)
		}
	}
}
