package beneficiary

import (
	"context"
	"strings"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/waystation/waystation/internal/beneficiary/namekey"
	"github.com/waystation/waystation/internal/centre"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
	"github.com/waystation/waystation/internal/fold"
	"github.com/waystation/waystation/internal/tenant"
)

var sorts = db.Sorts[Beneficiary]{
	"created_at":    {SQL: "created_at", Cast: "timestamptz", Value: func(b *Beneficiary) any { return b.CreatedAt }},
	"registered_on": {SQL: "registered_on", Cast: "date", Value: func(b *Beneficiary) any { return b.RegisteredOn }},
	"reference":     {SQL: "reference", Cast: "text", Value: func(b *Beneficiary) any { return b.Reference }},
	"family_name":   {SQL: "family_name", Cast: "text", Value: func(b *Beneficiary) any { return b.FamilyName }},
}

// Filter narrows a list of people. A field left nil narrows nothing.
type Filter struct {
	IDs                                                      db.UUIDs
	RegisteredFrom, RegisteredTo, ReceptionFrom, ReceptionTo *db.Date
	Sex, Nationality, CountryOfOrigin, PopulationType        *string
	RegistrationLevel                                        *string
	UpdatedSince                                             *time.Time
	Status                                                   string
}

func (f Filter) where(q *gorm.DB) *gorm.DB {
	q = q.Where("beneficiaries.status = ?", f.Status)
	if f.IDs != nil {
		q = q.Where("beneficiaries.id = any (?)", f.IDs)
	}
	for _, c := range []struct {
		sql  string
		date *db.Date
	}{{"registered_on >= ?", f.RegisteredFrom}, {"registered_on <= ?", f.RegisteredTo}, {"reception_on >= ?", f.ReceptionFrom}, {"reception_on <= ?", f.ReceptionTo}} {
		if c.date != nil {
			q = q.Where(c.sql, *c.date)
		}
	}
	if f.UpdatedSince != nil {
		q = q.Where("beneficiaries.updated_at >= ?", *f.UpdatedSince)
	}
	for _, c := range []struct {
		sql  string
		code *string
	}{{"sex = ?", f.Sex}, {"? = any (nationalities)", f.Nationality}, {"country_of_origin = ?", f.CountryOfOrigin},
		{"population_type = ?", f.PopulationType}, {"registration_level = ?", f.RegistrationLevel}} {
		if c.code != nil {
			q = q.Where(c.sql, *c.code)
		}
	}
	return q
}

func list(ctx context.Context, l db.Listing, f Filter) (db.Document, error) {
	return db.PageJSON(ctx, l, sorts, listed, f.where)
}

// Match is a person that a search found, with how well they match, up to 1.
type Match struct {
	Beneficiary
	Score float64 `gorm:"->"`
}

// TableName implements schema.Tabler.
func (Match) TableName() string { return "beneficiaries" }

// How a search widens: below few people whose names all sound as asked, the spelling decides; and
// no more than most are compared.
const (
	few  = 5
	most = 500
)

// search finds people by what somebody typed: names in any order and spelling, or exactly by
// reference, document or telephone. The best come first.
func search(ctx context.Context, words string, limit int, f Filter) ([]Match, error) {
	return lookUp(ctx, strings.ToUpper(strings.TrimSpace(words)), words, words, words, limit, f)
}

// Resembling finds whom somebody who is described may be: by names in any order and spelling, by document or
// by telephone. The best come first; voided and merged records are not among them. The trail keeps the search.
func Resembling(ctx context.Context, names []string, document, phone string, limit int) ([]Match, error) {
	return lookUp(ctx, "", strings.Join(names, " "), document, phone, limit, Filter{Status: Active})
}

// lookUp asks the index of names and keys.
func lookUp(ctx context.Context, reference, names, document, phone string, limit int, f Filter) ([]Match, error) {
	centre, err := tenant.One(ctx)
	if err != nil {
		return nil, err
	}
	exact, sounds := db.Strings{}, db.Strings{}
	for _, k := range []string{documentKey(document), phoneKey(phone)} {
		if k != "" {
			exact = append(exact, k)
		}
	}
	for _, k := range namekey.Keys(names) {
		sounds = append(sounds, "n:"+k)
	}
	return db.Search[Match](ctx, func(q *gorm.DB) *gorm.DB {
		return f.where(q).Select("beneficiaries.*, found.score").
			Joins("join search_beneficiaries(array[?]::uuid[], ?, ?, ?, ?, ?, ?) found on found.centre_id = beneficiaries.centre_id and found.id = beneficiaries.id",
				centre, reference, exact, sounds, fold.Key(names), few, most).
			Order("found.score desc, beneficiaries.id desc").Limit(limit)
	})
}

// Here answers the 404 of a person who is not registered here, or is somebody else now. It reads nothing about them.
func Here(ctx context.Context, id uuid.UUID) error {
	tx, err := db.Pgx(ctx)
	if err != nil {
		return err
	}
	var here bool
	err = tx.QueryRow(ctx, "select exists (select 1 from beneficiaries where centre_id = any (scope_centres()) and id = $1 and status <> 'merged')", id).Scan(&here)
	if err == nil && !here {
		return fault.Missing()
	}
	return err
}

// LockActive holds a person's record until the transaction ends: 404 where there is none, 409 when it
// was merged or voided.
func LockActive(ctx context.Context, id uuid.UUID) (*Beneficiary, error) {
	b, err := db.LockAny[Beneficiary](ctx, id)
	if err != nil {
		return nil, err
	}
	return b, b.open()
}

// present is the 404 of an empty list below something that does not exist.
func present(ctx context.Context, table string, id uuid.UUID) error {
	tx, err := db.Pgx(ctx)
	if err != nil {
		return err
	}
	var there bool
	err = tx.QueryRow(ctx, "select exists (select 1 from "+table+" where centre_id = any (scope_centres()) and id = $1)", id).Scan(&there)
	if err == nil && !there {
		return fault.Missing()
	}
	return err
}

// today is the date where the centre is.
func today(ctx context.Context) (db.Date, error) {
	here, err := tenant.One(ctx)
	if err != nil {
		return db.Date{}, err
	}
	return centre.Today(ctx, here)
}
