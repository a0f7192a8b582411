package httpd

import (
	"testing"

	"github.com/waystation/waystation/internal/fault"
)

func TestUploads_NobodyTakesEveryPlace(t *testing.T) {
	u := newUploads(8)
	var leave []func()
	enter := func(caller string) error {
		out, err := u.enter(caller)
		if err == nil {
			leave = append(leave, out)
		}
		return err
	}
	for range 2 {
		if err := enter("a"); err != nil {
			t.Fatal(err)
		}
	}
	if err := enter("a"); !fault.Is(err, fault.Unavailable) {
		t.Errorf("a third of one caller: %v", err)
	}
	for _, caller := range []string{"b", "b", "c", "c", "d", "d"} {
		if err := enter(caller); err != nil {
			t.Fatal(err)
		}
	}
	if err := enter("e"); !fault.Is(err, fault.Unavailable) {
		t.Errorf("a ninth: %v", err)
	}
	leave[0]()
	if err := enter("e"); err != nil {
		t.Errorf("after one has left: %v", err)
	}
	for _, out := range leave[1:] {
		out()
	}
	if u.total != 0 || len(u.caller) != 0 {
		t.Errorf("all have left, and %d of %v are counted", u.total, u.caller)
	}
}
