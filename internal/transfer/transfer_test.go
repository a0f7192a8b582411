package transfer_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/app/apptest"
)

type obj = map[string]any

// road is two centres, and who hands cases over from A to B.
type road struct {
	*apptest.House
	worker, supervisor, second apptest.Person // of A
	receiver, stranger         apptest.Person // supervisor and caseworker of B
	a, b                       string
	person                     uuid.UUID
}

func newRoad(t *testing.T) *road {
	h := apptest.New(t)
	return &road{House: h, worker: h.Staff(h.CentreA, "caseworker"), supervisor: h.Staff(h.CentreA, "case_supervisor"), second: h.Staff(h.CentreA, "case_supervisor"),
		receiver: h.Staff(h.CentreB, "case_supervisor"), stranger: h.Staff(h.CentreB, "caseworker"),
		a: "/v1/centres/" + h.CentreA.String(), b: "/v1/centres/" + h.CentreB.String()}
}

func match(version any) apptest.Header {
	return apptest.IfMatch(fmt.Sprintf("%q", fmt.Sprint(version)))
}

// kase is an open case of somebody who consented to casework, with a file.
func (r *road) kase(sensitivity string, scopes ...string) uuid.UUID {
	r.T.Helper()
	registrar := r.Staff(r.CentreA, "registrar")
	r.person = r.Call(registrar, "POST", r.a+"/beneficiaries", obj{"registration_level": "basic", "reception_on": "2026-03-01", "given_name": "Aïssatou", "family_name": "Diallo",
		"sex": "2", "age": 27, "population_type": "migrant", "nationalities": []string{"GIN"}, "languages": []string{"fr"}, "remarks": "Known to the cook",
		"consent": obj{"decision": "given", "giver": "individual", "method": "written", "language": "fr"}}).Want(201).ID()
	for _, scope := range append([]string{"case_management"}, scopes...) {
		consent := obj{"scope": scope, "decision": "given", "giver": "individual", "method": "written", "language": "fr"}
		if scope == "share_organisations" {
			consent["recipient_ids"] = []uuid.UUID{r.IOM}
		}
		r.Call(r.worker, "POST", r.a+"/beneficiaries/"+r.person.String()+"/consents", consent).Want(201)
	}
	r.Call(r.worker, "POST", r.a+"/beneficiaries/"+r.person.String()+"/needs", obj{"code_system": "migrant_vulnerability", "code": "stranded", "confidence": "self_reported"}).Want(201)
	id := r.Call(r.worker, "POST", r.a+"/cases", obj{"beneficiary_id": r.person, "source": "walk_in", "risk_level": "medium", "owner_id": r.worker.ID, "summary": "Lost her papers", "sensitivity": sensitivity}).Want(201).ID()
	at := r.a + "/cases/" + id.String()
	r.Call(r.worker, "POST", at+"/open", nil, match(1)).Want(200)
	var form uuid.UUID
	r.Scan("select id from shipped_forms where key = 'closing_evaluation'", nil, &form)
	assessed := r.Call(r.worker, "POST", at+"/assessments", obj{"form_id": form, "answers": obj{"achieved": "Papers", "safe_to_close": "yes", "knows_how_to_return": true},
		"interview_language": "fr", "interpreter_used": false}).Want(201)
	r.Call(r.worker, "POST", at+"/assessments/"+assessed.ID().String()+"/complete", obj{"summary": "Copes well"}, match(1)).Want(200)
	plan := r.Call(r.worker, "POST", at+"/plans", obj{"review_on": "2030-01-01", "goals": []any{obj{"description": "Has a passport",
		"actions": []any{obj{"description": "Consulate", "due_on": "2029-12-31", "responsible_id": r.worker.ID}}}}}).Want(201)
	r.Call(r.worker, "PATCH", at+"/plans/"+plan.ID().String(), obj{"agreed": true, "agreed_on": "2026-01-01"}, match(1)).Want(200)
	r.Call(r.worker, "POST", at+"/plans/"+plan.ID().String()+"/activate", nil, match(2)).Want(200)
	r.Call(r.worker, "POST", at+"/notes", obj{"text": "Slept well", "occurred_at": time.Now().Add(-time.Hour)}).Want(201)
	return id
}

// ask requests the transfer of a case to centre B.
func (r *road) ask(id uuid.UUID, more obj) *apptest.Response {
	r.T.Helper()
	body := obj{"centre_code": "ARL", "reason": "Travels on to her sister"}
	for k, v := range more {
		body[k] = v
	}
	return r.Call(r.worker, "POST", r.a+"/cases/"+id.String()+"/transfers", body)
}

func (r *road) status(id uuid.UUID) (status string) {
	r.Scan("select status from cases where id = $1", []any{id}, &status)
	return status
}

// rule 11
func TestTransfer_MovesTheFileOnAcceptanceAndNotBefore(t *testing.T) {
	r := newRoad(t)
	id := r.kase("normal", "share_organisations")
	asked := r.ask(id, nil).Want(201)
	if asked.Text("status") != "requested" || asked.Text("target", "code") != "ARL" || asked.Text("consent_id") == "" {
		t.Errorf("asked: %s", asked.Raw)
	}
	r.ask(id, nil).WantCode(409, "already_requested")
	inbox := r.b + "/transfer-inbox"
	offered := r.Call(r.receiver, "GET", inbox+"?status=requested", nil).Want(200)
	if offered.Len("data") != 1 || offered.Text("data", 0, "source", "code") != "AGZ" || offered.Text("data", 0, "preview", "risk_level") != "medium" || offered.Text("data", 0, "preview", "sex") != "2" {
		t.Errorf("offered: %s", offered.Raw)
	}
	for _, secret := range []string{"Diallo", r.person.String(), id.String(), "passport", "sister", "Slept"} {
		if strings.Contains(string(offered.Raw), secret) {
			t.Errorf("the preview tells %s: %s", secret, offered.Raw)
		}
	}
	at := inbox + "/" + asked.ID().String()
	r.Call(r.stranger, "GET", at, nil).WantCode(403, "forbidden")
	r.Call(r.supervisor, "GET", r.a+"/transfer-inbox/"+asked.ID().String(), nil).WantCode(404, "not_found")
	r.Call(r.receiver, "GET", r.b+"/transfers/"+asked.ID().String(), nil).WantCode(404, "not_found")
	if r.status(id) != "open" {
		t.Error("the case moved before it was accepted")
	}
	r.Call(r.receiver, "POST", at+"/accept", obj{}, match(9)).WantCode(412, "stale_version")
	taken := r.Call(r.receiver, "POST", at+"/accept", obj{"owner_id": r.stranger.ID}, match(1)).Want(200)
	r.Call(r.receiver, "POST", at+"/accept", obj{}, match(2)).WantCode(409, "state_conflict")

	kept := r.Call(r.worker, "GET", r.a+"/cases/"+id.String(), nil).Want(200)
	if kept.Text("status") != "transferred" || kept.ID("owner_id") != r.worker.ID {
		t.Errorf("kept: %s", kept.Raw)
	}
	r.Call(r.worker, "POST", r.a+"/cases/"+id.String()+"/notes", obj{"text": "x", "occurred_at": time.Now()}).WantCode(409, "state_conflict")
	history := r.Call(r.worker, "GET", r.a+"/cases/"+id.String()+"/history", nil).Want(200)
	if last := history.Len("data") - 1; history.Text("data", last, "verb") != "transfer" || history.Text("data", last, "from_status") != "open" {
		t.Errorf("history: %s", history.Raw)
	}
	ledger := r.Call(r.supervisor, "GET", r.a+"/beneficiaries/"+r.person.String()+"/disclosures", nil).Want(200)
	if ledger.Len("data") != 2 || ledger.Text("data", 1, "act") != "send" || fmt.Sprint(ledger.Value("data", 1, "fields")) != "[child languages risk_level sex]" || ledger.Text("data", 0, "act") != "transfer" || ledger.ID("data", 0, "organisation_id") != r.IOM || ledger.Text("data", 0, "basis") != "consent" {
		t.Errorf("ledger: %s", ledger.Raw)
	}
	done := r.Call(r.worker, "GET", r.a+"/transfers/"+asked.ID().String(), nil).Want(200)
	if done.Text("status") != "accepted" || done.Text("continuity_token") == "" {
		t.Errorf("done: %s", done.Raw)
	}
	r.received(t, taken.ID("case_id"), id)
}

// received reads what centre B has now.
func (r *road) received(t *testing.T, kase, source uuid.UUID) {
	t.Helper()
	at := r.b + "/cases/" + kase.String()
	c := r.Call(r.stranger, "GET", at, nil).Want(200)
	if kase == source || c.Text("status") != "draft" || c.Text("source") != "transfer_in" || c.Text("number") != "ARL-C-000001" || c.Text("summary") != "Lost her papers" || c.ID("owner_id") != r.stranger.ID {
		t.Errorf("case: %s", c.Raw)
	}
	person := r.Call(r.stranger, "GET", r.b+"/beneficiaries/"+c.Text("beneficiary_id"), nil).Want(200)
	if person.ID() == r.person || person.Text("family_name") != "Diallo" || person.Text("remarks") != "" || !strings.HasPrefix(person.Text("reference"), "ARL-") {
		t.Errorf("person: %s", person.Raw)
	}
	for path, want := range map[string]string{"/assessments": "Copes well", "/goals": "Has a passport", "/actions": "Consulate", "/notes": "Slept well"} {
		page := r.Call(r.stranger, "GET", at+path, nil).Want(200)
		if page.Len("data") != 1 || !strings.Contains(string(page.Raw), want) || strings.Contains(string(page.Raw), source.String()) {
			t.Errorf("%s: %s", path, page.Raw)
		}
	}
	if plans := r.Call(r.stranger, "GET", at+"/plans", nil).Want(200); plans.Len("data") != 1 || plans.Text("data", 0, "status") != "draft" || plans.Text("data", 0, "agreed") != "false" {
		t.Errorf("plan: %s", plans.Raw)
	}
	if needs := r.Call(r.stranger, "GET", r.b+"/beneficiaries/"+person.Text("id")+"/needs", nil).Want(200); needs.Len("data") != 1 {
		t.Errorf("needs: %s", needs.Raw)
	}
	r.Call(r.stranger, "POST", at+"/open", nil, match(1)).Want(200) // her consent came with her
	var mine, theirs int
	r.Scan("select count(*) filter (where centre_id = $1), count(*) filter (where centre_id = $2) from audit_events where operation = 'acceptTransfer'", []any{r.CentreA, r.CentreB}, &mine, &theirs)
	if mine == 0 || theirs == 0 {
		t.Errorf("%d lines in the trail of the source, %d in the target's", mine, theirs)
	}
}

func TestTransfer_CopiesOnlyTheChosenParts(t *testing.T) {
	r := newRoad(t)
	id := r.kase("normal", "share_organisations")
	asked := r.ask(id, obj{"parts": []string{"needs"}}).Want(201)
	taken := r.Call(r.receiver, "POST", r.b+"/transfer-inbox/"+asked.ID().String()+"/accept", obj{}, match(1)).Want(200)
	for _, path := range []string{"/assessments", "/plans", "/goals", "/actions", "/notes", "/problems"} {
		if page := r.Call(r.receiver, "GET", r.b+"/cases/"+taken.Text("case_id")+path, nil).Want(200); page.Len("data") != 0 {
			t.Errorf("%s: %s", path, page.Raw)
		}
	}
}

func TestTransfer_RefusedOrWithdrawnIsSeenNoMore(t *testing.T) {
	r := newRoad(t)
	id := r.kase("normal", "share_organisations")
	for _, end := range []string{"refuse", "withdraw"} {
		asked := r.ask(id, nil).Want(201)
		at := r.b + "/transfer-inbox/" + asked.ID().String()
		r.Call(r.receiver, "GET", at, nil).Want(200)
		if end == "refuse" {
			r.Call(r.receiver, "POST", at+"/refuse", obj{"reason": "No bed"}, match(1)).Want(200)
		} else {
			r.Call(r.worker, "POST", r.a+"/transfers/"+asked.ID().String()+"/withdraw", obj{"reason": "She stays"}, match(1)).Want(200)
		}
		r.Call(r.receiver, "GET", at, nil).WantCode(404, "not_found")
		if page := r.Call(r.receiver, "GET", r.b+"/transfer-inbox?include_total=true", nil).Want(200); page.Text("total") != "0" {
			t.Errorf("after %s: %s", end, page.Raw)
		}
		r.Call(r.receiver, "POST", at+"/accept", obj{}, match(2)).WantCode(404, "not_found")
		if own := r.Call(r.worker, "GET", r.a+"/transfers/"+asked.ID().String(), nil).Want(200); own.Text("decision_note") == "" || r.status(id) != "open" {
			t.Errorf("after %s: %s, the case is %s", end, own.Raw, r.status(id))
		}
		r.Call(r.worker, "POST", r.a+"/transfers/"+asked.ID().String()+"/withdraw", obj{"reason": "x"}, match(2)).WantCode(409, "state_conflict")
	}
}

// rule 3
func TestTransfer_NeedsConsentOrASecondPerson(t *testing.T) {
	r := newRoad(t)
	id := r.kase("normal")
	if refused := r.ask(id, nil).WantCode(422, "invalid"); refused.Text("errors", 0, "code") != "consent_missing" {
		t.Errorf("refused: %s", refused.Raw)
	}
	for code, body := range map[string]obj{"unknown_centre": {"centre_code": "ZZZ"}, "own": {"centre_code": "AGZ"}} {
		if refused := r.ask(id, body).WantCode(422, "invalid"); refused.Text("errors", 0, "code") != "unknown_centre" {
			t.Errorf("%s: %s", code, refused.Raw)
		}
	}
	asked := r.Call(r.supervisor, "POST", r.a+"/cases/"+id.String()+"/transfers", obj{"centre_code": "ARL", "reason": "x", "override": obj{"basis": "vital_interest", "reason": "Needs the hospital there"}}).Want(201)
	if asked.Text("status") != "awaiting_override" {
		t.Errorf("asked: %s", asked.Raw)
	}
	inbox := r.b + "/transfer-inbox/" + asked.ID().String()
	r.Call(r.receiver, "GET", inbox, nil).WantCode(404, "not_found")
	at := r.a + "/transfers/" + asked.ID().String() + "/override"
	r.Call(r.supervisor, "POST", at+"/approve", nil, match(1)).WantCode(422, "four_eyes")
	r.Call(r.worker, "POST", at+"/approve", nil, match(1)).WantCode(403, "forbidden")
	r.Call(r.second, "POST", at+"/approve", nil, match(1)).Want(200)
	r.Call(r.second, "POST", at+"/reject", obj{"reason": "x"}, match(2)).WantCode(409, "state_conflict")
	r.Call(r.receiver, "POST", inbox+"/accept", obj{}, match(2)).Want(200)
	ledger := r.Call(r.supervisor, "GET", r.a+"/beneficiaries/"+r.person.String()+"/disclosures", nil).Want(200)
	if ledger.Len("data") != 2 || ledger.Text("data", 0, "basis") != "vital_interest" || ledger.Text("data", 1, "act") != "send" {
		t.Errorf("ledger: %s", ledger.Raw)
	}
}

// rule 26
func TestTransfer_OfARestrictedCaseIsSeenByTheTeams(t *testing.T) {
	r := newRoad(t)
	id := r.kase("restricted", "share_organisations")
	asked := r.ask(id, nil).Want(201)
	r.Call(r.supervisor, "GET", r.a+"/transfers/"+asked.ID().String(), nil).WantCode(404, "not_found")
	taken := r.Call(r.receiver, "POST", r.b+"/transfer-inbox/"+asked.ID().String()+"/accept", obj{}, match(1)).Want(200)
	at := r.b + "/cases/" + taken.Text("case_id")
	r.Call(r.receiver, "GET", at, nil).Want(200)
	r.Call(r.Staff(r.CentreB, "case_supervisor"), "GET", at, nil).WantCode(404, "not_found")
	r.Settle()
	if feed := r.Call(r.supervisor, "GET", r.a+"/changes?resource=case,case_transfer", nil).Want(200); feed.Len("data") != 0 {
		t.Errorf("the source's feed tells %s", feed.Raw)
	}
	if feed := r.Call(r.receiver, "GET", r.b+"/changes?resource=incoming_transfer", nil).Want(200); feed.Len("data") != 2 {
		t.Errorf("the target's feed tells %s", feed.Raw)
	}
}

func TestTransfer_WaitsForWhatIsOpen(t *testing.T) {
	r := newRoad(t)
	id := r.kase("normal", "share_organisations")
	r.Exec("update cases set open_referrals = 1 where id = $1", id)
	if refused := r.ask(id, nil).WantCode(422, "invalid"); refused.Text("errors", 0, "code") != "open_referrals" {
		t.Errorf("refused: %s", refused.Raw)
	}
	r.Exec("update cases set open_referrals = 0 where id = $1", id)
	asked := r.ask(id, nil).Want(201)
	r.Exec("update cases set status = 'pending_closure' where id = $1", id)
	r.Call(r.receiver, "POST", r.b+"/transfer-inbox/"+asked.ID().String()+"/accept", obj{}, match(1)).WantCode(409, "not_transferable")
	r.Exec("update cases set status = 'closed' where id = $1", id)
	r.ask(id, nil).WantCode(409, "state_conflict")
	var begun int
	r.Scan("select count(*) from cases where centre_id = $1", []any{r.CentreB}, &begun)
	if begun != 0 {
		t.Error("a refused acceptance left a case behind")
	}
}

// A case is accepted by one of many, and never by two; or it is closed, or withdrawn, and not accepted.
func TestRace_AcceptanceAgainstEverythingElse(t *testing.T) {
	for _, against := range []string{"accept", "request-closure", "withdraw"} {
		t.Run(against, func(t *testing.T) {
			r := newRoad(t)
			id := r.kase("normal", "share_organisations")
			asked := r.ask(id, nil).Want(201)
			at := r.b + "/transfer-inbox/" + asked.ID().String() + "/accept"
			var version int
			r.Call(r.worker, "POST", r.a+"/cases/"+id.String()+"/follow-ups", obj{"type": "home_visit", "done_at": time.Now(), "need": "no_further_action"}).Want(201)
			r.Scan("select version from cases where id = $1", []any{id}, &version)
			rival := map[string]func() int{
				"accept": func() int { return r.Call(r.receiver, "POST", at, obj{}, match(1)).Status },
				"request-closure": func() int {
					return r.Call(r.worker, "POST", r.a+"/cases/"+id.String()+"/request-closure", obj{"reason": "plan_completed", "summary": "x", "justification": "x", "person_informed": true}, match(version)).Status
				},
				"withdraw": func() int {
					return r.Call(r.worker, "POST", r.a+"/transfers/"+asked.ID().String()+"/withdraw", obj{"reason": "x"}, match(1)).Status
				},
			}[against]
			var one, other int
			var wg sync.WaitGroup
			wg.Go(func() { one = r.Call(r.receiver, "POST", at, obj{}, match(1)).Status })
			wg.Go(func() { other = rival() })
			wg.Wait()
			var begun int
			r.Scan("select count(*) from cases where centre_id = $1 and summary <> '' and created_at > (select created_at from case_transfers where id = $2)", []any{r.CentreB, asked.ID()}, &begun)
			won := slices.Index([]int{one, other}, 200)
			if one == 200 && other == 200 || won < 0 {
				t.Errorf("answers %d and %d", one, other)
			}
			moved := r.status(id) == "transferred"
			if accepted := one == 200 || against == "accept"; moved != accepted || (begun == 1) != accepted {
				t.Errorf("accepted %d, %s %d: the case is %s, %d begun", one, against, other, r.status(id), begun)
			}
		})
	}
}
