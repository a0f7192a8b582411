package privacy_test

import (
	"context"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/waystation/waystation/internal/app/apptest"
	"github.com/waystation/waystation/internal/beneficiary"
	"github.com/waystation/waystation/internal/db"
)

type body map[string]any

func (b body) with(more body) body {
	out := maps.Clone(b)
	for k, v := range more {
		if out[k] = v; v == nil {
			delete(out, k)
		}
	}
	return out
}

func people(h *apptest.House) string { return "/v1/centres/" + h.CentreA.String() + "/beneficiaries" }

func register(h *apptest.House, p apptest.Person, more body) uuid.UUID {
	h.T.Helper()
	return h.Call(p, "POST", people(h), body{"registration_level": "basic", "reception_on": "2026-03-01", "sex": "2", "age": 30, "population_type": "migrant",
		"consent": body{"decision": "given", "giver": "individual", "method": "written", "given_at": "2026-03-01T08:00:00Z"}}.with(more)).Want(201).ID()
}

func decision(more body) body {
	return body{"scope": "share_organisations", "decision": "given", "giver": "individual", "method": "written"}.with(more)
}

func TestConsent_TheLedgerKeepsEveryDecision(t *testing.T) {
	h := apptest.New(t)
	p := h.Staff(h.CentreA, "caseworker")
	at := people(h) + "/" + register(h, p, nil).String() + "/consents"
	made := h.Call(p, "POST", at, decision(body{"given_at": "2026-03-02T08:00:00.1234567+01:00", "language": "ff", "interpreter_used": true, "valid_until": "2036-01-01"})).Want(201)
	if made.Header.Get("Location") != at+"/"+made.ID().String() || made.Text("given_at") != "2026-03-02T07:00:00.123456Z" || made.Text("recorded_by") != p.ID.String() {
		t.Fatalf("%v %s", made.Header, made.Raw)
	}
	if got := h.Call(p, "GET", made.Header.Get("Location"), nil).Want(200); string(got.Raw) != string(made.Raw) {
		t.Errorf("create answered %s, read answers %s", made.Raw, got.Raw)
	}
	h.Call(p, "POST", at, decision(body{"decision": "withdrawn", "given_at": "2026-03-03T08:00:00Z"})).Want(201)
	ledger := h.Call(p, "GET", at+"?include_total=true", nil).Want(200)
	if ledger.Text("total") != "3" || ledger.Text("data", 0, "decision") != "withdrawn" || ledger.Text("data", 2, "scope") != "registration" {
		t.Errorf("ledger %s", ledger.Raw)
	}
	first := h.Call(p, "GET", at+"?limit=1&sort=given_at", nil).Want(200)
	next := h.Call(p, "GET", at+"?limit=1&cursor="+first.Text("next_cursor"), nil).Want(200)
	if first.Text("data", 0, "scope") != "registration" || next.ID("data", 0, "id") != made.ID() {
		t.Errorf("pages %s %s", first.Raw, next.Raw)
	}
	if n := h.Call(p, "GET", at+"?scope=registration", nil).Want(200).Len("data"); n != 1 {
		t.Errorf("%d on registration", n)
	}
	for _, bad := range []string{"scope=everything", "sort=method", "cursor=x", "decision=given"} {
		if r := h.Call(p, "GET", at+"?"+bad, nil); r.Status != 400 {
			t.Errorf("%s: %d", bad, r.Status)
		}
	}
	other := people(h) + "/" + register(h, p, nil).String() + "/consents/" + made.ID().String()
	h.Call(p, "GET", other, nil).WantCode(404, "not_found")
}

func TestConsent_EffectiveIsWhatTheDecisionsComeTo(t *testing.T) {
	h := apptest.New(t)
	p := h.Staff(h.CentreA, "caseworker")
	person := register(h, p, nil)
	at := people(h) + "/" + person.String() + "/consents"
	x, y := uuid.New(), uuid.New()
	for _, d := range []body{
		decision(body{"given_at": "2026-03-02T08:00:00Z", "excluded_ids": []uuid.UUID{x}, "exclusion_reason": "fear"}),
		decision(body{"given_at": "2026-03-04T08:00:00Z"}),
		decision(body{"given_at": "2026-03-03T08:00:00Z", "scope": "tracing", "valid_until": "2026-03-10"}),
		decision(body{"given_at": "2026-03-03T08:00:00Z", "scope": "media", "decision": "refused"}),
		decision(body{"given_at": "2026-03-03T08:00:00Z", "scope": "share_unhcr", "recipient_ids": []uuid.UUID{y}}),
	} {
		h.Call(p, "POST", at, d).Want(201)
	}
	effective := func(query string) string {
		r := h.Call(p, "GET", at+"/effective"+query, nil).Want(200)
		var out []string
		for i := range r.Len("data") {
			s := r.Text("data", i, "scope") + " " + r.Text("data", i, "status")
			for j := range r.Len("data", i, "recipients") {
				s += " " + map[string]string{x.String(): "x", y.String(): "y"}[r.Text("data", i, "recipients", j, "organisation_id")] + "=" + r.Text("data", i, "recipients", j, "status")
			}
			out = append(out, s)
		}
		return strings.Join(out, ", ")
	}
	if got := effective(""); got != "media refused, registration given, share_organisations given x=refused, share_unhcr  y=given, tracing expired" {
		t.Errorf("now: %s", got)
	}
	if got := effective("?at=2026-03-03T07:00:00Z"); got != "registration given, share_organisations given x=refused" {
		t.Errorf("in March: %s", got)
	}
	if got := effective("?at=2026-03-10T23:59:00Z"); !strings.HasSuffix(got, "tracing given") {
		t.Errorf("on the last day: %s", got)
	}
	if got := effective("?at=2020-01-01T00:00:00Z"); got != "" {
		t.Errorf("before all: %s", got)
	}
	h.Call(p, "GET", at+"/effective?at=soon", nil).Want(400)

	err := h.App.DB.InTx(context.Background(), db.Scope{Centres: []uuid.UUID{h.CentreA}, ReadOnly: true}, func(ctx context.Context) error {
		for name, c := range map[string]struct {
			scope     string
			recipient *uuid.UUID
			given     bool
		}{
			"to all": {"share_organisations", nil, true}, "to x": {"share_organisations", &x, false}, "to y": {"share_organisations", &y, true}, "expired": {"tracing", nil, false},
			"refused": {"media", nil, false}, "never asked": {"biometrics", nil, false}, "UNHCR in general": {"share_unhcr", nil, false}, "UNHCR to y": {"share_unhcr", &y, true},
		} {
			got, err := beneficiary.EffectiveConsent(ctx, person, c.scope, c.recipient, db.Now())
			if err != nil {
				return err
			}
			if (got != nil) != c.given || got != nil && got.Decision != beneficiary.Given {
				t.Errorf("%s: %+v", name, got)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestConsent_RefusesWhatBreaksARule(t *testing.T) {
	h := apptest.New(t)
	p := h.Staff(h.CentreA, "caseworker")
	at := people(h) + "/" + register(h, p, nil).String()
	child := people(h) + "/" + register(h, p, body{"age": 10, "consent": body{"decision": "given", "giver": "guardian", "method": "written"}}).String()
	x := uuid.New()
	for name, c := range map[string]struct {
		at   string
		more body
		want string
	}{
		// rule 2
		"verbal without certifier": {at, body{"method": "verbal_certified"}, "required /certified_by, required /certified_at"},
		"certified by nobody":      {at, body{"method": "verbal_certified", "certified_at": "2026-03-02T08:00:00Z"}, "required /certified_by"},
		"in the future":            {at, body{"given_at": "2999-01-01T00:00:00Z"}, "in_the_future /given_at"},
		"over before given":        {at, body{"valid_until": "2026-01-01"}, "before_decision /valid_until"},
		"excluded without reason":  {at, body{"excluded_ids": []uuid.UUID{x}}, "required /exclusion_reason"},
		"to x and not to x":        {at, body{"excluded_ids": []uuid.UUID{x}, "recipient_ids": []uuid.UUID{x}, "exclusion_reason": "fear"}, "also_recipient /excluded_ids"},
		"a child alone":            {child, body{}, "child_needs_caregiver /giver"},
		"assent of an adult":       {at, body{"giver": "assent_child"}, "not_a_child /giver"},
		"no such scope":            {at, body{"scope": "everything"}, "unknown_code /scope"},
		"no such decision":         {at, body{"decision": "perhaps"}, "unknown_code /decision"},
		"NUL":                      {at, body{"giver_name": "\x00"}, "invalid_text /giver_name"},
		"unknown field":            {at, body{"recorded_by": x}, "unknown_field /recorded_by"},
	} {
		r := h.Call(p, "POST", c.at+"/consents", decision(c.more)).WantCode(422, "invalid")
		var got []string
		for i := range r.Len("errors") {
			got = append(got, r.Text("errors", i, "code")+" "+r.Text("errors", i, "pointer"))
		}
		if strings.Join(got, ", ") != c.want {
			t.Errorf("%s: %v, want %s", name, got, c.want)
		}
	}
	h.Call(p, "POST", child+"/consents", decision(body{"giver": "caregiver"})).Want(201)
	h.Call(p, "POST", child+"/consents", decision(body{"giver": "assent_child"})).Want(201)
	h.Call(p, "POST", child+"/consents", decision(body{"decision": "refused"})).Want(201) // anybody may say no
	h.Call(p, "POST", at+"/void", body{"reason": "x"}, apptest.IfMatch(`"1"`)).Want(200)
	h.Call(p, "POST", at+"/consents", decision(nil)).WantCode(409, "state_conflict")
	h.Call(h.Staff(h.CentreA, "case_supervisor"), "POST", at+"/consents", decision(nil)).WantCode(403, "forbidden")
	h.Call(h.Staff(h.CentreA, "centre_manager"), "GET", at+"/consents", nil).WantCode(403, "forbidden")
}

func TestConsent_LinesAreOnlyEverAdded(t *testing.T) {
	h := apptest.New(t)
	p := h.Staff(h.CentreA, "caseworker")
	register(h, p, nil)
	for _, sql := range []string{"update consents set decision = 'refused'", "delete from consents", "truncate consents", "update audit_events set action = 'x'"} {
		err := h.App.DB.InTx(context.Background(), db.Scope{Centres: []uuid.UUID{h.CentreA}}, func(ctx context.Context) error {
			return db.Tx(ctx).Exec(sql).Error
		})
		if err == nil || !strings.Contains(err.Error(), "42501") {
			t.Errorf("%s: %v", sql, err)
		}
	}
	var n int
	h.Scan("select count(*) from consents where decision = 'given'", nil, &n)
	if n != 1 {
		t.Errorf("%d lines are left", n)
	}
}

// rule 4
func TestConsent_WithdrawalEndsWhatRestedOnIt(t *testing.T) {
	h := apptest.New(t)
	p := h.Staff(h.CentreA, "caseworker")
	person := register(h, p, nil)
	at := people(h) + "/" + person.String() + "/consents"
	caseID := db.NewID()
	h.Exec(`insert into cases (centre_id, id, version, created_at, updated_at, number, beneficiary_id, status, risk_level, source)
		values ($1, $2, 1, now(), now(), 'AGZ-C-000001', $3, 'open', 'medium', 'walk_in')`, h.CentreA, caseID, person)
	status := func() (s string) {
		h.Scan("select status from cases where id = $1", []any{caseID}, &s)
		return s
	}
	managed := decision(body{"scope": "case_management"})
	h.Call(p, "POST", at, managed).Want(201)
	h.Call(p, "POST", at, managed.with(body{"decision": "withdrawn", "recipient_ids": []uuid.UUID{uuid.New()}})).Want(201)
	h.Call(p, "POST", at, managed.with(body{"decision": "withdrawn", "scope": "tracing"})).Want(201)
	if status() != "open" {
		t.Fatalf("the case is %s before its consent was withdrawn", status())
	}
	h.Call(p, "POST", at, managed.with(body{"decision": "withdrawn"})).Want(201)
	if status() != "pending_closure" {
		t.Errorf("the case is %s", status())
	}
	var told int
	h.Scan("select count(*) from events where type = 'consent.withdrawn' and subject_id = $1 and data->>'scope' = 'case_management'", []any{person}, &told)
	if told != 2 {
		t.Errorf("%d events", told)
	}
}

// rule 4
func TestConsent_WithdrawalRevokesWhatWasSent(t *testing.T) {
	h := apptest.New(t)
	p := h.Staff(h.CentreA, "caseworker")
	person := register(h, p, nil)
	at := people(h) + "/" + person.String() + "/consents"
	x, y := h.Organisation("X", "ngo"), h.Organisation("Y", "ngo")
	caseID := db.NewID()
	h.Exec(`insert into cases (centre_id, id, version, created_at, updated_at, number, beneficiary_id, status, risk_level, source, open_referrals)
		values ($1, $2, 1, now(), now(), 'AGZ-C-000001', $3, 'open', 'medium', 'walk_in', 2)`, h.CentreA, caseID, person)
	for i, to := range []uuid.UUID{x, y} {
		h.Exec(`insert into referrals (centre_id, id, version, created_at, updated_at, direction, number, status, priority, organisation_id, reasons, services, case_id, beneficiary_id, sent_at, snapshot, consent_id)
			select $1, $2, 1, now(), now(), 'outbound', $3, 'sent', 'normal', $4, '{}', '{}', $5, $6, now(), '{}', id from consents where beneficiary_id = $6`, h.CentreA, db.NewID(), []string{"R-X", "R-Y"}[i], to, caseID, person)
	}
	standing := func() (s string) {
		h.Scan(`select string_agg(r.number || ' ' || r.status, ', ' order by r.number) || ', open ' || max(c.open_referrals) from referrals r join cases c on c.id = r.case_id`, nil, &s)
		return s
	}
	for _, step := range []struct {
		name string
		more body
		want string
	}{
		{"given", body{"given_at": "2026-03-05T08:00:00Z"}, "R-X sent, R-Y sent, open 2"},
		{"an older refusal that comes in late", body{"given_at": "2026-03-04T08:00:00Z", "decision": "refused"}, "R-X sent, R-Y sent, open 2"},
		{"another scope", body{"scope": "media", "decision": "withdrawn"}, "R-X sent, R-Y sent, open 2"},
		{"withheld from X", body{"given_at": "2026-03-06T08:00:00Z", "excluded_ids": []uuid.UUID{x}, "exclusion_reason": "fear"}, "R-X revoked, R-Y sent, open 1"},
		{"withdrawn, by a clock that is ahead", body{"given_at": time.Now().Add(2 * time.Minute), "decision": "withdrawn"}, "R-X revoked, R-Y revoked, open 0"},
	} {
		h.Call(p, "POST", at, decision(step.more)).Want(201)
		if got := standing(); got != step.want {
			t.Errorf("%s: %s, want %s", step.name, got, step.want)
		}
	}
}

func TestConsent_DecisionsWaitForEachOther(t *testing.T) {
	h := apptest.New(t)
	p := h.Staff(h.CentreA, "caseworker")
	person := register(h, p, nil)
	at := people(h) + "/" + person.String() + "/consents"
	tx, err := h.Owner.BeginTx(context.Background(), pgx.TxOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(context.Background(), "select 1 from beneficiaries where id = $1 for update", person); err != nil {
		t.Fatal(err)
	}
	done := make(chan int)
	go func() { done <- h.Call(p, "POST", at, decision(nil)).Status }()
	select {
	case s := <-done:
		t.Errorf("a decision did not wait for who holds the person: %d", s)
	case <-time.After(150 * time.Millisecond):
	}
	if err := tx.Rollback(context.Background()); err != nil {
		t.Fatal(err)
	}
	if s := <-done; s != 201 {
		t.Errorf("then %d", s)
	}
}
