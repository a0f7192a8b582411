package demo

import (
	"net/http"
	"time"
)

// reception fills the queue of Agadez: a convoy of this night, and who came by themselves this
// morning. It is done once; times are told from now, so that the queue looks like one.
func (s *seeder) reception() error {
	agadez := Centres[0]
	if err := s.asStaff(agadez, "registrar"); err != nil {
		return err
	}
	at := "/v1/centres/" + agadez.ID.String()
	there, err := s.send(http.MethodGet, at+"/visits?limit=1", "", nil)
	if err != nil || len(there["data"].([]any)) > 0 {
		return err
	}
	ago := func(minutes int) string {
		return time.Now().Add(-time.Duration(minutes) * time.Minute).UTC().Format(time.RFC3339)
	}
	counted := func(sex, age string, persons int) map[string]any {
		return map[string]any{"sex": sex, "age_group": age, "persons": persons}
	}
	triage := func(groups ...string) map[string]any {
		return map[string]any{"groups": append([]string{}, groups...), "eligibility": "eligible"}
	}
	for _, arrival := range []map[string]any{
		{"arrived_at": ago(190), "access_mode": "always_open", "arrival_mode": "spontaneous", "headcounts": []any{counted("1", "unhcr_18_59", 1)}, "triage": triage()},
		{"arrived_at": ago(95), "access_mode": "always_open", "arrival_mode": "expelled", "expelled_from": "DZA", "headcounts": []any{counted("2", "unhcr_18_59", 1), counted("1", "unhcr_5_11", 2)}, "triage": triage()},
		{"arrived_at": ago(70), "access_mode": "always_open", "arrival_mode": "expelled", "expelled_from": "DZA", "headcounts": []any{counted("2", "unhcr_18_59", 1)}, "triage": triage("pregnant", "physical_pain")},
		{"arrived_at": ago(15), "access_mode": "always_open", "headcounts": []any{counted("1", "unhcr_12_17", 1)}},
	} {
		if _, err := s.post(at+"/visits", arrival); err != nil {
			return err
		}
	}
	_, err = s.post(at+"/rescue-events", map[string]any{
		"kind": "desert_rescue", "occurred_at": ago(900), "place": "Route d’Assamaka", "organisation_id": iom, "visits": []any{map[string]any{
			"arrived_at": ago(240), "access_mode": "always_open", "arrival_mode": "rescued", "triage": triage("physical_pain"),
			"headcounts": []any{counted("1", "unhcr_18_59", 21), counted("2", "unhcr_18_59", 2)},
		}},
	})
	return err
}
