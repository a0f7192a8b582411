package casework_test

import (
	"testing"
)

func TestCase_ConsentOverrideTakesASecondPerson(t *testing.T) {
	d := newDesk(t)
	id := d.Call(d.supervisor, "POST", d.cases, obj{"beneficiary_id": person(d.House, false), "source": "walk_in", "risk_level": "high", "owner_id": d.worker.ID}).Want(201).ID()
	ask := obj{"kind": "consent_override", "basis": "vital_interest", "reason": "Unconscious"}
	d.Call(d.supervisor, "POST", d.at(id, "approvals"), obj{"kind": "consent_override", "reason": "x"}).WantCode(422, "invalid")
	d.Call(d.supervisor, "POST", d.at(id, "approvals"), obj{"kind": "consent_override", "basis": "consent", "reason": "x"}).WantCode(422, "invalid")
	asked := d.Call(d.supervisor, "POST", d.at(id, "approvals"), ask).Want(201)
	d.Call(d.worker, "POST", d.at(id, "approvals"), ask).WantCode(409, "already_requested")
	at := asked.Header.Get("Location")
	d.do(d.worker, id, "open", nil).WantCode(422, "invalid")
	d.Call(d.worker, "POST", at+"/approve", obj{}, match(1)).WantCode(403, "forbidden")
	d.Call(d.supervisor, "POST", at+"/approve", obj{}, match(1)).WantCode(422, "four_eyes")
	d.Call(d.supervisor, "POST", at+"/reject", obj{}, match(1)).WantCode(422, "four_eyes")
	d.Call(d.Staff(d.CentreA, "centre_manager"), "POST", at+"/approve", obj{}, match(1)).WantCode(403, "forbidden")
	d.Call(d.second, "POST", at+"/approve", obj{"comment": "Agreed"}, match(2)).WantCode(412, "stale_version")
	granted := d.Call(d.second, "POST", at+"/approve", obj{"comment": "Agreed"}, match(1)).Want(200)
	if granted.Text("status") != "approved" || granted.ID("decided_by") != d.second.ID {
		t.Errorf("granted: %s", granted.Raw)
	}
	d.Call(d.second, "POST", at+"/reject", obj{}, match(2)).WantCode(409, "state_conflict")
	opened := d.do(d.worker, id, "open", nil).Want(200)
	if opened.Text("consent_basis") != "vital_interest" || opened.Text("consent_override_reason") != "Unconscious" {
		t.Errorf("opened: %s", opened.Raw)
	}
	if got := d.Call(d.worker, "GET", at, nil).Want(200); string(got.Raw) != string(granted.Raw) {
		t.Errorf("read: %s", got.Raw)
	}
	if n := d.Call(d.worker, "GET", d.at(id, "approvals")+"?status=approved", nil).Want(200).Len("data"); n != 1 {
		t.Errorf("%d approvals", n)
	}
	d.Call(d.worker, "POST", d.at(id, "approvals"), ask).Want(201)
}
