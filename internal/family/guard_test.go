package family_test

import (
	"fmt"
	"testing"

	"github.com/waystation/waystation/internal/app/apptest"
)

// A relative who was registered in error is not their caregiver for ever.
func TestRelationship_WithAVoidRecordIsEnded(t *testing.T) {
	h := apptest.New(t)
	p := h.Staff(h.CentreA, "registrar")
	_, child := person(h, p, body{"age": 9})
	error, record := person(h, p, body{"age": 40})
	mother, _ := person(h, p, body{"age": 30})
	care := body{"kind": "aunt_uncle", "care": "received", "primary_caregiver": true}
	made := h.Call(p, "POST", child+"/relationships", care.with(body{"relative_id": error})).Want(201)
	h.Call(p, "POST", record+"/void", body{"reason": "nobody"}, apptest.IfMatch(`"1"`)).Want(200)
	h.Call(p, "POST", child+"/relationships", care.with(body{"relative_id": mother})).WantCode(409, "primary_caregiver_taken")
	h.Call(p, "POST", record+"/relationships/"+made.ID().String()+"/end", body{}, apptest.IfMatch(`"1"`)).WantCode(409, "state_conflict")
	h.Call(p, "POST", child+"/relationships/"+made.ID().String()+"/end", body{}, apptest.IfMatch(`"1"`)).Want(200)
	h.Call(p, "POST", child+"/relationships", care.with(body{"relative_id": mother})).Want(201)
	if r := h.Call(p, "POST", child+"/care-arrangements", body{"arrangement": "foster_care", "caregiver_id": error}); code(r) != "record_ended /caregiver_id" {
		t.Errorf("in the care of a void record: %s", r.Raw)
	}
}

// A child has one arrangement a day, also behind one that was voided.
func TestChild_NoDayHasTwoEntries(t *testing.T) {
	h := apptest.New(t)
	p := h.Staff(h.CentreA, "registrar")
	_, child := person(h, p, body{"age": 9})
	for kind, more := range map[string]body{"care-arrangements": {"arrangement": "foster_care"}, "separations": {"status": "separated"}} {
		record := func(since string) *apptest.Response {
			return h.Call(p, "POST", child+"/"+kind, more.with(body{"since": since}))
		}
		record("2026-01-01").Want(201)
		second := record("2026-01-10").Want(201)
		h.Call(p, "POST", second.Header.Get("Location")+"/void", body{"reason": "x"}, apptest.IfMatch(fmt.Sprintf("%q", "1"))).Want(200)
		if r := record("2026-01-05").WantCode(422, "invalid"); code(r) != "before_last /since" {
			t.Errorf("%s: %s", kind, r.Raw)
		}
		record("2026-01-10").Want(201)
	}
}
