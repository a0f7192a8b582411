// Package place gives out the places of services: how many there are, who holds one until when, who waits for one and
// who came. The map of services is the network's and about nobody, and so are the places and the line for them; for whom a centre
// holds one stands with the centre. The database keeps the counts and says who is next; see migration 00037.
package place

import (
	"context"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/servicemap"
)

// Capacity is how many places a service has, and how many are left. Its id is the service's.
type Capacity struct {
	db.Global
	OrganisationID uuid.UUID // the provider
	Unit           string    // what a place is: a bed, a seat
	Maximum        *int      // nil: not published, and none is held
	Elsewhere      int       // in use by whom nobody referred here
	HoldHours      int       // how long a place is held at most
	Held           int
	Taken          int
	Waiting        int
}

// TableName implements schema.Tabler.
func (Capacity) TableName() string { return "service_capacities" }

// Free is how many places could be given out now. Nil: the provider publishes none.
func (c *Capacity) Free() *int {
	if c.Maximum == nil {
		return nil
	}
	free := max(0, *c.Maximum-c.Elsewhere-c.Held-c.Taken)
	return &free
}

// suffices tells that so many places are free, and that nobody waits for them.
func (c *Capacity) suffices(places int) bool {
	free := c.Free()
	return free != nil && c.Waiting == 0 && *free >= places
}

// publish stores what a provider changed of its places. Those who wait come on as far as there are more.
func publish(ctx context.Context, service uuid.UUID, ifMatch string, act func(*Capacity)) (*Capacity, error) {
	c, err := db.Lock[Capacity](ctx, service, ifMatch)
	if err != nil {
		return nil, err
	}
	if err := servicemap.Keeps(ctx, c.OrganisationID); err != nil {
		return nil, err
	}
	act(c)
	if err := db.Save(ctx, c); err != nil {
		return nil, err
	}
	return db.Get[Capacity](ctx, service) // with the counts as they became
}
