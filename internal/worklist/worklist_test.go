package worklist_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/app/apptest"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/worklist"
)

// desk is a centre with those who work on its cases.
type desk struct {
	*apptest.House
	worker, colleague, supervisor, manager apptest.Person
	path                                   string
}

func newDesk(t testing.TB) *desk {
	h := apptest.New(t)
	return &desk{h, h.Staff(h.CentreA, "caseworker"), h.Staff(h.CentreA, "caseworker"), h.Staff(h.CentreA, "case_supervisor"), h.Staff(h.CentreA, "centre_manager"),
		"/v1/centres/" + h.CentreA.String() + "/worklist"}
}

func (d *desk) person(centre uuid.UUID) uuid.UUID {
	id := db.NewID()
	d.Exec(`insert into beneficiaries (centre_id, id, version, created_at, updated_at, reference, registration_level, registered_on, reception_on, sex, population_type, source, basis)
		values ($1, $2::uuid, 1, now(), now(), $2::text, 'basic', current_date, current_date, '1', 'migrant', 'api', 'consent')`, centre, id)
	return id
}

// file puts a case into centre A; set are further columns with their SQL.
func (d *desk) file(owner *uuid.UUID, set map[string]string) uuid.UUID {
	return d.fileIn(d.CentreA, owner, set)
}

func (d *desk) fileIn(centre uuid.UUID, owner *uuid.UUID, set map[string]string) uuid.UUID {
	d.T.Helper()
	id := db.NewID()
	columns, values := "", ""
	all := map[string]string{"status": "'open'", "risk_level": "'medium'", "sensitivity": "'normal'"}
	for column, sql := range set {
		all[column] = sql
	}
	for column, sql := range all {
		columns, values = columns+", "+column, values+", "+sql
	}
	d.Exec(`insert into cases (centre_id, id, version, created_at, updated_at, number, beneficiary_id, source, owner_id, opened_at`+columns+`)
		values ($1, $2::uuid, 1, now(), now(), $2::text, $3, 'walk_in', $4, now()`+values+`)`, centre, id, d.person(centre), owner)
	if owner != nil {
		d.Exec(`insert into case_team (centre_id, id, version, created_at, updated_at, case_id, user_id, role) values ($1, $2, 1, now(), now(), $3, $4, 'owner')`, centre, db.NewID(), id, owner)
	}
	return id
}

// ask returns "kind:state" of the entries about a case, or all where none is given.
func (d *desk) ask(p apptest.Person, query string, about ...uuid.UUID) string {
	d.T.Helper()
	page := d.Call(p, "GET", d.path+query, nil).Want(200)
	list := []string{}
	for i := range page.Len("data") {
		if len(about) > 0 && page.Text("data", i, "case_id") != about[0].String() {
			continue
		}
		list = append(list, page.Text("data", i, "kind")+":"+page.Text("data", i, "state"))
	}
	return strings.Join(list, " ")
}

func TestWorklist_ShowsEveryClockThatRuns(t *testing.T) {
	d := newDesk(t)
	d.Exec("update centres set time_zone = 'Pacific/Kiritimati' where id = $1", d.CentreA) // where it is tomorrow already
	id := d.file(&d.worker.ID, map[string]string{
		"response_due_at": "now() - interval '3 hours'", "assessment_due_at": "now() - interval '2 hours'", "plan_due_at": "now() + interval '3 days'",
		"followup_due_at": "((now() at time zone 'Pacific/Kiritimati')::date + 1)::timestamp at time zone 'Pacific/Kiritimati'"})
	if got := d.ask(d.worker, "", id); got != "first_response:overdue assessment:overdue follow_up:due_today plan:upcoming" {
		t.Errorf("open: %s", got)
	}
	d.Exec("update centres set time_zone = 'Pacific/Pago_Pago' where id = $1", d.CentreA)
	d.Exec("update cases set followup_due_at = ((now() at time zone 'Pacific/Pago_Pago')::date + 1)::timestamp at time zone 'Pacific/Pago_Pago' + interval '1 second' where id = $1", id)
	if got := d.ask(d.worker, "?kind=follow_up", id); got != "follow_up:upcoming" {
		t.Errorf("a second after the centre's day: %s", got)
	}
	d.Exec("update cases set responded_at = now(), assessed_at = now(), followup_due_at = null, status = 'on_hold', hold_review_on = (now() at time zone 'Pacific/Pago_Pago')::date where id = $1", id)
	if got := d.ask(d.worker, "", id); got != "hold_review:due_today plan:upcoming" {
		t.Errorf("on hold: %s", got)
	}
	d.Exec("update cases set status = 'closed' where id = $1", id)
	if got := d.ask(d.worker, "", id); got != "" {
		t.Errorf("closed: %s", got)
	}
}

func TestWorklist_ListsWhatElseWaits(t *testing.T) {
	d := newDesk(t)
	id := d.file(&d.worker.ID, nil)
	unowned := d.file(nil, map[string]string{"status": "'draft'", "risk_level": "'high'", "assign_due_at": "now() - interval '1 hour'"})
	d.Exec(`insert into case_followups (centre_id, id, version, created_at, updated_at, case_id, type, due_at) values ($1, $2, 1, now(), now(), $3, 'home_visit', now() + interval '9 days')`, d.CentreA, db.NewID(), id)
	d.Exec(`insert into case_approvals (centre_id, id, version, created_at, updated_at, case_id, kind, status, requested_by) values ($1, $2, 1, now() - interval '49 hours 30 minutes', now(), $3, 'closure', 'requested', $4)`, d.CentreA, db.NewID(), id, d.supervisor.ID)
	d.Exec(`insert into tasks (centre_id, id, version, created_at, updated_at, key, kind, resource, resource_id, case_id, role, due_at, status) values
		($1, $2, 1, now(), now(), 'a', 'turning_18', 'beneficiary', $2, $3, 'case_supervisor', now() + interval '8 days', 'open'),
		($1, $4, 1, now(), now(), 'b', 'need_review', 'specific_need', $2, null, 'registrar', now() + interval '10 days', 'open')`, d.CentreA, db.NewID(), id, db.NewID())
	d.referral(id, "outbound", "sent", "now() - interval '2 hours'")
	d.referral(id, "outbound", "sent", "now() + interval '2 hours'") // the partner still has time
	d.referral(uuid.Nil, "inbound", "sent", "now() + interval '20 days'")
	d.Exec(`insert into break_glass_grants (centre_id, id, version, created_at, updated_at, case_id, opened_by, reason, until_at, review_due_at)
		values ($1, $2, 1, now(), now(), $3, $4, 'x', now(), now() + interval '30 days')`, d.CentreA, db.NewID(), id, d.colleague.ID)

	all := "referral:overdue approval:overdue assignment:overdue turning_18:upcoming follow_up:upcoming task:upcoming inbound_referral:upcoming break_glass_review:upcoming"
	for name, c := range map[string]struct {
		who   apptest.Person
		query string
		want  string
	}{
		"a supervisor sees all":             {d.supervisor, "", all},
		"latest first":                      {d.supervisor, "?sort=-due_at&kind=task,inbound_referral", "inbound_referral:upcoming task:upcoming"},
		"unassigned high risk":              {d.supervisor, "?kind=assignment&risk_level=high", "assignment:overdue"},
		"unassigned low risk":               {d.supervisor, "?kind=assignment&risk_level=low", ""},
		"overdue":                           {d.supervisor, "?state=overdue", "referral:overdue approval:overdue assignment:overdue"},
		"what the supervisor is to do":      {d.supervisor, "?whose=mine", "assignment:overdue turning_18:upcoming inbound_referral:upcoming break_glass_review:upcoming"},
		"what the worker is to do":          {d.worker, "?whose=mine", "referral:overdue follow_up:upcoming inbound_referral:upcoming"},
		"what the worker's team is to do":   {d.worker, "?whose=team", "referral:overdue approval:overdue follow_up:upcoming inbound_referral:upcoming"},
		"a colleague sees what is nobody's": {d.colleague, "", "assignment:overdue inbound_referral:upcoming"},
		"the manager reviews no glass":      {d.manager, "?kind=break_glass_review,task,inbound_referral", "task:upcoming"},
		"the data-protection officer":       {d.Staff(d.CentreA, "dpo"), "", "break_glass_review:upcoming"},
		"a registrar":                       {d.Staff(d.CentreA, "registrar"), "", "task:upcoming inbound_referral:upcoming"},
		"a storekeeper":                     {d.Staff(d.CentreA, "storekeeper"), "", ""},
	} {
		if got := d.ask(c.who, c.query); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
	if entry := d.Call(d.supervisor, "GET", d.path+"?kind=assignment", nil).Want(200); entry.ID("data", 0, "resource_id") != unowned || entry.Text("data", 0, "risk_level") != "high" || entry.Text("data", 0, "roles", 0) != "case_supervisor" {
		t.Errorf("entry: %s", entry.Raw)
	}
	second := d.Staff(d.CentreA, "case_supervisor")
	if got := d.ask(second, "?whose=mine&kind=approval"); got != "approval:overdue" {
		t.Errorf("who did not ask for it decides it: %s", got)
	}
	d.Call(d.supervisor, "GET", d.path+"?kind=lost", nil).WantCode(400, "invalid_parameter")
	d.Call(d.supervisor, "GET", d.path+"?sort=risk_level", nil).WantCode(400, "invalid_parameter")
	d.Call(d.supervisor, "GET", d.path+"?cursor=x", nil).WantCode(400, "invalid_cursor")
}

// referral puts a referral in the hands of who receives it.
func (d *desk) referral(kase uuid.UUID, direction, status, due string) {
	d.T.Helper()
	var about *uuid.UUID
	if kase != uuid.Nil {
		about = &kase
	}
	d.Exec(`insert into referrals (centre_id, id, version, created_at, updated_at, direction, number, status, priority, organisation_id, reasons, services, case_id, snapshot, sent_at, override_status, acknowledge_due_at)
		values ($1, $2, 1, now(), now(), $3, $4, $5, 'urgent', $6, '{}', '{}', $7, '{}', now(), 'approved', `+due+`)`, d.CentreA, db.NewID(), direction, uuid.NewString(), status, d.IOM, about)
}

func TestWorklist_PagesLoseNothingWhereClocksRunOutTogether(t *testing.T) {
	d := newDesk(t)
	for range 5 {
		d.file(&d.worker.ID, map[string]string{"response_due_at": "'2026-01-06T08:00:00Z'", "assessment_due_at": "'2026-01-06T08:00:00Z'", "plan_due_at": "'2026-01-06T08:00:00Z'"})
	}
	seen := map[string]bool{}
	path := d.path + "?limit=4"
	for cursor := ""; ; {
		page := d.Call(d.worker, "GET", path+cursor, nil).Want(200)
		for i := range page.Len("data") {
			seen[page.Text("data", i, "id")+page.Text("data", i, "kind")] = true
		}
		if page.Value("next_cursor") == nil {
			break
		}
		cursor = "&cursor=" + page.Text("next_cursor")
	}
	total := d.Call(d.worker, "GET", d.path+"?include_total=true&limit=1", nil).Want(200)
	if len(seen) != 15 || total.Text("total") != "15" {
		t.Errorf("%d entries, total %s", len(seen), total.Text("total"))
	}
}

// rule 26
func TestWorklist_ARestrictedCaseShowsForItsTeamAlone(t *testing.T) {
	d := newDesk(t)
	id := d.file(&d.worker.ID, map[string]string{"sensitivity": "'restricted'", "plan_due_at": "now() - interval '1 hour'"})
	d.Exec(`insert into tasks (centre_id, id, version, created_at, updated_at, key, kind, resource, resource_id, case_id, role, due_at, status) values
		($1, $2, 1, now(), now(), 'a', 'need_review', 'case', $3, $3, 'case_supervisor', now(), 'open')`, d.CentreA, db.NewID(), id)
	d.referral(id, "outbound", "sent", "now() - interval '2 hours'")
	d.Exec(`insert into case_approvals (centre_id, id, version, created_at, updated_at, case_id, kind, status) values ($1, $2, 1, now(), now(), $3, 'plan', 'requested')`, d.CentreA, db.NewID(), id)
	if got := d.ask(d.worker, ""); got != "referral:overdue plan:overdue approval:upcoming" {
		t.Errorf("its owner: %s", got)
	}
	for _, p := range []apptest.Person{d.supervisor, d.manager, d.colleague} {
		if got := d.Call(p, "GET", d.path+"?include_total=true", nil).Want(200); got.Len("data") != 0 || got.Text("total") != "0" {
			t.Errorf("somebody else: %s", got.Raw)
		}
	}
}

func TestWorklist_OfAllCentresFollowsTheRoleInEach(t *testing.T) {
	d := newDesk(t)
	d.file(&d.worker.ID, map[string]string{"plan_due_at": "now() - interval '2 hours'"})
	d.fileIn(d.CentreB, &d.worker.ID, map[string]string{"assessment_due_at": "now() - interval '1 hour'"})
	d.path = "/v1/worklist"
	both := d.StaffIn(map[uuid.UUID][]string{d.CentreA: {"case_supervisor"}, d.CentreB: {"caseworker"}})
	if got := d.ask(both, ""); got != "plan:overdue" {
		t.Errorf("a supervisor in A, a caseworker in B: %s", got)
	}
	everywhere := d.StaffIn(map[uuid.UUID][]string{d.CentreA: {"case_supervisor"}, d.CentreB: {"case_supervisor"}})
	if got := d.ask(everywhere, ""); got != "plan:overdue assessment:overdue" {
		t.Errorf("a supervisor in both: %s", got)
	}
	if got := d.ask(d.manager, ""); got != "plan:overdue" {
		t.Errorf("a manager in A: %s", got)
	}
	d.Call(d.Client(d.IOM, "stats:read"), "GET", "/v1/worklist", nil).WantCode(403, "forbidden")
}

// node is a part of a plan as EXPLAIN tells it.
type node struct {
	Type     string  `json:"Node Type"`
	Relation string  `json:"Relation Name"`
	Index    string  `json:"Index Name"`
	Loops    float64 `json:"Actual Loops"`
	Rows     float64 `json:"Actual Rows"`
	Removed  float64 `json:"Rows Removed by Filter"`
	Plans    []node  `json:"Plans"`
}

// each visits what was executed.
func (n node) each(visit func(node)) {
	if n.Loops == 0 {
		return
	}
	visit(n)
	for _, p := range n.Plans {
		p.each(visit)
	}
}

// plan explains the list as it is asked for: the tables read from end to end, and the rows touched in all.
func (d *desk) plan(who apptest.Person, roles []string, whom string, centres ...uuid.UUID) (scanned []string, touched float64) {
	d.T.Helper()
	var raw []byte
	err := d.App.DB.InTx(context.Background(), db.Scope{Centres: centres, ActorID: who.ID, ActorKind: "user"}, func(ctx context.Context) error {
		sql, args := worklist.Statement(d.App.DB.Models(), who.ID, roles, whom, centres...)
		tx, err := db.Pgx(ctx)
		if err != nil {
			return err
		}
		return tx.QueryRow(ctx, "explain (analyze, format json) "+sql, args...).Scan(&raw)
	})
	if err != nil {
		d.T.Fatal(err)
	}
	var explained []struct{ Plan node }
	if err := json.Unmarshal(raw, &explained); err != nil {
		d.T.Fatal(err)
	}
	explained[0].Plan.each(func(n node) {
		if n.Relation == "" {
			return
		}
		touched += n.Loops * (n.Rows + n.Removed)
		if n.Type == "Seq Scan" && slices.Contains([]string{"cases", "case_followups", "case_approvals", "referrals", "tasks", "break_glass_grants", "case_transfers"}, n.Relation) {
			scanned = append(scanned, n.Relation)
		}
	})
	return scanned, touched
}

// Each list costs what is under way, however many cases have ended: mine, my team's, the centre's, and all my centres'.
func TestWorklist_IsFlatWithTheCasesThatHaveEnded(t *testing.T) {
	d := newDesk(t)
	d.ended(3000)
	for i := range 60 {
		id := d.file(&d.worker.ID, map[string]string{"plan_due_at": fmt.Sprintf("now() - interval '%d hours'", i)})
		d.referral(id, "outbound", "sent", "now() - interval '2 hours'")
		d.Exec(`insert into case_followups (centre_id, id, version, created_at, updated_at, case_id, type, due_at) values ($1, $2, 1, now(), now(), $3, 'home_visit', now())`, d.CentreA, db.NewID(), id)
	}
	here, both := []uuid.UUID{d.CentreA}, []uuid.UUID{d.CentreA, d.CentreB}
	lists := []struct {
		name    string
		who     apptest.Person
		role    string
		whom    string
		centres []uuid.UUID
	}{
		{"mine", d.worker, "caseworker", "mine", here}, {"team", d.worker, "caseworker", "team", here},
		{"centre", d.supervisor, "case_supervisor", "centre", here}, {"network", d.supervisor, "case_supervisor", "centre", both},
	}
	before := map[string]float64{}
	for _, ended := range []int{3000, 9000} {
		if ended > 3000 {
			d.ended(ended - 3000)
		}
		d.Exec("analyze")
		for _, l := range lists {
			scanned, touched := d.plan(l.who, []string{l.role}, l.whom, l.centres...)
			if len(scanned) > 0 {
				t.Errorf("%s, beside %d ended cases, reads from end to end: %v", l.name, ended, scanned)
			}
			t.Logf("%s touches %v rows beside %d ended cases", l.name, touched, ended)
			if few, again := before[l.name]; again && touched > 1.2*few {
				t.Errorf("%s touches %v rows beside 3000 ended cases and %v beside %d", l.name, few, touched, ended)
			}
			before[l.name] = touched
		}
	}
}

func TestWorklist_HoldsOffersOfOtherCentresAndOverridesThatEnd(t *testing.T) {
	d := newDesk(t)
	theirs := d.fileIn(d.CentreB, nil, map[string]string{"risk_level": "'high'"})
	offered := db.NewID()
	d.Exec(`insert into case_transfers (centre_id, id, version, created_at, updated_at, case_id, beneficiary_id, target_centre_id, organisation_id, status, reason, parts, origin, destination, preview, requested_by, override_decided_by)
		select c.centre_id, $2, 1, now() - interval '49 hours', now(), c.id, c.beneficiary_id, $3, $4, 'requested', 'x', '{}', '{"name":"B","code":"ARL"}', '{"name":"A","code":"AGZ"}', '{"risk_level":"high"}', $2, $3 from cases c where c.id = $1`,
		theirs, offered, d.CentreA, d.IOM)
	id := d.file(&d.worker.ID, map[string]string{"consent_basis": "'vital_interest'", "consent_override_until": "current_date - 2"})
	if got := d.ask(d.supervisor, "?kind=incoming_transfer,consent_override"); got != "consent_override:overdue incoming_transfer:overdue" {
		t.Errorf("a supervisor: %s", got)
	}
	page := d.Call(d.supervisor, "GET", d.path+"?whose=mine&kind=incoming_transfer", nil).Want(200)
	if page.Len("data") != 1 || page.ID("data", 0, "id") != offered || page.Text("data", 0, "risk_level") != "high" || page.Value("data", 0, "case_id") != nil || page.Value("data", 0, "beneficiary_id") != nil {
		t.Errorf("the offer: %s", page.Raw)
	}
	if got := d.ask(d.worker, "?whose=mine&kind=incoming_transfer,consent_override"); got != "consent_override:overdue" {
		t.Errorf("the owner: %s", got)
	}
	if got := d.ask(d.manager, "?kind=incoming_transfer"); got != "" {
		t.Errorf("a manager, who answers none: %s", got)
	}
	d.Tick("worklist.alert")
	if got := d.alerts(d.worker); got != "consent_override_overdue/0" {
		t.Errorf("the owner is told %q", got)
	}
	d.Exec("update case_transfers set status = 'refused' where id = $1", offered)
	d.Exec("update cases set consent_override_until = null, consent_basis = 'consent' where id = $1", id)
	if got := d.ask(d.supervisor, "?kind=incoming_transfer,consent_override"); got != "" {
		t.Errorf("settled: %s", got)
	}
}

// ended puts cases into the centre that have ended, with all that waits in a file that was left so.
func (d *desk) ended(n int) {
	d.T.Helper()
	who := d.person(d.CentreA)
	tables := []string{"cases", "case_followups", "case_approvals", "referrals", "tasks", "break_glass_grants", "case_transfers"}
	for _, table := range tables {
		d.Exec("alter table " + table + " disable trigger user")
	}
	d.Exec(`with made as (insert into cases (centre_id, id, version, created_at, updated_at, number, beneficiary_id, status, risk_level, source, owner_id, opened_at, plan_due_at)
			select $1, gen_random_uuid(), 1, now(), now(), gen_random_uuid()::text, $2, 'closed', 'low', 'walk_in', $3, now(), now() - interval '1 year' from generate_series(1, $4) returning id),
		f as (insert into case_followups (centre_id, id, version, created_at, updated_at, case_id, type, due_at) select $1, gen_random_uuid(), 1, now(), now(), id, 'home_visit', now() - interval '1 year' from made),
		a as (insert into case_approvals (centre_id, id, version, created_at, updated_at, case_id, kind, status) select $1, gen_random_uuid(), 1, now(), now(), id, 'plan', 'requested' from made),
		t as (insert into tasks (centre_id, id, version, created_at, updated_at, key, kind, resource, resource_id, case_id, role, due_at, status, closed_at)
			select $1, gen_random_uuid(), 1, now(), now(), gen_random_uuid()::text, 'plan_overdue', 'case', id, id, 'caseworker', now(), 'done', now() from made),
		g as (insert into break_glass_grants (centre_id, id, version, created_at, updated_at, case_id, opened_by, reason, until_at, review_due_at, outcome, reviewed_by, reviewed_at)
			select $1, gen_random_uuid(), 1, now(), now(), id, $3, 'x', now(), now(), 'justified', $6, now() from made),
		o as (insert into case_transfers (centre_id, id, version, created_at, updated_at, case_id, beneficiary_id, target_centre_id, organisation_id, status, reason, parts, origin, destination, preview, requested_by)
			select $1, gen_random_uuid(), 1, now(), now(), id, $2, $7, $5, 'withdrawn', 'x', '{}', '{}', '{}', '{}', $3 from made)
		insert into referrals (centre_id, id, version, created_at, updated_at, direction, number, status, priority, organisation_id, reasons, services, case_id, snapshot, sent_at, override_status, closed_at)
			select $1, gen_random_uuid(), 1, now(), now(), 'outbound', gen_random_uuid()::text, 'declined', 'urgent', $5, '{}', '{}', id, '{}', now(), 'approved', now() from made`, d.CentreA, who, d.colleague.ID, n, d.IOM, d.supervisor.ID, d.CentreB)
	for _, table := range tables {
		d.Exec("alter table " + table + " enable trigger user")
	}
}
