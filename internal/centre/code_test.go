package centre_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/app/apptest"
	"github.com/waystation/waystation/internal/centre"
)

// entry finds a code in the answer of a code list.
func entry(r *apptest.Response, code string) map[string]any {
	for i := range r.Len("entries") {
		if r.Text("entries", i, "code") == code {
			return r.Value("entries", i).(map[string]any)
		}
	}
	return nil
}

func codes(changes map[string]any) map[string]any { return map[string]any{"codes": changes} }

var off = map[string]any{"active": false}

func speaking(lang string) apptest.Header {
	return apptest.Header{Name: "Accept-Language", Value: lang}
}

func TestCentreCodelist_SwitchesOffAndRelabels(t *testing.T) {
	h := apptest.New(t)
	admin, at := h.Staff(h.CentreA, "tenant_admin"), in(h.CentreA, "/codelists/service_type")
	before := h.Call(admin, "GET", at, nil, speaking("fr")).Want(200)
	if e := entry(before, "case_management"); e["active"] != true || e["label"] != "Gestion de cas" || e["relabelled"] != false {
		t.Errorf("untouched: %v", e)
	}
	patch := codes(map[string]any{
		"case_management.intake": off,
		"case_management":        map[string]any{"labels": map[string]any{"fr": "Suivi", "en": "Casework"}},
	})
	h.Call(admin, "PATCH", at, patch).WantCode(428, "if_match_required")
	changed := h.Call(admin, "PATCH", at, patch, apptest.IfMatch(before.ETag()), speaking("fr")).Want(200)
	after := h.Call(admin, "GET", at+"?labels=all", nil, speaking("fr")).Want(200)
	if string(changed.Raw) != string(after.Raw) || changed.ETag() != after.ETag() || changed.ETag() == before.ETag() {
		t.Errorf("changed to %s %s\nread as %s %s", changed.ETag(), changed.Raw, after.ETag(), after.Raw)
	}
	e := entry(after, "case_management")
	if e["label"] != "Suivi" || e["relabelled"] != true || fmt.Sprint(e["labels"]) != "map[ar:إدارة الحالة en:Casework es:Gestión de casos fr:Suivi]" {
		t.Errorf("relabelled: %v", e)
	}
	inactive := h.Call(admin, "GET", at+"?active=false", nil).Want(200)
	if inactive.Len("entries") != 1 || inactive.Text("entries", 0, "code") != "case_management.intake" {
		t.Errorf("switched off: %s", inactive.Raw)
	}
	h.Call(admin, "PATCH", at, patch, apptest.IfMatch(before.ETag())).WantCode(412, "stale_version")
	h.Call(admin, "PATCH", at, patch, apptest.IfMatch(`"1"`)).WantCode(412, "stale_version")
	same := h.Call(admin, "PATCH", at, patch, apptest.IfMatch(after.ETag()), speaking("fr")).Want(200)
	if same.ETag() != after.ETag() {
		t.Errorf("nothing changed, yet the version did")
	}
	back := codes(map[string]any{"case_management": map[string]any{"labels": map[string]any{"fr": nil, "en": nil}}, "case_management.intake": map[string]any{"active": true}})
	restored := h.Call(admin, "PATCH", at, back, apptest.IfMatch(after.ETag()), speaking("fr")).Want(200)
	if e := entry(restored, "case_management"); e["label"] != "Gestion de cas" || e["relabelled"] != false || entry(restored, "case_management.intake")["active"] != true {
		t.Errorf("restored: %v", e)
	}
	other := h.Call(h.Staff(h.CentreB, "caseworker"), "GET", in(h.CentreB, "/codelists/service_type?active=false"), nil).Want(200)
	if other.Len("entries") != 0 {
		t.Errorf("the other centre lost codes: %s", other.Raw)
	}
}

func TestCentreCodelist_SpeaksTheCallersLanguageAndSaysSo(t *testing.T) {
	h := apptest.New(t)
	worker, at := h.Staff(h.CentreA, "caseworker"), in(h.CentreA, "/codelists/sex")
	tags := map[string]bool{}
	for lang, title := range map[string]string{"fr-NE, en;q=0.5": "Sexe", "ar": "الجنس", "es": "Sexo", "tlh": "Sex"} {
		r := h.Call(worker, "GET", at, nil, speaking(lang)).Want(200)
		if r.Text("title") != title || r.Header.Get("Vary") != "Accept-Language" {
			t.Errorf("%s: %s %v", lang, r.Raw, r.Header)
		}
		tags[r.ETag()] = true
		same := h.Call(worker, "GET", at, nil, speaking(lang), apptest.Header{Name: "If-None-Match", Value: r.ETag()}).Want(304)
		if len(same.Raw) != 0 {
			t.Errorf("304 with a body")
		}
	}
	if len(tags) != 4 {
		t.Errorf("%d tags for four languages", len(tags))
	}
}

func TestCentreCodelist_RefusesWhatWouldBreakRules(t *testing.T) {
	h := apptest.New(t)
	admin := h.Staff(h.CentreA, "tenant_admin")
	all := map[string]any{}
	for _, e := range h.Call(admin, "GET", "/v1/codelists/referral_channel", nil).Want(200).Value("entries").([]any) {
		all[e.(map[string]any)["code"].(string)] = off
	}
	for name, c := range map[string]struct {
		list     string
		body     any
		at, code string
	}{
		"unknown code":     {"referral_channel", codes(map[string]any{"pigeon": off}), "/codes/pigeon", "unknown_code"},
		"code of a rule":   {"consent_decision", codes(map[string]any{"withdrawn": off}), "/codes/withdrawn/active", "fixed_list"},
		"fixed list":       {"sex", codes(map[string]any{"1": off}), "/codes/1/active", "fixed_list"},
		"everything off":   {"referral_channel", codes(all), "/codes", "nothing_left"},
		"unknown language": {"referral_channel", codes(map[string]any{"email": map[string]any{"labels": map[string]any{"tlh": "x"}}}), "/codes/email/labels/tlh", "unknown_field"},
		"blank label":      {"referral_channel", codes(map[string]any{"email": map[string]any{"labels": map[string]any{"fr": " "}}}), "/codes/email/labels/fr", "wrong_format"},
		"nothing":          {"referral_channel", codes(map[string]any{}), "/codes", "empty"},
		"no change":        {"referral_channel", codes(map[string]any{"email": map[string]any{}}), "/codes/email", "empty"},
	} {
		t.Run(name, func(t *testing.T) {
			at := in(h.CentreA, "/codelists/"+c.list)
			tag := h.Call(admin, "GET", at, nil).Want(200).ETag()
			r := h.Call(admin, "PATCH", at, c.body, apptest.IfMatch(tag)).WantCode(422, "invalid")
			if r.Text("errors", 0, "pointer") != c.at || r.Text("errors", 0, "code") != c.code {
				t.Errorf("%s", r.Raw)
			}
		})
	}
	h.Call(admin, "GET", in(h.CentreA, "/codelists/no_such_list"), nil).WantCode(404, "not_found")
	h.Call(admin, "GET", in(h.CentreA, "/codelists/No-List"), nil).WantCode(404, "not_found")
	h.Call(admin, "PATCH", in(h.CentreA, "/codelists/no_such_list"), codes(map[string]any{"x": off}), apptest.IfMatch(`"1"`)).WantCode(404, "not_found")
	h.Call(h.Staff(h.CentreA, "centre_manager"), "PATCH", in(h.CentreA, "/codelists/sex"), codes(map[string]any{"1": off}), apptest.IfMatch(`"1"`)).WantCode(403, "forbidden")
	h.Call(h.Staff(h.CentreB, "tenant_admin"), "GET", in(h.CentreA, "/codelists/sex"), nil).WantCode(404, "not_found")
}

func TestCentreCodelist_OfTwoChangesAtOnceOneIsStale(t *testing.T) {
	h := apptest.New(t)
	admin, at := h.Staff(h.CentreA, "tenant_admin"), in(h.CentreA, "/codelists/referral_channel")
	tag := h.Call(admin, "GET", at, nil).ETag()
	var wg sync.WaitGroup
	statuses := make([]int, 4)
	for i := range statuses {
		wg.Go(func() {
			label := map[string]any{"labels": map[string]any{"en": fmt.Sprint("Post ", i)}}
			statuses[i] = h.Call(admin, "PATCH", at, codes(map[string]any{"email": label}), apptest.IfMatch(tag)).Status
		})
	}
	wg.Wait()
	counts := map[int]int{}
	for _, s := range statuses {
		counts[s]++
	}
	if counts[200] != 1 || counts[412] != 3 {
		t.Errorf("statuses %v", statuses)
	}
}

// switchOff takes codes of a list out of use in a centre.
func switchOff(h *apptest.House, at uuid.UUID, list string, names ...string) {
	h.T.Helper()
	admin, path := h.Staff(at, "tenant_admin"), in(at, "/codelists/"+list)
	changes := map[string]any{}
	for _, n := range names {
		changes[n] = off
	}
	h.Call(admin, "PATCH", path, codes(changes), apptest.IfMatch(h.Call(admin, "GET", path, nil).ETag())).Want(200)
}

func TestCodeGate_RefusesASwitchedOffCodeInEveryWriteOfTheCentre(t *testing.T) {
	h := apptest.New(t)
	admin := h.Staff(h.CentreA, "tenant_admin")
	patch := map[string]any{"services": []string{"case_management", "case_management.intake"}}
	h.Call(admin, "PATCH", in(h.CentreA, ""), patch, apptest.IfMatch(`"1"`)).Want(200) // the gate has asked and remembers
	switchOff(h, h.CentreA, "service_type", "case_management.intake")
	refused := h.Call(admin, "PATCH", in(h.CentreA, ""), patch, apptest.IfMatch(`"2"`)).WantCode(422, "invalid")
	if refused.Text("errors", 0, "pointer") != "/services/1" || refused.Text("errors", 0, "code") != "inactive_code" {
		t.Errorf("refused: %s", refused.Raw)
	}
	if got := h.Call(admin, "GET", in(h.CentreA, ""), nil).Want(200); got.Len("services") != 2 {
		t.Errorf("what was recorded is gone: %s", got.Raw)
	}
	h.Call(admin, "PATCH", in(h.CentreA, ""), map[string]any{"capacity": 7}, apptest.IfMatch(`"2"`)).Want(200) // keeps the old value
	h.Call(h.Staff(h.CentreB, "tenant_admin"), "PATCH", in(h.CentreB, ""), patch, apptest.IfMatch(`"1"`)).Want(200)
	h.Call(admin, "GET", "/v1/centres?typology=shelter", nil).Want(200)
}

func TestCodeGate_AnswersARepeatAsItWasAccepted(t *testing.T) {
	h := apptest.New(t)
	admin, at := h.Staff(h.CentreA, "tenant_admin"), in(h.CentreA, "/management-models")
	b := map[string]any{"model": "iom_managed", "organisation_id": h.IOM, "starts_on": day(0)}
	first := h.Call(admin, "POST", at, b, apptest.Key("k")).Want(201)
	h.Exec(`insert into centre_codes (centre_id, id, version, created_at, updated_at, list, code, active)
		values ($1, gen_random_uuid(), 1, now(), now(), 'centre_management_model', 'iom_managed', false)`, h.CentreA)
	other := h.Server() // remembers nothing yet
	again := h.CallAt(other, admin, "POST", at, b, apptest.Key("k")).Want(201)
	if string(first.Raw) != string(again.Raw) {
		t.Errorf("%s, then %s", first.Raw, again.Raw)
	}
	h.CallAt(other, admin, "POST", at, b, apptest.Key("another")).WantCode(422, "invalid")
}

func TestInactiveCodes_AreThoseOfTheCentre(t *testing.T) {
	h := apptest.New(t)
	switchOff(h, h.CentreA, "service_type", "case_management.intake")
	switchOff(h, h.CentreB, "referral_channel", "email")
	err := asSystem(t, h, h.CentreA, func(ctx context.Context) error {
		got, err := centre.InactiveCodes(ctx)
		if fmt.Sprint(got) != "map[service_type:[case_management.intake]]" {
			t.Errorf("%v", got)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// The gate costs a write no query while it remembers.
func TestCodeGate_RemembersFor(t *testing.T) {
	h := apptest.New(t)
	gate := centre.NewCodeGate(time.Second)
	scope := func(fn func(context.Context) error) {
		t.Helper()
		if err := asSystem(t, h, h.CentreA, fn); err != nil {
			t.Error(err)
		}
	}
	scope(func(ctx context.Context) error { return gate.Check(ctx, h.CentreA, nil) })
	if err := gate.Check(context.Background(), h.CentreA, nil); err != nil {
		t.Errorf("asked the database again: %v", err)
	}
	if err := gate.Check(context.Background(), h.CentreB, nil); err == nil {
		t.Error("answered for another centre without asking")
	}
}
