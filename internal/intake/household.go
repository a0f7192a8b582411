package intake

import (
	"context"

	"github.com/google/uuid"
	"gorm.io/gorm/clause"

	"github.com/waystation/waystation/internal/beneficiary"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/intake/sheet"
	"github.com/waystation/waystation/internal/wire"
)

// households are those of a batch by their source key: known ones locked, new ones not stored yet.
type households map[string]*household

type household struct {
	beneficiary.Household
	stored bool
}

// openHouseholds finds the households that arrivals belong to. Each exists once per centre and
// source key, whatever file or batch its members come in.
func openHouseholds(ctx context.Context, r *registrar, arrivals []*arrival) (households, error) {
	homes := households{}
	var keys []string
	for _, a := range arrivals {
		if a.household == "" {
			continue
		}
		if homes[a.household] == nil {
			key := a.household
			keys = append(keys, key)
			homes[key] = &household{Household: beneficiary.Household{Record: db.NewRecord(nil), Status: beneficiary.Active, SourceKey: &key}}
		}
	}
	if len(keys) == 0 {
		return homes, nil
	}
	var known []beneficiary.Household
	err := db.Tx(ctx).Clauses(clause.Locking{Strength: "UPDATE"}).Where("source_key in ?", keys).Order("id").Find(&known).Error
	for _, h := range known {
		homes[*h.SourceKey] = &household{Household: h, stored: true}
	}
	if err == nil {
		homes.settle(r, arrivals)
	}
	return homes, err
}

// known is the id of a household that is stored; nil where there is none.
func (homes households) known(key string) *uuid.UUID {
	if h := homes[key]; h != nil && h.stored {
		return &h.ID
	}
	return nil
}

// expected is the id of a household as long as nothing is stored: of one that is new an id that
// its key alone makes, for every batch the same.
func (homes households) expected(key string) *uuid.UUID {
	if id := homes.known(key); id != nil || key == "" {
		return id
	}
	return wire.Ptr(uuid.NewSHA1(uuid.Nil, []byte(key)))
}

// settle keeps people out of a household that was voided, and lets one keep the head that it has.
func (homes households) settle(r *registrar, arrivals []*arrival) {
	for _, a := range arrivals {
		switch h := homes[a.household]; {
		case h == nil:
		case h.Status != beneficiary.Active:
			a.row.reject(sheet.NewIssue(sheet.RuleBroken, sheet.Household, r.pass.columns[sheet.Household], map[string]string{"rule": "household_void"}))
		case h.HeadID != nil && a.row.values.HouseholdRelationship == beneficiary.Head:
			a.row.values.HouseholdRelationship = relationUnknown
			a.row.warn(r.pass.issue(sheet.SecondHead, sheet.HouseholdRelationship))
		}
	}
}

// join stores the new households, the members, and what the members change: size and head.
func (homes households) join(ctx context.Context, arrivals []*arrival) error {
	var members []beneficiary.HouseholdMember
	joined := map[string]*household{}
	for _, a := range arrivals {
		h := homes[a.household]
		if h == nil {
			continue
		}
		if joined[a.household] == nil {
			joined[a.household] = &household{Household: h.Household, stored: h.stored}
		}
		members = append(members, joined[a.household].member(a))
	}
	if len(members) == 0 {
		return nil
	}
	fresh := []beneficiary.Household{}
	for _, h := range joined {
		if !h.stored {
			fresh = append(fresh, h.Household)
		}
	}
	rows := []any{&members}
	if len(fresh) > 0 {
		rows = []any{&fresh, &members}
	}
	if err := db.InsertAll(ctx, rows...); err != nil {
		return err
	}
	for key, h := range joined {
		if h.stored {
			if err := db.Save(ctx, &h.Household); err != nil {
				return err
			}
		}
		homes[key].Household, homes[key].stored = h.Household, true
	}
	return nil
}

func (h *household) member(a *arrival) beneficiary.HouseholdMember {
	relationship := a.row.values.HouseholdRelationship
	if relationship == "" {
		relationship = relationUnknown
	}
	h.Size++
	if relationship == beneficiary.Head {
		h.HeadID = wire.Ptr(a.person.ID)
	}
	return beneficiary.HouseholdMember{
		Record: db.NewRecord(nil), HouseholdID: h.ID, BeneficiaryID: a.person.ID, Relationship: relationship, JoinedOn: a.person.RegisteredOn,
	}
}
