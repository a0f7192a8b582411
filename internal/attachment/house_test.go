package attachment_test

import (
	"bytes"
	"encoding/binary"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/app/apptest"
)

// desk is a house with a person, a case of theirs, and staff who work on both.
type desk struct {
	*apptest.House
	worker       apptest.Person // caseworker, owner of the case
	registrar    apptest.Person
	person, kase uuid.UUID
}

func newDesk(t *testing.T, h *apptest.House) *desk {
	t.Helper()
	d := &desk{House: h, worker: h.Staff(h.CentreA, "caseworker"), registrar: h.Staff(h.CentreA, "registrar")}
	d.person = d.register()
	d.Call(d.worker, "POST", d.at("/beneficiaries/%/consents", d.person), map[string]any{
		"scope": "case_management", "decision": "given", "giver": "individual", "method": "written", "language": "fr"}).Want(201)
	opened := d.Call(d.worker, "POST", d.at("/cases"), map[string]any{"beneficiary_id": d.person, "source": "walk_in", "risk_level": "low", "owner_id": d.worker.ID}).Want(201)
	d.kase = opened.ID()
	d.Call(d.worker, "POST", d.at("/cases/%/open", d.kase), nil, apptest.IfMatch(opened.ETag())).Want(200)
	return d
}

func (d *desk) register() uuid.UUID {
	return d.Call(d.registrar, "POST", d.at("/beneficiaries"), map[string]any{
		"registration_level": "basic", "reception_on": "2026-03-01", "given_name": "Aïssatou", "family_name": "Diallo", "sex": "2", "age": 27,
		"population_type": "migrant", "consent": map[string]any{"decision": "given", "giver": "individual", "method": "written", "language": "fr"},
	}).Want(201).ID()
}

// at is a path in centre A, each % an id.
func (d *desk) at(path string, ids ...uuid.UUID) string {
	for _, id := range ids {
		path = strings.Replace(path, "%", id.String(), 1)
	}
	return "/v1/centres/" + d.CentreA.String() + path
}

func (d *desk) ofPerson(rest string, ids ...uuid.UUID) string {
	return d.at("/beneficiaries/%/attachments"+rest, append([]uuid.UUID{d.person}, ids...)...)
}

func (d *desk) ofCase(rest string, ids ...uuid.UUID) string {
	return d.at("/cases/%/attachments"+rest, append([]uuid.UUID{d.kase}, ids...)...)
}

// sheet is a file to send.
func sheet(name, mediaType string, content []byte) apptest.Part {
	return apptest.Part{Name: "file", FileName: name, Type: mediaType, Content: content}
}

func field(name, value string) apptest.Part {
	return apptest.Part{Name: name, Content: []byte(value)}
}

// send uploads to a path as a kind, with further fields and headers.
func (d *desk) send(by apptest.Person, path, kind string, file apptest.Part, more ...any) *apptest.Response {
	d.T.Helper()
	parts, headers := []apptest.Part{field("kind", kind)}, []apptest.Header{}
	for _, m := range more {
		switch m := m.(type) {
		case apptest.Part:
			parts = append(parts, m)
		case apptest.Header:
			headers = append(headers, m)
		}
	}
	body, contentType := d.Form(append(parts, file)...)
	return d.Call(by, "POST", path, body, append(headers, contentType)...)
}

func pdf(bytes int) []byte {
	return append([]byte("%PDF-1.7\n"), []byte(strings.Repeat("scanned ", bytes/8+1))[:bytes]...)
}

// scene is an image whose left half is red and whose right half is blue.
func scene(w, h int) image.Image {
	m := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			c := color.RGBA{200, 20, 20, 255}
			if x >= w/2 {
				c = color.RGBA{20, 20, 200, 255}
			}
			m.Set(x, y, c)
		}
	}
	return m
}

func asJPEG(t testing.TB, m image.Image) []byte {
	var out bytes.Buffer
	if err := jpeg.Encode(&out, m, nil); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func asPNG(t testing.TB, m image.Image) []byte {
	var out bytes.Buffer
	if err := png.Encode(&out, m); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// taken is a JPEG as a telephone makes it: how it was held, which device, and where (EXIF 2.32).
func taken(t testing.TB, m image.Image, held uint16) []byte {
	le := binary.LittleEndian
	tiff := []byte("II*\x00\x08\x00\x00\x00")
	entry := func(tag, kind uint16, count, value uint32) {
		tiff = le.AppendUint16(le.AppendUint16(tiff, tag), kind)
		tiff = le.AppendUint32(le.AppendUint32(tiff, count), value)
	}
	tiff = le.AppendUint16(tiff, 3)
	entry(0x010F, 2, 8, 50)           // Make, at 50
	entry(0x0112, 3, 1, uint32(held)) // Orientation
	entry(0x8825, 4, 1, 58)           // GPS, at 58
	tiff = le.AppendUint32(tiff, 0)   // no further directory; ends at 50
	tiff = append(tiff, "ACMECAM\x00"...)
	tiff = le.AppendUint16(tiff, 1) // at 58
	entry(0x0002, 5, 3, 76)         // GPSLatitude, at 76
	tiff = le.AppendUint32(tiff, 0)
	for _, v := range []uint32{16, 1, 58, 1, 2548, 100} {
		tiff = le.AppendUint32(tiff, v)
	}
	segment := append([]byte("Exif\x00\x00"), tiff...)
	head := append([]byte{0xFF, 0xD8, 0xFF, 0xE1}, binary.BigEndian.AppendUint16(nil, uint16(len(segment)+2))...)
	return append(append(head, segment...), asJPEG(t, m)[2:]...)
}
