// Package worklist shows what waits for somebody: due and overdue by the clocks of the SOP, in one
// ordered list over everything that a centre works on. The entries are a view of the database
// (migrations 00026 and 00038), which begins from the cases under way; here they are read, by whom and as far as
// they may be.
package worklist

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/waystation/waystation/internal/auth"
	"github.com/waystation/waystation/internal/casework"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/tenant"
)

// Entry is something that waits for UserID, or where nobody is named for whoever has one of Roles.
// It holds ids, codes and times.
type Entry struct {
	CentreID      tenant.ID `gorm:"type:uuid;primaryKey;->"`
	ID            uuid.UUID `gorm:"type:uuid;primaryKey;->"` // of the resource
	Kind          string    // a key of scopes
	Resource      string    // as in the change feed
	Code          string    // what of its kind: the kind of an approval or task, the type of a follow-up, the status of a referral
	CaseID        *uuid.UUID
	CaseNumber    string
	BeneficiaryID *uuid.UUID
	RiskLevel     string // of the case
	UserID        *uuid.UUID
	Roles         db.Strings
	DueAt         time.Time
	State         string // overdue | due_today | upcoming, by the centre's day
	Place         string // in the order of the list; unique with the id
}

// RowID implements db.Row.
func (e *Entry) RowID() uuid.UUID { return e.ID }

// TableName implements schema.Tabler.
func (Entry) TableName() string { return "worklist" }

// Personal implements db.Personal: an entry says about whom something is to be done.
func (Entry) Personal() {}

// Restricted implements db.Restricted.
func (Entry) Restricted() {}

// scopes says which scope opens the entries of each kind: the one that reading what waits asks for.
var scopes = map[string]string{
	"assignment": "cases:read", "first_response": "cases:read", "assessment": "cases:read", "plan": "cases:read", "follow_up": "cases:read",
	"hold_review": "cases:read", "consent_override": "cases:read", "approval": "cases:read", "referral": "referrals:read", "inbound_referral": "inbox:read",
	"incoming_transfer": "transfers:receive",
	"task":              "tasks:read", "turning_18": "tasks:read", "unattended_case": "tasks:read", "break_glass_review": "break_glass:review",
}

// kinds lists what a caller may see in a centre; wanted narrows it.
func kinds(may *auth.Permissions, caller *auth.Principal, centre uuid.UUID, wanted []string) db.Strings {
	list := db.Strings{}
	for kind, scope := range scopes {
		if may.Allows(caller, centre, scope) && (len(wanted) == 0 || slices.Contains(wanted, kind)) {
			list = append(list, kind)
		}
	}
	slices.Sort(list)
	return list
}

// sight is what a caller sees of the centres in which they have the same roles.
type sight struct {
	centres db.UUIDs
	roles   db.Strings
	kinds   db.Strings
}

// sights groups the centres of the context by the caller's roles there.
func sights(ctx context.Context, may *auth.Permissions, wanted []string) []sight {
	caller := auth.From(ctx)
	byRoles := map[string]int{}
	var list []sight
	for _, centre := range tenant.Centres(ctx) {
		roles := slices.Concat(caller.Centres[centre], caller.NetworkRoles)
		slices.Sort(roles)
		key := strings.Join(roles, " ")
		at, known := byRoles[key]
		if !known {
			at = len(list)
			byRoles[key] = at
			list = append(list, sight{roles: roles, kinds: kinds(may, caller, centre, wanted)})
		}
		list[at].centres = append(list[at].centres, centre)
	}
	return list
}

// condition leaves the entries that are the caller's to read, as their resources' own lists do: cases in
// their view and what belongs to those, tasks of theirs. The wall around restricted cases comes on top.
func (s sight) condition() string {
	c := "centre_id = any (@centres) and kind = any (@kinds) and (kind <> 'unattended_case' or roles && @roles)"
	all, unassigned := casework.Sees(s.roles)
	if all {
		return c // who oversees the cases oversees the tasks
	}
	seen := "case_id is null or owner_id = @me or case_id = any ((select cases_of_actor())::uuid[]) or (resource = 'task' and user_id = @me)"
	if unassigned {
		seen += " or owner_id is null"
	}
	return c + " and (" + seen + ") and (resource <> 'task' or user_id = @me or roles && @roles)"
}

// mine is true of what waits for the caller by name, or for their role and nobody by name.
const mine = "((user_id = @me or (user_id is null and roles && @roles)) and not_id is distinct from @me)"

// whose narrows further; centre leaves all in view.
var whose = map[string]string{
	"mine":   " and " + mine,
	"team":   " and (" + mine + " or case_id = any ((select cases_worked_by_actor())::uuid[]))",
	"centre": "",
}

// narrow leaves what the caller sees in all of the sights.
func narrow(q *gorm.DB, me uuid.UUID, seen []sight, whom string) *gorm.DB {
	either := q.Session(&gorm.Session{NewDB: true}).Where("false")
	for _, s := range seen {
		either = either.Or("("+s.condition()+whose[whom]+")", map[string]any{"centres": s.centres, "kinds": s.kinds, "roles": s.roles, "me": me})
	}
	return q.Where(either)
}

var sorts = db.Sorts[Entry]{
	"due_at": {SQL: "place", Cast: "text", Value: func(e *Entry) any { return e.Place }},
}

func list(ctx context.Context, l db.Listing, seen []sight, whom string, also db.Conditions) (db.Paged[Entry], error) {
	me := auth.From(ctx).ID
	return db.Page(ctx, l, sorts, func(q *gorm.DB) *gorm.DB {
		return also.Apply(narrow(q, me, seen, whom))
	})
}
