package stock

import (
	"context"
	"fmt"
	"strconv"

	"github.com/google/uuid"
	"github.com/shopspring/decimal"

	"github.com/waystation/waystation/internal/codelist"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
)

// Item is something that a centre keeps. Quantities are kept in its base unit.
type Item struct {
	db.Record
	Code             string
	Name             string
	Category         string // code list stock_item_category
	Unit             string // code list stock_unit
	Units            db.JSON[[]Conversion]
	CatalogueCode    string // code list nfi_item; empty: the centre's own
	CatalogueVersion string // the version of the list that was taken over
	TrackExpiry      bool
	WeightGrams      *decimal.Decimal // of one base unit
	Value            *decimal.Decimal // of one base unit, in Currency
	Currency         string
	StandardQuantity *decimal.Decimal // what one is entitled to (handbook 7.1)
	StandardPer      string
	StandardSource   string
	StandardBasis    string // verified | recalled | proposed
	ReplenishDays    *int
	Target           string // sex and age
	Active           bool
	Note             string
}

// TableName implements schema.Tabler.
func (Item) TableName() string { return "stock_items" }

// Conversion says how many base units one of a unit is.
type Conversion struct {
	Unit   string          `json:"unit"`
	Factor decimal.Decimal `json:"factor"`
}

// factor returns how many base units one of unit is; empty is the base unit itself.
func (i *Item) factor(unit string) (decimal.Decimal, bool) {
	if unit == "" || unit == i.Unit {
		return one, true
	}
	for _, c := range i.Units.V {
		if c.Unit == unit {
			return c.Factor, true
		}
	}
	return decimal.Zero, false
}

// catalogue is the network's list of items.
const catalogue = "nfi_item"

// takeOver fills what is empty from the network's catalogue of today: 422 for what is no stock.
func (i *Item) takeOver(ctx context.Context) error {
	list, _ := codelist.Get(catalogue)
	entry, ok := list.Entry(i.CatalogueCode)
	if !ok || entry.Extra["unit"] == "currency" {
		return fault.InvalidField("/catalogue_code", "not_stock", "The catalogue has no such goods. Cash is kept in no store.")
	}
	for to, value := range map[*string]string{
		&i.Code: entry.Code, &i.Name: codelist.Label(catalogue, entry.Code, codelist.LanguageFrom(ctx)),
		&i.Category: entry.Extra["item_category"], &i.Unit: entry.Extra["unit"],
	} {
		if *to == "" {
			*to = value
		}
	}
	return i.follow(list, entry)
}

// refresh takes over what the catalogue says today of the standard.
func (i *Item) refresh() error {
	list, _ := codelist.Get(catalogue)
	entry, ok := list.Entry(i.CatalogueCode)
	if !ok {
		return fault.State("own", "This item is the centre's own: the catalogue says nothing of it.")
	}
	i.StandardQuantity = nil
	return i.follow(list, entry)
}

func (i *Item) follow(list codelist.List, entry codelist.Entry) error {
	i.CatalogueVersion = list.Version
	i.TrackExpiry = i.TrackExpiry || entry.Extra["track_expiry"] == "yes"
	if i.StandardQuantity != nil || entry.Extra["std_qty"] == "" {
		return nil
	}
	quantity, err := decimal.NewFromString(entry.Extra["std_qty"])
	if err != nil {
		return fmt.Errorf("%s of %s: %w", entry.Code, catalogue, err)
	}
	i.StandardQuantity, i.StandardPer, i.StandardSource, i.StandardBasis = &quantity, entry.Extra["per"], entry.Source, entry.Basis
	i.Target, i.ReplenishDays = entry.Extra["sex_age_target"], nil
	if days, err := strconv.Atoi(entry.Extra["replenish_days"]); err == nil {
		i.ReplenishDays = &days
	}
	return nil
}

// current tells whether the catalogue still says what was taken over.
func (i *Item) current() bool {
	list, _ := codelist.Get(catalogue)
	return i.CatalogueVersion == list.Version
}

// judge checks what the spec cannot say of an item.
func (i *Item) judge() error {
	rules := fault.Rules()
	for field, value := range map[string]string{"code": i.Code, "name": i.Name, "category": i.Category, "unit": i.Unit} {
		if value == "" {
			rules.Add("/"+field, "required", "An item that is not taken from the catalogue needs this.")
		}
	}
	seen := map[string]bool{i.Unit: true}
	for n, c := range i.Units.V {
		switch pointer := fmt.Sprintf("/units/%d", n); {
		case seen[c.Unit]:
			rules.Add(pointer+"/unit", "repeated", "This unit has its conversion already; one of the base unit is one.")
		case !c.Factor.IsPositive():
			rules.Add(pointer+"/factor", "not_positive", "One of a unit is more than nothing.")
		}
		seen[c.Unit] = true
	}
	return rules.Err()
}

// add stores a new item.
func (i *Item) add(ctx context.Context) error {
	if i.CatalogueCode != "" {
		if err := i.takeOver(ctx); err != nil {
			return err
		}
	}
	if err := i.judge(); err != nil {
		return err
	}
	i.Active = true
	return db.Insert(ctx, i)
}

// changeItem holds an item of a version, applies an act and stores the result.
func changeItem(ctx context.Context, id uuid.UUID, ifMatch string, act func(*Item) error) (*Item, error) {
	i, err := db.Lock[Item](ctx, id, ifMatch)
	if err != nil {
		return nil, err
	}
	if err := act(i); err != nil {
		return nil, err
	}
	return i, db.Save(ctx, i)
}
