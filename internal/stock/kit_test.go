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
