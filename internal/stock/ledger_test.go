package stock_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/waystation/waystation/internal/app/apptest"
)

// rule 16
func TestIssue_TakesWhatExpiresFirstAndNothingThatExpired(t *testing.T) {
	s := newShed(t)
	item := s.item("milk", obj{"track_expiry": true})
	late := lotOf(s.receive(item, "10", obj{"expires_on": in(90)}))
	soon := lotOf(s.receive(item, "4", obj{"expires_on": in(30)}))
	gone := lotOf(s.receive(item, "7", obj{"expires_on": in(-2)}))
	r := s.post(s.keeper, "/releases", s.release(item, "6")).Want(201)
	if r.Len("movements") != 2 || r.ID("movements", 0, "lot_id") != soon || r.Text("movements", 0, "quantity") != "-4" || r.ID("movements", 1, "lot_id") != late || r.Text("movements", 1, "quantity") != "-2" {
		t.Errorf("six go out as %s", r.Raw)
	}
	if r := s.post(s.keeper, "/releases", s.release(item, "9")).WantCode(422, "invalid"); r.Text("errors", 0, "code") != "insufficient_stock" || r.Text("errors", 0, "pointer") != "/lines/0/quantity" {
		t.Errorf("eight are left that may go out: %s", r.Raw)
	}
	if r := s.post(s.keeper, "/releases", s.release(item, "1", obj{"lot_id": gone, "reason": "still good"})).WantCode(422, "invalid"); r.Text("errors", 0, "code") != "expired" {
		t.Errorf("an expired lot: %s", r.Raw)
	}
	s.receive(item, "1", obj{"expires_on": in(20)})
	if r := s.post(s.keeper, "/releases", s.release(item, "1", obj{"lot_id": late})).WantCode(422, "invalid"); r.Text("errors", 0, "code") != "not_first_expiry" {
		t.Errorf("another lot without a reason: %s", r.Raw)
	}
	s.post(s.keeper, "/releases", s.release(item, "1", obj{"lot_id": late, "reason": "The first is behind the shelf"})).Want(201)
	s.post(s.keeper, "/releases", obj{"type": "return_to_supplier", "lines": []obj{{"item_id": item, "location_id": s.store, "lot_id": gone, "quantity": "2"}}}).Want(201)
	if got := s.onHand(item); got != "13" { // 8+1-1 to issue, 5 expired
		t.Errorf("on hand %s", got)
	}
}

// rule 16
func TestLedger_CannotBeWrittenInAnyOtherWay(t *testing.T) {
	s := newShed(t)
	item := s.item("pot")
	r := s.receive(item, "5")
	movement, ctx := r.ID("movements", 0, "id"), context.Background()
	for _, table := range []string{"stock_movements", "stock_lines", "stock_lots"} {
		for _, sql := range []string{"update " + table + " set updated_at = now()", "delete from " + table} {
			if _, err := s.Owner.Exec(ctx, sql); err == nil || !strings.Contains(err.Error(), "takes entries only") {
				t.Errorf("%s, even as the owner: %v", sql, err)
			}
		}
	}
	if _, err := s.Owner.Exec(ctx, "update stock_documents set note = 'x' where id = $1", r.ID()); err == nil {
		t.Error("a posted document was changed")
	}
	for _, sql := range []string{
		"update stock_movements set quantity = 9", "delete from stock_movements", "update stock_balances set on_hand = 9", "update stock_balances set reserved = 1",
		"insert into stock_balances (centre_id, item_id, location_id, lot_id, on_hand) select centre_id, item_id, location_id, lot_id, 9 from stock_balances", "delete from stock_balances",
	} {
		if err := s.asApp(sql); err == nil || !strings.Contains(err.Error(), "permission denied") {
			t.Errorf("%s as the server's role: %v", sql, err)
		}
	}
	if got := s.get("/movements/" + movement.String()).Text("quantity"); got != "5" {
		t.Errorf("the entry is %s", got)
	}
}

// asApp runs a statement as the server's role in centre A.
func (s *shed) asApp(sql string) error {
	ctx := context.Background()
	tx, err := s.Owner.Begin(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback(ctx) }()
	if _, err := tx.Exec(ctx, "set local role waystation_app; set local app.centre_ids = '"+s.CentreA.String()+"'"); err != nil {
		return err
	}
	_, err = tx.Exec(ctx, sql)
	return err
}

// rule 16
func TestIssue_OfTheLastPiecesByManyAtOnceNeverGoesBelowNothing(t *testing.T) {
	s := newShed(t)
	a, b := s.item("pot"), s.item("pan")
	for range 3 {
		s.receive(a, "4")
		s.receive(b, "4")
	}
	status := make([]int, 32)
	var all sync.WaitGroup
	for i := range status {
		all.Go(func() {
			first, second := a, b
			if i%2 == 1 {
				first, second = b, a // the other way round: nobody waits in a circle
			}
			line := func(item uuid.UUID) obj { return obj{"item_id": item, "location_id": s.store, "quantity": "1"} }
			status[i] = s.post(s.keeper, "/releases", obj{"type": "issue_internal", "lines": []obj{line(first), line(second)}}).Status
		})
	}
	all.Wait()
	issued := 0
	for i, code := range status {
		switch code {
		case 201:
			issued++
		case 422:
		default:
			t.Errorf("caller %d was answered %d", i, code)
		}
	}
	if left := s.onHand(a) + " " + s.onHand(b); issued != 12 || left != "0 0" {
		t.Errorf("%d of 32 got one of twelve each; left are %s", issued, left)
	}
	s.proven()
}

// proven recounts all balances: what is kept is what the movements add up to.
func (s *shed) proven() {
	s.T.Helper()
	var drift int
	s.Scan(`select count(*) from (select centre_id, item_id, location_id, lot_id, sum(quantity) as counted from stock_movements group by 1, 2, 3, 4) m
		full join stock_balances b using (centre_id, item_id, location_id, lot_id) where coalesce(m.counted, 0) <> coalesce(b.on_hand, 0)`, nil, &drift)
	if drift != 0 {
		s.T.Errorf("%d balances are not the sum of their movements", drift)
	}
}

func TestDocument_WaitsForAnotherPersonWhereTheSOPSaysSo(t *testing.T) {
	s := newShed(t)
	item := s.item("pot")
	lot := lotOf(s.receive(item, "10"))
	waits := s.post(s.keeper, "/losses", s.loss(item, lot, "4")).Want(201)
	if waits.Text("status") != "requested" || waits.Len("movements") != 0 || s.onHand(item) != "10" {
		t.Errorf("before the decision: %s", waits.Raw)
	}
	path := "/documents/" + waits.ID().String()
	s.post(s.keeper, path+"/approve", obj{}, apptest.IfMatch(`"1"`)).Want(403)
	both := s.Staff(s.CentreA, "storekeeper", "stock_approver")
	own := s.post(both, "/disposals", obj{"method": "Burnt", "lines": s.loss(item, lot, "1")["lines"]}).Want(201)
	s.post(both, "/documents/"+own.ID().String()+"/approve", obj{}, apptest.IfMatch(`"1"`)).WantCode(422, "four_eyes")
	done := s.post(s.approver, path+"/approve", obj{"note": "Seen"}, apptest.IfMatch(`"1"`)).Want(200)
	if done.Text("status") != "posted" || done.Text("movements", 0, "quantity") != "-4" || done.ID("decided_by") != s.approver.ID || done.ETag() != `"2"` || s.onHand(item) != "6" {
		t.Errorf("after it: %s", done.Raw)
	}
	if got := s.get(path); got.Text("status") != "posted" || got.Len("lines") != 1 || got.Len("movements") != 1 {
		t.Errorf("read again: %s", got.Raw)
	}
	s.post(s.approver, path+"/approve", obj{}, apptest.IfMatch(`"2"`)).WantCode(409, "state_conflict")
	no := s.post(s.keeper, "/adjustments", obj{"lines": []obj{{"direction": "plus", "item_id": item, "lot_id": lot, "location_id": s.store, "quantity": "2", "reason": "Found"}}}).Want(201)
	s.post(s.approver, "/documents/"+no.ID().String()+"/reject", obj{"reason": "Not found"}, apptest.IfMatch(`"1"`)).Want(200)
	if s.onHand(item) != "6" {
		t.Errorf("a rejected document moved something")
	}
	if list := s.get("/documents?status=requested"); list.Len("data") != 1 || list.Value("data", 0, "lines") != nil {
		t.Errorf("waiting are %s", list.Raw)
	}
	big := s.post(s.keeper, "/losses", s.loss(item, lot, "7")).Want(201)
	s.post(s.approver, "/documents/"+big.ID().String()+"/approve", obj{}, apptest.IfMatch(`"1"`)).WantCode(422, "invalid")
}

func TestDocument_IsPostedAtOnceWhereTheSOPAsksForNobody(t *testing.T) {
	s := newShed(t)
	item := s.item("pot")
	lot := lotOf(s.receive(item, "10"))
	s.sop(obj{"stock": obj{"backdating_days": 5, "approval_for": []string{"disposal"}, "nutrition_items": []string{}, "shared_duties": false, "count_tolerance_percent": 0, "consumption_months": 3, "lead_time_days": 30, "safety_days": 15, "over_stock_months": 6, "expiry_notice_days": 60}})
	if r := s.post(s.keeper, "/losses", s.loss(item, lot, "4")).Want(201); r.Text("status") != "posted" || s.onHand(item) != "6" {
		t.Errorf("the loss is %s", r.Raw)
	}
	s.post(s.keeper, "/receipts", s.receipt(item, "1", obj{"occurred_at": ago(6 * 24 * time.Hour)})).WantCode(422, "invalid")
	s.receive(item, "1", obj{"occurred_at": ago(4 * 24 * time.Hour)})
}

// sop puts parts of a policy into force in centre A.
func (s *shed) sop(parts obj) {
	s.T.Helper()
	manager, admin := s.Staff(s.CentreA, "centre_manager"), s.Staff(s.CentreA, "tenant_admin")
	draft := s.Call(manager, "POST", "/v1/centres/"+s.CentreA.String()+"/sops", obj{"title": "SOP", "policy": parts}).Want(201)
	s.Call(admin, "POST", "/v1/centres/"+s.CentreA.String()+"/sops/"+draft.ID().String()+"/activate", nil, apptest.IfMatch(`"1"`)).Want(200)
}

// rule 16
func TestReversal_IsLinkedAndUndoesOnce(t *testing.T) {
	s := newShed(t)
	item := s.item("pot")
	in := s.receive(item, "10")
	out := s.post(s.keeper, "/releases", s.release(item, "3")).Want(201)
	reverse := func(p apptest.Person, of *apptest.Response) *apptest.Response {
		return s.post(p, "/movements/"+of.Text("movements", 0, "id")+"/reverse", obj{"reason": "Entered twice"})
	}
	s.post(s.keeper, "/movements/"+in.Text("movements", 0, "id")+"/reverse", obj{"reason": "x"}).Want(403)
	reverse(s.approver, in).WantCode(422, "insufficient_stock") // three of them went on
	r := reverse(s.approver, out).Want(201)
	if r.Text("movements", 0, "quantity") != "3" || r.Text("movements", 0, "reverses_id") != out.Text("movements", 0, "id") || r.Text("subject_id") != out.Text("id") || s.onHand(item) != "10" {
		t.Errorf("the reversal is %s", r.Raw)
	}
	reverse(s.approver, out).WantCode(409, "already_reversed")
	reverse(s.approver, r).WantCode(409, "state_conflict")
	reverse(s.approver, in).Want(201)
	if s.onHand(item) != "0" {
		t.Errorf("all reversed leave %s", s.onHand(item))
	}
	lot := lotOf(s.receive(item, "5"))
	loss := s.post(s.keeper, "/losses", s.loss(item, lot, "1")).Want(201)
	done := s.post(s.approver, "/documents/"+loss.ID().String()+"/approve", obj{}, apptest.IfMatch(`"1"`)).Want(200)
	both := s.Staff(s.CentreA, "storekeeper", "stock_approver")
	own := s.post(both, "/losses", s.loss(item, lot, "1")).Want(201)
	posted := s.post(s.approver, "/documents/"+own.ID().String()+"/approve", obj{}, apptest.IfMatch(`"1"`)).Want(200)
	reverse(both, posted).WantCode(422, "four_eyes")
	reverse(both, done).Want(201)
	s.proven()
}

func TestPeriod_OnceClosedTakesNothingMore(t *testing.T) {
	s := newShed(t)
	item := s.item("pot")
	lot := lotOf(s.receive(item, "10", obj{"occurred_at": ago(10 * 24 * time.Hour)}))
	late := s.loss(item, lot, "1")
	late["occurred_at"] = ago(6 * 24 * time.Hour)
	waits := s.post(s.keeper, "/losses", late).Want(201)
	s.post(s.approver, "/periods", obj{"through_on": in(0)}).WantCode(422, "invalid")
	s.post(s.approver, "/periods", obj{"through_on": in(-3)}).WantCode(409, "documents_waiting")
	s.post(s.approver, "/documents/"+waits.ID().String()+"/reject", obj{"reason": "x"}, apptest.IfMatch(`"1"`)).Want(200)
	closed := s.post(s.approver, "/periods", obj{"through_on": in(-3), "note": "March"}).Want(201)
	s.post(s.approver, "/periods", obj{"through_on": in(-4)}).WantCode(422, "invalid")
	s.post(s.keeper, "/receipts", s.receipt(item, "1", obj{"occurred_at": ago(4 * 24 * time.Hour)})).WantCode(422, "period_closed")
	s.post(s.keeper, "/losses", late).WantCode(422, "period_closed")
	s.receive(item, "1", obj{"occurred_at": ago(24 * time.Hour)})
	if got := s.get("/periods/" + closed.ID().String()); got.Text("through_on") != in(-3) || s.get("/periods").Len("data") != 1 {
		t.Errorf("the period is %s", got.Raw)
	}
}

func TestBalance_AsOfAnyInstantAndNeverMissingThen(t *testing.T) {
	s := newShed(t)
	item := s.item("pot")
	day := 24 * time.Hour
	s.receive(item, "10", obj{"occurred_at": ago(8 * day)})
	s.post(s.keeper, "/releases", s.release(item, "4", obj{"occurred_at": ago(4 * day)})).Want(201)
	s.receive(item, "5", obj{"occurred_at": ago(2 * day)})
	for at, want := range map[time.Duration]string{9 * day: "0", 6 * day: "10", 3 * day: "6", day: "11", 0: "11"} {
		total := 0
		r := s.get("/balances?item_id=" + item.String() + "&as_of=" + ago(at))
		for i := range r.Len("data") {
			var n int
			_, _ = fmt.Sscan(r.Text("data", i, "on_hand"), &n)
			total += n
		}
		if fmt.Sprint(total) != want || strings.Contains(string(r.Raw), "reserved") {
			t.Errorf("%v ago there were %s, want %s", at, r.Raw, want)
		}
	}
	s.post(s.keeper, "/releases", s.release(item, "3", obj{"occurred_at": ago(9 * day)})).WantCode(422, "insufficient_stock") // before it came
	s.post(s.keeper, "/releases", s.release(item, "8", obj{"occurred_at": ago(3 * day)})).WantCode(422, "insufficient_stock") // six were there
	s.post(s.keeper, "/releases", s.release(item, "6", obj{"occurred_at": ago(3 * day)})).Want(201)
	s.post(s.keeper, "/receipts", s.receipt(item, "1", obj{"occurred_at": time.Now().Add(time.Hour).UTC().Format(time.RFC3339)})).WantCode(422, "invalid")
	now := s.get("/balances?item_id=" + item.String())
	if now.Len("data") != 1 || now.Text("data", 0, "available") != "5" || s.get("/balances?empty=true").Len("data") != 2 {
		t.Errorf("now there is %s", now.Raw)
	}
}

func TestCard_TellsTheBalanceAfterEachEntryOnEveryPage(t *testing.T) {
	s := newShed(t)
	item, bin := s.item("pot"), s.place("B1", "store")
	for i := range 6 {
		s.receive(item, "10", obj{"occurred_at": ago(time.Duration(20-i) * time.Hour)})
		s.receive(item, "1", obj{"location_id": bin})
		s.post(s.keeper, "/releases", s.release(item, "3")).Want(201)
	}
	path, want, entries := s.root+"/cards?limit=4&item_id="+item.String()+"&location_id="+s.store.String(), 0, 0
	for next := path; next != ""; {
		r := s.Call(s.keeper, "GET", next, nil).Want(200)
		if r.Text("opening") != fmt.Sprint(want) {
			t.Errorf("the page opens with %s, want %d", r.Text("opening"), want)
		}
		for i := range r.Len("data") {
			var n int
			_, _ = fmt.Sscan(r.Text("data", i, "movement", "quantity"), &n)
			want, entries = want+n, entries+1
			if r.Text("data", i, "balance") != fmt.Sprint(want) {
				t.Errorf("entry %d leaves %s, want %d", entries, r.Text("data", i, "balance"), want)
			}
		}
		if next = ""; r.Value("next_cursor") != nil {
			next = path + "&cursor=" + r.Text("next_cursor")
		}
	}
	if want != 42 || entries != 13 {
		t.Errorf("%d entries lead to %d", entries, want)
	}
	if r := s.get("/cards?item_id=" + item.String() + "&location_id=" + s.store.String() + "&occurred_from=" + ago(17*time.Hour+30*time.Minute)); r.Text("opening") != "30" {
		t.Errorf("a card from the middle opens with %s", r.Text("opening"))
	}
	if r := s.get("/cards?item_id=" + uuid.NewString()); r.Len("data") != 0 || r.Text("opening") != "0" {
		t.Errorf("the card of nothing is %s", r.Raw)
	}
}

func TestRecount_ProvesTheBalancesAndTellsOfDrift(t *testing.T) {
	s := newShed(t)
	item := s.item("pot")
	s.receive(item, "10")
	s.Tick("stock.recount")
	if r := s.get("/recounts"); r.Len("data", 0, "drift") != 0 || r.Text("data", 0, "balances") != "1" {
		t.Errorf("the first night: %s", r.Raw)
	}
	s.Exec("update stock_balances set on_hand = 12 where item_id = $1", item)
	s.Tick("stock.recount")
	r := s.get("/recounts")
	if r.Len("data") != 2 || r.Text("data", 0, "drift", 0, "kept") != "12" || r.Text("data", 0, "drift", 0, "counted") != "10" || r.ID("data", 0, "drift", 0, "item_id") != item {
		t.Errorf("the second: %s", r.Raw)
	}
	var told int
	s.Scan("select count(*) from events where type = 'stock.drift' and subject_id = $1", []any{r.ID("data", 0, "id")}, &told)
	if told != 1 {
		t.Errorf("drift was told of %d times", told)
	}
	s.Exec("update stock_balances set on_hand = 10, reserved = 3")
	s.Tick("stock.recount")
	if r := s.get("/recounts"); r.Text("data", 0, "drift", 0, "reserved") != "3" || r.Text("data", 0, "drift", 0, "promised") != "0" {
		t.Errorf("three are held back for nobody: %s", r.Raw)
	}
}

func TestReads_GoByAnIndex(t *testing.T) {
	s := newShed(t)
	item := s.item("pot")
	s.fill(item, s.receive(item, "1").ID())
	here := "centre_id = '" + s.CentreA.String() + "'"
	of := here + " and item_id = '" + item.String() + "'"
	for name, x := range map[string]struct{ sql, index string }{
		"balances":   {"select * from stock_balances where " + here + " and on_hand > 0 order by created_at, id limit 51", "stock_balances_created"},
		"of an item": {"select * from stock_balances where " + of + " and on_hand > 0 order by created_at, id limit 51", "stock_balances_item"},
		"past":       {"select sum(m.quantity) from stock_movements m where m." + of + " and location_id = '" + s.store.String() + "' and lot_id = '" + item.String() + "' and occurred_at > now() - interval '1 day'", "stock_movements_bin"},
		"the ledger": {"select * from stock_movements where " + here + " order by occurred_at desc, id desc limit 51", "stock_movements_occurred"},
		"a card":     {"select * from stock_movements where " + of + " order by occurred_at, id limit 51", "stock_movements_item"},
		"its start":  {"select coalesce(sum(quantity), 0) from stock_movements where " + of + " and (occurred_at, id) < (now(), '" + item.String() + "')", "stock_movements_item"},
		"documents":  {"select * from stock_documents where " + here + " order by occurred_at desc, id desc limit 51", "stock_documents_occurred"},
		"waiting":    {"select * from stock_documents where " + here + " and status = 'requested' order by occurred_at desc, id desc limit 51", "stock_documents_waiting"},
		"lots":       {"select * from stock_lots where " + here + " order by received_on desc, id desc limit 51", "stock_lots_received"},
		"items":      {"select * from stock_items where " + here + " order by code, id limit 51", "stock_items_code"},
	} {
		if plan := s.plan(x.sql); !strings.Contains(plan, x.index) || strings.Contains(plan, "Sort") {
			t.Errorf("%s are read by\n%s", name, plan)
		}
	}
}

// fill writes a year of stock beside an item: thirty other items, ten lots each, twenty entries a lot.
func (s *shed) fill(item, document uuid.UUID) {
	s.T.Helper()
	s.Exec(`insert into stock_items select (json_populate_record(i, json_build_object('id', gen_random_uuid(), 'code', 'x' || n))).* from stock_items i, generate_series(1, 30) n where id = $1`, item)
	s.Exec(`insert into stock_lots (centre_id, id, created_at, updated_at, item_id, received_on, ownership) select centre_id, gen_random_uuid(), now(), now(), id, current_date - n, 'own' from stock_items, generate_series(1, 10) n`)
	s.Exec(`insert into stock_lines select (json_populate_record(l, json_build_object('id', gen_random_uuid(), 'position', 1 + n, 'item_id', o.item_id, 'lot_id', o.id))).*
		from stock_lines l, (select *, row_number() over () as n from stock_lots) o where l.document_id = $1`, document)
	s.Exec(`insert into stock_movements (centre_id, id, created_at, updated_at, document_id, line_id, type, item_id, location_id, lot_id, quantity)
		select l.centre_id, gen_random_uuid(), now(), now(), document_id, id, type, item_id, location_id, lot_id, 1 from stock_lines l, generate_series(1, 20) where document_id = $1`, document)
	s.Exec(`insert into stock_documents (centre_id, id, version, created_at, updated_at, kind, status, occurred_at) select centre_id, gen_random_uuid(), 1, now(), now(), 'receipt', case when n % 50 = 0 then 'requested' else 'posted' end,
		now() - n * interval '1 hour' from stock_documents, generate_series(1, 500) n where id = $1`, document)
	for _, table := range []string{"items", "lots", "movements", "balances", "documents"} {
		s.Exec("analyze stock_" + table)
	}
}

// plan is how PostgreSQL goes about a statement of the server's role in centre A.
func (s *shed) plan(sql string) string {
	s.T.Helper()
	ctx := context.Background()
	tx, err := s.Owner.Begin(ctx)
	if err != nil {
		s.T.Fatal(err)
	}
	defer func() { _ = tx.Rollback(ctx) }()
	if _, err := tx.Exec(ctx, "set local role waystation_app; set local enable_seqscan = off; set local enable_bitmapscan = off; set local app.centre_ids = '"+s.CentreA.String()+"'"); err != nil {
		s.T.Fatal(err)
	}
	rows, err := tx.Query(ctx, "explain "+sql)
	if err != nil {
		s.T.Fatal(err)
	}
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		s.T.Fatal(err)
	}
	return strings.Join(lines, "\n")
}
