package account_test

import (
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/app/apptest"
	"github.com/waystation/waystation/internal/config"
)

func TestUser_Life(t *testing.T) {
	h := apptest.New(t)
	admin := h.Staff(h.CentreA, "tenant_admin")
	body := map[string]any{"email": "Aissa@Espoir.example", "name": "Aïssa", "language": "fr", "organisation_id": h.IOM, "temporary_password": password}
	made := h.Call(admin, "POST", "/v1/users", body).Want(201)
	at := made.Header.Get("Location")
	if made.Text("email") != "aissa@espoir.example" || made.ID("home_centre_id") != h.CentreA || made.Text("active") != "true" {
		t.Errorf("made %s", made.Raw)
	}
	if got := h.Call(admin, "GET", at, nil).Want(200); string(got.Raw) != string(made.Raw) {
		t.Errorf("create answered %s, read answers %s", made.Raw, got.Raw)
	}
	h.Call(admin, "POST", "/v1/users", map[string]any{"email": "aissa@espoir.example", "name": "Other"}).WantCode(409, "email_taken")
	h.Call(admin, "PATCH", at, map[string]any{"name": "Aïssa M."}).WantCode(428, "if_match_required")
	changed := h.Call(admin, "PATCH", at, map[string]any{"name": "Aïssa M.", "organisation_id": nil}, apptest.IfMatch(`"1"`)).Want(200)
	if changed.Text("name") != "Aïssa M." || changed.Text("organisation_id") != "" || changed.ETag() != `"2"` {
		t.Errorf("changed %s", changed.Raw)
	}
	h.Call(admin, "PATCH", at, map[string]any{"name": "Stale"}, apptest.IfMatch(`"1"`)).WantCode(412, "stale_version")
	list := h.Call(admin, "GET", "/v1/users?email=AISSA@espoir.example&include_total=true", nil).Want(200)
	if list.Text("total") != "1" || list.ID("data", 0, "id") != made.ID() {
		t.Errorf("list %s", list.Raw)
	}
	if list := h.Call(admin, "GET", "/v1/users?active=false", nil).Want(200); list.Len("data") != 0 {
		t.Errorf("closed accounts: %s", list.Raw)
	}
	h.Call(admin, "GET", "/v1/users?role=x", nil).WantCode(400, "invalid_parameter")
	for field, value := range map[string]any{"email": "no address", "name": "", "language": "français", "password_hash": "x", "active": false} {
		if r := h.Call(admin, "PATCH", at, map[string]any{field: value}, apptest.IfMatch(`"2"`)).WantCode(422, "invalid"); r.Text("errors", 0, "pointer") != "/"+field {
			t.Errorf("%s: %s", field, r.Raw)
		}
	}
	h.Call(admin, "POST", "/v1/users", map[string]any{"email": "x@y.example", "name": "x", "temporary_password": "short"}).WantCode(422, "invalid")
	h.Call(admin, "POST", "/v1/users", map[string]any{"email": "x@y.example", "name": "x", "organisation_id": uuid.New()}).WantCode(422, "invalid")
	h.Call(h.Staff(h.CentreA, "caseworker"), "GET", "/v1/users", nil).WantCode(403, "forbidden")
	h.Call(h.Staff(h.CentreA, "auditor"), "PATCH", at, map[string]any{"name": "x"}, apptest.IfMatch(`"2"`)).WantCode(403, "forbidden")
}

// rule 25
func TestUser_OfAnotherCentreIsAnsweredLikeOneThatDoesNotExist(t *testing.T) {
	h := apptest.New(t)
	admin, there := h.Staff(h.CentreA, "tenant_admin"), h.Staff(h.CentreB, "caseworker")
	for _, c := range []struct {
		method, suffix string
		body           any
	}{
		{"GET", "", nil}, {"PATCH", "", map[string]any{"name": "x"}}, {"POST", "/deactivate", nil}, {"POST", "/reactivate", nil},
		{"POST", "/reset-password", map[string]any{"temporary_password": password}}, {"POST", "/reset-totp", nil}, {"GET", "/trainings", nil},
		{"POST", "/trainings", map[string]any{"training": "code_of_conduct", "completed_on": "2026-01-01"}},
	} {
		call := func(id uuid.UUID) string {
			return anonymous(h.Call(admin, c.method, "/v1/users/"+id.String()+c.suffix, c.body, apptest.IfMatch(`"1"`)).WantCode(404, "not_found"))
		}
		if call(there.ID) != call(uuid.New()) {
			t.Errorf("%s %s tells that the user exists", c.method, c.suffix)
		}
	}
	var touched int
	h.Scan("select count(*) from users where id = $1 and (version <> 1 or not active or password_hash <> '')", []any{there.ID}, &touched)
	if touched != 0 {
		t.Error("a user of another centre was changed")
	}
	list := h.Call(admin, "GET", "/v1/users", nil).Want(200)
	if list.Len("data") != 1 || list.ID("data", 0, "id") != admin.ID {
		t.Errorf("list %s", list.Raw)
	}
	if all := h.Call(h.Network("platform_operator"), "GET", "/v1/users", nil).Want(200); all.Len("data") != 3 {
		t.Errorf("the operator sees %s", all.Raw)
	}
}

func TestUser_CredentialsOfWhoWorksElsewhereTooAreForTheOperators(t *testing.T) {
	h := apptest.New(t)
	admin, operator := h.Staff(h.CentreA, "tenant_admin"), h.Network("platform_operator")
	both := h.Staff(h.CentreA, "caseworker")
	h.Exec(`insert into members (centre_id, id, version, created_at, updated_at, user_id, role, starts_on)
		values ($1, gen_random_uuid(), 1, now(), now(), $2, 'centre_manager', current_date + 7)`, h.CentreB, both.ID)
	mighty := h.Staff(h.CentreA, "caseworker")
	h.Exec("update users set network_roles = '{platform_operator}' where id = $1", mighty.ID)
	left := h.Staff(h.CentreA, "caseworker")
	h.Exec("update members set ended_at = now() where user_id = $1", left.ID)
	for name, p := range map[string]apptest.Person{"works in two centres": both, "has a network role": mighty, "has left": left, "is oneself": admin} {
		at := "/v1/users/" + p.ID.String()
		for _, verb := range []string{"/deactivate", "/reactivate", "/reset-totp"} {
			if r := h.Call(admin, "POST", at+verb, nil, apptest.IfMatch(`"1"`)).WantCode(403, "forbidden"); r.Text("detail") == "" {
				t.Errorf("%s: %s", name, r.Raw)
			}
		}
		h.Call(admin, "POST", at+"/reset-password", map[string]any{"temporary_password": password}, apptest.IfMatch(`"1"`)).WantCode(403, "forbidden")
		h.Call(admin, "PATCH", at, map[string]any{"email": "mine@demo.example"}, apptest.IfMatch(`"1"`)).WantCode(403, "forbidden")
	}
	h.Call(admin, "PATCH", "/v1/users/"+left.ID.String(), map[string]any{"name": "x"}, apptest.IfMatch(`"1"`)).WantCode(403, "forbidden")
	h.Call(admin, "PATCH", "/v1/users/"+both.ID.String(), map[string]any{"name": "Both"}, apptest.IfMatch(`"1"`)).Want(200)
	h.Call(operator, "POST", "/v1/users/"+both.ID.String()+"/reset-password", map[string]any{"temporary_password": password}, apptest.IfMatch(`"2"`)).Want(200)
	h.Call(operator, "POST", "/v1/users/"+operator.ID.String()+"/deactivate", nil, apptest.IfMatch(`"1"`)).WantCode(403, "forbidden")
}

func TestUser_DeactivationEndsEverySession(t *testing.T) {
	h := apptest.New(t)
	admin, worker := h.Staff(h.CentreA, "tenant_admin"), h.Staff(h.CentreA, "caseworker")
	email := credential(h, worker)
	in := signIn(h, h.URL, email, password).Want(200)
	at := "/v1/users/" + worker.ID.String()
	closed := h.Call(admin, "POST", at+"/deactivate", nil, apptest.IfMatch(`"1"`)).Want(200)
	if closed.Text("active") != "false" {
		t.Errorf("closed %s", closed.Raw)
	}
	h.Call(bearer(in), "GET", "/v1/me", nil).WantCode(401, "invalid_token")
	h.Call(worker, "GET", "/v1/me", nil).WantCode(401, "invalid_token")
	refresh(h, h.URL, in).Want(400)
	signIn(h, h.URL, email, password).Want(401)
	h.Call(admin, "POST", at+"/deactivate", nil, apptest.IfMatch(closed.ETag())).WantCode(409, "state_conflict")
	h.Call(admin, "POST", at+"/reactivate", nil, apptest.IfMatch(closed.ETag())).Want(200)
	signIn(h, h.URL, email, password).Want(200)
}

func TestUser_ResetsSignOutAndLiftTheLock(t *testing.T) {
	h := apptest.New(t)
	admin, worker := h.Staff(h.CentreA, "tenant_admin"), h.Staff(h.CentreA, "caseworker")
	email := credential(h, worker)
	enrol(h, worker)
	in := "/v1/users/" + worker.ID.String()
	h.Exec("update users set locked_until = now() + interval '1 hour', failed_sign_ins = 9 where id = $1", worker.ID)
	user := h.Call(admin, "GET", in, nil).Want(200)
	if user.Text("locked") != "true" || user.Text("one_time_codes") != "true" {
		t.Errorf("user %s", user.Raw)
	}
	user = h.Call(admin, "POST", in+"/reset-totp", nil, apptest.IfMatch(user.ETag())).Want(200)
	h.Call(admin, "POST", in+"/reset-totp", nil, apptest.IfMatch(user.ETag())).WantCode(409, "state_conflict")
	user = h.Call(admin, "POST", in+"/reset-password", map[string]any{"temporary_password": password2}, apptest.IfMatch(user.ETag())).Want(200)
	if user.Text("locked") != "false" || user.Text("one_time_codes") != "false" || strings.Contains(string(user.Raw), password2) {
		t.Errorf("user %s", user.Raw)
	}
	h.Call(worker, "GET", "/v1/me", nil).Want(401)
	signIn(h, h.URL, email, password).Want(401)
	signIn(h, h.URL, email, password2, "new_password", password).Want(200)
}

func TestUser_NetworkRolesAreGrantedByTheOperatorsAlone(t *testing.T) {
	h := apptest.New(t, func(c *config.Config) { c.MandatoryTrainings = []string{"code_of_conduct"} })
	admin, operator, worker := h.Staff(h.CentreA, "tenant_admin"), h.Network("platform_operator"), h.Staff(h.CentreA, "caseworker")
	at := "/v1/users/" + worker.ID.String()
	grant := func(p apptest.Person, at string, roles ...string) *apptest.Response {
		etag := h.Call(operator, "GET", at, nil).Want(200).ETag()
		return h.Call(p, "PATCH", at, map[string]any{"network_roles": append([]string{}, roles...)}, apptest.IfMatch(etag))
	}
	grant(admin, at, "network_officer").WantCode(403, "forbidden")
	grant(operator, at, "caseworker").WantCode(422, "invalid")
	grant(operator, at, "network_officer").WantCode(422, "training_missing")
	h.Call(operator, "POST", at+"/trainings", map[string]any{"training": "code_of_conduct", "completed_on": "2026-01-01"}).Want(201)
	grant(operator, at, "network_officer").Want(200)
	if r := grant(operator, "/v1/users/"+operator.ID.String(), "platform_operator", "network_officer").WantCode(422, "invalid"); r.Text("errors", 0, "code") != "self_grant" {
		t.Errorf("%s", r.Raw)
	}
	officer := bearer(signIn(h, h.URL, credential(h, worker), password).Want(200))
	h.Call(officer, "GET", "/v1/users/"+admin.ID.String(), nil).Want(200)
	grant(operator, at).Want(200)
	h.Call(officer, "GET", "/v1/users/"+admin.ID.String(), nil).WantCode(401, "invalid_token")
}

func TestUser_HomeCentreIsOneThatTheCallerKeeps(t *testing.T) {
	h := apptest.New(t)
	admin, operator := h.Staff(h.CentreA, "tenant_admin"), h.Network("platform_operator")
	add := func(p apptest.Person, email string, home any) *apptest.Response {
		body := map[string]any{"email": email, "name": "x"}
		if home != nil {
			body["home_centre_id"] = home
		}
		return h.Call(p, "POST", "/v1/users", body)
	}
	add(admin, "a@b.example", h.CentreB).WantCode(422, "invalid")
	add(admin, "a@b.example", uuid.New()).WantCode(422, "invalid")
	add(operator, "a@b.example", uuid.New()).WantCode(422, "invalid")
	own := add(operator, "a@b.example", nil).Want(201)
	h.Call(admin, "GET", own.Header.Get("Location"), nil).Want(404)
	h.Call(operator, "GET", own.Header.Get("Location"), nil).Want(200)
	given := add(operator, "c@d.example", h.CentreA).Want(201)
	h.Call(admin, "GET", given.Header.Get("Location"), nil).Want(200)
}

func TestTraining_Life(t *testing.T) {
	h := apptest.New(t)
	admin, worker := h.Staff(h.CentreA, "tenant_admin"), h.Staff(h.CentreA, "caseworker")
	at := "/v1/users/" + worker.ID.String() + "/trainings"
	made := h.Call(admin, "POST", at, map[string]any{"training": "code_of_conduct", "completed_on": "2026-01-04", "valid_until": "2027-01-03"}).Want(201)
	one := made.Header.Get("Location")
	if got := h.Call(admin, "GET", one, nil).Want(200); string(got.Raw) != string(made.Raw) {
		t.Errorf("create answered %s, read answers %s", made.Raw, got.Raw)
	}
	changed := h.Call(admin, "PATCH", one, map[string]any{"valid_until": nil}, apptest.IfMatch(`"1"`)).Want(200)
	if changed.Text("valid_until") != "" || changed.Text("completed_on") != "2026-01-04" {
		t.Errorf("changed %s", changed.Raw)
	}
	h.Call(admin, "PATCH", one, map[string]any{"valid_until": "2025-01-01"}, apptest.IfMatch(`"2"`)).WantCode(422, "invalid")
	h.Call(admin, "POST", at, map[string]any{"training": "x", "completed_on": "2999-01-01"}).WantCode(422, "invalid")
	h.Call(admin, "POST", at, map[string]any{"training": "Not a Code", "completed_on": "2026-01-01"}).WantCode(422, "invalid")
	if list := h.Call(admin, "GET", at+"?training=code_of_conduct", nil).Want(200); list.Len("data") != 1 {
		t.Errorf("list %s", list.Raw)
	}
	own := "/v1/users/" + admin.ID.String() + "/trainings"
	h.Call(admin, "POST", own, map[string]any{"training": "code_of_conduct", "completed_on": "2026-01-04"}).WantCode(403, "forbidden")
	h.Call(admin, "GET", own+"/"+made.Text("id"), nil).WantCode(404, "not_found")
}

func TestMe_IsChangedByOneself(t *testing.T) {
	h := apptest.New(t)
	worker := h.Staff(h.CentreA, "caseworker")
	me := h.Call(worker, "GET", "/v1/me", nil).Want(200)
	if me.Len("memberships") != 1 || me.ID("memberships", 0, "centre_id") != h.CentreA || me.Len("network_scopes") != 2 { // me:read, me:write
		t.Errorf("me %s", me.Raw)
	}
	changed := h.Call(worker, "PATCH", "/v1/me", map[string]any{"language": "ar", "name": "Nouveau"}, apptest.IfMatch(me.ETag())).Want(200)
	if changed.Text("language") != "ar" || changed.Text("name") != "Nouveau" || changed.Len("memberships") != 1 {
		t.Errorf("changed %s", changed.Raw)
	}
	h.Call(worker, "PATCH", "/v1/me", map[string]any{"name": "x"}, apptest.IfMatch(me.ETag())).WantCode(412, "stale_version")
	h.Call(worker, "PATCH", "/v1/me", map[string]any{"email": "x@y.example"}, apptest.IfMatch(changed.ETag())).WantCode(422, "invalid")
	officer := h.Call(h.Network("network_officer"), "GET", "/v1/me", nil).Want(200)
	if officer.Text("network_roles", 0) != "network_officer" || officer.Len("network_scopes") <= 2 {
		t.Errorf("me %s", officer.Raw)
	}
	h.Call(h.Staff(h.CentreA), "GET", "/v1/me", nil).Want(200) // somebody without any role
	h.Call(h.Client(h.IOM, "organisations:read"), "GET", "/v1/me", nil).WantCode(403, "forbidden")
}
