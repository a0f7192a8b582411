package statistics_test

import (
	"encoding/csv"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/app/apptest"
)

// The attacker is a government system that keeps every answer it ever got, over months, and then does linear algebra.
// It shares no code with the product: cells are "country|time|sex|age|nationality" with "" for a total.
type attacker struct {
	t     *testing.T
	known map[string]int64
	asked map[string]bool // cells that were refused
}

func (a *attacker) key(parts ...string) string { return strings.Join(parts, "|") }

// learn takes one answer in; two answers about the same cell must agree, for ever.
func (a *attacker) learn(query string, time string, fixed map[string]string, header []string, rows [][]string) {
	for _, row := range rows {
		at := map[string]string{"time": time, "sex": fixed["sex"], "age_group": fixed["age_group"], "nationality": fixed["nationality"]}
		for i, name := range header {
			switch name {
			case "month", "quarter", "year":
				at["time"] = row[i]
			default:
				at[name] = row[i]
			}
		}
		cell := a.key(at["country"], at["time"], at["sex"], at["age_group"], at["nationality"])
		was, known := a.known[cell]
		if at["status"] == "suppressed" {
			if known || at["value"] != "" {
				a.t.Fatalf("%s: %s is suppressed and %d", query, cell, was)
			}
			a.asked[cell] = true
			continue
		}
		n, err := strconv.ParseInt(at["value"], 10, 64)
		if err != nil || known && was != n || a.asked[cell] {
			a.t.Fatalf("%s: %s is %q after %d (suppressed before: %v)", query, cell, at["value"], was, a.asked[cell])
		}
		a.known[cell] = n
	}
}

// pull asks for everything the API offers: units of time, subsets of dimensions, filters, both formats.
// whole 0 narrows some requests by filters, 1 none.
func (a *attacker) pull(h *apptest.House, who apptest.Person, r *rand.Rand, whole int) {
	h.T.Helper()
	periods := [][3]string{{"month", "2024-01", "2024-12"}, {"quarter", "2024-01", "2024-12"}, {"year", "2024-01", "2024-12"}}
	for m := range 12 {
		month := fmt.Sprintf("2024-%02d", m+1)
		periods = append(periods, [3]string{"", month, month})
		if m%3 == 2 {
			periods = append(periods, [3]string{"", fmt.Sprintf("2024-%02d", m-1), month})
		}
	}
	periods = append(periods, [3]string{"", "2024-01", "2024-12"})
	members := map[string][]string{"sex": {"0", "1", "2", "9"}, "age_group": {"unhcr_0_4", "unhcr_12_17", "unhcr_18_59", "unknown"}, "nationality": {"MLI", "NGA", "SEN", "unknown"}}
	for _, p := range periods {
		for subset := range 8 {
			dims, query, fixed := []string{}, "from="+p[1]+"&to="+p[2], map[string]string{}
			if p[0] != "" {
				dims = append(dims, p[0])
			}
			for i, d := range []string{"sex", "age_group", "nationality"} {
				choice := members[d]
				switch pick := r.IntN(4) + whole; {
				case subset>>i&1 == 1:
					dims = append(dims, d)
					if pick == 0 {
						query += "&" + d + "=" + strings.Join(choice[:2], ",")
					}
				case pick == 0:
					fixed[d] = choice[r.IntN(len(choice))]
					query += "&" + d + "=" + fixed[d]
				}
			}
			query += "&format=csv&dimensions=" + strings.Join(dims, ",")
			res := ask(h, who, query)
			if res.Status == 422 && res.Text("code") == "not_released" {
				continue
			}
			rows, err := csv.NewReader(strings.NewReader(string(res.Want(200).Raw))).ReadAll()
			if err != nil {
				h.T.Fatal(err)
			}
			a.learn(query, timeOf(p[1], p[2]), fixed, rows[0], rows[1:])
			if json := ask(h, who, strings.Replace(query, "format=csv", "format=json", 1)).Want(200); r.IntN(8) == 0 && json.Len("data") != len(rows)-1 {
				h.T.Errorf("%s: %d rows as JSON, %d as CSV", query, json.Len("data"), len(rows)-1)
			}
		}
	}
}

// timeOf names a period as the attacker does.
func timeOf(from, to string) string {
	switch {
	case from == to:
		return from
	case to == "2024-12" && from == "2024-01":
		return "2024"
	}
	return quarterOf(to)
}

func quarterOf(month string) string {
	m, _ := strconv.Atoi(month[5:])
	return fmt.Sprintf("2024-Q%d", (m+2)/3)
}

// within lists every coarser name of a value, itself first.
func within(axis int, code string) []string {
	if axis == 1 {
		return []string{code, quarterOf(code), "2024"}
	}
	return []string{code, ""}
}

// truth counts people in all cells.
func truth(people map[string][]person, ageOf func(person) string) map[string]int64 {
	counts := map[string]int64{}
	for country, list := range people {
		for _, p := range list {
			nationality := p.nationality
			if nationality == "" {
				nationality = "unknown"
			}
			for _, time := range within(1, p.on[:7]) {
				for _, sex := range within(2, p.sex) {
					for _, age := range within(3, ageOf(p)) {
						for _, n := range within(4, nationality) {
							counts[strings.Join([]string{country, time, sex, age, n}, "|")]++
						}
					}
				}
			}
		}
	}
	return counts
}

// solve returns every cell of one country that follows from what is known, by elimination modulo a prime.
func (a *attacker) solve(country string, axes [4][]string) map[string]int64 {
	const prime = 1<<31 - 1
	column, names := map[string]int{}, []string{}
	var rows [][]uint64
	type equation struct {
		coefs map[string]uint64
		right uint64
	}
	var equations []equation
	add := func(whole string, parts []string) {
		eq := equation{coefs: map[string]uint64{}}
		term := func(cell string, sign uint64) {
			if n, ok := a.known[cell]; ok {
				eq.right = (eq.right + (prime-sign)*uint64(n)) % prime
				return
			}
			if _, ok := column[cell]; !ok {
				column[cell] = len(names)
				names = append(names, cell)
			}
			eq.coefs[cell] = sign
		}
		term(whole, 1)
		for _, p := range parts {
			term(p, prime-1)
		}
		if len(eq.coefs) > 0 {
			equations = append(equations, eq)
		}
	}
	months := axes[0]
	times := append([]string{"2024", "2024-Q1", "2024-Q2", "2024-Q3", "2024-Q4"}, months...)
	for _, sex := range append([]string{""}, axes[1]...) {
		for _, age := range append([]string{""}, axes[2]...) {
			for _, n := range append([]string{""}, axes[3]...) {
				for _, time := range times {
					cell := func(time, sex, age, n string) string { return a.key(country, time, sex, age, n) }
					split := func(codes []string, named func(string) string) {
						parts := []string{}
						for _, c := range codes {
							parts = append(parts, named(c))
						}
						add(cell(time, sex, age, n), parts)
					}
					if time == "2024" {
						split(times[1:5], func(c string) string { return cell(c, sex, age, n) })
					} else if strings.Contains(time, "Q") {
						q := int(time[6]-'0') * 3
						split(months[q-3:q], func(c string) string { return cell(c, sex, age, n) })
					}
					if sex == "" {
						split(axes[1], func(c string) string { return cell(time, c, age, n) })
					}
					if age == "" {
						split(axes[2], func(c string) string { return cell(time, sex, c, n) })
					}
					if n == "" {
						split(axes[3], func(c string) string { return cell(time, sex, age, c) })
					}
				}
			}
		}
	}
	width := len(names)
	for _, eq := range equations {
		row := make([]uint64, width+1)
		for cell, c := range eq.coefs {
			row[column[cell]] = c
		}
		row[width] = eq.right
		rows = append(rows, row)
	}
	reduce(rows, width, prime)
	found := map[string]int64{}
	for _, row := range rows {
		only, several := -1, false
		for c, v := range row[:width] {
			if v != 0 {
				several = only >= 0
				only = c
				if several {
					break
				}
			}
		}
		if only >= 0 && !several {
			found[names[only]] = int64(row[width])
		}
	}
	return found
}

// reduce brings rows into reduced echelon form.
func reduce(rows [][]uint64, width int, prime uint64) {
	top := 0
	for col := 0; col < width && top < len(rows); col++ {
		pivot := top
		for pivot < len(rows) && rows[pivot][col] == 0 {
			pivot++
		}
		if pivot == len(rows) {
			continue
		}
		rows[top], rows[pivot] = rows[pivot], rows[top]
		inverse, base := uint64(1), rows[top][col]
		for e := prime - 2; e > 0; e >>= 1 {
			if e&1 == 1 {
				inverse = inverse * base % prime
			}
			base = base * base % prime
		}
		var support []int
		for c := col; c <= width; c++ {
			if rows[top][c] = rows[top][c] * inverse % prime; rows[top][c] != 0 {
				support = append(support, c)
			}
		}
		for r := range rows {
			if factor := rows[r][col]; r != top && factor != 0 {
				for _, c := range support {
					rows[r][c] = (rows[r][c] + (prime-factor)*rows[top][c]) % prime
				}
			}
		}
		top++
	}
}

// crowd draws people of a centre over some months: mostly men, few children, so that small cells are the rule.
func crowd(r *rand.Rand, centre uuid.UUID, n int, months ...int) []person {
	people := make([]person, n)
	for i := range people {
		p := person{centre: centre, on: fmt.Sprintf("2024-%02d-%02d", months[r.IntN(len(months))], 1+r.IntN(28)), sex: "1", born: "1990-01-01"}
		if r.IntN(6) == 0 {
			p.sex = "2"
		}
		switch r.IntN(12) {
		case 0:
			p.born = "2022-06-01"
		case 1:
			p.born = "2010-12-31"
		case 2:
			p.born = ""
		}
		p.nationality = []string{"NGA", "NGA", "NGA", "MLI", "MLI", "SEN", ""}[r.IntN(7)]
		people[i] = p
	}
	return people
}

func ageGroupOf(p person) string {
	return map[string]string{"1990-01-01": "unhcr_18_59", "2022-06-01": "unhcr_0_4", "2010-12-31": "unhcr_12_17", "": "unknown"}[p.born]
}

// rule 21
func TestOutside_NoHiddenCellFollowsFromAllThatWasEverAnswered(t *testing.T) {
	axes := [4][]string{{}, {"0", "1", "2", "9"}, {"unhcr_0_4", "unhcr_5_11", "unhcr_12_17", "unhcr_18_59", "unhcr_60p", "unknown"}, {"MLI", "NGA", "SEN", "unknown"}}
	for m := range 12 {
		axes[0] = append(axes[0], fmt.Sprintf("2024-%02d", m+1))
	}
	for seed := range uint64(1) {
		r := rand.New(rand.NewPCG(seed, 21))
		h := apptest.New(t)
		chad := h.Centre("NDJ", "Centre de N'Djamena")
		h.Exec("update centres set country = 'TCD' where id = $1", chad)
		g, a := government(h), &attacker{t, map[string]int64{}, map[string]bool{}}
		present, frozen := map[string][]person{}, map[string][]person{}
		arrive := func(country string, people []person) {
			register(h, people...)
			present[country] = append(present[country], people...)
		}
		from := 1
		for _, stage := range []struct {
			day    string
			months []int // in which those who arrived since were registered
			late   []int // of entries that come late: too few for a revision
			to     int   // released
		}{{"2024-09-20", []int{1, 2, 3, 4, 5, 6, 7, 8}, []int{1}, 7}, {"2024-09-21", []int{8, 9}, []int{3}, 7}, {"2024-11-20", []int{9, 10, 11}, []int{5}, 9}, {"2025-03-01", []int{11, 12}, []int{2}, 12}} {
			on(h, stage.day)
			for _, c := range []uuid.UUID{h.CentreA, h.CentreB} {
				arrive("NER", append(crowd(r, c, 60*len(stage.months), stage.months...), crowd(r, c, 1, stage.late...)...))
			}
			arrive("TCD", append(crowd(r, chad, 60*len(stage.months), stage.months...), crowd(r, chad, 2, stage.late...)...))
			h.Tick("statistics.compact")
			h.Tick("statistics.publish")
			for country, people := range present {
				for _, p := range people {
					if month, _ := strconv.Atoi(p.on[5:7]); from <= month && month <= stage.to {
						frozen[country] = append(frozen[country], p)
					}
				}
			}
			from = stage.to + 1
			a.pull(h, g, r, 0)
			a.pull(h, g, r, 1)
		}
		var revisions int
		h.Scan("select count(*) from statistics_publications where kind = 'revision'", nil, &revisions)
		if revisions > 0 {
			t.Fatal("a revision: the attacker's equations do not hold across one")
		}
		counts := truth(frozen, ageGroupOf)
		for cell, n := range a.known {
			k := int64(5)
			if strings.Contains(cell, "unhcr_0_4") || strings.Contains(cell, "unhcr_12_17") {
				k = 10
			}
			if n != counts[cell] || 0 < n && n < k {
				t.Errorf("seed %d: %s answers %d, truth %d", seed, cell, n, counts[cell])
			}
		}
		shown, hidden := len(a.known), len(a.asked)
		for _, country := range []string{"NER", "TCD"} {
			for cell, n := range a.solve(country, axes) {
				t.Errorf("seed %d: %s follows: %d (hidden: %v, truth %d)", seed, cell, n, a.asked[cell], counts[cell])
			}
		}
		t.Logf("seed %d: %d cells shown, %d hidden", seed, shown, hidden)
		if hidden < 100 || shown < 500 {
			t.Errorf("seed %d: %d cells shown, %d hidden: nothing to attack", seed, shown, hidden)
		}
	}
}

// The attacker of this test can succeed: with one more cell known than was published, hidden ones follow.
func TestAttacker_SucceedsWhereACellTooManyIsKnown(t *testing.T) {
	a := &attacker{t, map[string]int64{}, map[string]bool{}}
	a.learn("", "2024-01", nil, []string{"country", "sex", "value", "status"}, [][]string{{"NER", "1", "40", ""}, {"NER", "2", "", "suppressed"}})
	a.learn("", "2024-01", nil, []string{"country", "value", "status"}, [][]string{{"NER", "43", ""}})
	months := []string{}
	for m := range 12 {
		months = append(months, fmt.Sprintf("2024-%02d", m+1))
	}
	found := a.solve("NER", [4][]string{months, {"1", "2"}, {"unknown"}, {"NGA"}})
	if found["NER|2024-01|2||"] != 3 {
		t.Errorf("found %v", found)
	}
}
