package account_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/app/apptest"
)

func TestOrganisation_Life(t *testing.T) {
	h := apptest.New(t)
	admin := h.Staff(h.CentreA, "tenant_admin")
	made := h.Call(admin, "POST", "/v1/organisations", map[string]any{"name": "Espoir", "type": "ngo", "country": "NER"}).Want(201)
	at := made.Header.Get("Location")
	if made.ETag() != `"1"` || at == "" {
		t.Fatalf("ETag %s, Location %s", made.ETag(), at)
	}
	got := h.Call(admin, "GET", at, nil).Want(200)
	if string(got.Raw) != string(made.Raw) {
		t.Errorf("create answered %s, read answers %s", made.Raw, got.Raw)
	}
	for tags, status := range map[string]int{`"1"`: 304, `W/"1"`: 304, `"0", "1"`: 304, `*`: 304, `"11"`: 200, `"0"`: 200} {
		h.Call(admin, "GET", at, nil, apptest.Header{Name: "If-None-Match", Value: tags}).Want(status)
	}
	h.Call(admin, "PATCH", at, map[string]any{"email": "a@b.example"}).WantCode(428, "if_match_required")
	h.Call(admin, "PATCH", at, map[string]any{"email": "a@b.example"}, apptest.IfMatch("1")).Want(400)
	changed := h.Call(admin, "PATCH", at, map[string]any{"email": "a@b.example", "country": nil}, apptest.IfMatch(`"1"`)).Want(200)
	if changed.Text("email") != "a@b.example" || changed.Text("country") != "" || changed.ETag() != `"2"` {
		t.Errorf("patched: %s", changed.Raw)
	}
	stale := h.Call(admin, "PATCH", at, map[string]any{"email": "c@d.example"}, apptest.IfMatch(`"1"`)).WantCode(412, "stale_version")
	if fmt.Sprint(stale.Value("changed_fields")) != "[country email]" {
		t.Errorf("changed fields: %s", stale.Raw)
	}
}

func TestOrganisation_RefusesBadInput(t *testing.T) {
	h := apptest.New(t)
	admin := h.Staff(h.CentreA, "tenant_admin")
	for name, c := range map[string]struct {
		body   any
		status int
		code   string
		at     string
	}{
		"no name":       {map[string]any{"type": "ngo"}, 422, "invalid", "/name"},
		"unknown field": {map[string]any{"name": "x", "type": "ngo", "nmae": "y"}, 422, "invalid", "/nmae"},
		"case differs":  {map[string]any{"name": "x", "type": "ngo", "Email": "y"}, 422, "invalid", "/Email"},
		"unknown code":  {map[string]any{"name": "x", "type": "circus"}, 422, "invalid", "/type"},
		"NUL":           {`{"name":"a\u0000b","type":"ngo"}`, 422, "invalid", "/name"},
		"too long":      {map[string]any{"name": strings.Repeat("x", 201), "type": "ngo"}, 422, "invalid", "/name"},
		"not JSON":      {`{"name":`, 400, "invalid_json", ""},
		"two values":    {`{"name":"x","type":"ngo"} {}`, 400, "invalid_json", ""},
		"no body":       {nil, 400, "invalid_json", ""},
		"huge":          {`{"name":"` + strings.Repeat("x", 2<<20) + `"}`, 413, "body_too_large", ""},
		"null":          {map[string]any{"name": nil, "type": "ngo"}, 422, "invalid", "/name"},
	} {
		t.Run(name, func(t *testing.T) {
			r := h.Call(admin, "POST", "/v1/organisations", c.body)
			if r.Status != c.status || r.Text("code") != c.code || r.Text("errors", 0, "pointer") != c.at {
				t.Errorf("got %d %s", r.Status, r.Raw)
			}
		})
	}
	if r := h.Call(admin, "POST", "/v1/organisations", "x", apptest.Header{Name: "Content-Type", Value: "text/plain"}).WantCode(415, "unsupported_media_type"); !strings.Contains(r.Text("detail"), "Content-Type application/json.") {
		t.Errorf("what may be sent: %s", r.Raw)
	}
	h.Call(admin, "GET", "/v1/organisations?colour=red", nil).WantCode(400, "invalid_parameter")
	h.Call(admin, "GET", "/v1/organisations?limit=0", nil).WantCode(400, "invalid_parameter")
	h.Call(admin, "GET", "/v1/organisations?type=circus", nil).WantCode(400, "invalid_parameter")
	if r := h.Call(admin, "GET", "/v1/organisations?sort=secret", nil).WantCode(400, "invalid_parameter"); !strings.Contains(r.Text("errors", 0, "detail"), "one of name, -name, created_at, -created_at.") {
		t.Errorf("what may be sorted by: %s", r.Raw)
	}
	h.Call(admin, "GET", "/v1/organisations?cursor=abc", nil).WantCode(400, "invalid_cursor")
	h.Call(admin, "GET", "/v1/organisations/"+uuid.NewString(), nil).WantCode(404, "not_found")
	h.Call(admin, "GET", "/v1/organisations/nonsense", nil).WantCode(404, "not_found")
	h.Call(admin, "DELETE", "/v1/organisations", nil).Want(405)
	h.Call(admin, "POST", "/v1/organisations", map[string]any{"name": "IOM Niger", "type": "un"}).WantCode(409, "name_taken")
}

func TestOrganisation_NeedsTheRight(t *testing.T) {
	h := apptest.New(t)
	h.Call(apptest.Person{}, "GET", "/v1/organisations", nil).WantCode(401, "unauthenticated")
	h.Call(apptest.Person{Token: "nonsense"}, "GET", "/v1/organisations", nil).WantCode(401, "invalid_token")
	h.Call(h.Staff(h.CentreA, "caseworker"), "GET", "/v1/organisations", nil).Want(200)
	h.Call(h.Staff(h.CentreA, "caseworker"), "POST", "/v1/organisations", map[string]any{"name": "x", "type": "ngo"}).WantCode(403, "forbidden")
	h.Call(h.Staff(h.CentreA, "sorcerer"), "GET", "/v1/organisations", nil).WantCode(403, "forbidden")
}

func TestOrganisations_PagesAreWholeAndInOrder(t *testing.T) {
	h := apptest.New(t)
	admin := h.Staff(h.CentreA, "tenant_admin")
	for i := range 7 {
		h.Call(admin, "POST", "/v1/organisations", map[string]any{"name": fmt.Sprintf("Org %d", i), "type": "ngo"}).Want(201)
	}
	for _, sort := range []string{"name", "-name", "created_at", "-created_at"} {
		seen := map[string]bool{}
		path := "/v1/organisations?limit=3&include_total=true&type=ngo&sort=" + sort
		for pages := 0; path != ""; pages++ {
			page := h.Call(admin, "GET", path, nil).Want(200)
			if page.Text("total") != "7" {
				t.Fatalf("total %s", page.Text("total"))
			}
			for i := range page.Len("data") {
				seen[page.Text("data", i, "name")] = true
			}
			next := page.Text("next_cursor")
			if path = ""; next != "" {
				path = "/v1/organisations?limit=3&include_total=true&type=ngo&cursor=" + url.QueryEscape(next)
				if !strings.Contains(page.Header.Get("Link"), `rel="next"`) {
					t.Errorf("no Link on a page that goes on")
				}
			}
		}
		if len(seen) != 7 {
			t.Errorf("sort %s: saw %d of 7", sort, len(seen))
		}
	}
}

func TestIdempotencyKey_FiftyAtOnceCreateOne(t *testing.T) {
	h := apptest.New(t)
	admin := h.Staff(h.CentreA, "tenant_admin")
	body := map[string]any{"name": "Once", "type": "ngo"}
	statuses := apptest.AtOnce(50, func(int) *apptest.Response {
		return h.Call(admin, "POST", "/v1/organisations", body, apptest.Key("k1"))
	})
	for _, s := range statuses {
		if s != 201 && s != 409 {
			t.Errorf("status %d", s)
		}
	}
	var n int
	h.Scan("select count(*) from organisations where name = 'Once'", nil, &n)
	if n != 1 {
		t.Fatalf("%d created", n)
	}
	again := h.Call(admin, "POST", "/v1/organisations", body, apptest.Key("k1")).Want(201)
	if again.Header.Get("Idempotency-Replayed") != "true" || again.ETag() != `"1"` {
		t.Errorf("headers of the replay: %v", again.Header)
	}
	h.Call(admin, "POST", "/v1/organisations", map[string]any{"name": "Other", "type": "ngo"}, apptest.Key("k1")).WantCode(422, "idempotency_key_reused")
	other := h.Staff(h.CentreA, "tenant_admin")
	h.Call(other, "POST", "/v1/organisations", body, apptest.Key("k1")).WantCode(409, "name_taken")
}

func TestClientChosenID_AnswersAsTheFirstTime(t *testing.T) {
	h := apptest.New(t)
	admin := h.Staff(h.CentreA, "tenant_admin")
	id := uuid.Must(uuid.NewV7())
	body := map[string]any{"id": id, "name": "Chosen", "type": "ngo"}
	first := h.Call(admin, "POST", "/v1/organisations", body).Want(201)
	second := h.Call(admin, "POST", "/v1/organisations", body).Want(201)
	if string(first.Raw) != string(second.Raw) {
		t.Errorf("%s, then %s", first.Raw, second.Raw)
	}
	body["name"] = "Changed"
	h.Call(admin, "POST", "/v1/organisations", body).WantCode(409, "id_taken")
}
