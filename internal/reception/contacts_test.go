package reception_test

import (
	"testing"
	"time"

	"github.com/waystation/waystation/internal/app/apptest"
)

// told is a talk at the bus station to people who stay without a name.
func told() body {
	return body{"occurred_at": "2026-03-02T09:30:00Z", "service_type": "information.orientation", "access_mode": "outreach", "reason": "mass_activity", "place": "Bus station",
		"headcounts": []any{people("1", "unknown", 12), people("2", "unknown", 2)}}
}

// handbook 9.2: without consent nobody is registered, and is helped all the same.
func TestServiceContact_Life(t *testing.T) {
	h := apptest.New(t)
	p := h.Staff(h.CentreA, "registrar")
	made := h.Call(p, "POST", in(h, "/service-contacts"), told().with(body{"reason": "consent_refused", "note": "asked for water only"})).Want(201)
	if made.Text("persons") != "14" || made.Len("headcounts") != 2 || made.Text("occurred_on") != "2026-03-02" || made.Text("reason") != "consent_refused" {
		t.Fatalf("%s", made.Raw)
	}
	if got := h.Call(p, "GET", path(made), nil).Want(200); string(got.Raw) != string(made.Raw) {
		t.Errorf("recorded %s, reads %s", made.Raw, got.Raw)
	}
	changed := h.Call(p, "PATCH", path(made), body{"headcounts": []any{people("2", "unhcr_60p", 3)}, "occurred_at": "2026-03-03T09:30:00Z", "place": nil}, apptest.IfMatch(made.ETag())).Want(200)
	if changed.Text("persons") != "3" || changed.Text("headcounts", 0, "age_group") != "unhcr_60p" || changed.Text("occurred_on") != "2026-03-03" || changed.Value("place") != nil {
		t.Errorf("%s", changed.Raw)
	}
	h.Call(p, "PATCH", path(made), body{"place": "x"}, apptest.IfMatch(made.ETag())).WantCode(412, "stale_version")
	for query, want := range map[string]int{"": 1, "?service_type=information.orientation": 1, "?service_type=nfi": 0, "?occurred_from=2026-03-04": 0, "?occurred_to=2026-03-03": 1, "?status=void": 0} {
		r := h.Call(p, "GET", in(h, "/service-contacts"+query), nil).Want(200)
		if r.Len("data") != want || want == 1 && r.Text("data", 0, "headcounts", 0, "persons") != "3" {
			t.Errorf("%q: %s", query, r.Raw)
		}
	}
	void := h.Call(p, "POST", path(made)+"/void", body{"reason": "another day"}, apptest.IfMatch(changed.ETag())).Want(200)
	h.Call(p, "POST", path(made)+"/void", body{"reason": "again"}, apptest.IfMatch(void.ETag())).WantCode(409, "state_conflict")
	h.Call(p, "PATCH", path(made), body{"place": "x"}, apptest.IfMatch(void.ETag())).WantCode(409, "state_conflict")
}

func TestServiceContact_RefusesBadInput(t *testing.T) {
	h := apptest.New(t)
	p := h.Staff(h.CentreA, "registrar")
	for name, c := range map[string]struct {
		more body
		want string
	}{
		"nobody":           {body{"headcounts": nil}, "required /headcounts"},
		"nobody at all":    {body{"headcounts": []any{}}, "too_few /headcounts"},
		"no one of a kind": {body{"headcounts": []any{people("1", "unknown", 0)}}, "too_small /headcounts/0/persons"},
		"counted twice":    {body{"headcounts": []any{people("1", "unknown", 1), people("1", "unknown", 1)}}, "repeated /headcounts/1"},
		"tomorrow":         {body{"occurred_at": time.Now().Add(time.Hour).Format(time.RFC3339)}, "in_the_future /occurred_at"},
		"no such service":  {body{"service_type": "massage"}, "unknown_code /service_type"},
		"no such age":      {body{"headcounts": []any{people("1", "old", 1)}}, "unknown_code /headcounts/0/age_group"},
		"a person":         {body{"beneficiary_id": "01920000-0000-7000-8000-000000000011"}, "unknown_field /beneficiary_id"},
	} {
		if got := found(h.Call(p, "POST", in(h, "/service-contacts"), told().with(c.more)).WantCode(422, "invalid")); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
	h.Call(h.Staff(h.CentreA, "centre_manager"), "POST", in(h, "/service-contacts"), told()).WantCode(403, "forbidden")
	h.Call(h.Staff(h.CentreA, "me_analyst"), "GET", in(h, "/service-contacts"), nil).Want(200)
}
