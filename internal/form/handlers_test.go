package form_test

import (
	"context"
	"encoding/json"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/app/apptest"
	"github.com/waystation/waystation/internal/db"
)

type obj = map[string]any

// bureau is a centre with those who keep its forms.
type bureau struct {
	*apptest.House
	manager, worker apptest.Person
	forms           string // path of the centre's forms
}

func newBureau(t *testing.T) *bureau {
	h := apptest.New(t)
	return &bureau{h, h.Staff(h.CentreA, "centre_manager"), h.Staff(h.CentreA, "caseworker"), "/v1/centres/" + h.CentreA.String() + "/forms"}
}

func sleep(more obj) obj {
	body := obj{"key": "sleep", "kind": "other", "title": "Sleep", "schema": json.RawMessage(`{"type":"object","properties":{"zeal":{"type":"string","title":"Zeal"},"awake":{"type":"boolean","title":"Awake"}}}`),
		"ui_schema": obj{"zeal": obj{"ui:widget": "textarea"}}, "translations": obj{"fr": obj{"Sleep": "Sommeil", "Zeal": "Ardeur", "Awake": "Éveil"}}}
	for k, v := range more {
		body[k] = v
	}
	return body
}

// asServer runs a statement as the server does.
func (b *bureau) asServer(sql string) error {
	return b.App.DB.InTx(context.Background(), db.Scope{Centres: []uuid.UUID{b.CentreA}, ActorID: b.manager.ID, ActorKind: "user"}, func(ctx context.Context) error {
		return db.Tx(ctx).Exec(sql).Error
	})
}

// shipped finds the network's form of a key.
func (b *bureau) shipped(key string) *apptest.Response {
	b.T.Helper()
	found := b.Call(b.worker, "GET", b.forms+"?origin=network&key="+key, nil).Want(200)
	return b.Call(b.worker, "GET", b.forms+"/"+found.ID("data", 0, "id").String(), nil).Want(200)
}

func TestForm_Life(t *testing.T) {
	b := newBureau(t)
	made := b.Call(b.manager, "POST", b.forms, sleep(nil)).Want(201)
	at := made.Header.Get("Location")
	if made.Text("status") != "draft" || made.Text("number") != "1" || made.Text("origin") != "centre" || made.Text("in_force") != "false" || made.Text("languages", 1) != "fr" {
		t.Errorf("made: %s", made.Raw)
	}
	if read := b.Call(b.worker, "GET", at, nil).Want(200); string(read.Raw) != string(made.Raw) {
		t.Errorf("create answered %s, read answers %s", made.Raw, read.Raw)
	}
	if zeal, awake := strings.Index(string(made.Raw), `"zeal":{"type"`), strings.Index(string(made.Raw), `"awake":{"type"`); zeal < 0 || zeal > awake {
		t.Errorf("the questions lost their order: %s", made.Raw)
	}
	b.Call(b.manager, "PATCH", at, obj{"title": "Sleep and rest"}, apptest.IfMatch(`"1"`)).Want(200)
	if r := b.Call(b.manager, "POST", at+"/publish", nil, apptest.IfMatch(`"2"`)).WantCode(422, "invalid"); r.Text("errors", 0, "code") != "translation_missing" {
		t.Errorf("refused: %s", r.Raw)
	}
	b.Call(b.manager, "PATCH", at, obj{"title": "Sleep", "description": nil}, apptest.IfMatch(`"2"`)).Want(200)
	if live := b.Call(b.manager, "POST", at+"/publish", nil, apptest.IfMatch(`"3"`)).Want(200); live.Text("status") != "published" || live.Text("in_force") != "true" {
		t.Errorf("published: %s", live.Raw)
	}
	b.Call(b.manager, "PATCH", at, obj{"title": "x"}, apptest.IfMatch(`"4"`)).WantCode(409, "state_conflict")
	b.Call(b.manager, "POST", at+"/publish", nil, apptest.IfMatch(`"4"`)).WantCode(409, "state_conflict")
	next := b.Call(b.manager, "POST", b.forms, obj{"based_on": made.ID(), "title": "Zeal"}).Want(201)
	if next.Text("number") != "2" || next.Text("key") != "sleep" || next.ID("based_on") != made.ID() {
		t.Errorf("next: %s", next.Raw)
	}
	b.Call(b.manager, "POST", next.Header.Get("Location")+"/publish", nil, apptest.IfMatch(`"1"`)).Want(200)
	if before := b.Call(b.worker, "GET", at, nil).Want(200); before.Text("status") != "superseded" || before.Text("ended_at") == "" || before.Text("in_force") != "false" {
		t.Errorf("before: %s", before.Raw)
	}
	b.Call(b.manager, "POST", next.Header.Get("Location")+"/retire", nil, apptest.IfMatch(`"2"`)).Want(200)
	b.Call(b.manager, "POST", next.Header.Get("Location")+"/retire", nil, apptest.IfMatch(`"3"`)).WantCode(409, "state_conflict")
	if n := b.Call(b.worker, "GET", b.forms+"?key=sleep&in_force=true", nil).Want(200).Len("data"); n != 0 {
		t.Errorf("%d are in force", n)
	}
}

func TestForm_ThePublishedIsFrozenInTheDatabase(t *testing.T) {
	b := newBureau(t)
	made := b.Call(b.manager, "POST", b.forms, sleep(nil)).Want(201)
	b.Call(b.manager, "POST", made.Header.Get("Location")+"/publish", nil, apptest.IfMatch(`"1"`)).Want(200)
	for _, sql := range []string{"update forms set schema = '{}'", "update forms set title = 'x'", "update forms set number = 7", "delete from forms"} {
		if err := b.asServer(sql); err == nil || !strings.Contains(err.Error(), "23001") {
			t.Errorf("%s: %v", sql, err)
		}
	}
}

func TestForm_TheNetworksAreThereForEveryCentre(t *testing.T) {
	b := newBureau(t)
	list := b.Call(b.worker, "GET", b.forms+"?sort=key&include_total=true", nil, apptest.Header{Name: "Accept-Language", Value: "fr"}).Want(200)
	if list.Len("data") != 5 || list.Text("data", 0, "key") != "best_interest" || list.Text("data", 0, "title") != "Évaluation de l’intérêt supérieur de l’enfant" || list.Text("data", 0, "in_force") != "true" || list.Text("total") != "5" {
		t.Errorf("list: %s", list.Raw)
	}
	first := b.Call(b.worker, "GET", b.forms+"?sort=-key&limit=2", nil).Want(200)
	second := b.Call(b.worker, "GET", b.forms+"?limit=4&cursor="+first.Text("next_cursor"), nil).Want(200)
	if first.Len("data") != 2 || second.Len("data") != 3 || second.Text("next_cursor") != "" {
		t.Errorf("pages: %s %s", first.Raw, second.Raw)
	}
	elsewhere := b.Staff(b.CentreB, "caseworker")
	b.Call(elsewhere, "GET", "/v1/centres/"+b.CentreB.String()+"/forms/"+b.shipped("domv").ID().String(), nil).Want(200)
	at := b.forms + "/" + b.shipped("domv").ID().String()
	b.Call(b.manager, "PATCH", at, obj{"title": "x"}, apptest.IfMatch(`"1"`)).WantCode(403, "forbidden")
	b.Call(b.manager, "POST", at+"/retire", nil, apptest.IfMatch(`"1"`)).WantCode(403, "forbidden")
	b.Call(b.manager, "POST", at+"/publish", nil, apptest.IfMatch(`"1"`)).WantCode(403, "forbidden")
}

func TestForm_ACentresOwnVersionTakesThePlaceOfAShippedOne(t *testing.T) {
	b := newBureau(t)
	theirs := b.shipped("domv")
	mine := b.Call(b.manager, "POST", b.forms, obj{"based_on": theirs.ID(), "translations": obj{}, "title": "Vulnerability in Agadez"}).Want(201)
	inForce := func() uuid.UUID {
		return b.Call(b.worker, "GET", b.forms+"?key=domv&in_force=true", nil).Want(200).ID("data", 0, "id")
	}
	if inForce() != theirs.ID() {
		t.Error("a draft takes the place already")
	}
	b.Call(b.manager, "POST", mine.Header.Get("Location")+"/publish", nil, apptest.IfMatch(`"1"`)).Want(200)
	if inForce() != mine.ID() {
		t.Error("the network's is still in force")
	}
	b.Call(b.Staff(b.CentreB, "caseworker"), "GET", "/v1/centres/"+b.CentreB.String()+"/forms/"+mine.ID().String(), nil).WantCode(404, "not_found")
	b.Call(b.manager, "POST", mine.Header.Get("Location")+"/retire", nil, apptest.IfMatch(`"2"`)).Want(200)
	if inForce() != theirs.ID() {
		t.Error("the network's is not in force again")
	}
}

func TestForm_IsRenderedInTheReadersLanguage(t *testing.T) {
	b := newBureau(t)
	at := b.forms + "/" + b.shipped("fit_to_travel").ID().String() + "/rendering"
	for accept, want := range map[string]struct{ lang, title string }{
		"fr-CA": {"fr", "Aptitude à voyager"}, "ar": {"ar", "اللياقة للسفر"}, "es, en;q=0.1": {"es", "Aptitud para viajar"}, "de": {"en", "Fitness to travel"},
	} {
		r := b.Call(b.worker, "GET", at, nil, apptest.Header{Name: "Accept-Language", Value: accept}).Want(200)
		if r.Text("language") != want.lang || r.Text("title") != want.title || r.Header.Get("Content-Language") != want.lang || r.ETag() != `"1-`+want.lang+`"` || r.Header.Get("Vary") == "" {
			t.Errorf("%s: %s %s", accept, r.Text("title"), r.Header)
		}
		b.Call(b.worker, "GET", at, nil, apptest.Header{Name: "Accept-Language", Value: accept}, apptest.Header{Name: "If-None-Match", Value: r.ETag()}).Want(304)
	}
	french := b.Call(b.worker, "GET", at, nil, apptest.Header{Name: "Accept-Language", Value: "fr"}).Want(200)
	if french.Text("schema", "properties", "conclusion", "oneOf", 0, "title") != "Apte à voyager" || french.Text("schema", "properties", "conclusion", "oneOf", 0, "const") != "fit" {
		t.Errorf("choices: %v", french.Value("schema", "properties", "conclusion"))
	}
}

func TestForm_RefusesBadInput(t *testing.T) {
	b := newBureau(t)
	for name, c := range map[string]struct {
		body   obj
		status int
		at     string
	}{
		"nothing":            {obj{}, 422, ""},
		"unknown kind":       {sleep(obj{"kind": "horoscope"}), 422, "/kind"},
		"unknown base":       {obj{"based_on": uuid.New()}, 422, "/based_on"},
		"foreign reference":  {sleep(obj{"schema": obj{"type": "object", "properties": obj{"a": obj{"$ref": "http://169.254.169.254/"}}}}), 422, "/schema/properties/a/$ref"},
		"a schema of a list": {sleep(obj{"schema": []any{}}), 422, "/schema"},
		"no such language":   {sleep(obj{"language": "??"}), 422, "/language"},
		"capital key":        {sleep(obj{"key": "Sleep"}), 422, "/key"},
	} {
		r := b.Call(b.manager, "POST", b.forms, c.body)
		if r.Status != c.status || c.at != "" && r.Text("errors", 0, "pointer") != c.at {
			t.Errorf("%s: %d %s", name, r.Status, r.Raw)
		}
	}
	b.Call(b.worker, "POST", b.forms, sleep(nil)).WantCode(403, "forbidden")
	supervisor := b.Staff(b.CentreA, "case_supervisor")
	made := b.Call(supervisor, "POST", b.forms, sleep(nil)).Want(201)
	b.Call(supervisor, "POST", made.Header.Get("Location")+"/publish", nil, apptest.IfMatch(`"1"`)).WantCode(403, "forbidden")
}

func TestRace_VersionsOfAFormAreNumberedAndPublishedOneByOne(t *testing.T) {
	b := newBureau(t)
	made := make([]*apptest.Response, 5)
	var wg sync.WaitGroup
	for i := range made {
		wg.Go(func() { made[i] = b.Call(b.manager, "POST", b.forms, sleep(nil)).Want(201) })
	}
	wg.Wait()
	for _, m := range made {
		wg.Go(func() {
			b.Call(b.manager, "POST", m.Header.Get("Location")+"/publish", nil, apptest.IfMatch(`"1"`)).Want(200)
		})
	}
	wg.Wait()
	var numbers, live, superseded int
	b.Scan("select count(distinct number), count(*) filter (where status = 'published'), count(*) filter (where status = 'superseded') from forms", nil, &numbers, &live, &superseded)
	if numbers != 5 || live != 1 || superseded != 4 {
		t.Errorf("%d numbers, %d published, %d superseded", numbers, live, superseded)
	}
}
