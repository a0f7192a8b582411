package centre_test

import (
	"fmt"
	"net/url"
	"testing"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/app/apptest"
)

// body is the founding of a centre, with some fields changed; nil removes one.
func body(change map[string]any) map[string]any {
	b := map[string]any{"code": "SGD", "name": "Centre de Séguédine", "country": "NER", "time_zone": "Africa/Niamey",
		"languages": []string{"fr"}, "typologies": []string{"shelter"}, "phase": "setup", "management_model": "iom_managed"}
	for name, v := range change {
		if b[name] = v; v == nil {
			delete(b, name)
		}
	}
	return b
}

func in(centre uuid.UUID, path string) string { return "/v1/centres/" + centre.String() + path }

func TestCentre_IsFoundedWithItsHistoryAndKnownAtOnce(t *testing.T) {
	h := apptest.New(t)
	operator, officer := h.Network("platform_operator"), h.Network("network_officer")
	if n := h.Call(officer, "GET", "/v1/centres", nil).Want(200).Len("data"); n != 2 {
		t.Fatalf("%d centres", n)
	}
	made := h.Call(operator, "POST", "/v1/centres", body(map[string]any{"organisation_id": h.IOM, "pcode": "NE-unknown-∞"})).Want(201)
	at := made.Header.Get("Location")
	got := h.Call(officer, "GET", at, nil).Want(200)
	if string(got.Raw) != string(made.Raw) || got.Text("pcode") != "NE-unknown-∞" {
		t.Errorf("founded as %s, read as %s", made.Raw, got.Raw)
	}
	if n := h.Call(officer, "GET", "/v1/centres", nil).Want(200).Len("data"); n != 3 {
		t.Errorf("the officer sees %d centres", n)
	}
	phase := h.Call(officer, "GET", at+"/phases", nil).Want(200)
	if phase.Len("data") != 1 || phase.Text("data", 0, "phase") != "setup" || phase.Value("data", 0, "current") != true {
		t.Errorf("phases: %s", phase.Raw)
	}
	model := h.Call(officer, "GET", at+"/management-models", nil).Want(200)
	if model.Text("data", 0, "model") != "iom_managed" || model.ID("data", 0, "organisation_id") != h.IOM {
		t.Errorf("models: %s", model.Raw)
	}
	h.Call(operator, "POST", "/v1/centres", body(nil)).WantCode(409, "code_taken")
}

func TestCentre_RefusesBadInput(t *testing.T) {
	h := apptest.New(t)
	operator := h.Network("platform_operator")
	for name, c := range map[string]struct {
		change map[string]any
		at     string
	}{
		"no typology":          {map[string]any{"typologies": []string{}}, "/typologies"},
		"unknown typology":     {map[string]any{"typologies": []string{"castle"}}, "/typologies/0"},
		"typology twice":       {map[string]any{"typologies": []string{"shelter", "shelter"}}, "/typologies"},
		"other primary":        {map[string]any{"primary_typology": "multifunctional"}, "/primary_typology"},
		"bad zone":             {map[string]any{"time_zone": "Africa/Atlantis"}, "/time_zone"},
		"zone of this machine": {map[string]any{"time_zone": "Local"}, "/time_zone"},
		"zone as a path":       {map[string]any{"time_zone": "../../etc/passwd"}, "/time_zone"},
		"small code":           {map[string]any{"code": "agz"}, "/code"},
		"half a place":         {map[string]any{"latitude": 17.1}, "/latitude"},
		"off the map":          {map[string]any{"latitude": 91, "longitude": 0}, "/latitude"},
		"blank name":           {map[string]any{"name": "  "}, "/name"},
		"no model":             {map[string]any{"management_model": nil}, "/management_model"},
		"no language":          {map[string]any{"languages": []string{}}, "/languages"},
		"too large":            {map[string]any{"capacity": 1000000}, "/capacity"},
	} {
		t.Run(name, func(t *testing.T) {
			r := h.Call(operator, "POST", "/v1/centres", body(c.change)).WantCode(422, "invalid")
			if r.Text("errors", 0, "pointer") != c.at {
				t.Errorf("names %s", r.Raw)
			}
		})
	}
	h.Call(operator, "POST", "/v1/centres", body(map[string]any{"organisation_id": uuid.New()})).WantCode(422, "unknown_reference")
}

func TestCentre_ProfileChangesUnderItsVersion(t *testing.T) {
	h := apptest.New(t)
	admin, at := h.Staff(h.CentreA, "tenant_admin"), in(h.CentreA, "")
	h.Call(admin, "PATCH", at, map[string]any{"capacity": 400}).WantCode(428, "if_match_required")
	got := h.Call(admin, "PATCH", at, map[string]any{"capacity": 400, "latitude": 16.97, "longitude": 7.99, "pcode": "NER001", "time_zone": "Africa/Lagos",
		"typologies": []string{"multifunctional", "shelter"}, "primary_typology": "shelter"}, apptest.IfMatch(`"1"`)).Want(200)
	if got.ETag() != `"2"` || got.Text("capacity") != "400" || got.Text("primary_typology") != "shelter" {
		t.Errorf("patched: %s", got.Raw)
	}
	cleared := h.Call(admin, "PATCH", at, map[string]any{"capacity": nil, "pcode": nil, "latitude": nil, "longitude": nil}, apptest.IfMatch(`"2"`)).Want(200)
	if cleared.Value("capacity") != nil || cleared.Value("pcode") != nil || cleared.Value("latitude") != nil {
		t.Errorf("cleared: %s", cleared.Raw)
	}
	stale := h.Call(admin, "PATCH", at, map[string]any{"capacity": 1}, apptest.IfMatch(`"2"`)).WantCode(412, "stale_version")
	if fmt.Sprint(stale.Value("changed_fields")) != "[capacity latitude longitude pcode]" {
		t.Errorf("changed fields: %s", stale.Raw)
	}
	for field, c := range map[string]struct {
		patch map[string]any
		at    string
	}{
		"typology of the primary": {map[string]any{"typologies": []string{"multifunctional"}}, "/primary_typology"},
		"zone":                    {map[string]any{"time_zone": "Mars/Base"}, "/time_zone"},
		"one coordinate":          {map[string]any{"longitude": 1}, "/latitude"},
		"phase":                   {map[string]any{"phase": "closed"}, "/phase"},
		"controller":              {map[string]any{"organisation_id": h.IOM}, "/organisation_id"},
		"code":                    {map[string]any{"code": "ZZZ"}, "/code"},
		"nothing":                 {map[string]any{}, ""},
	} {
		r := h.Call(admin, "PATCH", at, c.patch, apptest.IfMatch(`"3"`)).WantCode(422, "invalid")
		if r.Text("errors", 0, "pointer") != c.at {
			t.Errorf("%s: %s", field, r.Raw)
		}
	}
}

func TestCentres_ListNarrows(t *testing.T) {
	h := apptest.New(t)
	operator := h.Network("platform_operator")
	h.Call(operator, "POST", "/v1/centres", body(nil)).Want(201)
	h.Call(operator, "POST", "/v1/centres", body(map[string]any{"code": "TCD", "name": "50% Abéché_", "country": "TCD", "typologies": []string{"multifunctional"}})).Want(201)
	for query, want := range map[string]string{
		"country=TCD": "[TCD]", "phase=management": "[AGZ ARL]", "typology=multifunctional": "[TCD]",
		"q=seguedine": "[SGD]", "q=" + url.QueryEscape("ABÉCHÉ"): "[TCD]", "q=agz": "[AGZ]", "q=" + url.QueryEscape("%"): "[TCD]",
		"q=" + url.QueryEscape("' or true --"): "[]", "q=transit&sort=-name": "[ARL AGZ]", "country=NER&phase=setup&typology=shelter&q=centre": "[SGD]",
	} {
		page := h.Call(operator, "GET", "/v1/centres?"+query, nil).Want(200)
		codes := []string{}
		for i := range page.Len("data") {
			codes = append(codes, page.Text("data", i, "code"))
		}
		if fmt.Sprint(codes) != want {
			t.Errorf("%s: %v, want %s", query, codes, want)
		}
	}
	h.Call(operator, "GET", "/v1/centres?typology=castle", nil).WantCode(400, "invalid_parameter")
	h.Call(operator, "GET", "/v1/centres?colour=red", nil).WantCode(400, "invalid_parameter")
}

// rule 25
func TestCentre_IsSeenByThoseWhoWorkThere(t *testing.T) {
	h := apptest.New(t)
	worker := h.Staff(h.CentreA, "caseworker")
	list := h.Call(worker, "GET", "/v1/centres?include_total=true", nil).Want(200)
	if list.Text("total") != "1" || list.ID("data", 0, "id") != h.CentreA {
		t.Errorf("a caseworker of A sees %s", list.Raw)
	}
	h.Call(worker, "GET", in(h.CentreB, ""), nil).WantCode(404, "not_found")
	h.Call(worker, "GET", in(uuid.New(), ""), nil).WantCode(404, "not_found")
	h.Call(worker, "PATCH", in(h.CentreA, ""), map[string]any{"capacity": 1}, apptest.IfMatch(`"1"`)).WantCode(403, "forbidden")
	h.Call(worker, "POST", "/v1/centres", body(nil)).WantCode(403, "forbidden")
	h.Call(h.Staff(h.CentreA, "tenant_admin"), "POST", "/v1/centres", body(nil)).WantCode(403, "forbidden")
	h.Call(h.Network("network_officer"), "POST", "/v1/centres", body(nil)).WantCode(403, "forbidden")
	h.Call(h.Staff(h.CentreB, "tenant_admin"), "PATCH", in(h.CentreA, ""), map[string]any{"capacity": 1}, apptest.IfMatch(`"1"`)).WantCode(404, "not_found")
	h.Call(h.Client(h.IOM, "centres:read"), "GET", in(h.CentreA, ""), nil).WantCode(403, "forbidden")
}
