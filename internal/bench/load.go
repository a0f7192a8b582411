package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

// target is one of the two servers that are compared.
type target struct {
	name string
	base string
	pid  int

	looks bool // ours, asked to look for duplicates
}

// scenario is one kind of request, sent to both servers in turn.
type scenario struct {
	name    string
	title   string
	aim     float64                                      // ratio to reach; 0: none is set
	request func(t target, n int) (*http.Request, error) // the n-th request of a client pool
	want    int                                          // status

	varies []string // members of the answer that differ from one to the next

	// check counts what every success must leave exactly one of; nil for what only reads.
	check func(context.Context, *pgx.Conn) (tally, error)
}

// sample is what one slice of load measured.
type sample struct {
	answered  int
	perSecond float64
	p50, p99  time.Duration
	cpu       time.Duration // that the server used for one request
	memory    int           // that the server held at the end, in MiB
}

// measure loads one server with clients for a while.
func measure(t target, s scenario, d time.Duration, counter *counter) (sample, error) {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	var wg sync.WaitGroup
	took := make([][]time.Duration, clients)
	errs := make([]error, clients)
	start, used := time.Now(), processorTime(t.pid)
	for i := range clients {
		wg.Go(func() {
			client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 1, DisableCompression: true}}
			defer client.CloseIdleConnections()
			for ctx.Err() == nil {
				began := time.Now()
				if err := once(client, t, s, counter.next()); err != nil {
					errs[i] = err
					return
				}
				took[i] = append(took[i], time.Since(began))
			}
		})
	}
	wg.Wait()
	elapsed := time.Since(start)
	used = processorTime(t.pid) - used
	for _, err := range errs {
		if err != nil {
			return sample{}, fmt.Errorf("%s on %s: %w", s.name, t.name, err)
		}
	}
	all := slices.Concat(took...)
	slices.Sort(all)
	return sample{len(all), float64(len(all)) / elapsed.Seconds(), all[len(all)/2], all[len(all)*99/100], used / time.Duration(len(all)), memory(t.pid, "VmRSS:")}, nil
}

func once(client *http.Client, t target, s scenario, n int) error {
	req, err := s.request(t, n)
	if err != nil {
		return err
	}
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != s.want {
		body, _ := io.ReadAll(io.LimitReader(res.Body, 500))
		return fmt.Errorf("status %d: %s", res.StatusCode, body)
	}
	_, err = io.Copy(io.Discard, res.Body)
	return err
}

// counter numbers the requests of all clients.
type counter struct {
	mu sync.Mutex
	n  int
}

func (c *counter) next() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n++
	return c.n
}

// result compares two servers in one scenario, over slices that took turns.
type result struct {
	scenario scenario
	ours     []sample
	theirs   []sample
}

// ratio is the median of the slices' ratios: each pair ran under the same weather.
func (r result) ratio() float64 {
	ratios := make([]float64, len(r.ours))
	for i := range r.ours {
		ratios[i] = r.ours[i].perSecond / r.theirs[i].perSecond
	}
	slices.Sort(ratios)
	return ratios[len(ratios)/2]
}

func median(samples []sample, of func(sample) float64) float64 {
	values := make([]float64, len(samples))
	for i, s := range samples {
		values[i] = of(s)
	}
	slices.Sort(values)
	return values[len(values)/2]
}

// rig is what a comparison needs.
type rig struct {
	ours, theirs target
	conn         *pgx.Conn // sees all centres, for the checks
	rounds       int
	slice        time.Duration
}

// compare lets both servers take turns, rounds times, after one slice each to warm up.
func (g rig) compare(ctx context.Context, s scenario) (result, error) {
	r, numbers := result{scenario: s}, &counter{}
	for round := -1; round < g.rounds; round++ {
		turn := []target{g.ours, g.theirs}
		if round%2 == 0 {
			slices.Reverse(turn)
		}
		for _, t := range turn {
			got, err := g.turn(ctx, t, s, numbers)
			if err != nil {
				return r, err
			}
			switch {
			case round < 0:
			case t == g.ours:
				r.ours = append(r.ours, got)
			default:
				r.theirs = append(r.theirs, got)
			}
		}
	}
	return r, nil
}

// turn is one slice on one server, and the proof that its writes left what they must.
func (g rig) turn(ctx context.Context, t target, s scenario, numbers *counter) (sample, error) {
	if s.check == nil {
		return measure(t, s, g.slice, numbers)
	}
	before, err := s.check(ctx, g.conn)
	if err != nil {
		return sample{}, err
	}
	got, err := measure(t, s, g.slice, numbers)
	if err != nil {
		return got, err
	}
	after, err := s.check(ctx, g.conn)
	for what, n := range after {
		if made := n - before[what]; made != int64(got.answered) && err == nil {
			err = fmt.Errorf("%s on %s: %d successes left %d %s", s.name, t.name, got.answered, made, what)
		}
	}
	return got, err
}

// memory is what a process holds (VmRSS:) or has held at most (VmHWM:), in MiB.
func memory(pid int, which string) int {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, which); ok {
			kb, _ := strconv.Atoi(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")))
			return kb / 1024
		}
	}
	return 0
}

// processorTime is what a process has used of the processors so far.
func processorTime(pid int) time.Duration {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(stat), ") ") // behind the name, which may hold anything
	fields := strings.Fields(rest)
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return time.Duration(user+system) * 10 * time.Millisecond // a tick is a hundredth of a second on Linux
}
