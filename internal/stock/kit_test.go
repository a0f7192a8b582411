package stock_test

import (
	"testing"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/app/apptest"
)

// rule 20
func TestKitting_ConservesQuantityThroughEveryLotAndBack(t *testing.T) {
	s := newShed(t)
	soap, cup, kit := s.item("soap", obj{"track_expiry": true}), s.item("cup"), s.item("hygiene_kit")
	early, late := lotOf(s.receive(soap, "500", obj{"expires_on": in(40)})), lotOf(s.receive(soap, "1000", obj{"expires_on": in(90)}))
	s.receive(cup, "10")
	bill := s.post(s.keeper, "/kits", obj{"item_id": kit, "components": []obj{{"item_id": soap, "quantity": "250"}, {"item_id": cup, "quantity": "2"}}}).Want(201)
	assembly := "/kits/" + bill.ID().String() + "/assemble"
	s.post(s.keeper, assembly, obj{"location_id": s.store, "quantity": "6"}).WantCode(422, "invalid")
	made := s.post(s.keeper, assembly, obj{"location_id": s.store, "quantity": "4"}).Want(201)
	lot := made.ID("lines", 2, "lot_id")
	if s.onHand(soap) != "500" || s.onHand(cup) != "2" || s.onHand(kit) != "4" || s.get("/lots/"+lot.String()).Text("expires_on") != in(40) {
		t.Errorf("four kits are %s", made.Raw)
	}
	// What a kit is made of by now does not matter to those that are made.
	s.Call(s.keeper, "PATCH", s.root+"/kits/"+bill.ID().String(), obj{"components": []obj{{"item_id": cup, "quantity": "1"}}}, apptest.IfMatch(`"1"`)).Want(200)
	apart := "/lots/" + lot.String() + "/disassemble"
	s.post(s.keeper, apart, obj{"location_id": s.store, "quantity": "5"}).WantCode(422, "invalid")
	s.post(s.keeper, "/movements/"+made.Text("movements", 0, "id")+"/reverse", obj{"reason": "x"}).Want(403)
	first := s.post(s.keeper, apart, obj{"location_id": s.store, "quantity": "3"}).Want(201)
	if s.onHand(soap) != "1250" || s.onHand(cup) != "8" || s.onHand(kit) != "1" {
		t.Errorf("three taken apart: soap %s, cups %s, kits %s", s.onHand(soap), s.onHand(cup), s.onHand(kit))
	}
	s.post(s.approver, "/movements/"+made.Text("movements", 0, "id")+"/reverse", obj{"reason": "x"}).WantCode(422, "insufficient_stock")
	s.post(s.approver, "/movements/"+first.Text("movements", 1, "id")+"/reverse", obj{"reason": "All of it"}).Want(201)
	s.post(s.keeper, apart, obj{"location_id": s.store, "quantity": "4"}).Want(201)
	var inEarly, inLate string
	for lot, to := range map[uuid.UUID]*string{early: &inEarly, late: &inLate} {
		s.Scan("select trim_scale(on_hand)::text from stock_balances where lot_id = $1", []any{lot}, to)
	}
	if inEarly != "500" || inLate != "1000" || s.onHand(cup) != "10" || s.onHand(kit) != "0" {
		t.Errorf("all taken apart: %s and %s of the soap, %s cups, %s kits", inEarly, inLate, s.onHand(cup), s.onHand(kit))
	}
	s.post(s.keeper, "/lots/"+early.String()+"/disassemble", obj{"location_id": s.store, "quantity": "1"}).WantCode(409, "state_conflict")
	s.proven()
}

func TestKit_IsMadeOfOtherThings(t *testing.T) {
	s := newShed(t)
	cup, kit := s.item("cup"), s.item("kit")
	for name, components := range map[string][]obj{
		"itself": {{"item_id": kit, "quantity": "1"}}, "twice": {{"item_id": cup, "quantity": "1"}, {"item_id": cup, "quantity": "2"}},
		"nothing": {{"item_id": cup, "quantity": "0"}}, "unknown": {{"item_id": uuid.New(), "quantity": "1"}},
	} {
		if r := s.post(s.keeper, "/kits", obj{"item_id": kit, "components": components}); r.Status != 422 {
			t.Errorf("%s: %d", name, r.Status)
		}
	}
	body := obj{"item_id": kit, "components": []obj{{"item_id": cup, "quantity": "1"}}}
	bill := s.post(s.keeper, "/kits", body).Want(201)
	s.post(s.keeper, "/kits", body).WantCode(409, "already_exists")
	path := "/kits/" + bill.ID().String()
	s.Call(s.keeper, "PATCH", s.root+path, obj{"active": false}, apptest.IfMatch(`"1"`)).Want(200)
	s.post(s.keeper, path+"/assemble", obj{"location_id": s.store, "quantity": "1"}).WantCode(409, "state_conflict")
	if s.get("/kits?active=false").Len("data") != 1 || s.get(path).Value("active") != false {
		t.Error("the kit is still in use")
	}
}

func TestKit_CarriesWhoseGoodsItIsMadeOfAndWhatTheyCost(t *testing.T) {
	s := newShed(t)
	soap, cup, kit := s.item("soap"), s.item("cup"), s.item("hygiene_kit")
	s.receive(soap, "500", obj{"donor": "ECHO", "grant_code": "G1", "cost": obj{"amount": "0.01", "currency": "EUR"}})
	s.receive(soap, "500", obj{"donor": "UNICEF", "ownership": "entrusted", "cost": obj{"amount": "0.02", "currency": "EUR"}})
	s.receive(cup, "8", obj{"donor": "ECHO", "grant_code": "G1", "cost": obj{"amount": "1.5", "currency": "EUR"}})
	s.receive(cup, "8", obj{"cost": obj{"amount": "900", "currency": "XOF"}})
	bill := s.post(s.keeper, "/kits", obj{"item_id": kit, "components": []obj{{"item_id": soap, "quantity": "250"}, {"item_id": cup, "quantity": "2"}}}).Want(201)
	assemble := func(quantity string) *apptest.Response {
		made := s.post(s.keeper, "/kits/"+bill.ID().String()+"/assemble", obj{"location_id": s.store, "quantity": quantity}).Want(201)
		return s.get("/lots/" + made.Text("lines", 2, "lot_id"))
	}
	first := assemble("1")
	if first.Text("donor") != "ECHO" || first.Text("grant_code") != "G1" || first.Text("cost", "amount") != "5.5" || first.Text("cost", "currency") != "EUR" || first.Text("ownership") != "own" {
		t.Errorf("250 grams at 0.01 and two cups at 1.5 are %s", first.Raw)
	}
	mixed := assemble("2")
	if mixed.Text("donor") != "ECHO; UNICEF" || mixed.Text("ownership") != "entrusted" || mixed.Text("cost", "amount") != "6.75" {
		t.Errorf("250 grams of each and cups are %s", mixed.Raw)
	}
	s.receive(soap, "250")
	if unknown := assemble("2"); unknown.Value("cost") != nil {
		t.Errorf("a cost of goods without one: %s", unknown.Raw)
	}
}

func TestKit_ThatExpiredIsTakenApartAndNotIssued(t *testing.T) {
	s := newShed(t)
	soap, cup, kit := s.item("soap", obj{"track_expiry": true}), s.item("cup"), s.item("hygiene_kit")
	s.receive(soap, "10", obj{"expires_on": in(1)})
	s.receive(cup, "10")
	bill := s.post(s.keeper, "/kits", obj{"item_id": kit, "components": []obj{{"item_id": soap, "quantity": "1"}, {"item_id": cup, "quantity": "1"}}}).Want(201)
	made := s.post(s.keeper, "/kits/"+bill.ID().String()+"/assemble", obj{"location_id": s.store, "quantity": "3"}).Want(201)
	s.Exec("alter table stock_lots disable trigger append_only; update stock_lots set expires_on = current_date - 3 where expires_on is not null; alter table stock_lots enable trigger append_only")
	lot := made.Text("lines", 2, "lot_id")
	s.post(s.keeper, "/releases", s.release(kit, "1")).WantCode(422, "invalid")
	s.post(s.keeper, "/lots/"+lot+"/disassemble", obj{"location_id": s.store, "quantity": "3"}).Want(201)
	if s.onHand(cup) != "10" || s.onHand(kit) != "0" {
		t.Errorf("%s cups, %s kits", s.onHand(cup), s.onHand(kit))
	}
	s.post(s.keeper, "/kits/"+bill.ID().String()+"/assemble", obj{"location_id": s.store, "quantity": "1"}).WantCode(422, "invalid") // of soap that expired
	s.proven()
}
