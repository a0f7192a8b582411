package referral

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/internal/beneficiary"
	"github.com/waystation/waystation/internal/centre"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
)

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

// legal is handbook 5.3, written down a second time: verb, actor, and the states it is taken from.
var legal = map[string]string{
	"send sender":            "draft",
	"acknowledge receiver":   "sent",
	"accept receiver":        "sent acknowledged",
	"decline receiver":       "sent acknowledged",
	"waitlist receiver":      "accepted",
	"start receiver":         "accepted waitlisted",
	"complete receiver":      "in_progress",
	"not-delivered receiver": "accepted waitlisted in_progress",
	"revoke sender":          "sent acknowledged accepted waitlisted",
	"withdraw system":        "sent acknowledged accepted waitlisted in_progress",
	"expire system":          "sent",
}

func TestMoves_EachInEachStateByEachActor(t *testing.T) {
	for v := range moves {
		for _, by := range []Actor{Sender, Receiver, System} {
			for _, s := range Statuses() {
				from, mine := legal[string(v)+" "+string(by)]
				want := mine && slices.Contains(strings.Fields(from), string(s))
				e := Envelope{Direction: Outbound, Status: s, ExpiresAt: &noon, SentAt: &noon}
				day := db.NewDate(noon)
				err := e.move(v, by, Act{At: noon, Reason: "other", Note: "x", DeliveredOn: &day})
				switch {
				case (err == nil) != want:
					t.Errorf("%s by %s from %s: %v", v, by, s, err)
				case !mine && !fault.Is(err, fault.Forbidden):
					t.Errorf("%s is not for the %s: %v", v, by, err)
				case mine && !want && !fault.Is(err, fault.Conflict):
					t.Errorf("%s from %s: %v", v, s, err)
				case err == nil && e.Status.ended() != (e.ClosedAt != nil):
					t.Errorf("%s leads to %s, closed at %v", v, e.Status, e.ClosedAt)
				case err != nil && e.Status != s:
					t.Errorf("%s was refused and went to %s", v, e.Status)
				}
			}
		}
	}
}

func TestMoves_Guards(t *testing.T) {
	day := func(d int) *db.Date { x := db.NewDate(noon.AddDate(0, 0, d)); return &x }
	later := noon.Add(time.Second)
	for name, c := range map[string]struct {
		verb    Verb
		status  Status
		act     Act
		expires *time.Time
		kind    fault.Kind
		pointer string
	}{
		"decline without a reason":        {VerbDecline, Sent, Act{}, nil, fault.Invalid, "/reason"},
		"failure without a reason":        {VerbNotDelivered, Accepted, Act{}, nil, fault.Invalid, "/reason"},
		"revocation without a reason":     {VerbRevoke, Sent, Act{}, nil, fault.Invalid, "/reason"},
		"completion without feedback":     {VerbComplete, InProgress, Act{DeliveredOn: day(0)}, nil, fault.Invalid, "/feedback"},
		"completion without a day":        {VerbComplete, InProgress, Act{Note: "x"}, nil, fault.Invalid, "/delivered_on"},
		"completion on a day to come":     {VerbComplete, InProgress, Act{Note: "x", DeliveredOn: day(2)}, nil, fault.Invalid, "/delivered_on"},
		"completion before it was sent":   {VerbComplete, InProgress, Act{Note: "x", DeliveredOn: day(-2)}, nil, fault.Invalid, "/delivered_on"},
		"expiry before its time":          {VerbExpire, Sent, Act{}, &later, fault.Conflict, ""},
		"expiry of one without deadlines": {VerbExpire, Sent, Act{}, nil, fault.Conflict, ""},
	} {
		e := Envelope{Status: c.status, SentAt: &noon, ExpiresAt: c.expires}
		c.act.At = noon
		err := e.move(c.verb, moves[c.verb].by, c.act)
		if !fault.Is(err, c.kind) || e.Status != c.status {
			t.Errorf("%s: %v, now %s", name, err, e.Status)
			continue
		}
		if f := err.(*fault.Error); c.pointer != "" && f.Fields[0].Pointer != c.pointer {
			t.Errorf("%s: %v", name, f.Fields)
		}
	}
}

func TestAnswer_AlsoAcknowledges(t *testing.T) {
	for v, act := range map[Verb]Act{VerbAccept: {At: noon}, VerbDecline: {At: noon, Reason: "other"}} {
		e := Envelope{Status: Sent, FeedbackDays: 14}
		if err := e.move(v, Receiver, act); err != nil || e.AcknowledgedAt == nil || e.RespondedAt == nil {
			t.Errorf("%s: %v, acknowledged %v", v, err, e.AcknowledgedAt)
		}
	}
	earlier := noon.Add(-time.Hour)
	e := Envelope{Status: Acknowledged, AcknowledgedAt: &earlier, FeedbackDays: 14}
	if err := e.move(VerbAccept, Receiver, Act{At: noon}); err != nil || !e.AcknowledgedAt.Equal(earlier) || !e.FeedbackDueAt.Equal(noon.AddDate(0, 0, 14)) {
		t.Errorf("%v: acknowledged %v, feedback due %v", err, e.AcknowledgedAt, e.FeedbackDueAt)
	}
}

func TestDeadlines_ComeFromTheProceduresByPriority(t *testing.T) {
	own := centre.ReferralPolicy{AcknowledgeHours: map[string]int{"urgent": 6}, ExpiryFactor: 3, FeedbackDays: 7, AccessDays: 10}
	for _, c := range []struct {
		policy                      centre.ReferralPolicy
		priority                    string
		acknowledge, decide, expire int
	}{
		{centre.DefaultPolicy().Referral, "emergency", 4, 24, 8},
		{centre.DefaultPolicy().Referral, "urgent", 24, 72, 48},
		{centre.DefaultPolicy().Referral, "normal", 48, 336, 96},
		{own, "urgent", 6, 72, 18},
		{own, "normal", 48, 336, 144}, // not named: the usual one
	} {
		e := Envelope{Priority: c.priority}
		e.schedule(c.policy, noon)
		for what, got := range map[int]*time.Time{c.acknowledge: e.AcknowledgeDueAt, c.decide: e.DecisionDueAt, c.expire: e.ExpiresAt} {
			if !got.Equal(noon.Add(time.Duration(what) * time.Hour)) {
				t.Errorf("%s: %v, want %d hours", c.priority, got, what)
			}
		}
	}
}

func TestOverdue_FollowsTheDeadlineThatRuns(t *testing.T) {
	passed, coming := noon.Add(-time.Hour), noon.Add(time.Hour)
	for s, e := range map[Status]Envelope{Sent: {AcknowledgeDueAt: &passed}, Acknowledged: {DecisionDueAt: &passed}, Waitlisted: {FeedbackDueAt: &passed}} {
		e.Status = s
		if !e.Overdue(noon) {
			t.Errorf("%s is not overdue", s)
		}
	}
	for s, e := range map[Status]Envelope{Sent: {AcknowledgeDueAt: &coming, DecisionDueAt: &passed}, Completed: {FeedbackDueAt: &passed}, Draft: {}} {
		e.Status = s
		if e.Overdue(noon) {
			t.Errorf("%s is overdue", s)
		}
	}
}

// somebody has a value in every field.
func somebody() *beneficiary.Beneficiary {
	precision, born := "day", db.NewDate(time.Date(1998, 4, 12, 0, 0, 0, 0, time.UTC))
	return &beneficiary.Beneficiary{
		Reference: "AGZ-000123", GivenName: "Fatoumata", FamilyName: "Keïta Diallo", OtherNames: db.Strings{"Fanta"}, Sex: "2", GenderIdentity: "woman",
		BirthDate: &born, BirthDatePrecision: &precision, Nationalities: db.Strings{"MLI"}, CountryOfOrigin: "MLI", Languages: db.Strings{"bm", "fr"},
		MaritalStatus: "married", EducationLevel: "primary", MigrationStatus: "irregular", Phone: "+227 90 12 34 56", DocumentType: "passport", DocumentNumber: "AB-123 456",
	}
}

// rule 14
func TestDisclosure_CodedAndAnonymousTellNothingThatIdentifies(t *testing.T) {
	who := somebody()
	for _, mode := range []string{Coded, Anonymous} {
		r := &Referral{ClientCode: "K7Q2-M9XD", Background: "Cough for two weeks", ServicesProvided: "First aid", Envelope: Envelope{ClientMode: mode}}
		for field, d := range disclosables {
			rules := fault.Rules()
			one := Referral{DisclosedFields: db.Strings{field}, Envelope: Envelope{ClientMode: mode}}
			one.checkMode(rules)
			if allowed := slices.Contains(d.modes, mode); allowed != (rules.Err() == nil) {
				t.Errorf("%s %s: %v", mode, field, rules.Err())
			} else if allowed {
				r.DisclosedFields = append(r.DisclosedFields, field)
			}
		}
		raw, _ := json.Marshal(facts{who, noon, r}.content())
		for _, word := range []string{"Fatoumata", "Keïta", "Diallo", "Fanta", "90 12", "123 456", "1998", "000123"} {
			if strings.Contains(string(raw), word) {
				t.Errorf("%s tells %s: %s", mode, word, raw)
			}
		}
		if got := fieldsOf(facts{who, noon, r}.content()); mode == Anonymous && !slices.Equal(got, []string{"age_group", "sex"}) {
			t.Errorf("anonymous tells %v", got)
		}
	}
}

func TestDisclosure_TellsWhatWasChosenAndNothingElse(t *testing.T) {
	who := somebody()
	for field := range disclosables {
		r := &Referral{ClientCode: "K7Q2-M9XD", Background: "b", ServicesProvided: "s", DisclosedFields: db.Strings{field}, Envelope: Envelope{ClientMode: Identified}}
		got := fieldsOf(facts{who, noon, r}.content())
		for _, g := range got {
			if g != "code" && !strings.HasPrefix(g, strings.TrimSuffix(field, "_date")) {
				t.Errorf("%s chosen, %s told", field, g)
			}
		}
		if len(got) < 2 {
			t.Errorf("%s chosen, %v told", field, got)
		}
	}
}

func TestDisclosure_EveryFieldOfTheContractIsKnown(t *testing.T) {
	doc, err := api.GetSpec()
	if err != nil {
		t.Fatal(err)
	}
	var offered []string
	for _, f := range doc.Components.Schemas["DisclosedField"].Value.Enum {
		offered = append(offered, f.(string))
	}
	slices.Sort(offered)
	if here := slices.Sorted(maps.Keys(disclosables)); !slices.Equal(offered, here) {
		t.Errorf("the contract offers %v, we know %v", offered, here)
	}
}

func TestIdentifiers_AreFoundHoweverTheyAreWritten(t *testing.T) {
	i := identifiersOf(somebody(), "AGZ-C-000045")
	for _, text := range []string{
		"Speak to FATOUMATA first", "la famille Keita", "alias Fanta.", "call 00227 90123456", "tel. 90-12-34-56", "passport ab 123456", "see AGZ-000123", "case agz c 000045",
		"born 1998-04-12", "née le 12/04/1998", "born 12.04.1998",
	} {
		if !i.in(text) {
			t.Errorf("not found in %q", text)
		}
	}
	for _, text := range []string{"A woman with a cough since 2024", "needs 12 sessions", "", "born in 1998", "fantastic progress"} {
		if i.in(text) {
			t.Errorf("found in %q", text)
		}
	}
}

// rule 36
func TestAgeGroup_IsThatOfTheDay(t *testing.T) {
	born := db.NewDate(time.Date(2008, 3, 2, 0, 0, 0, 0, time.UTC))
	for day, want := range map[string]string{"2026-03-01": "unhcr_12_17", "2026-03-02": "unhcr_18_59", "2013-03-01": "unhcr_0_4", "2013-03-02": "unhcr_5_11", "2068-03-02": "unhcr_60p"} {
		on, _ := time.Parse(time.DateOnly, day)
		if got := ageGroup(&born, on); got != want {
			t.Errorf("on %s: %s, want %s", day, got, want)
		}
	}
	if got := ageGroup(nil, noon); got != "unknown" {
		t.Errorf("without a birth date: %s", got)
	}
}

func TestOverride_IsDecidedBySomebodyElseInTheRightRole(t *testing.T) {
	asker, other := uuid.New(), uuid.New()
	p := centre.DefaultPolicy()
	for _, c := range []struct {
		by     uuid.UUID
		roles  []string
		status string
		kind   fault.Kind
	}{
		{asker, []string{"case_supervisor"}, "requested", fault.Forbidden},
		{other, []string{"centre_manager"}, "requested", fault.Forbidden},
		{other, []string{"case_supervisor"}, "rejected", fault.Conflict},
		{other, []string{"case_supervisor"}, "", fault.Conflict},
	} {
		r := &Referral{OverrideStatus: c.status, OverrideRequestedBy: &asker, Envelope: Envelope{Status: Draft}}
		if err := r.decideOverride(c.by, c.roles, p, "approved"); !fault.Is(err, c.kind) || r.OverrideStatus != c.status {
			t.Errorf("%v: %v", c, err)
		}
	}
	r := &Referral{OverrideStatus: "requested", OverrideRequestedBy: &asker, Envelope: Envelope{Status: Draft}}
	if err := r.decideOverride(other, []string{"case_supervisor"}, p, "approved"); err != nil || r.OverrideStatus != "approved" {
		t.Error(err)
	}
}

func TestNumbers_CannotBeGuessedOrCounted(t *testing.T) {
	seen := map[string]bool{}
	for range 1000 {
		n := newNumber()
		if seen[n] || len(n) != 10 {
			t.Fatalf("%s", n)
		}
		seen[n] = true
	}
	used := map[rune]bool{}
	for n := range seen {
		for _, c := range n[2:] {
			used[c] = true
		}
	}
	if len(used) != len(alphabet) {
		t.Errorf("%d letters in use: %s", len(used), fmt.Sprint(used))
	}
}

func TestMatches_TheBetterTheMoreAgrees(t *testing.T) {
	who := somebody()
	who.SearchKeys = db.Strings{"d:ab123456", "p:90123456"}
	day := *who.BirthDate
	same := Person{GivenName: "Fatoumata", FamilyName: "Keita", Sex: "2", BirthDate: &day, BirthDatePrecision: "day", Nationalities: []string{"MLI"}}
	name := Person{GivenName: "Fatoumata", FamilyName: "Keita", Sex: "1"}
	paper := Person{GivenName: "X", Sex: "0", DocumentNumber: "ab 123-456"}
	phone := Person{GivenName: "X", Sex: "0", Phone: "90.12.34.56"}
	score := func(p Person) match { return compare(who, p, soundsOf([]string{p.GivenName, p.FamilyName})) }
	if s, n := score(same), score(name); s.score != 1 || n.score >= s.score || n.score < 0.5 || len(s.reasons) != 4 {
		t.Errorf("same %v %v, name only %v %v", s.score, s.reasons, n.score, n.reasons)
	}
	if p := score(paper); p.score != 1 || !slices.Equal(p.reasons, []string{"document"}) {
		t.Errorf("by document %v %v", p.score, p.reasons)
	}
	if p := score(phone); p.score == 0 || !slices.Equal(p.reasons, []string{"phone"}) {
		t.Errorf("by telephone %v %v", p.score, p.reasons)
	}
}
