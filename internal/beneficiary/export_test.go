package beneficiary_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/waystation/waystation/internal/app/apptest"
	"github.com/waystation/waystation/internal/config"
	"github.com/waystation/waystation/internal/db"
)

var asCSV, asNDJSON = apptest.Header{Name: "Accept", Value: "text/csv"}, apptest.Header{Name: "Accept", Value: "application/x-ndjson, application/json;q=0.5"}

func TestExport_HasEveryRowThatTheListHas(t *testing.T) {
	h := apptest.New(t)
	p := h.Staff(h.CentreA, "registrar")
	crowd(h, 3000)
	made := register(h, p, body{"given_name": `=HYPERLINK("http://x")`, "family_name": "ولد, \"أحمد\"\n😀", "phone": "+227 90 12 34 56", "remarks": "-2+3", "answers": body{"languages": "unknown"}})
	register(h, p, body{"sex": "2"})
	r := h.Call(p, "GET", people(h), nil, asCSV).Want(200)
	if ct := r.Header.Get("Content-Type"); !strings.HasPrefix(ct, "text/csv") {
		t.Errorf("content type %s", ct)
	}
	rows, err := csv.NewReader(bytes.NewReader(r.Raw)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) != 1+2700+2 {
		t.Errorf("%d lines", len(rows))
	}
	cell := func(row int, name string) string {
		for i, n := range rows[0] {
			if n == name {
				return rows[row][i]
			}
		}
		t.Fatalf("no column %s", name)
		return ""
	}
	if cell(1, "sex") != "2" || cell(2, "id") != made.ID().String() {
		t.Errorf("not in the order of the list: %v", rows[1:3])
	}
	for name, want := range map[string]string{"given_name": `'=HYPERLINK("http://x")`, "family_name": "ولد, \"أحمد\"\n😀", "phone": "+227 90 12 34 56", "remarks": "'-2+3", "answers": "languages=unknown", "birth_date": "1999-03-01"} {
		if got := cell(2, name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	lines := bytes.Split(bytes.TrimSpace(h.Call(p, "GET", people(h)+"?sort=created_at", nil, asNDJSON).Want(200).Raw), []byte("\n"))
	if len(lines) != 2702 {
		t.Errorf("%d documents", len(lines))
	}
	var listed, exported map[string]any
	if err := json.Unmarshal(lines[2700], &exported); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(made.Raw, &listed); err != nil || exported["given_name"] != listed["given_name"] || exported["id"] != listed["id"] {
		t.Errorf("%s, but it is %s", lines[2700], made.Raw)
	}
	for filter, want := range map[string]int{"sex=2": 2, "status=void": 1, "registered_to=2026-01-01": 2701, "nationality=GIN": 1} {
		if n := bytes.Count(h.Call(p, "GET", people(h)+"?"+filter, nil, asCSV).Want(200).Raw, []byte("\n")); n != want {
			t.Errorf("%s: %d lines, want %d", filter, n, want)
		}
	}
}

func TestExport_IsInTheTrail(t *testing.T) {
	h := apptest.New(t)
	p := h.Staff(h.CentreA, "registrar")
	register(h, p, nil)
	h.Call(p, "GET", people(h)+"?sex=1", nil, asCSV).Want(200)
	var began, ended string
	h.Scan("select after::text from audit_events where action = 'export' and resource = 'beneficiaries' and centre_id = $1 and actor_id = $2", []any{h.CentreA, p.ID}, &began)
	h.Scan("select after::text from audit_events where action = 'export_ended' and actor_id = $1", []any{p.ID}, &ended)
	if !strings.Contains(began, "text/csv") || !strings.Contains(began, `"sex": "1"`) || ended != `{"rows": 1, "complete": true}` {
		t.Errorf("began %s, ended %s", began, ended)
	}
}

func TestExport_RefusesWhatAListRefuses(t *testing.T) {
	h := apptest.New(t)
	p := h.Staff(h.CentreA, "registrar")
	for _, bad := range []string{"q=Awa", "cursor=x", "include_total=true", "sex=7", "colour=red"} {
		if r := h.Call(p, "GET", people(h)+"?"+bad, nil, asCSV); r.Status != 400 || r.Header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: %d %s", bad, r.Status, r.Header.Get("Content-Type"))
		}
	}
	h.Call(h.Staff(h.CentreA, "auditor"), "GET", people(h), nil, asCSV).WantCode(403, "forbidden")
	h.Call(h.Staff(h.CentreB, "registrar"), "GET", people(h), nil, asCSV).WantCode(404, "not_found")
	for _, accept := range []string{"", "*/*", "application/json", "text/html", "text/csv;q=0.1, application/json"} {
		if r := h.Call(p, "GET", people(h), nil, apptest.Header{Name: "Accept", Value: accept}).Want(200); !strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") {
			t.Errorf("Accept %q answers %s", accept, r.Header.Get("Content-Type"))
		}
	}
}

// A receiver that stops reading must not make the others wait, nor take half a list for a whole one.
func TestExport_OneThatBreaksOffIsNotWhole(t *testing.T) {
	h := apptest.New(t, func(c *config.Config) { c.MaxConnections = 4 }) // room for one export
	p := h.Staff(h.CentreA, "registrar")
	crowd(h, 40_000) // more than the sockets between us hold
	req, err := http.NewRequest("GET", h.URL+people(h), nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+p.Token)
	req.Header.Set("Accept", "text/csv")
	slow := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
		if err == nil {
			err = conn.(*net.TCPConn).SetReadBuffer(16 << 10)
		}
		return conn, err
	}}}
	defer slow.CloseIdleConnections()
	res, err := slow.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(res.Body, make([]byte, 1000)); err != nil {
		t.Fatal(err)
	}
	if r := h.Call(p, "GET", people(h), nil, asCSV).WantCode(503, "too_many_exports"); r.Header.Get("Retry-After") == "" {
		t.Error("no word on when to try again")
	}
	h.Exec("select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and usename = current_user and query like '%beneficiaries%' and pid <> pg_backend_pid()")
	if _, err := io.ReadAll(res.Body); err == nil {
		t.Error("the stream ended as if it were whole")
	}
	_ = res.Body.Close()
	var complete string
	h.Scan("select coalesce(max(after->>'complete'), 'none') from audit_events where action = 'export_ended'", nil, &complete)
	if complete == "true" {
		t.Error("the trail takes it for whole")
	}
	h.Call(p, "GET", people(h)+"?status=void", nil, asCSV).Want(200)
}

func nDate(s string) db.Date {
	var d db.Date
	_ = d.Scan(s)
	return d
}
