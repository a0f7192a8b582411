package attachment_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/app/apptest"
	"github.com/waystation/waystation/internal/config"
	"github.com/waystation/waystation/internal/files/s3test"
)

// houses runs a test with files in a folder and in a bucket.
func houses(t *testing.T, test func(t *testing.T, d *desk)) {
	t.Run("local", func(t *testing.T) { test(t, newDesk(t, apptest.New(t))) })
	t.Run("s3", func(t *testing.T) {
		test(t, newDesk(t, apptest.New(t, func(c *config.Config) { c.BlobURL = config.Secret(s3test.Bucket(t)) })))
	})
}

func TestAttachment_LivesAndEndsInEitherStore(t *testing.T) {
	houses(t, func(t *testing.T, d *desk) {
		scan := pdf(6 << 20)
		made := d.send(d.worker, d.ofPerson(""), "document_scan", sheet("a.pdf", "application/pdf", scan)).Want(201)
		photo := d.send(d.worker, d.ofPerson(""), "photo", sheet("a.jpg", "image/jpeg", asJPEG(t, scene(500, 400)))).Want(201)
		one := d.ofPerson("/%", made.ID())
		if got := d.Call(d.worker, "GET", one+"/content", nil).Want(200); !bytes.Equal(got.Raw, scan) {
			t.Errorf("%d other bytes", len(got.Raw))
		}
		if got := d.Call(d.worker, "GET", one+"/content", nil, apptest.Header{Name: "Range", Value: "bytes=5000000-5000099"}).Want(206); !bytes.Equal(got.Raw, scan[5000000:5000100]) {
			t.Errorf("%d other bytes of a part", len(got.Raw))
		}
		verified := d.Call(d.worker, "POST", one+"/verify", nil, apptest.IfMatch(made.ETag())).Want(200)
		d.Call(d.worker, "POST", d.ofPerson("/%/void", photo.ID()), map[string]any{"reason": "Not her"}, apptest.IfMatch(photo.ETag())).Want(200)
		age := func(days int) {
			d.Exec("update attachments set verified_at = now() - make_interval(days => $1) where id = $2", days, made.ID())
			d.Exec("update attachments set voided_at = now() - make_interval(days => $1) where id = $2", days-60, photo.ID())
			d.Tick("attachment.retain")
		}
		age(89)
		d.Call(d.worker, "GET", one+"/content", nil).Want(200)
		d.count("stored_files", 3)
		age(91)
		d.Call(d.worker, "GET", one+"/content", nil).WantCode(410, "content_deleted")
		left := d.Call(d.worker, "GET", one, nil).Want(200)
		if left.Text("sha256") != made.Text("sha256") || left.Text("verified_at") == "" || left.Text("content_deleted_at") == "" || left.ETag() == verified.ETag() {
			t.Errorf("%s", left.Raw)
		}
		d.count("stored_files", 0)
		d.count("attachments where content_deleted_at is not null", 2)
		if files := d.inFolder(); len(files) != 0 {
			t.Errorf("%v are left", files)
		}
	})
}

func (d *desk) count(what string, want int) {
	d.T.Helper()
	var n int
	if d.Scan("select count(*) from "+what, nil, &n); n != want {
		d.T.Errorf("%d %s, want %d", n, what, want)
	}
}

// inFolder lists the house's files where they lie in a folder.
func (d *desk) inFolder() []string {
	if d.App.Config.BlobURL != "" {
		return nil
	}
	return stored(d.T, d.House)
}

func TestUpload_CutOffIsNotThere(t *testing.T) {
	houses(t, func(t *testing.T, d *desk) {
		body, contentType := d.Form(field("kind", "other"), sheet("a.pdf", "application/pdf", pdf(8<<20)))
		at, err := url.Parse(d.URL)
		if err != nil {
			t.Fatal(err)
		}
		conn, err := net.Dial("tcp", at.Host)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s",
			d.ofPerson(""), d.worker.Token, contentType.Value, len(body), body[:7<<20])
		conn.Close()
		for until := time.Now().Add(10 * time.Second); time.Now().Before(until); time.Sleep(10 * time.Millisecond) {
			var pending int
			if d.Scan("select count(*) from stored_files where state = 'pending'", nil, &pending); pending == 0 {
				break
			}
		}
		// a form whose length is right and whose end is missing
		d.Call(d.worker, "POST", d.ofPerson(""), body[:len(body)-40], contentType).WantCode(400, "unreadable_body")
		d.Work()
		d.count("attachments", 0)
		d.count("stored_files", 0)
		if files := d.inFolder(); len(files) != 0 {
			t.Errorf("%v are left", files)
		}
	})
}

func TestUpload_ThatTheDatabaseRefusesLeavesNothing(t *testing.T) {
	d := newDesk(t, apptest.New(t))
	d.Exec("alter table attachments add constraint never check (label <> 'never')")
	d.send(d.worker, d.ofPerson(""), "photo", sheet("a.jpg", "image/jpeg", asJPEG(t, scene(40, 30))), field("label", "never")).Want(422)
	d.nothingIsLeft()
}

// left enters a file in the ledger and the folder as a process leaves it that died during an upload.
func (d *desk) left(age string) uuid.UUID {
	id := uuid.New()
	d.Exec("insert into stored_files (centre_id, id, version, created_at, updated_at, state, sealed_key, size) values ($1, $2, 1, now() - $3::interval, now(), 'pending', 'x', 0)", d.CentreA, id, age)
	folder := filepath.Join(d.App.Config.DataDir, "files", d.CentreA.String())
	if err := os.MkdirAll(folder, 0o700); err != nil {
		d.T.Fatal(err)
	}
	for _, name := range []string{id.String(), id.String() + ".17c0ffee.tmp"} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte("half a passport"), 0o600); err != nil {
			d.T.Fatal(err)
		}
	}
	return id
}

func TestSweep_FindsWhatADeadProcessLeft(t *testing.T) {
	d := newDesk(t, apptest.New(t))
	d.left("4 hours")
	young := d.left("1 hour")
	d.Tick("files.sweep")
	d.count("stored_files", 1)
	files := stored(t, d.House)
	if len(files) != 2 || !strings.Contains(files[0], young.String()) {
		t.Errorf("%v are left", files)
	}
}

// TestSweep_AndAnUploadThatGoesOnAgree lets the sweep give up a file that is still arriving.
func TestSweep_AndAnUploadThatGoesOnAgree(t *testing.T) {
	d := newDesk(t, apptest.New(t))
	body, contentType := d.Form(field("kind", "other"), sheet("a.pdf", "application/pdf", pdf(1<<20)))
	r, w := io.Pipe()
	req, err := http.NewRequest("POST", d.URL+d.ofPerson(""), r)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+d.worker.Token)
	req.Header.Set(contentType.Name, contentType.Value)
	status := make(chan int, 1)
	go func() {
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			status <- 0
			return
		}
		res.Body.Close()
		status <- res.StatusCode
	}()
	fmt.Fprint(w, body[:1<<19])
	for pending := 0; pending == 0; time.Sleep(time.Millisecond) {
		d.Scan("select count(*) from stored_files", nil, &pending)
	}
	d.Exec("update stored_files set created_at = now() - interval '4 hours'")
	d.Tick("files.sweep")
	fmt.Fprint(w, body[1<<19:])
	w.Close()
	if got := <-status; got != 503 {
		t.Errorf("an upload that was given up answers %d", got)
	}
	d.nothingIsLeft()
}

func TestUploads_OfOneCallerAreLimited(t *testing.T) {
	d := newDesk(t, apptest.New(t, func(c *config.Config) { c.MaxUploads = 4 }))
	r, w := io.Pipe()
	req, err := http.NewRequest("POST", d.URL+d.ofPerson(""), r)
	if err != nil {
		t.Fatal(err)
	}
	_, contentType := d.Form()
	req.Header.Set("Authorization", "Bearer "+d.worker.Token)
	req.Header.Set(contentType.Name, contentType.Value)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if res, err := http.DefaultClient.Do(req); err == nil {
			res.Body.Close()
		}
	}()
	fmt.Fprint(w, "--")
	time.Sleep(50 * time.Millisecond) // until it has been counted in
	file := sheet("a.pdf", "application/pdf", pdf(10))
	refused := d.send(d.worker, d.ofPerson(""), "other", file).WantCode(503, "too_many_uploads")
	if refused.Header.Get("Retry-After") == "" {
		t.Error("a refusal does not say when to come back")
	}
	d.send(d.registrar, d.ofPerson(""), "other", file).Want(201)
	_ = w.CloseWithError(errors.New("the line broke"))
	<-ended
	for until := time.Now().Add(5 * time.Second); d.send(d.worker, d.ofPerson(""), "other", file).Status != 201; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(until) {
			t.Fatal("the place of an upload that ended is not free")
		}
	}
}

// duty D2: what somebody brought to an assessment is attached to it, until it is completed.
func TestAttachment_IsBroughtToAnAssessmentOfItsCase(t *testing.T) {
	d := newDesk(t, apptest.New(t))
	var form uuid.UUID
	d.Scan("select id from shipped_forms where key = 'closing_evaluation'", nil, &form)
	started := d.Call(d.worker, "POST", d.at("/cases/%/assessments", d.kase), map[string]any{"form_id": form,
		"answers": map[string]any{"achieved": "Papers", "safe_to_close": "yes", "knows_how_to_return": true}}).Want(201)
	id := uuid.New()
	letter := func(assessment uuid.UUID) *apptest.Response {
		return d.send(d.worker, d.ofCase(""), "other", sheet("a.pdf", "application/pdf", pdf(10)), field("id", id.String()), field("assessment_id", assessment.String()))
	}
	if refused := letter(uuid.New()).WantCode(422, "invalid"); refused.Text("errors", 0, "code") != "unknown_assessment" {
		t.Errorf("refused: %s", refused.Raw)
	}
	d.send(d.worker, d.ofPerson(""), "other", sheet("a.pdf", "application/pdf", pdf(10)), field("assessment_id", started.ID().String())).WantCode(422, "invalid")
	if made := letter(started.ID()).Want(201); made.ID("assessment_id") != started.ID() {
		t.Errorf("made: %s", made.Raw)
	}
	d.send(d.worker, d.ofCase(""), "other", sheet("b.pdf", "application/pdf", pdf(20))).Want(201)
	if list := d.Call(d.worker, "GET", d.ofCase("?assessment_id=")+started.ID().String(), nil).Want(200); list.Len("data") != 1 || list.ID("data", 0, "id") != id {
		t.Errorf("list: %s", list.Raw)
	}
	d.Call(d.worker, "POST", d.at("/cases/%/assessments/%/complete", d.kase, started.ID()), map[string]any{"summary": "Well"}, apptest.IfMatch(started.ETag())).Want(200)
	letter(started.ID()).Want(201) // the same upload again
	id = uuid.New()
	letter(started.ID()).WantCode(409, "state_conflict")
	if _, err := d.Owner.Exec(t.Context(), "update attachments set assessment_id = $1 where assessment_id is not null", uuid.New()); err == nil {
		t.Error("the database lets it belong to nothing")
	}
}
