package referral_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/app/apptest"
	"github.com/waystation/waystation/internal/referral"
)

// submission is what a partner hands in; further fields replace its own.
func submission(further map[string]any) map[string]any {
	b := map[string]any{
		"centre_code": "AGZ", "priority": "urgent", "reasons": []string{"shelter"}, "services": []string{"accommodation"}, "explanation": "A bed for a week",
		"person":  map[string]any{"given_name": "Mariam", "family_name": "Sow", "sex": "2", "birth_date": "2001-01-01", "birth_date_precision": "year", "nationalities": []string{"SEN"}, "phone": "+221 77 000 11 22"},
		"consent": map[string]any{"given": true, "statement": "Agreed to be referred to Agadez", "given_on": "2026-03-01"},
	}
	for k, v := range further {
		if v == nil {
			delete(b, k)
		} else {
			b[k] = v
		}
	}
	return b
}

func (s *stage) submits(further map[string]any) *apptest.Response {
	s.T.Helper()
	return s.Call(s.partner, "POST", "/v1/partner/referrals", submission(further), apptest.Key(uuid.NewString()))
}

func (s *stage) submitted(further map[string]any) uuid.UUID {
	s.T.Helper()
	return s.submits(further).Want(201).ID()
}

// replies makes a move of the centre on what was handed in.
func (s *stage) replies(id uuid.UUID, verb string, body any) *apptest.Response {
	s.T.Helper()
	return s.Call(s.registrar, "POST", s.at("/referral-inbox/"+id.String()+"/"+verb), body, apptest.IfMatch(s.tag(id)))
}

var registration = map[string]any{"reception_on": "2026-03-02", "population_type": "migrant", "consent": map[string]any{"giver": "individual", "method": "written"}}

func TestInbound_FromSubmissionToCompletion(t *testing.T) {
	s := begin(t)
	made := s.submits(nil).Want(201)
	id := made.ID()
	if made.Text("status") != "sent" || made.Text("direction") != "inbound" || made.Text("centre_id") != s.CentreA.String() || made.Value("acknowledge_due_at") == nil {
		t.Fatalf("%s", made.Raw)
	}
	if got := s.Call(s.partner, "GET", made.Header.Get("Location"), nil).Want(200); string(got.Raw) != string(made.Raw) || got.ETag() != made.ETag() {
		t.Errorf("create answered %s, read answers %s", made.Raw, got.Raw)
	}
	page := s.Call(s.registrar, "GET", s.at("/referral-inbox?status=sent&include_total=true"), nil).Want(200)
	if page.Text("total") != "1" || page.Text("data", 0, "person", "given_name") != "Mariam" || page.Text("data", 0, "consent", "given_on") != "2026-03-01" {
		t.Fatalf("%s", page.Raw)
	}
	s.replies(id, "acknowledge", nil).Want(200)
	accepted := s.replies(id, "accept", map[string]any{"registration": registration, "open_case": true}).Want(200)
	person := accepted.ID("beneficiary_id")
	var name, source, caseSource, caseStatus string
	s.Scan("select given_name, source from beneficiaries where centre_id = $1 and id = $2", []any{s.CentreA, person}, &name, &source)
	s.Scan("select source, status from cases where id = $1 and beneficiary_id = $2", []any{accepted.ID("case_id"), person}, &caseSource, &caseStatus)
	if name != "Mariam" || source != "referral" || caseSource != "incoming_referral" || caseStatus != "draft" {
		t.Errorf("%s from %s, case from %s is %s", name, source, caseSource, caseStatus)
	}
	there := s.reads(s.partner, id).Want(200)
	if there.Text("status") != "accepted" || there.Value("content") != nil || there.Value("preview") != nil {
		t.Errorf("%s", there.Raw)
	}
	for _, r := range []*apptest.Response{there, s.Call(s.partner, "GET", "/v1/partner/referrals?direction=inbound", nil).Want(200)} {
		for _, word := range []string{person.String(), accepted.Text("case_id"), "Mariam"} {
			if got := string(r.Raw); word != "" && contains(got, word) {
				t.Errorf("the partner reads %s: %s", word, got)
			}
		}
	}
	s.replies(id, "start", nil).Want(200)
	s.replies(id, "complete", bodies["complete"]).Want(200)
	if there := s.reads(s.partner, id).Want(200); there.Text("status") != "completed" || there.Value("closing_note") != nil {
		t.Errorf("%s", there.Raw)
	}
	for _, kind := range []string{"sent", "acknowledged", "accepted", "started", "completed"} {
		if n := s.events(id, "referral."+kind); n != 1 {
			t.Errorf("%d events referral.%s", n, kind)
		}
	}
	for _, path := range []string{"/referrals/" + id.String(), "/referrals/" + id.String() + "/history", "/referrals?direction=inbound"} {
		s.Call(s.supervisor, "GET", s.at(path), nil).Want(200)
	}
	s.Call(s.supervisor, "GET", s.at("/referrals/"+id.String()+"/preview"), nil).WantCode(404, "not_found")
}

// rule 13
func TestInbound_TheAnswerIsTheSameWhetherThePersonIsKnownOrNot(t *testing.T) {
	s := begin(t)
	known := map[string]any{"person": map[string]any{"given_name": "Fatoumata", "family_name": "Keïta", "sex": "2", "birth_date": "1998-04-12", "birth_date_precision": "day", "document_number": "P7654321"}}
	unknown := map[string]any{"person": map[string]any{"given_name": "Nobody", "family_name": "Atall", "sex": "2", "birth_date": "1998-04-12", "birth_date_precision": "day", "document_number": "Q1234567"}}
	a, b := s.submits(known).Want(201), s.submits(unknown).Want(201)
	if x, y := slices.Sorted(maps.Keys(a.Header)), slices.Sorted(maps.Keys(b.Header)); !slices.Equal(x, y) || a.ETag() != b.ETag() {
		t.Errorf("headers %v, %v", x, y)
	}
	shape := func(r *apptest.Response) map[string]any {
		m := maps.Clone(r.Value().(map[string]any))
		for _, k := range []string{"id", "number", "created_at", "updated_at", "sent_at", "acknowledge_due_at", "decision_due_at", "expires_at"} {
			if m[k] == nil {
				t.Errorf("no %s", k)
			}
			delete(m, k)
		}
		return m
	}
	if x, y := fmt.Sprint(shape(a)), fmt.Sprint(shape(b)); x != y {
		t.Errorf("%s\n%s", a.Raw, b.Raw)
	}
	var work [2]string // what the two wrote: the same kinds of rows, none about a person of ours
	for i, r := range []*apptest.Response{a, b} {
		s.Scan(`select string_agg(resource || ' ' || action, ',' order by resource, action) from audit_events
			where xid = (select xid from audit_events where resource = 'referrals' and subject_ids = array[$1::uuid])`, []any{r.ID()}, &work[i])
	}
	if work[0] != work[1] || contains(work[0], "beneficiaries") {
		t.Errorf("the trail: %s, %s", work[0], work[1])
	}
}

// rule 33
func TestInbound_NeedsAnIdempotencyKey(t *testing.T) {
	s := begin(t)
	r := s.Call(s.partner, "POST", "/v1/partner/referrals", submission(nil)).WantCode(400, "invalid_parameter")
	if r.Text("errors", 0, "pointer") != "Idempotency-Key" || r.Text("errors", 0, "code") != "required" {
		t.Errorf("%s", r.Raw)
	}
	first := s.Call(s.partner, "POST", "/v1/partner/referrals", submission(nil), apptest.Key("k")).Want(201)
	again := s.Call(s.partner, "POST", "/v1/partner/referrals", submission(nil), apptest.Key("k")).Want(201)
	if string(first.Raw) != string(again.Raw) {
		t.Errorf("%s, %s", first.Raw, again.Raw)
	}
	s.Call(s.partner, "POST", "/v1/partner/referrals", submission(map[string]any{"priority": "normal"}), apptest.Key("k")).WantCode(422, "idempotency_key_reused")
	s.Call(s.rival, "POST", "/v1/partner/referrals", submission(nil), apptest.Key("k")).Want(201)
	var n int
	if s.Scan("select count(*) from referrals", nil, &n); n != 2 {
		t.Errorf("%d stored", n)
	}
}

func TestInbound_RefusesBadInput(t *testing.T) {
	s := begin(t)
	s.Exec("update centres set phase = 'closed' where id = $1", s.CentreB)
	person := func(further map[string]any) map[string]any {
		p := map[string]any{"sex": "2"}
		maps.Copy(p, further)
		return map[string]any{"person": p}
	}
	for name, c := range map[string]struct {
		further map[string]any
		pointer string
		code    string
	}{
		"no centre":            {map[string]any{"centre_code": nil}, "/centre_id", "centre_required"},
		"two centres":          {map[string]any{"centre_id": s.CentreA}, "/centre_id", "centre_required"},
		"unknown centre":       {map[string]any{"centre_code": "NOW"}, "/centre_id", "unknown_centre"},
		"closed centre":        {map[string]any{"centre_code": "ARL"}, "/centre_id", "unknown_centre"},
		"date, no precision":   {person(map[string]any{"birth_date": "2001-01-01"}), "/person/birth_date_precision", "incomplete"},
		"born tomorrow":        {person(map[string]any{"birth_date": "2999-01-01", "birth_date_precision": "day"}), "/person/birth_date", "in_the_future"},
		"no consent, no basis": {map[string]any{"consent": map[string]any{"given": false, "statement": "none"}}, "/consent/basis", "required"},
		"consent to come":      {map[string]any{"consent": map[string]any{"given": true, "statement": "x", "given_on": "2999-01-01"}}, "/consent/given_on", "in_the_future"},
		"unknown field":        {person(map[string]any{"shoe_size": 42}), "/person/shoe_size", "unknown_field"},
		"unknown sex":          {person(map[string]any{"sex": "7"}), "/person/sex", "unknown_code"},
	} {
		t.Run(name, func(t *testing.T) {
			r := s.submits(c.further).WantCode(422, "invalid")
			if r.Text("errors", 0, "pointer") != c.pointer || r.Text("errors", 0, "code") != c.code {
				t.Errorf("%s", r.Raw)
			}
		})
	}
	s.submits(map[string]any{"centre_code": nil, "centre_id": s.CentreA}).Want(201)
}

func TestInbound_DeadlinesAreThoseOfTheReceivingCentre(t *testing.T) {
	s := begin(t)
	s.Exec(`insert into sops (centre_id, id, version, created_at, updated_at, number, title, status, policy)
		values ($1, gen_random_uuid(), 1, now(), now(), 1, 'x', 'active', '{"referral": {"acknowledge_hours": {"urgent": 5}, "decision_hours": {"urgent": 50}, "expiry_factor": 4}}')`, s.CentreA)
	id := s.submitted(nil)
	var acknowledge, decide, expire float64
	s.Scan(`select extract(epoch from acknowledge_due_at - sent_at) / 3600, extract(epoch from decision_due_at - sent_at) / 3600, extract(epoch from expires_at - sent_at) / 3600
		from referrals where id = $1`, []any{id}, &acknowledge, &decide, &expire)
	if acknowledge != 5 || decide != 50 || expire != 20 {
		t.Errorf("%v, %v, %v hours", acknowledge, decide, expire)
	}
}

func TestInbound_AcceptLinksWhoIsKnownOrRegistersByTheRules(t *testing.T) {
	s := begin(t)
	id := s.submitted(nil)
	for name, c := range map[string]struct {
		body    map[string]any
		pointer string
	}{
		"nobody":           {map[string]any{}, "/beneficiary_id"},
		"both":             {map[string]any{"beneficiary_id": s.person, "registration": registration}, "/beneficiary_id"},
		"unknown person":   {map[string]any{"beneficiary_id": uuid.New()}, "/beneficiary_id"},
		"no consent":       {map[string]any{"registration": map[string]any{"reception_on": "2026-03-02", "population_type": "migrant"}}, "/registration/consent"},
		"uncertified word": {map[string]any{"registration": map[string]any{"reception_on": "2026-03-02", "population_type": "migrant", "consent": map[string]any{"giver": "individual", "method": "verbal_certified"}}}, "/registration/consent/certified_by"},
	} {
		if r := s.replies(id, "accept", c.body).WantCode(422, "invalid"); r.Text("errors", 0, "pointer") != c.pointer {
			t.Errorf("%s: %s", name, r.Raw)
		}
	}
	var people int
	if s.Scan("select count(*) from beneficiaries", nil, &people); people != 1 || s.status(id) != "sent" {
		t.Errorf("%d people, %s", people, s.status(id))
	}
	linked := s.replies(id, "accept", map[string]any{"beneficiary_id": s.person}).Want(200)
	if linked.ID("beneficiary_id") != s.person || linked.Value("case_id") != nil {
		t.Errorf("%s", linked.Raw)
	}
	if s.Scan("select count(*) from beneficiaries", nil, &people); people != 1 {
		t.Errorf("%d people", people)
	}
	bare := s.submitted(map[string]any{"person": map[string]any{"sex": "0"}}) // no name, no age: unknown is an answer
	s.replies(bare, "accept", map[string]any{"registration": registration}).Want(200)
	aged := s.submitted(map[string]any{"person": map[string]any{"sex": "1", "given_name": "Ali"}})
	withAge := maps.Clone(registration)
	withAge["age"] = 30
	s.replies(aged, "accept", map[string]any{"registration": withAge}).Want(200)
}

func TestInbound_MatchesAreForStaff(t *testing.T) {
	s := begin(t)
	s.somebody("Fatoumata", "Sidibé")
	id := s.submitted(map[string]any{"person": map[string]any{"given_name": "Fatoumata", "family_name": "Keita", "sex": "2", "birth_date": "1998-04-12", "birth_date_precision": "day"}})
	s.Exec(`insert into beneficiary_keys (centre_id, key, beneficiary_id) select centre_id, 'n:' || k, id from beneficiaries, unnest($2::text[]) k where id = $1`, s.person, soundsOf("Fatoumata Keita"))
	found := s.Call(s.registrar, "GET", s.at("/referral-inbox/"+id.String()+"/matches"), nil).Want(200)
	if found.Len("data") != 1 || found.ID("data", 0, "beneficiary_id") != s.person || found.Text("data", 0, "reasons", 0) != "name" {
		t.Errorf("%s", found.Raw)
	}
	none := s.submitted(map[string]any{"person": map[string]any{"given_name": "Xanthippe", "sex": "2"}})
	if r := s.Call(s.registrar, "GET", s.at("/referral-inbox/"+none.String()+"/matches"), nil).Want(200); r.Len("data") != 0 {
		t.Errorf("%s", r.Raw)
	}
	s.Call(s.partner, "GET", s.at("/referral-inbox/"+id.String()+"/matches"), nil).WantCode(403, "forbidden")
	s.Call(s.Staff(s.CentreB, "registrar"), "GET", "/v1/centres/"+s.CentreB.String()+"/referral-inbox/"+id.String()+"/matches", nil).WantCode(404, "not_found")
	s.Call(s.registrar, "GET", s.at("/referral-inbox/"+s.sent(nil).String()), nil).WantCode(404, "not_found") // not received
}

func TestInbound_ThePartnerLearnsTheStateNotTheReason(t *testing.T) {
	s := begin(t)
	id := s.submitted(nil)
	s.replies(id, "decline", map[string]any{"reason": "already_served", "note": "She is registered here"}).Want(200)
	there := s.reads(s.partner, id).Want(200)
	if there.Text("status") != "declined" || contains(string(there.Raw), "already_served") || contains(string(there.Raw), "registered") {
		t.Errorf("%s", there.Raw)
	}
	if here := s.Call(s.registrar, "GET", s.at("/referral-inbox/"+id.String()), nil).Want(200); here.Text("decline_reason") != "already_served" {
		t.Errorf("%s", here.Raw)
	}
	var told string
	s.Scan("select data::text from events where subject_id = $1 and type = 'referral.declined'", []any{id}, &told)
	if contains(told, "already_served") {
		t.Errorf("the feed tells the partner: %s", told)
	}
	back := s.submitted(nil)
	if r := s.answers(s.partner, back, "revoke").Want(200); r.Text("status") != "revoked" {
		t.Errorf("%s", r.Raw)
	}
	s.replies(back, "accept", map[string]any{"beneficiary_id": s.person}).WantCode(409, "state_conflict")
}

func TestInbound_ExpiresWithoutAnAnswer(t *testing.T) {
	s := begin(t)
	id := s.submitted(nil)
	s.Exec("update referrals set expires_at = now() where id = $1", id)
	if err := s.asSystem(referral.Expire); err != nil {
		t.Fatal(err)
	}
	if there := s.reads(s.partner, id).Want(200); there.Text("status") != "expired" {
		t.Errorf("%s", there.Raw)
	}
	if s.events(id, "referral.expired") != 1 {
		t.Error("the sender was not told")
	}
}

func TestInbound_WhatIsWrittenBackIsInTheLedgerOnceThePersonIsKnownHere(t *testing.T) {
	s := begin(t)
	for _, c := range []struct {
		consent map[string]any
		basis   string
	}{{map[string]any{"given": true, "statement": "Agreed"}, "consent"}, {map[string]any{"given": false, "statement": "Unconscious", "basis": "vital_interest"}, "vital_interest"}} {
		id := s.submitted(map[string]any{"consent": c.consent})
		write := func() {
			s.Call(s.supervisor, "POST", s.at("/referrals/"+id.String()+"/messages"), map[string]any{"body": "When did she leave?"}).Want(201)
			s.Call(s.partner, "GET", "/v1/partner/referrals/"+id.String()+"/messages", nil).Want(200)
		}
		write() // of nobody who is known here
		person := s.replies(id, "accept", map[string]any{"registration": registration}).Want(200).ID("beneficiary_id")
		write()
		ledger := s.Call(s.Staff(s.CentreA, "dpo"), "GET", s.at("/beneficiaries/"+person.String()+"/disclosures?sort=created_at"), nil).Want(200)
		if ledger.Len("data") != 2 || ledger.Text("data", 0, "act") != "send" || ledger.Text("data", 1, "act") != "view" || ledger.Text("data", 0, "basis") != c.basis || ledger.Text("data", 1, "basis") != c.basis {
			t.Errorf("%s: %s", c.basis, ledger.Raw)
		}
		registration["acknowledged_duplicates"] = []uuid.UUID{person}
	}
	delete(registration, "acknowledged_duplicates")
}

func TestInbound_RevokedAfterAcceptanceLeavesTheCaseAsItIs(t *testing.T) {
	s := begin(t)
	id := s.submitted(nil)
	kase := s.replies(id, "accept", map[string]any{"registration": registration, "open_case": true}).Want(200).ID("case_id")
	s.answers(s.partner, id, "revoke").Want(200)
	var open int
	if s.Scan("select open_referrals from cases where id = $1", []any{kase}, &open); open != 0 || s.status(id) != "revoked" {
		t.Errorf("the referral is %s, the case counts %d open ones", s.status(id), open)
	}
}
