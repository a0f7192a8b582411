// Package xlsx writes and reads the rows of spreadsheets (Office Open XML, ECMA-376) as streams: what
// was written is on its way, what was read is let go. Libraries for these files hold a whole sheet, or
// put it into temporary files; people's data must not lie there, and a sheet may be larger than memory.
package xlsx

import (
	"archive/zip"
	"bufio"
	"encoding/xml"
	"fmt"
	"io"
	"unicode/utf8"
)

// What a spreadsheet takes: rows of one sheet, and characters of one cell.
const (
	MaxRows = 1 << 20
	MaxCell = 32_767
)

// Writer writes rows of text cells to a file of its own. A full sheet is followed by another.
type Writer struct {
	zip    *zip.Writer
	out    *bufio.Writer // the sheet that is open
	sheets int
	rows   int // of the open sheet
	name   string
	header []string // begins every sheet
}

// NewWriter begins a file whose sheets are called name and begin with a header. Close ends it.
func NewWriter(w io.Writer, name string, header []string) (*Writer, error) {
	x := &Writer{zip: zip.NewWriter(w), name: name, header: header}
	return x, x.open()
}

func (x *Writer) open() error {
	x.sheets++
	part, err := x.zip.Create(fmt.Sprintf("xl/worksheets/sheet%d.xml", x.sheets))
	if err != nil {
		return err
	}
	x.out, x.rows = bufio.NewWriterSize(part, 32<<10), 0
	_, _ = x.out.WriteString(xml.Header + `<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>`)
	return x.Row(x.header)
}

// Row writes one row. Every cell is text, never a formula or a number; a cell that is longer than a
// spreadsheet takes ends with an ellipsis.
func (x *Writer) Row(cells []string) error {
	if x.rows == MaxRows {
		if err := x.end(); err != nil {
			return err
		}
		if err := x.open(); err != nil {
			return err
		}
	}
	x.rows++
	_, _ = x.out.WriteString("<row>")
	for _, text := range cells {
		if text == "" {
			_, _ = x.out.WriteString("<c/>")
			continue
		}
		_, _ = x.out.WriteString(`<c t="inlineStr"><is><t xml:space="preserve">`)
		if err := xml.EscapeText(x.out, []byte(short(text))); err != nil {
			return err
		}
		_, _ = x.out.WriteString("</t></is></c>")
	}
	_, err := x.out.WriteString("</row>") // a bufio.Writer keeps its first error
	return err
}

func short(text string) string {
	if len(text) <= MaxCell || utf8.RuneCountInString(text) <= MaxCell {
		return text
	}
	return string([]rune(text)[:MaxCell-1]) + "…"
}

// Flush hands on what waits for more to be compressed with.
func (x *Writer) Flush() error {
	if err := x.out.Flush(); err != nil {
		return err
	}
	return x.zip.Flush()
}

func (x *Writer) end() error {
	_, _ = x.out.WriteString("</sheetData></worksheet>")
	return x.out.Flush()
}

// Close ends the sheet and writes what names the file's parts.
func (x *Writer) Close() error {
	if err := x.end(); err != nil {
		return err
	}
	const office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
	const packaging = "http://schemas.openxmlformats.org/package/2006"
	var types, sheets, links string
	for n := 1; n <= x.sheets; n++ {
		title := x.name
		if n > 1 {
			title = fmt.Sprintf("%s %d", x.name, n)
		}
		types += fmt.Sprintf(`<Override PartName="/xl/worksheets/sheet%d.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/>`, n)
		sheets += fmt.Sprintf(`<sheet name="%s" sheetId="%d" r:id="rId%[2]d"/>`, title, n)
		links += fmt.Sprintf(`<Relationship Id="rId%d" Type="%s/worksheet" Target="worksheets/sheet%[1]d.xml"/>`, n, office)
	}
	for _, part := range []struct{ name, content string }{
		{"xl/workbook.xml", `<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="` + office + `"><sheets>` + sheets + `</sheets></workbook>`},
		{"xl/_rels/workbook.xml.rels", `<Relationships xmlns="` + packaging + `/relationships">` + links + `</Relationships>`},
		{"_rels/.rels", `<Relationships xmlns="` + packaging + `/relationships"><Relationship Id="rId1" Type="` + office + `/officeDocument" Target="xl/workbook.xml"/></Relationships>`},
		{"[Content_Types].xml", `<Types xmlns="` + packaging + `/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>` +
			`<Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/>` + types + `</Types>`},
	} {
		w, err := x.zip.Create(part.name)
		if err != nil {
			return err
		}
		if _, err := io.WriteString(w, xml.Header+part.content); err != nil {
			return err
		}
	}
	return x.zip.Close()
}
