package referral_test

import (
	_ "embed"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/waystation/waystation/internal/app/apptest"
	"github.com/waystation/waystation/internal/codelist"
	"github.com/waystation/waystation/internal/referral"
)

// The JSON schema that HL7 publishes of R4 (public domain), as far as a Bundle of these resources needs it.
//
//go:embed testdata/fhir.r4.schema.json
var fhirSchema string

// bundleOf reads a referral in the terms of FHIR and wants it to be what the standard says.
func (s *stage) bundleOf(p apptest.Person, path string) (whole string, of map[string]map[string]any) {
	s.T.Helper()
	r := s.Call(p, "GET", path, nil).Want(200)
	if got := r.Header.Get("Content-Type"); got != "application/fhir+json" {
		s.T.Errorf("it is called %s", got)
	}
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(fhirSchema))
	if err != nil {
		s.T.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("http://hl7.org/fhir/json-schema/4.0", doc); err != nil {
		s.T.Fatal(err)
	}
	var bundle any
	if err := json.Unmarshal(r.Raw, &bundle); err != nil {
		s.T.Fatal(err)
	}
	if err := compiler.MustCompile("http://hl7.org/fhir/json-schema/4.0").Validate(bundle); err != nil {
		s.T.Errorf("%v\n%s", err, r.Raw)
	}
	of = map[string]map[string]any{}
	for i := range r.Len("entry") {
		one := r.Value("entry", i, "resource").(map[string]any)
		of[one["resourceType"].(string)] = one
	}
	return string(r.Raw), of
}

func TestFHIR_StatusIsThatOfTheCodeList(t *testing.T) {
	s := begin(t)
	s.Exec("update cases set open_referrals = 100 where id = $1", s.file)
	list, _ := codelist.Get("referral_status")
	id := s.sent(nil)
	for _, status := range referral.Statuses() {
		if status == referral.Draft {
			continue
		}
		s.arrange(id, status)
		_, of := s.bundleOf(s.worker, s.at("/referrals/"+id.String()+"/fhir"))
		want, _ := list.Entry(string(status))
		if got := of["Task"]["status"]; got != want.Extra["fhir_task"] {
			t.Errorf("%s is %v, want %s", status, got, want.Extra["fhir_task"])
		}
		open := slices.Contains([]referral.Status{referral.Sent, referral.Acknowledged, referral.Accepted, referral.InProgress}, status)
		if got := of["ServiceRequest"]["status"]; (got == "active") != open {
			t.Errorf("%s asks for something that is %v", status, got)
		}
	}
	_, of := s.bundleOf(s.worker, s.at("/referrals/"+s.draft(nil).ID().String()+"/fhir"))
	if of["Task"]["status"] != "draft" || of["ServiceRequest"]["status"] != "draft" || of["Patient"]["name"] != nil {
		t.Errorf("a draft is %v", of)
	}
}

// rule 12
func TestFHIR_EachSideReadsTheSnapshotAsFarAsItMay(t *testing.T) {
	s := begin(t)
	id := s.sent(map[string]any{"need_ids": []uuid.UUID{s.need(s.person, "WR", "normal")}, "disclosed_fields": []string{"given_name", "family_name", "birth_date", "sex", "languages", "phone", "nationalities", "age_group"}})
	s.Exec("update beneficiaries set given_name = 'Changed' where id = $1", s.person)
	theirs := "/v1/partner/referrals/" + id.String() + "/fhir"
	whole, of := s.bundleOf(s.partner, theirs)
	for _, name := range append(names, "Changed", s.person.String(), s.file.String()) {
		if strings.Contains(whole, name) {
			t.Errorf("before acceptance the partner reads %s: %s", name, whole)
		}
	}
	if of["Patient"]["gender"] != "female" || of["Task"]["status"] != "requested" || of["ServiceRequest"]["priority"] != "urgent" {
		t.Errorf("before acceptance: %s", whole)
	}
	s.answers(s.partner, id, "accept").Want(200)
	theirsWhole, of := s.bundleOf(s.partner, theirs)
	for _, name := range []string{"Changed", "P7654321", "AGZ-000777", "Fanta", s.person.String(), s.file.String()} {
		if strings.Contains(theirsWhole, name) {
			t.Errorf("the partner reads %s: %s", name, theirsWhole)
		}
	}
	if of["Patient"]["birthDate"] != "1998-04-12" || !strings.Contains(theirsWhole, "Fatoumata") || !strings.Contains(theirsWhole, `"WR"`) || of["Task"]["status"] != "accepted" {
		t.Errorf("after acceptance: %s", theirsWhole)
	}
	ours, _ := s.bundleOf(s.worker, s.at("/referrals/"+id.String()+"/fhir"))
	if ours != theirsWhole {
		t.Errorf("the centre reads\n%s\nthe partner\n%s", ours, theirsWhole)
	}
	var looks int
	if s.Scan("select count(*) from disclosures where referral_id = $1 and act = 'view'", []any{id}, &looks); looks != 2 {
		t.Errorf("%d looks in the ledger", looks)
	}
	s.Call(s.rival, "GET", theirs, nil).WantCode(404, "not_found")
	s.do(s.worker, id, "revoke", bodies["revoke"]).Want(200)
	s.Call(s.partner, "GET", theirs, nil).WantCode(404, "not_found")
}

// rule 14
func TestFHIR_OfACodedReferralNamesNobody(t *testing.T) {
	s := begin(t)
	id := s.sent(coded(nil))
	s.answers(s.partner, id, "accept").Want(200)
	for p, path := range map[apptest.Person]string{s.partner: "/v1/partner/referrals/" + id.String() + "/fhir", s.worker: s.at("/referrals/" + id.String() + "/fhir")} {
		whole, of := s.bundleOf(p, path)
		for _, name := range names {
			if strings.Contains(whole, name) {
				t.Errorf("%s is told: %s", name, whole)
			}
		}
		if of["Patient"]["identifier"] == nil {
			t.Errorf("without its code: %s", whole)
		}
	}
}

func TestFHIR_OfWhatAPartnerHandedIn(t *testing.T) {
	s := begin(t)
	id := s.submitted(nil)
	whole, of := s.bundleOf(s.supervisor, s.at("/referrals/"+id.String()+"/fhir"))
	if !strings.Contains(whole, "Mariam") || of["Patient"]["birthDate"] != "2001" || of["ServiceRequest"]["note"] == nil {
		t.Errorf("the centre reads %s", whole)
	}
	if whole, _ := s.bundleOf(s.partner, "/v1/partner/referrals/"+id.String()+"/fhir"); strings.Contains(whole, "Mariam") {
		t.Errorf("what was handed in is read back: %s", whole)
	}
}
