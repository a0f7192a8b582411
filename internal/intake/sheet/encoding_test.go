package sheet_test

import (
	"errors"
	"strings"
	"testing"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"

	"github.com/waystation/waystation/internal/intake/sheet"
)

func in(t *testing.T, e encoding.Encoding, text string) string {
	t.Helper()
	out, err := e.NewEncoder().String(text)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestEncoding_IsTold(t *testing.T) {
	const latin, arabic = "prénom;âge\r\nSékou;2\r\n", "الاسم;العمر\r\nسارة 😀;2\r\nأحمد;3\r\nخديجة;4\r\n"
	little, big := unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM), unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM)
	for name, c := range map[string]struct {
		data, declared, encoding string
		guessed                  bool
		cell                     string
	}{
		"ASCII":                        {"a;b\n1;2\n", "", "utf-8", false, "1"},
		"UTF-8":                        {latin, "", "utf-8", false, "Sékou"},
		"UTF-8, right to left":         {arabic, "", "utf-8", false, "سارة 😀"},
		"UTF-16 LE without mark":       {in(t, little, latin), "", "utf-16le", false, "Sékou"},
		"UTF-16 BE without mark":       {in(t, big, latin), "", "utf-16be", false, "Sékou"},
		"Arabic UTF-16 without mark":   {in(t, little, arabic), "", "utf-16le", false, "سارة 😀"},
		"UTF-16 with mark":             {"\xff\xfe" + in(t, little, arabic), "", "utf-16le", false, "سارة 😀"},
		"Windows-1252":                 {in(t, charmap.Windows1252, latin), "", "windows-1252", true, "Sékou"},
		"Windows-1252 declared":        {in(t, charmap.Windows1252, latin), "ISO-8859-1", "windows-1252", false, "Sékou"},
		"UTF-8 with one byte too many": {"prénom;âge\r\nSékou;2\r\nZo\xe9;3\r\n", "", "utf-8", false, "Sékou"},
	} {
		csv, err := sheet.NewCSV(strings.NewReader(c.data), sheet.CSVOptions{Encoding: c.declared})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		encoding, guessed := csv.Encoding()
		if rec, err := csv.Next(); err != nil || rec.Cells[0] != c.cell || encoding != c.encoding || guessed != c.guessed {
			t.Errorf("%s: %q guessed %v, %+v %v", name, encoding, guessed, rec, err)
		}
	}
}

// Invalid bytes and halves of characters are faults of their cell, never other letters.
func TestEncoding_InvalidBytesNameTheirCell(t *testing.T) {
	cut := in(t, unicode.UTF16(unicode.LittleEndian, unicode.UseBOM), "prénom;âge\nSékou;😀")
	for name, data := range map[string]string{
		"UTF-8 with a foreign byte":  "prénom;âge\nSékou;2\xff\n",
		"UTF-8 that ends in half":    "prénom;âge\nSékou;2\xc3",
		"UTF-16 that ends in half":   cut[:len(cut)-2],
		"UTF-16 of an odd length":    cut[:len(cut)-3],
		"Windows-1252 has no letter": "pr\xe9nom;\xe2ge\nS\xe9kou;\x81\n",
	} {
		_, rows, err := readAll(strings.NewReader(data), sheet.CSVOptions{})
		if got := show(rows); err != nil || got != "Sékou|[1 invalid_encoding]" {
			t.Errorf("%s: %q %v", name, got, err)
		}
	}
	_, _, err := readAll(strings.NewReader("prénom;âge;\xff\n"), sheet.CSVOptions{})
	if err == nil || err.Error() != "Column 3: the text is not in the encoding of the file." {
		t.Errorf("%v", err)
	}
}

func TestEncoding_BinaryIsNoText(t *testing.T) {
	for _, data := range []string{"PK\x03\x04…", "\x1f\x8b\x08\x00", "\xd0\xcf\x11\xe0\xa1\xb1", "%PDF-1.7\n"} {
		_, _, err := readAll(strings.NewReader(data), sheet.CSVOptions{})
		_, nd := sheet.NewNDJSON(strings.NewReader(data), sheet.NDJSONOptions{})
		for _, err := range []error{err, nd} {
			var bad *sheet.ReadError
			if !errors.As(err, &bad) || bad.Code != sheet.NotText {
				t.Errorf("%q: %v", data, err)
			}
		}
	}
}
