package referral_test

import (
	"testing"
	"time"

	"github.com/waystation/waystation/internal/app/apptest"
)

func TestSend_WithoutAnAgreementGoesCodedOrAnonymous(t *testing.T) {
	s := begin(t)
	s.Exec("update agreements set status = 'ended'")
	id := s.draft(nil).ID()
	if r := s.send(id).WantCode(422, "invalid"); r.Text("errors", 0, "code") != "no_agreement" || s.status(id) != "draft" {
		t.Errorf("%s", r.Raw)
	}
	for _, state := range []string{"status = 'suspended'", "status = 'active', ends_on = '2020-01-02'", "status = 'active', starts_on = '2099-01-01', ends_on = null"} {
		s.Exec("update agreements set " + state)
		s.send(id).WantCode(422, "invalid")
	}
	s.sent(coded(nil))
	s.sent(map[string]any{"client_mode": "anonymous", "disclosed_fields": []string{"age_group", "sex"}})
	s.Exec("update agreements set status = 'active', starts_on = '2020-01-01', party_id = $1", s.CentreB) // that of another centre says nothing here
	s.send(id).WantCode(422, "invalid")
	s.Exec("update agreements set party_id = null")
	if r := s.send(id).Want(200); r.Text("agreement_id") == "" {
		t.Errorf("%s", r.Raw)
	}
}

func TestSend_WithoutAnAgreementIdentifiesWhereTheProceduresAllowIt(t *testing.T) {
	s := begin(t)
	s.Exec("delete from agreements")
	policy := s.Call(s.worker, "GET", s.at("/sops/active"), nil).Want(200).Value("policy").(map[string]any)
	policy["referral"].(map[string]any)["identified_without_agreement"] = true
	manager := s.Staff(s.CentreA, "centre_manager")
	sop := s.Call(manager, "POST", s.at("/sops"), map[string]any{"title": "SOP", "policy": policy}).Want(201)
	s.Call(s.Staff(s.CentreA, "centre_manager"), "POST", s.at("/sops/"+sop.ID().String()+"/activate"), nil, apptest.IfMatch(sop.ETag())).Want(200)
	s.sent(nil)
}

func TestSnapshot_TellsWhatTheAgreementNamesAndNoNeedAboveItsCeiling(t *testing.T) {
	s := begin(t)
	s.Exec("update agreements set fields = '{given_name,family_name,languages}', sensitivity_ceiling = 'normal', channels = '{api}'")
	need := s.need(s.person, "CR-CH", "sensitive")
	id := s.draft(map[string]any{"need_ids": []any{need}, "channel": "email"}).ID()
	r := s.send(id).WantCode(422, "invalid")
	told := map[string]string{}
	for i := range r.Len("errors") {
		told[r.Text("errors", i, "pointer")] = r.Text("errors", i, "code")
	}
	if told["/disclosed_fields/5"] != "not_agreed" || told["/need_ids"] != "above_ceiling" || told["/channel"] != "not_agreed" || len(told) != 3 {
		t.Errorf("%s", r.Raw)
	}
	s.Exec("update agreements set sensitivity_ceiling = 'sensitive'")
	narrowed := s.sent(map[string]any{"need_ids": []any{need}, "disclosed_fields": []string{"given_name", "family_name", "age_group", "sex", "languages"}})
	s.answers(s.partner, narrowed, "accept").Want(200)
	if got := s.reads(s.partner, narrowed).Want(200); got.Text("content", "given_name") != "Fatoumata" || got.Text("content", "phone") != "" || got.Len("content", "needs") != 1 {
		t.Errorf("%s", got.Raw)
	}
}

func TestDeadlines_AreTheAgreementsBeforeTheProcedures(t *testing.T) {
	s := begin(t)
	s.Exec(`update agreements set acknowledge_hours = '{"urgent": 2}', decision_hours = '{"normal": 5}'`)
	for priority, want := range map[string][2]time.Duration{"urgent": {2 * time.Hour, 72 * time.Hour}, "normal": {48 * time.Hour, 5 * time.Hour}} {
		id := s.sent(map[string]any{"priority": priority})
		var acknowledge, decide time.Duration
		s.Scan("select extract(epoch from acknowledge_due_at - sent_at)::bigint * 1000000000, extract(epoch from decision_due_at - sent_at)::bigint * 1000000000 from referrals where id = $1",
			[]any{id}, &acknowledge, &decide)
		if acknowledge != want[0] || decide != want[1] {
			t.Errorf("%s: %s, %s", priority, acknowledge, decide)
		}
	}
	s.Exec(`insert into agreements select (jsonb_populate_record(a, jsonb_build_object('id', gen_random_uuid(), 'party_id', $2::uuid, 'acknowledge_hours', '{"urgent": 1}'::jsonb))).* from agreements a where organisation_id = $1`, s.clinic, s.CentreA)
	id := s.sent(nil)
	var hours float64
	s.Scan("select extract(epoch from acknowledge_due_at - sent_at)::float8 / 3600 from referrals where id = $1", []any{id}, &hours)
	if hours != 1 {
		t.Errorf("the centre's own agreement says 1 hour, not %v", hours)
	}
}
