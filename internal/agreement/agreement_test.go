package agreement_test

import (
	"testing"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/agreement"
	"github.com/waystation/waystation/internal/app/apptest"
	"github.com/waystation/waystation/internal/db"
)

type (
	obj  = map[string]any
	list = []any
)

type parties struct {
	*apptest.House
	clinic           uuid.UUID
	manager, officer apptest.Person
	partner          apptest.Person
}

func begin(t *testing.T) *parties {
	h := apptest.New(t)
	p := &parties{House: h, clinic: h.Organisation("Clinic", "ngo"), manager: h.Staff(h.CentreA, "centre_manager"), officer: h.Network("network_officer")}
	p.partner = h.Client(p.clinic, "partner:referrals")
	return p
}

// body is an agreement of centre A that holds since long ago; further members replace its own.
func (p *parties) body(further obj) obj {
	b := obj{"centre_id": p.CentreA, "organisation_id": p.clinic, "purpose": "Medical care", "fields": list{"given_name"}, "sensitivity_ceiling": "sensitive",
		"channels": list{"api"}, "retention_days": 365, "breach_contact": obj{"office": "Desk", "email": "dpo@clinic.example"}, "acknowledge_hours": obj{"urgent": 12}, "starts_on": "2020-01-01"}
	for k, v := range further {
		if b[k] = v; v == nil {
			delete(b, k)
		}
	}
	return b
}

func (p *parties) draft(by apptest.Person, further obj) *apptest.Response {
	p.T.Helper()
	return p.Call(by, "POST", "/v1/agreements", p.body(further))
}

// does makes a move at the version as it is.
func (p *parties) does(by apptest.Person, id uuid.UUID, verb string) *apptest.Response {
	p.T.Helper()
	at := "/v1/agreements/" + id.String()
	return p.Call(by, "POST", at+"/"+verb, nil, apptest.IfMatch(p.Call(by, "GET", at, nil).Want(200).ETag()))
}

func TestAgreement_IsDraftedPutIntoForceSuspendedAndEnded(t *testing.T) {
	p := begin(t)
	made := p.draft(p.manager, nil).Want(201)
	id, at := made.ID(), made.Header.Get("Location")
	if made.Text("status") != "draft" || made.Value("in_force") != false || made.Text("breach_notice_hours") != "72" || made.Value("sub_sharing") != false || made.Value("audit_right") != true {
		t.Errorf("made %s", made.Raw)
	}
	changed := p.Call(p.manager, "PATCH", at, obj{"fields": list{"given_name", "phone"}, "ends_on": "2099-12-31", "decision_hours": obj{"normal": 100}, "breach_contact": obj{"office": "Desk 2", "phone": "+227 20"}},
		apptest.IfMatch(made.ETag())).Want(200)
	if changed.Len("fields") != 2 || changed.Text("ends_on") != "2099-12-31" || changed.Text("decision_hours", "normal") != "100" || changed.Text("breach_contact", "office") != "Desk 2" {
		t.Errorf("changed %s", changed.Raw)
	}
	p.does(p.manager, id, "suspend").WantCode(409, "state_conflict")
	if r := p.does(p.manager, id, "activate").Want(200); r.Value("in_force") != true {
		t.Errorf("activated %s", r.Raw)
	}
	p.Call(p.manager, "PATCH", at, obj{"purpose": "Anything"}, apptest.IfMatch(`"3"`)).WantCode(409, "state_conflict")
	p.does(p.manager, id, "activate").WantCode(409, "state_conflict")
	if r := p.does(p.manager, id, "suspend").Want(200); r.Value("in_force") != false {
		t.Errorf("suspended %s", r.Raw)
	}
	p.does(p.manager, id, "activate").Want(200)
	if r := p.does(p.manager, id, "end").Want(200); r.Text("status") != "ended" {
		t.Errorf("ended %s", r.Raw)
	}
	for _, verb := range []string{"activate", "suspend", "end"} {
		p.does(p.manager, id, verb).WantCode(409, "state_conflict")
	}
}

func TestAgreement_HoldsBetweenItsDaysAndOneAtATime(t *testing.T) {
	p := begin(t)
	today := db.NewDate(db.Now())
	for name, c := range map[string]struct {
		from, until any
		holds       bool
	}{
		"since today": {today.String(), nil, true}, "until today": {"2020-01-01", today.String(), true},
		"until yesterday": {"2020-01-01", db.NewDate(today.AddDate(0, 0, -1)).String(), false}, "from tomorrow": {db.NewDate(today.AddDate(0, 0, 1)).String(), nil, false},
	} {
		id := p.draft(p.manager, obj{"starts_on": c.from, "ends_on": c.until}).Want(201).ID()
		if r := p.does(p.manager, id, "activate").Want(200); r.Value("in_force") != c.holds {
			t.Errorf("%s: %s", name, r.Raw)
		}
		want := map[bool]int{true: 1}[c.holds]
		if r := p.Call(p.manager, "GET", "/v1/agreements?in_force=true", nil).Want(200); r.Len("data") != want {
			t.Errorf("%s: lists %s", name, r.Raw)
		}
		overlap := p.draft(p.manager, obj{"starts_on": c.from, "ends_on": c.until}).Want(201).ID()
		p.does(p.manager, overlap, "activate").WantCode(409, "overlapping_agreement")
		p.does(p.officer, p.draft(p.officer, obj{"centre_id": nil, "starts_on": c.from, "ends_on": c.until}).Want(201).ID(), "activate").Want(200) // of another party
		p.Exec("update agreements set status = 'ended'")
	}
}

func TestAgreement_IsConcludedByWhoActsForThePartyAndSeenByBoth(t *testing.T) {
	p := begin(t)
	ours := p.draft(p.manager, nil).Want(201)
	networks := p.draft(p.officer, obj{"centre_id": nil}).Want(201)
	elsewhere := p.draft(p.officer, obj{"centre_id": p.CentreB}).Want(201)
	p.draft(p.manager, obj{"centre_id": nil}).WantCode(403, "forbidden")
	p.draft(p.manager, obj{"centre_id": p.CentreB}).WantCode(422, "invalid")
	p.draft(p.Staff(p.CentreA, "caseworker"), nil).WantCode(403, "forbidden")
	p.draft(p.partner, nil).WantCode(403, "forbidden")
	p.does(p.manager, networks.ID(), "activate").WantCode(403, "forbidden")
	path := func(r *apptest.Response) string { return r.Header.Get("Location") }
	for who, c := range map[string]struct {
		person                         apptest.Person
		ours, networks, elsewhere, all int
	}{
		"the manager": {p.manager, 200, 200, 404, 2}, "a caseworker": {p.Staff(p.CentreA, "caseworker"), 200, 200, 404, 2}, "the network": {p.officer, 200, 200, 200, 3},
		"the partner": {p.partner, 200, 200, 200, 3}, "another partner": {p.Client(p.IOM, "partner:referrals"), 404, 404, 404, 0},
	} {
		p.Call(c.person, "GET", path(ours), nil).Want(c.ours)
		p.Call(c.person, "GET", path(networks), nil).Want(c.networks)
		p.Call(c.person, "GET", path(elsewhere), nil).Want(c.elsewhere)
		if r := p.Call(c.person, "GET", "/v1/agreements?organisation_id="+p.clinic.String(), nil).Want(200); r.Len("data") != c.all {
			t.Errorf("%s sees %s", who, r.Raw)
		}
	}
}

func TestAgreement_IsRefusedWhereItCannotBe(t *testing.T) {
	p := begin(t)
	for pointer, change := range map[string]obj{
		"/organisation_id": {"organisation_id": uuid.New()}, "/ends_on": {"ends_on": "2019-12-31"}, "/channels/0": {"channels": list{"pigeon"}},
	} {
		if r := p.draft(p.manager, change).WantCode(422, "invalid"); r.Text("errors", 0, "pointer") != pointer {
			t.Errorf("%v: %s", change, r.Raw)
		}
	}
	made := p.draft(p.manager, nil).Want(201)
	p.draft(p.manager, obj{"id": made.ID(), "purpose": "Another"}).WantCode(409, "id_taken")
	at := made.Header.Get("Location")
	p.Call(p.manager, "PATCH", at, obj{"ends_on": "2019-12-31"}, apptest.IfMatch(`"1"`)).WantCode(422, "invalid")
	p.Call(p.manager, "PATCH", at, obj{"purpose": "x"}, apptest.IfMatch(`"9"`)).WantCode(412, "stale_version")
	p.Call(p.manager, "PATCH", at, obj{"purpose": "x"}).WantCode(428, "if_match_required")
	if r := p.Call(p.manager, "PATCH", at, obj{"ends_on": nil, "retention_days": 30}, apptest.IfMatch(`"1"`)).Want(200); r.Text("ends_on") != "" || r.Text("retention_days") != "30" {
		t.Errorf("%s", r.Raw)
	}
}

func TestAgreement_CoversNothingOfASensitivityThatNobodyKnows(t *testing.T) {
	a := agreement.Agreement{SensitivityCeiling: "sensitive"}
	for sensitivity, want := range map[string]bool{"normal": true, "sensitive": true, "restricted": false, "": false, "secret": false} {
		if a.Covers(sensitivity) != want {
			t.Errorf("%q: %v", sensitivity, !want)
		}
	}
}
