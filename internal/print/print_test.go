package print

import (
	"bytes"
	"regexp"
	"strings"
	"sync"
	"testing"
	"unicode/utf16"
)

var shown = regexp.MustCompile(`(?s)\(((?:\\.|[^\\)])*)\) ?Tj`)

// words are the pieces of text of a page, in the order in which they are written.
func words(t *testing.T, width float64, text string) (pieces []string, lower float64) {
	t.Helper()
	d, err := New(A6, "Test")
	if err != nil {
		t.Fatal(err)
	}
	d.pdf.SetCompression(false)
	d.AddPage()
	lower = d.Text(5, 5, width, 12, text)
	var out bytes.Buffer
	if err := d.Write(&out); err != nil {
		t.Fatal(err)
	}
	for _, m := range shown.FindAllSubmatch(out.Bytes(), -1) {
		raw := regexp.MustCompile(`(?s)\\(.)`).ReplaceAllFunc(m[1], func(b []byte) []byte {
			if b[1] == 'r' {
				return []byte{'\r'}
			}
			return b[1:]
		})
		units := make([]uint16, len(raw)/2)
		for i := range units {
			units[i] = uint16(raw[2*i])<<8 | uint16(raw[2*i+1])
		}
		pieces = append(pieces, string(utf16.Decode(units)))
	}
	return pieces, lower
}

func TestText_IsShapedAsItsScriptAsks(t *testing.T) {
	for text, want := range map[string]string{
		"Aïssatou Ndiaye-Çelik ŋ ɗ Ḥ": "Aïssatou Ndiaye-Çelik ŋ ɗ Ḥ",
		"محمد":                        "\uFEAA\uFEE4\uFEA4\uFEE3", // joined, and the last letter on the left
		"سلام":                        "\u0645\uFEFC\uFEB3",       // lam and alef are one sign
		"AGZ-000123 محمد":             "AGZ-000123 \uFEAA\uFEE4\uFEA4\uFEE3",
		"رقم 123":                     "123 \uFEE2\uFED7\u0631", // figures keep their order
		"ⵜⵉⴼⵉⵏⴰⵖ":                     "ⵜⵉⴼⵉⵏⴰⵖ",
		"𝔘":                           "\uFFFD", // what the font has not got is seen to be missing
	} {
		if got, _ := words(t, 90, text); strings.Join(got, "") != want {
			t.Errorf("%s is written as %+q, want %+q", text, strings.Join(got, ""), want)
		}
	}
}

func TestText_BreaksWhereTheColumnEnds(t *testing.T) {
	one, lower := words(t, 90, "This card is no identity document.")
	many, lowest := words(t, 20, "This card is no identity document.")
	if len(one) != 1 || len(many) < 3 || lowest <= lower {
		t.Errorf("%q down to %.1f mm, in a narrow column %q down to %.1f mm", one, lower, many, lowest)
	}
	if none, at := words(t, 20, ""); len(none) != 0 || at != 5 {
		t.Errorf("nothing is written as %q down to %.1f mm", none, at)
	}
}

func TestDocuments_AreWrittenSideBySide(t *testing.T) {
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			if got, _ := words(t, 90, "محمد"); len(got) == 0 {
				t.Error("nothing was written")
			}
		})
	}
	all.Wait()
	if len(ttf) > 1<<20 {
		t.Errorf("the font adds %d bytes to the binary", len(ttf))
	}
}
