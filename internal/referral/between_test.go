package referral_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/app/apptest"
)

// pair is a stage with a second centre, to which its referrals go.
type pair struct {
	*stage
	there, thereToo apptest.Person // registrar and caseworker of the other centre
}

func beginPair(t *testing.T) *pair {
	s := begin(t)
	return &pair{s, s.Staff(s.CentreB, "registrar"), s.Staff(s.CentreB, "caseworker")}
}

func (p *pair) centreB(path string) string { return "/v1/centres/" + p.CentreB.String() + path }

// over sends a referral to the other centre and returns its id, which both rows have.
func (p *pair) over(further map[string]any) uuid.UUID {
	p.T.Helper()
	b := map[string]any{"organisation_id": nil, "centre_code": p.codeOf(p.CentreB)}
	for k, v := range further {
		b[k] = v
	}
	return p.sent(b)
}

func (p *pair) codeOf(centre uuid.UUID) (code string) {
	p.T.Helper()
	p.Scan("select code from centres where id = $1", []any{centre}, &code)
	return code
}

// version is the tag of a row of one side.
func (p *pair) version(centre, id uuid.UUID) string {
	p.T.Helper()
	var tag string
	p.Scan(`select '"' || version || '"' from referrals where centre_id = $1 and id = $2`, []any{centre, id}, &tag)
	return tag
}

// answersThere makes a move of the receiving centre.
func (p *pair) answersThere(id uuid.UUID, verb string, body any) *apptest.Response {
	p.T.Helper()
	return p.Call(p.there, "POST", p.centreB("/referral-inbox/"+id.String()+"/"+verb), body, apptest.IfMatch(p.version(p.CentreB, id)))
}

func (p *pair) inbox(id uuid.UUID) *apptest.Response {
	p.T.Helper()
	return p.Call(p.there, "GET", p.centreB("/referral-inbox/"+id.String()), nil)
}

func (p *pair) here(id uuid.UUID) *apptest.Response {
	p.T.Helper()
	return p.Call(p.worker, "GET", p.at("/referrals/"+id.String()), nil).Want(200)
}

// revokes makes the sender's move.
func (p *pair) revokes(id uuid.UUID) *apptest.Response {
	p.T.Helper()
	return p.Call(p.worker, "POST", p.at("/referrals/"+id.String()+"/revoke"), bodies["revoke"], apptest.IfMatch(p.version(p.CentreA, id)))
}

func (p *pair) ledger(act string) (n int) {
	p.T.Helper()
	p.Scan("select count(*) from disclosures where beneficiary_id = $1 and act = $2", []any{p.person, act}, &n)
	return n
}

func TestBetweenCentres_FromSendingToCompletion(t *testing.T) {
	p := beginPair(t)
	id := p.over(map[string]any{"need_ids": []uuid.UUID{p.need(p.person, "WR", "normal")}})
	if r := p.here(id); r.Text("receiving_centre", "code") != p.codeOf(p.CentreB) || r.Text("status") != "sent" {
		t.Errorf("sent: %s", r.Raw)
	}
	page := p.Call(p.there, "GET", p.centreB("/referral-inbox"), nil).Want(200)
	if page.Len("data") != 1 || page.Text("data", 0, "person", "given_name") != "Fatoumata" || page.Text("data", 0, "content", "needs", 0, "code") != "WR" ||
		page.Text("data", 0, "origin", "code") != p.codeOf(p.CentreA) || page.Value("data", 0, "person", "document_number") != nil {
		t.Fatalf("the inbox says %s", page.Raw)
	}
	for _, secret := range []string{p.person.String(), p.file.String(), "AGZ-000777", "P7654321", "1998-04-12"} {
		if strings.Contains(string(page.Raw), secret) {
			t.Errorf("the inbox tells %s, which nobody chose: %s", secret, page.Raw)
		}
	}
	if p.ledger("send") != 1 || p.ledger("view") != 1 {
		t.Errorf("%d sendings and %d looks in the ledger", p.ledger("send"), p.ledger("view"))
	}
	p.answersThere(id, "acknowledge", nil).Want(200)
	taken := p.answersThere(id, "accept", map[string]any{"registration": registration, "open_case": true}).Want(200)
	own := taken.ID("beneficiary_id")
	if r := p.here(id); r.Text("status") != "accepted" || strings.Contains(string(r.Raw), own.String()) || r.Value("responded_at") == nil {
		t.Errorf("the sender reads %s", r.Raw)
	}
	p.answersThere(id, "waitlist", nil).Want(200)
	p.answersThere(id, "start", nil).Want(200)
	p.answersThere(id, "complete", bodies["complete"]).Want(200)
	if r := p.here(id); r.Text("status") != "completed" || r.Text("closing_note") != "Seen twice" || r.Value("delivered_on") == nil {
		t.Errorf("the outcome is %s", r.Raw)
	}
	if n := p.openReferrals(); n != 0 {
		t.Errorf("%d referrals of the case are open", n)
	}
	if r := p.inbox(id).Want(200); r.Text("person", "given_name") != "Fatoumata" {
		t.Errorf("completed today: %s", r.Raw)
	}
	p.Exec("update referrals set closed_at = now() - interval '31 days' where id = $1", id)
	if r := p.inbox(id).Want(200); r.Value("content") != nil || r.Value("person", "given_name") != nil {
		t.Errorf("a month later: %s", r.Raw)
	}
	p.Tick("referral.expire")
	var kept bool
	if p.Scan("select person is not null or snapshot is not null from referrals where centre_id = $1 and id = $2", []any{p.CentreB, id}, &kept); kept {
		t.Error("what was told is kept for ever")
	}
	var moves string
	p.Scan("select string_agg(to_status || ' ' || side, ',' order by created_at) from referral_history where centre_id = $1 and referral_id = $2", []any{p.CentreA, id}, &moves)
	if moves != "draft centre,sent centre,acknowledged partner,accepted partner,waitlisted partner,in_progress partner,completed partner" {
		t.Errorf("the sender's history is %s", moves)
	}
}

// rule 13
func TestBetweenCentres_TheSenderLearnsNothingOfWhoIsKnownThere(t *testing.T) {
	p := beginPair(t)
	known := p.personAt(p.CentreB, "Fatoumata", "Keïta")
	answers := map[string]string{}
	for what, accept := range map[string]map[string]any{"known": {"beneficiary_id": known}, "unknown": {"registration": registration}} {
		id := p.over(nil)
		sent := p.here(id)
		if r := p.Call(p.there, "GET", p.centreB("/referral-inbox/"+id.String()+"/matches"), nil).Want(200); r.Len("data") == 0 {
			t.Error("the receiver is not shown who may be meant")
		}
		if what == "unknown" {
			registration["acknowledged_duplicates"] = []uuid.UUID{known}
		}
		p.answersThere(id, "accept", accept).Want(200)
		delete(registration, "acknowledged_duplicates")
		fields := map[string]any{}
		for k, v := range p.here(id).Value().(map[string]any) {
			if !strings.HasSuffix(k, "_at") && k != "id" && k != "number" && k != "client_code" {
				fields[k] = v
			}
		}
		answers[what] = fmt.Sprint(fields)
		if sent.Text("status") != "sent" {
			t.Errorf("sent: %s", sent.Raw)
		}
	}
	if answers["known"] != answers["unknown"] {
		t.Errorf("known: %s\nunknown: %s", answers["known"], answers["unknown"])
	}
	id := p.over(nil)
	p.answersThere(id, "decline", map[string]any{"reason": "duplicate", "note": "We know her"}).Want(200)
	if r := p.here(id); r.Text("status") != "declined" || r.Value("decline_reason") != nil || r.Value("closing_note") != nil || r.Value("needs_attention") != true {
		t.Errorf("declined: %s", r.Raw)
	}
}

func TestBetweenCentres_WhatWasToldIsGoneAtEachEnd(t *testing.T) {
	p := beginPair(t)
	for what, end := range map[string]func(id uuid.UUID){
		"revoked":  func(id uuid.UUID) { p.revokes(id).Want(200) },
		"declined": func(id uuid.UUID) { p.answersThere(id, "decline", bodies["decline"]).Want(200) },
		"not_delivered": func(id uuid.UUID) {
			p.answersThere(id, "accept", map[string]any{"beneficiary_id": p.personAt(p.CentreB, "Awa", uuid.NewString()[:6])}).Want(200)
			p.answersThere(id, "not-delivered", bodies["not-delivered"]).Want(200)
		},
		"expired": func(id uuid.UUID) {
			p.Exec("update referrals set expires_at = now() - interval '1 minute' where id = $1", id)
			p.Tick("referral.expire")
		},
	} {
		id := p.over(nil)
		end(id)
		for _, r := range []*apptest.Response{p.here(id), p.inbox(id).Want(200)} {
			if r.Text("status") != what {
				t.Errorf("%s: %s", what, r.Raw)
			}
		}
		if r := p.inbox(id).Want(200); r.Value("content") != nil || strings.Contains(string(r.Raw), "Fatoumata") || strings.Contains(string(r.Raw), "Consultation") {
			t.Errorf("%s: the inbox still tells %s", what, r.Raw)
		}
		p.Call(p.thereToo, "POST", p.centreB("/referrals/"+id.String()+"/messages"), map[string]any{"body": "Where is she?"}).WantCode(409, "state_conflict")
	}
	if n := p.openReferrals(); n != 0 {
		t.Errorf("%d referrals of the case are open", n)
	}
}

// personAt registers somebody at a centre.
func (p *pair) personAt(centre uuid.UUID, given, family string) uuid.UUID {
	p.T.Helper()
	return p.Call(p.there, "POST", "/v1/centres/"+centre.String()+"/beneficiaries", map[string]any{"registration_level": "basic", "reception_on": "2026-03-01", "given_name": given, "family_name": family, "sex": "2", "age": 20,
		"population_type": "migrant", "consent": map[string]any{"decision": "given", "giver": "individual", "method": "written"}}).Want(201).ID()
}

// rule 4
func TestBetweenCentres_WithdrawalEndsItAndTheReceiverConfirmsTheDeletion(t *testing.T) {
	p := beginPair(t)
	id := p.over(nil)
	p.answersThere(id, "confirm-deletion", nil).WantCode(409, "state_conflict")
	p.Call(p.registrar, "POST", p.at("/beneficiaries/"+p.person.String()+"/consents"), map[string]any{"scope": "share_organisations", "decision": "withdrawn", "giver": "individual", "method": "written"}).Want(201)
	if r := p.inbox(id).Want(200); r.Text("status") != "revoked" || r.Text("revoke_reason") != "consent_withdrawn" || r.Value("deletion_requested_at") == nil || r.Value("content") != nil {
		t.Errorf("the receiver reads %s", r.Raw)
	}
	p.answersThere(id, "confirm-deletion", nil).Want(200)
	if r := p.here(id); r.Value("deletion_confirmed_at") == nil {
		t.Errorf("the sender reads %s", r.Raw)
	}
	p.answersThere(id, "confirm-deletion", nil).WantCode(409, "state_conflict")
}

func TestBetweenCentres_MessagesGoBothWays(t *testing.T) {
	p := beginPair(t)
	id := p.over(nil)
	path := "/referrals/" + id.String() + "/messages"
	p.Call(p.worker, "POST", p.at(path), map[string]any{"body": "She arrives on Monday"}).Want(201)
	p.Call(p.thereToo, "POST", p.centreB(path), map[string]any{"body": "A bed is free"}).Want(201)
	for at, who := range map[string]apptest.Person{p.at(path): p.worker, p.centreB(path): p.thereToo} {
		r := p.Call(who, "GET", at, nil).Want(200)
		if r.Len("data") != 2 || r.Text("data", 0, "body") != "She arrives on Monday" || r.Text("data", 1, "body") != "A bed is free" || r.Text("data", 0, "side") == r.Text("data", 1, "side") {
			t.Errorf("%s: %s", at, r.Raw)
		}
	}
}

// rule 12
func TestBetweenCentres_NobodyElseSeesIt(t *testing.T) {
	p := beginPair(t)
	id := p.over(nil)
	api := p.Client(p.IOM, "partner:referrals") // a system of the organisation that runs both
	if r := p.Call(api, "GET", "/v1/partner/referrals", nil).Want(200); r.Len("data") != 0 {
		t.Errorf("a partner's system reads %s", r.Raw)
	}
	p.Call(api, "GET", "/v1/partner/referrals/"+id.String(), nil).WantCode(404, "not_found")
	third := p.Centre("XXT", "Third")
	outsider := p.Staff(third, "registrar", "caseworker")
	at := "/v1/centres/" + third.String()
	p.Call(outsider, "GET", at+"/referral-inbox/"+id.String(), nil).WantCode(404, "not_found")
	p.Call(outsider, "GET", at+"/referrals/"+id.String(), nil).WantCode(404, "not_found")
	if r := p.Call(outsider, "GET", at+"/referral-inbox", nil).Want(200); r.Len("data") != 0 {
		t.Errorf("a third centre reads %s", r.Raw)
	}
	p.Call(p.there, "GET", p.centreB("/beneficiaries/"+p.person.String()), nil).WantCode(404, "not_found")
	p.Call(p.worker, "POST", p.at("/referrals"), p.body(map[string]any{"centre_code": p.codeOf(p.CentreB)})).WantCode(422, "invalid")
	for _, code := range []string{p.codeOf(p.CentreA), "NOWHERE"} {
		p.Call(p.worker, "POST", p.at("/referrals"), p.body(map[string]any{"organisation_id": nil, "centre_code": code})).WantCode(422, "invalid")
	}
}

func TestBetweenCentres_AnswerAndRevocationAtOnceLeaveBothSidesAtOne(t *testing.T) {
	p := beginPair(t)
	for range 3 {
		id := p.over(nil)
		a, b := p.version(p.CentreA, id), p.version(p.CentreB, id)
		apptest.AtOnce(2, func(i int) *apptest.Response {
			if i == 0 {
				return p.Call(p.worker, "POST", p.at("/referrals/"+id.String()+"/revoke"), bodies["revoke"], apptest.IfMatch(a))
			}
			return p.Call(p.there, "POST", p.centreB("/referral-inbox/"+id.String()+"/decline"), bodies["decline"], apptest.IfMatch(b))
		})
		var states []string
		if p.Scan("select array_agg(distinct status) from referrals where id = $1", []any{id}, &states); len(states) != 1 || (states[0] != "revoked" && states[0] != "declined") {
			t.Errorf("the sides stand at %v", states)
		}
	}
	if n := p.openReferrals(); n != 0 {
		t.Errorf("%d referrals of the case are open", n)
	}
}
