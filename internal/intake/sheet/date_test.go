package sheet_test

import (
	"testing"

	"github.com/waystation/waystation/internal/intake/sheet"
)

func TestParseDate(t *testing.T) {
	for _, c := range []struct {
		text, order, want, precision string
		code                         sheet.Code
	}{
		{"03/01/2024", "dmy", "2024-01-03", "day", ""},
		{"03/01/2024", "mdy", "2024-03-01", "day", ""},
		{"3.1.2024", "dmy", "2024-01-03", "day", ""},
		{"24-01-03", "ymd", "2024-01-03", "day", ""},
		{"2024-01-05", "mdy", "2024-01-05", "day", ""},
		{"2024/1/5", "dmy", "2024-01-05", "day", ""},
		{"20240105", "dmy", "2024-01-05", "day", ""},
		{"2024-01-05T23:30:00-11:00", "dmy", "2024-01-05", "day", ""},
		{"2024-01-05T08:00:00.123Z", "dmy", "2024-01-05", "day", ""},
		{"05/01/2024 08:00", "dmy", "2024-01-05", "day", ""},
		{"3 janv 2024", "dmy", "2024-01-03", "day", ""},
		{"3 févr. 2024", "dmy", "2024-02-03", "day", ""},
		{"1er août 2024", "dmy", "2024-08-01", "day", ""},
		{"le 3 déc 24", "dmy", "2024-12-03", "day", ""},
		{"March 3rd, 2024", "mdy", "2024-03-03", "day", ""},
		{"3-Mar-2024", "dmy", "2024-03-03", "day", ""},
		{"3 de enero de 2024", "dmy", "2024-01-03", "day", ""},
		{"٣ يناير ٢٠٢٤", "dmy", "2024-01-03", "day", ""},
		{"٠٣/٠١/٢٠٢٤", "dmy", "2024-01-03", "day", ""},
		{"3 كانون الأول 2023", "dmy", "2023-12-03", "day", ""},
		{"31/12/23", "dmy", "2023-12-31", "day", ""},
		{"31/12/27", "dmy", "1927-12-31", "day", ""},
		{"29/02/2024", "dmy", "2024-02-29", "day", ""},
		{"05/1999", "dmy", "1999-05-01", "month", ""},
		{"1999-05", "dmy", "1999-05-01", "month", ""},
		{"mai 1999", "dmy", "1999-05-01", "month", ""},
		{"1999", "dmy", "1999-01-01", "year", ""},
		{"31/02/2024", "dmy", "", "", sheet.DateImpossible},
		{"29/02/2023", "dmy", "", "", sheet.DateImpossible},
		{"00/01/2024", "dmy", "", "", sheet.DateImpossible},
		{"32 mai 2024", "dmy", "", "", sheet.DateImpossible},
		{"01/01/1024", "dmy", "", "", sheet.DateImpossible},
		{"13/2024", "dmy", "", "", sheet.DateImpossible},
		{"", "dmy", "", "", sheet.DateUnreadable},
		{"hier", "dmy", "", "", sheet.DateUnreadable},
		{"45296", "dmy", "", "", sheet.DateUnreadable},
		{"3 brumaire 2024", "dmy", "", "", sheet.DateUnreadable},
		{"vers mai 1999", "dmy", "", "", sheet.DateUnreadable},
		{"1/2/3/2024", "dmy", "", "", sheet.DateUnreadable},
		{"mai", "dmy", "", "", sheet.DateUnreadable},
	} {
		date, precision, code := sheet.ParseDate(c.text, sheet.DateOrder(c.order), 2026)
		if date.String() != c.want || string(precision) != c.precision || code != c.code {
			t.Errorf("ParseDate(%q, %s) = %q %q %q, want %q %q %q", c.text, c.order, date, precision, code, c.want, c.precision, c.code)
		}
	}
}

func FuzzParseDate(f *testing.F) {
	for _, s := range []string{"03/01/2024", "3 janv 2024", "2024-01-05T08:00:00+01:00", "31/12/23", "mai 1999", "٣ يناير ٢٠٢٤", "1999"} {
		f.Add(s, "dmy")
	}
	f.Fuzz(func(t *testing.T, text, order string) {
		date, precision, code := sheet.ParseDate(text, sheet.DateOrder(order), 2026)
		if (code == "") == date.IsZero() || (code == "") == (precision == "") {
			t.Fatalf("%q: %v %q %q", text, date, precision, code)
		}
		if code != "" {
			return
		}
		if date.Year() < 1900 || date.Year() > 9999 {
			t.Fatalf("%q: year %d", text, date.Year())
		}
		again, _, code := sheet.ParseDate(date.String(), sheet.DMY, 2026)
		if code != "" || again != date {
			t.Fatalf("%q: %v is read back as %v (%s)", text, date, again, code)
		}
	})
}
