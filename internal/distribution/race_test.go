package distribution_test

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/app/apptest"
)

// entitlement is the model: somebody has received, or has not.
var entitlement = porcupine.Model{
	Init: func() any { return false },
	Step: func(state, input, output any) (bool, any) {
		received, op, ok := state.(bool), input.(string), output.(bool)
		switch op {
		case "issue":
			return ok == !received, received || ok
		case "reverse":
			return ok == received, received && !ok
		}
		return ok == !received, received
	},
	DescribeOperation: func(input, output any) string { return fmt.Sprintf("%v: %v", input, output) },
}

// Whatever clerks do at once with one entitlement, what they are answered is as if they had stood in a line; of those who
// only issue exactly one succeeds. rule 17
func TestIssue_OfOneEntitlementByManyAtOnceIsAsIfTheyStoodInALine(t *testing.T) {
	s := newHall(t)
	item := s.item("pot", "1000")
	rule := s.rule(item, obj{"per": "household"})
	at := s.counter(byRules(rule))
	for seed := range uint64(20) {
		first, second := s.person(), s.person()
		s.family(first, second)
		pick := rand.New(rand.NewPCG(seed, 7))
		alone := seed%2 == 0 // only issues
		var all sync.WaitGroup
		var lock sync.Mutex
		var history []porcupine.Operation
		issued, done := make(chan uuid.UUID, 64), 0
		began := time.Now()
		for clerk := range 8 {
			who, verbs := []uuid.UUID{first, second}[pick.IntN(2)], []string{"issue", "check", "issue"}
			if !alone {
				verbs = []string{"issue", []string{"reverse", "check"}[pick.IntN(2)], "issue"}
			}
			all.Go(func() {
				for _, verb := range verbs {
					call := time.Since(began).Nanoseconds()
					ok, counts := s.act(at, who, verb, issued)
					back := time.Since(began).Nanoseconds()
					if !counts {
						continue
					}
					lock.Lock()
					history = append(history, porcupine.Operation{ClientId: clerk, Input: verb, Call: call, Output: ok, Return: back})
					if ok && verb == "issue" {
						done++
					}
					lock.Unlock()
				}
			})
		}
		all.Wait()
		if result := porcupine.CheckOperations(entitlement, history); !result {
			t.Errorf("seed %d: no order of %d answers explains them", seed, len(history))
		}
		if alone && done != 1 {
			t.Errorf("seed %d: %d of 16 issues succeeded", seed, done)
		}
		s.standing(first, second)
	}
	var taken, left string
	s.Scan("select count(*) from distribution_issues where reversed_at is null", nil, &taken)
	s.Scan("select trim_scale(1000 - sum(on_hand))::text from stock_balances where item_id = $1", []any{item}, &left)
	if taken != left {
		t.Errorf("%s issues stand, %s left the store", taken, left)
	}
}

// act does one thing of a clerk. A clerk who finds nothing to take back has done nothing.
func (s *hall) act(at string, who uuid.UUID, verb string, issued chan uuid.UUID) (ok, counts bool) {
	switch verb {
	case "issue":
		r := s.post(s.officer, at+"/issues", to(who))
		if r.Status == 201 {
			issued <- r.ID()
		} else if r.Status != 422 {
			s.T.Errorf("an issue was answered %d %s", r.Status, r.Raw)
		}
		return r.Status == 201, true
	case "check":
		return s.check(who, "").Value("entitlements", 0, "allowed") == true, true
	}
	select {
	case id := <-issued:
		s.post(s.approver, at+"/issues/"+id.String()+"/reverse", obj{"reason": "Handed to the wrong family"}, apptest.IfMatch(`"1"`)).Want(200)
		return true, true
	default:
		return false, false
	}
}

// standing finds that no rule is used up twice at once for anybody.
func (s *hall) standing(people ...uuid.UUID) {
	s.T.Helper()
	for _, p := range people {
		var n int
		if s.Scan("select count(*) from entitlement_uses where beneficiary_id = $1 and reversed_at is null", []any{p}, &n); n > 1 {
			s.T.Errorf("%d uses stand for one person", n)
		}
	}
}

// The database itself refuses a second use, whoever writes it.
func TestUse_TheDatabaseRefusesASecondOne(t *testing.T) {
	s := newHall(t)
	at, who := s.counter(byRules(s.rule(s.item("pot", "9")))), s.person()
	s.post(s.officer, at+"/issues", to(who)).Want(201)
	_, err := s.Owner.Exec(t.Context(), `insert into entitlement_uses (centre_id, id, version, created_at, updated_at, rule_id, issue_id, beneficiary_id, issued_on, from_on, until_on, overridden)
		select centre_id, gen_random_uuid(), 1, now(), now(), rule_id, issue_id, beneficiary_id, issued_on + 1, from_on + 1, null, false from entitlement_uses`)
	if err == nil {
		t.Error("two uses of one rule stand for one person")
	}
}
