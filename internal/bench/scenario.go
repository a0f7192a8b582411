package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"reflect"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// scenarios are what is measured, in the order of the report. Requests are spread over all people,
// so that nothing is answered twice from one hot row.
func (w *world) scenarios() []scenario {
	return []scenario{
		{name: "read", title: "Read one person", aim: 0.9, want: 200, request: w.read},
		{name: "page", title: "Page of 50, filtered", aim: 0.95, want: 200, request: w.page},
		{name: "search", title: "Name search, 20 best", aim: 0.9, want: 200, request: w.search},
		{name: "create", title: "Register with consent, audited", aim: 0.7, want: 201, request: w.create, check: registered,
			varies: []string{"id", "reference", "created_at", "updated_at"}},
		{name: "acknowledge", title: "Partner acknowledges a referral", want: 200, request: w.acknowledge, check: acknowledged,
			varies: []string{"id", "number", "centre_id", "created_at", "updated_at", "acknowledged_at"}},
		{name: "figures", title: "Figures for a government", want: 200, request: w.figures},
	}
}

// crowded registers people whom nobody knows where everybody is looked for among a million, against registering
// the same where nobody is looked for. Both are the product's.
func (w *world) crowded() scenario {
	return scenario{name: "duplicates", title: "Register, looked for among 1,000,000 (against: not looked for)", aim: 1.0 / 3, want: 201, check: registered,
		request: func(t target, n int) (*http.Request, error) {
			centre := w.Centres[0]
			if t.looks {
				centre = w.Crowded
			}
			random := rand.New(rand.NewPCG(5, uint64(n)))
			given, family := fullName(random)
			return w.register(t, centre, given, family, fmt.Sprintf("%d-%02d-%02d", 1960+random.IntN(40), 1+random.IntN(12), 1+random.IntN(28)), n) // grown up
		}}
}

// stride is prime, so that walking by it visits every person before any twice.
const stride = 7919

func (w *world) read(t target, n int) (*http.Request, error) {
	c := n % len(w.Centres)
	people := w.People[c]
	return w.get(t, fmt.Sprintf("/v1/centres/%s/beneficiaries/%s", w.Centres[c], people[n*stride%len(people)]))
}

func (w *world) page(t target, n int) (*http.Request, error) {
	from := w.start.AddDate(0, 0, n%200).Format("2006-01-02")
	return w.get(t, fmt.Sprintf("/v1/centres/%s/beneficiaries?limit=50&sex=2&registered_from=%s", w.Centres[n%len(w.Centres)], from))
}

func (w *world) search(t target, n int) (*http.Request, error) {
	name := givenNames[n%len(givenNames)] + " " + familyNames[n/len(givenNames)%len(familyNames)]
	return w.get(t, fmt.Sprintf("/v1/centres/%s/beneficiaries?limit=20&q=%s", w.Centres[n%len(w.Centres)], url.QueryEscape(name)))
}

func (w *world) create(t target, n int) (*http.Request, error) {
	return w.register(t, w.Centres[n%len(w.Centres)], givenNames[n%len(givenNames)], familyNames[n%len(familyNames)], fmt.Sprintf("1999-04-%02d", 1+n%28), n)
}

func (w *world) register(t target, centre uuid.UUID, given, family, born string, n int) (*http.Request, error) {
	body := fmt.Sprintf(`{"registration_level":"basic","reception_on":"2026-03-01","given_name":%q,"family_name":%q,"sex":"1",`+
		`"birth_date":%q,"population_type":"migrant","nationalities":["GIN"],"languages":["ff","fr"],"phone":"+224 620 %06d",`+
		`"consent":{"decision":"given","giver":"individual","method":"written","language":"fr","interpreter_used":false}}`,
		given, family, born, n%1_000_000)
	req, err := http.NewRequest(http.MethodPost, fmt.Sprintf("%s/v1/centres/%s/beneficiaries", t.base, centre), strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+w.staffToken)
	req.Header.Set("Content-Type", "application/json")
	return req, nil
}

var errUsedUp = errors.New("every prepared referral was acknowledged: load more people, or measure for a shorter time")

// acknowledge takes the next referral that nobody has acknowledged.
func (w *world) acknowledge(t target, _ int) (*http.Request, error) {
	n := int(w.sent.Add(1))
	people := w.People[n%len(w.Centres)]
	if n/len(w.Centres) >= len(people) {
		return nil, errUsedUp
	}
	req, err := http.NewRequest(http.MethodPost, fmt.Sprintf("%s/v1/partner/referrals/%s/acknowledge", t.base, people[n/len(w.Centres)]), nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+w.partnerToken)
	req.Header.Set("If-Match", `"1"`)
	return req, nil
}

// figures asks for more tables than a server remembers answers.
func (w *world) figures(t target, n int) (*http.Request, error) {
	dimensions := []string{"month,sex,age_group", "month,nationality", "month,sex", "month,age_group"}[n%4]
	req, err := w.get(t, fmt.Sprintf("/v1/statistics/cubes/registrations/data?dimensions=%s&country=NER&from=2024-%02d&to=2024-12&nationality=%s",
		url.QueryEscape(dimensions), 1+n/4%6, countries[n/24%len(countries)]))
	if err == nil {
		req.Header.Set("Authorization", "Bearer "+w.stateToken)
	}
	return req, err
}

// publish releases the figures of the year that was loaded.
func (w *world) publish(t target) error {
	body := `{"cube":"registrations","audience":"government","country":"NER","year":2024}`
	req, err := http.NewRequest(http.MethodPost, t.base+"/v1/statistics/publications", strings.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+w.networkToken)
	req.Header.Set("Content-Type", "application/json")
	_, err = w.send(t, scenario{name: "publish", want: http.StatusCreated}, req)
	return err
}

func (w *world) get(t target, path string) (*http.Request, error) {
	req, err := http.NewRequest(http.MethodGet, t.base+path, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+w.staffToken)
	return req, nil
}

// tally is what the database holds of a write scenario's work.
type tally map[string]int64

// registered counts what each registration leaves exactly one of.
func registered(ctx context.Context, conn *pgx.Conn) (tally, error) {
	var people, consents, traced, consentsTraced, told int64
	err := conn.QueryRow(ctx, `select (select count(*) from beneficiaries), (select count(*) from consents),
		(select count(*) from audit_events where resource = 'beneficiaries' and action = 'insert'),
		(select count(*) from audit_events where resource = 'consents' and action = 'insert'),
		(select count(*) from events where type = 'beneficiary.created')`).Scan(&people, &consents, &traced, &consentsTraced, &told)
	return tally{"people": people, "consents": consents, "lines of the trail on people": traced,
		"lines of the trail on consents": consentsTraced, "changes told": told}, err
}

// acknowledged counts what each acknowledgement leaves exactly one of; nothing is acknowledged twice.
func acknowledged(ctx context.Context, conn *pgx.Conn) (tally, error) {
	var moved, traced, subjects, told int64
	err := conn.QueryRow(ctx, `select (select count(*) from referrals where status = 'acknowledged' and version = 2), count(*), count(distinct subject_ids[1]),
		(select count(*) from events where type = 'referral.acknowledged')
		from audit_events where resource = 'referrals' and action = 'update' and after->>'status' = 'acknowledged'`).Scan(&moved, &traced, &subjects, &told)
	return tally{"referrals acknowledged": moved, "lines of the trail": traced, "referrals in the trail": subjects, "events": told}, err
}

// agree makes both servers answer the same request to every scenario and fails where the answers
// differ as JSON, or the statements by which they were found.
func (w *world) agree(ours, theirs target, spy *spy) error {
	for _, s := range w.scenarios() {
		var answers [2]any
		var sent [2][]string
		for i, t := range []target{ours, theirs} {
			for range 2 { // the first time statements are prepared, and memories filled
				spy.forget()
				var err error
				if answers[i], err = w.answer(t, s); err != nil {
					return err
				}
			}
			sent[i] = spy.statements()
		}
		if !reflect.DeepEqual(answers[0], answers[1]) {
			return fmt.Errorf("%s: the servers answer differently:\n%v\n%v", s.name, answers[0], answers[1])
		}
		if !reflect.DeepEqual(sent[0], sent[1]) {
			return fmt.Errorf("%s: the servers ask the database differently:\n%s\n--\n%s", s.name, strings.Join(sent[0], "\n"), strings.Join(sent[1], "\n"))
		}
	}
	return nil
}

func (w *world) answer(t target, s scenario) (any, error) {
	req, err := s.request(t, 1)
	if err != nil {
		return nil, err
	}
	return w.send(t, s, req)
}

func (w *world) send(t target, s scenario, req *http.Request) (any, error) {
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, err
	}
	if res.StatusCode != s.want {
		return nil, fmt.Errorf("%s on %s: status %d: %s", s.name, t.name, res.StatusCode, raw)
	}
	var v any
	err = json.Unmarshal(raw, &v)
	for _, name := range s.varies {
		o, _ := v.(map[string]any)
		if text, _ := o[name].(string); text == "" {
			return nil, fmt.Errorf("%s on %s: no %s in %s", s.name, t.name, name, raw)
		}
		delete(o, name)
	}
	return v, err
}
