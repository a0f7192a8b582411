package xlsx_test

import (
	"bytes"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/xuri/excelize/v2"

	"github.com/waystation/waystation/internal/xlsx"
)

func TestWriter_OtherProgramsReadWhatWasWritten(t *testing.T) {
	var out bytes.Buffer
	w, err := xlsx.NewWriter(&out, "people", []string{"id", "name"})
	if err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("é", xlsx.MaxCell+10)
	rows := [][]string{{"1", "  spaces kept \n two lines"}, {"=1+1", "<t>&amp;"}, {"", "second"}, {"long", long}}
	for _, r := range rows {
		if err := w.Row(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	f, err := excelize.OpenReader(&out)
	if err != nil {
		t.Fatal(err)
	}
	got, err := f.GetRows("people")
	if err != nil || len(got) != 5 {
		t.Fatalf("%v: %v", err, got)
	}
	rows[3][1] = long[:2*(xlsx.MaxCell-1)] + "…"
	for i, want := range rows {
		if strings.Join(got[i+1], "|") != strings.Join(want, "|") {
			t.Errorf("row %d: %.80q, want %.80q", i, got[i+1], want)
		}
	}
	if formula, _ := f.GetCellFormula("people", "A3"); formula != "" {
		t.Errorf("a text became the formula %s", formula)
	}
}

// A list of any length takes no more memory than a short one.
func TestWriter_MemoryDoesNotGrowWithTheRows(t *testing.T) {
	w, err := xlsx.NewWriter(io.Discard, "people", []string{"a", "b", "c"})
	if err != nil {
		t.Fatal(err)
	}
	row := []string{"01920000-0000-7000-8000-000000000011", "Aïssatou Diallo", "=1+1"}
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	for range 100_000 {
		if err := w.Row(row); err != nil {
			t.Fatal(err)
		}
	}
	if grown := int64(heap()) - int64(before); grown > 2<<20 {
		t.Errorf("100,000 rows hold %d bytes", grown)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}
