package referral_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/app/apptest"
	"github.com/waystation/waystation/internal/beneficiary"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/referral"
)

// rule 12
func TestPartner_SeesItsOwnReferralsAndNothingElse(t *testing.T) {
	s := begin(t)
	id := s.sent(nil)
	s.answers(s.partner, id, "accept").Want(200)
	if page := s.Call(s.rival, "GET", "/v1/partner/referrals?include_total=true", nil).Want(200); page.Text("total") != "0" {
		t.Errorf("%s", page.Raw)
	}
	bare := func(r *apptest.Response) string { return strings.ReplaceAll(string(r.Raw), r.Text("instance"), "") }
	path := func(id uuid.UUID, rest string) string { return "/v1/partner/referrals/" + id.String() + rest }
	for _, rest := range []string{"", "/messages"} {
		theirs := s.Call(s.rival, "GET", path(id, rest), nil).WantCode(404, "not_found")
		if unknown := s.Call(s.rival, "GET", path(uuid.New(), rest), nil).Want(404); bare(theirs) != bare(unknown) {
			t.Errorf("%s, %s", theirs.Raw, unknown.Raw)
		}
	}
	for _, verb := range []string{"acknowledge", "accept", "waitlist", "decline", "start", "complete", "not-delivered", "revoke", "confirm-deletion", "messages"} {
		body := bodies[verb]
		if verb == "messages" {
			body = map[string]any{"body": "x"}
		}
		theirs := s.Call(s.rival, "POST", path(id, "/"+verb), body, apptest.IfMatch(s.tag(id))).WantCode(404, "not_found")
		if unknown := s.Call(s.rival, "POST", path(uuid.New(), "/"+verb), body, apptest.IfMatch(`"1"`)).Want(404); bare(theirs) != bare(unknown) {
			t.Errorf("%s: %s, %s", verb, theirs.Raw, unknown.Raw)
		}
	}
	if s.status(id) != "accepted" {
		t.Error("a rival moved it")
	}
}

func TestPartner_HasNoPartInTheCentre(t *testing.T) {
	s := begin(t)
	id := s.sent(nil)
	for _, path := range []string{"/referrals", "/referrals/" + id.String(), "/referral-inbox", "/beneficiaries/" + s.person.String() + "/disclosures"} {
		s.Call(s.partner, "GET", s.at(path), nil).WantCode(403, "forbidden")
	}
	s.do(s.partner, id, "revoke", bodies["revoke"]).WantCode(403, "forbidden")
	s.Call(s.worker, "GET", "/v1/partner/referrals", nil).WantCode(403, "forbidden")
	s.Call(s.Client(s.clinic, "stats:read"), "GET", "/v1/partner/referrals", nil).WantCode(403, "forbidden")
}

// arrange puts a sent referral into a state as if it had come there.
func (s *stage) arrange(id uuid.UUID, status referral.Status) {
	s.Exec("update referrals set status = $2, closed_at = case when referral_ended($2) then now() end where id = $1", id, string(status))
}

func TestPartner_EachMoveInEachState(t *testing.T) {
	s := begin(t)
	legal := map[string]string{
		"acknowledge": "sent", "accept": "sent acknowledged", "decline": "sent acknowledged", "waitlist": "accepted", "start": "accepted waitlisted",
		"complete": "in_progress", "not-delivered": "accepted waitlisted in_progress", "revoke": "",
	}
	unseen := []referral.Status{referral.Declined, referral.NotDelivered, referral.Revoked, referral.Expired}
	s.Exec("update cases set open_referrals = 100 where id = $1", s.file)
	id := s.sent(nil)
	for verb, from := range legal {
		for _, status := range referral.Statuses() {
			if status == referral.Draft {
				continue // it never goes back there
			}
			s.arrange(id, status)
			r := s.answers(s.partner, id, verb)
			want := 409
			switch {
			case slices.Contains(unseen, status):
				want = 404
			case slices.Contains(strings.Fields(from), string(status)):
				want = 200
			case verb == "revoke":
				want = 403
			}
			if r.Status != want || want == 409 && r.Text("current_state") != string(status) {
				t.Errorf("%s from %s: %d %s", verb, status, r.Status, r.Raw)
			}
			if want != 200 && s.status(id) != string(status) {
				t.Errorf("%s was refused and moved %s to %s", verb, status, s.status(id))
			}
		}
	}
}

func TestCentre_EachMoveInEachState(t *testing.T) {
	s := begin(t)
	s.Exec("update cases set open_referrals = 100 where id = $1", s.file)
	sent, received := s.sent(nil), s.submitted(nil)
	reply := map[string]string{
		"acknowledge": "sent", "accept": "sent acknowledged", "decline": "sent acknowledged", "waitlist": "accepted", "start": "accepted waitlisted",
		"complete": "in_progress", "not-delivered": "accepted waitlisted in_progress",
	}
	for _, status := range referral.Statuses() {
		if status == referral.Draft {
			continue
		}
		s.arrange(sent, status)
		for verb, from := range map[string]string{"send": "draft", "revoke": "sent acknowledged accepted waitlisted"} {
			if r := s.do(s.worker, sent, verb, bodies[verb]); (r.Status == 200) != slices.Contains(strings.Fields(from), string(status)) || r.Status != 200 && r.Status != 409 {
				t.Errorf("%s from %s: %d %s", verb, status, r.Status, r.Raw)
			}
			s.arrange(sent, status)
		}
		for verb, from := range reply {
			s.arrange(received, status)
			body := bodies[verb]
			if verb == "accept" {
				body = map[string]any{"beneficiary_id": s.person}
			}
			r := s.Call(s.registrar, "POST", s.at("/referral-inbox/"+received.String()+"/"+verb), body, apptest.IfMatch(s.tag(received)))
			if (r.Status == 200) != slices.Contains(strings.Fields(from), string(status)) || r.Status != 200 && r.Status != 409 {
				t.Errorf("%s from %s: %d %s", verb, status, r.Status, r.Raw)
			}
		}
	}
	// what is for the other side
	s.arrange(sent, referral.Sent)
	s.arrange(received, referral.Sent)
	s.do(s.worker, received, "revoke", bodies["revoke"]).WantCode(403, "forbidden")
	s.do(s.worker, received, "send", nil).WantCode(403, "forbidden")
	s.Call(s.registrar, "POST", s.at("/referral-inbox/"+sent.String()+"/acknowledge"), nil, apptest.IfMatch(s.tag(sent))).WantCode(404, "not_found")
	for verb := range reply {
		s.answers(s.partner, received, verb).WantCode(403, "forbidden")
	}
}

func TestPartner_LosesAccessAtEachEnd(t *testing.T) {
	s := begin(t)
	for name, end := range map[string]func(id uuid.UUID){
		"declined": func(id uuid.UUID) { s.answers(s.partner, id, "decline").Want(200) },
		"not delivered": func(id uuid.UUID) {
			s.answers(s.partner, id, "accept").Want(200)
			s.answers(s.partner, id, "not-delivered").Want(200)
		},
		"revoked": func(id uuid.UUID) { s.do(s.worker, id, "revoke", bodies["revoke"]).Want(200) },
		"revoked after acceptance": func(id uuid.UUID) {
			s.answers(s.partner, id, "accept").Want(200)
			s.do(s.worker, id, "revoke", bodies["revoke"]).Want(200)
		},
		"expired": func(id uuid.UUID) {
			s.Exec("update referrals set expires_at = now() where id = $1", id)
			if err := s.asSystem(referral.Expire); err != nil {
				t.Fatal(err)
			}
		},
		"completed long ago": func(id uuid.UUID) {
			for _, verb := range []string{"accept", "start", "complete"} {
				s.answers(s.partner, id, verb).Want(200)
			}
			s.reads(s.partner, id).Want(200)
			s.Exec("update referrals set closed_at = now() - interval '29 days 23 hours' where id = $1", id)
			s.reads(s.partner, id).Want(200)
			s.Exec("update referrals set closed_at = now() - interval '30 days 1 hour' where id = $1", id)
		},
	} {
		t.Run(name, func(t *testing.T) {
			id := s.sent(nil)
			path := "/v1/partner/referrals/" + id.String()
			end(id)
			s.reads(s.partner, id).WantCode(404, "not_found")
			s.Call(s.partner, "GET", path+"/messages", nil).WantCode(404, "not_found")
			s.Call(s.partner, "POST", path+"/messages", map[string]any{"body": "x"}).WantCode(404, "not_found")
			s.answers(s.partner, id, "accept").WantCode(404, "not_found")
			if page := s.Call(s.partner, "GET", "/v1/partner/referrals", nil).Want(200); page.Len("data") != 0 {
				t.Errorf("%s", page.Raw)
			}
			s.Call(s.worker, "POST", s.at("/referrals/"+id.String()+"/messages"), map[string]any{"body": "x"}).WantCode(409, "state_conflict")
			if n := s.openReferrals(); n != 0 {
				t.Errorf("%d open referrals", n)
			}
		})
	}
}

func TestMessages_GoBothWaysAndStay(t *testing.T) {
	s := begin(t)
	id := s.sent(nil)
	here, there := s.at("/referrals/"+id.String()+"/messages"), "/v1/partner/referrals/"+id.String()+"/messages"
	s.Call(s.worker, "POST", here, map[string]any{"body": "Please call first"}).Want(201)
	fixed := uuid.Must(uuid.NewV7())
	first := s.Call(s.partner, "POST", there, map[string]any{"id": fixed, "body": "We will"}).Want(201)
	if again := s.Call(s.partner, "POST", there, map[string]any{"id": fixed, "body": "We will"}).Want(201); string(again.Raw) != string(first.Raw) {
		t.Errorf("%s, %s", first.Raw, again.Raw)
	}
	mine, theirs := s.Call(s.worker, "GET", here, nil).Want(200), s.Call(s.partner, "GET", there+"?include_total=true", nil).Want(200)
	if mine.Len("data") != 2 || theirs.Text("total") != "2" || theirs.Text("data", 0, "side") != "centre" || theirs.Text("data", 1, "side") != "partner" {
		t.Errorf("%s %s", mine.Raw, theirs.Raw)
	}
	if mine.Text("data", 0, "author_id") != s.worker.ID.String() || theirs.Value("data", 0, "author_id") != nil {
		t.Errorf("the author: %s %s", mine.Raw, theirs.Raw)
	}
	if s.events(id, "referral.message_posted") != 2 {
		t.Errorf("%d events", s.events(id, "referral.message_posted"))
	}
	s.Call(s.worker, "POST", here, map[string]any{"body": ""}).WantCode(422, "invalid")
	for _, sql := range []string{"update referral_messages set body = 'x'", "delete from referral_messages"} {
		if err := s.asStaff(s.worker, "caseworker", func(ctx context.Context) error { return exec(ctx, sql) }); err == nil {
			t.Errorf("%s went through", sql)
		}
	}
}

func TestAcceptAndDecline_AtOnceOneWins(t *testing.T) {
	s := begin(t)
	for range 5 {
		id := s.sent(nil)
		tag := s.tag(id)
		statuses := s.race(
			func() int {
				return s.Call(s.partner, "POST", "/v1/partner/referrals/"+id.String()+"/accept", bodies["accept"], apptest.IfMatch(tag)).Status
			},
			func() int {
				return s.Call(s.partner, "POST", "/v1/partner/referrals/"+id.String()+"/decline", bodies["decline"], apptest.IfMatch(tag)).Status
			})
		declined := statuses[1] == 200
		if (statuses[0] == 200) == declined {
			t.Fatalf("accept %d, decline %d", statuses[0], statuses[1])
		}
		if s.status(id) != map[bool]string{true: "declined", false: "accepted"}[declined] {
			t.Errorf("%v, now %s", statuses, s.status(id))
		}
	}
	s.countsAgree()
}

func TestRevokeAndAnswer_AtOnceOneWins(t *testing.T) {
	s := begin(t)
	for i := range 6 {
		id := s.sent(nil)
		tag := s.tag(id)
		verb := []string{"accept", "decline"}[i%2]
		statuses := s.race(
			func() int {
				return s.Call(s.worker, "POST", s.at("/referrals/"+id.String()+"/revoke"), bodies["revoke"], apptest.IfMatch(tag)).Status
			},
			func() int {
				return s.Call(s.partner, "POST", "/v1/partner/referrals/"+id.String()+"/"+verb, bodies[verb], apptest.IfMatch(tag)).Status
			})
		if won := s.status(id); (statuses[0] == 200) == (statuses[1] == 200) || (statuses[0] == 200) != (won == "revoked") {
			t.Fatalf("revoke %d, %s %d, now %s", statuses[0], verb, statuses[1], won)
		}
	}
	s.countsAgree()
}

func TestWithdrawalAndAnswer_AtOnceLeaveNothingOpen(t *testing.T) {
	s := begin(t)
	for range 5 {
		id := s.sent(nil)
		for _, verb := range []string{"accept", "start"} {
			s.answers(s.partner, id, verb).Want(200)
		}
		tag := s.tag(id)
		s.race(
			func() int {
				if err := s.withdraw("share_organisations"); err != nil {
					t.Error(err)
				}
				return 0
			},
			func() int {
				return s.Call(s.partner, "POST", "/v1/partner/referrals/"+id.String()+"/complete", bodies["complete"], apptest.IfMatch(tag)).Status
			})
		if won := s.status(id); won != "revoked" && won != "completed" {
			t.Errorf("now %s", won)
		}
	}
	s.countsAgree()
}

// rule 4
func TestWithdrawalAndSending_AtOnceLeaveNothingOpen(t *testing.T) {
	s := begin(t)
	for range 6 {
		id := s.draft(nil).ID()
		tag := s.tag(id)
		statuses := s.race(
			func() int {
				return s.Call(s.worker, "POST", s.at("/referrals/"+id.String()+"/send"), nil, apptest.IfMatch(tag)).Status
			},
			func() int {
				err := s.asStaff(s.registrar, "registrar", func(ctx context.Context) error {
					c := &beneficiary.Consent{BeneficiaryID: s.person, Scope: "share_organisations", Decision: "withdrawn", Giver: "individual", Method: "written"}
					if err := beneficiary.RecordConsent(ctx, c); err != nil {
						return err
					}
					return referral.ConsentWithdrawn(ctx, s.person, c.Scope, nil)
				})
				if err != nil {
					t.Error(err)
				}
				return 0
			})
		if now := s.status(id); now != "revoked" && now != "draft" || statuses[0] != 200 && statuses[0] != 422 {
			t.Errorf("send answered %d, now %s", statuses[0], now)
		}
		s.consents(s.person, "share_organisations", "given")
	}
	s.countsAgree()
}

func (s *stage) race(calls ...func() int) []int {
	out := make([]int, len(calls))
	var wg sync.WaitGroup
	for i, call := range calls {
		wg.Go(func() { out[i] = call() })
	}
	wg.Wait()
	return out
}

// countsAgree wants each case to count exactly its open referrals.
func (s *stage) countsAgree() {
	s.T.Helper()
	var wrong string
	s.Scan(`select coalesce(string_agg(format('%s counts %s, has %s', c.id, c.open_referrals, n.n), '; '), '') from cases c,
		lateral (select count(*) n from referrals r where r.case_id = c.id and r.direction = 'outbound' and r.status <> 'draft' and not referral_ended(r.status)) n
		where c.open_referrals <> n.n`, nil, &wrong)
	if wrong != "" {
		s.T.Error(wrong)
	}
}

// withdraw records that the person took a consent back, and what follows from it.
func (s *stage) withdraw(scope string, recipients ...uuid.UUID) error {
	return s.asStaff(s.registrar, "registrar", func(ctx context.Context) error {
		return referral.ConsentWithdrawn(ctx, s.person, scope, recipients)
	})
}

// rule 4
func TestConsentWithdrawn_RevokesWhatIsOpenAndAsksToDelete(t *testing.T) {
	s := begin(t)
	ministry := s.Organisation("Ministry", "government")
	s.Agrees(ministry)
	s.consents(s.person, "share_authorities", "given")
	walled := s.openCase(s.person, "restricted")
	in := map[string]uuid.UUID{
		"sent": s.sent(nil), "accepted": s.sent(nil), "in_progress": s.sent(nil), "completed": s.sent(nil), "declined": s.sent(nil), "draft": s.draft(nil).ID(),
		"other": s.sent(map[string]any{"organisation_id": s.other}), "ministry": s.sent(map[string]any{"organisation_id": ministry}), "walled": s.sent(map[string]any{"case_id": walled}),
	}
	for _, name := range []string{"accepted", "in_progress", "completed"} {
		s.answers(s.partner, in[name], "accept").Want(200)
	}
	for _, name := range []string{"in_progress", "completed"} {
		s.answers(s.partner, in[name], "start").Want(200)
	}
	s.answers(s.partner, in["completed"], "complete").Want(200)
	s.answers(s.partner, in["declined"], "decline").Want(200)
	s.do(s.worker, in["draft"], "override", map[string]any{"basis": "vital_interest", "reason": "x"}).Want(200)
	s.do(s.supervisor, in["draft"], "override/approve", nil).Want(200)

	now := func() string {
		var out []string
		for _, name := range []string{"sent", "accepted", "in_progress", "completed", "declined", "draft", "other", "ministry", "walled"} {
			out = append(out, s.status(in[name]))
		}
		return fmt.Sprint(out)
	}
	for _, step := range []struct {
		scope      string
		recipients []uuid.UUID
		want       string
	}{
		{"media", nil, "[sent accepted in_progress completed declined draft sent sent sent]"},
		{"share_authorities", nil, "[sent accepted in_progress completed declined draft sent revoked sent]"},
		{"share_organisations", []uuid.UUID{s.other}, "[sent accepted in_progress completed declined draft revoked revoked sent]"},
		{"share_organisations", nil, "[revoked revoked revoked completed declined draft revoked revoked revoked]"},
	} {
		if err := s.withdraw(step.scope, step.recipients...); err != nil {
			t.Fatal(err)
		}
		if got := now(); got != step.want {
			t.Errorf("%s %v: %s, want %s", step.scope, step.recipients, got, step.want)
		}
	}
	s.countsAgree()
	for _, name := range []string{"sent", "accepted", "in_progress"} {
		s.reads(s.partner, in[name]).WantCode(404, "not_found")
		got := s.Call(s.worker, "GET", s.at("/referrals/"+in[name].String()), nil).Want(200)
		if got.Text("revoke_reason") != "consent_withdrawn" || got.Value("deletion_requested_at") == nil || got.Value("needs_attention") != false {
			t.Errorf("%s: %s", name, got.Raw)
		}
		var told int
		s.Scan(`select count(*) from events where subject_id = $1 and type = 'referral.revoked' and organisation_id = $2
			and data @> '{"reason": "consent_withdrawn", "deletion_requested": true}'`, []any{in[name], s.clinic}, &told)
		if told != 1 {
			t.Errorf("%s: the partner was told %d times", name, told)
		}
	}
	if draft := s.Call(s.worker, "GET", s.at("/referrals/"+in["draft"].String()), nil).Want(200); draft.Value("override") != nil {
		t.Errorf("an override outlives the withdrawal: %s", draft.Raw)
	}
}

func TestDeletion_IsAskedForListedAndConfirmedOnce(t *testing.T) {
	s := begin(t)
	id, kept := s.sent(nil), s.sent(map[string]any{"organisation_id": s.other})
	if err := s.withdraw("share_organisations", s.clinic); err != nil {
		t.Fatal(err)
	}
	page := s.Call(s.partner, "GET", "/v1/partner/deletion-requests?confirmed=false", nil).Want(200)
	if page.Len("data") != 1 || page.ID("data", 0, "referral_id") != id || page.Value("data", 0, "confirmed_at") != nil {
		t.Fatalf("%s", page.Raw)
	}
	s.tellsNobody("the deletion request", page)
	if other := s.Call(s.rival, "GET", "/v1/partner/deletion-requests", nil).Want(200); other.Len("data") != 0 {
		t.Errorf("%s", other.Raw)
	}
	confirm := func(p apptest.Person, id uuid.UUID) *apptest.Response {
		return s.Call(p, "POST", "/v1/partner/referrals/"+id.String()+"/confirm-deletion", nil)
	}
	confirm(s.rival, id).WantCode(404, "not_found")
	confirm(s.rival, kept).WantCode(404, "not_found") // nothing was asked
	first := confirm(s.partner, id).Want(200)
	if again := confirm(s.partner, id).Want(200); again.Text("confirmed_at") == "" || string(again.Raw) != string(first.Raw) {
		t.Errorf("%s, %s", first.Raw, again.Raw)
	}
	if page := s.Call(s.partner, "GET", "/v1/partner/deletion-requests?confirmed=false", nil).Want(200); page.Len("data") != 0 {
		t.Errorf("%s", page.Raw)
	}
	if got := s.Call(s.worker, "GET", s.at("/referrals/"+id.String()), nil).Want(200); got.Text("deletion_confirmed_at") != first.Text("confirmed_at") {
		t.Errorf("%s", got.Raw)
	}
	if s.events(id, "referral.deletion_confirmed") != 1 {
		t.Errorf("%d events", s.events(id, "referral.deletion_confirmed"))
	}
}

// exec runs SQL as the app does, in the session of ctx.
func exec(ctx context.Context, sql string, args ...any) error {
	return db.Tx(ctx).Exec(sql, args...).Error
}
