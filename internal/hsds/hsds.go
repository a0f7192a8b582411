// Package hsds shows the public part of the service map in the terms of Open Referral's Human Services Data Specification 3.0,
// read only. Nothing in it is about a person, and of a confidential location it tells the region alone, whoever asks.
package hsds

import (
	"context"
	"math"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
	"github.com/waystation/waystation/internal/servicemap"
)

// Handlers answer the operations of this domain.
type Handlers struct {
	PublicURL string // where the specification is served from
}

// service is an entry of the map.
type service struct {
	servicemap.Service
	LastModified time.Time // of the entry and of its locations
}

// provider is what is told of an organisation.
type provider struct {
	ID          uuid.UUID `gorm:"primaryKey"`
	Name        string
	Email       string
	Phone       string
	Website     string
	Description string
}

// TableName implements schema.Tabler.
func (provider) TableName() string { return "organisations" }

// site is a service at a location.
type site struct {
	ID         uuid.UUID `gorm:"primaryKey"`
	ServiceID  uuid.UUID
	LocationID uuid.UUID
}

// TableName implements schema.Tabler.
func (site) TableName() string { return "service_sites" }

// public are the entries that the façade shows.
const public = `(select s.*, greatest(s.updated_at, (select max(l.updated_at) from service_locations l where l.id = any (s.location_ids))) as last_modified
	from services s where s.public) as services`

// given is where public services are given.
const given = `(select t.* from service_sites t join service_locations l on l.id = t.location_id and l.retired_at is null) as service_sites`

// paged is a page by number.
type paged[T any] struct {
	rows         []T
	total        int
	number, size int
}

func (p paged[T]) pages() int { return int(math.Ceil(float64(p.total) / float64(p.size))) }

func (p paged[T]) first() bool { return p.number == 1 }

func (p paged[T]) last() bool { return p.number >= p.pages() }

// page reads a page by number: HSDS asks for totals and for pages by number.
func page[T any](ctx context.Context, number, size int, order string, build db.Build) (paged[T], error) {
	total, err := db.Count[T](ctx, build)
	if err != nil {
		return paged[T]{}, err
	}
	rows, err := db.Find[T](ctx, func(q *gorm.DB) *gorm.DB { return build(q).Order(order).Limit(size).Offset((number - 1) * size) })
	return paged[T]{rows, int(total), number, size}, err
}

// cut is page for what is in memory.
func cut[T any](all []T, number, size int) paged[T] {
	from := min((number-1)*size, len(all))
	return paged[T]{all[from:min(from+size, len(all))], len(all), number, size}
}

// one returns what an id of a path names, or the 404.
func one[T any](ctx context.Context, id string, build db.Build) (*T, error) {
	named, err := uuid.Parse(id)
	if err != nil {
		return nil, fault.Missing()
	}
	return db.One[T](ctx, func(q *gorm.DB) *gorm.DB { return build(q).Where("id = ?", named) })
}

// derived is a lasting id for what the map keeps inside another thing.
func derived(of uuid.UUID, what string) uuid.UUID { return uuid.NewSHA1(of, []byte(what)) }

func byID[T any](rows []T, id func(*T) uuid.UUID) map[uuid.UUID]*T {
	index := make(map[uuid.UUID]*T, len(rows))
	for i := range rows {
		index[id(&rows[i])] = &rows[i]
	}
	return index
}
