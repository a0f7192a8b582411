package attachment_test

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/app/apptest"
)

func TestRetention_KeepsWhatALegalHoldKeeps(t *testing.T) {
	d := newDesk(t, apptest.New(t))
	dpo := d.Staff(d.CentreA, "dpo")
	ofPerson := d.send(d.worker, d.ofPerson(""), "document_scan", sheet("a.pdf", "application/pdf", pdf(10))).Want(201).ID()
	ofCase := d.send(d.worker, d.ofCase(""), "document_scan", sheet("b.pdf", "application/pdf", pdf(20))).Want(201).ID()
	kept := func(id uuid.UUID) (there bool) {
		d.Scan("select content_deleted_at is null from attachments where id = $1", []any{id}, &there)
		return there
	}
	old := func() {
		d.Exec("update attachments set verified_at = now() - interval '91 days', verified_by = uploaded_by")
		d.Tick("attachment.retain")
	}
	holds := d.at("/legal-holds")
	person := d.Call(dpo, "POST", holds, map[string]any{"beneficiary_id": d.person, "reason": "Named in an inquiry"}).Want(201)
	if person.ID("placed_by") != dpo.ID {
		t.Errorf("placed %s", person.Raw)
	}
	if old(); !kept(ofPerson) || !kept(ofCase) {
		t.Error("something of a person on hold was deleted")
	}
	kase := d.Call(dpo, "POST", holds, map[string]any{"case_id": d.kase, "reason": "Named in a complaint", "until_on": time.Now().UTC().AddDate(0, 0, 2).Format(time.DateOnly)}).Want(201)
	ended := d.Call(dpo, "POST", holds+"/"+person.ID().String()+"/end", map[string]any{"reason": "Closed"}, apptest.IfMatch(person.ETag())).Want(200)
	if ended.ID("ended_by") != dpo.ID || ended.Text("ended_at") == "" || ended.Text("end_reason") != "Closed" {
		t.Errorf("ended %s", ended.Raw)
	}
	if old(); kept(ofPerson) || !kept(ofCase) {
		t.Error("a hold of a case keeps its own, and nothing of the person")
	}
	d.Exec("update legal_holds set until_on = current_date - 3 where id = $1", kase.ID())
	if old(); kept(ofCase) {
		t.Error("a hold keeps beyond its last day")
	}
}
