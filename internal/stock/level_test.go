package stock_test

import (
	"testing"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/app/apptest"
)

// daysAgo moves what a document did into the past, further than the SOP lets anybody date it.
func (s *shed) daysAgo(days int, r *apptest.Response) *apptest.Response {
	s.T.Helper()
	s.Exec("alter table stock_movements disable trigger append_only")
	s.Exec(`update stock_movements m set occurred_at = now() - make_interval(days => $1), occurred_on = ((now() - make_interval(days => $1)) at time zone c.time_zone)::date
		from centres c where c.id = m.centre_id and m.document_id = $2`, days, r.ID())
	s.Exec("alter table stock_movements enable trigger append_only")
	return r
}

// level is how an item stands.
func (s *shed) level(item uuid.UUID) map[string]any {
	s.T.Helper()
	r := s.get("/consumption")
	for i := range r.Len("data") {
		if r.ID("data", i, "item_id") == item {
			return r.Value("data", i).(map[string]any)
		}
	}
	s.T.Fatalf("no level of %s in %s", item, r.Raw)
	return nil
}

func TestConsumption_IsAdjustedForTheDaysWithoutStock(t *testing.T) {
	s := newShed(t)
	soap, spare := s.item("soap"), s.item("spare")
	s.daysAgo(80, s.receive(soap, "60"))
	s.daysAgo(60, s.post(s.keeper, "/releases", s.release(soap, "60")).Want(201)) // then nothing for 40 days
	s.daysAgo(20, s.receive(soap, "100"))
	s.daysAgo(10, s.post(s.keeper, "/releases", s.release(soap, "30")).Want(201))
	wrong := s.daysAgo(5, s.post(s.keeper, "/releases", s.release(soap, "20")).Want(201))
	s.daysAgo(5, s.post(s.approver, "/movements/"+wrong.Text("movements", 0, "id")+"/reverse", obj{"reason": "Not ours"}).Want(201))
	// Of 90 days, 20 closed with stock before the gap (80 to 61 days ago), one gave out the last, and 20 since: 41. 90 used in them.
	got := s.level(soap)
	for key, want := range map[string]any{"used": "90", "stock_out_days": 49.0, "available": "70", "monthly": "65.854", "months": "1.1", "reorder": "98.781", "state": "stock_low"} {
		if got[key] != want {
			t.Errorf("%s is %v, want %v", key, got[key], want)
		}
	}
	if none := s.level(spare); none["state"] != "unused" || none["monthly"] != nil || none["months"] != nil {
		t.Errorf("what there never was: %v", none)
	}
}

func TestConsumption_DoesNotCountWhatIsOnTheRoadOrHasExpired(t *testing.T) {
	r := newRoad(t)
	s := r.from
	s.daysAgo(60, s.receive(r.item, "50"))
	s.daysAgo(30, s.post(s.keeper, "/releases", s.release(r.item, "10")).Want(201))
	r.send("15")
	gone := s.receive(r.item, "7", obj{"expires_on": in(-3)})
	if got := s.level(r.item); got["available"] != "25" || got["used"] != "10" {
		t.Errorf("fifteen are on the road, seven have expired: %v", got)
	}
	out := s.get("/expiry-outlook?within_days=0")
	if out.Len("data") != 1 || out.ID("data", 0, "lot_id") != lotOf(gone) || out.Text("data", 0, "at_risk") != "7" {
		t.Errorf("what has expired: %s", out.Raw)
	}
}

func TestExpiryOutlook_TellsWhatWillBeLeftOver(t *testing.T) {
	s := newShed(t)
	milk := s.item("milk", obj{"track_expiry": true})
	s.daysAgo(89, s.receive(milk, "90", obj{"expires_on": in(400)}))
	s.daysAgo(10, s.post(s.keeper, "/releases", s.release(milk, "90")).Want(201))
	first := lotOf(s.receive(milk, "8", obj{"expires_on": in(9)}))    // ten days: about ten are used
	second := lotOf(s.receive(milk, "40", obj{"expires_on": in(29)})) // thirty days: about thirty, less the first lot
	out := s.get("/expiry-outlook?within_days=30")
	if out.Len("data") != 2 || out.ID("data", 0, "lot_id") != first || out.Text("data", 0, "at_risk") != "0" || out.ID("data", 1, "lot_id") != second {
		t.Fatalf("the outlook: %s", out.Raw)
	}
	// 90 used on 80 stocked days of 90: 33.75 a month; in thirty days 33.75, of which the first lot gives 8.
	if got := out.Text("data", 1, "at_risk"); got != "14.25" {
		t.Errorf("left of the second lot: %s", got)
	}
}

// alerts are the open kinds of an item.
func (s *shed) alerts(item uuid.UUID) (kinds []string) {
	s.T.Helper()
	r := s.get("/alerts?open=true&item_id=" + item.String())
	for i := range r.Len("data") {
		kinds = append(kinds, r.Text("data", i, "kind"))
	}
	return kinds
}

func TestAlert_IsRaisedOnceForEachCrossingAndEnds(t *testing.T) {
	s := newShed(t)
	soap := s.item("soap")
	s.daysAgo(60, s.receive(soap, "100"))
	s.daysAgo(30, s.post(s.keeper, "/releases", s.release(soap, "90")).Want(201))
	look := func(want string) {
		t.Helper()
		s.Tick("stock.levels")
		got := ""
		for _, kind := range s.alerts(soap) {
			got += kind
		}
		if got != want {
			t.Errorf("alerts %q, want %q", got, want)
		}
	}
	look("stock_low")
	look("stock_low")
	tasks := s.Call(s.keeper, "GET", "/v1/centres/"+s.CentreA.String()+"/tasks?kind=stock_low", nil).Want(200)
	if tasks.Len("data") != 1 || tasks.Text("data", 0, "role") != "storekeeper" {
		t.Errorf("one task of the storekeeper's: %s", tasks.Raw)
	}
	s.post(s.keeper, "/releases", s.release(soap, "10")).Want(201)
	look("stock_out")
	s.receive(soap, "200")
	look("")
	var events, open int
	s.Scan("select count(*) from events where resource = 'stock_alert' and type like '%created'", nil, &events)
	s.Scan("select count(*) from tasks where kind in ('stock_low', 'stock_out') and status = 'open'", nil, &open)
	if events != 2 || open != 0 {
		t.Errorf("%d events of new alerts, %d tasks still open", events, open)
	}
}
