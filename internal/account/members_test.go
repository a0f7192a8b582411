package account_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/app/apptest"
	"github.com/waystation/waystation/internal/config"
)

func members(centre uuid.UUID) string { return "/v1/centres/" + centre.String() + "/members" }

func TestMember_Life(t *testing.T) {
	h := apptest.New(t)
	admin := h.Staff(h.CentreA, "tenant_admin")
	user := h.Call(admin, "POST", "/v1/users", map[string]any{"email": "a@b.example", "name": "Aïssa"}).Want(201).ID()
	made := h.Call(admin, "POST", members(h.CentreA), map[string]any{"user_id": user, "role": "caseworker", "expires_on": "2099-12-31"}).Want(201)
	at := made.Header.Get("Location")
	if made.Text("name") != "Aïssa" || made.Text("email") != "a@b.example" || made.Text("current") != "true" || made.Text("starts_on") == "" {
		t.Errorf("made %s", made.Raw)
	}
	if got := h.Call(h.Staff(h.CentreA, "caseworker"), "GET", at, nil).Want(200); string(got.Raw) != string(made.Raw) {
		t.Errorf("create answered %s, read answers %s", made.Raw, got.Raw)
	}
	h.Call(admin, "POST", members(h.CentreA), map[string]any{"user_id": user, "role": "caseworker"}).WantCode(409, "role_held")
	changed := h.Call(admin, "PATCH", at, map[string]any{"expires_on": "2020-01-01", "starts_on": "2019-01-01"}, apptest.IfMatch(`"1"`)).Want(200)
	if changed.Text("current") != "false" {
		t.Errorf("changed %s", changed.Raw)
	}
	h.Call(admin, "PATCH", at, map[string]any{"expires_on": "2018-01-01"}, apptest.IfMatch(`"2"`)).WantCode(422, "invalid")
	for filter, want := range map[string]int{"": 3, "?current=true": 2, "?current=false": 1, "?role=caseworker": 2, "?user_id=" + user.String(): 1} {
		if list := h.Call(admin, "GET", members(h.CentreA)+filter, nil).Want(200); list.Len("data") != want {
			t.Errorf("%q: %s", filter, list.Raw)
		}
	}
	ended := h.Call(admin, "POST", at+"/end", nil, apptest.IfMatch(changed.ETag())).Want(200)
	if ended.Text("ended_at") == "" {
		t.Errorf("ended %s", ended.Raw)
	}
	h.Call(admin, "POST", at+"/end", nil, apptest.IfMatch(ended.ETag())).WantCode(409, "state_conflict")
	h.Call(admin, "PATCH", at, map[string]any{"expires_on": nil}, apptest.IfMatch(ended.ETag())).WantCode(409, "state_conflict")
	h.Call(admin, "POST", members(h.CentreA), map[string]any{"user_id": user, "role": "caseworker"}).Want(201)
}

func TestMember_NobodyGrantsThemselvesARole(t *testing.T) {
	h := apptest.New(t)
	admin, operator := h.Staff(h.CentreA, "tenant_admin"), h.Network("platform_operator")
	for name, p := range map[string]apptest.Person{"administrator": admin, "operator": operator} {
		if r := h.Call(p, "POST", members(h.CentreA), map[string]any{"user_id": p.ID, "role": "caseworker"}).WantCode(422, "invalid"); r.Text("errors", 0, "code") != "self_grant" {
			t.Errorf("%s: %s", name, r.Raw)
		}
	}
	h.Exec("update members set expires_on = current_date + 1 where user_id = $1", admin.ID)
	own := h.Call(admin, "GET", members(h.CentreA)+"?user_id="+admin.ID.String(), nil).Want(200)
	at := members(h.CentreA) + "/" + own.Text("data", 0, "id")
	if r := h.Call(admin, "PATCH", at, map[string]any{"expires_on": nil}, apptest.IfMatch(`"1"`)).WantCode(422, "invalid"); r.Text("errors", 0, "code") != "self_grant" {
		t.Errorf("prolonging one's own: %s", r.Raw)
	}
	h.Call(admin, "POST", at+"/end", nil, apptest.IfMatch(`"1"`)).Want(200) // giving one up is free
}

func TestMember_NetworkRolesAreNotHeldInACentre(t *testing.T) {
	h := apptest.New(t)
	admin, worker := h.Staff(h.CentreA, "tenant_admin"), h.Staff(h.CentreA, "caseworker")
	for _, role := range []string{"platform_operator", "network_officer"} {
		for _, p := range []apptest.Person{admin, h.Network("platform_operator")} {
			if r := h.Call(p, "POST", members(h.CentreA), map[string]any{"user_id": worker.ID, "role": role}).WantCode(422, "invalid"); r.Text("errors", 0, "pointer") != "/role" {
				t.Errorf("%s: %s", role, r.Raw)
			}
		}
	}
	h.Call(admin, "POST", members(h.CentreA), map[string]any{"user_id": worker.ID, "role": "sorcerer"}).WantCode(422, "invalid")
}

func TestMember_IsSomebodyWhomTheCallerMaySee(t *testing.T) {
	h := apptest.New(t)
	admin, there := h.Staff(h.CentreA, "tenant_admin"), h.Staff(h.CentreB, "caseworker")
	grant := func(p apptest.Person, user uuid.UUID) *apptest.Response {
		return h.Call(p, "POST", members(h.CentreA), map[string]any{"user_id": user, "role": "caseworker"})
	}
	if known, unknown := grant(admin, there.ID).WantCode(422, "invalid"), grant(admin, uuid.New()).WantCode(422, "invalid"); anonymous(known) != anonymous(unknown) {
		t.Errorf("known %s, unknown %s", known.Raw, unknown.Raw)
	}
	grant(h.Network("platform_operator"), there.ID).Want(201)
	h.Exec("update users set active = false where id = $1", there.ID)
	h.Call(admin, "POST", members(h.CentreA), map[string]any{"user_id": there.ID, "role": "registrar"}).WantCode(422, "invalid")
}

// duty Q
// rule 38
func TestMember_NeedsTheMandatoryTrainings(t *testing.T) {
	h := apptest.New(t, func(c *config.Config) { c.MandatoryTrainings = []string{"code_of_conduct", "safeguarding"} })
	admin := h.Staff(h.CentreA, "tenant_admin")
	user := h.Call(admin, "POST", "/v1/users", map[string]any{"email": "a@b.example", "name": "Aïssa"}).Want(201).ID()
	grant := func() *apptest.Response {
		return h.Call(admin, "POST", members(h.CentreA), map[string]any{"user_id": user, "role": "caseworker"})
	}
	train := func(name, completed, until string) {
		h.Call(admin, "POST", "/v1/users/"+user.String()+"/trainings", map[string]any{"training": name, "completed_on": completed, "valid_until": until}).Want(201)
	}
	if r := grant().WantCode(422, "training_missing"); fmt.Sprint(r.Value("missing_trainings")) != "[code_of_conduct safeguarding]" {
		t.Errorf("%s", r.Raw)
	}
	train("code_of_conduct", "2026-01-01", "2099-01-01")
	train("safeguarding", "2020-01-01", "2021-01-01") // expired
	if r := grant().WantCode(422, "training_missing"); fmt.Sprint(r.Value("missing_trainings")) != "[safeguarding]" {
		t.Errorf("%s", r.Raw)
	}
	train("safeguarding", "2026-01-01", time.Now().UTC().AddDate(0, 0, 1).Format(time.DateOnly))
	made := grant().Want(201)
	h.Exec("update user_trainings set valid_until = completed_on")
	shorter := h.Call(admin, "PATCH", made.Header.Get("Location"), map[string]any{"expires_on": "2099-01-01"}, apptest.IfMatch(`"1"`)).Want(200)
	h.Call(admin, "PATCH", made.Header.Get("Location"), map[string]any{"expires_on": nil}, apptest.IfMatch(shorter.ETag())).WantCode(422, "training_missing")
}

func TestMember_AnEndedRoleIsGoneAtOnceOnEveryServer(t *testing.T) {
	h := apptest.New(t)
	other := h.Server()
	admin, worker := h.Staff(h.CentreA, "tenant_admin"), h.Staff(h.CentreA, "caseworker")
	in := signIn(h, h.URL, credential(h, worker), password).Want(200)
	role := h.Call(admin, "GET", members(h.CentreA)+"?user_id="+worker.ID.String(), nil).Want(200)
	centre := "/v1/centres/" + h.CentreA.String()
	h.CallAt(other, bearer(in), "GET", centre, nil).Want(200)
	h.Call(admin, "POST", members(h.CentreA)+"/"+role.Text("data", 0, "id")+"/end", nil, apptest.IfMatch(`"1"`)).Want(200)
	h.Call(bearer(in), "GET", centre, nil).WantCode(401, "invalid_token")
	eventually(t, func() bool { return h.CallAt(other, bearer(in), "GET", centre, nil).Status == 401 })
	next := refresh(h, other, in).Want(200) // still signed in, without the right
	h.CallAt(other, bearer(next), "GET", centre, nil).WantCode(404, "not_found")
}

// eventually waits for what happens within milliseconds on a machine that is not busy, and within a
// beat of the feed, one second, at worst.
func eventually(t *testing.T, happened func() bool) {
	t.Helper()
	for until := time.Now().Add(3 * time.Second); !happened(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(until) {
			t.Fatal("did not happen in time")
		}
	}
}

func TestMember_OfAnotherCentreIsNotFound(t *testing.T) {
	h := apptest.New(t)
	admin := h.Staff(h.CentreA, "tenant_admin")
	h.Staff(h.CentreB, "caseworker")
	var id uuid.UUID
	h.Scan("select id from members where centre_id = $1", []any{h.CentreB}, &id)
	for _, c := range []struct {
		method, suffix string
		body           any
	}{{"GET", "", nil}, {"PATCH", "", map[string]any{"expires_on": "2099-01-01"}}, {"POST", "/end", nil}} {
		foreign := h.Call(admin, c.method, members(h.CentreA)+"/"+id.String()+c.suffix, c.body, apptest.IfMatch(`"1"`)).WantCode(404, "not_found")
		unknown := h.Call(admin, c.method, members(h.CentreA)+"/"+uuid.NewString()+c.suffix, c.body, apptest.IfMatch(`"1"`)).WantCode(404, "not_found")
		if anonymous(foreign) != anonymous(unknown) {
			t.Errorf("%s tells that it exists", c.method)
		}
		h.Call(admin, c.method, members(h.CentreB)+"/"+id.String()+c.suffix, c.body, apptest.IfMatch(`"1"`)).WantCode(404, "not_found")
	}
}

// duty A3
func TestMembers_TellWhoseTrainingIsMissingOrExpired(t *testing.T) {
	h := apptest.New(t, func(c *config.Config) { c.MandatoryTrainings = []string{"code_of_conduct"} })
	manager, trained := h.Staff(h.CentreA, "centre_manager"), h.Staff(h.CentreA, "caseworker")
	expired := h.Staff(h.CentreA, "registrar")
	for user, until := range map[uuid.UUID]any{manager.ID: nil, trained.ID: "2099-01-01", expired.ID: "2021-01-01"} {
		h.Exec(`insert into user_trainings (id, version, created_at, updated_at, user_id, training, completed_on, valid_until)
			values (gen_random_uuid(), 1, now(), now(), $1, 'code_of_conduct', '2020-01-01', $2)`, user, until)
	}
	list := h.Call(manager, "GET", members(h.CentreA)+"?training_missing=true", nil).Want(200)
	if list.Len("data") != 1 || list.ID("data", 0, "user_id") != expired.ID || list.Text("data", 0, "missing_trainings", 0) != "code_of_conduct" {
		t.Errorf("list %s", list.Raw)
	}
	if list := h.Call(manager, "GET", members(h.CentreA)+"?training_missing=false", nil).Want(200); list.Len("data") != 2 || list.Len("data", 0, "missing_trainings") != 0 {
		t.Errorf("list %s", list.Raw)
	}
	h.Call(trained, "GET", members(h.CentreA)+"?training_missing=true", nil).WantCode(403, "forbidden")
	if list := h.Call(trained, "GET", members(h.CentreA), nil).Want(200); list.Len("data") != 3 || list.Value("data", 0, "missing_trainings") != nil {
		t.Errorf("a caseworker sees %s", list.Raw)
	}
}

// duty A3: expired trainings are listed, and those that end soon.
func TestTrainings_OfACentreTellWhatExpires(t *testing.T) {
	h := apptest.New(t)
	manager, ann, ben := h.Staff(h.CentreA, "centre_manager"), h.Staff(h.CentreA, "caseworker"), h.Staff(h.CentreA, "registrar")
	gone, elsewhere := h.Staff(h.CentreA, "registrar"), h.Staff(h.CentreB, "registrar")
	h.Exec("update members set ended_at = now() where user_id = $1", gone.ID)
	soon := time.Now().UTC().AddDate(0, 0, 20).Format(time.DateOnly)
	for _, x := range []struct {
		who      apptest.Person
		training string
		until    any
	}{{ann, "code_of_conduct", "2021-01-01"}, {ann, "code_of_conduct", soon}, {ann, "safeguarding", "2021-06-01"}, {ben, "code_of_conduct", nil}, {ben, "safeguarding", "2099-01-01"},
		{gone, "safeguarding", "2021-01-01"}, {elsewhere, "safeguarding", "2021-01-01"}} {
		h.Exec(`insert into user_trainings (id, version, created_at, updated_at, user_id, training, completed_on, valid_until)
			values (gen_random_uuid(), 1, now(), now(), $1, $2, '2020-01-01', $3)`, x.who.ID, x.training, x.until)
	}
	path := "/v1/centres/" + h.CentreA.String() + "/trainings"
	names := map[uuid.UUID]string{ann.ID: "ann", ben.ID: "ben"}
	for query, want := range map[string]string{
		"": "ann safeguarding, ann code_of_conduct, ben safeguarding, ben code_of_conduct", "?expired=true": "ann safeguarding", "?expired=false&training=code_of_conduct": "ann code_of_conduct, ben code_of_conduct",
		"?expires_before=" + time.Now().UTC().AddDate(0, 0, 30).Format(time.DateOnly): "ann safeguarding, ann code_of_conduct",
		"?expires_before=" + soon: "ann safeguarding", "?sort=-valid_until&limit=1": "ben code_of_conduct",
	} {
		page, got := h.Call(manager, "GET", path+query, nil).Want(200), []string{}
		for i := range page.Len("data") {
			got = append(got, names[page.ID("data", i, "user_id")]+" "+page.Text("data", i, "training"))
		}
		if strings.Join(got, ", ") != want {
			t.Errorf("%s: %q, want %q", query, got, want)
		}
	}
	if next := h.Call(manager, "GET", path+"?limit=3", nil).Want(200); h.Call(manager, "GET", path+"?limit=3&cursor="+next.Text("next_cursor"), nil).Want(200).Len("data") != 1 {
		t.Errorf("the next page of %s", next.Raw)
	}
	h.Call(ann, "GET", path, nil).WantCode(403, "forbidden")
	h.Call(elsewhere, "GET", path, nil).Want(404)
}

func TestMember_ATokenMintedWhileTheRoleEndsDoesNotKeepIt(t *testing.T) {
	h := apptest.New(t)
	admin := h.Staff(h.CentreA, "tenant_admin")
	other := h.Server()
	for range 8 {
		worker := h.Staff(h.CentreA, "caseworker")
		in := signIn(h, h.URL, credential(h, worker), password).Want(200)
		var role uuid.UUID
		h.Scan("select id from members where user_id = $1", []any{worker.ID}, &role)
		var next *apptest.Response
		var wg sync.WaitGroup
		wg.Go(func() { next = refresh(h, other, in) })
		wg.Go(func() {
			h.Call(admin, "POST", members(h.CentreA)+"/"+role.String()+"/end", nil, apptest.IfMatch(`"1"`)).Want(200)
		})
		wg.Wait()
		next.Want(200)
		if r := h.Call(bearer(next), "GET", "/v1/centres/"+h.CentreA.String(), nil); r.Status == 200 {
			t.Fatal("a right that was taken away lives on in a token")
		}
		refresh(h, h.URL, next).Want(200)
	}
}
