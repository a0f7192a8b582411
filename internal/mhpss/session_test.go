package mhpss_test

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/app/apptest"
)

type (
	obj  = map[string]any
	list = []any
)

// room is a centre where support is given.
type room struct {
	*apptest.House
	worker, specialist, supervisor apptest.Person
	at, sessions                   string
}

func newRoom(t *testing.T) *room {
	h := apptest.New(t)
	at := "/v1/centres/" + h.CentreA.String()
	return &room{h, h.Staff(h.CentreA, "caseworker"), h.Staff(h.CentreA, "mhpss_specialist"), h.Staff(h.CentreA, "case_supervisor"), at, at + "/mhpss/sessions"}
}

func (r *room) person(name string) uuid.UUID {
	return r.Call(r.worker, "POST", r.at+"/beneficiaries", obj{"registration_level": "basic", "reception_on": "2026-03-01", "given_name": name, "family_name": "Keïta",
		"sex": "2", "age": 27, "population_type": "migrant", "consent": obj{"decision": "given", "giver": "individual", "method": "written", "language": "fr"}}).Want(201).ID()
}

func (r *room) session(change obj) obj {
	s := obj{"kind": "individual", "activity": "7.1", "pyramid_level": "3", "starts_at": "2026-03-03T15:00:00Z", "minutes": 45}
	for name, value := range change {
		if s[name] = value; value == nil {
			delete(s, name)
		}
	}
	return s
}

func among(ids ...uuid.UUID) list {
	out := list{}
	for _, id := range ids {
		out = append(out, obj{"beneficiary_id": id})
	}
	return out
}

func match(version string) apptest.Header { return apptest.IfMatch(`"` + version + `"`) }

// duty D5
func TestD5_GroupSessionIsOneSessionAndAsManyPersonsAsCame(t *testing.T) {
	r := newRoom(t)
	binta, awa, kadi := r.person("Binta"), r.person("Awa"), r.person("Kadi")
	r.Call(r.worker, "POST", r.sessions, r.session(obj{"participants": among(binta)})).Want(201)
	made := r.Call(r.worker, "POST", r.sessions, r.session(obj{"kind": "group", "activity": "5.2", "participants": list{
		obj{"beneficiary_id": binta}, obj{"beneficiary_id": awa}, obj{"beneficiary_id": kadi, "attended": false}},
		"headcounts": list{obj{"sex": "2", "age_group": "unhcr_18_59", "persons": 7}}})).Want(201)
	if made.Text("persons") != "9" || made.Text("participants", 2, "attended") != "false" {
		t.Errorf("%s", made.Raw)
	}
	figures := r.Call(r.supervisor, "GET", r.at+"/mhpss/activity?from=2026-03-01&to=2026-03-31", nil).Want(200)
	if figures.Text("sessions") != "2" || figures.Text("attendances") != "10" || figures.Text("minutes") != "90" || figures.Len("rows") != 2 {
		t.Errorf("%s", figures.Raw)
	}
	mine := r.Call(r.worker, "GET", r.sessions+"?beneficiary_id="+awa.String()+"&kind=group", nil).Want(200)
	if mine.Len("data") != 1 || mine.Value("data", 0, "participants") != nil {
		t.Errorf("%s", mine.Raw)
	}
	told := r.Call(r.worker, "GET", r.at+"/beneficiaries/"+awa.String()+"/timeline?resource=mhpss_participant", nil).Want(200)
	if told.Len("data") != 1 {
		t.Errorf("the timeline tells %s", told.Raw)
	}
	r.Call(r.supervisor, "GET", r.at+"/mhpss/activity?from=2026-03-31&to=2026-03-01", nil).WantCode(422, "invalid")
}

// duty D15
func TestD15_PsychoEducationCountsFamiliesAndPeopleWithoutAName(t *testing.T) {
	r := newRoom(t)
	mother, father := r.person("Oumou"), r.person("Issa")
	lesson := obj{"kind": "family", "activity": "3.2", "pyramid_level": "2", "psycho_education": true,
		"participants": list{obj{"beneficiary_id": mother}, obj{"beneficiary_id": father, "role": "family_member"}},
		"headcounts":   list{obj{"sex": "1", "age_group": "unhcr_5_11", "persons": 2}}}
	if refused := r.Call(r.worker, "POST", r.sessions, r.session(lesson)).Want(422); refused.Text("errors", 0, "pointer") != "/topic" {
		t.Errorf("%s", refused.Raw)
	}
	lesson["topic"] = "Sleep and worry"
	if made := r.Call(r.worker, "POST", r.sessions, r.session(lesson)).Want(201); made.Text("persons") != "4" || made.Text("participants", 1, "role") != "family_member" {
		t.Errorf("%s", made.Raw)
	}
	counted := r.Call(r.worker, "POST", r.sessions, r.session(obj{"kind": "group", "activity": "1.2", "psycho_education": true, "topic": "Where help is",
		"headcounts": list{obj{"sex": "1", "age_group": "unknown", "persons": 14}, obj{"sex": "2", "age_group": "unknown", "persons": 3}}})).Want(201)
	if counted.Text("persons") != "17" || r.Call(r.worker, "GET", r.sessions+"?psycho_education=true", nil).Want(200).Len("data") != 2 {
		t.Errorf("%s", counted.Raw)
	}
}

// duty A1: what is planned, with which materials, and who supports the facilitator.
func TestA1_SessionIsPlannedWithMaterialsAndSupervisorThenHeldOrCancelled(t *testing.T) {
	r := newRoom(t)
	binta := r.person("Binta")
	plan := r.session(obj{"kind": "group", "status": "planned", "starts_at": time.Now().Add(48 * time.Hour), "minutes": nil, "participants": among(binta),
		"supervisor_id": r.supervisor.ID, "materials": list{"Picture cards"}, "plan": "Names, rules, breathing"})
	made := r.Call(r.worker, "POST", r.sessions, plan).Want(201)
	at := r.sessions + "/" + made.ID().String()
	if made.Text("status") != "planned" || made.Text("persons") != "0" || made.Text("supervisor_id") != r.supervisor.ID.String() {
		t.Errorf("%s", made.Raw)
	}
	r.Call(r.worker, "POST", at+"/hold", obj{"minutes": 60}, match("1")).WantCode(422, "invalid") // still to come
	r.Call(r.worker, "PATCH", at, obj{"starts_at": "2026-03-03T15:00:00Z"}, match("1")).Want(200)
	r.Call(r.worker, "POST", at+"/hold", obj{"minutes": 60}, match("1")).Want(412)
	r.Call(r.worker, "POST", at+"/hold", obj{"minutes": 60, "participants": list{obj{"beneficiary_id": binta, "attended": false}}}, match("2")).WantCode(422, "invalid") // nobody came
	held := r.Call(r.worker, "POST", at+"/hold", obj{"minutes": 60, "interpreter": true}, match("2")).Want(200)
	if held.Text("persons") != "1" || held.Text("status") != "held" || held.Text("participants", 0, "attended") != "true" {
		t.Errorf("%s", held.Raw)
	}
	r.Call(r.worker, "POST", at+"/cancel", obj{"reason": "x"}, match("3")).WantCode(409, "state_conflict")
	r.Call(r.worker, "POST", at+"/void", obj{"reason": "Entered twice"}, match("3")).Want(200)
	if n := r.Call(r.worker, "GET", r.sessions, nil).Want(200).Len("data"); n != 0 {
		t.Errorf("%d voided sessions are listed", n)
	}
	other := r.Call(r.worker, "POST", r.sessions, plan).Want(201)
	r.Call(r.worker, "POST", r.sessions+"/"+other.ID().String()+"/cancel", obj{"reason": "Nobody could come"}, match("1")).Want(200)
	r.Call(r.worker, "PATCH", r.sessions+"/"+other.ID().String(), obj{"place": "Hall"}, match("2")).WantCode(409, "state_conflict")
}

func TestSession_RefusesWhatCannotBe(t *testing.T) {
	r := newRoom(t)
	binta := r.person("Binta")
	elsewhere := r.Call(r.Staff(r.CentreB, "caseworker"), "POST", "/v1/centres/"+r.CentreB.String()+"/beneficiaries", obj{"registration_level": "basic", "reception_on": "2026-03-01",
		"given_name": "Awa", "family_name": "Sow", "sex": "2", "age": 27, "population_type": "migrant", "consent": obj{"decision": "given", "giver": "individual", "method": "written", "language": "fr"}}).Want(201).ID()
	for name, c := range map[string]struct {
		change  obj
		pointer string
	}{
		"two in an individual session":   {obj{"participants": among(binta, r.person("Awa"))}, "/participants"},
		"nobody":                         {obj{}, "/participants"},
		"counted beside an individual":   {obj{"participants": among(binta), "headcounts": list{obj{"sex": "1", "age_group": "unknown", "persons": 1}}}, "/headcounts"},
		"the same group counted twice":   {obj{"kind": "group", "headcounts": list{obj{"sex": "1", "age_group": "unknown", "persons": 1}, obj{"sex": "1", "age_group": "unknown", "persons": 2}}}, "/headcounts/1"},
		"a person twice":                 {obj{"kind": "group", "participants": among(binta, binta)}, "/participants"},
		"another centre's person":        {obj{"participants": among(elsewhere)}, "/participants"},
		"a stranger leads":               {obj{"participants": among(binta), "facilitator_id": uuid.New()}, "/facilitator_id"},
		"staff of another centre leads":  {obj{"participants": among(binta), "facilitator_id": r.Staff(r.CentreB, "caseworker").ID}, "/facilitator_id"},
		"specialised, by a case worker":  {obj{"participants": among(binta), "pyramid_level": "4"}, "/pyramid_level"},
		"in the future":                  {obj{"participants": among(binta), "starts_at": time.Now().Add(time.Hour)}, "/starts_at"},
		"held, and nobody says how long": {obj{"participants": among(binta), "minutes": nil}, "/minutes"},
	} {
		if refused := r.Call(r.worker, "POST", r.sessions, r.session(c.change)).Want(422); refused.Text("errors", 0, "pointer") != c.pointer {
			t.Errorf("%s: %s", name, refused.Raw)
		}
	}
	r.Call(r.specialist, "POST", r.sessions, r.session(obj{"participants": among(binta), "pyramid_level": "4", "activity": "10.1"})).Want(201)
	r.Call(r.worker, "POST", r.sessions, r.session(obj{"participants": among(binta), "case_id": uuid.New()})).WantCode(404, "not_found")
}

func TestNotes_AreReadByWhoLeadsAndWhoSupervises(t *testing.T) {
	r := newRoom(t)
	colleague := r.Staff(r.CentreA, "mhpss_specialist", "caseworker")
	made := r.Call(r.worker, "POST", r.sessions, r.session(obj{"participants": among(r.person("Binta")), "supervisor_id": r.specialist.ID})).Want(201)
	notes := r.sessions + "/" + made.ID().String() + "/notes"
	written := r.Call(r.worker, "POST", notes, obj{"text": "Wept for her brother"}).Want(201)
	r.Call(r.specialist, "GET", written.Header.Get("Location"), nil).Want(200)
	r.Call(colleague, "GET", written.Header.Get("Location"), nil).WantCode(404, "not_found")
	r.Call(colleague, "POST", notes, obj{"text": "Came by at night"}).Want(201)
	for p, want := range map[*apptest.Person]int{&r.worker: 2, &r.specialist: 2, &colleague: 1} {
		if got := r.Call(*p, "GET", notes, nil).Want(200); got.Len("data") != want {
			t.Errorf("%d notes instead of %d: %s", got.Len("data"), want, got.Raw)
		}
	}
	var may bool
	r.Scan("select has_table_privilege('waystation_app', 'mhpss_notes', 'update') or has_table_privilege('waystation_app', 'mhpss_notes', 'delete')", nil, &may)
	if may {
		t.Error("notes can be rewritten")
	}
	var kept int
	r.Scan("select count(*) from audit_events where resource = 'mhpss_notes' and action = 'insert' and coalesce(after::text, '') like '%brother%'", nil, &kept)
	if kept != 0 {
		t.Error("the trail keeps what a note says")
	}
}

// rule 26
func TestSession_InARestrictedFileIsKnownToItsTeamAlone(t *testing.T) {
	r := newRoom(t)
	binta := r.person("Binta")
	kase := r.Call(r.worker, "POST", r.at+"/cases", obj{"beneficiary_id": binta, "source": "walk_in", "risk_level": "low", "sensitivity": "restricted"}).Want(201).ID()
	made := r.Call(r.worker, "POST", r.sessions, r.session(obj{"participants": among(binta), "case_id": kase})).Want(201)
	at := r.sessions + "/" + made.ID().String()
	for _, p := range []apptest.Person{r.specialist, r.supervisor, r.Staff(r.CentreA, "caseworker", "centre_manager")} {
		r.Call(p, "GET", at, nil).WantCode(404, "not_found")
		if got := r.Call(p, "GET", r.sessions+"?include_total=true", nil).Want(200); got.Text("total") != "0" {
			t.Errorf("%s", got.Raw)
		}
		if got := r.Call(p, "GET", r.at+"/mhpss/activity?from=2026-03-01&to=2026-03-31", nil).Want(200); got.Text("sessions") != "0" {
			t.Errorf("%s", got.Raw)
		}
		if got := r.Call(p, "GET", r.at+"/beneficiaries/"+binta.String()+"/timeline?resource=mhpss_participant", nil).Want(200); got.Len("data") != 0 {
			t.Errorf("%s", got.Raw)
		}
	}
	r.Call(r.specialist, "POST", at+"/notes", obj{"text": "x"}).WantCode(404, "not_found")
	r.Call(r.worker, "GET", at, nil).Want(200)
	var told int
	r.Scan("select count(*) from events where resource = 'mhpss_session'", nil, &told)
	if told != 0 {
		t.Errorf("the change feed tells %d times", told)
	}
}
