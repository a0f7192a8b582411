package casework_test

import (
	"fmt"
	"testing"
	"time"
)

// Whoever looks from UTC sees another day in one of these zones at any time.
func TestToday_IsTheDateWhereTheCentreIs(t *testing.T) {
	d := newDesk(t)
	for _, zone := range []string{"Pacific/Kiritimati", "Pacific/Pago_Pago"} {
		d.Exec("update centres set time_zone = $1 where id = $2", zone, d.CentreA)
		here, err := time.LoadLocation(zone)
		if err != nil {
			t.Fatal(err)
		}
		day := func(days int) string { return time.Now().In(here).AddDate(0, 0, days).Format(time.DateOnly) }
		for name, c := range map[string]struct {
			from, until string
			fits        bool
		}{
			"until today":     {day(-9), day(0), true},
			"until yesterday": {day(-9), day(-1), false},
			"from today":      {day(0), day(9), true},
			"from tomorrow":   {day(1), day(9), false},
		} {
			colleague, id := d.Staff(d.CentreA, "caseworker"), d.draft(nil)
			d.Exec("update members set starts_on = $2, expires_on = $3 where user_id = $1", colleague.ID, c.from, c.until)
			if r := d.do(d.supervisor, id, "assign", obj{"owner_id": colleague.ID}); (r.Status == 200) != c.fits {
				t.Errorf("%s, %s: owns %d %s", zone, name, r.Status, r.Raw)
			}
			open := d.open(nil)
			if r := d.Call(d.worker, "POST", d.at(open, "follow-ups"), obj{"type": "home_visit", "responsible_id": colleague.ID}); (r.Status == 201) != c.fits {
				t.Errorf("%s, %s: is responsible %d %s", zone, name, r.Status, r.Raw)
			}
		}
		held := d.open(nil)
		d.do(d.worker, held, "hold", obj{"reason": "Away", "review_on": day(1)}).Want(200)
		for days, overdue := range map[int]bool{0: false, -1: true} {
			d.Exec("update cases set hold_review_on = $2 where id = $1", held, day(days))
			page := d.Call(d.worker, "GET", fmt.Sprintf("%s?status=on_hold&overdue=%t", d.cases, overdue), nil).Want(200)
			if page.Len("data") != 1 {
				t.Errorf("%s: to be reviewed in %d days, %d are overdue %v", zone, days, page.Len("data"), overdue)
			}
		}
		d.do(d.worker, held, "resume", nil).Want(200)
		made := d.plan(d.open(nil))
		d.Call(d.worker, "PATCH", made.Header.Get("Location"), obj{"agreed": true, "agreed_on": day(1)}, match(1)).WantCode(422, "invalid")
		d.Call(d.worker, "PATCH", made.Header.Get("Location"), obj{"agreed": true, "agreed_on": day(0)}, match(1)).Want(200)
	}
}
