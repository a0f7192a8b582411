package stock_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/app/apptest"
)

// sheet is a count under way, with the two who count.
type sheet struct {
	*shed
	second apptest.Person
	id     string
}

// count opens a count of the store.
func (s *shed) count() *sheet {
	s.T.Helper()
	x := &sheet{s, s.Staff(s.CentreA, "storekeeper"), s.post(s.keeper, "/counts", obj{"location_ids": []uuid.UUID{s.store}}).Want(201).Text("id")}
	x.act(s.keeper, "open").Want(200)
	return x
}

// act does a step to the count as it is now.
func (x *sheet) act(p apptest.Person, verb string, body ...any) *apptest.Response {
	x.T.Helper()
	var with any
	if len(body) > 0 {
		with = body[0]
	}
	return x.post(p, "/counts/"+x.id+"/"+verb, with, apptest.IfMatch(x.get("/counts/"+x.id).ETag()))
}

func (x *sheet) lines() *apptest.Response {
	x.T.Helper()
	return x.get("/counts/" + x.id + "/lines")
}

// enter takes down one figure of a lot.
func (x *sheet) enter(p apptest.Person, lot uuid.UUID, quantity string) *apptest.Response {
	x.T.Helper()
	all := x.lines()
	for i := range all.Len("data") {
		if all.ID("data", i, "lot_id") == lot {
			return x.post(p, "/counts/"+x.id+"/entries", obj{"lines": []obj{{"line_id": all.ID("data", i, "id"), "quantity": quantity}}})
		}
	}
	x.T.Fatalf("no line for %s in %s", lot, all.Raw)
	return nil
}

// rule 19
func TestCount_IsBlindRecountedByAnotherAndApprovedByAThird(t *testing.T) {
	s := newShed(t)
	pot, pan := s.item("pot"), s.item("pan")
	pots, pans := lotOf(s.receive(pot, "10")), lotOf(s.receive(pan, "6"))
	x := s.count()
	x.act(s.keeper, "submit").WantCode(422, "uncounted")
	x.enter(s.keeper, pots, "8").Want(200)
	x.enter(x.second, pots, "9").WantCode(422, "invalid")
	x.enter(s.keeper, pots, "7").Want(200) // a slip of the pen is its writer's to correct
	x.enter(x.second, pans, "6").Want(200)
	for i, l := 0, x.Call(x.second, "GET", s.root+"/counts/"+x.id+"/lines", nil).Want(200); i < l.Len("data"); i++ {
		if l.Value("data", i, "expected") != nil || l.Value("data", i, "variance") != nil || l.ID("data", i, "lot_id") == pots && l.Value("data", i, "counted") != nil {
			t.Errorf("the counter sees %s", l.Raw)
		}
	}
	again := x.act(s.keeper, "submit").Want(200)
	if again.Text("status") != "recount" || again.Text("progress", "recounts") != "1" || again.Value("progress", "varying") != nil {
		t.Errorf("seven of ten: %s", again.Raw)
	}
	x.enter(s.keeper, pots, "7").WantCode(422, "invalid")
	x.enter(x.second, pans, "6").WantCode(422, "invalid")
	x.act(s.keeper, "submit").WantCode(422, "uncounted")
	x.enter(x.second, pots, "8").Want(200)
	if r := x.act(s.keeper, "submit").Want(200); r.Text("status") != "review" || r.Text("progress", "varying") != "1" {
		t.Errorf("to be approved: %s", r.Raw)
	}
	l := s.get("/counts/" + x.id + "/lines?state=varying")
	if l.Len("data") != 1 || l.Text("data", 0, "expected") != "10" || l.Text("data", 0, "counted") != "7" || l.Text("data", 0, "recounted") != "8" || l.Text("data", 0, "variance") != "-2" {
		t.Errorf("the result: %s", l.Raw)
	}
	counter := s.Staff(s.CentreA, "storekeeper", "stock_approver")
	if got := s.onHand(pot); got != "10" {
		t.Errorf("before the approval there are %s", got)
	}
	done := x.act(s.approver, "approve", obj{"note": "Seen"}).Want(200)
	if done.Text("status") != "posted" || s.onHand(pot) != "8" || s.onHand(pan) != "6" {
		t.Errorf("%s: pots %s, pans %s", done.Raw, s.onHand(pot), s.onHand(pan))
	}
	paper := s.get("/documents/" + done.Text("document_id"))
	if paper.Text("kind") != "count" || paper.Len("movements") != 1 || paper.Text("movements", 0, "type") != "adjustment_minus" {
		t.Errorf("in the ledger: %s", paper.Raw)
	}
	s.post(s.approver, "/movements/"+paper.Text("movements", 0, "id")+"/reverse", obj{"reason": "No"}).Want(409)
	y := s.count()
	y.enter(counter, pots, "8").Want(200)
	y.enter(counter, pans, "6").Want(200)
	y.act(counter, "submit").Want(200)
	y.act(counter, "approve", obj{}).WantCode(422, "four_eyes")
	y.act(s.approver, "reject", obj{"reason": "The second store was forgotten"}).Want(200)
	s.proven()
}

func TestCount_HandlesWhatMovesMeanwhile(t *testing.T) {
	s := newShed(t)
	pot := s.item("pot")
	lot := lotOf(s.receive(pot, "10", obj{"occurred_at": ago(48 * time.Hour)}))
	x := s.count()
	s.post(s.keeper, "/releases", s.release(pot, "3")).Want(201) // before it is counted
	x.enter(s.keeper, lot, "6").Want(200)                        // one is missing
	s.post(s.keeper, "/releases", s.release(pot, "2")).Want(201) // after
	x.act(s.keeper, "submit").Want(200)
	x.enter(x.second, lot, "4").Want(200) // counted again, after both
	x.act(s.keeper, "submit").Want(200)
	if l := x.lines(); l.Text("data", 0, "expected") != "5" || l.Text("data", 0, "variance") != "-1" {
		t.Errorf("one is missing: %s", l.Raw)
	}
	s.post(s.keeper, "/releases", s.release(pot, "1")).Want(201) // after the recount: no matter
	s.post(s.keeper, "/releases", s.release(pot, "1", obj{"occurred_at": ago(time.Hour)})).Want(201)
	x.act(s.approver, "approve", obj{}).WantCode(409, "books_changed")
	if r := x.act(s.keeper, "submit").Want(200); r.Text("status") != "review" || r.Text("progress", "varying") != "0" {
		t.Errorf("it was the forgotten release: %s", r.Raw)
	}
	if r := x.act(s.approver, "approve", obj{}).Want(200); r.Value("document_id") != nil || s.onHand(pot) != "3" {
		t.Errorf("nothing to adjust: %s, %s", r.Raw, s.onHand(pot))
	}
	s.proven()
}

func TestCount_TakesInWhatIsFound(t *testing.T) {
	s := newShed(t)
	pot, milk := s.item("pot"), s.item("milk", obj{"track_expiry": true})
	lot := lotOf(s.receive(pot, "2"))
	s.post(s.keeper, "/releases", s.release(pot, "2")).Want(201)
	x := s.count()
	found := func(f obj) *apptest.Response {
		f["location_id"] = s.store
		return s.post(s.keeper, "/counts/"+x.id+"/entries", obj{"found": []obj{f}})
	}
	if r := found(obj{"item_id": milk, "quantity": "5"}).WantCode(422, "invalid"); r.Text("errors", 0, "pointer") != "/found/0/expires_on" {
		t.Errorf("milk expires: %s", r.Raw)
	}
	found(obj{"item_id": milk, "quantity": "5", "expires_on": in(40)}).Want(200)
	found(obj{"item_id": pot, "quantity": "2", "lot_id": lot}).Want(200)
	found(obj{"item_id": pot, "quantity": "2", "lot_id": lot}).WantCode(422, "invalid")
	x.act(s.keeper, "submit").Want(200)
	lines := x.lines()
	for i := range lines.Len("data") {
		s.post(x.second, "/counts/"+x.id+"/entries", obj{"lines": []obj{{"line_id": lines.ID("data", i, "id"), "quantity": "5"}}}).Want(200)
	}
	x.act(s.keeper, "submit").Want(200)
	x.act(s.approver, "approve", obj{}).Want(200)
	if s.onHand(milk) != "5" || s.onHand(pot) != "5" {
		t.Errorf("milk %s, pots %s", s.onHand(milk), s.onHand(pot))
	}
	s.proven()
}

func TestCount_HasItsPlacesForItselfAndPostsOnce(t *testing.T) {
	s := newShed(t)
	pot := s.item("pot")
	lot := lotOf(s.receive(pot, "10"))
	var ids []string
	for range 4 {
		ids = append(ids, s.post(s.keeper, "/counts", obj{"location_ids": []uuid.UUID{s.store}}).Want(201).Text("id"))
	}
	codes := apptest.AtOnce(4, func(i int) *apptest.Response {
		return s.post(s.keeper, "/counts/"+ids[i]+"/open", nil, apptest.IfMatch(`"1"`))
	})
	if codes[0] != 200 || codes[1] != 409 {
		t.Fatalf("one of four opens: %v", codes)
	}
	x := &sheet{shed: s, second: s.Staff(s.CentreA, "storekeeper")}
	for _, id := range ids {
		if s.get("/counts/"+id).Text("status") == "counting" {
			x.id = id
		}
	}
	waiting := s.post(s.keeper, "/adjustments", obj{"lines": []obj{{"item_id": pot, "lot_id": lot, "location_id": s.store, "direction": "minus", "quantity": "1", "reason": "Broken"}}}).Want(201)
	if r := s.post(s.approver, "/documents/"+waiting.Text("id")+"/approve", obj{}, apptest.IfMatch(waiting.ETag())).WantCode(422, "invalid"); r.Text("errors", 0, "code") != "being_counted" {
		t.Errorf("adjusted twice: %s", r.Raw)
	}
	x.enter(s.keeper, lot, "9").Want(200)
	x.act(s.keeper, "submit").Want(200)
	x.enter(x.second, lot, "9").Want(200)
	etag := x.act(s.keeper, "submit").Want(200).ETag()
	codes = apptest.AtOnce(6, func(int) *apptest.Response {
		return s.post(s.approver, "/counts/"+x.id+"/approve", obj{}, apptest.IfMatch(etag))
	})
	if codes[0] != 200 || codes[1] == 200 || s.onHand(pot) != "9" {
		t.Errorf("approved by six at once: %v, %s pots", codes, s.onHand(pot))
	}
	s.post(s.approver, "/documents/"+waiting.Text("id")+"/approve", obj{}, apptest.IfMatch(waiting.ETag())).Want(200)
	s.proven()
}

func TestCount_RefusesWhatIsNotItsOwn(t *testing.T) {
	s := newShed(t)
	pot, other := s.item("pot"), s.place("B1", "store")
	lot := lotOf(s.receive(pot, "1"))
	if r := s.post(s.keeper, "/counts", obj{"location_ids": []uuid.UUID{uuid.New()}}).WantCode(422, "invalid"); r.Text("errors", 0, "pointer") != "/location_ids/0" {
		t.Errorf("an unknown place: %s", r.Raw)
	}
	x := s.count()
	x.enter(s.keeper, lot, "1").Want(200)
	body := obj{"lines": []obj{{"line_id": uuid.New(), "quantity": "1"}}}
	s.post(s.keeper, "/counts/"+x.id+"/entries", body).WantCode(422, "invalid")
	s.post(s.keeper, "/counts/"+x.id+"/entries", obj{"found": []obj{{"item_id": pot, "location_id": other, "quantity": "1"}}}).WantCode(422, "invalid")
	s.post(s.keeper, "/counts/"+x.id+"/entries", obj{"counted_at": ago(time.Hour), "lines": []obj{}}).WantCode(422, "invalid")
	x.act(s.keeper, "approve", obj{}).Want(403)
	x.act(s.approver, "approve", obj{}).Want(409)
	x.act(s.keeper, "cancel", obj{"reason": "A lorry came"}).Want(200)
	x.enter(s.keeper, lot, "1").Want(409)
	if s.onHand(pot) != "1" {
		t.Error("a cancelled count moved something")
	}
}

// Somebody posts with an earlier date while the count is being approved: the difference is not taken twice.
func TestCount_IsNotApprovedBesideAnEarlierMovementUnderWay(t *testing.T) {
	s := newShed(t)
	pot := s.item("pot")
	first := s.receive(pot, "10", obj{"occurred_at": ago(48 * time.Hour)})
	lot := lotOf(first)
	x := s.count()
	x.enter(s.keeper, lot, "8").Want(200)
	x.act(s.keeper, "submit").Want(200)
	x.enter(x.second, lot, "8").Want(200)
	etag := x.act(s.keeper, "submit").Want(200).ETag()

	ctx := context.Background()
	tx, err := s.Owner.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(ctx) }()
	document, line := uuid.New(), uuid.New()
	for _, q := range []struct {
		sql  string
		args []any
	}{
		{`insert into stock_documents (centre_id, id, version, created_at, updated_at, kind, status, occurred_at) values ($1, $2, 1, now(), now(), 'release', 'posted', now() - interval '1 hour')`, []any{s.CentreA, document}},
		{`insert into stock_lines (centre_id, id, created_at, updated_at, document_id, position, type, item_id, location_id, lot_id, unit, entered, factor, quantity) values ($1, $2, now(), now(), $3, 1, 'issue_internal', $4, $5, $6, 'piece', 2, 1, 2)`, []any{s.CentreA, line, document, pot, s.store, lot}},
		{`insert into stock_movements (centre_id, id, created_at, updated_at, document_id, line_id, type, item_id, location_id, lot_id, quantity) values ($1, $2, now(), now(), $3, $4, 'issue_internal', $5, $6, $7, -2)`, []any{s.CentreA, uuid.New(), document, line, pot, s.store, lot}},
	} {
		if _, err := tx.Exec(ctx, q.sql, q.args...); err != nil {
			t.Fatal(err)
		}
	}
	time.AfterFunc(400*time.Millisecond, func() { _ = tx.Commit(ctx) })
	s.post(s.approver, "/counts/"+x.id+"/approve", obj{}, apptest.IfMatch(etag)).WantCode(409, "books_changed")
	if got := s.onHand(pot); got != "8" {
		t.Errorf("eight pots lie there, the books say %s", got)
	}
	s.proven()
}
