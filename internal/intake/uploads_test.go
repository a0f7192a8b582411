package intake_test

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"mime/multipart"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/uuid"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"

	"github.com/waystation/waystation/internal/app/apptest"
	"github.com/waystation/waystation/internal/intake"
)

func speaks(language string) apptest.Header {
	return apptest.Header{Name: "Accept-Language", Value: language}
}

func TestUpload_EncodingsOfSpreadsheets(t *testing.T) {
	d := newDesk(t)
	for i, encode := range []func([]byte) ([]byte, error){
		charmap.Windows1252.NewEncoder().Bytes,
		unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewEncoder().Bytes,
		unicode.UTF16(unicode.BigEndian, unicode.UseBOM).NewEncoder().Bytes,
	} {
		raw, err := encode(file(row(fmt.Sprint(i), "prenom", "Zoé")))
		if err != nil {
			t.Fatal(err)
		}
		wantCounts(t, d.take(raw, "mode=commit"), "created 1")
	}
	if n := d.count("beneficiaries where given_name = 'Zoé'"); n != 3 {
		t.Errorf("%d of 3 names are read right", n)
	}
	declared, _ := charmap.Windows1256.NewEncoder().Bytes(file(row("9", "prenom", "محمد")))
	wantCounts(t, d.take(declared, "mode=commit&encoding=windows-1256&delimiter=semicolon"), "created 1")
	if n := d.count("beneficiaries where given_name = 'محمد'"); n != 1 {
		t.Error("the declared encoding was not used")
	}
}

func TestUpload_FaultOfTheFileIsAnsweredAtOnce(t *testing.T) {
	d := newDesk(t)
	whole := file(row("1"), row("2"))
	truncated := whole[:len(whole)-40]
	french := d.send(truncated, "", speaks("fr")).WantCode(422, "truncated_file")
	if !strings.HasPrefix(french.Text("detail"), "Le fichier") || french.Text("errors", 0, "pointer") != "file" {
		t.Errorf("%s", french.Raw)
	}
	if arabic := d.send(truncated, "", speaks("ar")).Want(422); !strings.Contains(arabic.Text("detail"), "الملف") {
		t.Errorf("%s", arabic.Raw)
	}
	d.send([]byte(" \n"), "").WantCode(422, "empty_file")
	d.send(whole, "encoding=klingon").WantCode(422, "unknown_encoding")
	d.send(append(whole, []byte("\"never closed")...), "").WantCode(422, "truncated_file")
	d.send(whole, "", apptest.Header{Name: "Content-Type", Value: "application/vnd.ms-excel"}).WantCode(415, "unsupported_media_type")
	d.send(whole, "", apptest.Header{Name: "Content-Type", Value: "multipart/form-data"}).WantCode(400, "invalid_form")
	d.send(whole, "colour=red").WantCode(400, "invalid_parameter")
	d.send(whole, "mode=perhaps").WantCode(400, "invalid_parameter")
	d.send(bytes.Repeat([]byte("x"), 64<<20+1), "").WantCode(413, "body_too_large")
	if n := d.count("imports"); n != 0 {
		t.Errorf("%d imports of files that cannot be read", n)
	}
}

func TestUpload_AllOrNothingHasALimit(t *testing.T) {
	d := newDesk(t)
	d.send([]byte(header+strings.Repeat("1;05/01/2024;;;;;;;;;;;;;;;;;;;;;;\n", 20_001)), "atomicity=all_or_nothing").Want(422)
}

func TestUpload_MappingMustFit(t *testing.T) {
	d := newDesk(t)
	r := d.send([]byte("numero;nom\n1;Diallo\n"), "", speaks("fr")).WantCode(422, "mapping_does_not_fit")
	if r.Text("errors", 0, "pointer") != "mapping" || r.Text("errors", 0, "code") != "missing_column" || !strings.Contains(string(r.Raw), "colonne") {
		t.Errorf("%s", r.Raw)
	}
	upload := func(query string) *apptest.Response {
		return d.Call(d.clerk, "POST", d.path("/imports?%s", query), file(row("1")), apptest.Header{Name: "Content-Type", Value: "text/csv"})
	}
	for _, query := range []string{"", "mapping=niger-1999", "mapping=" + uuid.NewString()} {
		if r := upload(query).Want(422); r.Text("errors", 0, "pointer") != "mapping" {
			t.Errorf("%s: %s", query, r.Raw)
		}
	}
}

func TestUpload_UnreadColumnsAreNoted(t *testing.T) {
	d := newDesk(t)
	sheet := strings.Replace(string(file(row("1"))), "observations\n", "observations;couleur\n", 1)
	r := d.send([]byte(strings.TrimSuffix(sheet, "\n")+";bleu\n"), "", speaks("es")).Want(202)
	if r.Text("notes", 0, "code") != "unmapped_column" || r.Text("notes", 0, "column") != "couleur" || !strings.HasPrefix(r.Text("notes", 0, "message"), "La columna") {
		t.Errorf("%s", r.Raw)
	}
}

// form sends parts as a browser does.
func (d desk) form(query string, parts ...string) *apptest.Response {
	d.T.Helper()
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	for i := 0; i+1 < len(parts); i += 2 {
		_ = w.WriteField(parts[i], parts[i+1])
	}
	_ = w.Close()
	return d.Call(d.clerk, "POST", d.path("/imports?%s", query), body.Bytes(), apptest.Header{Name: "Content-Type", Value: w.FormDataContentType()})
}

func TestUpload_FormWithAMappingOfItsOwn(t *testing.T) {
	d := newDesk(t)
	const mapping = `{"source_system": "carnet", "definition": {"columns": [{"source": "no", "target": "source_id"}, {"source": "date", "target": "registered_on"},
		{"source": "sexe", "target": "sex"}, {"source": "age", "target": "age"}], "constants": {"consent": "given", "consent_method": "written"}}}`
	const sheet = "no,date,sexe,age\n1,2024-02-01,F,33\n"
	r := d.form("mode=commit", "file", sheet, "mapping", mapping).Want(202)
	d.Work()
	wantCounts(t, d.Call(d.clerk, "GET", r.Header.Get("Location"), nil), "created 1")
	if n := d.count("beneficiaries where source_key = 'carnet:1'"); n != 1 {
		t.Error("the row is not kept under its source")
	}
	d.form("mapping=niger-2024", "file", sheet, "mapping", mapping).Want(422)
	d.form("", "file", sheet).Want(422)
	d.form("", "mapping", mapping).Want(422)
	d.form("", "file", sheet, "mapping", `{"source_system": "A b", "definition": {"columns": []}}`).Want(422)
	d.form("", "file", sheet, "mapping", `{"colour": "red"}`).Want(422)
	d.form("", "file", sheet, "mapping", mapping, "photo", "x").WantCode(400, "unknown_part")
	d.form("mapping=niger-2024", "file", string(file(row("1")))).Want(202)
}

func TestImport_FaultsAreToldInTheCallersLanguage(t *testing.T) {
	d := newDesk(t)
	r := d.take(file(row("1", "consentement", "")), "")
	for language, want := range map[string]string{
		"en": "Column consentement: no consent decision.", "fr-NE": "Colonne consentement : ", "ar": "العمود consentement", "es": "Columna consentement", "wo": "Colonne consentement",
	} {
		at := d.rows(r.ID(), "", speaks(language))
		if got := at.Text("data", 0, "issues", 0, "message"); !strings.HasPrefix(got, want) {
			t.Errorf("%s: %q", language, got)
		}
	}
}

func TestImport_FaultsAsATableThatRunsNowhere(t *testing.T) {
	d := newDesk(t)
	r := d.take(file(row("=1+1", "consentement", "non"), row("2"), row("3", "sexe", "", "age", "")), "mode=commit")
	res := d.Call(d.clerk, "GET", d.path("/imports/%s/faults", r.ID()), nil, speaks("fr")).Want(200)
	lines, err := csv.NewReader(bytes.NewReader(res.Raw)).ReadAll()
	if err != nil || len(lines) != 4 {
		t.Fatalf("%v %s", err, res.Raw)
	}
	if got := strings.Join(lines[1][:7], "|"); got != "2|'=1+1|rejected|error|consent_refused|consent|consentement" || !strings.HasPrefix(lines[1][7], "Colonne consentement") {
		t.Errorf("%v", lines[1])
	}
	if n := d.count("audit_events where operation = 'exportImportFaults' and action = 'read'"); n != 1 {
		t.Errorf("%d lines in the trail", n)
	}
	d.Call(d.clerk, "GET", d.path("/imports/%s/faults", uuid.New()), nil).WantCode(404, "not_found")
}

// rule 25
func TestImport_OtherCentresImportDoesNotExist(t *testing.T) {
	d := newDesk(t)
	r := d.take(file(row("1")), "")
	other := deskAt(d.House, d.CentreB)
	nowhere := other.Call(other.clerk, "GET", other.path("/imports/%s", uuid.New()), nil).WantCode(404, "not_found")
	for _, c := range [][2]string{{"GET", ""}, {"GET", "/rows"}, {"GET", "/faults"}, {"POST", "/commit"}, {"POST", "/cancel"}} {
		got := other.Call(other.clerk, c[0], other.path("/imports/%s%s", r.ID(), c[1]), nil, apptest.IfMatch(r.ETag())).WantCode(404, "not_found")
		if got.Text("detail") != nowhere.Text("detail") {
			t.Errorf("%v: %s", c, got.Raw)
		}
	}
	other.Call(other.clerk, "GET", d.path("/imports"), nil).WantCode(404, "not_found")
	if n := other.Call(other.clerk, "GET", other.path("/imports"), nil).Want(200).Len("data"); n != 0 {
		t.Errorf("%d imports of another centre", n)
	}
	wantStatus(t, d.Call(d.clerk, "GET", d.path("/imports/%s", r.ID()), nil), "completed")
	if mine := d.Call(d.clerk, "GET", d.path("/imports?status=completed&mode=dry_run"), nil).Want(200); mine.ID("data", 0, "id") != r.ID() {
		t.Errorf("%s", mine.Raw)
	}
}

func TestImport_NeedsTheRole(t *testing.T) {
	d := newDesk(t)
	for role, may := range map[string]bool{"registrar": true, "centre_manager": true, "tenant_admin": true, "case_supervisor": false, "caseworker": false, "auditor": false} {
		d.clerk = d.Staff(d.centre, role)
		r := d.send(file(row("1")), "")
		if may {
			r.Want(202)
		} else {
			r.WantCode(403, "forbidden")
		}
	}
	d.clerk = d.Client(d.IOM, "imports:write", "imports:read")
	d.send(file(row("1")), "").WantCode(403, "forbidden")
}

func TestCommand_ImportsOneFileIntoEveryCentre(t *testing.T) {
	h := apptest.New(t)
	path := filepath.Join(t.TempDir(), "sheet.csv")
	if err := os.WriteFile(path, head(600), 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(c intake.Command) string {
		var out bytes.Buffer
		c.File, c.Mapping = path, "niger-2024"
		if err := c.Run(t.Context(), h.App.DB, &out); err != nil {
			t.Fatal(err)
		}
		return out.String()
	}
	if out := run(intake.Command{}); !strings.Contains(out, "AGZ  completed   600") || (desk{House: h}).count("beneficiaries") != 0 {
		t.Errorf("dry run:\n%s", out)
	}
	out := run(intake.Command{Options: intake.Options{Mode: intake.Commit}})
	a, b := (desk{House: h}).count("beneficiaries where centre_id = $1", h.CentreA), (desk{House: h}).count("beneficiaries where centre_id = $1", h.CentreB)
	if a == 0 || b == 0 || !strings.Contains(out, fmt.Sprintf("  %d  ", a)) || !strings.Contains(out, fmt.Sprintf("  %d  ", b)) {
		t.Errorf("%d and %d persons:\n%s", a, b, out)
	}
	if out := run(intake.Command{Centres: []string{"arl"}, Options: intake.Options{Mode: intake.Commit}}); strings.Contains(out, "AGZ") || !strings.Contains(out, fmt.Sprint(b)) {
		t.Errorf("again, at one centre:\n%s", out)
	}
	for _, wrong := range []intake.Command{{File: path, Mapping: "no-such"}, {File: path + "x", Mapping: "niger-2024"}, {File: path, Mapping: "niger-2024", Centres: []string{"NOW"}}} {
		if err := wrong.Run(t.Context(), h.App.DB, &bytes.Buffer{}); err == nil {
			t.Errorf("%+v is no error", wrong)
		}
	}
}
