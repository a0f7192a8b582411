package referral_test

import (
	"context"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/beneficiary/namekey"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/referral"
)

func contains(text, part string) bool { return strings.Contains(text, part) }

func soundsOf(names string) []string { return namekey.Keys(names) }

// count runs a query of one number in a partner's transaction.
func (s *stage) count(organisation uuid.UUID, sql string, args ...any) (n int64, err error) {
	p := s.partner
	if organisation == s.other {
		p = s.rival
	}
	err = s.asPartner(organisation, p, func(ctx context.Context) error { return db.Tx(ctx).Raw(sql, args...).Scan(&n).Error })
	return n, err
}

// rule 12
func TestDatabase_APartnersTransactionReadsNoTableOfACentre(t *testing.T) {
	s := begin(t)
	need := s.need(s.person, "SV", "restricted")
	id := s.sent(map[string]any{"need_ids": []uuid.UUID{need}})
	s.answers(s.partner, id, "accept").Want(200)
	s.Call(s.partner, "POST", "/v1/partner/referrals/"+id.String()+"/messages", map[string]any{"body": "x"}).Want(201)
	var tables []string
	s.Scan(`select array_agg(c.relname::text order by 1) from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'centre_id'
		where c.relkind = 'r' and c.relnamespace = 'public'::regnamespace and has_table_privilege('waystation_app', c.oid, 'select')`, nil, &tables)
	if len(tables) < 15 {
		t.Fatalf("only %v", tables)
	}
	open := map[string]int64{"referral_messages": 1, "events": -1} // its own; the events that name it
	for _, table := range tables {
		sql := "select count(*) from " + table
		if table == "audit_events" {
			sql += " where resource <> 'organisations'" // the directory's trail is everybody's
		}
		n, err := s.count(s.clinic, sql)
		if err != nil {
			t.Errorf("%s: %v", table, err)
		}
		if n != max(0, open[table]) && open[table] >= 0 {
			t.Errorf("%s shows %d rows", table, n)
		}
	}
	if n, err := s.count(s.clinic, "select count(*) from events where organisation_id is distinct from ?", s.clinic); n != 0 || err != nil {
		t.Errorf("%d events of others, %v", n, err)
	}
	if n, _ := s.count(s.clinic, "select count(*) from partner_referrals"); n != 1 {
		t.Errorf("%d referrals in the window", n)
	}
	if n, _ := s.count(s.other, "select count(*) from partner_referrals"); n != 0 {
		t.Errorf("%d referrals of others in the window", n)
	}
	var inCentre int64
	err := s.asStaff(s.worker, "caseworker", func(ctx context.Context) error {
		return db.Tx(ctx).Raw("select count(*) from partner_referrals").Scan(&inCentre).Error
	})
	if inCentre != 0 || err != nil {
		t.Errorf("the window is open to a centre: %d, %v", inCentre, err)
	}
}

func TestDatabase_ContentOpensStepByStepAndNeverUnseen(t *testing.T) {
	s := begin(t)
	id := s.sent(nil)
	open := func(organisation uuid.UUID) (raw *string) {
		t.Helper()
		p := s.partner
		if organisation == s.other {
			p = s.rival
		}
		err := s.asPartner(organisation, p, func(ctx context.Context) error {
			return db.Tx(ctx).Raw("select partner_open(?)::text", id).Scan(&raw).Error
		})
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	looks := func() (n int) {
		s.Scan("select count(*) from disclosures where referral_id = $1 and act = 'view'", []any{id}, &n)
		return n
	}
	if raw := open(s.other); raw != nil || looks() != 0 {
		t.Errorf("others read %s", *raw)
	}
	if raw := open(s.clinic); contains(*raw, "Fatoumata") || !contains(*raw, "unhcr_18_59") || looks() != 1 {
		t.Errorf("before acceptance %s, %d looks", *raw, looks())
	}
	s.answers(s.partner, id, "accept").Want(200)
	if raw := open(s.clinic); !contains(*raw, "Fatoumata") || looks() != 2 {
		t.Errorf("after acceptance %s, %d looks", *raw, looks())
	}
	s.do(s.worker, id, "revoke", bodies["revoke"]).Want(200)
	if raw := open(s.clinic); raw != nil || looks() != 2 {
		t.Errorf("after revocation %s", *raw)
	}
}

func TestDatabase_APartnerChangesOnlyWhatIsItsToChange(t *testing.T) {
	s := begin(t)
	id := s.sent(nil)
	mine := s.submitted(nil)
	for what, sql := range map[string]string{
		"priority in the window":   "update partner_referrals set priority = 'normal'",
		"receiver in the window":   "update partner_referrals set organisation_id = gen_random_uuid()",
		"access in the window":     "update partner_referrals set access_days = 9999",
		"deleting in the window":   "delete from partner_referrals",
		"inserting in the window":  "insert into partner_referrals (id) values (gen_random_uuid())",
		"skipping to completion":   "update partner_referrals set status = 'completed', closed_at = now() where direction = 'outbound'",
		"the sender's move":        "update partner_referrals set status = 'revoked', closed_at = now() where direction = 'outbound'",
		"the system's move":        "update partner_referrals set status = 'expired', closed_at = now()",
		"accepting its own":        "update partner_referrals set status = 'accepted' where direction = 'inbound'",
		"ending without an end":    "update partner_referrals set status = 'declined', closed_at = null where direction = 'outbound'",
		"ending in a far future":   "update partner_referrals set status = 'declined', closed_at = now() + interval '1 year' where direction = 'outbound'",
		"deletion that nobody did": "update partner_deletions set deletion_requested_at = null",
		"the ledger":               "insert into disclosures (centre_id, beneficiary_id, organisation_id, act, fields, basis) select centre_id, gen_random_uuid(), organisation_id, 'view', '{}', 'x' from partner_referrals limit 1",
		"the history":              "insert into referral_history (centre_id, referral_id, from_status, to_status, side) select centre_id, id, 'sent', 'accepted', 'centre' from partner_referrals limit 1",
		"a message as the centre":  "insert into referral_messages (centre_id, id, version, created_at, updated_at, referral_id, organisation_id, side, author_id, body) select centre_id, gen_random_uuid(), 1, now(), now(), id, organisation_id, 'centre', scope_actor(), 'x' from partner_referrals limit 1",
		"a message as another":     "insert into referral_messages (centre_id, id, version, created_at, updated_at, referral_id, organisation_id, side, author_id, body) select centre_id, gen_random_uuid(), 1, now(), now(), id, organisation_id, 'partner', gen_random_uuid(), 'x' from partner_referrals limit 1",
	} {
		if err := s.asPartner(s.clinic, s.partner, func(ctx context.Context) error { return exec(ctx, sql) }); err == nil {
			t.Errorf("%s went through", what)
		}
	}
	for what, sql := range map[string]string{
		"the table itself": "update referrals set status = 'accepted'", "its case": "update cases set open_referrals = 0", "the person": "update beneficiaries set given_name = 'x'",
	} {
		err := s.asPartner(s.clinic, s.partner, func(ctx context.Context) error {
			done := db.Tx(ctx).Exec(sql)
			if done.RowsAffected != 0 {
				t.Errorf("%s: %d rows", what, done.RowsAffected)
			}
			return done.Error
		})
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	if s.status(id) != "sent" || s.status(mine) != "sent" {
		t.Errorf("%s, %s", s.status(id), s.status(mine))
	}
}

func TestDatabase_APartnerHandsInForItselfOnly(t *testing.T) {
	s := begin(t)
	insert := `insert into referrals (centre_id, id, version, created_at, updated_at, direction, number, status, priority, organisation_id, reasons, services, person, beneficiary_id)
		values (?, gen_random_uuid(), 1, now(), now(), ?, gen_random_uuid()::text, ?, 'urgent', ?, '{}', '{}', '{}', ?)`
	for what, args := range map[string][]any{
		"for another organisation": {s.CentreA, "inbound", "sent", s.other, nil},
		"as a centre":              {s.CentreA, "outbound", "draft", s.clinic, nil},
		"accepted already":         {s.CentreA, "inbound", "accepted", s.clinic, nil},
		"about a known person":     {s.CentreA, "inbound", "sent", s.clinic, s.person},
	} {
		if err := s.asPartner(s.clinic, s.partner, func(ctx context.Context) error { return exec(ctx, insert, args...) }); err == nil {
			t.Errorf("%s went through", what)
		}
	}
	good := []any{s.CentreA, "inbound", "sent", s.clinic, nil}
	if err := s.asPartner(s.clinic, s.partner, func(ctx context.Context) error { return exec(ctx, insert, good...) }); err != nil {
		t.Error(err)
	}
	if err := s.asStaff(s.worker, "caseworker", func(ctx context.Context) error { return exec(ctx, insert, s.CentreB, "inbound", "sent", s.clinic, nil) }); err == nil {
		t.Error("staff wrote into another centre")
	}
}

func TestDatabase_HoldsTheSameMovesAsThePackage(t *testing.T) {
	s := begin(t)
	ours := referral.AllMoves()
	n := 0
	for _, from := range referral.Statuses() {
		for _, to := range referral.Statuses() {
			for _, by := range []string{"sender", "receiver", "system"} {
				var theirs bool
				s.Scan("select referral_may($1, $2, $3)", []any{string(from), string(to), by}, &theirs)
				if theirs != ours[[3]string{string(from), string(to), by}] {
					t.Errorf("%s to %s by %s: the database says %v", from, to, by, theirs)
				}
				if theirs {
					n++
				}
			}
		}
	}
	if n != len(ours) {
		t.Errorf("%d moves there, %d here", n, len(ours))
	}
	for _, status := range referral.Statuses() {
		var ended bool
		s.Scan("select referral_ended($1)", []any{string(status)}, &ended)
		if want := strings.Contains("completed declined not_delivered revoked expired", string(status)); ended != want {
			t.Errorf("%s ended: %v", status, ended)
		}
	}
}
