package referral_test

import (
	"context"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/app/apptest"
	"github.com/waystation/waystation/internal/auth"
	"github.com/waystation/waystation/internal/db"
)

// names are what the person of every test here is known by; no answer to a partner may hold one,
// unless it was chosen.
var names = []string{"Fatoumata", "Keïta", "Keita", "Fanta", "90123456", "P7654321", "1998-04-12", "AGZ-000777"}

// stage is a centre with a person, an open case, its caseworker, and two partner organisations.
type stage struct {
	*apptest.House
	worker, supervisor, registrar apptest.Person
	clinic, other                 uuid.UUID // organisations
	partner, rival                apptest.Person
	person, file                  uuid.UUID
}

func begin(t *testing.T) *stage {
	h := apptest.New(t)
	s := &stage{House: h, worker: h.Staff(h.CentreA, "caseworker"), supervisor: h.Staff(h.CentreA, "case_supervisor"), registrar: h.Staff(h.CentreA, "registrar")}
	s.clinic, s.other = h.Organisation("Clinique de l'Espoir", "health_facility"), h.Organisation("Other", "ngo")
	s.partner, s.rival = h.Client(s.clinic, "partner:referrals"), h.Client(s.other, "partner:referrals")
	s.Agrees(s.clinic)
	s.Agrees(s.other)
	s.person = s.somebody("Fatoumata", "Keïta")
	s.Exec("update beneficiaries set reference = 'AGZ-000777' where id = $1", s.person)
	s.file = s.openCase(s.person, "normal")
	s.consents(s.person, "case_management", "given")
	s.consents(s.person, "share_organisations", "given")
	return s
}

func (s *stage) somebody(given, family string) uuid.UUID {
	id := db.NewID()
	s.Exec(`insert into beneficiaries (centre_id, id, version, created_at, updated_at, reference, registration_level, registered_on, reception_on, given_name, family_name,
			other_names, sex, birth_date, birth_date_precision, population_type, nationalities, languages, phone, document_type, document_number, source, basis)
		values ($1, $2, 1, now(), now(), $3, 'basic', current_date, current_date, $4, $5, '{Fanta}', '2', '1998-04-12', 'day', 'migrant', '{MLI}', '{bm,fr}', '+227 90123456', 'passport', 'P7654321', 'api', 'consent')`,
		s.CentreA, id, "AGZ-"+id.String(), given, family)
	return id
}

func (s *stage) openCase(person uuid.UUID, sensitivity string) uuid.UUID {
	id := db.NewID()
	s.Exec(`insert into cases (centre_id, id, version, created_at, updated_at, number, beneficiary_id, status, risk_level, source, sensitivity, owner_id, opened_at)
		values ($1, $2, 1, now(), now(), $3, $4, 'open', 'medium', 'walk_in', $5, $6, now())`, s.CentreA, id, "AGZ-C-"+id.String(), person, sensitivity, s.worker.ID)
	s.Exec(`insert into case_team (centre_id, id, version, created_at, updated_at, case_id, user_id, role) values ($1, $2, 1, now(), now(), $3, $4, 'owner')`,
		s.CentreA, db.NewID(), id, s.worker.ID)
	return id
}

// consents adds a line to the ledger; recipients limit it.
func (s *stage) consents(person uuid.UUID, scope, decision string, recipients ...uuid.UUID) {
	if recipients == nil {
		recipients = []uuid.UUID{}
	}
	s.Exec(`insert into consents (centre_id, id, created_at, updated_at, beneficiary_id, scope, decision, giver, method, given_at, recipient_ids)
		values ($1, $2, now(), now(), $3, $4, $5, 'individual', 'written', clock_timestamp(), $6)`, s.CentreA, db.NewID(), person, scope, decision, recipients)
}

func (s *stage) need(person uuid.UUID, code, sensitivity string) uuid.UUID {
	id := db.NewID()
	s.Exec(`insert into specific_needs (centre_id, id, version, created_at, updated_at, beneficiary_id, code_system, code, sensitivity, confidence)
		values ($1, $2, 1, now(), now(), $3, 'specific_need_unhcr', $4, $5, 'observed')`, s.CentreA, id, person, code, sensitivity)
	return id
}

func (s *stage) at(path string) string { return "/v1/centres/" + s.CentreA.String() + path }

// body is a referral that may be sent as it is; further fields replace its own.
func (s *stage) body(further map[string]any) map[string]any {
	b := map[string]any{
		"case_id": s.file, "organisation_id": s.clinic, "priority": "urgent", "reasons": []string{"health_nutrition"}, "services": []string{"health.consultation"},
		"explanation": "Consultation", "client_mode": "identified", "disclosed_fields": []string{"given_name", "family_name", "age_group", "sex", "languages", "phone"},
		"contact": map[string]any{"name": "Case office", "phone": "+227 20 00 00 00"},
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

func coded(further map[string]any) map[string]any {
	b := map[string]any{"client_mode": "coded", "disclosed_fields": []string{"age_group", "sex", "languages", "background"}, "background": "Cough for two weeks"}
	for k, v := range further {
		b[k] = v
	}
	return b
}

func (s *stage) draft(further map[string]any) *apptest.Response {
	s.T.Helper()
	return s.Call(s.worker, "POST", s.at("/referrals"), s.body(further)).Want(201)
}

// sent drafts and sends a referral and returns its id.
func (s *stage) sent(further map[string]any) uuid.UUID {
	s.T.Helper()
	id := s.draft(further).ID()
	s.send(id).Want(200)
	return id
}

func (s *stage) send(id uuid.UUID) *apptest.Response {
	s.T.Helper()
	return s.do(s.worker, id, "send", nil)
}

// do makes a move of the centre on what it sent, with the version as it is.
func (s *stage) do(p apptest.Person, id uuid.UUID, verb string, body any) *apptest.Response {
	s.T.Helper()
	return s.Call(p, "POST", s.at("/referrals/"+id.String()+"/"+verb), body, apptest.IfMatch(s.tag(id)))
}

// answers makes a move of a partner, with the version as it is.
func (s *stage) answers(p apptest.Person, id uuid.UUID, verb string) *apptest.Response {
	s.T.Helper()
	return s.Call(p, "POST", "/v1/partner/referrals/"+id.String()+"/"+verb, bodies[verb], apptest.IfMatch(s.tag(id)))
}

// bodies are what the partner says with each move.
var bodies = map[string]any{
	"accept":        map[string]any{"appointment_at": "2030-03-04T09:00:00Z"},
	"decline":       map[string]any{"reason": "no_capacity", "note": "Full"},
	"complete":      map[string]any{"feedback": "Seen twice", "delivered_on": db.NewDate(db.Now()).String()},
	"not-delivered": map[string]any{"reason": "person_did_not_attend"},
	"revoke":        map[string]any{"reason": "Housed elsewhere"},
}

func (s *stage) tag(id uuid.UUID) string {
	s.T.Helper()
	var tag string
	s.Scan(`select '"' || version || '"' from referrals where id = $1`, []any{id}, &tag)
	return tag
}

func (s *stage) status(id uuid.UUID) string {
	s.T.Helper()
	var status string
	s.Scan("select status from referrals where id = $1", []any{id}, &status)
	return status
}

func (s *stage) openReferrals() (n int) {
	s.T.Helper()
	s.Scan("select open_referrals from cases where id = $1", []any{s.file}, &n)
	return n
}

func (s *stage) reads(p apptest.Person, id uuid.UUID) *apptest.Response {
	s.T.Helper()
	return s.Call(p, "GET", "/v1/partner/referrals/"+id.String(), nil)
}

// tellsNobody wants an answer without a word that the person is known by.
func (s *stage) tellsNobody(what string, r *apptest.Response) {
	s.T.Helper()
	for _, name := range append(names, s.person.String(), s.file.String()) {
		if strings.Contains(string(r.Raw), name) {
			s.T.Errorf("%s tells %s: %s", what, name, r.Raw)
		}
	}
}

// events counts what the feed tells a partner of one type about a referral.
func (s *stage) events(id uuid.UUID, kind string) (n int) {
	s.T.Helper()
	s.Scan("select count(*) from events where subject_id = $1 and type = $2 and organisation_id is not null", []any{id, kind}, &n)
	return n
}

// asPartner runs fn with the app's role in a transaction of an organisation, as a request of its client is.
func (s *stage) asPartner(organisation uuid.UUID, p apptest.Person, fn func(context.Context) error) error {
	caller := &auth.Principal{Kind: auth.Client, ID: p.ID, OrganisationID: organisation}
	return s.App.DB.InTx(auth.With(context.Background(), caller), db.Scope{ActorID: p.ID, ActorKind: "client", OrganisationID: organisation}, fn)
}

// asStaff runs fn in a transaction of a member of staff at centre A.
func (s *stage) asStaff(p apptest.Person, role string, fn func(context.Context) error) error {
	caller := &auth.Principal{Kind: auth.User, ID: p.ID, OrganisationID: s.IOM, Centres: map[uuid.UUID][]string{s.CentreA: {role}}}
	return s.App.DB.InTx(auth.With(context.Background(), caller), db.Scope{Centres: []uuid.UUID{s.CentreA}, ActorID: p.ID, ActorKind: "user", OrganisationID: s.IOM}, fn)
}

// asSystem runs fn as a job does.
func (s *stage) asSystem(fn func(context.Context) error) error {
	return s.App.DB.InTx(context.Background(), db.Scope{Centres: []uuid.UUID{s.CentreA}, ActorKind: "system", Operation: "referral.expire"}, fn)
}
