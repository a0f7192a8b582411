package httpd

import (
	"sync"
	"time"

	"github.com/waystation/waystation/internal/fault"
)

// uploads bounds how many files one process takes in at a time: each holds a connection, memory and a
// place in the store for as long as its line is slow.
type uploads struct {
	mu     sync.Mutex
	most   int // 0: any number
	total  int
	caller map[string]int
}

func newUploads(most int) *uploads { return &uploads{most: most, caller: map[string]int{}} }

// enter counts an upload in, or refuses it: one caller has at most a quarter of the places.
func (u *uploads) enter(caller string) (leave func(), err error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.most > 0 && (u.total >= u.most || u.caller[caller] >= max(1, u.most/4)) {
		f := fault.New(fault.Unavailable, "too_many_uploads", "Too many uploads are running. Try again shortly.")
		f.RetryAfter = 5 * time.Second
		return nil, f
	}
	u.total++
	u.caller[caller]++
	return func() { u.leave(caller) }, nil
}

func (u *uploads) leave(caller string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.total--
	if u.caller[caller]--; u.caller[caller] == 0 {
		delete(u.caller, caller)
	}
}
