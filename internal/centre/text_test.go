package centre_test

import (
	"testing"

	"github.com/waystation/waystation/internal/app/apptest"
	"github.com/waystation/waystation/internal/centre"
)

func TestSaid_IsTheTextThatThePersonUnderstands(t *testing.T) {
	texts := []centre.Text{{Version: "1", Language: "fr", Text: "a"}, {Version: "1", Language: "ha", Text: "b"}, {Version: "2", Language: "fr", Text: "c"}, {Version: "1", Language: "pt-BR", Text: "d"}}
	for wanted, want := range map[string]string{"fr": "c", "fr-NE": "c", "FR": "c", "ha": "b", "ha-Latn": "b", "pt": "d", "en": "", "wo": "", "x": ""} {
		got := ""
		if s := centre.Said(texts, wanted); s != nil {
			got = s.Text
		}
		if got != want {
			t.Errorf("%s: %q, want %q", wanted, got, want)
		}
	}
	if centre.Said(nil, "fr") != nil {
		t.Error("something is said")
	}
}

func TestSOP_TextsAreReadInThePersonsLanguage(t *testing.T) {
	h := apptest.New(t)
	registrar := h.Staff(h.CentreA, "registrar")
	at := in(h.CentreA, "/sops/active/texts")
	if r := h.Call(registrar, "GET", at+"?language=fr", nil).Want(200); r.Len("languages") != 0 || r.Value("house_rules") != nil || r.Value("sop_id") != nil {
		t.Errorf("without procedures: %s", r.Raw)
	}
	text := func(version, language, words string) map[string]any {
		return map[string]any{"version": version, "language": language, "text": words}
	}
	sop := draft(h, h.Staff(h.CentreA, "tenant_admin"), map[string]any{
		"house_rules": []any{text("1", "fr", "Calme"), text("1", "ha", "Shiru")}, "orientation": []any{text("1", "fr", "Bienvenue")}, "consent_statements": []any{text("4", "ha", "Na yarda")}})
	h.Call(h.Staff(h.CentreA, "centre_manager"), "POST", sop+"/activate", nil, apptest.IfMatch(`"1"`)).Want(200)
	r := h.Call(registrar, "GET", at+"?language=ha", nil).Want(200)
	if r.Text("house_rules", "text") != "Shiru" || r.Value("orientation") != nil || r.Text("consent_statement", "version") != "4" || r.Len("languages") != 2 || r.Text("number") != "1" {
		t.Errorf("in Hausa: %s", r.Raw)
	}
	h.Call(registrar, "GET", at+"?language=ha", nil, apptest.Header{Name: "If-None-Match", Value: r.ETag()}).Want(304)
	h.Call(registrar, "GET", at, nil).Want(400)
	h.Call(registrar, "GET", at+"?language=no%20tongue", nil).Want(400)
}

func TestSOP_RefusesBadTextsAndItems(t *testing.T) {
	h := apptest.New(t)
	admin := h.Staff(h.CentreA, "tenant_admin")
	item := func(code string, labels map[string]any) map[string]any {
		return map[string]any{"code": code, "required": true, "labels": labels}
	}
	words := map[string]any{"fr": "Clés"}
	rule := map[string]any{"version": "1", "language": "fr", "text": "x"}
	for name, c := range map[string]struct {
		policy map[string]any
		at     string
	}{
		"twice":        {map[string]any{"closure_checklist": []any{item("keys", words), item("keys", words)}}, "/policy/closure_checklist/1/code"},
		"no words":     {map[string]any{"closure_checklist": []any{item("keys", map[string]any{})}}, "/policy/closure_checklist/0/labels"},
		"no language":  {map[string]any{"closure_checklist": []any{item("keys", map[string]any{"no tongue": "x"})}}, "/policy/closure_checklist/0/labels/no tongue"},
		"no such code": {map[string]any{"closure_checklist": []any{map[string]any{"code": "keys", "required": true, "labels": words, "reasons": []string{"boredom"}}}}, "/policy/closure_checklist/0/reasons/0"},
		"rules twice":  {map[string]any{"house_rules": []any{rule, rule}}, "/policy/house_rules/1"},
		"told twice":   {map[string]any{"orientation": []any{rule, rule}}, "/policy/orientation/1"},
	} {
		if r := h.Call(admin, "POST", in(h.CentreA, "/sops"), map[string]any{"title": "x", "policy": c.policy}).WantCode(422, "invalid"); r.Text("errors", 0, "pointer") != c.at {
			t.Errorf("%s: %s", name, r.Raw)
		}
	}
	full := draft(h, admin, map[string]any{"closure_checklist": []any{map[string]any{"code": "keys", "required": true, "labels": map[string]any{"fr": "Clés", "en": "Keys"}, "reasons": []string{"other"}}}})
	changed := h.Call(admin, "PATCH", full, map[string]any{"policy": map[string]any{"closure_checklist": []any{item("keys", words)}}}, apptest.IfMatch(`"1"`)).Want(200)
	if changed.Value("policy", "closure_checklist", 0, "reasons") != nil || changed.Value("policy", "closure_checklist", 0, "labels", "en") != nil {
		t.Errorf("a list is replaced whole: %s", changed.Raw)
	}
}
