package reception_test

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/waystation/waystation/internal/app/apptest"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/reception"
)

// waiting returns the ids of the queue, in its order.
func waiting(h *apptest.House, p apptest.Person, query string) (ids []uuid.UUID) {
	h.T.Helper()
	r := h.Call(p, "GET", in(h, "/visits/queue"+query), nil).Want(200)
	for i := range r.Len("data") {
		ids = append(ids, r.ID("data", i, "visit", "id"))
	}
	return ids
}

// D1: a flagged arrival appears first in the queue.
func TestQueue_D1_AFlaggedArrivalAppearsFirst(t *testing.T) {
	h := apptest.New(t)
	p := h.Staff(h.CentreA, "registrar")
	arrive := func(minute int, groups ...string) uuid.UUID {
		return receive(h, p, body{"arrived_at": fmt.Sprintf("2026-03-02T06:%02d:00Z", minute), "triage": body{"groups": append([]string{}, groups...), "eligibility": "eligible"}}).ID()
	}
	first, second := arrive(1), arrive(2)
	older := arrive(5, "older_person")
	alone := arrive(9, "uasc")
	pregnantFirst, pregnantLater := arrive(3, "pregnant"), arrive(4, "pregnant")
	want := []uuid.UUID{alone, pregnantFirst, pregnantLater, older, first, second}
	if got := waiting(h, p, ""); !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	var paged []uuid.UUID
	for cursor, more := "", true; more; more = cursor != "" {
		r := h.Call(p, "GET", in(h, "/visits/queue?limit=2&cursor="+url.QueryEscape(cursor)), nil).Want(200)
		for i := range r.Len("data") {
			paged = append(paged, r.ID("data", i, "visit", "id"))
		}
		if cursor = ""; r.Value("next_cursor") != nil {
			cursor = r.Text("next_cursor")
		}
	}
	if !slices.Equal(paged, want) {
		t.Errorf("by pages %v, want %v", paged, want)
	}
	h.Call(p, "GET", in(h, "/visits/queue?cursor=x"), nil).WantCode(400, "invalid_cursor")
	h.Call(p, "GET", in(h, "/visits/queue?sort=arrived_at"), nil).Want(400)
}

func TestQueue_TriageMovesAndSeeingSomebodyEnds(t *testing.T) {
	h := apptest.New(t)
	p := h.Staff(h.CentreA, "registrar")
	ago := time.Now().Add(-time.Hour).UTC().Format(time.RFC3339)
	first, later := receive(h, p, body{"arrived_at": ago}), receive(h, p, body{"arrived_at": ago})
	if later.ID().String() < first.ID().String() {
		first, later = later, first
	}
	one := h.Call(p, "GET", in(h, "/visits/queue?limit=1&include_total=true"), nil).Want(200)
	if seconds, err := strconv.Atoi(one.Text("data", 0, "waiting_seconds")); err != nil || seconds < 3600 || seconds > 3700 || one.Text("total") != "2" {
		t.Errorf("waits %s", one.Raw)
	}
	later = act(h, p, later, "triage", body{"groups": []string{"disability"}, "eligibility": "eligible"}).Want(200)
	if got := waiting(h, p, ""); !slices.Equal(got, []uuid.UUID{later.ID(), first.ID()}) {
		t.Errorf("after triage %v", got)
	}
	for query, want := range map[string]uuid.UUID{"?triaged=true": later.ID(), "?triaged=false": first.ID(), "?priority_band=high": later.ID()} {
		if got := waiting(h, p, query); !slices.Equal(got, []uuid.UUID{want}) {
			t.Errorf("%s: %v", query, got)
		}
	}
	act(h, p, later, "admit", body{}).Want(200)
	act(h, p, first, "void", body{"reason": "x"}).Want(200)
	if got := waiting(h, p, ""); len(got) != 0 {
		t.Errorf("still waiting: %v", got)
	}
}

func TestQueue_TheRegisterSaysWhatReceptionMayKnow(t *testing.T) {
	h := apptest.New(t)
	p := h.Staff(h.CentreA, "registrar", "caseworker")
	need := func(person uuid.UUID, system, code string) {
		h.Call(p, "POST", in(h, "/beneficiaries/"+person.String()+"/needs"), body{"code_system": system, "code": code, "confidence": "observed"}).Want(201)
	}
	household := func(members ...uuid.UUID) {
		list := []any{}
		for _, m := range members {
			list = append(list, body{"beneficiary_id": m, "relationship": "other_family"})
		}
		h.Call(p, "POST", in(h, "/households"), body{"members": list}).Want(201)
	}
	person := func(age int) uuid.UUID {
		return register(h, p, body{"age": age, "consent": nil, "basis": "vital_interest", "basis_reason": "Found in the desert"}).ID()
	}
	mother, child, alone, old, plain, disabled, sister, brother := person(30), person(6), person(15), person(64), person(30), person(30), person(12), person(14)
	household(mother, child)
	household(sister, brother)
	need(disabled, "specific_need_unhcr", "DS-PM")
	ended := h.Call(p, "POST", in(h, "/beneficiaries/"+plain.String()+"/needs"), body{"code_system": "migrant_vulnerability", "code": "pregnant_lactating", "confidence": "observed"}).Want(201)
	h.Call(p, "POST", path(ended)+"/end", body{}, apptest.IfMatch(ended.ETag())).Want(200)
	for name, c := range map[string]struct {
		who          uuid.UUID
		groups, band string
	}{
		"a mother with her child":   {mother, "[family_with_children]", "high"},
		"the child with her":        {child, "[family_with_children]", "high"},
		"a child alone":             {alone, "[uasc]", "urgent"},
		"children among themselves": {sister, "[uasc]", "urgent"},
		"an old man":                {old, "[older_person]", "high"},
		"nothing, a need has ended": {plain, "<nil>", "normal"},
		"a need that is visible":    {disabled, "[disability]", "high"},
	} {
		made := receive(h, p, ofPerson(c.who))
		if got := fmt.Sprint(made.Value("known_groups")); got != c.groups || made.Text("priority_band") != c.band {
			t.Errorf("%s: %s %s, want %s %s", name, got, made.Text("priority_band"), c.groups, c.band)
		}
	}
	for name, c := range map[string]struct {
		counts []any
		band   string
	}{
		"a family by headcount":    {[]any{people("2", "unhcr_18_59", 1), people("1", "iasc_0_4", 2)}, "high"},
		"children by headcount":    {[]any{people("1", "broad_0_17", 3)}, "urgent"},
		"old people by headcount":  {[]any{people("1", "unhcr_60p", 2)}, "high"},
		"nobody knows by how much": {[]any{people("0", "unknown", 20)}, "normal"},
	} {
		if made := receive(h, p, body{"headcounts": c.counts}); made.Text("priority_band") != c.band {
			t.Errorf("%s: %s", name, made.Raw)
		}
	}
}

// A place in the queue betrays no restricted need: not to the desk, not through somebody of the case
// team who works there. rule 26
func TestQueue_ARestrictedNeedMovesNobody(t *testing.T) {
	h := apptest.New(t)
	desk, member := h.Staff(h.CentreA, "registrar"), h.Staff(h.CentreA, "caseworker")
	survivor, other := register(h, desk, nil).ID(), register(h, desk, nil).ID()
	h.Call(desk, "POST", in(h, "/beneficiaries/"+survivor.String()+"/consents"), body{"scope": "case_management", "decision": "given", "giver": "individual", "method": "written"}).Want(201)
	kase := h.Call(member, "POST", in(h, "/cases"), body{"beneficiary_id": survivor, "source": "walk_in", "risk_level": "low", "owner_id": member.ID}).Want(201)
	h.Call(member, "POST", path(kase)+"/open", nil, apptest.IfMatch(kase.ETag())).Want(200)
	needs := in(h, "/beneficiaries/"+survivor.String()+"/needs")
	for _, n := range []body{{"code_system": "migrant_vulnerability", "code": "mental_health"}, {"code_system": "migrant_vulnerability", "code": "gbv_survivor"}, {"code_system": "specific_need_unhcr", "code": "SM-DP"}} {
		h.Call(member, "POST", needs, n.with(body{"confidence": "assessed"})).Want(201)
	}
	if n := h.Call(member, "GET", needs, nil).Want(200).Len("data"); n != 3 {
		t.Fatalf("the case team sees %d needs", n)
	}
	for name, p := range map[string]apptest.Person{"the desk": desk, "the case team at the desk": member} {
		theirs := receive(h, p, ofPerson(survivor).with(body{"arrived_at": "2026-03-02T06:06:00Z"}))
		same := receive(h, p, ofPerson(other))
		theirs, same = act(h, p, theirs, "triage", seen).Want(200), act(h, p, same, "triage", seen).Want(200)
		for _, r := range []*apptest.Response{theirs, same} {
			if r.Text("priority_band") != "normal" || r.Len("known_groups") != 0 {
				t.Errorf("%s: %s", name, r.Raw)
			}
		}
		if got := waiting(h, p, ""); !slices.Equal(got, []uuid.UUID{same.ID(), theirs.ID()}) {
			t.Errorf("%s: the queue is %v", name, got)
		}
		for _, v := range []*apptest.Response{theirs, same} {
			act(h, p, v, "leave", body{}).Want(200)
		}
	}
}

func TestQueue_TheSOPSaysWhatWeighs(t *testing.T) {
	h := apptest.New(t)
	p, drafter, manager := h.Staff(h.CentreA, "registrar"), h.Staff(h.CentreA, "case_supervisor"), h.Staff(h.CentreA, "centre_manager")
	old := register(h, p, body{"age": 52}).ID()
	weights := body{"uasc": 0, "physical_pain": 0, "pregnant": 5, "disability": 0, "mental_health_need": 0, "family_with_children": 0, "older_person": 9, "other_vulnerability": 0}
	sop := func(reception body) *apptest.Response {
		return h.Call(drafter, "POST", in(h, "/sops"), body{"title": "SOP", "policy": body{"reception": reception}})
	}
	terms := body{"weights": weights, "urgent_from": 9, "high_from": 5, "older_from_age": 50}
	if got := found(sop(terms.with(body{"urgent_from": 4})).WantCode(422, "invalid")); got != "out_of_order /policy/reception/urgent_from" {
		t.Error(got)
	}
	draft := sop(terms).Want(201)
	before := receive(h, p, ofPerson(old))
	h.Call(manager, "POST", path(draft)+"/activate", nil, apptest.IfMatch(draft.ETag())).Want(200)
	after := act(h, p, before, "triage", body{"groups": []string{"uasc"}, "eligibility": "to_be_determined"}).Want(200)
	if before.Text("priority_band") != "normal" || after.Text("priority_band") != "urgent" || fmt.Sprint(after.Value("known_groups")) != "[older_person]" {
		t.Errorf("before %s, after %s", before.Raw, after.Raw)
	}
	if made := receive(h, p, body{"triage": body{"groups": []string{"uasc", "physical_pain"}, "eligibility": "eligible"}}); made.Text("priority_band") != "normal" {
		t.Errorf("%s", made.Raw)
	}
}

// past makes visits that are over, as many as years bring.
func past(h *apptest.House, n int) {
	h.T.Helper()
	h.Exec(`insert into visits (centre_id, id, version, created_at, updated_at, headcount, arrived_at, arrived_on, access_mode, status, priority_band, ended_at)
		select $1, gen_random_uuid(), 1, now(), now(), 1, now() - i * interval '1 minute', current_date, 'always_open', 'left', (array['urgent', 'high', 'normal'])[1 + i % 3], now()
		from generate_series(1, $2::int) i`, h.CentreA, n)
	h.Exec("analyze visits")
}

// The queue of a busy morning reads those who wait and nobody else: ten thousand past visits cost it nothing.
func TestQueue_DoesNotDependOnHowManyCameBefore(t *testing.T) {
	h := apptest.New(t)
	p := h.Staff(h.CentreA, "registrar")
	for i := range 20 {
		receive(h, p, body{"arrived_at": fmt.Sprintf("2026-03-02T06:%02d:00Z", i)})
	}
	past(h, 10_000)
	err := h.App.DB.InTx(context.Background(), db.Scope{Centres: []uuid.UUID{h.CentreA}, ReadOnly: true}, func(ctx context.Context) error {
		tx, err := db.Pgx(ctx)
		if err != nil {
			return err
		}
		cursor := ""
		for page := 1; page <= 2; page++ {
			l := db.Listing{Limit: 8, Cursor: cursor}
			if cursor == "" {
				l.Sort = "queue"
			}
			got, err := reception.ListQueue(ctx, l, nil)
			if err != nil {
				return err
			}
			cursor = got.Next
			var walked, fetched int
			if err := tx.QueryRow(ctx, "select seq_tup_read, idx_tup_fetch from pg_stat_xact_user_tables where relname = 'visits'").Scan(&walked, &fetched); err != nil {
				return err
			}
			if len(got.Rows) != 8 || walked != 0 || fetched > page*9 {
				t.Errorf("page %d of %d people walked over %d rows and fetched %d", page, len(got.Rows), walked, fetched)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if plan := explained(t, h, "select * from visits where status = 'waiting' and centre_id = '"+h.CentreA.String()+"' order by queue_key asc, id asc limit 51"); !strings.Contains(plan, "Index Scan using visits_queue") || strings.Contains(plan, "Sort") {
		t.Errorf("the queue is read by\n%s", plan)
	}
}

// explained returns how PostgreSQL goes about a statement of the server's role in centre A.
func explained(t *testing.T, h *apptest.House, sql string) string {
	t.Helper()
	ctx := context.Background()
	conn, err := pgx.ConnectConfig(ctx, h.Owner.Config().ConnConfig.Copy())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, "set role waystation_app; set app.centre_ids = '"+h.CentreA.String()+"'"); err != nil {
		t.Fatal(err)
	}
	rows, err := conn.Query(ctx, "explain "+sql)
	if err != nil {
		t.Fatal(err)
	}
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(lines, "\n")
}
