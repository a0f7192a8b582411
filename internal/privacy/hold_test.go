package privacy_test

import (
	"testing"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/app/apptest"
)

func TestLegalHold_IsPlacedAndEndedByTheDataProtectionOfficer(t *testing.T) {
	h := apptest.New(t)
	dpo, worker := h.Staff(h.CentreA, "dpo"), h.Staff(h.CentreA, "caseworker")
	holds, person := "/v1/centres/"+h.CentreA.String()+"/legal-holds", register(h, worker, nil)
	inquiry := body{"beneficiary_id": person, "reason": "Named in an inquiry"}
	h.Call(worker, "POST", holds, inquiry).Want(403)
	for name, c := range map[string]struct {
		body body
		code string
	}{
		"of nothing":      {inquiry.with(body{"beneficiary_id": nil}), "invalid"},
		"of both":         {inquiry.with(body{"case_id": uuid.New()}), "invalid"},
		"until yesterday": {inquiry.with(body{"until_on": "2020-01-01"}), "invalid"},
		"of nobody":       {inquiry.with(body{"beneficiary_id": uuid.New()}), "unknown_reference"},
		"without reason":  {inquiry.with(body{"reason": " "}), "invalid"},
	} {
		if r := h.Call(dpo, "POST", holds, c.body).Want(422); r.Text("code") != c.code {
			t.Errorf("%s: %s", name, r.Raw)
		}
	}
	made := h.Call(dpo, "POST", holds, inquiry).Want(201)
	at := made.Header.Get("Location")
	if got := h.Call(dpo, "GET", at, nil).Want(200); string(got.Raw) != string(made.Raw) {
		t.Errorf("create answered %s, read answers %s", made.Raw, got.Raw)
	}
	h.Call(dpo, "POST", at+"/end", body{"reason": "Closed"}, apptest.IfMatch(`"9"`)).WantCode(412, "stale_version")
	h.Call(dpo, "POST", at+"/end", body{"reason": "Closed"}, apptest.IfMatch(`"1"`)).Want(200)
	h.Call(dpo, "POST", at+"/end", body{"reason": "Closed"}, apptest.IfMatch(`"2"`)).WantCode(409, "state_conflict")
	h.Call(dpo, "POST", holds, inquiry).Want(201)
	if page := h.Call(dpo, "GET", holds+"?ended=false&include_total=true&beneficiary_id="+person.String(), nil).Want(200); page.Text("total") != "1" {
		t.Errorf("standing %s", page.Raw)
	}
	h.Call(h.Staff(h.CentreB, "dpo"), "GET", "/v1/centres/"+h.CentreB.String()+"/legal-holds/"+made.ID().String(), nil).WantCode(404, "not_found")
	var kept int
	if h.Scan("select count(*) from audit_events where (coalesce(before, '{}') || coalesce(after, '{}'))::text like '%inquiry%'", nil, &kept); kept != 0 {
		t.Error("the trail keeps the reason")
	}
}
