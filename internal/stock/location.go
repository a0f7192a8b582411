package stock

import (
	"context"
	"slices"

	"github.com/google/uuid"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
)

// Location is a place where stock lies: a warehouse, a store, a bin, or the road between two places.
type Location struct {
	db.Record
	Code     string
	Name     string
	Kind     string // warehouse | store | bin | transit
	ParentID *uuid.UUID
	Active   bool
	Note     string
}

// TableName implements schema.Tabler.
func (Location) TableName() string { return "stock_locations" }

// transit is the kind of the road between two places. Nobody but a transfer puts anything there.
const transit = "transit"

// holders says in which kinds of place a kind may lie.
var holders = map[string][]string{"store": {"warehouse"}, "bin": {"warehouse", "store"}}

// roadCode is the code of a centre's road. No other place has it.
const roadCode = "IN-TRANSIT"

// road is where a centre's goods lie between two places. It is there once something has travelled.
func road(ctx context.Context) (*Location, error) {
	of := func(q *gorm.DB) *gorm.DB { return q.Where("kind = ?", transit) }
	found, err := db.Find[Location](ctx, of)
	if err != nil || len(found) > 0 {
		return first(found), err
	}
	l := &Location{Record: db.NewRecord(nil), Code: roadCode, Name: "In transit", Kind: transit, Active: true}
	if err := db.Tx(ctx).Clauses(clause.OnConflict{DoNothing: true}).Create(l).Error; err != nil { // whoever was first
		return nil, err
	}
	return db.One[Location](ctx, of)
}

func first[T any](rows []T) *T {
	if len(rows) == 0 {
		return nil
	}
	return &rows[0]
}

// add stores a new place.
func (l *Location) add(ctx context.Context) error {
	if l.Code == roadCode {
		return fault.InvalidField("/code", "reserved", "This code is the road's. Choose another one.")
	}
	if l.ParentID == nil && l.Kind == "bin" {
		return fault.InvalidField("/parent_id", "required", "A bin lies in a store or a warehouse. Name it.")
	}
	if l.ParentID != nil {
		parent, err := db.Find[Location](ctx, func(q *gorm.DB) *gorm.DB { return q.Where("id = ? and active", *l.ParentID) })
		if err != nil {
			return err
		}
		if len(parent) == 0 || !slices.Contains(holders[l.Kind], parent[0].Kind) {
			return fault.InvalidField("/parent_id", "not_a_holder", "A %s cannot lie there. Bins lie in stores and warehouses, stores in warehouses.", l.Kind)
		}
	}
	l.Active = true
	return db.Insert(ctx, l)
}

// change holds a place, applies edit and stores it. A place that holds stock stays open: whoever posts meanwhile
// holds the place, too, and is waited for.
func changeLocation(ctx context.Context, id uuid.UUID, ifMatch string, edit func(*Location)) (*Location, error) {
	l, err := db.Lock[Location](ctx, id, ifMatch)
	if err != nil {
		return nil, err
	}
	if l.Kind == transit {
		return nil, fault.State(l.Kind, "The road between two places stays as it is.")
	}
	was := l.Active
	edit(l)
	if was && !l.Active {
		full, err := db.Exists[Balance](ctx, func(q *gorm.DB) *gorm.DB { return q.Where("location_id = ? and on_hand > 0", id) })
		if err != nil {
			return nil, err
		}
		if full {
			return nil, fault.New(fault.Conflict, "not_empty", "There is stock here. Move it, then close the place.").With("current_state", "in_use")
		}
	}
	return l, db.Save(ctx, l)
}
