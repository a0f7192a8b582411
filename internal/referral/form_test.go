package referral_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/app/apptest"
	"github.com/waystation/waystation/internal/referral"
)

func (s *stage) form(p apptest.Person, id uuid.UUID, query string) *apptest.Response {
	s.T.Helper()
	return s.Call(p, "GET", s.at("/referrals/"+id.String()+"/form"+query), nil)
}

func TestForm_IsPrintedInEachLanguageWithWhatWasFrozenAndNothingElse(t *testing.T) {
	s := begin(t)
	id := s.sent(map[string]any{"need_ids": []uuid.UUID{s.need(s.person, "WR", "normal")}, "disclosed_fields": []string{"given_name", "family_name", "age_group", "sex", "languages", "phone", "nationalities", "background"},
		"background": "Cough for two weeks", "contact": map[string]any{"name": "Amina", "position": "Caseworker", "phone": "+227 20 00 00 00", "email": "case@example.org"}, "follow_up_on": "2030-01-01"})
	s.Exec("update beneficiaries set given_name = 'Changed', languages = '{ar}' where id = $1", s.person)
	for language, words := range map[string][]string{
		"en": {"Inter-agency referral form", "Priority: Urgent", "Agency: Clinique de l'Espoir", "Given name: Fatoumata", "Family name: Keïta", "Nationality: Mali", "Languages: Bambara, French", "Background: Cough for two weeks",
			"Contact person: Amina, Caseworker", "Feedback expected by: 2030-01-01", "Received by", "Signature of the person"},
		"fr": {"Fiche de référencement inter-agences", "Prénom: Fatoumata", "Langues: bambara, français", "Organisme destinataire"},
		"es": {"Formulario de remisión", "Nombre: Fatoumata", "Entidad que recibe"},
		"ar": {shaped("استمارة الإحالة بين الوكالات"), shaped("الموافقة"), "Fatoumata", "Clinique de l'Espoir", "+227 90123456", "2030-01-01"},
	} {
		r := s.form(s.worker, id, "?language="+language).Want(200)
		text := apptest.Printed(r.Raw)
		if r.Header.Get("Content-Type") != "application/pdf" || !bytes.HasPrefix(r.Raw, []byte("%PDF-")) || strings.Contains(text, "\uFFFD") {
			t.Errorf("%s: %s, %q", language, r.Header.Get("Content-Type"), text)
		}
		for _, word := range words {
			if !strings.Contains(text, word) {
				t.Errorf("the form in %s does not say %q: %q", language, word, text)
			}
		}
		for _, secret := range []string{"Changed", "P7654321", "1998-04-12", "AGZ-000777", "Fanta"} {
			if strings.Contains(text, secret) {
				t.Errorf("the form in %s tells %s", language, secret)
			}
		}
	}
	ledger := s.Call(s.worker, "GET", s.at("/beneficiaries/"+s.person.String()+"/disclosures"), nil).Want(200)
	if ledger.Len("data") != 5 || ledger.Text("data", 0, "act") != "print" || ledger.ID("data", 0, "organisation_id") != s.clinic || ledger.Text("data", 0, "basis") != "consent" {
		t.Errorf("the ledger says %s", ledger.Raw)
	}
}

// shaped is a line of Arabic as a page shows it: joined, from the left to the right of the paper.
func shaped(text string) string {
	return map[string]string{
		"استمارة الإحالة بين الوكالات": "\u062A\uFEFB\uFE8E\uFEDB\uFEEE\uFEDF\u0627 \uFEE6\uFEF4\uFE91 \uFE94\uFEDF\uFE8E\uFEA3\uFE88\uFEDF\u0627 \u0629\u0631\uFE8E\uFEE4\uFE98\uFEB3\u0627",
		"الموافقة": "\uFE94\uFED8\uFED3\u0627\uFEEE\uFEE4\uFEDF\u0627",
	}[text]
}

// rule 14
func TestForm_OfACodedReferralNamesNobody(t *testing.T) {
	s := begin(t)
	id := s.sent(coded(nil))
	for _, language := range []string{"en", "fr", "ar", "es"} {
		text := apptest.Printed(s.form(s.worker, id, "?language="+language).Want(200).Raw)
		for _, name := range names {
			if strings.Contains(text, name) {
				t.Errorf("the form in %s tells %s: %q", language, name, text)
			}
		}
	}
	if text := apptest.Printed(s.form(s.worker, id, "").Want(200).Raw); !strings.Contains(text, s.Call(s.worker, "GET", s.at("/referrals/"+id.String()), nil).Text("client_code")) {
		t.Errorf("the code is missing: %q", text)
	}
}

func TestForm_IsPrintedWhileTheReceiverMayReadIt(t *testing.T) {
	s := begin(t)
	need := s.need(s.person, "SV", "restricted")
	id := s.draft(map[string]any{"need_ids": []uuid.UUID{need}}).ID()
	s.form(s.worker, id, "").WantCode(409, "state_conflict")
	s.send(id).Want(200)
	s.form(s.worker, id, "").Want(200)
	s.form(s.supervisor, id, "").WantCode(403, "forbidden") // a need for the eyes of the team
	s.form(s.registrar, id, "").WantCode(403, "forbidden")
	s.form(s.partner, id, "").WantCode(403, "forbidden")
	s.form(s.worker, id, "?language=xx").Want(400)
	s.form(s.worker, s.submitted(nil), "").WantCode(404, "not_found")
	s.do(s.worker, id, "revoke", bodies["revoke"]).Want(200)
	s.form(s.worker, id, "").WantCode(409, "state_conflict")
	if n := s.printed(); n != 1 {
		t.Errorf("%d prints in the ledger", n)
	}
}

func (s *stage) printed() (n int) {
	s.Scan("select count(*) from disclosures where act = 'print'", nil, &n)
	return n
}

func TestForm_EachPartHasItsWordsInEachLanguage(t *testing.T) {
	for key, words := range referral.FormWords() {
		for i, word := range words {
			if word == "" {
				t.Errorf("%s has no word in language %d", key, i)
			}
		}
	}
	for _, field := range referral.ContentFields() {
		if _, known := referral.FormWords()[field]; !known {
			t.Errorf("the form has no word for %s", field)
		}
	}
}
