package xlsx_test

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/xuri/excelize/v2"

	"github.com/waystation/waystation/internal/xlsx"
)

var limits = xlsx.Limits{Part: 64 << 20, Ratio: 100, Texts: 1 << 20, Cell: 100}

// workbook saves what fill puts into a new file.
func workbook(t *testing.T, fill func(*excelize.File)) []byte {
	t.Helper()
	f := excelize.NewFile()
	fill(f)
	var out bytes.Buffer
	if err := errors.Join(f.Write(&out), f.Close()); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// parts makes a file of parts that no program would write.
func parts(t *testing.T, sheet string, more ...string) []byte {
	t.Helper()
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	all := append([]string{
		"xl/workbook.xml", `<workbook xmlns:r="r"><sheets><sheet name="S" sheetId="1" r:id="rId1"/></sheets></workbook>`,
		"xl/_rels/workbook.xml.rels", `<Relationships><Relationship Id="rId1" Target="worksheets/sheet1.xml"/></Relationships>`,
		"xl/worksheets/sheet1.xml", sheet,
	}, more...)
	for i := 0; i < len(all); i += 2 {
		w, err := z.Create(all[i])
		if err == nil {
			_, err = io.WriteString(w, all[i+1])
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func sheetOf(rows string) string {
	return `<worksheet><sheetData>` + rows + `</sheetData></worksheet>`
}

func open(file []byte, sheet string) (*xlsx.Reader, error) {
	return xlsx.NewReader(bytes.NewReader(file), int64(len(file)), sheet, limits)
}

// rows reads a sheet as lines of "1: a|b", with the faults behind their cells.
func rows(file []byte, sheet string) (string, error) {
	x, err := open(file, sheet)
	if err != nil {
		return "", err
	}
	defer x.Close()
	var out []string
	for {
		row, err := x.Next()
		if errors.Is(err, io.EOF) {
			return strings.Join(out, "\n"), nil
		}
		if err != nil {
			return strings.Join(out, "\n"), err
		}
		for _, f := range row.Faults {
			row.Cells[f.Cell] += fmt.Sprintf("!%d", f.Kind)
		}
		out = append(out, fmt.Sprintf("%d: %s", row.Line, strings.Join(row.Cells, "|")))
	}
}

func TestReader_CellsAsTheyAreMeant(t *testing.T) {
	file := workbook(t, func(f *excelize.File) {
		own := "dd mmm yyyy"
		date, _ := f.NewStyle(&excelize.Style{CustomNumFmt: &own})
		euro, _ := f.NewStyle(&excelize.Style{NumFmt: 4})
		for cell, v := range map[string]any{
			"A1": "Sékou 🧳", "B1": 480012, "C1": 0.1, "D1": true, "E1": "محمد", "F1": 1234.5,
			"A3": time.Date(2024, 2, 29, 0, 0, 0, 0, time.UTC), "B3": 45000.75, "C3": 59, "D3": 61,
			"A4": "=1+1", "C4": strings.Repeat("x", 101),
		} {
			if err := f.SetCellValue("Sheet1", cell, v); err != nil {
				t.Fatal(err)
			}
		}
		for _, err := range []error{
			f.SetCellStyle("Sheet1", "F1", "F1", euro), f.SetCellStyle("Sheet1", "B3", "D3", date),
			f.SetCellFormula("Sheet1", "B4", "SUM(B1:B3)"),
			f.SetCellRichText("Sheet1", "D4", []excelize.RichTextRun{{Text: "in "}, {Text: "pieces"}}),
		} {
			if err != nil {
				t.Fatal(err)
			}
		}
	})
	got, err := rows(file, "")
	want := "1: Sékou 🧳|480012|0.1|true|محمد|1234.5\n3: 2024-02-29|2023-03-15 18:00:00|1900-02-28|1900-03-01\n4: =1+1|!1|!0|in pieces"
	if err != nil || got != want {
		t.Errorf("%v\n got %s\nwant %s", err, got, want)
	}
}

func TestReader_CellsAsProgramsWriteThem(t *testing.T) {
	for name, c := range map[string]struct{ sheet, want string }{
		"result of a formula":  {`<row r="2"><c r="B2" t="str"><f>A1&amp;"x"</f><v>it ran</v></c></row>`, "2: |it ran"},
		"formula with a date":  {`<row><c s="1"><f>TODAY()</f><v>45292</v></c></row>`, "1: 2024-01-01"},
		"formula that failed":  {`<row><c t="e"><f>1/0</f><v>#DIV/0!</v></c><c t="e"><v>#N/A</v></c></row>`, "1: !1|#N/A"},
		"inline text":          {`<row><c t="inlineStr"><is><t>a</t><r><t>b</t></r><rPh><t>sound</t></rPh></is></c></row>`, "1: ab"},
		"no references":        {`<row><c><v>1</v></c><c/><c><v>3</v></c></row><row/><row><c><v>4.80012E5</v></c></row>`, "1: 1||3\n2: \n3: 480012"},
		"prefixed tags":        {`<x:row r="7"><x:c r="A7"><x:v>1</x:v></x:c></x:row>`, "7: 1"},
		"gap between the rows": {`<row r="9"><c r="C9"><v>1</v></c></row>`, "9: ||1"},
		"no day":               {`<row><c s="1"><v>-1</v></c><c s="1"><v>1e300</v></c><c s="1"><v>x</v></c><c s="99"><v>1</v></c></row>`, "1: -1|1e300|x|1"},
	} {
		styles := `<styleSheet><cellXfs><xf numFmtId="0"/><xf numFmtId="14"/></cellXfs></styleSheet>`
		if got, err := rows(parts(t, sheetOf(c.sheet), "xl/styles.xml", styles), ""); err != nil || got != c.want {
			t.Errorf("%s: %q %v, want %q", name, got, err, c.want)
		}
	}
}

func TestReader_DaysFrom1904(t *testing.T) {
	file := workbook(t, func(f *excelize.File) {
		on := true
		if err := errors.Join(f.SetWorkbookProps(&excelize.WorkbookPropsOptions{Date1904: &on}), f.SetCellValue("Sheet1", "A1", time.Date(2024, 1, 5, 0, 0, 0, 0, time.UTC))); err != nil {
			t.Fatal(err)
		}
	})
	if got, err := rows(file, ""); err != nil || got != "1: 2024-01-05" {
		t.Errorf("%q %v", got, err)
	}
}

func TestReader_SheetByName(t *testing.T) {
	file := workbook(t, func(f *excelize.File) {
		_, err := f.NewSheet("Données 2024")
		if err = errors.Join(err, f.SetCellValue("Données 2024", "A1", "here"), f.SetCellValue("Sheet1", "A1", "first")); err != nil {
			t.Fatal(err)
		}
	})
	for name, want := range map[string]string{"": "1: first", "données 2024": "1: here"} {
		if got, err := rows(file, name); err != nil || got != want {
			t.Errorf("%q: %q %v", name, got, err)
		}
	}
	if _, err := rows(file, "Autre"); !errors.Is(err, xlsx.ErrNoSheet) {
		t.Errorf("%v", err)
	}
	x, err := open(file, "DONNÉES 2024")
	if err != nil || x.Sheet() != "Données 2024" {
		t.Errorf("%v %v", x, err)
	}
}

func TestReader_BrokenFiles(t *testing.T) {
	good := parts(t, sheetOf(`<row><c><v>1</v></c></row>`))
	for name, file := range map[string][]byte{
		"nothing":             nil,
		"text":                []byte("numero;nom\n1;Diallo\n"),
		"cut off":             good[:len(good)/2],
		"an old .xls":         append([]byte("\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1"), make([]byte, 600)...),
		"sheet not closed":    parts(t, `<worksheet><sheetData><row><c><v>1</v></c></row>`),
		"row not closed":      parts(t, `<worksheet><sheetData><row><c><v>1</v></c>`),
		"cell not closed":     parts(t, `<worksheet><sheetData><row><c><v>1`),
		"rows going back":     parts(t, sheetOf(`<row r="5"/><row r="4"/>`)),
		"cells going back":    parts(t, sheetOf(`<row><c r="B1"/><c r="A1"/></row>`)),
		"a column too far":    parts(t, sheetOf(`<row><c r="ZZZZZZZ1"/></row>`)),
		"a row too far":       parts(t, sheetOf(`<row r="2000000"/>`)),
		"no such text":        parts(t, sheetOf(`<row><c t="s"><v>7</v></c></row>`)),
		"entities of its own": parts(t, `<!DOCTYPE x [<!ENTITY a "aaaa">]>`+sheetOf(`<row><c t="str"><v>&a;</v></c></row>`)),
		"bytes that are none": parts(t, sheetOf("<row><c t=\"str\"><v>\xff</v></c></row>")),
		"a NUL":               parts(t, sheetOf("<row><c t=\"str\"><v>a\x00b</v></c></row>")),
		"another zip":         archiveOf(t, "word/document.xml"),
	} {
		if got, err := rows(file, ""); !errors.Is(err, xlsx.ErrBroken) {
			t.Errorf("%s: %q %v", name, got, err)
		}
	}
}

func archiveOf(t *testing.T, names ...string) []byte {
	t.Helper()
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	for _, name := range names {
		if _, err := z.Create(name); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestReader_Bombs(t *testing.T) {
	many := make([]string, 60_000)
	for i := range many {
		many[i] = fmt.Sprintf("xl/media/%060d", i)
	}
	texts := "<sst>" + strings.Repeat("<si/>", 300_000) + "</sst>"
	for name, file := range map[string][]byte{
		"rows that unpack a thousandfold":  parts(t, sheetOf(strings.Repeat("<row/>", 1_000_000))),
		"one endless text":                 parts(t, sheetOf("<row><c t=\"str\"><v>"+noise(2<<20)+"</v></c></row>")),
		"one endless comment":              parts(t, sheetOf("<!--"+noise(2<<20)+"--><row/>")),
		"one endless attribute":            parts(t, sheetOf(`<row r="`+noise(2<<20)+`"/>`)),
		"shared texts without end":         parts(t, sheetOf("<row/>"), "xl/sharedStrings.xml", texts),
		"a workbook of endless sheets":     parts(t, sheetOf("<row/>"), "xl/styles.xml", "<styleSheet>"+noise(5<<20)+"</styleSheet>"),
		"a directory of parts without end": archiveOf(t, many...),
	} {
		before := heap()
		if got, err := rows(file, ""); !errors.Is(err, xlsx.ErrTooLarge) {
			t.Errorf("%s: %.50q %v", name, got, err)
		}
		if grown := int64(heap()) - int64(before); grown > 1<<20 {
			t.Errorf("%s: %d bytes stay", name, grown)
		}
	}
}

// A directory that says less than a part unpacks to ends the reading where the lie shows.
func TestReader_BombThatLies(t *testing.T) {
	file := parts(t, sheetOf(strings.Repeat("<row/>", 1_000_000)))
	real, lie := make([]byte, 4), make([]byte, 4)
	binary.LittleEndian.PutUint32(real, uint32(len(sheetOf(strings.Repeat("<row/>", 1_000_000)))))
	binary.LittleEndian.PutUint32(lie, 1000)
	if _, err := rows(bytes.ReplaceAll(file, real, lie), ""); !errors.Is(err, xlsx.ErrBroken) {
		t.Errorf("%v", err)
	}
}

// noise is text that does not pack well.
func noise(n int) string {
	var b strings.Builder
	for i := uint64(1); b.Len() < n; i++ {
		fmt.Fprintf(&b, "%x", i*0x9E3779B97F4A7C15)
	}
	return b.String()
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func FuzzReader(f *testing.F) {
	f.Add(`<row r="1"><c r="A1" t="s" s="1"><f>1</f><v>0</v></c></row>`)
	f.Add(`<row><c t="inlineStr"><is><t>a</t></is></c><c t="e"><v>#REF!</v></c></row>`)
	f.Fuzz(func(t *testing.T, sheet string) {
		line := 0
		x, err := open(parts(t, sheetOf(sheet), "xl/sharedStrings.xml", "<sst><si><t>x</t></si></sst>"), "")
		if err != nil {
			return
		}
		for {
			row, err := x.Next()
			if err != nil {
				return
			}
			if row.Line <= line {
				t.Fatalf("row %d after %d", row.Line, line)
			}
			line = row.Line
			for _, fault := range row.Faults {
				if row.Cells[fault.Cell] != "" {
					t.Fatalf("a faulty cell says %q", row.Cells[fault.Cell])
				}
			}
		}
	})
}
