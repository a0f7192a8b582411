package beneficiary

import (
	"strings"

	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
)

// Name is one more name of a person, beside the one in their record: an alias, a native spelling, a
// name before marriage (handbook 11).
type Name struct {
	db.Record
	Entry
	Kind       string // code list name_kind
	GivenName  string // the only name of who has one
	FamilyName string
	Script     string // ISO 15924
	Language   string // BCP 47
	Note       string
}

// TableName implements schema.Tabler.
func (Name) TableName() string { return "beneficiary_names" }

func (*Name) findable() {}

var _ = IDTaken("beneficiary_names_pkey")

// Validate implements Recorded.
func (n *Name) Validate(db.Date) error {
	n.GivenName, n.FamilyName = strings.TrimSpace(n.GivenName), strings.TrimSpace(n.FamilyName)
	if n.GivenName == "" && n.FamilyName == "" {
		return fault.InvalidField("/given_name", "required", "Give a name: a single one is a given name.")
	}
	return nil
}

var nameSorts = db.Sorts[Name]{
	"created_at": {SQL: "created_at", Cast: "timestamptz", Value: func(n *Name) any { return n.CreatedAt }},
}
