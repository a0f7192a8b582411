package beneficiary_test

import (
	"sync"
	"testing"

	"github.com/waystation/waystation/internal/app/apptest"
)

func blocks(h *apptest.House) string {
	return "/v1/centres/" + h.CentreA.String() + "/reference-blocks"
}

func reserve(h *apptest.House, p apptest.Person, size int) *apptest.Response {
	h.T.Helper()
	return h.Call(p, "POST", blocks(h), map[string]any{"label": "Tablet 3", "size": size}).Want(201)
}

// withReference registers somebody under a reference that a device gave.
func withReference(h *apptest.House, p apptest.Person, reference string) *apptest.Response {
	h.T.Helper()
	return h.Call(p, "POST", people(h), basic().with(body{"reference": reference}))
}

func TestReferenceBlocks_ADeviceRegistersUnderItsOwnNumbers(t *testing.T) {
	h := apptest.New(t)
	p := h.Staff(h.CentreA, "registrar")
	block := reserve(h, p, 3)
	first, second := block.Text("unused", 0), block.Text("unused", 1)
	if first != "AGZ-000001" || block.Len("unused") != 3 || block.Text("status") != "open" {
		t.Fatalf("reserved %s", block.Raw)
	}
	if r := h.Call(p, "POST", people(h), basic()).Want(201); r.Text("reference") != "AGZ-000004" {
		t.Errorf("without a block the next reference is %s", r.Text("reference"))
	}
	if r := withReference(h, p, second).Want(201); r.Text("reference") != second {
		t.Errorf("registered under %s", r.Text("reference"))
	}
	withReference(h, p, second).WantCode(409, "reference_taken")
	for _, never := range []string{"AGZ-000004", "AGZ-000999", "ARL-000001", "' or 1=1"} {
		if r := withReference(h, p, never).WantCode(422, "invalid"); r.Text("errors", 0, "code") != "reference_not_reserved" || r.Text("errors", 0, "pointer") != "/reference" {
			t.Errorf("%s: %s", never, r.Raw)
		}
	}
	at := blocks(h) + "/" + block.Text("id")
	if r := h.Call(p, "GET", at, nil).Want(200); r.Text("used", 0) != second || r.Len("unused") != 2 || r.Text("used_count") != "1" {
		t.Errorf("used %s", r.Raw)
	}
	if r := h.Call(p, "GET", blocks(h)+"?status=open", nil).Want(200); r.Text("data", 0, "used_count") != "1" || r.Len("data", 0, "unused") != 0 {
		t.Errorf("listed as %s", r.Raw)
	}
}

func TestReferenceBlocks_ReleasedOrExpiredNumbersAreNeverGivenOut(t *testing.T) {
	h := apptest.New(t)
	p := h.Staff(h.CentreA, "registrar")
	lost, old := reserve(h, p, 1), reserve(h, p, 1)
	at := blocks(h) + "/" + lost.Text("id")
	released := h.Call(p, "POST", at+"/release", nil, apptest.IfMatch(lost.ETag())).Want(200)
	if released.Text("status") != "released" {
		t.Errorf("released %s", released.Raw)
	}
	h.Call(p, "POST", at+"/release", nil, apptest.IfMatch(released.ETag())).WantCode(409, "state_conflict")
	h.Exec("update reference_blocks set expires_at = now() - interval '1 second' where id = $1", old.ID())
	for _, r := range []*apptest.Response{lost, old} {
		withReference(h, p, r.Text("unused", 0)).WantCode(422, "invalid")
	}
	if r := h.Call(p, "POST", people(h), basic()).Want(201); r.Text("reference") != "AGZ-000003" {
		t.Errorf("the next reference is %s", r.Text("reference"))
	}
	if r := h.Call(p, "GET", blocks(h)+"?status=expired", nil).Want(200); r.Len("data") != 1 || r.ID("data", 0, "id") != old.ID() {
		t.Errorf("expired: %s", r.Raw)
	}
	h.Call(p, "POST", blocks(h), map[string]any{"label": "Tablet 3", "size": 1, "expires_at": "2020-01-01T00:00:00Z"}).WantCode(422, "invalid")
	h.Call(p, "POST", blocks(h), map[string]any{"label": "Tablet 3", "size": 501}).WantCode(422, "invalid")
	h.Call(h.Staff(h.CentreA, "centre_manager"), "POST", blocks(h), map[string]any{"label": "Tablet 3", "size": 1}).WantCode(403, "forbidden")
}

// A number of another centre's block is as good as none.
func TestReferenceBlocks_AreTheCentresOwn(t *testing.T) {
	h := apptest.New(t)
	p, other := h.Staff(h.CentreA, "registrar"), h.Staff(h.CentreB, "registrar")
	theirs := h.Call(other, "POST", "/v1/centres/"+h.CentreB.String()+"/reference-blocks", map[string]any{"label": "Tablet 1", "size": 1}).Want(201)
	withReference(h, p, theirs.Text("unused", 0)).WantCode(422, "invalid")
	h.Call(p, "GET", blocks(h)+"/"+theirs.Text("id"), nil).WantCode(404, "not_found")
}

func TestReferenceBlocks_NoNumberTwiceHoweverManyAskAtOnce(t *testing.T) {
	h := apptest.New(t)
	p := h.Staff(h.CentreA, "registrar")
	mine := reserve(h, p, 8)
	var mu sync.Mutex
	seen := map[string]int{}
	taken := map[int]int{}
	note := func(references ...string) {
		mu.Lock()
		defer mu.Unlock()
		for _, r := range references {
			seen[r]++
		}
	}
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() { // two devices that think the block is theirs
			status := withReference(h, p, mine.Text("unused", i%4)).Status
			mu.Lock()
			taken[status]++
			mu.Unlock()
		})
		all.Go(func() { note(h.Call(p, "POST", people(h), basic()).Want(201).Text("reference")) })
		all.Go(func() {
			block := reserve(h, p, 5)
			for k := range 5 {
				note(block.Text("unused", k))
			}
		})
	}
	all.Wait()
	for i := range 8 {
		note(mine.Text("unused", i))
	}
	for reference, n := range seen {
		if n > 1 {
			t.Errorf("%s was given out %d times", reference, n)
		}
	}
	if len(seen) != 8+8*5+8 || taken[201] != 4 || taken[409] != 4 {
		t.Errorf("%d references, answers %v", len(seen), taken)
	}
}

// Whoever registers while a block is released gets in before or is refused, and nobody gets in after.
func TestReferenceBlocks_ReleaseAndRegistrationTakeTurns(t *testing.T) {
	h := apptest.New(t)
	p := h.Staff(h.CentreA, "registrar")
	block := reserve(h, p, 12)
	at := blocks(h) + "/" + block.Text("id")
	var all sync.WaitGroup
	results := make([]int, 12)
	for i := range results {
		all.Go(func() { results[i] = withReference(h, p, block.Text("unused", i)).Status })
	}
	all.Go(func() { h.Call(p, "POST", at+"/release", nil, apptest.IfMatch(block.ETag())).Want(200) })
	all.Wait()
	after := h.Call(p, "GET", at, nil).Want(200)
	for i, status := range results {
		used := contains(after, "used", block.Text("unused", i))
		if (status != 201 || !used) && (status != 422 || used) {
			t.Errorf("registration %d answered %d, its reference is used: %v", i, status, used)
		}
	}
	for i := range after.Len("unused") {
		withReference(h, p, after.Text("unused", i)).WantCode(422, "invalid")
	}
}

func contains(r *apptest.Response, list, value string) bool {
	for i := range r.Len(list) {
		if r.Text(list, i) == value {
			return true
		}
	}
	return false
}
