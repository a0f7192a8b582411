package intake_test

import (
	"strings"
	"testing"

	"github.com/waystation/waystation/internal/app/apptest"
)

type object = map[string]any

func definition(columns ...string) object {
	list := []object{}
	for i := 0; i+1 < len(columns); i += 2 {
		list = append(list, object{"source": columns[i], "target": columns[i+1]})
	}
	return object{"columns": list, "date_order": "dmy", "constants": object{"consent_method": "written"}}
}

var whole = []string{"no", "source_id", "date", "registered_on", "sexe", "sex", "age", "age", "accord", "consent"}

func TestMapping_Life(t *testing.T) {
	d := newDesk(t)
	body := object{"name": "Carnet", "source_system": "carnet", "definition": definition(whole...)}
	made := d.Call(d.clerk, "POST", d.path("/import-mappings"), body).Want(201)
	d.Call(d.clerk, "POST", d.path("/import-mappings"), body).WantCode(409, "name_taken")
	at := made.Header.Get("Location")
	read := d.Call(d.clerk, "GET", at, nil).Want(200)
	if string(read.Raw) != string(made.Raw) || read.Text("definition", "columns", 4, "target") != "consent" {
		t.Errorf("\n%s\n%s", read.Raw, made.Raw)
	}

	r := d.Call(d.clerk, "POST", d.path("/imports?mapping=%s&mode=commit", made.ID()), "no;date;sexe;age;accord\n1;01/02/2024;F;20;oui\n", apptest.Header{Name: "Content-Type", Value: "text/csv"}).Want(202)
	d.Work()
	wantCounts(t, d.Call(d.clerk, "GET", r.Header.Get("Location"), nil), "created 1")
	if n := d.count("beneficiaries where source_key = 'carnet:1'"); n != 1 {
		t.Error("not registered under its source")
	}

	patch := object{"name": "Carnet 2024", "active": false}
	d.Call(d.clerk, "PATCH", at, patch).WantCode(428, "if_match_required")
	changed := d.Call(d.clerk, "PATCH", at, patch, apptest.IfMatch(made.ETag())).Want(200)
	if changed.Text("name") != "Carnet 2024" || changed.Text("source_system") != "carnet" || changed.Text("version") != "2" {
		t.Errorf("%s", changed.Raw)
	}
	if stale := d.Call(d.clerk, "PATCH", at, patch, apptest.IfMatch(made.ETag())).WantCode(412, "stale_version"); stale.Len("changed_fields") == 0 {
		t.Errorf("%s", stale.Raw)
	}
	d.Call(d.clerk, "PATCH", at, object{"source_system": "x"}, apptest.IfMatch(changed.ETag())).Want(422)
	if n := d.Call(d.clerk, "GET", d.path("/import-mappings?active=true"), nil).Want(200).Len("data"); n != 0 {
		t.Errorf("%d in use", n)
	}
	d.send(file(row("1")), "").Want(202)
	retired := d.Call(d.clerk, "POST", d.path("/imports?mapping=%s", made.ID()), "no\n", apptest.Header{Name: "Content-Type", Value: "text/csv"})
	retired.Want(422)
}

func TestMapping_FaultsAreNamedByColumn(t *testing.T) {
	d := newDesk(t)
	post := func(definition object) *apptest.Response {
		return d.Call(d.clerk, "POST", d.path("/import-mappings"), object{"name": "x", "source_system": "x", "definition": definition}, speaks("fr")).Want(422)
	}
	missing := post(definition("no", "source_id", "date", "registered_on", "sexe", "sex", "age", "age"))
	if missing.Text("errors", 0, "code") != "missing_column" || !strings.Contains(missing.Text("errors", 0, "detail"), "colonne") {
		t.Errorf("%s", missing.Raw)
	}
	twice := post(definition(append([]string{"numero", "source_id"}, whole...)...))
	if twice.Text("errors", 0, "code") != "duplicate_target" || twice.Text("errors", 0, "pointer") != "/definition/columns/1" {
		t.Errorf("%s", twice.Raw)
	}
	if unknown := post(definition(append([]string{"x", "colour"}, whole...)...)); unknown.Text("errors", 0, "pointer") != "/definition/columns/0/target" {
		t.Errorf("%s", unknown.Raw)
	}
	wrong := definition(whole...)
	wrong["columns"].([]object)[2]["values"] = object{"H": "17"}
	if code := post(wrong); code.Text("errors", 0, "code") != "unknown_code" || code.Text("errors", 0, "pointer") != "/definition/columns/2" {
		t.Errorf("%s", code.Raw)
	}
}

func TestMapping_ProposedCheckedAndShipped(t *testing.T) {
	d := newDesk(t)
	p := d.Call(d.clerk, "POST", d.path("/import-proposals"), object{"header": []string{"N°", "Date d'enregistrement", "Sexe", "Âge", "Consentement", "Couleur"}}, speaks("fr")).Want(200)
	if p.Len("definition", "columns") != 5 || p.Len("notes") != 1 || p.Text("notes", 0, "code") != "unmapped_column" {
		t.Errorf("%s", p.Raw)
	}
	made := d.Call(d.clerk, "POST", d.path("/import-mappings"), object{"name": "Proposed", "source_system": "p", "definition": p.Value("definition")}).Want(201)
	check := func(header ...string) *apptest.Response {
		return d.Call(d.clerk, "POST", d.path("/import-mappings/%s/check", made.ID()), object{"header": header}).Want(200)
	}
	if r := check("n°", "DATE D'ENREGISTREMENT", "sexe", "age", "consentement"); r.Len("data") != 0 {
		t.Errorf("%s", r.Raw)
	}
	if r := check("n°", "sexe", "age", "consentement"); r.Text("data", 0, "code") != "missing_column" || r.Text("data", 0, "severity") != "error" {
		t.Errorf("%s", r.Raw)
	}
	shipped := d.Call(d.clerk, "GET", d.path("/import-templates"), nil).Want(200)
	if shipped.Text("data", 0, "name") != "niger-2024" || shipped.Len("data", 0, "definition", "columns") != 24 {
		t.Errorf("%s", shipped.Raw)
	}
	copied := d.Call(d.clerk, "POST", d.path("/import-mappings"), object{"name": "Copy", "source_system": "copy", "definition": shipped.Value("data", 0, "definition")}).Want(201)
	if copied.Text("definition") != shipped.Text("data", 0, "definition") {
		t.Errorf("a template does not survive being kept: %s", copied.Raw)
	}
}

// rule 25
func TestMapping_OtherCentresMappingDoesNotExist(t *testing.T) {
	d := newDesk(t)
	made := d.Call(d.clerk, "POST", d.path("/import-mappings"), object{"name": "Carnet", "source_system": "carnet", "definition": definition(whole...)}).Want(201)
	other := deskAt(d.House, d.CentreB)
	at := other.path("/import-mappings/%s", made.ID())
	other.Call(other.clerk, "GET", at, nil).WantCode(404, "not_found")
	other.Call(other.clerk, "PATCH", at, object{"active": false}, apptest.IfMatch(made.ETag())).WantCode(404, "not_found")
	other.Call(other.clerk, "POST", at+"/check", object{"header": []string{"x"}}).WantCode(404, "not_found")
	other.Call(other.clerk, "POST", other.path("/imports?mapping=%s", made.ID()), "no\n1\n", apptest.Header{Name: "Content-Type", Value: "text/csv"}).Want(422)
}
