package referral_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/app/apptest"
	"github.com/waystation/waystation/internal/referral"
)

func TestReferral_FromDraftToCompletion(t *testing.T) {
	s := begin(t)
	made := s.draft(map[string]any{"follow_up_on": "2030-01-01"})
	id, at := made.ID(), made.Header.Get("Location")
	if made.ETag() != `"1"` || made.Text("status") != "draft" || !strings.HasPrefix(made.Text("number"), "R-") || made.Text("channel") != "api" {
		t.Fatalf("%s", made.Raw)
	}
	if got := s.Call(s.worker, "GET", at, nil).Want(200); string(got.Raw) != string(made.Raw) {
		t.Errorf("create answered %s, read answers %s", made.Raw, got.Raw)
	}
	s.reads(s.partner, id).WantCode(404, "not_found") // a draft is nobody's business
	changed := s.Call(s.worker, "PATCH", at, map[string]any{"priority": "emergency", "follow_up_on": nil, "explanation": nil}, apptest.IfMatch(`"1"`)).Want(200)
	if changed.Text("priority") != "emergency" || changed.Value("follow_up_on") != nil || changed.Value("explanation") != nil {
		t.Errorf("%s", changed.Raw)
	}
	if s.openReferrals() != 0 {
		t.Error("a draft counts as an open referral")
	}
	sent := s.send(id).Want(200)
	if sent.Text("status") != "sent" || sent.Value("consent_id") == nil || sent.Value("acknowledge_due_at") == nil || sent.Value("expires_at") == nil {
		t.Errorf("%s", sent.Raw)
	}
	if s.openReferrals() != 1 {
		t.Error("the case does not count what was sent")
	}
	s.Call(s.worker, "PATCH", at, map[string]any{"priority": "normal"}, apptest.IfMatch(sent.ETag())).WantCode(409, "state_conflict")

	page := s.Call(s.partner, "GET", "/v1/partner/referrals?status=sent&priority=emergency&direction=outbound&include_total=true", nil).Want(200)
	if page.Len("data") != 1 || page.Text("total") != "1" || page.ID("data", 0, "id") != id {
		t.Fatalf("%s", page.Raw)
	}
	s.tellsNobody("the list", page)
	preview := s.reads(s.partner, id).Want(200)
	s.tellsNobody("the preview", preview)
	if preview.Text("preview", "age_group") != "unhcr_18_59" || preview.Text("preview", "sex") != "2" || preview.Value("content") != nil || preview.Text("origin", "code") != "AGZ" {
		t.Errorf("%s", preview.Raw)
	}
	s.answers(s.partner, id, "acknowledge").Want(200)
	accepted := s.answers(s.partner, id, "accept").Want(200)
	if accepted.Text("status") != "accepted" || accepted.Value("feedback_due_at") == nil || accepted.Text("appointment_at") != "2030-03-04T09:00:00Z" {
		t.Errorf("%s", accepted.Raw)
	}
	content := s.reads(s.partner, id).Want(200)
	if content.Text("content", "given_name") != "Fatoumata" || content.Text("content", "phone") != "+227 90123456" || content.Value("preview") != nil {
		t.Errorf("%s", content.Raw)
	}
	for _, hidden := range []string{"birth_date", "document_number", "nationalities", "needs"} { // not chosen
		if content.Value("content", hidden) != nil {
			t.Errorf("%s was not chosen: %s", hidden, content.Raw)
		}
	}
	s.answers(s.partner, id, "waitlist").Want(200)
	s.answers(s.partner, id, "start").Want(200)
	if s.openReferrals() != 1 {
		t.Error("the case lost count")
	}
	done := s.answers(s.partner, id, "complete").Want(200)
	if done.Text("status") != "completed" || done.Value("access_until") == nil || s.openReferrals() != 0 {
		t.Errorf("%d open, %s", s.openReferrals(), done.Raw)
	}
	here := s.Call(s.worker, "GET", at, nil).Want(200)
	if here.Text("closing_note") != "Seen twice" || here.Text("status") != "completed" || here.Text("access_until") != done.Text("access_until") {
		t.Errorf("%s", here.Raw)
	}
	for _, kind := range []string{"sent", "acknowledged", "accepted", "waitlisted", "started", "completed"} {
		if n := s.events(id, "referral."+kind); n != 1 {
			t.Errorf("%d events referral.%s", n, kind)
		}
	}
	history := s.Call(s.worker, "GET", at+"/history", nil).Want(200)
	var way []string
	for i := range history.Len("data") {
		way = append(way, history.Text("data", i, "side")+" "+history.Text("data", i, "to_status"))
	}
	if fmt.Sprint(way) != "[centre draft centre sent partner acknowledged partner accepted partner waitlisted partner in_progress partner completed]" {
		t.Errorf("history: %v", way)
	}
}

func TestReferral_RefusesBadInput(t *testing.T) {
	s := begin(t)
	elsewhere := uuid.NewString()
	s.Exec("update organisations set active = false where id = $1", s.other)
	for name, c := range map[string]struct {
		further map[string]any
		pointer string
		code    string
	}{
		"unknown case":         {map[string]any{"case_id": elsewhere}, "/case_id", "unknown_case"},
		"unknown receiver":     {map[string]any{"organisation_id": elsewhere}, "/organisation_id", "unknown_organisation"},
		"receiver retired":     {map[string]any{"organisation_id": s.other}, "/organisation_id", "inactive_organisation"},
		"unknown action":       {map[string]any{"action_id": elsewhere}, "/action_id", "unknown_action"},
		"unknown need":         {map[string]any{"need_ids": []string{elsewhere}}, "/need_ids", "unknown_need"},
		"unknown code":         {map[string]any{"reasons": []string{"magic"}}, "/reasons/0", "unknown_code"},
		"no service":           {map[string]any{"services": []string{}}, "/services", "too_few"},
		"name in a coded one":  {map[string]any{"client_mode": "coded"}, "/disclosed_fields/0", "not_in_this_mode"},
		"language, anonymous":  {map[string]any{"client_mode": "anonymous", "disclosed_fields": []string{"sex", "languages"}}, "/disclosed_fields/1", "not_in_this_mode"},
		"unknown field chosen": {map[string]any{"disclosed_fields": []string{"remarks"}}, "/disclosed_fields/0", "unknown_value"},
		"phone, not urgent":    {map[string]any{"channel": "phone"}, "/channel", "emergency_only"},
		"other, unexplained":   {map[string]any{"reasons": []string{"other"}, "explanation": nil}, "/explanation", "required"},
		"NUL":                  {map[string]any{"background": "a\x00b"}, "/background", "invalid_text"},
	} {
		t.Run(name, func(t *testing.T) {
			r := s.Call(s.worker, "POST", s.at("/referrals"), s.body(c.further)).WantCode(422, "invalid")
			if r.Text("errors", 0, "pointer") != c.pointer || r.Text("errors", 0, "code") != c.code {
				t.Errorf("%s", r.Raw)
			}
		})
	}
	s.Call(s.worker, "POST", s.at("/referrals"), s.body(map[string]any{"client_mode": "anonymous", "disclosed_fields": []string{"sex"},
		"need_ids": []uuid.UUID{s.need(s.person, "DS", "sensitive")}})).WantCode(422, "invalid")
}

func TestReferrals_ListIsFilteredAndSorted(t *testing.T) {
	s := begin(t)
	urgent := s.sent(nil)
	emergency := s.sent(map[string]any{"priority": "emergency"})
	normal := s.draft(map[string]any{"priority": "normal", "organisation_id": s.other}).ID()
	declined := s.sent(map[string]any{"priority": "normal"})
	s.answers(s.partner, declined, "decline").Want(200)
	s.Exec("update referrals set acknowledge_due_at = now() - interval '1 hour' where id = $1", urgent)
	ids := func(query string) string {
		page := s.Call(s.worker, "GET", s.at("/referrals?"+query), nil).Want(200)
		var out []string
		for i := range page.Len("data") {
			out = append(out, page.Text("data", i, "id"))
		}
		return fmt.Sprint(out)
	}
	for query, want := range map[string][]uuid.UUID{
		"sort=created_at":                         {urgent, emergency, normal, declined},
		"":                                        {declined, normal, emergency, urgent},
		"sort=priority":                           {emergency, urgent, normal, declined},
		"sort=-priority":                          {declined, normal, urgent, emergency},
		"status=sent&sort=created_at":             {urgent, emergency},
		"priority=emergency":                      {emergency},
		"overdue=true":                            {urgent},
		"overdue=false&sort=created_at":           {emergency, normal, declined},
		"needs_attention=true":                    {declined},
		"organisation_id=" + s.other.String():     {normal},
		"case_id=" + uuid.NewString():             {},
		"direction=inbound":                       {},
		"direction=outbound&status=draft":         {normal},
		"case_id=" + s.file.String() + "&limit=1": {declined},
	} {
		texts := []string{}
		for _, id := range want {
			texts = append(texts, id.String())
		}
		if got := ids(query); got != fmt.Sprint(texts) {
			t.Errorf("%s: %s, want %v", query, got, texts)
		}
	}
	seen := map[string]bool{}
	path := s.at("/referrals?limit=1&sort=priority&include_total=true")
	for path != "" {
		page := s.Call(s.worker, "GET", path, nil).Want(200)
		seen[page.Text("data", 0, "id")] = true
		if path = ""; page.Text("next_cursor") != "" {
			path = s.at("/referrals?limit=1&cursor=" + page.Text("next_cursor"))
		}
	}
	if len(seen) != 4 {
		t.Errorf("paging saw %d of 4", len(seen))
	}
	s.Call(s.worker, "GET", s.at("/referrals?colour=red"), nil).WantCode(400, "invalid_parameter")
}

// duty D7
// rule 3
func TestSend_NeedsConsentTowardsTheReceiver(t *testing.T) {
	s := begin(t)
	ministry := s.Organisation("Ministry", "government")
	s.Agrees(ministry)
	for name, c := range map[string]struct {
		arrange func(person uuid.UUID)
		to      uuid.UUID
		goes    bool
	}{
		"none":                 {func(uuid.UUID) {}, s.clinic, false},
		"case management only": {func(p uuid.UUID) { s.consents(p, "case_management", "given") }, s.clinic, false},
		"sharing only":         {func(p uuid.UUID) { s.consents(p, "share_organisations", "given") }, s.clinic, false},
		"both":                 {s.both, s.clinic, true},
		"sharing with another": {func(p uuid.UUID) {
			s.consents(p, "case_management", "given")
			s.consents(p, "share_organisations", "given", s.other)
		}, s.clinic, false},
		"sharing with this one": {func(p uuid.UUID) {
			s.consents(p, "case_management", "given")
			s.consents(p, "share_organisations", "given", s.clinic)
		}, s.clinic, true},
		"refused for this one":          {func(p uuid.UUID) { s.both(p); s.consents(p, "share_organisations", "refused", s.clinic) }, s.clinic, false},
		"withdrawn":                     {func(p uuid.UUID) { s.both(p); s.consents(p, "share_organisations", "withdrawn") }, s.clinic, false},
		"authorities, general sharing":  {s.both, ministry, false},
		"authorities, and they as well": {func(p uuid.UUID) { s.both(p); s.consents(p, "share_authorities", "given") }, ministry, true},
	} {
		t.Run(name, func(t *testing.T) {
			person := s.somebody("Awa", "Traoré")
			c.arrange(person)
			id := s.draft(map[string]any{"case_id": s.openCase(person, "normal"), "organisation_id": c.to}).ID()
			r := s.send(id)
			if c.goes {
				r.Want(200)
				return
			}
			if r.WantCode(422, "invalid").Text("errors", 0, "code") != "consent_missing" || s.status(id) != "draft" {
				t.Errorf("%s", r.Raw)
			}
		})
	}
}

func (s *stage) both(person uuid.UUID) {
	s.consents(person, "case_management", "given")
	s.consents(person, "share_organisations", "given")
}

// rule 3
func TestSend_WithoutConsentTakesTwoPeople(t *testing.T) {
	s := begin(t)
	person := s.somebody("Awa", "Traoré")
	id := s.draft(map[string]any{"case_id": s.openCase(person, "normal")}).ID()
	s.send(id).WantCode(422, "invalid")
	s.do(s.worker, id, "override", map[string]any{"basis": "consent", "reason": "x"}).WantCode(422, "invalid")
	ask := map[string]any{"basis": "vital_interest", "reason": "Unconscious"}
	asked := s.do(s.worker, id, "override", ask).Want(200)
	if asked.Text("override", "status") != "requested" || asked.Text("override", "requested_by") != s.worker.ID.String() {
		t.Errorf("%s", asked.Raw)
	}
	s.send(id).WantCode(422, "invalid") // asked for is not approved
	s.do(s.worker, id, "override/approve", nil).WantCode(403, "forbidden")
	both := s.Staff(s.CentreA, "caseworker", "case_supervisor")
	s.do(both, id, "override", ask).Want(200)
	s.do(both, id, "override/approve", nil).WantCode(403, "forbidden") // who asks does not decide
	s.do(s.Staff(s.CentreA, "centre_manager"), id, "override/approve", nil).WantCode(403, "forbidden")
	s.do(s.supervisor, id, "override/reject", nil).Want(200)
	s.do(s.supervisor, id, "override/approve", nil).WantCode(409, "state_conflict")
	s.send(id).WantCode(422, "invalid")
	s.do(s.worker, id, "override", ask).Want(200)
	s.do(s.supervisor, id, "override/approve", nil).Want(200)
	changed := s.Call(s.worker, "PATCH", s.at("/referrals/"+id.String()), map[string]any{"disclosed_fields": []string{"given_name", "document"}}, apptest.IfMatch(s.tag(id))).Want(200)
	if changed.Value("override") != nil {
		t.Errorf("an approval outlives what was approved: %s", changed.Raw)
	}
	s.do(s.worker, id, "override", ask).Want(200)
	s.do(s.supervisor, id, "override/approve", nil).Want(200)
	sent := s.send(id).Want(200)
	if sent.Value("consent_id") != nil || sent.Text("override", "decided_by") != s.supervisor.ID.String() {
		t.Errorf("%s", sent.Raw)
	}
	s.do(s.worker, id, "override", ask).WantCode(409, "state_conflict")
	ledger := s.Call(s.supervisor, "GET", s.at("/beneficiaries/"+person.String()+"/disclosures"), nil).Want(200)
	if ledger.Len("data") != 1 || ledger.Text("data", 0, "basis") != "vital_interest" || ledger.Text("data", 0, "act") != "send" {
		t.Errorf("%s", ledger.Raw)
	}
}

func TestSend_Guards(t *testing.T) {
	s := begin(t)
	for name, c := range map[string]struct {
		further map[string]any
		arrange string
		status  int
		pointer string
		code    string
	}{
		"case on hold is fine":       {nil, "update cases set status = 'on_hold' where id = $1", 200, "", ""},
		"case closed":                {nil, "update cases set status = 'closed' where id = $1", 409, "", "state_conflict"},
		"case a draft":               {nil, "update cases set status = 'draft' where id = $1", 409, "", "state_conflict"},
		"person merged":              {nil, "update beneficiaries set status = 'merged' where id = (select beneficiary_id from cases where id = $1)", 409, "", "state_conflict"},
		"identified without a name":  {map[string]any{"disclosed_fields": []string{"sex"}}, "", 422, "/disclosed_fields", "name_required"},
		"name not registered":        {map[string]any{"disclosed_fields": []string{"given_name"}}, "update beneficiaries set given_name = '' where id = (select beneficiary_id from cases where id = $1)", 422, "/disclosed_fields", "name_required"},
		"coded without a contact":    {coded(map[string]any{"contact": nil}), "", 422, "/contact", "required"},
		"coded, name in the text":    {coded(map[string]any{"background": "Ask for KEITA at the gate"}), "", 422, "/background", "identifies_person"},
		"coded, phone in the text":   {coded(map[string]any{"explanation": "call 00227 90-12-34-56"}), "", 422, "/explanation", "identifies_person"},
		"anonymous, passport inside": {map[string]any{"client_mode": "anonymous", "disclosed_fields": []string{"sex"}, "explanation": "holder of P 7654321"}, "", 422, "/explanation", "identifies_person"},
		"identified may say it":      {map[string]any{"explanation": "Fatoumata needs a doctor"}, "", 200, "", ""},
		"follow-up in the past":      {map[string]any{"follow_up_on": "2020-01-01"}, "", 422, "/follow_up_on", "in_the_past"},
	} {
		t.Run(name, func(t *testing.T) {
			person := s.somebody("Fatoumata", "Keïta")
			s.both(person)
			file := s.openCase(person, "normal")
			further := map[string]any{"case_id": file}
			for k, v := range c.further {
				further[k] = v
			}
			id := s.draft(further).ID()
			if c.arrange != "" {
				s.Exec(c.arrange, file)
			}
			r := s.send(id).Want(c.status)
			if c.status == 422 && (r.Text("errors", 0, "pointer") != c.pointer || r.Text("errors", 0, "code") != c.code) || c.status == 409 && r.Text("code") != c.code {
				t.Errorf("%s", r.Raw)
			}
			var open int
			if s.Scan("select open_referrals from cases where id = $1", []any{file}, &open); (open == 1) != (c.status == 200) {
				t.Errorf("%d open referrals", open)
			}
		})
	}
}

func TestSnapshot_StaysAsItWasSent(t *testing.T) {
	s := begin(t)
	need := s.need(s.person, "DS-PM", "sensitive")
	id := s.sent(map[string]any{"need_ids": []uuid.UUID{need}})
	frozen := s.Call(s.worker, "GET", s.at("/referrals/"+id.String()+"/preview"), nil).Want(200)
	s.Exec("update beneficiaries set given_name = 'Changed', phone = '1', languages = '{en}' where id = $1", s.person)
	s.Exec("update specific_needs set code = 'SM' where id = $1", need)
	s.Exec("update centres set name = 'Renamed' where id = $1", s.CentreA)
	s.answers(s.partner, id, "accept").Want(200)
	got := s.reads(s.partner, id).Want(200)
	if got.Text("content", "given_name") != "Fatoumata" || got.Text("content", "phone") != "+227 90123456" || got.Text("content", "languages", 0) != "bm" ||
		got.Text("content", "needs", 0, "code") != "DS-PM" || got.Text("origin", "centre") == "Renamed" {
		t.Errorf("%s", got.Raw)
	}
	again := s.Call(s.worker, "GET", s.at("/referrals/"+id.String()+"/preview"), nil).Want(200)
	if string(again.Raw) != string(frozen.Raw) || frozen.Value("frozen") != true {
		t.Errorf("%s, then %s", frozen.Raw, again.Raw)
	}
	err := s.asStaff(s.worker, "caseworker", func(ctx context.Context) error {
		return exec(ctx, "update referrals set snapshot = '{}' where id = ?", id)
	})
	if err == nil || !strings.Contains(err.Error(), "referrals_frozen_check") && !strings.Contains(err.Error(), "frozen") {
		t.Errorf("the snapshot can be rewritten: %v", err)
	}
}

func TestPreview_IsExactlyWhatTheReceiverReads(t *testing.T) {
	s := begin(t)
	for _, further := range []map[string]any{
		nil, coded(map[string]any{"need_ids": []uuid.UUID{s.need(s.person, "DS", "sensitive")}}),
		{"client_mode": "anonymous", "disclosed_fields": []string{"sex", "age_group"}},
		{"disclosed_fields": []string{"given_name", "birth_date", "document", "nationalities", "marital_status", "services_provided"}, "services_provided": "First aid"},
	} {
		id := s.draft(further).ID()
		planned := s.Call(s.worker, "GET", s.at("/referrals/"+id.String()+"/preview"), nil).Want(200)
		s.send(id).Want(200)
		early := s.reads(s.partner, id).Want(200)
		s.answers(s.partner, id, "accept").Want(200)
		late := s.reads(s.partner, id).Want(200)
		var onSend, all []string
		for i := range planned.Len("fields") {
			field := planned.Text("fields", i, "field")
			all = append(all, field)
			if planned.Text("fields", i, "opens") == "on_send" {
				onSend = append(onSend, field)
			}
			if field != "code" && fmt.Sprint(planned.Value("fields", i, "value")) != fmt.Sprint(late.Value("content", field)) {
				t.Errorf("%s: planned %v, read %v", field, planned.Value("fields", i, "value"), late.Value("content", field))
			}
		}
		mode, _ := further["client_mode"].(string)
		if mode != "anonymous" { // the code is made at send
			all, onSend = append(all, "code"), append(onSend, "code")
		}
		for name, want := range map[string][]string{"preview": onSend, "content": all} {
			from := map[string]*apptest.Response{"preview": early, "content": late}[name]
			members, _ := from.Value(name).(map[string]any)
			var got []string
			for k := range members {
				got = append(got, k)
			}
			slices.Sort(got)
			slices.Sort(want)
			if fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("%s: planned %v, read %v", name, want, got)
			}
		}
	}
}

// rule 14
func TestCoded_TellsNoIdentifierInAnyAnswer(t *testing.T) {
	s := begin(t)
	id := s.sent(coded(map[string]any{"need_ids": []uuid.UUID{s.need(s.person, "SM", "sensitive")}}))
	path := "/v1/partner/referrals/" + id.String()
	s.tellsNobody("list", s.Call(s.partner, "GET", "/v1/partner/referrals", nil).Want(200))
	s.tellsNobody("preview", s.reads(s.partner, id).Want(200))
	s.Call(s.worker, "POST", s.at("/referrals/"+id.String()+"/messages"), map[string]any{"body": "It is about Madame Keita"}).WantCode(422, "invalid")
	s.Call(s.worker, "POST", s.at("/referrals/"+id.String()+"/messages"), map[string]any{"body": "Please arrange an interpreter"}).Want(201)
	for _, verb := range []string{"acknowledge", "accept"} {
		s.tellsNobody(verb, s.answers(s.partner, id, verb).Want(200))
	}
	content := s.reads(s.partner, id).Want(200)
	s.tellsNobody("content", content)
	if content.Text("content", "code") == "" || content.Text("content", "background") != "Cough for two weeks" || content.Text("content", "needs", 0, "code") != "SM" {
		t.Errorf("%s", content.Raw)
	}
	s.tellsNobody("messages", s.Call(s.partner, "GET", path+"/messages", nil).Want(200))
	for _, verb := range []string{"waitlist", "start", "complete"} {
		s.tellsNobody(verb, s.answers(s.partner, id, verb).Want(200))
	}
	other := s.sent(coded(nil))
	s.answers(s.partner, other, "accept").Want(200)
	if s.reads(s.partner, other).Text("content", "code") == content.Text("content", "code") {
		t.Error("two referrals of one person carry the same code")
	}
}

// rule 26
func TestRestrictedNeed_GoesOutByTheCaseTeamOnlyAndShowsToNobodyElse(t *testing.T) {
	s := begin(t)
	need := s.need(s.person, "SV", "restricted")
	secret := map[string]any{"need_ids": []uuid.UUID{need}}
	s.Call(s.supervisor, "POST", s.at("/referrals"), s.body(secret)).WantCode(422, "invalid") // cannot choose what they cannot see
	plain := s.draft(nil).ID()
	if r := s.Call(s.worker, "GET", s.at("/referrals/"+plain.String()+"/preview"), nil).Want(200); strings.Contains(string(r.Raw), "needs") {
		t.Errorf("goes out unchosen: %s", r.Raw)
	}
	id := s.draft(secret).ID()
	for path, shows := range map[string]string{"": need.String(), "/preview": "SV"} {
		if r := s.Call(s.worker, "GET", s.at("/referrals/"+id.String()+path), nil).Want(200); !strings.Contains(string(r.Raw), shows) {
			t.Errorf("the team does not see it: %s", r.Raw)
		}
		if r := s.Call(s.supervisor, "GET", s.at("/referrals/"+id.String()+path), nil).Want(200); strings.Contains(string(r.Raw), shows) {
			t.Errorf("shown off the team: %s", r.Raw)
		}
	}
	s.do(s.supervisor, id, "send", nil).WantCode(403, "forbidden")
	kept := s.Call(s.supervisor, "PATCH", s.at("/referrals/"+id.String()), map[string]any{"need_ids": []uuid.UUID{s.need(s.person, "DS", "sensitive")}}, apptest.IfMatch(s.tag(id))).Want(200)
	if kept.Len("need_ids") != 1 {
		t.Errorf("%s", kept.Raw)
	}
	s.send(id).Want(200)
	s.answers(s.partner, id, "accept").Want(200)
	if got := s.reads(s.partner, id).Want(200); got.Len("content", "needs") != 2 {
		t.Errorf("%s", got.Raw)
	}
	if r := s.Call(s.supervisor, "GET", s.at("/referrals/"+id.String()+"/preview"), nil).Want(200); strings.Contains(string(r.Raw), "SV") {
		t.Errorf("shown off the team: %s", r.Raw)
	}
	var told int
	s.Scan("select count(*) from audit_events where resource = 'referral_needs' and (before::text like '%SV%' or after::text like '%SV%')", nil, &told)
	if told != 0 {
		t.Error("the trail tells it to who reads logs")
	}
}

func TestRestrictedCase_ItsReferralsAreSeenByItsTeamOnly(t *testing.T) {
	s := begin(t)
	file := s.openCase(s.person, "restricted")
	id := s.draft(map[string]any{"case_id": file}).ID()
	s.send(id).Want(200)
	s.answers(s.partner, id, "accept").Want(200)
	for _, path := range []string{"", "/preview", "/history", "/messages"} {
		s.Call(s.worker, "GET", s.at("/referrals/"+id.String()+path), nil).Want(200)
		s.Call(s.supervisor, "GET", s.at("/referrals/"+id.String()+path), nil).WantCode(404, "not_found")
	}
	for _, verb := range []string{"revoke", "send"} {
		s.do(s.supervisor, id, verb, bodies[verb]).WantCode(404, "not_found")
	}
	if page := s.Call(s.supervisor, "GET", s.at("/referrals?include_total=true"), nil).Want(200); page.Text("total") != "0" {
		t.Errorf("%s", page.Raw)
	}
	if page := s.Call(s.supervisor, "GET", s.at("/beneficiaries/"+s.person.String()+"/disclosures"), nil).Want(200); page.Len("data") != 0 {
		t.Errorf("%s", page.Raw)
	}
	var leaked int
	s.Scan("select count(*) from events where centre_id = $1 and subject_id = $2", []any{s.CentreA, id}, &leaked)
	if leaked != 0 || s.events(id, "referral.accepted") != 1 {
		t.Errorf("the centre's feed tells of it %d times, the partner's %d", leaked, s.events(id, "referral.accepted"))
	}
	s.answers(s.partner, id, "not-delivered").Want(200)
	var open int
	if s.Scan("select open_referrals from cases where id = $1", []any{file}, &open); open != 0 {
		t.Errorf("%d open referrals", open)
	}
}

func TestReferral_OthersCaseworkersDoNotSeeIt(t *testing.T) {
	s := begin(t)
	id := s.sent(nil)
	colleague := s.Staff(s.CentreA, "caseworker")
	s.Call(colleague, "GET", s.at("/referrals/"+id.String()), nil).WantCode(404, "not_found")
	s.do(colleague, id, "revoke", bodies["revoke"]).WantCode(404, "not_found")
	s.Call(colleague, "POST", s.at("/referrals"), s.body(nil)).WantCode(422, "invalid")
	if page := s.Call(colleague, "GET", s.at("/referrals"), nil).Want(200); page.Len("data") != 0 {
		t.Errorf("%s", page.Raw)
	}
	s.Call(s.Staff(s.CentreA, "storekeeper"), "GET", s.at("/referrals"), nil).WantCode(403, "forbidden")
}

// A guest of a case conference reads the file's referrals and changes none.
func TestReferral_AGuestOfTheCaseReadsOnly(t *testing.T) {
	s := begin(t)
	id, guest := s.sent(nil), s.Staff(s.CentreA, "caseworker")
	draft := s.draft(nil)
	kase := s.Call(s.worker, "GET", s.at("/referrals/"+id.String()), nil).Want(200).Text("case_id")
	conference := s.Call(s.worker, "POST", s.at("/cases/"+kase+"/conferences"), map[string]any{"scheduled_at": time.Now().Add(time.Hour), "purpose": "x"}).Want(201)
	s.Call(s.worker, "POST", conference.Header.Get("Location")+"/invitations", map[string]any{"user_id": guest.ID}).Want(201)
	s.Call(guest, "GET", s.at("/referrals/"+id.String()), nil).Want(200)
	s.do(guest, id, "revoke", bodies["revoke"]).WantCode(403, "forbidden")
	s.Call(guest, "POST", s.at("/referrals/"+id.String()+"/messages"), map[string]any{"body": "Please hurry"}).WantCode(403, "forbidden")
	s.Call(guest, "PATCH", s.at("/referrals/"+draft.Text("id")), map[string]any{"priority": "urgent"}, apptest.IfMatch(draft.ETag())).WantCode(403, "forbidden")
	s.do(s.worker, id, "revoke", bodies["revoke"]).Want(200)
	s.Call(guest, "POST", s.at("/referrals/"+id.String()+"/resend"), map[string]any{}).WantCode(403, "forbidden")
}

// rule 25
func TestReferral_AnotherCentresIDIsUnknown(t *testing.T) {
	s := begin(t)
	id := s.sent(nil)
	there := s.Staff(s.CentreB, "caseworker", "case_supervisor", "registrar")
	base := "/v1/centres/" + s.CentreB.String() + "/referrals/"
	for _, path := range []string{"", "/preview", "/history", "/messages"} {
		foreign := s.Call(there, "GET", base+id.String()+path, nil).WantCode(404, "not_found")
		unknown := s.Call(there, "GET", base+uuid.NewString()+path, nil).WantCode(404, "not_found")
		if foreign.Text("detail") != unknown.Text("detail") || foreign.Text("title") != unknown.Text("title") {
			t.Errorf("%s, %s", foreign.Raw, unknown.Raw)
		}
	}
	for _, verb := range []string{"send", "revoke", "override/approve", "resolve", "resend"} {
		body := map[string]any{"revoke": bodies["revoke"], "resolve": map[string]any{"resolution": "x"}}[verb]
		s.Call(there, "POST", base+id.String()+"/"+verb, body, apptest.IfMatch(`"2"`)).WantCode(404, "not_found")
	}
	s.Call(there, "POST", "/v1/centres/"+s.CentreB.String()+"/referrals", s.body(nil)).WantCode(422, "invalid")
	if s.status(id) != "sent" {
		t.Error("it was touched from outside")
	}
}

// rule 34
func TestReferral_StaleVersionsAreRefused(t *testing.T) {
	s := begin(t)
	id := s.draft(nil).ID()
	at := s.at("/referrals/" + id.String())
	s.Call(s.worker, "PATCH", at, map[string]any{"priority": "normal"}, apptest.IfMatch(`"1"`)).Want(200)
	for verb, body := range map[string]any{"send": nil, "override": map[string]any{"basis": "vital_interest", "reason": "x"}, "override/approve": nil} {
		p := s.worker
		if verb == "override/approve" {
			p = s.supervisor
		}
		s.Call(p, "POST", at+"/"+verb, body).WantCode(428, "if_match_required")
		r := s.Call(p, "POST", at+"/"+verb, body, apptest.IfMatch(`"1"`)).WantCode(412, "stale_version")
		if !slices.Contains(r.Value("changed_fields").([]any), any("priority")) {
			t.Errorf("%s", r.Raw)
		}
	}
	s.send(id).Want(200)
	path := "/v1/partner/referrals/" + id.String() + "/accept"
	s.Call(s.partner, "POST", path, nil).WantCode(428, "if_match_required")
	s.Call(s.partner, "POST", path, nil, apptest.IfMatch(`"1"`)).WantCode(412, "stale_version")
	s.Call(s.worker, "POST", at+"/revoke", bodies["revoke"], apptest.IfMatch(`"1"`)).WantCode(412, "stale_version")
}

func TestResend_DraftsAgainAndSettlesTheOneBefore(t *testing.T) {
	s := begin(t)
	still, over := s.need(s.person, "DS", "sensitive"), s.need(s.person, "SP", "normal")
	id := s.sent(map[string]any{"need_ids": []uuid.UUID{still, over}})
	s.Exec("update specific_needs set ended_on = current_date where id = $1", over)
	s.Call(s.worker, "POST", s.at("/referrals/"+id.String()+"/resend"), nil).WantCode(409, "state_conflict")
	s.answers(s.partner, id, "decline").Want(200)
	if got := s.Call(s.worker, "GET", s.at("/referrals/"+id.String()), nil).Want(200); got.Value("needs_attention") != true || got.Text("decline_reason") != "no_capacity" {
		t.Errorf("%s", got.Raw)
	}
	again := s.Call(s.worker, "POST", s.at("/referrals/"+id.String()+"/resend"), map[string]any{"organisation_id": s.other}).Want(201)
	if fmt.Sprint(again.Value("need_ids")) != "["+still.String()+"]" {
		t.Errorf("needs: %s", again.Raw)
	}
	if again.Text("previous_id") != id.String() || again.Text("status") != "draft" || again.Text("organisation_id") != s.other.String() || again.ID() == id {
		t.Errorf("%s", again.Raw)
	}
	if got := s.Call(s.worker, "GET", s.at("/referrals/"+id.String()), nil).Want(200); got.Value("needs_attention") != false || got.Value("resolved_at") == nil {
		t.Errorf("%s", got.Raw)
	}
	s.send(again.ID()).Want(200)
	s.answers(s.rival, again.ID(), "accept").Want(200)
	s.answers(s.rival, again.ID(), "not-delivered").Want(200)
	resolved := s.do(s.worker, again.ID(), "resolve", map[string]any{"resolution": "Taken to the hospital"}).Want(200)
	if resolved.Value("needs_attention") != false || resolved.Text("resolution") != "Taken to the hospital" {
		t.Errorf("%s", resolved.Raw)
	}
	s.do(s.worker, again.ID(), "resolve", map[string]any{"resolution": "x"}).WantCode(409, "state_conflict")
}

func TestExpire_EndsWhatNobodyAcknowledgedOnce(t *testing.T) {
	s := begin(t)
	late, answered, early := s.sent(nil), s.sent(nil), s.sent(nil)
	s.answers(s.partner, answered, "acknowledge").Want(200)
	s.Exec("update referrals set expires_at = now() - interval '1 minute' where id = any ($1)", []uuid.UUID{late, answered})
	errs := make(chan error, 4)
	for range 4 {
		go func() { errs <- s.asSystem(referral.Expire) }()
	}
	for range 4 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	if s.status(late) != "expired" || s.status(answered) != "acknowledged" || s.status(early) != "sent" || s.openReferrals() != 2 {
		t.Errorf("%s, %s, %s, %d open", s.status(late), s.status(answered), s.status(early), s.openReferrals())
	}
	s.reads(s.partner, late).WantCode(404, "not_found")
	if s.events(late, "referral.expired") != 1 {
		t.Errorf("%d events", s.events(late, "referral.expired"))
	}
	var side string
	s.Scan("select side from referral_history where referral_id = $1 and to_status = 'expired'", []any{late}, &side)
	if side != "system" {
		t.Errorf("moved by %s", side)
	}
	if page := s.Call(s.worker, "GET", s.at("/referrals?needs_attention=true"), nil).Want(200); page.Len("data") != 1 {
		t.Errorf("%s", page.Raw)
	}
	s.Exec("update referrals set expires_at = now() - interval '1 minute' where id = $1", early)
	s.Tick("referral.expire")
	if s.status(early) != "expired" {
		t.Error("the house does not expire by itself")
	}
}

func TestDisclosures_TheLedgerTellsEachSendingAndEachLook(t *testing.T) {
	s := begin(t)
	id := s.sent(nil)
	s.reads(s.partner, id).Want(200)
	s.answers(s.partner, id, "accept").Want(200)
	s.reads(s.partner, id).Want(200)
	s.Call(s.partner, "GET", "/v1/partner/referrals", nil).Want(200) // tells nothing of the person
	talk := "/v1/partner/referrals/" + id.String() + "/messages"
	s.Call(s.partner, "POST", talk, map[string]any{"body": "Since when?"}).Want(201)
	s.Call(s.partner, "GET", talk, nil).Want(200) // its own word
	s.Call(s.worker, "POST", s.at("/referrals/"+id.String()+"/messages"), map[string]any{"body": "For two weeks"}).Want(201)
	s.Call(s.partner, "GET", talk, nil).Want(200)
	path := s.at("/beneficiaries/" + s.person.String() + "/disclosures")
	ledger := s.Call(s.Staff(s.CentreA, "dpo"), "GET", path+"?sort=created_at", nil).Want(200)
	if ledger.Len("data") != 5 {
		t.Errorf("the data protection officer sees %s", ledger.Raw)
	}
	ledger = s.Call(s.worker, "GET", path+"?sort=created_at&organisation_id="+s.clinic.String(), nil).Want(200)
	want := []string{
		"send [age_group code explanation family_name given_name languages phone sex]", "view [age_group code sex]",
		"view [age_group code explanation family_name given_name languages phone sex]", "send [message]", "view [message]",
	}
	if ledger.Len("data") != len(want) {
		t.Fatalf("%s", ledger.Raw)
	}
	for i := range want {
		if got := fmt.Sprint(ledger.Text("data", i, "act"), " ", ledger.Value("data", i, "fields")); got != want[i] || ledger.Value("data", i, "consent_id") == nil {
			t.Errorf("line %d: %s, want %s", i, got, want[i])
		}
	}
	if ledger.Text("data", 1, "actor_id") != s.partner.ID.String() || ledger.Text("data", 3, "actor_id") != s.worker.ID.String() || ledger.Text("data", 4, "actor_id") != s.partner.ID.String() {
		t.Errorf("%s", ledger.Raw)
	}
	s.Call(s.worker, "GET", s.at("/beneficiaries/"+uuid.NewString()+"/disclosures"), nil).WantCode(404, "not_found")
	s.Call(s.registrar, "GET", path, nil).WantCode(403, "forbidden")
}
