package attachment_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash/crc32"
	"image"
	_ "image/jpeg"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/app/apptest"
)

func hexSum(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

func TestAttachment_ComesBackAsItWasSent(t *testing.T) {
	d := newDesk(t, apptest.New(t))
	scan := pdf(300_000)
	for _, at := range []string{d.ofPerson(""), d.ofCase("")} {
		made := d.send(d.worker, at, "document_scan", sheet("Passeport Aïssatou.PDF", "application/pdf", scan), field("label", "Passport")).Want(201)
		if made.Header.Get("Location") != at+"/"+made.ID().String() || made.ETag() != `"1"` {
			t.Errorf("Location %s, ETag %s", made.Header.Get("Location"), made.ETag())
		}
		if made.Text("sha256") != hexSum(scan) || made.Text("received_sha256") != hexSum(scan) || made.Text("size") != "300009" || made.Text("file_name") != "Passeport Aïssatou.pdf" {
			t.Errorf("%s", made.Raw)
		}
		one := at + "/" + made.ID().String()
		if read := d.Call(d.worker, "GET", one, nil).Want(200); !bytes.Equal(read.Raw, made.Raw) {
			t.Errorf("reads %s\nwas %s", read.Raw, made.Raw)
		}
		got := d.Call(d.worker, "GET", one+"/content", nil).Want(200)
		if !bytes.Equal(got.Raw, scan) {
			t.Errorf("%d other bytes", len(got.Raw))
		}
		for name, want := range map[string]string{
			"Content-Type": "application/pdf", "Content-Length": "300009", "X-Content-Type-Options": "nosniff", "Content-Security-Policy": "sandbox; default-src 'none'",
			"Content-Disposition": "attachment; filename*=utf-8''Passeport%20A%C3%AFssatou.pdf", "Cache-Control": "no-store", "Etag": `"` + hexSum(scan) + `"`,
		} {
			if got.Header.Get(name) != want {
				t.Errorf("%s: %q", name, got.Header.Get(name))
			}
		}
		d.Call(d.worker, "GET", one+"/content", nil, apptest.Header{Name: "If-None-Match", Value: got.ETag()}).Want(304)
		d.Call(d.worker, "GET", one+"/thumbnail", nil).WantCode(404, "not_found")
		if list := d.Call(d.worker, "GET", at+"?kind=document_scan&include_total=true", nil).Want(200); list.Len("data") != 1 || list.Text("total") != "1" {
			t.Errorf("%s", list.Raw)
		}
		if list := d.Call(d.worker, "GET", at+"?kind=photo", nil).Want(200); list.Len("data") != 0 {
			t.Errorf("%s", list.Raw)
		}
	}
}

func TestAttachment_AnswersAnyPartOfARecording(t *testing.T) {
	d := newDesk(t, apptest.New(t))
	sound := append([]byte("OggS\x00\x02"), bytes.Repeat([]byte{1, 2, 3, 4, 5, 6, 7}, 40_000)...)
	copy(sound[28:], "OpusHead")
	made := d.send(d.worker, d.ofPerson(""), "audio_consent", sheet("consent.ogg", "audio/ogg", sound)).Want(201)
	at := d.ofPerson("/%/content", made.ID())
	for _, part := range []struct {
		asked    string
		from, to int
	}{{"bytes=0-9", 0, 10}, {"bytes=65530-65545", 65530, 65546}, {"bytes=131072-", 131072, len(sound)}, {"bytes=-5", len(sound) - 5, len(sound)}, {"bytes=200000-200000", 200000, 200001}} {
		got := d.Call(d.worker, "GET", at, nil, apptest.Header{Name: "Range", Value: part.asked}).Want(206)
		if !bytes.Equal(got.Raw, sound[part.from:part.to]) || got.Header.Get("Accept-Ranges") != "bytes" {
			t.Errorf("%s: %d bytes, %v", part.asked, len(got.Raw), got.Header)
		}
	}
	d.Call(d.worker, "GET", at, nil, apptest.Header{Name: "Range", Value: "bytes=9999999-"}).Want(416)
	whole := d.Call(d.worker, "GET", at, nil, apptest.Header{Name: "Range", Value: "bytes=0-9"}, apptest.Header{Name: "If-Range", Value: `"other"`}).Want(200)
	if len(whole.Raw) != len(sound) {
		t.Errorf("a part of other content: %d bytes", len(whole.Raw))
	}
}

func TestAttachment_PhotographForgetsWhereItWasTaken(t *testing.T) {
	d := newDesk(t, apptest.New(t))
	sent := append(taken(t, scene(640, 400), 6), []byte("<script>alert(1)</script>PK\x03\x04hidden")...)
	if !bytes.Contains(sent, []byte("ACMECAM")) {
		t.Fatal("the photograph has no device to forget")
	}
	made := d.send(d.worker, d.ofPerson(""), "photo", sheet("IMG_0001.jpg", "image/jpeg", sent)).Want(201)
	if made.Text("received_sha256") != hexSum(sent) || made.Text("sha256") == hexSum(sent) || made.Text("width") != "400" || made.Text("height") != "640" || made.Text("thumbnail") != "true" {
		t.Errorf("%s", made.Raw)
	}
	for rest, size := range map[string]image.Point{"/%/content": {400, 640}, "/%/thumbnail": {200, 320}} {
		got := d.Call(d.worker, "GET", d.ofPerson(rest, made.ID()), nil).Want(200)
		for _, trace := range []string{"Exif", "ACMECAM", "script", "hidden"} {
			if bytes.Contains(got.Raw, []byte(trace)) {
				t.Errorf("%s still holds %s", rest, trace)
			}
		}
		m, format, err := image.Decode(bytes.NewReader(got.Raw))
		if err != nil || format != "jpeg" || m.Bounds().Size() != size {
			t.Fatalf("%s: %s %v %v", rest, format, m.Bounds(), err)
		}
		top, _, _, _ := m.At(size.X/2, 5).RGBA() // turned a quarter to the right, the red left half is on top
		bottom, _, _, _ := m.At(size.X/2, size.Y-5).RGBA()
		if top < 0x8000 || bottom > 0x8000 {
			t.Errorf("%s is not upright: red above %x, below %x", rest, top, bottom)
		}
	}
}

func TestAttachment_RefusesWhatItIsNot(t *testing.T) {
	d := newDesk(t, apptest.New(t))
	photo, large := asJPEG(t, scene(40, 30)), asPNG(t, scene(4, 4))
	copy(large[16:], []byte{0, 0, 0xFF, 0xFF, 0, 0, 0xFF, 0xFF}) // a header of 65535 × 65535 pixels
	binary.BigEndian.PutUint32(large[29:], crc32.ChecksumIEEE(large[12:29]))
	for name, c := range map[string]struct {
		kind string
		file apptest.Part
		want string
	}{
		"nothing":                 {"photo", sheet("a.jpg", "image/jpeg", nil), "empty"},
		"text as image":           {"photo", sheet("a.jpg", "image/jpeg", []byte("just words, and no image")), "unsupported_file_type"},
		"page as document":        {"document_scan", sheet("a.pdf", "application/pdf", []byte("<!DOCTYPE html><script>alert(1)</script>")), "unsupported_file_type"},
		"drawing with script":     {"other", sheet("a.svg", "image/svg+xml", []byte(`<svg xmlns="http://www.w3.org/2000/svg"><script/></svg>`)), "unsupported_file_type"},
		"programme":               {"other", sheet("a.pdf", "application/pdf", []byte("MZ\x90\x00\x03\x00\x00\x00")), "unsupported_file_type"},
		"animation":               {"photo", sheet("a.gif", "image/gif", []byte("GIF89a/*\x01\x00\x01\x00*/=1;alert(1)")), "unsupported_file_type"},
		"declared otherwise":      {"photo", sheet("a.png", "image/png", photo), "type_disagrees"},
		"not declared":            {"photo", sheet("a.jpg", "", photo), "type_disagrees"},
		"head of an image":        {"photo", sheet("a.jpg", "image/jpeg", []byte("\xFF\xD8\xFF\xE0 and no more")), "not_an_image"},
		"image cut off":           {"photo", sheet("a.jpg", "image/jpeg", asJPEG(t, scene(400, 300))[:2000]), "not_an_image"},
		"more pixels than fit":    {"photo", sheet("a.png", "image/png", large), "too_many_pixels"},
		"photograph of sound":     {"photo", sheet("a.wav", "audio/wav", []byte("RIFF\x24\x00\x00\x00WAVEfmt ")), "wrong_file_type"},
		"recording of a passport": {"audio_consent", sheet("a.pdf", "application/pdf", pdf(100)), "wrong_file_type"},
	} {
		t.Run(name, func(t *testing.T) {
			defer d.For(t)()
			if got := d.send(d.worker, d.ofPerson(""), c.kind, c.file).WantCode(422, "invalid"); got.Text("errors", 0, "code") != c.want {
				t.Errorf("%s", got.Raw)
			}
		})
	}
	d.nothingIsLeft()
}

// nothingIsLeft fails unless, once jobs have run, the store and its ledger are empty.
func (d *desk) nothingIsLeft() {
	d.T.Helper()
	d.Work()
	var rows, entries int
	d.Scan("select (select count(*) from attachments), (select count(*) from stored_files)", nil, &rows, &entries)
	if left := stored(d.T, d.House); rows != 0 || entries != 0 || len(left) != 0 {
		d.T.Errorf("%d attachments, %d entries of the ledger and the files %v are left", rows, entries, left)
	}
}

func TestAttachment_FormIsChecked(t *testing.T) {
	d := newDesk(t, apptest.New(t))
	file, kind := sheet("a.pdf", "application/pdf", pdf(100)), field("kind", "other")
	for name, c := range map[string]struct {
		parts []apptest.Part
		want  int
		code  string
	}{
		"no file":           {[]apptest.Part{kind}, 422, "required"},
		"file first":        {[]apptest.Part{file, kind}, 422, "required"},
		"unknown kind":      {[]apptest.Part{field("kind", "selfie"), file}, 422, "unknown_code"},
		"unknown part":      {[]apptest.Part{kind, field("colour", "red"), file}, 400, ""},
		"twice":             {[]apptest.Part{kind, kind, file}, 400, ""},
		"id":                {[]apptest.Part{kind, field("id", "17"), file}, 422, "wrong_format"},
		"long label":        {[]apptest.Part{kind, field("label", strings.Repeat("é", 201)), file}, 422, "too_long"},
		"endless label":     {[]apptest.Part{kind, field("label", strings.Repeat("e", 1<<20)), file}, 422, "invalid_text"},
		"NUL":               {[]apptest.Part{kind, field("label", "a\x00b"), file}, 422, "invalid_text"},
		"no text":           {[]apptest.Part{kind, field("label", "\xff\xfe"), file}, 422, "invalid_text"},
		"sensitivity":       {[]apptest.Part{kind, field("sensitivity", "secret"), file}, 422, "unknown_value"},
		"checksum no digit": {[]apptest.Part{kind, field("sha256", "xyz"), file}, 422, "wrong_format"},
		"other checksum":    {[]apptest.Part{kind, field("sha256", hexSum(nil)), file}, 422, "checksum_disagrees"},
	} {
		t.Run(name, func(t *testing.T) {
			defer d.For(t)()
			body, contentType := d.Form(c.parts...)
			got := d.Call(d.worker, "POST", d.ofPerson(""), body, contentType).Want(c.want)
			if c.code != "" && got.Text("errors", 0, "code") != c.code {
				t.Errorf("%s", got.Raw)
			}
		})
	}
	d.Call(d.worker, "POST", d.ofPerson(""), "{}").WantCode(415, "unsupported_media_type")
	d.Call(d.worker, "POST", d.ofPerson(""), "x", apptest.Header{Name: "Content-Type", Value: "multipart/form-data"}).WantCode(400, "invalid_form")
	d.nothingIsLeft()
}

func TestAttachment_NamesMisleadNobody(t *testing.T) {
	d := newDesk(t, apptest.New(t))
	for sent, want := range map[string]string{
		"../../../etc/passwd":                "passwd.pdf",
		`..\..\windows\system32\evil.exe`:    "evil.pdf",
		"passport\u202Efdp.exe":              "passportfdp.pdf",
		"..":                                 "attachment.pdf",
		".pdf":                               "attachment.pdf",
		strings.Repeat("n", 10_000) + ".pdf": strings.Repeat("n", 120) + ".pdf",
		"جواز سفر.pdf":                       "جواز سفر.pdf",
		`quo"te;x=1.pdf`:                     "quote;x=1.pdf",
	} {
		got := d.send(d.worker, d.ofPerson(""), "other", sheet(sent, "application/pdf", pdf(10))).Want(201)
		if got.Text("file_name") != want {
			t.Errorf("%.40q is kept as %.140q", sent, got.Text("file_name"))
		}
	}
}

func TestAttachment_RepeatAnswersAsTheFirstTime(t *testing.T) {
	d := newDesk(t, apptest.New(t))
	file, other := sheet("a.pdf", "application/pdf", pdf(1000)), sheet("a.pdf", "application/pdf", pdf(1001))
	id := field("id", uuid.NewString())
	for name, mark := range map[string]any{"id": id, "key": apptest.Key("upload-17")} {
		first := d.send(d.worker, d.ofPerson(""), "other", file, mark).Want(201)
		if again := d.send(d.worker, d.ofPerson(""), "other", file, mark).Want(201); !bytes.Equal(first.Raw, again.Raw) {
			t.Errorf("%s: first %s, again %s", name, first.Raw, again.Raw)
		}
	}
	d.send(d.worker, d.ofPerson(""), "other", other, id).WantCode(409, "id_taken")
	d.send(d.worker, d.ofCase(""), "other", file, id).WantCode(409, "id_taken")
	d.send(d.registrar, d.ofPerson(""), "other", file, id).WantCode(409, "id_taken")
	d.send(d.worker, d.ofPerson(""), "other", other, apptest.Key("upload-17")).WantCode(422, "idempotency_key_reused")
	d.send(d.worker, d.ofCase(""), "other", file, apptest.Key("upload-17")).WantCode(422, "idempotency_key_reused")
	restricted := []any{field("sensitivity", "restricted"), field("id", uuid.NewString())}
	first := d.send(d.registrar, d.ofPerson(""), "other", file, restricted...).Want(201)
	if again := d.send(d.registrar, d.ofPerson(""), "other", file, restricted...).Want(201); again.ID() != first.ID() {
		t.Error("a restricted one is not recognised as sent before")
	}
	d.Work()
	if left := stored(t, d.House); len(left) != 3 {
		t.Errorf("three attachments, and the files %v", left)
	}
}

func TestAttachment_IsCorrectedVerifiedAndVoided(t *testing.T) {
	d := newDesk(t, apptest.New(t))
	for _, at := range []string{d.ofPerson(""), d.ofCase("")} {
		made := d.send(d.worker, at, "other", sheet("a.pdf", "application/pdf", pdf(10))).Want(201)
		one := at + "/" + made.ID().String()
		post := func(verb, tag string, body any) *apptest.Response {
			return d.Call(d.worker, "POST", one+verb, body, apptest.IfMatch(tag))
		}
		post("/verify", `"1"`, nil).WantCode(422, "not_a_scan")
		d.Call(d.worker, "PATCH", one, map[string]any{"kind": "photo"}, apptest.IfMatch(`"1"`)).WantCode(422, "invalid")
		d.Call(d.worker, "PATCH", one, map[string]any{"kind": "document_scan", "label": "Laissez-passer"}, apptest.IfMatch(`"1"`)).Want(200)
		d.Call(d.worker, "PATCH", one, map[string]any{"label": nil}, apptest.IfMatch(`"1"`)).WantCode(412, "stale_version")
		if verified := post("/verify", `"2"`, nil).Want(200); verified.Text("verified_by") != d.worker.ID.String() || verified.Text("label") != "Laissez-passer" {
			t.Errorf("%s", verified.Raw)
		}
		post("/verify", `"3"`, nil).WantCode(409, "state_conflict")
		post("/void", `"3"`, map[string]any{"reason": " "}).Want(422)
		if voided := post("/void", `"3"`, map[string]any{"reason": "Somebody else's"}).Want(200); voided.Text("void_reason") != "Somebody else's" {
			t.Errorf("%s", voided.Raw)
		}
		post("/void", `"4"`, map[string]any{"reason": "Again"}).WantCode(409, "state_conflict")
		d.Call(d.worker, "PATCH", one, map[string]any{"label": "x"}, apptest.IfMatch(`"4"`)).WantCode(409, "state_conflict")
		d.Call(d.worker, "GET", one+"/content", nil).WantCode(410, "attachment_voided")
		d.Call(d.worker, "POST", one+"/links", map[string]any{"purpose": "content"}).WantCode(410, "attachment_voided")
		if d.Call(d.worker, "GET", at, nil).Len("data") != 0 || d.Call(d.worker, "GET", at+"?include_voided=true", nil).Len("data") != 1 {
			t.Error("a voided attachment is listed with those that are voided alone")
		}
	}
}

func TestAttachment_TrailHoldsNoWordsOfIt(t *testing.T) {
	d := newDesk(t, apptest.New(t))
	made := d.send(d.worker, d.ofPerson(""), "other", sheet("Zoumanigui.pdf", "application/pdf", pdf(10)), field("label", "Quattara")).Want(201)
	d.Call(d.worker, "GET", d.ofPerson("/%/content", made.ID()), nil).Want(200)
	var trail string
	var reads int
	d.Scan("select string_agg(audit_events::text, ' ') from audit_events", nil, &trail)
	d.Scan("select count(*) from audit_events where operation = 'downloadAttachment' and action = 'read' and subject_ids = array[$1::uuid] and actor_id = $2", []any{made.ID(), d.worker.ID}, &reads)
	if strings.Contains(trail, "Zoumanigui") || strings.Contains(trail, "Quattara") || reads != 1 {
		t.Errorf("%d lines of the download; names in the trail: %v", reads, strings.Contains(trail, "Zoumanigui"))
	}
}
