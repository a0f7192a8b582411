package stock_test

import (
	"flag"
	"testing"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"github.com/waystation/waystation/internal/app/apptest"
)

// Whatever is posted in whatever order: balances are the sums of their movements, never below nothing, and the
// reversal of everything leaves nothing. rules 16, 20
func TestLedger_AnySequenceOfPostingsAddsUpAndReversesToNothing(t *testing.T) {
	if err := flag.Set("rapid.checks", "30"); err != nil { // over HTTP
		t.Fatal(err)
	}
	s := newShed(t)
	bin := s.place("B1", "store")
	rapid.Check(t, func(rt *rapid.T) {
		items := []uuid.UUID{s.item("x" + uuid.NewString()), s.item("y" + uuid.NewString())}
		var posted []*apptest.Response
		for range rapid.IntRange(4, 12).Draw(rt, "postings") {
			item := rapid.SampledFrom(items).Draw(rt, "item")
			place := obj{"location_id": rapid.SampledFrom([]uuid.UUID{s.store, bin}).Draw(rt, "place")}
			quantity := rapid.SampledFrom([]string{"1", "2.5", "7", "0.125"}).Draw(rt, "quantity")
			path, body := "/receipts", s.receipt(item, quantity, place)
			if rapid.Bool().Draw(rt, "out") {
				path, body = "/releases", s.release(item, quantity, place)
			}
			if r := s.post(s.keeper, path, body); r.Status == 201 {
				posted = append(posted, r)
			} else if r.Status != 422 || path != "/releases" {
				rt.Fatalf("%d %s", r.Status, r.Raw)
			}
			s.proven()
		}
		for i := len(posted) - 1; i >= 0; i-- {
			for n := range posted[i].Len("movements") {
				s.post(s.approver, "/movements/"+posted[i].Text("movements", n, "id")+"/reverse", obj{"reason": "All of it"}).Want(201)
			}
		}
		s.proven()
		for _, item := range items {
			if left := s.onHand(item); left != "0" {
				rt.Errorf("all reversed leave %s", left)
			}
		}
	})
}
