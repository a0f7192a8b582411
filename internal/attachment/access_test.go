package attachment_test

import (
	"bytes"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/app/apptest"
	"github.com/waystation/waystation/internal/config"
)

func TestAttachment_OfACaseIsBehindItsWall(t *testing.T) {
	d := newDesk(t, apptest.New(t))
	made := d.send(d.worker, d.ofCase(""), "other", sheet("a.pdf", "application/pdf", pdf(10))).Want(201)
	colleague, supervisor := d.Staff(d.CentreA, "caseworker"), d.Staff(d.CentreA, "case_supervisor")
	reads := []string{d.ofCase(""), d.ofCase("/%", made.ID()), d.ofCase("/%/content", made.ID())}
	for _, path := range reads {
		d.Call(supervisor, "GET", path, nil).Want(200)
		d.Call(colleague, "GET", path, nil).WantCode(404, "not_found")
		d.Call(d.registrar, "GET", path, nil).WantCode(403, "forbidden")
	}
	link := d.Call(supervisor, "POST", d.ofCase("/%/links", made.ID()), map[string]any{"purpose": "content"}).Want(200).Text("url")
	d.Call(apptest.Person{}, "GET", d.path(link), nil).Want(200)
	kase := d.Call(d.worker, "GET", d.at("/cases/%", d.kase), nil).Want(200)
	d.Call(d.worker, "PATCH", d.at("/cases/%", d.kase), map[string]any{"sensitivity": "restricted"}, apptest.IfMatch(kase.ETag())).Want(200)
	for _, path := range reads {
		d.Call(d.worker, "GET", path, nil).Want(200)
		d.Call(supervisor, "GET", path, nil).WantCode(404, "not_found")
	}
	d.send(supervisor, d.ofCase(""), "other", sheet("a.pdf", "application/pdf", pdf(10))).WantCode(404, "not_found")
	d.Call(apptest.Person{}, "GET", d.path(link), nil).WantCode(404, "not_found")
}

func TestAttachment_RestrictedOneOfAPersonIsForTheirCaseTeam(t *testing.T) {
	d := newDesk(t, apptest.New(t))
	made := d.send(d.registrar, d.ofPerson(""), "other", sheet("a.pdf", "application/pdf", pdf(10)), field("sensitivity", "restricted")).Want(201)
	for _, path := range []string{d.ofPerson("/%", made.ID()), d.ofPerson("/%/content", made.ID())} {
		d.Call(d.worker, "GET", path, nil).Want(200)
		d.Call(d.registrar, "GET", path, nil).WantCode(404, "not_found")
	}
	if list := d.Call(d.registrar, "GET", d.ofPerson("?include_total=true"), nil).Want(200); list.Len("data") != 0 || list.Text("total") != "0" {
		t.Errorf("%s", list.Raw)
	}
	open := d.send(d.registrar, d.ofPerson(""), "other", sheet("a.pdf", "application/pdf", pdf(10))).Want(201)
	d.Call(d.registrar, "PATCH", d.ofPerson("/%", open.ID()), map[string]any{"sensitivity": "restricted"}, apptest.IfMatch(`"1"`)).Want(200)
	d.Call(d.registrar, "GET", d.ofPerson("/%", open.ID()), nil).WantCode(404, "not_found")
	var told int
	d.Scan("select count(*) from events where subject_id = $1", []any{made.ID()}, &told)
	var types string
	d.Scan("select string_agg(type, ' ' order by id) from events where subject_id = $1", []any{open.ID()}, &types)
	if told != 0 || types != "attachment.created attachment.deleted" {
		t.Errorf("the feed tells %d things of a restricted attachment, and of one that became so %q", told, types)
	}
}

// path is what of a link is asked of this server.
func (d *desk) path(link string) string {
	_, path, _ := strings.Cut(link, "http://waystation.test")
	return path
}

func TestLink_OpensOneThingForAWhileAndLeavesItsLine(t *testing.T) {
	h := apptest.New(t)
	d := newDesk(t, h)
	log := &journal{}
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	defer slog.SetDefault(before)
	photo := d.send(d.worker, d.ofPerson(""), "photo", sheet("a.png", "image/png", asPNG(t, scene(640, 400)))).Want(201)
	scan := d.send(d.worker, d.ofPerson(""), "document_scan", sheet("a.pdf", "application/pdf", pdf(10))).Want(201)
	link := func(id uuid.UUID, purpose string) string {
		made := d.Call(d.worker, "POST", d.ofPerson("/%/links", id), map[string]any{"purpose": purpose}, apptest.Key("again")).Want(200)
		if until, err := time.Parse(time.RFC3339, made.Text("expires_at")); err != nil || time.Until(until) > 5*time.Minute || time.Until(until) < 4*time.Minute {
			t.Errorf("expires at %s", made.Text("expires_at"))
		}
		return d.path(made.Text("url"))
	}
	nobody := apptest.Person{}
	content, thumbnail := link(photo.ID(), "content"), link(photo.ID(), "thumbnail")
	whole, small := d.Call(nobody, "GET", content, nil).Want(200), d.Call(nobody, "GET", thumbnail, nil).Want(200)
	if whole.Header.Get("Content-Type") != "image/png" || small.Header.Get("Content-Type") != "image/jpeg" || len(small.Raw) == 0 {
		t.Errorf("%v, %v", whole.Header, small.Header)
	}
	d.Call(nobody, "GET", content, nil, apptest.Header{Name: "Range", Value: "bytes=1-3"}).Want(206)
	d.Call(d.worker, "POST", d.ofPerson("/%/links", scan.ID()), map[string]any{"purpose": "thumbnail"}).WantCode(422, "invalid")
	var uses, made int
	d.Scan("select count(*) filter (where operation = 'followAttachmentLink' and action = 'read' and actor_id = $2), count(*) filter (where action = 'link') from audit_events where subject_ids = array[$1::uuid]",
		[]any{photo.ID(), d.worker.ID}, &uses, &made)
	if uses != 3 || made != 2 {
		t.Errorf("the trail knows of %d links and %d uses", made, uses)
	}
	secret := content[strings.LastIndex(content, "/")+1:]
	for name, bad := range map[string]string{
		"another end": secret[:len(secret)-3] + "AAA", "another purpose": "dA" + secret[2:], "nothing of ours": "AAAA", "longer": secret + "AAAA", "not even text": "%FF%FE",
	} {
		if r := d.Call(nobody, "GET", "/v1/links/"+bad, nil); r.Status != 404 {
			t.Errorf("%s: %d", name, r.Status)
		}
	}
	d.Exec("update users set active = false where id = $1", d.worker.ID)
	d.Call(nobody, "GET", content, nil).WantCode(404, "not_found")
	d.Exec("update users set active = true where id = $1", d.worker.ID)
	d.Call(d.worker, "POST", d.ofPerson("/%/void", photo.ID()), map[string]any{"reason": "Not her"}, apptest.IfMatch(photo.ETag())).Want(200)
	d.Call(nobody, "GET", content, nil).WantCode(410, "attachment_voided")
	slog.SetDefault(before)
	if text := log.String(); !strings.Contains(text, "followAttachmentLink") || strings.Contains(text, secret[:20]) {
		t.Errorf("the log tells of links: %v, and the link itself: %v", strings.Contains(text, "followAttachmentLink"), strings.Contains(text, secret[:20]))
	}
	var answers string
	d.Scan("select coalesce(string_agg(convert_from(body, 'UTF8'), ' '), '') from stored_answers", nil, &answers)
	if strings.Contains(answers, secret[:20]) {
		t.Error("a link lies among the stored answers")
	}
}

// journal collects what is logged.
type journal struct {
	mu sync.Mutex
	bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.Buffer.Write(p)
}

func TestAttachment_LimitsHold(t *testing.T) {
	d := newDesk(t, apptest.New(t, func(c *config.Config) { c.MaxAttachment, c.MaxImage, c.MaxImagePixels = 50_000, 20_000, 40_000 }))
	d.send(d.worker, d.ofPerson(""), "other", sheet("a.pdf", "application/pdf", pdf(60_000))).WantCode(413, "file_too_large")
	d.send(d.worker, d.ofPerson(""), "other", sheet("a.png", "image/png", append(asPNG(t, scene(10, 10)), make([]byte, 30_000)...))).WantCode(413, "file_too_large")
	d.send(d.worker, d.ofPerson(""), "photo", sheet("a.jpg", "image/jpeg", asJPEG(t, scene(201, 200)))).Want(422)
	d.nothingIsLeft()
	d.send(d.worker, d.ofPerson(""), "photo", sheet("a.jpg", "image/jpeg", asJPEG(t, scene(200, 200)))).Want(201)
	chief := d.Staff(d.CentreA, "centre_manager")
	sop := d.Call(chief, "POST", d.at("/sops"), map[string]any{"title": "SOP", "policy": map[string]any{
		"attachments": map[string]any{"link_minutes": 5, "scan_keep_days": 90, "voided_keep_days": 30, "most": 2}}}).Want(201)
	d.Call(d.Staff(d.CentreA, "tenant_admin"), "POST", d.at("/sops/%/activate", sop.ID()), nil, apptest.IfMatch(sop.ETag())).Want(200)
	codes := make(chan int, 4)
	for i := range cap(codes) { // four at once for the one place that is left
		go func() {
			codes <- d.send(d.worker, d.ofPerson(""), "other", sheet("a.pdf", "application/pdf", pdf(100+i))).Status
		}()
	}
	taken := 0
	for range cap(codes) {
		if <-codes == 201 {
			taken++
		}
	}
	if taken != 1 {
		t.Errorf("%d were taken where one place was left", taken)
	}
	d.send(d.worker, d.ofPerson(""), "other", sheet("a.pdf", "application/pdf", pdf(10))).WantCode(422, "too_many_attachments")
}

func TestAttachment_OfAnEndedRecordStaysAsItIs(t *testing.T) {
	d := newDesk(t, apptest.New(t))
	other := d.register()
	person := d.Call(d.registrar, "GET", d.at("/beneficiaries/%", other), nil).Want(200)
	made := d.send(d.registrar, d.at("/beneficiaries/%/attachments", other), "other", sheet("a.pdf", "application/pdf", pdf(10))).Want(201)
	d.Call(d.registrar, "POST", d.at("/beneficiaries/%/void", other), map[string]any{"reason": "Registered twice"}, apptest.IfMatch(person.ETag())).Want(200)
	d.send(d.registrar, d.at("/beneficiaries/%/attachments", other), "other", sheet("a.pdf", "application/pdf", pdf(10))).WantCode(409, "state_conflict")
	d.Call(d.registrar, "PATCH", d.at("/beneficiaries/%/attachments/%", other, made.ID()), map[string]any{"label": "x"}, apptest.IfMatch(`"1"`)).WantCode(409, "state_conflict")
	d.Call(d.registrar, "GET", d.at("/beneficiaries/%/attachments/%/content", other, made.ID()), nil).Want(200)
	d.Call(d.registrar, "GET", d.ofPerson("/%", made.ID()), nil).WantCode(404, "not_found")
}

func TestConsent_PointsToWhatShowsIt(t *testing.T) {
	d := newDesk(t, apptest.New(t))
	other := d.register()
	sound := append([]byte("RIFF\x24\x00\x00\x00WAVEfmt "), make([]byte, 100)...)
	mine := d.send(d.worker, d.ofPerson(""), "audio_consent", sheet("consent.wav", "audio/x-wav", sound)).Want(201).ID()
	theirs := d.send(d.worker, d.at("/beneficiaries/%/attachments", other), "audio_consent", sheet("consent.wav", "audio/wave", sound)).Want(201).ID()
	consent := map[string]any{"scope": "media", "decision": "given", "giver": "individual", "method": "audio", "language": "fr", "evidence_id": mine}
	if made := d.Call(d.worker, "POST", d.at("/beneficiaries/%/consents", d.person), consent).Want(201); made.ID("evidence_id") != mine {
		t.Errorf("%s", made.Raw)
	}
	for _, id := range []uuid.UUID{theirs, uuid.New()} {
		consent["evidence_id"] = id
		if bad := d.Call(d.worker, "POST", d.at("/beneficiaries/%/consents", d.person), consent).Want(422); bad.Text("errors", 0, "code") != "unknown_attachment" {
			t.Errorf("%s", bad.Raw)
		}
	}
}
