package casework_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/waystation/waystation/internal/app/apptest"
	"github.com/waystation/waystation/internal/casework"
	"github.com/waystation/waystation/internal/db"
)

// Whatever may belong to a restricted file leaves its read line on disk before it is answered.
var _ = []db.Restricted{
	casework.Case{}, casework.Transition{}, casework.Approval{}, casework.Followup{}, casework.ContactAttempt{},
	casework.Note{}, casework.NoteVersion{}, casework.Plan{}, casework.Goal{}, casework.Action{}, casework.Assessment{}, casework.Problem{},
}

// rule 26
func TestTrail_TellsARestrictedFileFromNoOther(t *testing.T) {
	d := newDesk(t)
	lines := func(id uuid.UUID) (list []string) {
		for _, reader := range []apptest.Person{d.Staff(d.CentreA, "dpo"), d.Staff(d.CentreA, "auditor")} {
			page := d.Call(reader, "GET", "/v1/centres/"+d.CentreA.String()+"/audit-events?limit=200&subject_id="+id.String(), nil).Want(200)
			if strings.Contains(string(page.Raw), "sensitivity") || strings.Contains(string(page.Raw), `"restricted"`) {
				t.Errorf("the trail tells how sensitive a file is: %s", page.Raw)
			}
			for i := range page.Len("data") {
				after, _ := page.Value("data", i, "after").(map[string]any)
				list = append(list, page.Text("data", i, "action")+" "+page.Text("data", i, "operation")+fmt.Sprint(slices.Sorted(maps.Keys(after))))
			}
		}
		return list
	}
	normal, restricted := d.open(nil), d.open(obj{"sensitivity": "restricted"})
	if a, b := lines(normal), lines(restricted); len(a) < 2 || !slices.Equal(a, b) {
		t.Errorf("of a normal file %v, of a restricted one %v", a, b)
	}
	d.Call(d.supervisor, "POST", d.at(restricted, "break-glass"), emergency).Want(201)
	var broken, named int
	d.Scan("select count(*), count(*) filter (where $1 = any (subject_ids) or (coalesce(before, '{}') || coalesce(after, '{}'))::text like '%' || $1 || '%') from audit_events where resource = 'break_glass_grants' and action = 'insert'",
		[]any{restricted}, &broken, &named)
	if broken != 1 || named != 0 {
		t.Errorf("%d lines of broken glass, %d of them name the file", broken, named)
	}
}
