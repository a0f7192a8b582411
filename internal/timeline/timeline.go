// Package timeline shows everything that happened with a person, in one ordered list. The entries
// are written by the database beside each change (migration 00014, chronicle); here they are read, by
// whom and as far as they may be.
package timeline

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/waystation/waystation/internal/auth"
	"github.com/waystation/waystation/internal/casework"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/events"
	"github.com/waystation/waystation/internal/tenant"
)

// Entry is one moment of one row that concerns a person. It holds ids and codes, and no text that
// anybody wrote.
type Entry struct {
	CentreID      tenant.ID `gorm:"type:uuid;primaryKey;->"`
	ID            uuid.UUID `gorm:"type:uuid;primaryKey;->"`
	At            time.Time
	BeneficiaryID uuid.UUID
	Resource      string // as in the change feed
	ResourceID    uuid.UUID
	Moment        string
	CaseID        *uuid.UUID
	Codes         db.JSON[map[string]string]
	Restricted    bool
	Voided        bool
}

// RowID implements db.Row.
func (e *Entry) RowID() uuid.UUID { return e.ID }

// TableName implements schema.Tabler.
func (Entry) TableName() string { return "timeline" }

// Scopes says which scope opens the entries of which resource: that of the change feed, and of the
// resources that the feed does not name.
func Scopes() map[string]string {
	all := maps.Clone(events.Resources())
	all["case_transition"] = "cases:read"
	all["case_contact_attempt"] = "case_files:read"
	all["referral_message"] = "referrals:read"
	all["disclosure"] = "disclosures:read"
	all["mhpss_participant"] = "mhpss:read"
	return all
}

var scopes = Scopes()

// readable lists the resources whose entries a caller may see at a centre; wanted narrows it.
func readable(may *auth.Permissions, caller *auth.Principal, centre uuid.UUID, wanted []string) db.Strings {
	list := db.Strings{}
	for resource, scope := range scopes {
		if may.Allows(caller, centre, scope) && (len(wanted) == 0 || slices.Contains(wanted, resource)) {
			list = append(list, resource)
		}
	}
	return list
}

var sorts = db.Sorts[Entry]{
	"at": {SQL: "at", Cast: "timestamptz", Value: func(e *Entry) any { return e.At }},
}

// list keeps to the cases in the caller's view: what belongs to a case is seen by whoever sees the case.
func list(ctx context.Context, l db.Listing, person uuid.UUID, resources db.Strings, kase *uuid.UUID) (db.Paged[Entry], error) {
	return db.Page(ctx, l, sorts, func(q *gorm.DB) *gorm.DB {
		q = q.Where("beneficiary_id = ? and resource = any (?) and (case_id is null or case_id in (?))", person, resources, casework.IDsInView(ctx, q))
		if kase != nil {
			q = q.Where("case_id = ?", *kase)
		}
		return q
	})
}
