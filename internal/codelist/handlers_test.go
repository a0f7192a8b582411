package codelist_test

import (
	"fmt"
	"testing"

	"github.com/waystation/waystation/internal/app/apptest"
	"github.com/waystation/waystation/internal/codelist"
)

func speaking(lang string) apptest.Header {
	return apptest.Header{Name: "Accept-Language", Value: lang}
}

func TestListCodelists_TellsOfEveryListInTheCallersLanguage(t *testing.T) {
	h := apptest.New(t)
	worker := h.Staff(h.CentreA, "caseworker")
	all := h.Call(worker, "GET", "/v1/codelists", nil, speaking("fr")).Want(200)
	if all.Len("data") != len(codelist.Lists()) || all.Value("next_cursor") != nil {
		t.Errorf("%d lists", all.Len("data"))
	}
	if all.Header.Get("Content-Language") != "fr" || all.Header.Get("Vary") != "Accept-Language" {
		t.Errorf("headers: %v", all.Header)
	}
	for i := range all.Len("data") {
		l, _ := codelist.Get(all.Text("data", i, "name"))
		if all.Text("data", i, "title") != l.Title("fr") || all.Text("data", i, "codes") != fmt.Sprint(len(l.Entries)) || all.Text("data", i, "version") != l.Version {
			t.Errorf("%s: %v", l.Name, all.Value("data", i))
		}
	}
	h.Call(worker, "GET", "/v1/codelists", nil, speaking("fr"), apptest.Header{Name: "If-None-Match", Value: all.ETag()}).Want(304)
	h.Call(worker, "GET", "/v1/codelists", nil, speaking("ar"), apptest.Header{Name: "If-None-Match", Value: all.ETag()}).Want(200)
	cases := h.Call(worker, "GET", "/v1/codelists?topic=case", nil).Want(200)
	if n := cases.Len("data"); n == 0 || n == all.Len("data") || cases.Text("data", 0, "topic") != "case" {
		t.Errorf("%d lists of cases", n)
	}
	h.Call(worker, "GET", "/v1/codelists?colour=red", nil).WantCode(400, "invalid_parameter")
	h.Call(apptest.Person{}, "GET", "/v1/codelists", nil).WantCode(401, "unauthenticated")
}

func TestGetCodelist_IsWholeInEachLanguage(t *testing.T) {
	h := apptest.New(t)
	caller := h.Client(h.IOM, "codelists:read")
	tags := map[string]bool{}
	for lang, label := range map[string]string{"en": "Female", "fr": "Féminin", "ar": "أنثى", "es": "Femenino", "de": "Female"} {
		r := h.Call(caller, "GET", "/v1/codelists/sex", nil, speaking(lang)).Want(200)
		l, _ := codelist.Get("sex")
		if r.Len("entries") != len(l.Entries) || r.Value("fixed") != true || r.Text("version") != l.Version {
			t.Errorf("%s: %s", lang, r.Raw)
		}
		found := ""
		for i := range r.Len("entries") {
			if r.Text("entries", i, "code") == "2" {
				found = r.Text("entries", i, "label")
			}
			if r.Value("entries", i, "labels") != nil {
				t.Errorf("%s: all labels unasked", lang)
			}
		}
		if found != label {
			t.Errorf("%s: %q, want %q", lang, found, label)
		}
		tags[r.ETag()] = true
		h.Call(caller, "GET", "/v1/codelists/sex", nil, speaking(lang), apptest.Header{Name: "If-None-Match", Value: r.ETag()}).Want(304)
	}
	if len(tags) != 4 {
		t.Errorf("%d tags for four languages", len(tags))
	}
	all := h.Call(caller, "GET", "/v1/codelists/sex?labels=all", nil, speaking("fr")).Want(200)
	for i := range all.Len("entries") {
		for _, lang := range codelist.Languages() {
			if want := codelist.Label("sex", all.Text("entries", i, "code"), lang); all.Text("entries", i, "labels", lang) != want {
				t.Errorf("%s of %v, want %s", lang, all.Value("entries", i), want)
			}
		}
	}
	h.Call(caller, "GET", "/v1/codelists/sex?labels=some", nil).WantCode(400, "invalid_parameter")
	h.Call(caller, "GET", "/v1/codelists/no_such_list", nil).WantCode(404, "not_found")
	h.Call(h.Client(h.IOM, "stats:read"), "GET", "/v1/codelists/sex", nil).WantCode(403, "forbidden")
}

func TestGetCodelist_TellsParentsAndFurtherColumns(t *testing.T) {
	h := apptest.New(t)
	worker := h.Staff(h.CentreA, "caseworker")
	for _, l := range codelist.Lists() {
		r := h.Call(worker, "GET", "/v1/codelists/"+l.Name, nil).Want(200)
		for i, e := range l.Entries {
			got := r.Value("entries", i).(map[string]any)
			parent, _ := got["parent"].(string)
			extra, _ := got["extra"].(map[string]any)
			if got["code"] != e.Code || parent != e.Parent || len(extra) != len(e.Extra) {
				t.Fatalf("%s: %v, want %+v", l.Name, got, e)
			}
		}
	}
}
