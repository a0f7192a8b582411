package stock_test

import (
	"context"
	"flag"
	"fmt"
	"testing"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"github.com/waystation/waystation/internal/app/apptest"
)

// road is two centres that keep the same item, and how goods go from one to the other.
type road struct {
	from, to   *shed
	code       string // the receiver's
	item, over uuid.UUID
}

func newRoad(t *testing.T) *road {
	h := apptest.New(t)
	r := &road{from: open(h, h.CentreA), to: open(h, h.CentreB)}
	h.Scan("select code from centres where id = $1", []any{h.CentreB}, &r.code)
	r.item, r.over = r.from.item("pot"), r.to.item("pot")
	return r
}

// ask asks for a quantity of the item to be sent to the other centre.
func (r *road) ask(quantity string) *apptest.Response {
	r.from.T.Helper()
	return r.from.post(r.from.keeper, "/transfers", obj{"from_location_id": r.from.store, "to_centre_code": r.code, "lines": []obj{{"item_id": r.item, "quantity": quantity}}}).Want(201)
}

// send does all until the goods are on the road.
func (r *road) send(quantity string) *apptest.Response {
	r.from.T.Helper()
	asked := r.ask(quantity)
	return r.dispatch(r.approve(asked))
}

func (r *road) approve(asked *apptest.Response) *apptest.Response {
	r.from.T.Helper()
	return r.from.post(r.from.approver, "/transfers/"+asked.Text("id")+"/approve", obj{}, apptest.IfMatch(asked.ETag())).Want(200)
}

func (r *road) dispatch(agreed *apptest.Response) *apptest.Response {
	r.from.T.Helper()
	return r.from.post(r.from.keeper, "/transfers/"+agreed.Text("id")+"/dispatch", obj{"driver": "M. Alhousseini", "seal": "77120"}, apptest.IfMatch(agreed.ETag())).Want(200)
}

// counted is the receiver's word of each lot that was sent, in their order.
func (r *road) counted(sent *apptest.Response, accepted ...string) obj {
	lines := []obj{}
	for i, a := range accepted {
		lines = append(lines, obj{"goods_id": sent.ID("goods", i, "id"), "accepted": a, "location_id": r.to.store})
	}
	return obj{"lines": lines}
}

func (r *road) receive(sent *apptest.Response, body obj) *apptest.Response {
	r.from.T.Helper()
	return r.to.post(r.to.keeper, "/incoming-transfers/"+sent.Text("id")+"/receive", body, apptest.IfMatch(sent.ETag()))
}

func (r *road) settle(p apptest.Person, etag string, sent *apptest.Response, lines ...obj) *apptest.Response {
	r.from.T.Helper()
	return r.from.post(p, "/transfers/"+sent.Text("id")+"/settle", obj{"lines": lines}, apptest.IfMatch(etag))
}

// lies is what there is of the item in all places of a kind of a centre.
func (r *road) lies(centre uuid.UUID, kind string) (sum string) {
	r.from.Scan(`select trim_scale(coalesce(sum(b.on_hand), 0))::text from stock_balances b join stock_locations l on l.centre_id = b.centre_id and l.id = b.location_id
		where b.centre_id = $1 and b.item_id in ($2, $3) and l.kind = $4`, []any{centre, r.item, r.over, kind}, &sum)
	return sum
}

func (r *road) stands(t *testing.T, sender, onTheRoad, receiver string) {
	t.Helper()
	if a, b, c := r.lies(r.from.CentreA, "store"), r.lies(r.from.CentreA, "transit"), r.lies(r.from.CentreB, "store"); a != sender || b != onTheRoad || c != receiver {
		t.Errorf("the sender has %s, the road %s, the receiver %s; want %s, %s, %s", a, b, c, sender, onTheRoad, receiver)
	}
}

// rule 20
func TestTransfer_GoesByTheRoadToAnotherCentreAndEndsInBothBooks(t *testing.T) {
	r := newRoad(t)
	r.from.receive(r.item, "5", obj{"expires_on": in(20), "batch": "B-1", "donor": "ECHO", "cost": obj{"amount": "4.5", "currency": "EUR"}})
	r.from.receive(r.item, "10", obj{"expires_on": in(90)})
	asked := r.ask("8")
	path := "/transfers/" + asked.Text("id")
	r.from.post(r.from.Staff(r.from.CentreA, "storekeeper", "stock_approver"), path+"/approve", obj{}, apptest.IfMatch(`"7"`)).Want(412)
	agreed := r.approve(asked)
	r.stands(t, "15", "0", "0")
	r.to.Call(r.to.keeper, "GET", r.to.root+"/incoming-transfers/"+asked.Text("id"), nil).Want(404)
	sent := r.dispatch(agreed)
	if sent.Text("waybill", "number") == "" || sent.Len("goods") != 2 || sent.Text("goods", 0, "sent") != "5" || sent.Text("goods", 0, "batch") != "B-1" || sent.Text("goods", 1, "sent") != "3" {
		t.Errorf("what expires first travels first: %s", sent.Raw)
	}
	r.stands(t, "7", "8", "0")

	coming := r.to.get("/incoming-transfers/" + asked.Text("id"))
	if coming.Text("goods", 0, "donor") != "ECHO" || coming.Text("origin", "code") == "" || coming.Value("goods", 0, "lot_id") != nil || coming.Value("from_location_id") != nil {
		t.Errorf("the receiver sees %s", coming.Raw)
	}
	taken := r.receive(sent, obj{"note": "One was wet", "lines": []obj{
		{"goods_id": sent.ID("goods", 0, "id"), "accepted": "4", "damaged": "1", "location_id": r.to.store},
		{"goods_id": sent.ID("goods", 1, "id"), "accepted": "2", "location_id": r.to.store}}}).Want(200)
	if taken.Text("status") != "received" {
		t.Errorf("two are not accounted for: %s", taken.Raw)
	}
	r.stands(t, "7", "2", "6")
	lots := r.to.get("/lots?item_id=" + r.over.String())
	for i := range lots.Len("data") {
		if lots.Text("data", i, "batch") == "B-1" && (lots.Text("data", i, "donor") != "ECHO" || lots.Text("data", i, "cost", "amount") != "4.5" || lots.ID("data", i, "origin_lot_id") != sent.ID("goods", 0, "lot_id")) {
			t.Errorf("the lot forgot where it came from: %s", lots.Raw)
		}
	}

	now := r.from.get(path)
	back := r.from.place("B1", "store")
	r.settle(r.from.approver, now.ETag(), sent, obj{"goods_id": sent.ID("goods", 0, "id"), "type": "loss_damage", "quantity": "1"}).WantCode(422, "invalid")
	done := r.settle(r.from.approver, now.ETag(), sent, obj{"goods_id": sent.ID("goods", 0, "id"), "type": "loss_damage", "quantity": "1", "reason": "Wet"},
		obj{"goods_id": sent.ID("goods", 1, "id"), "type": "returned", "quantity": "1", "location_id": back}).Want(200)
	if done.Text("status") != "closed" || done.Text("settlement_id") == "" {
		t.Errorf("settled: %s", done.Raw)
	}
	r.stands(t, "8", "0", "6")
	if r.to.get("/incoming-transfers/"+asked.Text("id")).Text("status") != "closed" {
		t.Error("the receiver is not told of the end")
	}
	r.from.proven()
}

func TestTransfer_BetweenTwoStoresKeepsTheLot(t *testing.T) {
	s := newShed(t)
	item, bin := s.item("soap"), s.place("B1", "store")
	lot := lotOf(s.receive(item, "9"))
	asked := s.post(s.keeper, "/transfers", obj{"from_location_id": s.store, "to_location_id": bin, "lines": []obj{{"item_id": item, "quantity": "4"}}}).Want(201)
	path := asked.Text("id")
	agreed := s.post(s.approver, "/transfers/"+path+"/approve", obj{}, apptest.IfMatch(asked.ETag())).Want(200)
	sent := s.post(s.keeper, "/transfers/"+path+"/dispatch", obj{}, apptest.IfMatch(agreed.ETag())).Want(200)
	taken := s.post(s.keeper, "/incoming-transfers/"+path+"/receive", obj{"lines": []obj{{"goods_id": sent.ID("goods", 0, "id"), "accepted": "4"}}}, apptest.IfMatch(sent.ETag())).Want(200)
	if taken.Text("status") != "closed" || taken.ID("goods", 0, "lot_id") != lot {
		t.Errorf("received: %s", taken.Raw)
	}
	var there string
	s.Scan("select trim_scale(on_hand)::text from stock_balances where location_id = $1 and lot_id = $2", []any{bin, lot}, &there)
	if there != "4" || s.onHand(item) != "9" {
		t.Errorf("%s are in the other store, %s in all", there, s.onHand(item))
	}
	s.proven()
}

func TestTransfer_RefusesWhatDoesNotAddUp(t *testing.T) {
	r := newRoad(t)
	r.from.receive(r.item, "20")
	sent := r.send("6")
	goods := sent.ID("goods", 0, "id")
	other := r.to.item("rice", obj{"unit": "kilogram"})
	line := func(more obj) obj {
		l := obj{"goods_id": goods, "accepted": "6", "location_id": r.to.store}
		for k, v := range more {
			l[k] = v
		}
		return obj{"lines": []obj{l}}
	}
	for want, body := range map[string]obj{
		"surplus":          line(obj{"damaged": "1"}),
		"uncounted":        {"lines": []obj{{"goods_id": uuid.New(), "accepted": "1"}}},
		"unknown_item":     line(obj{"item_id": uuid.New()}),
		"other_unit":       line(obj{"item_id": other}),
		"unknown_location": line(obj{"location_id": uuid.New()}),
	} {
		got := r.receive(sent, body).WantCode(422, "invalid")
		found := false
		for i := range got.Len("errors") {
			found = found || got.Text("errors", i, "code") == want
		}
		if !found {
			t.Errorf("want %s: %s", want, got.Raw)
		}
	}
	r.stands(t, "14", "6", "0")
	r.from.post(r.from.keeper, "/transfers/"+sent.Text("id")+"/cancel", obj{"reason": "Too late"}, apptest.IfMatch(sent.ETag())).WantCode(409, "state_conflict")

	var onRoad uuid.UUID
	r.from.Scan("select id from stock_locations where centre_id = $1 and kind = 'transit'", []any{r.from.CentreA}, &onRoad)
	if got := r.from.post(r.from.keeper, "/releases", r.from.release(r.item, "1", obj{"location_id": onRoad})).WantCode(422, "invalid"); got.Text("errors", 0, "code") != "in_transit" {
		t.Errorf("goods on the road were released: %s", got.Raw)
	}
	both := r.from.Staff(r.from.CentreA, "storekeeper", "stock_approver")
	again := r.ask("2")
	approvedIt := r.approve(again)
	mine := r.from.post(both, "/transfers/"+again.Text("id")+"/dispatch", obj{}, apptest.IfMatch(approvedIt.ETag())).Want(200)
	r.settle(both, mine.ETag(), mine, obj{"goods_id": mine.ID("goods", 0, "id"), "type": "loss_theft", "quantity": "2"}).WantCode(422, "four_eyes")
	own := r.from.post(both, "/transfers", obj{"from_location_id": r.from.store, "to_centre_code": r.code, "lines": []obj{{"item_id": r.item, "quantity": "1"}}}).Want(201)
	r.from.post(both, "/transfers/"+own.Text("id")+"/approve", obj{}, apptest.IfMatch(own.ETag())).WantCode(422, "four_eyes")

	third := open(r.from.House, r.from.Centre("DIR", "Centre de transit Dirkou"))
	third.Call(third.keeper, "GET", third.root+"/incoming-transfers/"+sent.Text("id"), nil).Want(404)
	third.Call(third.keeper, "GET", third.root+"/transfers/"+sent.Text("id"), nil).Want(404)
	third.post(third.keeper, "/incoming-transfers/"+sent.Text("id")+"/receive", r.counted(sent, "6"), apptest.IfMatch(sent.ETag())).Want(404)
	r.to.Call(r.to.keeper, "GET", r.to.root+"/transfers/"+sent.Text("id"), nil).Want(404)
}

func TestTransfer_IsReceivedOnceAndNotAlsoSettled(t *testing.T) {
	r := newRoad(t)
	r.from.receive(r.item, "20")
	sent := r.send("6")
	codes := apptest.AtOnce(8, func(i int) *apptest.Response {
		if i%2 == 0 {
			return r.settle(r.from.approver, sent.ETag(), sent, obj{"goods_id": sent.ID("goods", 0, "id"), "type": "returned", "quantity": "6", "location_id": r.from.store})
		}
		return r.receive(sent, r.counted(sent, "6"))
	})
	won := 0
	for _, code := range codes {
		if code == 200 {
			won++
		} else if code != 409 && code != 412 && code != 404 {
			t.Errorf("a loser is told %d", code)
		}
	}
	if won != 1 || r.lies(r.from.CentreA, "transit") != "0" {
		t.Errorf("%d won: %v", won, codes)
	}
	var all string
	r.from.Scan("select trim_scale(sum(on_hand))::text from stock_balances where item_id in ($1, $2)", []any{r.item, r.over}, &all)
	if all != "20" {
		t.Errorf("twenty pots became %s", all)
	}
}

func TestTransfer_OfWhatExpiresOnTheRoadIsReceivedAllTheSame(t *testing.T) {
	r := newRoad(t)
	r.from.receive(r.item, "3", obj{"expires_on": in(1)})
	sent := r.send("3")
	if _, err := r.from.Owner.Exec(context.Background(), `alter table stock_lots disable trigger append_only`); err != nil {
		t.Fatal(err)
	}
	if _, err := r.from.Owner.Exec(context.Background(), `update stock_lots set expires_on = current_date - 2 where item_id = $1`, r.item); err != nil {
		t.Fatal(err)
	}
	r.receive(sent, r.counted(sent, "2")).Want(200)
	now := r.from.get("/transfers/" + sent.Text("id"))
	r.settle(r.from.approver, now.ETag(), sent, obj{"goods_id": sent.ID("goods", 0, "id"), "type": "loss_expiry", "quantity": "1"}).Want(200)
	r.stands(t, "0", "0", "2")
}

// Whatever is sent, lost, returned and refused: what both centres and the road hold, and what was reported lost, stays the same.
func TestTransfer_NeitherMakesGoodsNorLosesThem(t *testing.T) {
	if err := flag.Set("rapid.checks", "15"); err != nil { // over HTTP
		t.Fatal(err)
	}
	r := newRoad(t)
	r.from.receive(r.item, "1000")
	total := func() (sum string) {
		r.from.Scan(`select trim_scale(sum(q))::text from (select on_hand as q from stock_balances where item_id in ($1, $2)
			union all select -quantity from stock_movements where item_id = $1 and type in ('loss_damage', 'loss_theft')) x`, []any{r.item, r.over}, &sum)
		return sum
	}
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(1, 9).Draw(rt, "sent")
		sent := r.send(fmt.Sprint(n))
		etag, rest := sent.ETag(), n
		if rapid.Bool().Draw(rt, "arrives") {
			accepted := rapid.IntRange(0, n).Draw(rt, "accepted")
			r.receive(sent, r.counted(sent, fmt.Sprint(accepted))).Want(200)
			etag, rest = r.from.get("/transfers/"+sent.Text("id")).ETag(), n-accepted
		}
		if total() != "1000" {
			rt.Fatalf("after the receipt there are %s", total())
		}
		lost := rapid.IntRange(0, rest).Draw(rt, "lost")
		lines := []obj{}
		if lost > 0 {
			lines = append(lines, obj{"goods_id": sent.ID("goods", 0, "id"), "type": rapid.SampledFrom([]string{"loss_damage", "loss_theft"}).Draw(rt, "how"), "quantity": fmt.Sprint(lost)})
		}
		if rest > lost {
			lines = append(lines, obj{"goods_id": sent.ID("goods", 0, "id"), "type": "returned", "quantity": fmt.Sprint(rest - lost), "location_id": r.from.store})
		}
		if rest > 0 {
			r.settle(r.from.approver, etag, sent, lines...).Want(200)
		}
		if total() != "1000" || r.lies(r.from.CentreA, "transit") != "0" {
			rt.Fatalf("after the settlement there are %s, on the road %s", total(), r.lies(r.from.CentreA, "transit"))
		}
		r.from.proven()
	})
}

func TestTransfer_OnceApprovedNobodyElseGivesItsGoodsAway(t *testing.T) {
	r := newRoad(t)
	s := r.from
	s.receive(r.item, "10")
	held := func(want string) {
		t.Helper()
		if b := s.get("/balances?item_id=" + r.item.String()); b.Text("data", 0, "reserved") != want {
			t.Errorf("want %s reserved: %s", want, b.Raw)
		}
	}
	agreed := r.approve(r.ask("7"))
	held("7")
	if got := s.post(s.keeper, "/releases", s.release(r.item, "4")).WantCode(422, "invalid"); got.Text("errors", 0, "code") != "insufficient_stock" {
		t.Errorf("of ten, seven are promised: %s", got.Raw)
	}
	second := r.ask("4")
	s.post(s.approver, "/transfers/"+second.Text("id")+"/approve", obj{}, apptest.IfMatch(second.ETag())).WantCode(422, "invalid")
	s.post(s.keeper, "/releases", s.release(r.item, "3")).Want(201)
	r.dispatch(agreed)
	r.stands(t, "0", "7", "0")
	held("0")

	s.receive(r.item, "10")
	third := r.approve(r.ask("10"))
	s.post(s.keeper, "/transfers/"+third.Text("id")+"/cancel", obj{"reason": "No lorry"}, apptest.IfMatch(third.ETag())).Want(200)
	s.post(s.keeper, "/releases", s.release(r.item, "10")).Want(201)
	s.proven()
}

// rule 16
func TestTransfer_ApprovalsAndReleasesAtOncePromiseEachPieceOnce(t *testing.T) {
	r := newRoad(t)
	s := r.from
	s.receive(r.item, "10")
	asked := make([]*apptest.Response, 12)
	for i := range asked {
		if i%2 == 0 {
			asked[i] = r.ask("1")
		}
	}
	codes := apptest.AtOnce(24, func(i int) *apptest.Response {
		if i < 12 && i%2 == 0 {
			return s.post(s.approver, "/transfers/"+asked[i].Text("id")+"/approve", obj{}, apptest.IfMatch(asked[i].ETag()))
		}
		return s.post(s.keeper, "/releases", s.release(r.item, "1"))
	})
	won := 0
	for _, code := range codes {
		if code == 200 || code == 201 {
			won++
		} else if code != 422 {
			t.Errorf("a loser is told %d", code)
		}
	}
	var left, promised string
	s.Scan("select trim_scale(on_hand)::text, trim_scale(reserved)::text from stock_balances where item_id = $1", []any{r.item}, &left, &promised)
	if won != 10 || left != promised {
		t.Errorf("%d of ten were given or promised; %s are left, %s promised", won, left, promised)
	}
	s.proven()
}
