package casework_test

import (
	"testing"
	"time"
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

// No exception is for ever: an override has a last day, the SOP bounds it, and after it nothing rests on it.
func TestCase_ConsentOverrideEnds(t *testing.T) {
	d := newDesk(t)
	id := d.Call(d.worker, "POST", d.cases, obj{"beneficiary_id": person(d.House, false), "source": "walk_in", "risk_level": "high", "owner_id": d.worker.ID}).Want(201).ID()
	day := func(n int) string { return time.Now().UTC().AddDate(0, 0, n).Format(time.DateOnly) }
	ask := func(until string) obj {
		return obj{"kind": "consent_override", "basis": "vital_interest", "reason": "Unconscious", "expires_on": until}
	}
	for _, no := range []string{day(-2), day(92)} {
		if r := d.Call(d.worker, "POST", d.at(id, "approvals"), ask(no)).WantCode(422, "invalid"); r.Text("errors", 0, "pointer") != "/expires_on" {
			t.Errorf("%s: %s", no, r.Raw)
		}
	}
	asked := d.Call(d.worker, "POST", d.at(id, "approvals"), ask(day(10))).Want(201)
	d.Call(d.supervisor, "POST", asked.Header.Get("Location")+"/approve", obj{}, match(1)).Want(200)
	opened := d.do(d.worker, id, "open", nil).Want(200)
	if asked.Text("expires_on") != day(10) || opened.Text("consent_override_until") != day(10) {
		t.Errorf("asked %s, opened %s", asked.Raw, opened.Raw)
	}
	d.visited(id, "no_further_action")
	d.do(d.worker, id, "request-closure", closing).Want(200)
	d.Exec("update cases set consent_override_until = current_date - 2 where id = $1", id)
	if r := d.do(d.supervisor, id, "reject-closure", obj{"comment": "Not yet"}).WantCode(422, "invalid"); r.Text("errors", 0, "code") != "consent_required" {
		t.Errorf("rejected: %s", r.Raw)
	}
	again := d.Call(d.worker, "POST", d.at(id, "approvals"), obj{"kind": "consent_override", "basis": "vital_interest", "reason": "Still is"}).Want(201)
	if again.Text("expires_on") < day(89) || again.Text("expires_on") > day(91) {
		t.Errorf("where nobody says: %s", again.Raw)
	}
	d.Call(d.supervisor, "POST", again.Header.Get("Location")+"/approve", obj{}, match(1)).Want(200)
	d.do(d.supervisor, id, "reject-closure", obj{"comment": "Not yet"}).Want(200)
	d.Call(d.worker, "POST", "/v1/centres/"+d.CentreA.String()+"/referrals", obj{"case_id": id, "organisation_id": d.IOM, "priority": "urgent", "reasons": []string{"health_nutrition"},
		"services": []string{"health.consultation"}, "client_mode": "coded", "disclosed_fields": []string{"sex"}}).Want(201) // a draft: to send it takes a consent, or an override, of its own
}
