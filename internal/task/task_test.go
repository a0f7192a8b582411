package task_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/app/apptest"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/task"
)

type body map[string]any

func tasks(h *apptest.House) string { return "/v1/centres/" + h.CentreA.String() + "/tasks" }

// try raises a task in centre A as a job does.
func try(h *apptest.House, t task.Task) error {
	return h.App.DB.InTx(context.Background(), db.Scope{Centres: []uuid.UUID{h.CentreA}, ActorKind: "system"}, func(ctx context.Context) error {
		return task.Raise(ctx, t)
	})
}

// raise is try for a task that must be raised, and returns its id.
func raise(h *apptest.House, t task.Task) (id uuid.UUID) {
	h.T.Helper()
	if t.Resource == "" {
		t.Kind, t.Resource, t.ResourceID = "turning_18", "beneficiary", db.NewID()
	}
	if t.DueAt.IsZero() {
		t.DueAt = db.Now()
	}
	if err := try(h, t); err != nil {
		h.T.Fatal(err)
	}
	h.Scan("select id from tasks where key = $1", []any{t.Key}, &id)
	return id
}

// file makes a person and an open case of theirs with a team.
func file(h *apptest.House, sensitivity string, team ...apptest.Person) (person, kase uuid.UUID) {
	h.T.Helper()
	person = h.Call(h.Staff(h.CentreA, "registrar"), "POST", "/v1/centres/"+h.CentreA.String()+"/beneficiaries", body{"registration_level": "basic", "reception_on": "2026-03-01",
		"sex": "2", "age": 17, "population_type": "migrant", "basis": "best_interests_child", "basis_reason": "alone"}).Want(201).ID()
	kase = db.NewID()
	h.Exec(`insert into cases (centre_id, id, version, created_at, updated_at, number, beneficiary_id, status, risk_level, source, sensitivity)
		values ($1, $2, 1, now(), now(), $3, $4, 'open', 'medium', 'walk_in', $5)`, h.CentreA, kase, kase.String(), person, sensitivity)
	for _, p := range team {
		h.Exec(`insert into case_team (centre_id, id, version, created_at, updated_at, case_id, user_id, role)
			values ($1, $2, 1, now(), now(), $3, $4, 'member')`, h.CentreA, db.NewID(), kase, p.ID)
	}
	return person, kase
}

func TestRaise_OncePerKeyWhateverBecameOfIt(t *testing.T) {
	h := apptest.New(t)
	p := h.Staff(h.CentreA, "caseworker")
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if err := try(h, task.Task{Key: "k", Kind: "need_review", Resource: "specific_need", ResourceID: h.CentreA, Role: "caseworker", DueAt: db.Now()}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	one := h.Call(p, "GET", tasks(h), nil).Want(200)
	if one.Len("data") != 1 {
		t.Fatalf("raised %d times", one.Len("data"))
	}
	at := tasks(h) + "/" + one.Text("data", 0, "id")
	h.Call(p, "POST", at+"/complete", body{}, apptest.IfMatch(`"1"`)).Want(200)
	raise(h, task.Task{Key: "k", Role: "caseworker"})
	if n := h.Call(p, "GET", tasks(h), nil).Want(200).Len("data"); n != 0 {
		t.Error("what is done was raised again")
	}
	for name, wrong := range map[string]task.Task{
		"no key":       {Kind: "turning_18", Role: "caseworker"},
		"unknown kind": {Key: "x", Kind: "tea", Role: "caseworker"},
		"unknown role": {Key: "x", Kind: "turning_18", Role: "king"},
		"for nobody":   {Key: "x", Kind: "turning_18", DueAt: db.Now()},
	} {
		if try(h, wrong) == nil {
			t.Errorf("%s was raised", name)
		}
	}
}

func TestTask_CarriesIDsKindsAndTimesOnly(t *testing.T) {
	h := apptest.New(t)
	p := h.Staff(h.CentreA, "case_supervisor")
	person, kase := file(h, "normal")
	at := tasks(h) + "/" + raise(h, task.Task{Key: "k", Role: "case_supervisor", CaseID: &kase, BeneficiaryID: &person}).String()
	shown, _ := h.Call(p, "GET", at, nil).Want(200).Value().(map[string]any)
	for name := range shown {
		if !slices.Contains([]string{"id", "version", "created_at", "updated_at", "kind", "resource", "resource_id", "case_id", "beneficiary_id", "role", "due_at", "status"}, name) {
			t.Errorf("a task tells %s: %v", name, shown[name])
		}
	}
	var data string
	h.Scan("select data::text from events where resource = 'task'", nil, &data)
	if data != "{}" {
		t.Errorf("the feed tells %s", data)
	}
}

func TestTask_Life(t *testing.T) {
	h := apptest.New(t)
	p := h.Staff(h.CentreA, "caseworker")
	at := tasks(h) + "/" + raise(h, task.Task{Key: "a", Role: "caseworker"}).String()
	h.Call(p, "POST", at+"/complete", body{}).WantCode(428, "if_match_required")
	h.Call(p, "POST", at+"/complete", body{}, apptest.IfMatch(`"2"`)).WantCode(412, "stale_version")
	done := h.Call(p, "POST", at+"/complete", body{"note": "Spoke with her"}, apptest.IfMatch(`"1"`)).Want(200)
	if done.Text("status") != "done" || done.Text("reason") != "Spoke with her" || done.Text("closed_by") != p.ID.String() || done.Text("closed_at") == "" {
		t.Errorf("done: %s", done.Raw)
	}
	if got := h.Call(p, "GET", at, nil).Want(200); string(got.Raw) != string(done.Raw) {
		t.Errorf("answered %s, read %s", done.Raw, got.Raw)
	}
	for verb, with := range map[string]body{"complete": {}, "dismiss": {"reason": "x"}, "assign": {"user_id": p.ID}} {
		h.Call(p, "POST", at+"/"+verb, with, apptest.IfMatch(`"2"`)).WantCode(409, "state_conflict")
	}
	at = tasks(h) + "/" + raise(h, task.Task{Key: "b", Role: "caseworker"}).String()
	h.Call(p, "POST", at+"/dismiss", body{}, apptest.IfMatch(`"1"`)).WantCode(422, "invalid")
	h.Call(p, "POST", at+"/dismiss", body{"reason": ""}, apptest.IfMatch(`"1"`)).WantCode(422, "invalid")
	if r := h.Call(p, "POST", at+"/dismiss", body{"reason": "Born later"}, apptest.IfMatch(`"1"`)).Want(200); r.Text("status") != "dismissed" {
		t.Errorf("dismissed: %s", r.Raw)
	}
	if n := h.Call(p, "GET", tasks(h)+"?status=dismissed", nil).Want(200).Len("data"); n != 1 {
		t.Errorf("%d dismissed", n)
	}
	var told string
	h.Scan("select coalesce(string_agg(to_jsonb(a)::text, ''), '') from audit_events a where resource = 'tasks' and to_jsonb(a)::text ~ 'Spoke with her|Born later'", nil, &told)
	if told != "" {
		t.Errorf("the trail tells the reason: %s", told)
	}
}

func TestList_AnswersWhatIsForTheCaller(t *testing.T) {
	h := apptest.New(t)
	caseworker, registrar, supervisor := h.Staff(h.CentreA, "caseworker"), h.Staff(h.CentreA, "registrar"), h.Staff(h.CentreA, "case_supervisor")
	now := db.Now()
	raise(h, task.Task{Key: "late", Role: "caseworker", DueAt: now.Add(-time.Hour)})
	raise(h, task.Task{Key: "soon", Role: "caseworker", DueAt: now.Add(time.Hour)})
	hers := raise(h, task.Task{Key: "hers", UserID: &caseworker.ID, DueAt: now})
	taken := raise(h, task.Task{Key: "taken", Role: "caseworker", UserID: &supervisor.ID, DueAt: now})
	raise(h, task.Task{Key: "desk", Role: "registrar", DueAt: now, Kind: "need_review", Resource: "specific_need", ResourceID: db.NewID()})
	for _, c := range []struct {
		who   apptest.Person
		query string
		want  int
	}{
		{caseworker, "", 4}, {caseworker, "?mine=true", 3}, {caseworker, "?role=registrar", 0}, {registrar, "", 1}, {registrar, "?kind=turning_18", 0},
		{supervisor, "", 5}, {supervisor, "?mine=true", 1}, {supervisor, "?role=caseworker", 3}, {supervisor, "?kind=need_review", 1},
		{caseworker, "?due_before=" + now.Format(time.RFC3339Nano), 1}, {caseworker, "?status=done", 0},
		{supervisor, "?beneficiary_id=" + uuid.NewString(), 0}, {supervisor, "?case_id=" + uuid.NewString(), 0},
	} {
		if r := h.Call(c.who, "GET", tasks(h)+c.query, nil).Want(200); r.Len("data") != c.want {
			t.Errorf("%q lists %d, want %d: %s", c.query, r.Len("data"), c.want, r.Raw)
		}
	}
	if r := h.Call(caseworker, "GET", tasks(h)+"?include_total=true&limit=1", nil).Want(200); r.Text("total") != "4" {
		t.Errorf("counted %s", r.Raw)
	}
	var seen []string
	for path := tasks(h) + "?limit=2"; path != ""; {
		r := h.Call(supervisor, "GET", path, nil).Want(200)
		for i := range r.Len("data") {
			seen = append(seen, r.Text("data", i, "id"))
		}
		path = ""
		if next := r.Text("next_cursor"); next != "" {
			path = tasks(h) + "?limit=2&cursor=" + next
		}
	}
	if slices.Sort(seen); len(slices.Compact(seen)) != 5 {
		t.Errorf("the pages hold %v", seen)
	}
	for _, id := range []uuid.UUID{hers, taken} {
		at := tasks(h) + "/" + id.String()
		h.Call(registrar, "GET", at, nil).WantCode(404, "not_found")
		h.Call(registrar, "POST", at+"/complete", body{}, apptest.IfMatch(`"1"`)).WantCode(404, "not_found")
	}
	h.Call(h.Staff(h.CentreA, "me_analyst"), "GET", tasks(h), nil).WantCode(403, "forbidden")
	h.Call(h.Staff(h.CentreB, "caseworker"), "GET", tasks(h), nil).WantCode(404, "not_found")
}

func TestAssign_GoesToColleaguesWhoMaySeeIt(t *testing.T) {
	h := apptest.New(t)
	p, colleague := h.Staff(h.CentreA, "caseworker"), h.Staff(h.CentreA, "registrar")
	at := tasks(h) + "/" + raise(h, task.Task{Key: "a", Role: "caseworker"}).String() + "/assign"
	for name, stranger := range map[string]uuid.UUID{"nobody": uuid.New(), "of another centre": h.Staff(h.CentreB, "caseworker").ID} {
		if r := h.Call(p, "POST", at, body{"user_id": stranger}, apptest.IfMatch(`"1"`)).WantCode(422, "invalid"); r.Text("errors", 0, "code") != "unknown_staff" {
			t.Errorf("%s: %s", name, r.Raw)
		}
	}
	h.Call(p, "POST", at, body{}, apptest.IfMatch(`"1"`)).WantCode(422, "invalid")
	h.Call(p, "POST", at, body{"role": "king"}, apptest.IfMatch(`"1"`)).WantCode(422, "invalid")
	if r := h.Call(p, "POST", at, body{"user_id": colleague.ID}, apptest.IfMatch(`"1"`)).Want(200); r.Text("user_id") != colleague.ID.String() || r.Text("role") != "caseworker" {
		t.Errorf("assigned: %s", r.Raw)
	}
	if n := h.Call(colleague, "GET", tasks(h)+"?mine=true", nil).Want(200).Len("data"); n != 1 {
		t.Errorf("the colleague finds %d", n)
	}
	if r := h.Call(colleague, "POST", at, body{"user_id": nil, "role": "registrar"}, apptest.IfMatch(`"2"`)).Want(200); r.Value("user_id") != nil || r.Text("role") != "registrar" {
		t.Errorf("back to a role: %s", r.Raw)
	}
	at = tasks(h) + "/" + raise(h, task.Task{Key: "b", UserID: &p.ID}).String() + "/assign"
	if r := h.Call(p, "POST", at, body{"user_id": nil}, apptest.IfMatch(`"1"`)).WantCode(422, "invalid"); r.Text("errors", 0, "pointer") != "/role" {
		t.Errorf("for nobody: %s", r.Raw)
	}
}

// rule 26
func TestTask_OnARestrictedCaseIsItsTeams(t *testing.T) {
	h := apptest.New(t)
	member, colleague := h.Staff(h.CentreA, "caseworker"), h.Staff(h.CentreA, "case_supervisor", "caseworker", "centre_manager")
	_, kase := file(h, "restricted", member)
	id := raise(h, task.Task{Key: "k", Role: "caseworker", CaseID: &kase})
	at := tasks(h) + "/" + id.String()
	if r := h.Call(colleague, "GET", tasks(h)+"?include_total=true", nil).Want(200); r.Len("data") != 0 || r.Text("total") != "0" {
		t.Errorf("a colleague reads %s", r.Raw)
	}
	h.Call(colleague, "GET", at, nil).WantCode(404, "not_found")
	h.Call(colleague, "POST", at+"/dismiss", body{"reason": "x"}, apptest.IfMatch(`"1"`)).WantCode(404, "not_found")
	h.Call(member, "GET", at, nil).Want(200)
	if r := h.Call(member, "POST", at+"/assign", body{"user_id": colleague.ID}, apptest.IfMatch(`"1"`)).WantCode(422, "invalid"); r.Text("errors", 0, "code") != "not_on_team" {
		t.Errorf("out of the team: %s", r.Raw)
	}
	h.Call(member, "POST", at+"/complete", body{}, apptest.IfMatch(`"1"`)).Want(200)
	var told int
	h.Scan("select count(*) from events where subject_id = $1", []any{id}, &told)
	if told != 0 {
		t.Errorf("%d events tell of it", told)
	}
}

// A task on a file of colleagues is no way around the list of cases.
func TestTask_OnACaseIsForThoseWhoMayKnowOfIt(t *testing.T) {
	h := apptest.New(t)
	owner, colleague := h.Staff(h.CentreA, "caseworker"), h.Staff(h.CentreA, "caseworker")
	_, kase := file(h, "normal")
	at := tasks(h) + "/" + raise(h, task.Task{Key: "k", Role: "caseworker", CaseID: &kase}).String()
	h.Call(colleague, "GET", at, nil).Want(200) // nobody owns the case yet
	h.Exec("update cases set owner_id = $1", owner.ID)
	if r := h.Call(colleague, "GET", tasks(h)+"?include_total=true", nil).Want(200); r.Len("data") != 0 || r.Text("total") != "0" {
		t.Errorf("a colleague reads %s", r.Raw)
	}
	h.Call(colleague, "GET", at, nil).WantCode(404, "not_found")
	h.Call(colleague, "POST", at+"/complete", body{}, apptest.IfMatch(`"1"`)).WantCode(404, "not_found")
	h.Call(h.Staff(h.CentreA, "case_supervisor"), "GET", at, nil).Want(200)
	h.Call(owner, "POST", at+"/assign", body{"user_id": colleague.ID}, apptest.IfMatch(`"1"`)).Want(200)
	h.Call(colleague, "POST", at+"/complete", body{}, apptest.IfMatch(`"2"`)).Want(200) // by name
}

func TestTask_OneOfManyCompletesIt(t *testing.T) {
	h := apptest.New(t)
	p := h.Staff(h.CentreA, "caseworker")
	at := tasks(h) + "/" + raise(h, task.Task{Key: "k", Role: "caseworker"}).String()
	statuses := apptest.AtOnce(8, func(i int) *apptest.Response {
		return h.Call(p, "POST", at+"/complete", body{"note": fmt.Sprint(i)}, apptest.IfMatch(`"1"`))
	})
	if statuses[0] != 200 || statuses[1] != 412 {
		t.Errorf("answered %v", statuses)
	}
}
