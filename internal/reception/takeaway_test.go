package reception_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"strings"
	"testing"

	"github.com/waystation/waystation/internal/app/apptest"
)

func TestVisits_AreTakenAwayWithWhomTheyCountAndWithoutWhatWasFound(t *testing.T) {
	h := apptest.New(t)
	p, at := h.Staff(h.CentreA, "registrar"), "/v1/centres/"+h.CentreA.String()+"/visits"
	for i, women := range []int{3, 1} {
		h.Call(p, "POST", at, map[string]any{"arrived_at": []string{"2026-03-01T06:00:00Z", "2026-03-02T06:00:00Z"}[i], "access_mode": "always_open",
			"headcounts": []any{map[string]any{"sex": "2", "age_group": "unhcr_18_59", "persons": women}, map[string]any{"sex": "1", "age_group": "unknown", "persons": 2}},
			"triage":     map[string]any{"groups": []string{"pregnant"}, "eligibility": "eligible", "note": "=HYPERLINK(1)"}}).Want(201)
	}
	as := func(media string) apptest.Header { return apptest.Header{Name: "Accept", Value: media} }
	sheet := h.Call(p, "GET", at+"?arrived_to=2026-03-01", nil, as("text/csv")).Want(200)
	rows, err := csv.NewReader(bytes.NewReader(sheet.Raw)).ReadAll()
	if err != nil || len(rows) != 2 || strings.Contains(string(sheet.Raw), "HYPERLINK") || strings.Contains(string(sheet.Raw), "pregnant") {
		t.Fatalf("%v: %s", err, sheet.Raw)
	}
	lines := strings.Split(strings.TrimSpace(string(h.Call(p, "GET", at+"?sort=arrived_at", nil, as("application/x-ndjson")).Want(200).Raw)), "\n")
	var last struct {
		Headcount  int `json:"headcount"`
		Headcounts []struct {
			Persons int `json:"persons"`
		} `json:"headcounts"`
	}
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &last); err != nil || len(lines) != 2 || last.Headcount != 3 || len(last.Headcounts) != 2 {
		t.Errorf("%v: %s", err, lines)
	}
	if book := h.Call(p, "GET", at, nil, as("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")).Want(200); !bytes.HasPrefix(book.Raw, []byte("PK")) {
		t.Error("no spreadsheet")
	}
	h.Call(p, "GET", at+"?include_total=true", nil, as("text/csv")).Want(400)
	h.Call(h.Staff(h.CentreB, "registrar"), "GET", at, nil, as("text/csv")).Want(404)
	var told int
	h.Scan("select count(*) from audit_events where action in ('export', 'export_ended') and resource = 'visits'", nil, &told)
	if told != 6 {
		t.Errorf("the trail tells %d times of three exports", told)
	}
}
