package stock_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/app/apptest"
)

type obj = map[string]any

// shed is a centre with a store, its keeper and somebody who approves.
type shed struct {
	*apptest.House
	keeper, approver apptest.Person
	root             string
	store            uuid.UUID
}

func newShed(t *testing.T) *shed {
	h := apptest.New(t)
	return open(h, h.CentreA)
}

func open(h *apptest.House, centre uuid.UUID) *shed {
	s := &shed{House: h, keeper: h.Staff(centre, "storekeeper"), approver: h.Staff(centre, "stock_approver"), root: "/v1/centres/" + centre.String() + "/stock"}
	s.store = s.place("A1", "store")
	return s
}

func (s *shed) post(p apptest.Person, path string, body any, headers ...apptest.Header) *apptest.Response {
	s.T.Helper()
	return s.Call(p, "POST", s.root+path, body, headers...)
}

func (s *shed) get(path string) *apptest.Response {
	s.T.Helper()
	return s.Call(s.keeper, "GET", s.root+path, nil).Want(200)
}

func (s *shed) place(code, kind string) uuid.UUID {
	s.T.Helper()
	return s.post(s.keeper, "/locations", obj{"code": code, "name": code, "kind": kind}).Want(201).ID()
}

// item adds an item of the centre's own.
func (s *shed) item(code string, more ...obj) uuid.UUID {
	s.T.Helper()
	body := obj{"code": code, "name": code, "category": "other", "unit": "piece"}
	for _, m := range more {
		for k, v := range m {
			body[k] = v
		}
	}
	return s.post(s.keeper, "/items", body).Want(201).ID()
}

// receive brings one line of an item into the store and returns its document.
func (s *shed) receive(item uuid.UUID, quantity string, more ...obj) *apptest.Response {
	s.T.Helper()
	return s.post(s.keeper, "/receipts", s.receipt(item, quantity, more...)).Want(201)
}

func (s *shed) receipt(item uuid.UUID, quantity string, more ...obj) obj {
	l, body := obj{"item_id": item, "location_id": s.store, "quantity": quantity}, obj{"type": "receipt_purchase"}
	for _, m := range more {
		for k, v := range m {
			if k == "occurred_at" || k == "id" {
				body[k] = v
				continue
			}
			l[k] = v
		}
	}
	body["lines"] = []obj{l}
	return body
}

func (s *shed) release(item uuid.UUID, quantity string, more ...obj) obj {
	body := s.receipt(item, quantity, more...)
	body["type"] = "issue_internal"
	return body
}

// loss reports a lot of the store as damaged.
func (s *shed) loss(item, lot uuid.UUID, quantity string) obj {
	return obj{"type": "loss_damage", "cause": "Water", "lines": []obj{{"item_id": item, "lot_id": lot, "location_id": s.store, "quantity": quantity}}}
}

// onHand adds up an item's balances.
func (s *shed) onHand(item uuid.UUID) (sum string) {
	s.T.Helper()
	s.Scan("select trim_scale(coalesce(sum(on_hand), 0))::text from stock_balances where item_id = $1", []any{item}, &sum)
	return sum
}

func lotOf(r *apptest.Response) uuid.UUID { return r.ID("movements", 0, "lot_id") }

// in is a calendar day from now.
func in(days int) string { return time.Now().AddDate(0, 0, days).Format(time.DateOnly) }

func ago(d time.Duration) string { return time.Now().Add(-d).UTC().Format(time.RFC3339) }

func TestItem_IsTakenFromTheCatalogueOrTheCentresOwn(t *testing.T) {
	s := newShed(t)
	soap := s.post(s.keeper, "/items", obj{"catalogue_code": "soap_bathing"}, apptest.Header{Name: "Accept-Language", Value: "en"}).Want(201)
	for want, path := range map[string][]any{
		"soap_bathing": {"code"}, "Bathing soap": {"name"}, "gram": {"unit"}, "hygiene": {"category"}, "true": {"track_expiry"}, "250": {"standard", "quantity"},
		"person per month": {"standard", "per"}, "verified": {"standard", "basis"}, "30": {"standard", "replenish_days"},
	} {
		if got := soap.Text(path...); got != want {
			t.Errorf("%v is %q, want %q", path, got, want)
		}
	}
	if soap.Value("catalogue", "current") != true || soap.Text("standard", "source") == "" {
		t.Errorf("the catalogue's version or the standard's source is missing: %s", soap.Raw)
	}
	s.post(s.keeper, "/items", obj{"catalogue_code": "soap_bathing", "code": "soap2"}).WantCode(409, "already_exists")
	s.post(s.keeper, "/items", obj{"catalogue_code": "pocket_money"}).WantCode(422, "invalid")
	r := s.post(s.keeper, "/items", obj{"name": "Fan"}).WantCode(422, "invalid")
	if r.Len("errors") != 3 {
		t.Errorf("an item of one's own lacks code, category and unit: %s", r.Raw)
	}
	fan := s.item("fan", obj{"units": []obj{{"unit": "carton", "factor": "12"}}})
	s.post(s.keeper, "/items", obj{"code": "fan", "name": "x", "category": "other", "unit": "piece"}).WantCode(409, "already_exists")
	s.post(s.keeper, "/items", obj{"code": "y", "name": "x", "category": "other", "unit": "piece", "units": []obj{{"unit": "piece", "factor": "2"}}}).WantCode(422, "invalid")
	s.post(s.keeper, "/items", obj{"code": "y", "name": "x", "category": "other", "unit": "piece", "units": []obj{{"unit": "box", "factor": "0"}}}).WantCode(422, "invalid")
	changed := s.Call(s.keeper, "PATCH", s.root+"/items/"+fan.String(), obj{"value": obj{"amount": "3.5", "currency": "EUR"}, "weight_grams": "950", "active": false}, apptest.IfMatch(`"1"`)).Want(200)
	if changed.Text("value", "amount") != "3.5" || changed.Text("weight_grams") != "950" || changed.Value("active") != false || changed.ETag() != `"2"` {
		t.Errorf("the change is %s", changed.Raw)
	}
	bare := s.Call(s.keeper, "PATCH", s.root+"/items/"+fan.String(), obj{"value": nil, "standard": nil, "weight_grams": nil}, apptest.IfMatch(`"2"`)).Want(200)
	if bare.Value("value") != nil || bare.Value("standard") != nil || bare.Value("weight_grams") != nil {
		t.Errorf("null leaves %s", bare.Raw)
	}
	s.post(s.keeper, "/items/"+fan.String()+"/refresh", nil, apptest.IfMatch(`"3"`)).WantCode(409, "state_conflict")
	if list := s.get("/items?active=true"); list.Len("data") != 1 {
		t.Errorf("items in use are %s", list.Raw)
	}
}

func TestItem_TellsWhenTheCatalogueWentOnAndTakesItOver(t *testing.T) {
	s := newShed(t)
	item := s.post(s.keeper, "/items", obj{"catalogue_code": "blanket", "standard": obj{"quantity": "3", "per": "person"}}).Want(201)
	s.Exec("update stock_items set catalogue_version = 'older' where id = $1", item.ID())
	path := "/items/" + item.ID().String()
	if old := s.get(path); old.Value("catalogue", "current") != false || old.Text("standard", "quantity") != "3" {
		t.Errorf("an older version shows as %s", old.Raw)
	}
	fresh := s.post(s.keeper, path+"/refresh", nil, apptest.IfMatch(`"1"`)).Want(200)
	if fresh.Value("catalogue", "current") != true || fresh.Text("standard", "quantity") != "1" {
		t.Errorf("taken over: %s", fresh.Raw)
	}
}

func TestLocation_HoldsBinsAndIsClosedOnlyWhenEmpty(t *testing.T) {
	s := newShed(t)
	bin := s.post(s.keeper, "/locations", obj{"code": "A1-1", "name": "Shelf", "kind": "bin", "parent_id": s.store}).Want(201)
	s.post(s.keeper, "/locations", obj{"code": "A1", "name": "Again", "kind": "store"}).WantCode(409, "already_exists")
	s.post(s.keeper, "/locations", obj{"code": "B", "name": "Loose", "kind": "bin"}).WantCode(422, "invalid")
	s.post(s.keeper, "/locations", obj{"code": "B", "name": "In a bin", "kind": "bin", "parent_id": bin.ID()}).WantCode(422, "invalid")
	item := s.item("pot")
	s.receive(item, "3")
	path := s.root + "/locations/" + s.store.String()
	s.Call(s.keeper, "PATCH", path, obj{"active": false}, apptest.IfMatch(`"1"`)).WantCode(409, "not_empty")
	s.post(s.keeper, "/releases", s.release(item, "3")).Want(201)
	s.Call(s.keeper, "PATCH", path, obj{"active": false}, apptest.IfMatch(`"1"`)).Want(200)
	s.post(s.keeper, "/receipts", s.receipt(item, "1")).WantCode(422, "invalid")
}

func TestReceipt_ConvertsUnitsAndMakesALot(t *testing.T) {
	s := newShed(t)
	item := s.item("soap", obj{"track_expiry": true, "units": []obj{{"unit": "carton", "factor": "48"}}})
	s.post(s.keeper, "/receipts", s.receipt(item, "2", obj{"unit": "carton"})).WantCode(422, "invalid") // no expiry
	r := s.receive(item, "2.5", obj{"unit": "carton", "expires_on": in(300), "donor": "ECHO", "grant_code": "G1", "batch": "B7", "ordered": "3", "damaged": "0.5", "cost": obj{"amount": "0.25", "currency": "EUR"}})
	if r.Text("lines", 0, "base_quantity") != "120" || r.Text("lines", 0, "factor") != "48" || r.Text("lines", 0, "quantity") != "2.5" || r.Text("movements", 0, "quantity") != "120" {
		t.Errorf("2.5 cartons of 48 are %s", r.Raw)
	}
	if r.Text("status") != "posted" || r.Text("number") != fmt.Sprintf("GRN-%d-00001", time.Now().UTC().Year()) {
		t.Errorf("the document is %s", r.Raw)
	}
	lot := s.get("/lots/" + lotOf(r).String())
	if lot.Text("donor") != "ECHO" || lot.Text("cost", "amount") != "0.25" || lot.Text("expires_on") != in(300) || lot.Text("ownership") != "own" {
		t.Errorf("the lot is %s", lot.Raw)
	}
	for name, l := range map[string]obj{
		"no conversion": {"unit": "bale", "expires_on": in(9)}, "a fraction that is not kept": {"quantity": "0.001", "unit": "carton", "item_id": s.item("third", obj{"units": []obj{{"unit": "carton", "factor": "0.5"}}})},
		"nothing": {"quantity": "0", "expires_on": in(9)}, "an unknown item": {"item_id": uuid.New()}, "an unknown place": {"location_id": uuid.New(), "expires_on": in(9)},
	} {
		if r := s.post(s.keeper, "/receipts", s.receipt(item, "1", l)); r.Status != 422 {
			t.Errorf("%s: %d %s", name, r.Status, r.Raw)
		}
	}
	if got := s.onHand(item); got != "120" {
		t.Errorf("on hand %s", got)
	}
}

func TestStock_IsForItsOwnRoles(t *testing.T) {
	s := newShed(t)
	worker, officer := s.Staff(s.CentreA, "caseworker"), s.Staff(s.CentreA, "distribution_officer")
	s.Call(worker, "GET", s.root+"/lots", nil).Want(403) // donors and costs
	s.Call(officer, "GET", s.root+"/lots", nil).Want(200)
	s.Call(officer, "POST", s.root+"/items", obj{"catalogue_code": "blanket"}).Want(403)
	s.Call(s.keeper, "POST", s.root+"/periods", obj{"through_on": in(-3)}).Want(403)
}
