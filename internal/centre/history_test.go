package centre_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/app/apptest"
	"github.com/waystation/waystation/internal/centre"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
)

// day is a date in Niamey, so many days from today.
func day(offset int) string {
	zone, err := time.LoadLocation("Africa/Niamey")
	if err != nil {
		panic(err)
	}
	return time.Now().In(zone).AddDate(0, 0, offset).Format(time.DateOnly)
}

func phase(code string, offset int) map[string]any {
	return map[string]any{"phase": code, "starts_on": day(offset)}
}

// asSystem runs fn in a session of a centre.
func asSystem(t *testing.T, h *apptest.House, centre uuid.UUID, fn func(context.Context) error) error {
	t.Helper()
	return h.App.DB.InTx(context.Background(), db.Scope{Centres: []uuid.UUID{centre}}, fn)
}

func TestPhase_TakesEffectOnItsDay(t *testing.T) {
	h := apptest.New(t)
	admin, at := h.Staff(h.CentreA, "tenant_admin"), in(h.CentreA, "/phases")
	current := func() string { return h.Call(admin, "GET", in(h.CentreA, ""), nil).Want(200).Text("phase") }
	past := h.Call(admin, "POST", at, phase("setup", -30)).Want(201)
	if past.Value("current") != true || current() != "setup" {
		t.Errorf("the past row is not in force: %s, %s", past.Raw, current())
	}
	h.Call(admin, "POST", at, phase("closed", 1)).Want(201)
	if now := h.Call(admin, "POST", at, phase("management", 0)).Want(201); now.Value("current") != true {
		t.Errorf("today's row is not in force: %s", now.Raw)
	}
	if current() != "management" {
		t.Errorf("phase is %s", current())
	}
	h.Call(admin, "POST", at, phase("phase_out", -10)).Want(201)
	if current() != "management" {
		t.Errorf("an older row took over: %s", current())
	}
	list := h.Call(admin, "GET", at, nil).Want(200)
	order := []string{}
	for i := range list.Len("data") {
		order = append(order, fmt.Sprint(list.Text("data", i, "phase"), " ", list.Value("data", i, "current")))
	}
	if fmt.Sprint(order) != "[closed false management true phase_out false setup false]" {
		t.Errorf("history: %v", order)
	}
	got := h.Call(admin, "GET", past.Header.Get("Location"), nil).Want(200)
	if got.Text("phase") != "setup" || got.Value("current") != false || got.ETag() != `"1"` {
		t.Errorf("read back: %s", got.Raw)
	}
}

func TestPhase_RefusesBadInput(t *testing.T) {
	h := apptest.New(t)
	admin, at := h.Staff(h.CentreA, "tenant_admin"), in(h.CentreA, "/phases")
	for name, c := range map[string]struct {
		body map[string]any
		at   string
	}{
		"unknown phase": {map[string]any{"phase": "limbo", "starts_on": day(0)}, "/phase"},
		"no day":        {map[string]any{"phase": "setup"}, "/starts_on"},
		"no such day":   {map[string]any{"phase": "setup", "starts_on": "2026-02-30"}, "/starts_on"},
		"year 0":        {map[string]any{"phase": "setup", "starts_on": "0000-01-01"}, "/starts_on"},
		"far past":      {map[string]any{"phase": "setup", "starts_on": "0212-01-01"}, "/starts_on"},
		"far future":    {map[string]any{"phase": "setup", "starts_on": "9999-12-31"}, "/starts_on"},
	} {
		r := h.Call(admin, "POST", at, c.body).WantCode(422, "invalid")
		if r.Text("errors", 0, "pointer") != c.at {
			t.Errorf("%s: %s", name, r.Raw)
		}
	}
	h.Call(admin, "POST", at, phase("setup", 5)).Want(201)
	h.Call(admin, "POST", at, phase("closed", 5)).WantCode(409, "date_taken")
	h.Call(admin, "GET", at+"/"+uuid.NewString(), nil).WantCode(404, "not_found")
	h.Call(admin, "GET", at+"?limit=1&cursor=zzz", nil).WantCode(400, "invalid_cursor")
}

func TestPhase_ErrorIsTakenBackWithAReason(t *testing.T) {
	h := apptest.New(t)
	admin, at := h.Staff(h.CentreA, "tenant_admin"), in(h.CentreA, "/phases")
	first := h.Call(admin, "POST", at, phase("management", -20)).Want(201)
	wrong := h.Call(admin, "POST", at, phase("phase_out", 0)).Want(201).Header.Get("Location")
	reason := map[string]any{"reason": "Wrong centre"}
	h.Call(admin, "POST", wrong+"/void", reason).WantCode(428, "if_match_required")
	h.Call(admin, "POST", wrong+"/void", map[string]any{"reason": " "}, apptest.IfMatch(`"1"`)).WantCode(422, "invalid")
	voided := h.Call(admin, "POST", wrong+"/void", reason, apptest.IfMatch(`"1"`)).Want(200)
	if voided.Text("void_reason") != "Wrong centre" || voided.Text("voided_at") == "" || voided.Value("current") != false {
		t.Errorf("voided: %s", voided.Raw)
	}
	if got := h.Call(admin, "GET", in(h.CentreA, ""), nil).Text("phase"); got != "management" {
		t.Errorf("the centre stays in %s", got)
	}
	h.Call(admin, "POST", wrong+"/void", reason, apptest.IfMatch(`"1"`)).WantCode(412, "stale_version")
	again := h.Call(admin, "POST", wrong+"/void", reason, apptest.IfMatch(`"2"`)).WantCode(409, "state_conflict")
	if again.Text("current_state") != "void" {
		t.Errorf("state: %s", again.Raw)
	}
	h.Call(admin, "POST", first.Header.Get("Location")+"/void", reason, apptest.IfMatch(`"1"`)).WantCode(422, "nothing_in_force")
	if n := h.Call(admin, "GET", at, nil).Len("data"); n != 1 {
		t.Errorf("%d entries count", n)
	}
	if n := h.Call(admin, "GET", at+"?include_void=true", nil).Len("data"); n != 2 {
		t.Errorf("%d entries with the void one", n)
	}
	h.Call(admin, "POST", at, phase("phase_out", 0)).Want(201) // the date is free again
}

func TestHistory_IsKeptByThoseWhoGovern(t *testing.T) {
	h := apptest.New(t)
	model := map[string]any{"model": "government_managed", "organisation_id": h.IOM, "starts_on": day(0)}
	for path, body := range map[string]any{"/phases": phase("setup", 0), "/management-models": model} {
		manager := h.Staff(h.CentreA, "centre_manager")
		h.Call(manager, "POST", in(h.CentreA, path), body).WantCode(403, "forbidden")
		h.Call(manager, "GET", in(h.CentreA, path), nil).Want(200)
		foreign := h.Staff(h.CentreB, "tenant_admin")
		h.Call(foreign, "POST", in(h.CentreA, path), body).WantCode(404, "not_found")
		mine := h.Call(h.Network("network_officer"), "POST", in(h.CentreA, path), body).Want(201)
		h.Call(foreign, "GET", in(h.CentreB, path)+"/"+mine.ID().String(), nil).WantCode(404, "not_found")
		h.Call(foreign, "POST", in(h.CentreB, path)+"/"+mine.ID().String()+"/void", map[string]any{"reason": "x"}, apptest.IfMatch(`"1"`)).WantCode(404, "not_found")
	}
}

func TestManagementModel_ChangesTheControllerOfTheData(t *testing.T) {
	h := apptest.New(t)
	admin, at := h.Staff(h.CentreA, "tenant_admin"), in(h.CentreA, "/management-models")
	ministry := h.Organisation("Ministry", "government")
	retired := h.Organisation("Gone", "ngo")
	h.Exec("update organisations set active = false where id = $1", retired)
	model := func(organisation any, offset int) map[string]any {
		return map[string]any{"model": "government_managed", "organisation_id": organisation, "starts_on": day(offset)}
	}
	for organisation, code := range map[uuid.UUID]string{uuid.New(): "unknown_organisation", retired: "inactive_organisation"} {
		if r := h.Call(admin, "POST", at, model(organisation, 0)).WantCode(422, "invalid"); r.Text("errors", 0, "code") != code {
			t.Errorf("%s: %s", code, r.Raw)
		}
	}
	h.Call(admin, "POST", at, map[string]any{"model": "co_managed", "starts_on": day(0)}).WantCode(422, "invalid")
	h.Call(admin, "POST", at, model(h.IOM, -9)).Want(201)
	handed := h.Call(admin, "POST", at, model(ministry, 0)).Want(201)
	if got := h.Call(admin, "GET", handed.Header.Get("Location"), nil).Want(200); string(got.Raw) != string(handed.Raw) || got.Value("current") != true {
		t.Errorf("recorded as %s, read as %s", handed.Raw, got.Raw)
	}
	page := h.Call(admin, "GET", at+"?limit=1&include_total=true&sort=starts_on", nil).Want(200)
	rest := h.Call(admin, "GET", at+"?limit=1&cursor="+page.Text("next_cursor"), nil).Want(200)
	if page.Text("total") != "2" || page.ID("data", 0, "organisation_id") != h.IOM || rest.ID("data", 0, "organisation_id") != ministry || rest.Value("next_cursor") != nil {
		t.Errorf("pages: %s %s", page.Raw, rest.Raw)
	}
	now := h.Call(admin, "GET", in(h.CentreA, ""), nil).Want(200)
	if now.ID("organisation_id") != ministry || now.Text("management_model") != "government_managed" {
		t.Errorf("centre: %s", now.Raw)
	}
	h.Call(admin, "POST", at, model(h.IOM, 0)).WantCode(409, "date_taken")
	h.Call(admin, "POST", handed.Header.Get("Location")+"/void", map[string]any{"reason": "Not signed"}, apptest.IfMatch(handed.ETag())).Want(200)
	if back := h.Call(admin, "GET", in(h.CentreA, ""), nil); back.ID("organisation_id") != h.IOM {
		t.Errorf("centre: %s", back.Raw)
	}
}

func TestAdvance_LetsPlansTakeEffectOnce(t *testing.T) {
	h := apptest.New(t)
	h.Call(h.Staff(h.CentreA, "tenant_admin"), "POST", in(h.CentreA, "/phases"), phase("closed", 1)).Want(201)
	state := func() (phase string, version int) {
		h.Scan("select phase, version from centres where id = $1", []any{h.CentreA}, &phase, &version)
		return phase, version
	}
	step := func(wantPhase string, wantVersion int) {
		t.Helper()
		if err := h.App.DB.InTx(context.Background(), db.Scope{ActorKind: "system", Operation: "centre.advance"}, centre.Advance); err != nil {
			t.Fatal(err)
		}
		if p, v := state(); p != wantPhase || v != wantVersion {
			t.Errorf("%s, version %d", p, v)
		}
	}
	step("management", 1)
	h.Exec("update centre_phases set starts_on = starts_on - 1")
	step("closed", 2)
	step("closed", 2)
	var n int
	h.Scan("select count(*) from events where type = 'centre.updated' and subject_id = $1", []any{h.CentreA}, &n)
	if n != 1 {
		t.Errorf("%d events tell of it", n)
	}
}

// A day begins at another moment in another zone: in Kiritimati it is tomorrow while it is today
// in Niamey, for ten hours or more of each day; in Pago Pago it is yesterday for most of it.
func TestPhase_DayIsTheCentresOwn(t *testing.T) {
	h := apptest.New(t)
	for zone := range map[string]bool{"Pacific/Kiritimati": true, "Pacific/Pago_Pago": true} {
		h.Exec("update centres set time_zone = $1 where id = $2", zone, h.CentreA)
		h.Exec("delete from centre_phases")
		place, err := time.LoadLocation(zone)
		if err != nil {
			t.Fatal(err)
		}
		admin := h.Staff(h.CentreA, "tenant_admin")
		local := func(days int) string { return time.Now().In(place).AddDate(0, 0, days).Format(time.DateOnly) }
		today := h.Call(admin, "POST", in(h.CentreA, "/phases"), map[string]any{"phase": "setup", "starts_on": local(0)}).Want(201)
		tomorrow := h.Call(admin, "POST", in(h.CentreA, "/phases"), map[string]any{"phase": "closed", "starts_on": local(1)}).Want(201)
		if today.Value("current") != true || tomorrow.Value("current") != false {
			t.Errorf("%s: %s %s", zone, today.Raw, tomorrow.Raw)
		}
	}
}

// rule 31
func TestAcceptsRegistrations_NotInPhaseOutUnlessThePolicySaysSo(t *testing.T) {
	h := apptest.New(t)
	ask := func() error {
		return asSystem(t, h, h.CentreA, centre.AcceptsRegistrations)
	}
	if err := ask(); err != nil {
		t.Fatalf("a running centre: %v", err)
	}
	admin := h.Staff(h.CentreA, "tenant_admin")
	h.Call(admin, "POST", in(h.CentreA, "/phases"), phase("phase_out", 1)).Want(201)
	if err := ask(); err != nil {
		t.Fatalf("a planned phase-out: %v", err)
	}
	h.Exec("update centre_phases set starts_on = starts_on - 1") // its day has come; no job has run
	if err := ask(); !fault.Is(err, fault.Conflict) {
		t.Fatalf("phase-out: %v", err)
	}
	open := map[string]any{"title": "Open to the end", "policy": map[string]any{
		"registration": map[string]any{"basic_requires": []string{}, "full_requires": []string{}, "closed_in_phases": []string{}}}}
	draft := h.Call(admin, "POST", in(h.CentreA, "/sops"), open).Want(201)
	h.Call(h.Staff(h.CentreA, "centre_manager"), "POST", draft.Header.Get("Location")+"/activate", nil, apptest.IfMatch(`"1"`)).Want(200)
	err := asSystem(t, h, h.CentreA, func(ctx context.Context) error {
		terms, err := centre.RegistrationTerms(ctx)
		if len(terms.FullRequires) != 0 {
			t.Errorf("the terms are not those of the SOP in force: %v", terms)
		}
		return err
	})
	if err != nil {
		t.Errorf("phase-out under a policy that registers: %v", err)
	}
}

func TestPhases_RecordedAtOnceLeaveTheLatestInForce(t *testing.T) {
	h := apptest.New(t)
	admin := h.Staff(h.CentreA, "tenant_admin")
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			code := "setup"
			if i == 0 {
				code = "handed_over"
			}
			h.Call(admin, "POST", in(h.CentreA, "/phases"), phase(code, -i)).Want(201)
		})
	}
	wg.Wait()
	if got := h.Call(admin, "GET", in(h.CentreA, ""), nil).Text("phase"); got != "handed_over" {
		t.Errorf("the centre is in %s", got)
	}
}
