package card_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/app/apptest"
)

// desk is a house with two registered people and whoever registers them.
type desk struct {
	*apptest.House
	registrar     apptest.Person
	person, other uuid.UUID
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	h := apptest.New(t)
	d := &desk{House: h, registrar: h.Staff(h.CentreA, "registrar")}
	d.person, d.other = d.register(h.CentreA, d.registrar, "Zoumanigui"), d.register(h.CentreA, d.registrar, "Fanta")
	return d
}

func (d *desk) register(centre uuid.UUID, by apptest.Person, name string) uuid.UUID {
	return d.Call(by, "POST", "/v1/centres/"+centre.String()+"/beneficiaries", map[string]any{
		"registration_level": "basic", "reception_on": "2026-03-01", "given_name": name, "family_name": "Diallo", "sex": "2", "age": 27,
		"population_type": "migrant", "consent": map[string]any{"decision": "given", "giver": "individual", "method": "written", "language": "fr"},
	}).Want(201).ID()
}

func (d *desk) at(rest string) string {
	return "/v1/centres/" + d.CentreA.String() + "/beneficiaries/" + d.person.String() + "/card" + rest
}

func (d *desk) resolve(by apptest.Person, centre uuid.UUID, token string) *apptest.Response {
	return d.Call(by, "POST", "/v1/centres/"+centre.String()+"/cards/resolve", map[string]any{"token": token}, apptest.Key("scan"))
}

var asPNG, asPDF = apptest.Header{Name: "Accept", Value: "image/png"}, apptest.Header{Name: "Accept", Value: "application/pdf"}

// scan reads the code of the person's card.
func (d *desk) scan() string {
	d.T.Helper()
	picture := d.Call(d.registrar, "GET", d.at(""), nil, asPNG).Want(200)
	return d.ReadQR(picture.Raw)
}

func TestCard_LeadsStaffToItsHolderAndNobodyElse(t *testing.T) {
	d := newDesk(t)
	d.Call(d.registrar, "GET", d.at(""), nil).WantCode(404, "not_found")
	issued := d.Call(d.registrar, "POST", d.at(""), nil).Want(201)
	if read := d.Call(d.registrar, "GET", d.at(""), nil).Want(200); !bytes.Equal(read.Raw, issued.Raw) || issued.Header.Get("Location") != d.at("") {
		t.Errorf("issued %s\nreads %s", issued.Raw, read.Raw)
	}
	token := d.scan()
	if !strings.HasPrefix(token, "WSC1.") || strings.Contains(token, "Zoumanigui") {
		t.Errorf("the code says %q", token)
	}
	if holder := d.resolve(d.registrar, d.CentreA, token).Want(200); holder.ID("beneficiary_id") != d.person || holder.ID("card_id") != issued.ID() || holder.Text("given_name") != "Zoumanigui" {
		t.Errorf("%s", holder.Raw)
	}
	var lines int
	d.Scan("select count(*) from audit_events where operation = 'resolveRegistrationCard' and action = 'read' and resource = 'beneficiaries' and subject_ids = array[$1::uuid]", []any{d.person}, &lines)
	var stored string
	d.Scan("select string_agg(c::text, ' ') || (select coalesce(string_agg(e::text, ' '), '') from audit_events e) from registration_cards c", nil, &stored)
	if lines != 1 || strings.Contains(stored, token[5:20]) {
		t.Errorf("%d lines of the scan; the code lies readable: %v", lines, strings.Contains(stored, token[5:20]))
	}
	elsewhere := d.Staff(d.CentreB, "registrar")
	forged := token[:len(token)-2] + "AA"
	unknown := d.resolve(elsewhere, d.CentreB, token).WantCode(404, "not_found")
	for name, bad := range map[string]string{"forged": forged, "lower case": strings.ToLower(token), "cut": token[:20], "words": "Zoumanigui"} {
		if got := d.resolve(d.registrar, d.CentreA, bad).WantCode(404, "not_found"); got.Text("detail") != unknown.Text("detail") {
			t.Errorf("%s: %s", name, got.Raw)
		}
	}
	d.resolve(d.Staff(d.CentreA, "storekeeper"), d.CentreA, token).WantCode(403, "forbidden")
	d.Call(d.registrar, "POST", d.at("/revoke"), map[string]any{"reason": "Lost"}, apptest.IfMatch(issued.ETag())).Want(200)
	d.resolve(d.registrar, d.CentreA, token).WantCode(404, "not_found") // also for the Idempotency-Key of before
	d.Call(d.registrar, "GET", d.at(""), nil).WantCode(404, "not_found")
	d.Call(d.registrar, "POST", d.at(""), nil).Want(201)
	if again := d.scan(); again == token {
		t.Error("the next card bears the code of the one before")
	}
}

func TestCard_EveryPrintIsRecorded(t *testing.T) {
	d := newDesk(t)
	issued := d.Call(d.registrar, "POST", d.at(""), nil).Want(201)
	d.Call(d.registrar, "POST", d.at(""), nil).WantCode(409, "card_in_use")
	token := d.scan()
	d.Exec("update registration_cards set last_printed_at = now() - interval '61 minutes'")
	for _, media := range []apptest.Header{asPNG, asPDF} {
		d.Call(d.registrar, "GET", d.at(""), nil, media).WantCode(409, "print_not_recorded")
	}
	d.Call(d.registrar, "POST", d.at("/reprint"), map[string]any{"reason": " "}, apptest.IfMatch(issued.ETag())).Want(422)
	again := d.Call(d.registrar, "POST", d.at("/reprint"), map[string]any{"reason": "Smudged"}, apptest.IfMatch(issued.ETag())).Want(200)
	d.Call(d.registrar, "POST", d.at("/revoke"), map[string]any{"reason": "Lost"}, apptest.IfMatch(issued.ETag())).WantCode(412, "stale_version")
	if again.Text("prints") != "2" || d.scan() != token {
		t.Errorf("%s", again.Raw)
	}
	log := d.Call(d.registrar, "GET", d.at("/prints?include_total=true"), nil).Want(200)
	if log.Text("total") != "2" || log.Text("data", 0, "reason") != "Smudged" || log.Text("data", 1, "reason") != "" || log.ID("data", 0, "printed_by") != d.registrar.ID {
		t.Errorf("%s", log.Raw)
	}
}

func TestCard_TwoIssuesAtOnceGiveOne(t *testing.T) {
	d := newDesk(t)
	codes := make(chan int, 6)
	for range cap(codes) {
		go func() { codes <- d.Call(d.registrar, "POST", d.at(""), nil).Status }()
	}
	given := 0
	for range cap(codes) {
		switch code := <-codes; code {
		case 201:
			given++
		case 409:
		default:
			t.Errorf("an issue answers %d", code)
		}
	}
	if given != 1 {
		t.Errorf("%d cards were given", given)
	}
}

func TestCard_RevokedWhileItIsScannedLeadsToNobodyAfterwards(t *testing.T) {
	d := newDesk(t)
	issued := d.Call(d.registrar, "POST", d.at(""), nil).Want(201)
	token := d.scan()
	answers := make(chan int, 8)
	for range cap(answers) {
		go func() { answers <- d.resolve(d.registrar, d.CentreA, token).Status }()
	}
	d.Call(d.registrar, "POST", d.at("/revoke"), map[string]any{"reason": "Lost"}, apptest.IfMatch(issued.ETag())).Want(200)
	d.resolve(d.registrar, d.CentreA, token).WantCode(404, "not_found")
	for range cap(answers) {
		if code := <-answers; code != 200 && code != 404 {
			t.Errorf("a scan answers %d", code)
		}
	}
}

func TestCard_IsPrinted(t *testing.T) {
	d := newDesk(t)
	d.Call(d.registrar, "POST", d.at(""), nil).Want(201)
	for _, query := range []string{"", "?size=a6"} {
		sheet := d.Call(d.registrar, "GET", d.at("")+query, nil, asPDF).Want(200)
		if sheet.Header.Get("Content-Type") != "application/pdf" || !bytes.HasPrefix(sheet.Raw, []byte("%PDF-")) || bytes.Count(sheet.Raw, []byte("/Type /Page\n")) != 2 {
			t.Errorf("%q: %v, %d bytes", query, sheet.Header, len(sheet.Raw))
		}
	}
}
