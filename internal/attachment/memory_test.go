package attachment_test

import (
	"io"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/waystation/waystation/internal/app/apptest"
)

const (
	hundredMB = 100 << 20
	flat      = 32 << 20 // what streaming may take, with all that the test itself holds
)

// endless repeats a line.
type endless struct{ at int }

func (e *endless) Read(p []byte) (int, error) {
	const line = "one line of a scanned page, again and again\n"
	for i := range p {
		p[i] = line[e.at]
		e.at = (e.at + 1) % len(line)
	}
	return len(p), nil
}

// growth runs work and answers by how much the heap grew meanwhile, at its peak.
func growth(work func()) int64 {
	var before runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	var peak atomic.Uint64
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			var now runtime.MemStats
			runtime.ReadMemStats(&now)
			peak.Store(max(peak.Load(), now.HeapAlloc))
			select {
			case <-stop:
				return
			case <-time.After(5 * time.Millisecond):
			}
		}
	}()
	work()
	close(stop)
	<-stopped
	return int64(peak.Load()) - int64(before.HeapAlloc)
}

func TestAttachment_MemoryIsFlatAt100MB(t *testing.T) {
	d := newDesk(t, apptest.New(t))
	body, contentType := d.Form(field("kind", "other"), sheet("a.pdf", "application/pdf", []byte("%PDF-1.7\n@")))
	head, tail, _ := strings.Cut(body, "@")
	size := hundredMB - len("%PDF-1.7\n") // the largest that is taken
	var location string
	grew := growth(func() {
		req, err := http.NewRequest("POST", d.URL+d.ofPerson(""), io.MultiReader(strings.NewReader(head), io.LimitReader(&endless{}, int64(size)), strings.NewReader(tail)))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+d.worker.Token)
		req.Header.Set(contentType.Name, contentType.Value)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		if res.StatusCode != http.StatusCreated {
			answer, _ := io.ReadAll(res.Body)
			t.Fatalf("%d %s", res.StatusCode, answer)
		}
		location = res.Header.Get("Location")
	})
	if grew > flat {
		t.Errorf("uploading 100 MB took %d KiB", grew>>10)
	}
	fetched := growth(func() {
		req, err := http.NewRequest("GET", d.URL+location+"/content", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+d.worker.Token)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		if n, err := io.Copy(io.Discard, res.Body); err != nil || n != hundredMB {
			t.Fatalf("%d bytes, %v", n, err)
		}
	})
	if fetched > flat {
		t.Errorf("downloading 100 MB took %d KiB", fetched>>10)
	}
	t.Logf("100 MB up: %d KiB, down: %d KiB", grew>>10, fetched>>10)
}
