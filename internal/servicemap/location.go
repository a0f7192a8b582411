package servicemap

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/auth"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
	"github.com/waystation/waystation/internal/pcode"
)

// Location is where a provider works.
type Location struct {
	db.Global
	OrganisationID uuid.UUID // the provider
	Confidential   bool      // only admin 1 is told of it, as of a safe shelter (handbook 6)
	Admin1Pcode    string    // OCHA P-code, opaque
	Name           string
	Address        string
	Pcode          string   // of the place, finer than admin 1
	Latitude       *float64 // WGS 84
	Longitude      *float64
	TimeZone       string     // IANA name
	Areas          db.Strings // P-codes of the areas that it lies in, as far as they are told
	RetiredAt      *time.Time // nothing is offered here any more
}

// TableName implements schema.Tabler.
func (Location) TableName() string { return "service_locations" }

// judge refuses what cannot be, and finds the areas that the location lies in.
func (l *Location) judge() error {
	l.Areas = pcode.Around(l.Admin1Pcode)
	if !l.Confidential {
		l.Areas = pcode.Around(l.Pcode, l.Admin1Pcode)
	}
	rules := fault.Rules()
	if (l.Latitude == nil) != (l.Longitude == nil) {
		rules.Add("/latitude", "half_coordinates", "Give both coordinates or none.")
	}
	if _, err := time.LoadLocation(l.TimeZone); err != nil || l.TimeZone == "" || l.TimeZone == "Local" {
		rules.Add("/time_zone", "unknown_time_zone", "Not a time zone of the IANA database, such as Africa/Niamey.")
	}
	return rules.Err()
}

// told is what the caller may know of the location: of a confidential one that it exists, whose it is and
// in which region, but for its provider and the network's operators.
func (h Handlers) told(ctx context.Context, l *Location) *Location {
	if h.knows(ctx, l) {
		return l
	}
	return l.Shown()
}

// Shown is what everybody may know of the location: of a confidential one that it exists, whose it is and in which region.
func (l *Location) Shown() *Location {
	if !l.Confidential {
		return l
	}
	return &Location{Global: l.Global, OrganisationID: l.OrganisationID, Confidential: true, Admin1Pcode: l.Admin1Pcode, RetiredAt: l.RetiredAt}
}

func (h Handlers) knows(ctx context.Context, l *Location) bool {
	p := auth.From(ctx)
	if !l.Confidential || p.OrganisationID == l.OrganisationID {
		return true
	}
	_, operates := h.Permissions.Centres(p, "services:write")
	return operates
}

// relocate holds a location of a version, applies an act and stores it. Who may not know a confidential
// location does not change it either: not to learn by it where it is.
func (h Handlers) relocate(ctx context.Context, id uuid.UUID, ifMatch string, act func(*Location) error) (*Location, error) {
	l, err := db.Lock[Location](ctx, id, ifMatch)
	if err != nil {
		return nil, err
	}
	if err := Keeps(ctx, l.OrganisationID); err != nil {
		return nil, err
	}
	if !h.knows(ctx, l) {
		return nil, fault.Denied("A confidential location is changed by its provider and the network's operators.")
	}
	if err := act(l); err != nil {
		return nil, err
	}
	if err := l.judge(); err != nil {
		return nil, err
	}
	return l, db.Save(ctx, l)
}

// retire takes the location out of use; nothing of it is deleted.
func (l *Location) retire() error {
	if l.RetiredAt != nil {
		return fault.State("retired", "The location is retired already.")
	}
	now := db.Now()
	l.RetiredAt = &now
	return nil
}

// reopen takes a retired location into use again.
func (l *Location) reopen() error {
	if l.RetiredAt == nil {
		return fault.State("in_use", "The location is not retired.")
	}
	l.RetiredAt = nil
	return nil
}
