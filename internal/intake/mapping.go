package intake

import (
	"context"
	"fmt"
	"slices"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
	"github.com/waystation/waystation/internal/intake/sheet"
)

// Mapping is what the columns of a sheet that a centre keeps mean.
type Mapping struct {
	db.Record
	Name         string
	SourceSystem string // begins the source key of every row read with it; never changes
	Definition   db.JSON[sheet.Mapping]
	Active       bool
}

// TableName implements schema.Tabler.
func (Mapping) TableName() string { return "import_mappings" }

var _ = db.Constraint("import_mappings_name_key", func() *fault.Error {
	return fault.New(fault.Conflict, "name_taken", "The centre keeps a mapping of this name already.").Add("/name", "name_taken", "Choose another name, or change the mapping that exists.")
})

// Validate finds what would be wrong with any sheet, in the caller's language.
func (m *Mapping) Validate(lang string) error {
	columns := m.Definition.V.Columns
	header := make([]string, len(columns))
	for i, c := range columns {
		header[i] = c.Source
	}
	rules := fault.Rules()
	for _, issue := range m.Definition.V.Check(header, nil) {
		pointer := "/definition"
		if i := slices.Index(header, issue.Column); i >= 0 && issue.Column != "" {
			pointer = fmt.Sprintf("/definition/columns/%d", i)
		}
		if issue.Severity == sheet.Error {
			rules.Add(pointer, string(issue.Code), issue.Text(lang))
		}
	}
	return rules.Err()
}

var mappingSorts = db.Sorts[Mapping]{
	"name":       {SQL: "name", Cast: "text", Value: func(m *Mapping) any { return m.Name }},
	"created_at": {SQL: "created_at", Cast: "timestamptz", Value: func(m *Mapping) any { return m.CreatedAt }},
}

func listMappings(ctx context.Context, l db.Listing, active *bool) (db.Paged[Mapping], error) {
	return db.Page(ctx, l, mappingSorts, func(q *gorm.DB) *gorm.DB {
		if active != nil {
			q = q.Where("active = ?", *active)
		}
		return q
	})
}

// reading is a mapping on its way to an import, wherever it came from.
type reading struct {
	id         *uuid.UUID // of a stored mapping
	name       string     // of a stored or a shipped one
	source     string
	definition sheet.Mapping
}

// findReading finds a mapping by the id of a stored one, or by the name of one that comes with the
// server or that the centre keeps.
func findReading(ctx context.Context, which string) (reading, error) {
	if definition, err := sheet.ShippedMapping(which); err == nil {
		return reading{name: which, source: which, definition: definition}, nil
	}
	found, err := db.Find[Mapping](ctx, func(q *gorm.DB) *gorm.DB {
		if id, err := uuid.Parse(which); err == nil {
			return q.Where("id = ?", id)
		}
		return q.Where("name = ?", which)
	})
	if err != nil {
		return reading{}, err
	}
	if len(found) == 0 || !found[0].Active {
		return reading{}, fault.InvalidField("mapping", "unknown_mapping", "The centre keeps no such mapping in use, and none of this name comes with the server.")
	}
	m := found[0]
	return reading{id: &m.ID, name: m.Name, source: m.SourceSystem, definition: m.Definition.V}, nil
}
