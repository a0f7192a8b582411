package statistics_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/app/apptest"
	"github.com/waystation/waystation/internal/db"
)

const data = "/v1/statistics/cubes/registrations/data"

// on sets the clock of the figures.
func on(h *apptest.House, day string) {
	h.T.Helper()
	t, err := time.Parse(time.DateOnly, day)
	if err != nil {
		h.T.Fatal(err)
	}
	h.App.Statistics.Now = func() time.Time { return t }
}

func government(h *apptest.House) apptest.Person {
	return h.Client(h.Organisation("Ministry of "+uuid.NewString(), "government"), "stats:read")
}

func ask(h *apptest.House, p apptest.Person, query string, headers ...apptest.Header) *apptest.Response {
	h.T.Helper()
	return h.Call(p, "GET", data+"?"+query, nil, headers...)
}

// rowsOf prints rows as a=b c=d …, in the order of the answer.
func rowsOf(r *apptest.Response) string {
	var lines []string
	for i := range r.Len("data") {
		var parts []string
		for _, name := range []string{"country", "centre", "month", "quarter", "year", "sex", "age_group", "nationality", "population_type", "value", "status"} {
			if v := r.Text("data", i, name); v != "" {
				parts = append(parts, v)
			}
		}
		lines = append(lines, strings.Join(parts, " "))
	}
	return strings.Join(lines, "; ")
}

func TestCatalogue_TellsWhatCanBeAsked(t *testing.T) {
	h := apptest.New(t)
	g := government(h)
	indicators := h.Call(g, "GET", "/v1/statistics/indicators", nil).Want(200)
	if indicators.Len("data") != 25 || indicators.Text("data", 0, "code") != "REG_NEW" || indicators.Text("data", 0, "cube") != "registrations" || indicators.Text("data", 1, "computed") != "false" {
		t.Errorf("indicators: %s", indicators.Raw)
	}
	cubes := h.Call(g, "GET", "/v1/statistics/cubes", nil).Want(200)
	cube := h.Call(g, "GET", "/v1/statistics/cubes/registrations", nil).Want(200)
	if cubes.Text("data", 0) != cube.Text() {
		t.Errorf("listed %s, read %s", cubes.Raw, cube.Raw)
	}
	if cube.Text("profile", "audience") != "government" || cube.Text("profile", "min_cell") != "5" || cube.Text("methodology") == "" {
		t.Errorf("cube: %s", cube.Raw)
	}
	inside := h.Call(h.Staff(h.CentreA, "centre_manager"), "GET", "/v1/statistics/cubes/registrations", nil).Want(200)
	if inside.Text("profile", "audience") != "internal" {
		t.Errorf("staff: %s", inside.Raw)
	}
	h.Call(g, "GET", "/v1/statistics/cubes/persons", nil).WantCode(404, "not_found")
	h.Call(g, "GET", "/v1/statistics/cubes/persons/data", nil).WantCode(404, "not_found")
	h.Call(h.Staff(h.CentreA, "caseworker"), "GET", data, nil).WantCode(403, "forbidden")
}

func TestStaff_SeeTheFiguresOfTheirCentresOnly(t *testing.T) {
	h := apptest.New(t)
	on(h, "2024-06-15")
	register(h, append(many(2, adult(h.CentreA, "2024-01-31")), many(3, adult(h.CentreB, "2024-02-01"))...)...)
	a, b, network := h.Staff(h.CentreA, "me_analyst"), h.Staff(h.CentreB, "case_supervisor"), h.Network("network_officer")
	for _, c := range []struct {
		who   apptest.Person
		query string
		want  string
	}{
		{a, "", "2024-01 2"}, {b, "", "2024-02 3"}, {network, "", "2024-01 2; 2024-02 3"},
		{h.Network("me_analyst"), "", "2024-01 2; 2024-02 3"},
		{a, "dimensions=", "2"}, {network, "dimensions=", "5"}, {network, "dimensions=&from=2024-02", "3"},
		{network, "dimensions=country,quarter", "NER 2024-Q1 5"}, {network, "dimensions=year&to=2024-12", "2024 5"},
		{network, "dimensions=centre,sex,age_group,nationality,population_type&centre=" + h.CentreB.String(), h.CentreB.String() + " 1 unhcr_18_59 NGA migrant 3"},
		{network, "dimensions=sex&sex=1,2&nationality=NGA&country=NER", "1 5"}, {network, "sex=2", ""}, {network, "pcode=NE001", ""},
		{a, "country=TCD", ""}, {a, "population_type=migrant&age_group=unhcr_18_59", "2024-01 2"},
	} {
		r := ask(h, c.who, c.query).Want(200)
		if got := rowsOf(r); got != c.want {
			t.Errorf("%s: %s, want %s", c.query, got, c.want)
		}
		if r.Text("meta", "audience") != "internal" || r.Text("meta", "frozen") != "false" {
			t.Errorf("meta: %s", r.Raw)
		}
	}
	foreign := ask(h, a, "centre="+h.CentreB.String()).WantCode(404, "not_found")
	nowhere := ask(h, a, "centre="+uuid.NewString()).WantCode(404, "not_found")
	if foreign.Text("detail") != nowhere.Text("detail") {
		t.Errorf("%s, %s", foreign.Raw, nowhere.Raw)
	}
}

func TestData_RefusesWhatItDoesNotUnderstand(t *testing.T) {
	h := apptest.New(t)
	on(h, "2024-06-15")
	register(h, many(20, adult(h.CentreA, "2024-01-31"))...)
	analyst, g := h.Staff(h.CentreA, "me_analyst"), government(h)
	for query, at := range map[string]string{
		"dimensions=colour": "dimensions", "dimensions=month,year": "dimensions", "dimensions=sex,sex": "dimensions", "colour=red": "colour", "sex=7": "sex",
		"age_group=iasc_0_4": "age_group", "nationality=XXX": "nationality", "country=Niger": "country", "population_type=x": "population_type",
		"from=2024": "from", "from=2024-13": "from", "centre=x": "centre", "format=xml": "format", "sex=": "sex",
	} {
		for _, who := range []apptest.Person{analyst, g} {
			r := ask(h, who, query).WantCode(400, "invalid_parameter")
			if !strings.HasPrefix(r.Text("errors", 0, "pointer"), at) {
				t.Errorf("%s: %s", query, r.Raw)
			}
		}
	}
	for _, c := range []struct {
		who         apptest.Person
		query, code string
	}{
		{analyst, "from=2024-03&to=2024-02", "invalid"}, {analyst, "from=2004-03&to=2024-02", "period_too_long"}, {analyst, "dimensions=quarter&from=2024-02&to=2024-03", "not_one_period"},
		{analyst, "dimensions=year&from=2024-01&to=2024-03", "not_one_period"}, {g, "dimensions=sex&from=2024-01&to=2024-02", "not_one_period"},
		{g, "from=2024-06", "not_released"}, {g, "from=2024-05&to=2024-06", "not_released"}, {g, "dimensions=quarter&from=2024-04&to=2024-06", "not_released"},
		{g, "dimensions=&from=2024-01&to=2024-12", "not_released"}, {g, "dimensions=month&sex=1,2", "members_not_summed"},
	} {
		ask(h, c.who, c.query).WantCode(422, c.code)
	}
}

// rule 24
func TestOutside_GetsNoRestrictedDimensionAndNoPlaceBelowTheCountry(t *testing.T) {
	h := apptest.New(t)
	register(h, many(20, adult(h.CentreA, "2024-01-31"))...)
	g, partner := government(h), h.Client(h.Organisation("Espoir", "ngo"), "stats:read")
	for _, who := range []apptest.Person{g, partner} {
		for _, query := range []string{"dimensions=population_type", "population_type=migrant", "dimensions=centre,month", "centre=" + h.CentreA.String(), "pcode=NE001"} {
			ask(h, who, query).WantCode(403, "not_released_to_audience")
		}
		for _, path := range []string{"/v1/centres", "/v1/centres/" + h.CentreA.String()} {
			h.Call(who, "GET", path, nil).WantCode(403, "forbidden")
		}
		h.Call(who, "POST", "/v1/statistics/publications", map[string]any{"cube": "registrations", "audience": "partner", "country": "NER", "year": 2024}).WantCode(403, "forbidden")
	}
	if got := ask(h, partner, "dimensions=year&from=2024-01&to=2024-12").Want(200); got.Text("meta", "audience") != "partner" || rowsOf(got) != "NER 2024 20" {
		t.Errorf("partner: %s", got.Raw)
	}
	h.Exec("update statistics_profiles set max_dimensions = 2 where audience = 'partner'")
	h.Exec("update statistics_profiles set released = false where audience = 'government'")
	fresh := h.Server()
	limited := func(who apptest.Person, query string) *apptest.Response {
		return h.CallAt(fresh, who, "GET", data+"?"+query, nil)
	}
	if r := limited(partner, "dimensions=month,sex&nationality=NGA").WantCode(422, "too_many_dimensions"); !strings.Contains(r.Text("detail"), "2") {
		t.Errorf("%s", r.Raw)
	}
	limited(partner, "dimensions=month,sex").Want(200)
	limited(partner, "dimensions=year,sex,nationality&from=2024-01&to=2024-12").Want(200)
	limited(g, "dimensions=month").WantCode(403, "not_released_to_audience")
}

func TestOutside_AnswersFromTheTableOfEachCountryAndYear(t *testing.T) {
	h := apptest.New(t)
	on(h, "2025-02-20")
	chad := h.Centre("NDJ", "Centre de N'Djamena")
	h.Exec("update centres set country = 'TCD' where id = $1", chad)
	register(h, many(20, adult(h.CentreA, "2024-01-31"))...)
	register(h, many(3, person{h.CentreB, "2024-01-31", "2", "1990-01-01", "NGA"})...)
	register(h, many(30, adult(h.CentreB, "2024-02-01"))...)
	register(h, many(40, adult(chad, "2023-12-31"))...)
	g := government(h)
	for query, want := range map[string]string{
		"dimensions=sex&from=2024-01&to=2024-01":          "NER 0 0; NER 1 status; NER 2 status; NER 9 0; TCD 0 0; TCD 1 0; TCD 2 0; TCD 9 0",
		"dimensions=year&from=2023-01&to=2024-12":         "NER 2024 53; TCD 2023 40; TCD 2024 0",
		"dimensions=&country=TCD&from=2023-12&to=2023-12": "TCD 40", "dimensions=&country=MLI": "", "country=NER&from=2024-01&to=2024-03": "NER 2024-01 23; NER 2024-02 30; NER 2024-03 0",
		"dimensions=quarter,nationality&country=NER&nationality=NGA,SEN": "NER 2024-Q1 NGA 53; NER 2024-Q2 NGA 0; NER 2024-Q3 NGA 0; NER 2024-Q4 NGA 0",
		"dimensions=quarter&country=NER&nationality=SEN":                 "", "country=TCD&to=2025-06&from=2024-12": "TCD 2024-12 0",
	} {
		got := strings.ReplaceAll(rowsOf(ask(h, g, query).Want(200)), "suppressed", "status")
		if got != want {
			t.Errorf("%s: %s, want %s", query, got, want)
		}
	}
	r := ask(h, g, "dimensions=sex&from=2024-01&to=2024-01&country=NER&format=csv").Want(200)
	if got := string(r.Raw); got != "country,sex,value,status\nNER,0,0,\nNER,1,,suppressed\nNER,2,,suppressed\nNER,9,0,\n" {
		t.Errorf("CSV: %s", got)
	}
	same := ask(h, g, "dimensions=sex&from=2024-01&to=2024-01&country=NER", apptest.Header{Name: "Accept", Value: "text/csv"}).Want(200)
	if string(same.Raw) != string(r.Raw) || !strings.HasPrefix(same.Header.Get("Content-Type"), "text/csv") {
		t.Errorf("Accept: %s", same.Raw)
	}
}

// rule 22
func TestOutside_AFrozenPeriodStays(t *testing.T) {
	h := apptest.New(t)
	on(h, "2024-06-15") // released: up to April
	register(h, append(many(20, adult(h.CentreA, "2024-01-31")), many(30, adult(h.CentreA, "2024-04-30"))...)...)
	g := government(h)
	first := ask(h, g, "dimensions=month,sex&from=2024-01&to=2024-12").Want(200)
	if first.Text("meta", "period", "to") != "2024-04" || first.Text("meta", "publications", 0, "number") != "1" || first.Text("meta", "frozen") != "true" {
		t.Errorf("meta: %s", first.Raw)
	}
	register(h, adult(h.CentreA, "2024-06-10"), adult(h.CentreA, "2024-01-10"))
	h.Tick("statistics.publish")
	again := ask(h, g, "dimensions=month,sex&from=2024-01&to=2024-12").Want(200)
	if string(again.Raw) != string(first.Raw) || again.ETag() != first.ETag() {
		t.Errorf("first %s, then %s", first.Raw, again.Raw)
	}
	tag := apptest.Header{Name: "If-None-Match", Value: first.ETag()}
	if r := ask(h, g, "dimensions=month,sex&from=2024-01&to=2024-12", tag).Want(304); len(r.Raw) > 0 {
		t.Errorf("304 with a body: %s", r.Raw)
	}
	if r := h.CallAt(h.Server(), g, "GET", data+"?dimensions=month,sex&from=2024-01&to=2024-12", nil, tag); r.Status != 304 {
		t.Errorf("another server: %d %s", r.Status, r.Raw)
	}
	var held int
	h.Scan("select findings from statistics_holds", nil, &held)
	if held == 0 {
		t.Error("one late entry was not held")
	}
	on(h, "2024-07-30") // June is over, not the embargo
	h.Tick("statistics.publish")
	later := ask(h, g, "dimensions=month&from=2024-01&to=2024-12").Want(200)
	if got := rowsOf(later); got != "NER 2024-01 20; NER 2024-02 0; NER 2024-03 0; NER 2024-04 30; NER 2024-05 0" || later.Text("meta", "publications", 0, "number") != "2" {
		t.Errorf("extended: %s", later.Raw)
	}
}

func TestPublication_RevisesOnceItTellsOfNobody(t *testing.T) {
	h := apptest.New(t)
	on(h, "2025-02-20")
	for m := range 6 {
		for i, who := range []string{"1 NGA", "2 NGA", "1 MLI", "2 MLI", "1 SEN", "2 SEN"} {
			n := 20 + 3*m + 7*i
			if m == 1 && who == "2 MLI" {
				n = 4
			}
			register(h, many(n, person{h.CentreA, fmt.Sprintf("2024-%02d-10", m+1), who[:1], "1990-01-01", who[2:]})...)
		}
	}
	network, g := h.Network("me_analyst"), government(h)
	body := map[string]any{"cube": "registrations", "audience": "government", "country": "NER", "year": 2024}
	publish := func(who apptest.Person) *apptest.Response {
		return h.Call(who, "POST", "/v1/statistics/publications", body)
	}
	publish(h.Staff(h.CentreA, "me_analyst")).WantCode(403, "forbidden")
	made := publish(network).Want(201)
	if made.Text("kind") != "first" || made.Text("released_to") != "2024-12" {
		t.Errorf("published: %s", made.Raw)
	}
	if got := h.Call(g, "GET", made.Header.Get("Location"), nil).Want(200); string(got.Raw) != string(made.Raw) {
		t.Errorf("made %s, read %s", made.Raw, got.Raw)
	}
	if got := publish(network).Want(200); string(got.Raw) != string(made.Raw) {
		t.Errorf("published again: %s", got.Raw)
	}
	before := rowsOf(ask(h, g, "dimensions=month,sex&from=2024-01&to=2024-02").Want(200))
	register(h, adult(h.CentreA, "2024-01-10"))
	if held := publish(network).WantCode(409, "revision_held"); held.Text("in_force") != made.Text("id") {
		t.Errorf("held: %s", held.Raw)
	}
	if got := rowsOf(ask(h, g, "dimensions=month,sex&from=2024-01&to=2024-02").Want(200)); got != before {
		t.Errorf("before %s, while held %s", before, got)
	}
	register(h, many(30, adult(h.CentreA, "2024-01-10"))...)
	if revised := publish(network).Want(201); revised.Text("kind") != "revision" || revised.Text("number") != "2" {
		t.Errorf("revised: %s", revised.Raw)
	}
	if got := rowsOf(ask(h, g, "dimensions=month&from=2024-01&to=2024-02").Want(200)); got != "NER 2024-01 256; NER 2024-02 203" {
		t.Errorf("revised: %s", got)
	}
	if got := ask(h, g, "dimensions=month,sex,nationality&from=2024-02&to=2024-02&nationality=MLI&sex=2").Want(200); got.Text("data", 0, "status") != "suppressed" {
		t.Errorf("the small cell: %s", got.Raw)
	}
	var holds int
	h.Scan("select count(*) from statistics_holds", nil, &holds)
	if history := h.Call(g, "GET", "/v1/statistics/publications?year=2024&country=NER", nil).Want(200); history.Len("data") != 2 || history.Text("data", 0, "number") != "2" || holds != 0 {
		t.Errorf("%d holds, history %s", holds, history.Raw)
	}
	partner := h.Client(h.Organisation("Espoir", "ngo"), "stats:read")
	if others := h.Call(partner, "GET", "/v1/statistics/publications", nil).Want(200); others.Len("data") != 0 {
		t.Errorf("another audience: %s", others.Raw)
	}
	h.Call(partner, "GET", made.Header.Get("Location"), nil).WantCode(404, "not_found")
	for _, wrong := range []map[string]any{{"year": 2025}, {"year": 1999}, {"country": "MLI"}, {"audience": "public"}} {
		wanted := map[string]any{"cube": "registrations", "audience": "government", "country": "NER", "year": 2024}
		for k, v := range wrong {
			wanted[k] = v
		}
		status, code := 422, "not_released"
		if wrong["year"] == 2025 { // January is out of the embargo
			on(h, "2025-02-10")
		}
		h.Call(network, "POST", "/v1/statistics/publications", wanted).WantCode(status, code)
	}
}

func TestPublication_OfManyAtOnceOneWins(t *testing.T) {
	h := apptest.New(t)
	register(h, many(20, adult(h.CentreA, "2024-01-31"))...)
	g, servers := government(h), []string{h.URL, h.Server(), h.Server()}
	bodies := make([]string, 12)
	var all sync.WaitGroup
	for i := range bodies {
		all.Go(func() {
			bodies[i] = string(h.CallAt(servers[i%3], g, "GET", data+"?dimensions=month,sex&from=2024-01&to=2024-12", nil).Want(200).Raw)
		})
	}
	all.Wait()
	for i := range bodies {
		if bodies[i] != bodies[0] {
			t.Errorf("one got %s, one %s", bodies[0], bodies[i])
		}
	}
	var n int
	h.Scan("select count(*) from statistics_publications", nil, &n)
	if n != 1 {
		t.Errorf("%d publications", n)
	}
}

// Whoever reads figures does not even wait for a lock on the persons.
func TestReading_NeverTouchesAPerson(t *testing.T) {
	h := apptest.New(t)
	register(h, many(20, adult(h.CentreA, "2024-01-31"))...)
	staff, g := h.Staff(h.CentreA, "me_analyst"), government(h)
	tx, err := h.Owner.Begin(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(context.Background()) }()
	if _, err := tx.Exec(context.Background(), "lock table beneficiaries in access exclusive mode"); err != nil {
		t.Fatal(err)
	}
	for _, who := range []apptest.Person{staff, g} {
		if got := rowsOf(ask(h, who, "dimensions=year&from=2024-01&to=2024-12").Want(200)); !strings.HasSuffix(got, "2024 20") {
			t.Errorf("%s", got)
		}
	}
}

// The app's own role sees publications only as their publisher, never in a request of staff.
func TestPublications_AreOutOfReachOfStaff(t *testing.T) {
	h := apptest.New(t)
	register(h, many(20, adult(h.CentreA, "2024-01-31"))...)
	ask(h, government(h), "dimensions=year&from=2024-01&to=2024-12").Want(200)
	for _, scope := range []db.Scope{{Centres: []uuid.UUID{h.CentreA, h.CentreB}}, {}} {
		var n, figures int
		err := h.App.DB.InTx(context.Background(), scope, func(ctx context.Context) error {
			return db.Tx(ctx).Raw("select (select count(*) from statistics_publications), (select count(*) from stat_registration_deltas)").Row().Scan(&n, &figures)
		})
		if err != nil || n != 0 || (figures > 0) != (len(scope.Centres) > 0) {
			t.Errorf("%d publications, %d figures, %v", n, figures, err)
		}
	}
	err := h.App.DB.InTx(context.Background(), db.Scope{Network: true}, func(ctx context.Context) error {
		return db.Tx(ctx).Exec("update statistics_publications set number = 9").Error
	})
	if err == nil || !strings.Contains(err.Error(), "permission denied") {
		t.Errorf("a publication can be changed: %v", err)
	}
	if r := h.Call(h.Staff(h.CentreA, "auditor"), http.MethodGet, "/v1/statistics/publications", nil); r.Status != 403 {
		t.Errorf("%d %s", r.Status, fmt.Sprint(r.Raw))
	}
}
