package centre_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/app/apptest"
	"github.com/waystation/waystation/internal/centre"
)

func caseload(limit int) map[string]any {
	return map[string]any{"caseload": map[string]any{"limit": limit, "warn_percent": 80, "weights": map[string]any{"high": 2, "medium": 1, "low": 0.5}}}
}

// draft drafts an SOP in centre A and returns where it is.
func draft(h *apptest.House, by apptest.Person, policy map[string]any) string {
	h.T.Helper()
	b := map[string]any{"title": "SOP"}
	if policy != nil {
		b["policy"] = policy
	}
	return h.Call(by, "POST", in(h.CentreA, "/sops"), b).Want(201).Header.Get("Location")
}

func TestSOP_Life(t *testing.T) {
	h := apptest.New(t)
	drafter, reader := h.Staff(h.CentreA, "case_supervisor"), h.Staff(h.CentreA, "centre_manager")
	standard := h.Call(reader, "GET", in(h.CentreA, "/sops/active"), nil).Want(200)
	if standard.Text("source") != "default" || standard.Text("policy", "caseload", "limit") != "25" || standard.ETag() != `"0"` {
		t.Errorf("before any SOP: %s", standard.Raw)
	}

	made := h.Call(drafter, "POST", in(h.CentreA, "/sops"), map[string]any{"title": "SOP 2026", "policy": caseload(20)}).Want(201)
	at := made.Header.Get("Location")
	if made.Text("status") != "draft" || made.Text("number") != "1" || made.Text("policy", "caseload", "limit") != "20" || made.Text("policy", "case", "hold_max_days") != "30" {
		t.Errorf("drafted: %s", made.Raw)
	}
	if got := h.Call(reader, "GET", at, nil).Want(200); string(got.Raw) != string(made.Raw) {
		t.Errorf("drafted as %s, read as %s", made.Raw, got.Raw)
	}
	statements := map[string]any{"consent_statements": []any{map[string]any{"version": "1", "language": "fr", "text": "Oui ?"}}}
	h.Call(drafter, "PATCH", at, map[string]any{"policy": statements}, apptest.IfMatch(`"1"`)).Want(200)
	changed := h.Call(drafter, "PATCH", at, map[string]any{"title": "SOP 2026b", "policy": map[string]any{"consent_statements": []any{}}}, apptest.IfMatch(`"2"`)).Want(200)
	if changed.Text("title") != "SOP 2026b" || changed.Len("policy", "consent_statements") != 0 || changed.Text("policy", "caseload", "limit") != "20" {
		t.Errorf("patched: %s", changed.Raw)
	}

	active := h.Call(reader, "POST", at+"/activate", nil, apptest.IfMatch(`"3"`)).Want(200)
	if active.Text("status") != "active" || active.ID("activated_by") != reader.ID || active.ID("drafted_by") != drafter.ID || active.Text("activated_at") == "" {
		t.Errorf("activated: %s", active.Raw)
	}
	inForce := h.Call(drafter, "GET", in(h.CentreA, "/sops/active"), nil).Want(200)
	if inForce.Text("source") != "sop" || inForce.Text("title") != "SOP 2026b" || inForce.ETag() != `"1.4"` {
		t.Errorf("in force: %s", inForce.Raw)
	}

	second := draft(h, drafter, nil)
	if d := h.Call(reader, "GET", second+"/diff", nil).Want(200); d.Len("changes") != 0 {
		t.Errorf("a draft starts from what is in force, yet differs: %s", d.Raw)
	}
	h.Call(reader, "POST", second+"/activate", nil, apptest.IfMatch(`"1"`)).Want(200)
	first := h.Call(reader, "GET", at, nil).Want(200)
	if first.Text("status") != "superseded" || first.Text("superseded_at") == "" {
		t.Errorf("the first is %s", first.Raw)
	}
	list := h.Call(reader, "GET", in(h.CentreA, "/sops?status=superseded&include_total=true"), nil).Want(200)
	if list.Text("total") != "1" || list.Text("data", 0, "number") != "1" {
		t.Errorf("superseded: %s", list.Raw)
	}
	var told int
	h.Scan("select count(*) from events where type = 'sop.activated'", nil, &told)
	if told != 2 {
		t.Errorf("%d activations were told", told)
	}
}

func TestSOP_ActivatedVersionStaysAsItWas(t *testing.T) {
	h := apptest.New(t)
	drafter, reader := h.Staff(h.CentreA, "tenant_admin"), h.Staff(h.CentreA, "tenant_admin")
	at := draft(h, drafter, nil)
	h.Call(reader, "POST", at+"/activate", nil, apptest.IfMatch(`"1"`)).Want(200)
	edit := h.Call(drafter, "PATCH", at, map[string]any{"title": "x"}, apptest.IfMatch(`"2"`)).WantCode(409, "state_conflict")
	if edit.Text("current_state") != "active" {
		t.Errorf("state: %s", edit.Raw)
	}
	h.Call(reader, "POST", at+"/activate", nil, apptest.IfMatch(`"2"`)).WantCode(409, "state_conflict")
	if _, err := h.Owner.Exec(context.Background(), "update sops set policy = '{}'"); err == nil || !strings.Contains(err.Error(), "was in force") {
		t.Errorf("the database let it be rewritten: %v", err)
	}
}

func TestSOP_NeedsFourEyes(t *testing.T) {
	h := apptest.New(t)
	first, second, third := h.Staff(h.CentreA, "tenant_admin"), h.Staff(h.CentreA, "tenant_admin"), h.Staff(h.CentreA, "tenant_admin")
	at := draft(h, first, nil)
	h.Call(first, "POST", at+"/activate", nil, apptest.IfMatch(`"1"`)).WantCode(422, "four_eyes")
	h.Call(second, "PATCH", at, map[string]any{"title": "Edited"}, apptest.IfMatch(`"1"`)).Want(200)
	for _, writer := range []apptest.Person{first, second} {
		h.Call(writer, "POST", at+"/activate", nil, apptest.IfMatch(`"2"`)).WantCode(422, "four_eyes")
	}
	for _, writer := range []apptest.Person{first, second} {
		if _, err := h.Owner.Exec(context.Background(), "update sops set activated_by = $1", writer.ID); err == nil || !strings.Contains(err.Error(), "sops_four_eyes_check") {
			t.Errorf("the database let a writer activate: %v", err)
		}
	}
	h.Call(third, "POST", at+"/activate", nil, apptest.IfMatch(`"2"`)).Want(200)
}

func TestSOP_IsDraftedAndActivatedByRole(t *testing.T) {
	h := apptest.New(t)
	supervisor, worker := h.Staff(h.CentreA, "case_supervisor"), h.Staff(h.CentreA, "caseworker")
	at := draft(h, h.Staff(h.CentreA, "centre_manager"), nil)
	h.Call(supervisor, "POST", at+"/activate", nil, apptest.IfMatch(`"1"`)).WantCode(403, "forbidden")
	h.Call(worker, "POST", in(h.CentreA, "/sops"), map[string]any{"title": "x"}).WantCode(403, "forbidden")
	h.Call(worker, "GET", at, nil).Want(200)
	foreign := h.Staff(h.CentreB, "tenant_admin")
	id := at[strings.LastIndex(at, "/")+1:]
	nowhere := in(h.CentreB, "/sops/"+uuid.NewString())
	for _, there := range []string{in(h.CentreB, "/sops/"+id), nowhere} {
		h.Call(foreign, "GET", there, nil).WantCode(404, "not_found")
		h.Call(foreign, "PATCH", there, map[string]any{"title": "x"}, apptest.IfMatch(`"1"`)).WantCode(404, "not_found")
		h.Call(foreign, "POST", there+"/activate", nil, apptest.IfMatch(`"1"`)).WantCode(404, "not_found")
		h.Call(foreign, "GET", there+"/diff", nil).WantCode(404, "not_found")
	}
	b := map[string]any{"title": "x", "based_on": id}
	if r := h.Call(foreign, "POST", in(h.CentreB, "/sops"), b).WantCode(422, "invalid"); r.Text("errors", 0, "pointer") != "/based_on" {
		t.Errorf("based on another centre's: %s", r.Raw)
	}
}

func TestSOP_RefusesBadPolicies(t *testing.T) {
	h := apptest.New(t)
	admin := h.Staff(h.CentreA, "tenant_admin")
	at := draft(h, admin, nil)
	for name, c := range map[string]struct {
		policy any
		at     string
	}{
		"half a part":      {map[string]any{"caseload": map[string]any{"limit": 20}}, "/policy/caseload/warn_percent"},
		"unknown part":     {map[string]any{"weather": 1}, "/policy/weather"},
		"no limit":         {caseload(0), "/policy/caseload/limit"},
		"absurd limit":     {caseload(100000), "/policy/caseload/limit"},
		"not a number":     {map[string]any{"retention_months": map[string]any{"case_closed": "long", "registration_without_case": 1, "consent": 1, "stock_documents": 1}}, "/policy/retention_months/case_closed"},
		"unknown phase":    {map[string]any{"registration": map[string]any{"basic_requires": []string{}, "full_requires": []string{}, "closed_in_phases": []string{"limbo"}}}, "/policy/registration/closed_in_phases/0"},
		"unknown field":    {map[string]any{"registration": map[string]any{"basic_requires": []string{"shoe_size"}, "full_requires": []string{}, "closed_in_phases": []string{}}}, "/policy/registration/basic_requires/0"},
		"text in a tongue": {map[string]any{"consent_statements": []any{map[string]any{"version": "1", "language": "french language", "text": "x"}}}, "/policy/consent_statements/0/language"},
		"nothing":          {map[string]any{}, "/policy"},
	} {
		t.Run(name, func(t *testing.T) {
			patched := h.Call(admin, "PATCH", at, map[string]any{"policy": c.policy}, apptest.IfMatch(`"1"`)).WantCode(422, "invalid")
			made := h.Call(admin, "POST", in(h.CentreA, "/sops"), map[string]any{"title": "x", "policy": c.policy}).WantCode(422, "invalid")
			if patched.Text("errors", 0, "pointer") != c.at || made.Text("errors", 0, "pointer") != c.at {
				t.Errorf("%s\n%s", patched.Raw, made.Raw)
			}
		})
	}
	h.Call(admin, "PATCH", at, map[string]any{"title": "x"}).WantCode(428, "if_match_required")
}

func TestSOP_DiffTellsWhatAnActivationWouldChange(t *testing.T) {
	h := apptest.New(t)
	admin := h.Staff(h.CentreA, "tenant_admin")
	base, other := draft(h, admin, caseload(20)), draft(h, admin, caseload(30))
	d := h.Call(admin, "GET", base+"/diff", nil).Want(200)
	if fmt.Sprint(d.Value("changes")) != "[map[after:20 before:25 pointer:/caseload/limit]]" {
		t.Errorf("against the defaults: %s", d.Raw)
	}
	d = h.Call(admin, "GET", base+"/diff?against="+other[strings.LastIndex(other, "/")+1:], nil).Want(200)
	if fmt.Sprint(d.Value("changes")) != "[map[after:20 before:30 pointer:/caseload/limit]]" {
		t.Errorf("against the other draft: %s", d.Raw)
	}
	h.Call(admin, "GET", base+"/diff?against="+uuid.NewString(), nil).WantCode(404, "not_found")
}

func TestSOP_OfManyActivatedAtOnceOneIsActive(t *testing.T) {
	h := apptest.New(t)
	drafter, activator := h.Staff(h.CentreA, "tenant_admin"), h.Staff(h.CentreA, "tenant_admin")
	for round := range 2 { // with nothing in force before, then with something
		var drafts []string
		for range 4 {
			drafts = append(drafts, draft(h, drafter, nil))
		}
		var wg sync.WaitGroup
		statuses := make([]int, 8)
		for i := range statuses { // two at each draft
			wg.Go(func() {
				statuses[i] = h.Call(activator, "POST", drafts[i/2]+"/activate", nil, apptest.IfMatch(`"1"`)).Status
			})
		}
		wg.Wait()
		won := 0
		for i, s := range statuses {
			switch {
			case s == 200:
				won++
			case s != 409 && s != 412:
				t.Errorf("round %d, call %d: %d", round, i, s)
			}
		}
		var active, once int
		h.Scan("select count(*) filter (where status = 'active'), count(*) filter (where activated_at is not null) from sops", nil, &active, &once)
		if won == 0 || active != 1 {
			t.Errorf("round %d: %d succeeded, %d are active", round, won, active)
		}
		if round == 0 && once != won {
			t.Errorf("%d answers of success, %d activations", won, once)
		}
	}
}

func TestActivePolicy_IsTheActiveVersionOfItsCentre(t *testing.T) {
	h := apptest.New(t)
	at := draft(h, h.Staff(h.CentreA, "tenant_admin"), caseload(20))
	h.Call(h.Staff(h.CentreA, "tenant_admin"), "POST", at+"/activate", nil, apptest.IfMatch(`"1"`)).Want(200)
	for c, want := range map[uuid.UUID]int{h.CentreA: 20, h.CentreB: 25} {
		err := asSystem(t, h, c, func(ctx context.Context) error {
			p, sop, err := centre.ActivePolicy(ctx)
			if err != nil || p.Caseload.Limit != want || (sop == nil) == (c == h.CentreA) {
				t.Errorf("limit %d of %v, %v", p.Caseload.Limit, sop, err)
			}
			same, err := centre.PolicyOf(ctx, sop)
			if same.Caseload.Limit != want {
				t.Errorf("by its id: %d", same.Caseload.Limit)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	}
}
