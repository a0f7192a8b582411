package intake_test

import (
	"fmt"
	"testing"
	"time"
)

// Every row with a household, a need and a consent: nothing is left out to be quick.
func TestImport_Throughput(t *testing.T) {
	d := newDesk(t)
	var rows []string
	for i := range 2500 {
		rows = append(rows, row(fmt.Sprint(i), "nom", name(i), "prenom", name(i/10*3+1), "age", fmt.Sprint(18+i*7%60),
			"telephone", fmt.Sprintf("+2279012%04d", i), "menage", fmt.Sprint(i/4), "lien", []string{"chef", "conjoint", "enfant", "enfant"}[i%4],
			"vulnerabilites", []string{"", "MENA", "", ""}[i%4]))
	}
	d.send(file(rows...), "mode=commit&duplicates=hold").Want(202)
	start := time.Now()
	d.Work()
	took := time.Since(start)
	n := d.count("beneficiaries")
	held := d.count("import_rows where status = 'duplicate'")
	if n+held != 2500 || n < 2250 || d.count("household_members") != n || d.count("specific_needs") > n/4 {
		t.Errorf("%d persons", n)
	}
	t.Logf("%d persons in %v: %.0f a second", n, took, float64(n)/took.Seconds())
}
