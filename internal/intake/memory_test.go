package intake_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/waystation/waystation/internal/intake"
	"github.com/waystation/waystation/internal/wire"
	"github.com/waystation/waystation/internal/xlsx"
)

// writers write n rows in a format.
var writers = map[string]func(w io.Writer, n int) error{
	wire.CSV: func(w io.Writer, n int) error {
		if _, err := io.WriteString(w, header); err != nil {
			return err
		}
		return eachRow(n, func(line string) error {
			_, err := io.WriteString(w, line)
			return err
		})
	},
	wire.NDJSON: func(w io.Writer, n int) error {
		keys := columns()
		return eachRow(n, func(line string) error {
			var object []string
			for i, cell := range strings.Split(strings.TrimSpace(line), ";") {
				object = append(object, fmt.Sprintf("%q:%q", keys[i], cell))
			}
			_, err := io.WriteString(w, "{"+strings.Join(object, ",")+"}\n")
			return err
		})
	},
	wire.XLSX: func(w io.Writer, n int) error {
		x, err := xlsx.NewWriter(w, "Registre", columns())
		if err != nil {
			return err
		}
		if err := eachRow(n, func(line string) error { return x.Row(strings.Split(strings.TrimSpace(line), ";")) }); err != nil {
			return err
		}
		return x.Close()
	},
}

func columns() []string { return strings.Split(strings.TrimSpace(header), ";") }

// eachRow makes rows that do not pack well: what is kept of them is half of what was sent.
func eachRow(n int, write func(line string) error) error {
	seed := uint64(1)
	for i := range n {
		var noise strings.Builder
		for range 8 {
			seed = seed*6364136223846793005 + 1442695040888963407
			fmt.Fprintf(&noise, "%x", seed)
		}
		if err := write(row(fmt.Sprint(i), "observations", noise.String())); err != nil {
			return err
		}
	}
	return nil
}

// held is how much of the heap lives towards the end of some work, in bytes: the least that is seen in its last third, as
// what is allocated while the collector runs counts as living too.
func held(work func()) uint64 {
	var seen []uint64
	var done atomic.Bool
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			runtime.GC()
			var m runtime.MemStats
			if runtime.ReadMemStats(&m); done.Load() {
				return
			}
			seen = append(seen, m.HeapAlloc)
			time.Sleep(10 * time.Millisecond)
		}
	}()
	work()
	done.Store(true)
	<-ended
	return slices.Min(seen[len(seen)*2/3:])
}

// 100,000 rows take no more memory than 5,000: neither the upload, which is some 20 to 50 MB, nor what is kept of it is
// ever held whole. What is allowed to grow is a spreadsheet's list of shared texts, up to its limit; these have none.
func TestUpload_MemoryDoesNotGrowWithTheRows(t *testing.T) {
	d := newDesk(t)
	for media, write := range writers {
		upload := func(n int) {
			body, w := io.Pipe()
			go func() { w.CloseWithError(write(w, n)) }()
			req, err := http.NewRequest("POST", d.URL+d.path("/imports?mapping=niger-2024"), body)
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Content-Type", media)
			req.Header.Set("Authorization", "Bearer "+d.clerk.Token)
			res, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			answer, err := io.ReadAll(res.Body)
			if err != nil || res.StatusCode != 202 || !strings.Contains(string(answer), fmt.Sprintf(`"rows":%d`, n)) {
				t.Fatalf("%s: %d %v %s", media, res.StatusCode, err, answer)
			}
		}
		few := held(func() { upload(5_000) })
		start := time.Now()
		many := held(func() { upload(100_000) })
		t.Logf("%s: 5,000 rows %d kB, 100,000 rows %d kB in %v", media, few>>10, many>>10, time.Since(start).Round(time.Millisecond))
		if grown := int64(many) - int64(few); grown > 4<<20 {
			t.Errorf("%s: the heap grew by %d bytes", media, grown)
		}
	}
	var kept int64
	d.Scan("select sum(length(data)) from import_files", nil, &kept)
	if kept < 3*6<<20 {
		t.Errorf("only %d bytes are kept: the rows prove nothing", kept)
	}
}

// A run holds a batch: neither the numbers and households of the rows behind it, nor whom it has accepted.
func TestImport_MemoryDoesNotGrowWithTheRows(t *testing.T) {
	d := newDesk(t)
	try := func(n int) uint64 {
		var sent bytes.Buffer
		sent.WriteString(header)
		for i := range n {
			sent.WriteString(row(fmt.Sprintf("number-%060d", i), "nom", name(i), "prenom", name(i/10*3+1), "age", fmt.Sprint(18+i*7%60), "menage", fmt.Sprintf("home-%060d", i), "lien", "chef"))
		}
		file := bytes.NewReader(sent.Bytes())
		return held(func() {
			done, err := intake.ImportFile(context.Background(), d.App.DB, d.centre, "niger-2024", file, intake.Options{By: d.clerk.ID})
			if err != nil || done.Processed != n || done.Accepted+done.Duplicates != n || done.Accepted < n/2 {
				t.Fatalf("%v %+v", err, done)
			}
		}) - uint64(sent.Cap())
	}
	few := try(1_000)
	start := time.Now()
	many := try(12_000)
	t.Logf("1,000 rows %d kB, 12,000 rows %d kB in %v", few>>10, many>>10, time.Since(start).Round(time.Millisecond))
	if grown := int64(many) - int64(few); grown > 1<<20 {
		t.Errorf("the heap grew by %d bytes", grown)
	}
}
