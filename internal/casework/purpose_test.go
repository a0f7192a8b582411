package casework_test

import (
	"testing"

	"github.com/waystation/waystation/internal/app/apptest"
)

// rule 27: every read of restricted data is logged with its purpose.
func TestRule27_ReadingARestrictedFileIsLoggedWithItsPurpose(t *testing.T) {
	d := newDesk(t)
	id := d.open(obj{"sensitivity": "restricted"})
	note := d.Call(d.worker, "POST", d.at(id, "notes"), obj{"text": "x"}).Want(201)
	purpose := func(operation, resource string) (list string) {
		d.Scan(`select coalesce(string_agg(purpose, ' ' order by id), '') from audit_events where actor_id = $1 and action = 'read' and operation = $2 and resource = $3`,
			[]any{d.worker.ID, operation, resource}, &list)
		return list
	}
	said := apptest.Header{Name: "X-Purpose", Value: "case_conference"}
	for _, path := range []string{d.at(id), note.Header.Get("Location"), d.at(id, "notes"), d.cases} {
		d.Call(d.worker, "GET", path, nil, said).Want(200)
		d.Call(d.worker, "GET", path, nil).Want(200)
	}
	for operation, resource := range map[string]string{"getCase": "cases", "getCaseNote": "case_notes", "listCaseNotes": "case_notes", "listCases": "cases"} {
		if got := purpose(operation, resource); got != "case_conference cases" {
			t.Errorf("%s is logged for %q", operation, got)
		}
	}
	d.Call(d.worker, "GET", d.at(id), nil, apptest.Header{Name: "X-Purpose", Value: "Aminata's sister asked"}).WantCode(400, "bad_purpose")
}

// An attempt that was recorded in error is no evidence.
func TestClosure_AttemptsOfAVoidFollowUpDoNotCount(t *testing.T) {
	d := newDesk(t)
	id := d.open(nil)
	d.Exec("update cases set opened_at = now() - interval '60 days' where id = $1", id)
	f := d.Call(d.worker, "POST", d.at(id, "follow-ups"), obj{"type": "home_visit"}).Want(201)
	at := f.Header.Get("Location")
	for i := range 3 {
		d.Call(d.worker, "POST", at+"/attempts", obj{"method": "phone"}, match(i+1)).Want(200)
	}
	d.Exec("update case_contact_attempts set at = at - interval '20 days' where case_id = $1", id)
	d.Call(d.worker, "POST", at+"/void", obj{"reason": "Of another case"}, match(4)).Want(200)
	lost := obj{"reason": "lost_contact", "summary": "Not seen since April"}
	if r := d.do(d.worker, id, "request-closure", lost).WantCode(422, "invalid"); r.Text("errors", 0, "code") != "too_few_attempts" {
		t.Errorf("refused: %s", r.Raw)
	}
}
