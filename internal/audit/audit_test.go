package audit_test

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/app/apptest"
	"github.com/waystation/waystation/internal/audit"
	"github.com/waystation/waystation/internal/auth"
	"github.com/waystation/waystation/internal/db"
)

func trail(centre uuid.UUID) string { return "/v1/centres/" + centre.String() + "/audit-events" }

// change writes n lines into a centre's trail.
func change(h *apptest.House, centre uuid.UUID, n int) {
	for range n {
		h.Exec("update centres set capacity = coalesce(capacity, 0) + 1, version = version + 1 where id = $1", centre)
	}
}

// seal runs the sealer until every line has its seal. A transaction of another test on the same
// cluster may hold it up for a moment.
func seal(h *apptest.House) {
	h.T.Helper()
	h.Settle()
	h.Tick(audit.SealTick)
	var open int
	h.Scan("select count(*) from audit_events e where not exists (select from audit_seals s where s.centre_id = e.centre_id and s.event_id = e.id)", nil, &open)
	if open > 0 {
		h.T.Fatalf("%d lines stay without a seal", open)
	}
}

func TestTrail_NamesFieldsAndNeverValues(t *testing.T) {
	h := apptest.New(t)
	manager, dpo := h.Staff(h.CentreA, "centre_manager"), h.Staff(h.CentreA, "dpo")
	h.Call(manager, "PATCH", "/v1/centres/"+h.CentreA.String(), map[string]any{"name": "A telling name", "capacity": 4321}, apptest.IfMatch(`"1"`)).Want(200)
	page := h.Call(dpo, "GET", trail(h.CentreA)+"?action=update", nil).Want(200)
	line := page.Value("data", 0).(map[string]any)
	if line["operation"] != "updateCentre" || line["actor_id"] != manager.ID.String() || line["resource"] != "centres" || line["request_id"] == "" {
		t.Errorf("the line says %v", line)
	}
	if fields := fmt.Sprint(line["changed_fields"]); fields != "[capacity name]" {
		t.Errorf("changed fields: %s", fields)
	}
	if body := string(page.Raw); strings.Contains(body, "telling") || strings.Contains(body, "4321") {
		t.Errorf("the trail shows values: %s", body)
	}
}

func TestTrail_IsReadByProtectionOfficersAndAuditorsAlone(t *testing.T) {
	h := apptest.New(t)
	for role, status := range map[string]int{"dpo": 200, "auditor": 200, "tenant_admin": 403, "centre_manager": 403, "caseworker": 403} {
		if r := h.Call(h.Staff(h.CentreA, role), "GET", trail(h.CentreA), nil); r.Status != status {
			t.Errorf("%s: %d", role, r.Status)
		}
	}
	h.Call(h.Network("platform_operator"), "GET", "/v1/audit-events", nil).Want(200)
	h.Call(h.Network("auditor"), "GET", "/v1/audit-events/verify", nil).Want(200)
	h.Call(h.Staff(h.CentreA, "auditor"), "GET", "/v1/audit-events", nil).WantCode(403, "forbidden")
	h.Call(h.Staff(h.CentreA, "auditor"), "GET", "/v1/audit-events/verify", nil).WantCode(403, "forbidden")
}

func TestTrail_KeepsCentresApart(t *testing.T) {
	h := apptest.New(t)
	change(h, h.CentreA, 2)
	h.Exec("update organisations set name = 'Renamed', version = 2 where id = $1", h.IOM)
	if n := h.Call(h.Staff(h.CentreB, "dpo"), "GET", trail(h.CentreB)+"?action=update", nil).Want(200).Len("data"); n != 0 {
		t.Errorf("centre B sees %d changes of others", n)
	}
	network := h.Call(h.Network("auditor"), "GET", "/v1/audit-events?action=update", nil).Want(200)
	if network.Len("data") != 1 || network.Text("data", 0, "resource") != "organisations" {
		t.Errorf("the network's trail: %s", network.Raw)
	}
}

func TestTrail_ReadingItLeavesALine(t *testing.T) {
	h := apptest.New(t)
	dpo := h.Staff(h.CentreA, "dpo")
	h.Call(dpo, "GET", trail(h.CentreA), nil).Want(200)
	h.Call(dpo, "GET", trail(h.CentreA)+"/verify", nil).Want(200)
	page := h.Call(dpo, "GET", trail(h.CentreA)+"?action=read&actor_id="+dpo.ID.String(), nil).Want(200)
	if page.Len("data") != 2 || page.Text("data", 1, "operation") != "listAuditEvents" || page.Text("data", 0, "operation") != "verifyAuditTrail" {
		t.Errorf("lines of reading: %s", page.Raw)
	}
}

func TestTrail_PagesNewestFirst(t *testing.T) {
	h := apptest.New(t)
	change(h, h.CentreA, 7)
	dpo := h.Staff(h.CentreA, "auditor")
	var ids []string
	path := trail(h.CentreA) + "?action=update&limit=3"
	for cursor := ""; ; {
		page := h.Call(dpo, "GET", path+cursor, nil).Want(200)
		for i := range page.Len("data") {
			ids = append(ids, page.Text("data", i, "id"))
		}
		if page.Value("next_cursor") == nil {
			break
		}
		if !strings.Contains(page.Header.Get("Link"), `rel="next"`) {
			t.Errorf("Link: %q", page.Header.Get("Link"))
		}
		cursor = "&cursor=" + page.Text("next_cursor")
	}
	newest := slices.Clone(ids)
	slices.SortFunc(newest, func(a, b string) int { return len(b) - len(a) + strings.Compare(b, a) })
	if len(ids) != 7 || !slices.Equal(ids, newest) {
		t.Errorf("read %v", ids)
	}
	h.Call(dpo, "GET", trail(h.CentreA)+"?cursor=nonsense", nil).WantCode(400, "invalid_cursor")
	h.Call(dpo, "GET", trail(h.CentreA)+"?sort=at", nil).Want(400)
}

func TestTrail_IsFilteredByActorSubjectOperationAndTime(t *testing.T) {
	h := apptest.New(t)
	manager, dpo := h.Staff(h.CentreA, "centre_manager"), h.Staff(h.CentreA, "dpo")
	change(h, h.CentreA, 2)
	seal(h) // the lines above are found by index, those below are not yet
	h.Call(manager, "PATCH", "/v1/centres/"+h.CentreA.String(), map[string]any{"capacity": 1}, apptest.IfMatch(`"3"`)).Want(200)
	now := time.Now().UTC()
	for filter, want := range map[string]int{
		"actor_id=" + manager.ID.String():                                      1,
		"subject_id=" + h.CentreA.String():                                     4,
		"subject_id=" + uuid.NewString():                                       0,
		"resource=centres&action=update":                                       3,
		"resource=members":                                                     2,
		"operation=updateCentre":                                               1,
		"action=update&from=" + stamp(now.Add(-time.Minute)):                   3,
		"action=update&from=" + stamp(now.Add(time.Minute)):                    0,
		"action=update&to=" + stamp(now.Add(-time.Minute)):                     0,
		"subject_id=" + h.CentreA.String() + "&actor_id=" + h.CentreA.String(): 0,
	} {
		if n := h.Call(dpo, "GET", trail(h.CentreA)+"?"+filter, nil).Want(200).Len("data"); n != want {
			t.Errorf("%s: %d lines, want %d", filter, n, want)
		}
	}
}

func stamp(t time.Time) string { return url.QueryEscape(t.Format(time.RFC3339)) }

func TestTrail_CannotBeChangedByTheServersRole(t *testing.T) {
	h := apptest.New(t)
	change(h, h.CentreA, 1)
	seal(h)
	for _, sql := range []string{
		"update audit_events set action = 'read'", "delete from audit_events", "truncate audit_events",
		"update audit_seals set hash = ''", "delete from audit_seals",
		"update audit_checkpoints set signature = ''", "delete from audit_checkpoints",
		"update audit_subjects set event_id = 0", "delete from audit_subjects", "select begin_epoch()",
	} {
		err := h.App.DB.InTx(context.Background(), db.Scope{Centres: []uuid.UUID{h.CentreA}, Network: true}, func(ctx context.Context) error {
			return db.Tx(ctx).Exec(sql).Error
		})
		if err == nil || !strings.Contains(err.Error(), "42501") {
			t.Errorf("%s: %v", sql, err)
		}
	}
}

// rule 30
func TestRedact_ErasesValuesAndKeepsTheChain(t *testing.T) {
	h := apptest.New(t)
	dpo := h.Staff(h.CentreA, "dpo")
	change(h, h.CentreA, 2)
	seal(h)
	change(h, h.CentreA, 1) // not sealed yet
	scope := db.Scope{Centres: []uuid.UUID{h.CentreA}, ActorID: dpo.ID, ActorKind: string(auth.User), Operation: "erase"}
	var lines int64
	err := h.App.DB.InTx(context.Background(), scope, func(ctx context.Context) (err error) {
		lines, err = audit.Redact(ctx, h.CentreA, h.CentreA)
		return err
	})
	if err != nil || lines != 4 { // founded, changed three times
		t.Fatalf("%d lines, %v", lines, err)
	}
	var values int
	h.Scan(`select count(*) from audit_events, jsonb_each(coalesce(after, before)) f
		where centre_id = $1 and resource = 'centres' and f.value <> 'null'`, []any{h.CentreA}, &values)
	if values != 0 {
		t.Errorf("%d values are left", values)
	}
	seal(h)
	verdict := h.Call(dpo, "GET", trail(h.CentreA)+"/verify", nil).Want(200)
	if verdict.Value("intact") != true || verdict.Text("redacted") != "3" {
		t.Errorf("%s", verdict.Raw)
	}
	page := h.Call(dpo, "GET", trail(h.CentreA)+"?resource=centres&limit=1", nil).Want(200)
	if page.Text("data", 0, "changed_fields", 0) != "capacity" || page.Value("data", 0, "redacted_at") == nil {
		t.Errorf("the redacted line: %s", page.Raw)
	}
	if n := h.Call(dpo, "GET", trail(h.CentreA)+"?action=redact", nil).Want(200).Len("data"); n != 1 {
		t.Errorf("%d lines tell of the erasure", n)
	}
}

func TestRedact_StaysInsideTheScope(t *testing.T) {
	h := apptest.New(t)
	err := h.App.DB.InTx(context.Background(), db.Scope{Centres: []uuid.UUID{h.CentreB}}, func(ctx context.Context) error {
		_, err := audit.Redact(ctx, h.CentreA, h.CentreA)
		return err
	})
	if err == nil || !strings.Contains(err.Error(), "outside the scope") {
		t.Errorf("redacted another centre's trail: %v", err)
	}
}
