package casework_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/app/apptest"
	"github.com/waystation/waystation/internal/codelist"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/task"
)

// reviews is the path of the glass that was broken.
func (d *desk) reviews() string { return "/v1/centres/" + d.CentreA.String() + "/break-glass-reviews" }

var emergency = obj{"reason": "Brought in unconscious, the hospital asks"}

// parts lists paths of a case's file.
var parts = strings.Split(" /history /team /walls /conferences /approvals /plans /goals /actions /notes /follow-ups", " ")

// reads tells whether somebody reads every part of a file, or none; parts of it fail the test.
func (d *desk) reads(p apptest.Person, id uuid.UUID) bool {
	d.T.Helper()
	found := 0
	for _, path := range parts {
		switch r := d.Call(p, "GET", d.at(id)+path, nil); r.Status {
		case 200:
			found++
		case 404:
		default:
			d.T.Fatalf("%s: %d %s", path, r.Status, r.Raw)
		}
	}
	listed := strings.Contains(string(d.Call(p, "GET", d.cases+"?limit=200", nil).Want(200).Raw), id.String())
	if found != 0 && found != len(parts) || listed != (found > 0) {
		d.T.Fatalf("%d of %d parts are read, listed: %v", found, len(parts), listed)
	}
	return found > 0
}

func TestBreakGlass_OpensARestrictedFileForAWhile(t *testing.T) {
	d := newDesk(t)
	dpo := d.Staff(d.CentreA, "dpo")
	id := d.open(obj{"sensitivity": "restricted"})
	if d.reads(d.supervisor, id) {
		t.Fatal("a supervisor sees a restricted file")
	}
	d.Call(d.Staff(d.CentreA, "centre_manager"), "POST", d.at(id, "break-glass"), emergency).WantCode(403, "forbidden") // keeps the house, not files
	nowhere := d.Call(d.supervisor, "POST", d.at(uuid.New(), "break-glass"), emergency).WantCode(404, "not_found")
	d.Call(d.supervisor, "POST", d.at(id, "break-glass"), obj{"reason": "curious"}).WantCode(422, "invalid")
	broken := d.Call(d.supervisor, "POST", d.at(id, "break-glass"), emergency).Want(201)
	if !d.reads(d.supervisor, id) {
		t.Error("broken glass opens nothing")
	}
	if d.reads(d.second, id) {
		t.Error("it opens to others too")
	}
	d.Call(d.supervisor, "POST", d.at(id, "notes"), obj{"text": "Told the hospital"}).Want(201)
	if r := d.Call(d.supervisor, "POST", d.at(id, "break-glass"), emergency).WantCode(409, "state_conflict"); r.Text("current_state") != "in_sight" {
		t.Errorf("again: %s", r.Raw)
	}
	if until := time.Until(asTime(t, broken.Text("until_at"))); until < 23*time.Hour || until > 24*time.Hour {
		t.Errorf("open for %s", until)
	}
	normal := d.open(nil)
	other := d.Staff(d.CentreA, "caseworker")
	if r := d.Call(other, "POST", d.at(normal, "break-glass"), emergency).WantCode(404, "not_found"); r.Text("detail") != nowhere.Text("detail") {
		t.Errorf("a file out of view answers %s", r.Raw)
	}

	d.Call(d.worker, "GET", d.reviews(), nil).WantCode(403, "forbidden")
	d.Call(d.supervisor, "POST", d.reviews()+"/"+broken.ID().String()+"/complete", obj{"outcome": "justified"}, match(1)).WantCode(403, "forbidden")
	if page := d.Call(dpo, "GET", d.reviews()+"?reviewed=false&overdue=false", nil).Want(200); page.Len("data") != 1 || page.ID("data", 0, "case_id") != id {
		t.Errorf("the officer finds %s", page.Raw)
	}
	d.Exec("update break_glass_grants set review_due_at = now() - interval '1 hour'")
	if d.Call(dpo, "GET", d.reviews()+"?overdue=true", nil).Want(200).Len("data") != 1 {
		t.Error("an overdue review is not listed")
	}
	d.Exec("update break_glass_grants set until_at = now()")
	if d.reads(d.supervisor, id) {
		t.Error("the glass stays broken")
	}
}

func TestBreakGlass_WithoutReasonClosesAtOnce(t *testing.T) {
	d := newDesk(t)
	id := d.open(obj{"sensitivity": "restricted"})
	broken := d.Call(d.supervisor, "POST", d.at(id, "break-glass"), emergency).Want(201)
	at := d.reviews() + "/" + broken.ID().String()
	d.Call(d.second, "POST", at+"/complete", obj{"outcome": "not_justified", "comment": "Nobody was ill"}, match(1)).Want(200)
	if d.reads(d.supervisor, id) {
		t.Error("the file stays open")
	}
	d.Call(d.second, "POST", at+"/complete", obj{"outcome": "justified"}, match(2)).WantCode(409, "state_conflict")
}

// Supervisors and the data-protection officer learn of it by the feed; it tells no more than ids.
func TestBreakGlass_IsToldToThoseWhoReviewIt(t *testing.T) {
	d := newDesk(t)
	id := d.open(obj{"sensitivity": "restricted"})
	d.Call(d.supervisor, "POST", d.at(id, "break-glass"), emergency).Want(201)
	d.Settle()
	changes := "/v1/centres/" + d.CentreA.String() + "/changes?resource=break_glass_grant"
	if page := d.Call(d.Staff(d.CentreA, "dpo"), "GET", changes, nil).Want(200); page.Len("data") != 1 || strings.Contains(string(page.Raw), "unconscious") {
		t.Errorf("the feed tells %s", page.Raw)
	}
	if page := d.Call(d.worker, "GET", changes, nil).Want(200); page.Len("data") != 0 {
		t.Errorf("a caseworker is told %s", page.Raw)
	}
}

func TestBreakGlass_IsATaskForEachWhoMayReviewIt(t *testing.T) {
	d := newDesk(t)
	id := d.open(obj{"sensitivity": "restricted"})
	d.Call(d.worker, "POST", d.at(id, "walls"), obj{"user_id": d.second.ID, "reason": "A cousin"}).Want(201)
	glass := d.Call(d.supervisor, "POST", d.at(id, "break-glass"), emergency).Want(201)
	tasks := "/v1/centres/" + d.CentreA.String() + "/tasks?kind=break_glass_review&mine=true"
	officer, judge := d.Staff(d.CentreA, "dpo"), d.Staff(d.CentreA, "case_supervisor")
	for _, p := range []apptest.Person{officer, judge} {
		if page := d.Call(p, "GET", tasks, nil).Want(200); page.Len("data") != 1 || page.ID("data", 0, "resource_id") != glass.ID() {
			t.Errorf("a reviewer has %s", page.Raw)
		}
	}
	if page := d.Call(d.second, "GET", tasks, nil).Want(200); page.Len("data") != 0 {
		t.Errorf("behind the wall there is %s", page.Raw)
	}
	d.Call(judge, "POST", d.reviews()+"/"+glass.ID().String()+"/complete", obj{"outcome": "justified"}, match(1)).Want(200)
	for _, p := range []apptest.Person{officer, judge} {
		if page := d.Call(p, "GET", tasks, nil).Want(200); page.Len("data") != 0 {
			t.Errorf("after the review there is %s", page.Raw)
		}
	}
}

func TestWall_KeepsAFileFromSomebodyWhateverTheirRole(t *testing.T) {
	for _, sensitivity := range []string{"normal", "restricted"} {
		t.Run(sensitivity, func(t *testing.T) {
			d := newDesk(t)
			id := d.open(obj{"sensitivity": sensitivity})
			cousin := d.Staff(d.CentreA, "case_supervisor", "centre_manager", "caseworker", "dpo")
			if d.reads(cousin, id) != (sensitivity == "normal") {
				t.Fatal("who sees the file to begin with")
			}
			wall := d.Call(d.worker, "POST", d.at(id, "walls"), obj{"user_id": cousin.ID, "reason": "A cousin"}).Want(201)
			d.Call(d.worker, "POST", d.at(id, "walls"), obj{"user_id": cousin.ID, "reason": "A cousin"}).WantCode(409, "walled_off")
			if d.reads(cousin, id) {
				t.Error("the wall has a hole")
			}
			d.Call(cousin, "POST", d.at(id, "break-glass"), emergency).WantCode(404, "not_found")
			d.Call(cousin, "PATCH", d.at(id), obj{"summary": "x"}, match(2)).WantCode(404, "not_found")
			for verb, field := range map[string]string{"team": "user_id", "assign": "owner_id"} {
				if r := d.do(d.worker, id, verb, obj{field: cousin.ID}).WantCode(422, "invalid"); r.Text("errors", 0, "code") != "walled_off" {
					t.Errorf("%s: %s", verb, r.Raw)
				}
			}
			d.Call(d.worker, "POST", d.at(id, "walls"), obj{"user_id": d.worker.ID, "reason": "Myself"}).WantCode(422, "invalid")
			d.Call(d.worker, "POST", d.at(id, "walls"), obj{"user_id": uuid.New(), "reason": "Nobody"}).WantCode(422, "invalid")
			d.Call(d.worker, "POST", d.at(id, "notes"), obj{"text": "x"}).Want(201)
			d.Settle()
			feed := d.Call(cousin, "GET", "/v1/centres/"+d.CentreA.String()+"/changes?limit=200", nil).Want(200)
			if strings.Contains(string(feed.Raw), id.String()) || strings.Contains(string(feed.Raw), "case_note") {
				t.Errorf("the feed tells of it: %s", feed.Raw)
			}
			d.Call(d.worker, "POST", wall.Header.Get("Location")+"/end", obj{"reason": "An error"}, match(1)).Want(200)
			if d.reads(cousin, id) != (sensitivity == "normal") {
				t.Error("the wall still stands")
			}
		})
	}
}

// A wall that is raised while somebody breaks the glass or joins the team: both cannot hold.
func TestWall_AndTeamNeverHoldTogether(t *testing.T) {
	d := newDesk(t)
	for range 10 {
		id := d.open(obj{"sensitivity": "restricted"})
		cousin := d.Staff(d.CentreA, "caseworker")
		var both sync.WaitGroup
		both.Go(func() { d.Call(d.worker, "POST", d.at(id, "walls"), obj{"user_id": cousin.ID, "reason": "A cousin"}) })
		both.Go(func() { d.Call(d.worker, "POST", d.at(id, "team"), obj{"user_id": cousin.ID}) })
		both.Wait()
		var walls, places int
		d.Scan("select (select count(*) from case_walls where case_id = $1), (select count(*) from case_team where case_id = $1 and user_id = $2)", []any{id, cousin.ID}, &walls, &places)
		if walls+places != 1 {
			t.Fatalf("%d walls and %d places", walls, places)
		}
	}
}

// duty D9
func TestConference_GuestsReadTheFileUntilTheirTimeIsOver(t *testing.T) {
	d := newDesk(t)
	id := d.open(obj{"sensitivity": "restricted"})
	guest := d.Staff(d.CentreA, "caseworker")
	held := time.Now().Add(24 * time.Hour).UTC()
	conference := d.Call(d.worker, "POST", d.at(id, "conferences"), obj{"scheduled_at": held, "purpose": "Where she can live", "participants": []obj{{"name": "A. Maïga"}}}).Want(201)
	at := conference.Header.Get("Location")
	d.Call(d.worker, "POST", at+"/invitations", obj{"user_id": guest.ID, "until_at": held.Add(30 * 24 * time.Hour)}).WantCode(422, "invalid")
	d.Call(d.worker, "POST", at+"/invitations", obj{"user_id": d.Staff(d.CentreA, "storekeeper").ID}).WantCode(422, "invalid")
	invited := d.Call(d.worker, "POST", at+"/invitations", obj{"user_id": guest.ID}).Want(201)
	d.Call(d.worker, "POST", at+"/invitations", obj{"user_id": guest.ID}).WantCode(409, "already_invited")
	if got := asTime(t, invited.Text("until_at")); got.Sub(held.Add(7*24*time.Hour)).Abs() > time.Second {
		t.Errorf("until %s", got)
	}
	if !d.reads(guest, id) {
		t.Error("a guest reads nothing")
	}
	d.Call(guest, "POST", d.at(id, "notes"), obj{"text": "x"}).WantCode(403, "forbidden")
	d.do(guest, id, "hold", obj{"reason": "x", "review_on": "2027-01-01"}).WantCode(403, "forbidden")
	d.Call(guest, "POST", at+"/invitations", obj{"user_id": d.second.ID}).WantCode(403, "forbidden")

	d.Exec("update case_invitations set from_at = now() - interval '2 days', until_at = now()")
	if d.reads(guest, id) {
		t.Error("a guest stays")
	}
	d.Exec("update case_invitations set from_at = now() + interval '1 day', until_at = now() + interval '2 days'")
	if d.reads(guest, id) {
		t.Error("a guest comes too early")
	}
	d.Exec("update case_invitations set from_at = now() - interval '1 day'")
	d.Call(d.worker, "POST", invited.Header.Get("Location")+"/end", nil, match(1)).Want(200)
	if d.reads(guest, id) {
		t.Error("an invitation that was taken back still opens the file")
	}
	d.Call(d.worker, "POST", at+"/invitations", obj{"user_id": guest.ID}).Want(201)
	d.Call(d.worker, "POST", at+"/cancel", obj{"reason": "She left"}, match(1)).Want(200)
	if d.reads(guest, id) {
		t.Error("a cancelled conference keeps its guests")
	}
	d.Call(d.worker, "POST", at+"/hold", obj{"outcome": "close"}, match(2)).WantCode(409, "state_conflict")
	d.Call(d.worker, "POST", at+"/invitations", obj{"user_id": guest.ID}).WantCode(409, "state_conflict")
}

func TestConference_KeepsWhatItDecided(t *testing.T) {
	d := newDesk(t)
	id := d.open(nil)
	at := d.Call(d.worker, "POST", d.at(id, "conferences"), obj{"scheduled_at": "2026-01-09T09:00:00Z", "purpose": "x"}).Want(201).Header.Get("Location")
	d.Call(d.worker, "PATCH", at, obj{"purpose": "Where she can live", "participants": []obj{{"name": "A. Maïga", "organisation": "Red Cross"}}}, match(1)).Want(200)
	d.Call(d.worker, "POST", at+"/hold", obj{"outcome": "nonsense"}, match(2)).WantCode(422, "invalid")
	d.Call(d.worker, "POST", at+"/hold", obj{"outcome": "transfer", "held_at": time.Now().Add(48 * time.Hour)}, match(2)).WantCode(422, "invalid")
	if r := d.Call(d.worker, "POST", at+"/hold", obj{"outcome": "transfer", "decisions": "To Niamey"}, match(2)).Want(200); r.Text("decisions") != "To Niamey" || r.Text("participants", 0, "organisation") != "Red Cross" {
		t.Errorf("%s", r.Raw)
	}
	d.Call(d.worker, "PATCH", at, obj{"purpose": "y"}, match(3)).WantCode(409, "state_conflict")
	if d.Call(d.worker, "GET", d.at(id, "conferences"), nil).Want(200).Len("data") != 1 {
		t.Error("it is not listed")
	}
}

// duty A2
func TestSupervision_IsForThoseWhoTookPart(t *testing.T) {
	d := newDesk(t)
	hidden, seen := d.open(obj{"sensitivity": "restricted"}), d.open(nil)
	sessions := "/v1/centres/" + d.CentreA.String() + "/supervision-sessions"
	body := func(more obj) obj {
		b := obj{"kind": "individual", "participant_ids": []uuid.UUID{d.worker.ID}, "held_at": "2026-01-05T14:00:00Z", "minutes": 60, "topics": []string{"Workload"}, "case_ids": []uuid.UUID{seen}}
		for k, v := range more {
			b[k] = v
		}
		return b
	}
	for code, bad := range map[string]obj{
		"unknown_case":   {"case_ids": []uuid.UUID{hidden}},
		"unknown_staff":  {"participant_ids": []uuid.UUID{uuid.New()}},
		"own_supervisor": {"participant_ids": []uuid.UUID{d.supervisor.ID}},
		"too_many":       {"participant_ids": []uuid.UUID{d.worker.ID, d.second.ID}},
		"in_the_future":  {"held_at": time.Now().Add(time.Hour)},
	} {
		if r := d.Call(d.supervisor, "POST", sessions, body(bad)).WantCode(422, "invalid"); r.Text("errors", 0, "code") != code {
			t.Errorf("%s: %s", code, r.Raw)
		}
	}
	at := d.Call(d.supervisor, "POST", sessions, body(nil)).Want(201).Header.Get("Location")
	d.Call(d.worker, "GET", at, nil).Want(200)
	d.Call(d.second, "GET", at, nil).WantCode(404, "not_found")
	if d.Call(d.second, "GET", sessions, nil).Want(200).Len("data") != 0 || d.Call(d.worker, "GET", sessions+"?participant_id="+d.worker.ID.String(), nil).Want(200).Len("data") != 1 {
		t.Error("a session is listed to the wrong people")
	}
	d.Call(d.worker, "POST", sessions, body(nil)).WantCode(403, "forbidden")
	d.Call(d.supervisor, "PATCH", at, obj{"minutes": 45}, match(1)).Want(200)
	d.Call(d.supervisor, "POST", at+"/void", obj{"reason": "Entered twice"}, match(2)).Want(200)
	d.Call(d.supervisor, "PATCH", at, obj{"minutes": 30}, match(3)).WantCode(409, "state_conflict")
	if d.Call(d.supervisor, "GET", sessions, nil).Want(200).Len("data") != 0 {
		t.Error("a void session is listed")
	}
}

func asTime(t *testing.T, text string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// Broken glass is for some hours: nobody makes a lasting place of it for themselves.
func TestBreakGlass_LetsNobodyInForLonger(t *testing.T) {
	d := newDesk(t)
	id := d.open(obj{"sensitivity": "restricted"})
	d.Call(d.supervisor, "POST", d.at(id, "break-glass"), emergency).Want(201)
	var version int
	d.Scan("select version from cases where id = $1", []any{id}, &version)
	d.Call(d.supervisor, "POST", d.at(id, "team"), obj{"user_id": d.supervisor.ID}).WantCode(403, "forbidden")
	d.Call(d.supervisor, "POST", d.at(id, "assign"), obj{"owner_id": d.supervisor.ID}, match(version)).WantCode(403, "forbidden")
	d.Call(d.supervisor, "PATCH", d.at(id), obj{"sensitivity": "normal"}, match(version)).WantCode(403, "forbidden")
	conference := d.Call(d.supervisor, "POST", d.at(id, "conferences"), obj{"scheduled_at": time.Now().Add(24 * time.Hour), "purpose": "What now"}).Want(201).Header.Get("Location")
	d.Call(d.supervisor, "POST", conference+"/invitations", obj{"user_id": d.supervisor.ID}).WantCode(403, "forbidden")
	d.Call(d.supervisor, "PATCH", d.at(id), obj{"summary": "Unconscious"}, match(version)).Want(200)
	d.Call(d.supervisor, "POST", d.at(id, "team"), obj{"user_id": d.second.ID}).Want(201)
	d.Call(d.second, "POST", d.at(id, "team"), obj{"user_id": d.supervisor.ID}).Want(201)
}

// Restricted facts beside the file open with it, for as long as it does.
func TestBreakGlass_OpensWhatIsRestrictedAboutThePerson(t *testing.T) {
	d := newDesk(t)
	id := d.open(obj{"sensitivity": "restricted"})
	about := "/v1/centres/" + d.CentreA.String() + "/beneficiaries/" + d.Call(d.worker, "GET", d.at(id), nil).Want(200).Text("beneficiary_id")
	d.Call(d.worker, "POST", about+"/screenings", obj{"interview_language": "fr", "interpreter_used": false,
		"factors": []obj{{"factor": restrictedFactor(t), "polarity": "risk", "severity": 3}}}).Want(201)
	told := func() int {
		return d.Call(d.supervisor, "GET", about+"/screenings?include_total=true", nil).Want(200).Len("data") +
			d.Call(d.supervisor, "GET", about+"/timeline?resource=vulnerability_screening", nil).Want(200).Len("data")
	}
	if n := told(); n != 0 {
		t.Fatalf("%d told of it before", n)
	}
	d.Call(d.supervisor, "POST", d.at(id, "break-glass"), emergency).Want(201)
	if n := told(); n != 2 {
		t.Errorf("%d tell of it", n)
	}
	d.Settle()
	if r := d.Call(d.Staff(d.CentreA, "dpo"), "GET", "/v1/centres/"+d.CentreA.String()+"/audit-events?limit=200&resource=vulnerability_screenings", nil).Want(200); r.Len("data") == 0 || strings.Contains(string(r.Raw), "restricted") {
		t.Errorf("the trail tells %s", r.Raw)
	}
}

func restrictedFactor(t *testing.T) string {
	t.Helper()
	list, _ := codelist.Get("domv_factor")
	for _, e := range list.Entries {
		if e.Extra["sensitivity"] == "restricted" {
			return e.Code
		}
	}
	t.Fatal("no factor is restricted")
	return ""
}

// The feed tells those behind a wall nothing of what follows from the file either.
func TestWall_KeepsTasksAndGlassOutOfTheFeed(t *testing.T) {
	d := newDesk(t)
	id, hidden := d.open(nil), d.open(obj{"sensitivity": "restricted"})
	for _, file := range []uuid.UUID{id, hidden} {
		d.Call(d.worker, "POST", d.at(file, "walls"), obj{"user_id": d.second.ID, "reason": "A cousin"}).Want(201)
	}
	d.Call(d.supervisor, "POST", d.at(hidden, "break-glass"), emergency).Want(201)
	raised := db.Scope{Centres: []uuid.UUID{d.CentreA}, ActorKind: "system"}
	if err := d.App.DB.InTx(context.Background(), raised, func(ctx context.Context) error {
		return task.Raise(ctx, task.Task{Key: "k", Kind: "turning_18", Resource: "case", ResourceID: id, CaseID: &id, Role: "case_supervisor", DueAt: db.Now()})
	}); err != nil {
		t.Fatal(err)
	}
	d.Settle()
	feed := "/v1/centres/" + d.CentreA.String() + "/changes?limit=200&resource=task,break_glass_grant"
	if r := d.Call(d.supervisor, "GET", feed, nil).Want(200); r.Len("data") != 2 {
		t.Errorf("a supervisor is told %s", r.Raw)
	}
	if r := d.Call(d.second, "GET", feed, nil).Want(200); r.Len("data") != 0 {
		t.Errorf("behind the wall is told %s", r.Raw)
	}
	var task uuid.UUID
	d.Scan("select id from tasks where case_id = $1", []any{id}, &task)
	if r := d.Call(d.supervisor, "POST", "/v1/centres/"+d.CentreA.String()+"/tasks/"+task.String()+"/assign", obj{"user_id": d.second.ID}, match(1)).WantCode(422, "invalid"); r.Text("errors", 0, "code") != "walled_off" {
		t.Errorf("assigned: %s", r.Raw)
	}
}

func TestConference_ThatIsMovedTakesItsGuestsWithIt(t *testing.T) {
	d := newDesk(t)
	id := d.open(obj{"sensitivity": "restricted"})
	guest, late := d.Staff(d.CentreA, "caseworker"), d.Staff(d.CentreA, "caseworker")
	held := time.Now().Add(60 * 24 * time.Hour).UTC().Truncate(time.Second)
	at := d.Call(d.worker, "POST", d.at(id, "conferences"), obj{"scheduled_at": held, "purpose": "x"}).Want(201).Header.Get("Location")
	invited := d.Call(d.worker, "POST", at+"/invitations", obj{"user_id": guest.ID}).Want(201).Header.Get("Location")
	over := d.Call(d.worker, "POST", at+"/invitations", obj{"user_id": late.ID, "from_at": held}).Want(201).Header.Get("Location")
	sooner := held.Add(-50 * 24 * time.Hour)
	d.Call(d.worker, "PATCH", at, obj{"scheduled_at": sooner}, match(1)).Want(200)
	if got := asTime(t, d.Call(d.worker, "GET", invited, nil).Want(200).Text("until_at")); !got.Equal(sooner.Add(7 * 24 * time.Hour)) {
		t.Errorf("the guest reads until %s", got)
	}
	if d.Call(d.worker, "GET", over, nil).Want(200).Text("ended_at") == "" {
		t.Error("an invitation stands that begins when reading is over")
	}
}

func TestSupervision_NamesToEachTheCasesTheyMayKnowOf(t *testing.T) {
	d := newDesk(t)
	theirs, walled := d.open(nil), d.open(nil)
	cousin := d.Staff(d.CentreA, "case_supervisor")
	at := d.Call(d.supervisor, "POST", "/v1/centres/"+d.CentreA.String()+"/supervision-sessions", obj{"kind": "group", "participant_ids": []uuid.UUID{d.worker.ID, cousin.ID},
		"held_at": "2026-01-05T14:00:00Z", "minutes": 60, "case_ids": []uuid.UUID{theirs, walled}}).Want(201).Header.Get("Location")
	d.Call(d.worker, "POST", d.at(walled, "walls"), obj{"user_id": cousin.ID, "reason": "A cousin"}).Want(201)
	if r := d.Call(cousin, "GET", at, nil).Want(200); r.Len("case_ids") != 1 || r.ID("case_ids", 0) != theirs {
		t.Errorf("behind the wall: %s", r.Raw)
	}
	if r := d.Call(cousin, "GET", "/v1/centres/"+d.CentreA.String()+"/supervision-sessions", nil).Want(200); r.Len("data", 0, "case_ids") != 1 {
		t.Errorf("listed: %s", r.Raw)
	}
	d.Call(d.supervisor, "PATCH", at, obj{"minutes": 45}, match(1)).Want(200)
	if r := d.Call(d.worker, "GET", at, nil).Want(200); r.Len("case_ids") != 2 {
		t.Errorf("the worker reads %s", r.Raw)
	}
}
