package intake_test

import (
	"archive/zip"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/textproto"
	"strings"
	"testing"
	"time"

	"github.com/xuri/excelize/v2"
	"golang.org/x/text/encoding/charmap"

	"github.com/waystation/waystation/internal/app/apptest"
	"github.com/waystation/waystation/internal/wire"
)

func as(media string) apptest.Header { return apptest.Header{Name: "Content-Type", Value: media} }

// table reads a file as the tests write it.
func table(t *testing.T, file []byte) [][]string {
	t.Helper()
	r := csv.NewReader(bytes.NewReader(file))
	r.Comma = ';'
	lines, err := r.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return lines
}

// asLines writes a file as NDJSON; a cell without text is null in the first line and left out of the others.
func asLines(t *testing.T, file []byte) []byte {
	t.Helper()
	lines := table(t, file)
	var out bytes.Buffer
	for n, cells := range lines[1:] {
		object := map[string]any{}
		for i, cell := range cells {
			switch name := lines[0][i]; {
			case cell != "":
				object[name] = cell
			case n == 0:
				object[name] = nil
			}
		}
		if err := json.NewEncoder(&out).Encode(object); err != nil {
			t.Fatal(err)
		}
	}
	return out.Bytes()
}

// asWorkbook writes a file as a sheet, its dates as dates, and puts it behind another sheet.
func asWorkbook(t *testing.T, file []byte) []byte {
	t.Helper()
	f := excelize.NewFile()
	_, err := f.NewSheet("Registre")
	for y, cells := range table(t, file) {
		for x, cell := range cells {
			at, _ := excelize.CoordinatesToCellName(x+1, y+1)
			var value any = cell
			if day, bad := time.Parse("02/01/2006", cell); bad == nil {
				value = day
			}
			if cell != "" {
				err = errors.Join(err, f.SetCellValue("Registre", at, value))
			}
		}
	}
	var out bytes.Buffer
	if err = errors.Join(err, f.SetCellValue("Sheet1", "A1", "not here"), f.Write(&out), f.Close()); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// The same rows have the same outcome whatever they are written in.
func TestImport_FormatsAreOnePath(t *testing.T) {
	source := file(row("1", "prenom", "👩‍👧 محمد"), row("2", "consentement", "non"), row("3", "date_naissance", "31/02/1990"), row("4", "date_enregistrement", "05/01/2999"),
		row("1"), row("5", "nom", "=HYPERLINK(1)", "menage", "M1", "lien", "chef"), row("6", "centre", "Centre de transit Arlit"), row("7", "date_naissance", "01/01/0001", "age", ""),
		row("8", "nom", strings.Repeat("x", 10_001)))
	want := ""
	for _, c := range []struct {
		file          []byte
		media, query  string
		format, sheet string
	}{
		{source, wire.CSV, "", "csv", "<nil>"},
		{asLines(t, source), wire.NDJSON, "", "ndjson", "<nil>"},
		{asWorkbook(t, source), wire.XLSX, "&sheet=registre", "xlsx", "Registre"},
	} {
		d := newDesk(t)
		tried := d.send(c.file, "mode=dry_run"+c.query, as(c.media)).Want(202)
		if tried.Text("file", "format") != c.format || fmt.Sprint(tried.Value("file", "sheet")) != c.sheet {
			t.Errorf("%s", tried.Raw)
		}
		d.Work()
		tried = d.Call(d.clerk, "GET", d.path("/imports/%s", tried.ID()), nil).Want(200)
		wantCounts(t, tried, "rows 9, accepted 2, rejected 6, skipped 1, created 0")
		d.Call(d.clerk, "POST", d.path("/imports/%s/commit", tried.ID()), nil, apptest.IfMatch(tried.ETag())).Want(200)
		d.Work()
		done := d.Call(d.clerk, "GET", d.path("/imports/%s", tried.ID()), nil)
		wantCounts(t, done, "created 2, rejected 6, skipped 1")
		got := done.Text("errors") + done.Text("warnings")
		for i := range 9 {
			got += "\n" + d.rows(tried.ID(), "").Text("data", i, "status")
		}
		if want == "" {
			want = got
		}
		if !strings.Contains(got, "cell_too_long:1") || !strings.Contains(got, "date_impossible:2") || !strings.Contains(got, "date_future:1") || !strings.Contains(got, "source_id_repeated:1") {
			t.Errorf("%s: %s", c.format, got)
		}
		if got != want {
			t.Errorf("%s:\n%s\nwant\n%s", c.format, got, want)
		}
		if n := d.count("beneficiaries where given_name = '👩‍👧 محمد' and registered_on = '2024-01-05'"); n != 1 {
			t.Errorf("%s: the row is not stored as it was written", c.format)
		}
	}
}

func TestUpload_EncodingIsTold(t *testing.T) {
	d := newDesk(t)
	source := file(row("1", "prenom", "Zoé"))
	old, err := charmap.Windows1252.NewEncoder().Bytes(source)
	if err != nil {
		t.Fatal(err)
	}
	plain := d.send(source, "").Want(202)
	if plain.Text("file", "encoding") != "utf-8" || plain.Len("notes") != 0 {
		t.Errorf("%s", plain.Raw)
	}
	guessed := d.send(old, "", speaks("fr")).Want(202)
	if guessed.Text("file", "encoding") != "windows-1252" || guessed.Text("notes", 0, "code") != "encoding_guessed" || !strings.Contains(guessed.Text("notes", 0, "message"), "lu comme windows-1252") {
		t.Errorf("%s", guessed.Raw)
	}
	if declared := d.send(old, "encoding=latin1").Want(202); declared.Text("file", "encoding") != "windows-1252" || declared.Len("notes") != 0 {
		t.Errorf("%s", declared.Raw)
	}
}

// bomb is a spreadsheet of a few kilobytes that unpacks to megabytes of nothing.
func bomb(t *testing.T) []byte {
	t.Helper()
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	var err error
	for _, part := range [][2]string{
		{"xl/workbook.xml", `<workbook xmlns:r="r"><sheets><sheet name="S" sheetId="1" r:id="r1"/></sheets></workbook>`},
		{"xl/_rels/workbook.xml.rels", `<Relationships><Relationship Id="r1" Target="worksheets/sheet1.xml"/></Relationships>`},
		{"xl/worksheets/sheet1.xml", "<worksheet><sheetData>" + strings.Repeat("<row/>", 4_000_000) + "</sheetData></worksheet>"},
	} {
		w, bad := z.Create(part[0])
		if err = errors.Join(err, bad); bad == nil {
			_, bad = io.WriteString(w, part[1])
			err = errors.Join(err, bad)
		}
	}
	if err = errors.Join(err, z.Close()); err != nil || out.Len() > 100_000 {
		t.Fatal(out.Len(), err)
	}
	return out.Bytes()
}

// Formats that are not what they say, and spreadsheets that nobody should unpack.
func TestUpload_FilesThatAreRefused(t *testing.T) {
	d := newDesk(t)
	book := asWorkbook(t, file(row("1")))
	d.send(book[:len(book)/2], "", as(wire.XLSX)).WantCode(422, "broken_workbook")
	d.send(file(row("1")), "", as(wire.XLSX)).WantCode(422, "broken_workbook")
	d.send(nil, "", as(wire.XLSX)).Want(422)
	d.send(book, "sheet=Feuille9", as(wire.XLSX)).WantCode(422, "unknown_sheet")
	d.send(book, "", as(wire.XLSX)).WantCode(422, "mapping_does_not_fit") // the first sheet is another one
	if r := d.send(bomb(t), "", as(wire.XLSX), speaks("es")).WantCode(422, "unpacks_too_large"); !strings.HasPrefix(r.Text("detail"), "La hoja") {
		t.Errorf("%s", r.Raw)
	}
	d.send(book, "").WantCode(422, "not_text")
	d.send([]byte("\x1f\x8b\x08\x00\x00"), "", as(wire.NDJSON)).WantCode(422, "not_text")
	d.send([]byte(`{"_id": "1", "nom`), "", as(wire.NDJSON)).WantCode(422, "truncated_file")
	d.send([]byte("\n"), "", as(wire.NDJSON)).WantCode(422, "empty_file")
	d.send(bytes.Repeat([]byte("x"), 64<<20+1), "", as(wire.XLSX)).WantCode(413, "body_too_large")
	if n := d.count("imports") + d.count("import_files"); n != 0 {
		t.Errorf("%d imports of files that cannot be read", n)
	}
}

func TestUpload_FormatOfAPart(t *testing.T) {
	d := newDesk(t)
	source := file(row("1"))
	for _, c := range []struct{ name, media, want string }{
		{"registre.xlsx", "application/octet-stream", "xlsx"}, {"registre", wire.XLSX, "xlsx"}, {"registre.JSONL", "", "ndjson"}, {"registre.csv", "text/plain", "csv"},
	} {
		content := map[string][]byte{"xlsx": asWorkbook(t, source), "ndjson": asLines(t, source), "csv": source}[c.want]
		var body bytes.Buffer
		w := multipart.NewWriter(&body)
		part, err := w.CreatePart(textproto.MIMEHeader{"Content-Disposition": {fmt.Sprintf(`form-data; name="file"; filename=%q`, c.name)}, "Content-Type": {c.media}})
		if err == nil {
			_, err = part.Write(content)
		}
		if err = errors.Join(err, w.Close()); err != nil {
			t.Fatal(err)
		}
		r := d.Call(d.clerk, "POST", d.path("/imports?mapping=niger-2024&sheet=Registre"), body.Bytes(), as(w.FormDataContentType())).Want(202)
		if r.Text("file", "format") != c.want || r.Text("counts", "rows") != "1" {
			t.Errorf("%v: %s", c, r.Raw)
		}
	}
}

func TestImport_CodesThatTheCentreSwitchedOffAreRefused(t *testing.T) {
	d := newDesk(t)
	admin := d.Staff(d.centre, "tenant_admin")
	at := d.path("/codelists/migrant_vulnerability")
	now := d.Call(admin, "GET", at, nil).Want(200)
	d.Call(admin, "PATCH", at, map[string]any{"codes": map[string]any{"pregnant_lactating": map[string]any{"active": false}}}, apptest.IfMatch(now.ETag())).Want(200)
	r := d.take(file(row("1", "vulnerabilites", "femme enceinte"), row("2", "vulnerabilites", "MENA")), "mode=commit")
	wantCounts(t, r, "created 1, rejected 1")
	refused := d.rows(r.ID(), "status=rejected")
	if refused.Text("data", 0, "issues", 0, "code") != "inactive_code" || refused.Text("data", 0, "issues", 0, "column") != "vulnerabilites" {
		t.Errorf("%s", refused.Raw)
	}
}
