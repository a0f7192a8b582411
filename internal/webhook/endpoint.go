// Package webhook tells other systems of changes, by Standard Webhooks (https://www.standardwebhooks.com): who is told
// what, the line of messages of each endpoint, and sending them.
//
// A tick takes what is new in the feed and puts it in the line of each endpoint that may see it, in one transaction
// with the endpoint's place in the feed; a job sends what stands in line, oldest first. A process that is killed
// anywhere loses nothing: a message leaves the line only when its receipt is stored, so it is sent at least once.
package webhook

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"net/netip"
	"net/url"
	"slices"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/waystation/waystation/internal/auth"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
)

// States of an endpoint.
const (
	active   = "active"
	paused   = "paused"
	disabled = "disabled" // the receiver said 410
)

// Why an endpoint is not active.
const (
	byHand   = "by_hand"
	failing  = "failing" // every repeat failed
	gone     = "gone"    // 410
	noRights = "no_rights"
)

// Endpoint is where a system wants to be told of changes.
type Endpoint struct {
	db.Global
	OwnerID             uuid.UUID  `gorm:"<-:create"` // whose rights say what it is told
	OwnerKind           string     `gorm:"<-:create"` // user | client
	OrganisationID      *uuid.UUID `gorm:"<-:create"`
	Follows             *uuid.UUID `gorm:"<-:create"` // a centre; nil: what concerns the organisation as a partner
	URL                 string
	Description         string
	Types               db.Strings // empty: all
	Status              string
	Reason              string
	Secret              string // sealed
	PreviousSecret      string // sealed
	PreviousSecretUntil *time.Time
	Cursor              string     `gorm:"<-:create"` // this and what follows move under the endpoint's version
	CursorAt            time.Time  `gorm:"<-:create"`
	SucceededAt         *time.Time `gorm:"<-:create"`
	FailingSince        *time.Time `gorm:"<-:create"`
}

// TableName implements schema.Tabler.
func (Endpoint) TableName() string { return "webhook_endpoints" }

// Validate checks the URL: https, or http where a development server allows it, and no address that is known not to be
// public. Where a name leads is checked at each connection.
func (e *Endpoint) Validate(s Settings) error {
	u, err := url.Parse(e.URL)
	switch {
	case err != nil || u.Hostname() == "" || u.User != nil || u.Fragment != "":
		return fault.InvalidField("/url", "invalid_url", "An absolute URL without user and fragment.")
	case u.Scheme != "https" && (u.Scheme != "http" || !s.PlainHTTP):
		return fault.InvalidField("/url", "not_https", "Messages go over https alone.")
	}
	if address, err := netip.ParseAddr(u.Hostname()); err == nil && s.guard().SafeAddr(address) != nil {
		return fault.InvalidField("/url", "refused_address", "Messages go to public addresses alone.")
	}
	return nil
}

// wants tells whether the endpoint asked for a type of event.
func (e *Endpoint) wants(kind string) bool {
	return len(e.Types) == 0 || kind == testType || slices.Contains(e.Types, kind)
}

// ownedBy refuses whoever is not the owner: the endpoint is told what the owner may see.
func (e *Endpoint) ownedBy(caller *auth.Principal) error {
	if caller.ID != e.OwnerID {
		return fault.Denied("An endpoint is told what its owner may see, so only the owner may do this.")
	}
	return nil
}

// stop ends the telling until somebody resumes it.
func (e *Endpoint) stop(status, reason string) { e.Status, e.Reason = status, reason }

// running is the 409 of an endpoint that is not active.
func (e *Endpoint) running() error {
	if e.Status != active {
		return fault.State(e.Status, "The endpoint is not active. Resume it first.")
	}
	return nil
}

// newSecret is 32 random bytes in the form of the standard.
func newSecret() string {
	var b [32]byte
	rand.Read(b[:]) // never fails
	return "whsec_" + base64.StdEncoding.EncodeToString(b[:])
}

// rotate gives the endpoint a new secret and returns it; the old one signs beside it until then.
func (e *Endpoint) rotate(v *auth.Vault, until time.Time) string {
	secret := newSecret()
	e.PreviousSecret, e.PreviousSecretUntil = e.Secret, &until
	e.Secret = v.Seal(secret, e.sealedFor())
	return secret
}

// secrets are those that sign now, the newest first.
func (e *Endpoint) secrets(v *auth.Vault, now time.Time) ([]string, error) {
	stored := []string{e.Secret}
	if e.PreviousSecretUntil != nil && now.Before(*e.PreviousSecretUntil) {
		stored = append(stored, e.PreviousSecret)
	}
	for i, text := range stored {
		secret, err := v.Open(text, e.sealedFor())
		if err != nil {
			return nil, err
		}
		stored[i] = secret
	}
	return stored, nil
}

func (e *Endpoint) sealedFor() string { return "webhook " + e.ID.String() }

var endpointSorts = db.Sorts[Endpoint]{
	"created_at": {SQL: "created_at", Cast: "timestamptz", Value: func(e *Endpoint) any { return e.CreatedAt }},
}

func listEndpoints(ctx context.Context, l db.Listing, f db.Conditions) (db.Paged[Endpoint], error) {
	return db.Page(ctx, l, endpointSorts, f.Apply)
}

// own locks an endpoint of the caller's at the version that they read.
func own(ctx context.Context, id uuid.UUID, ifMatch string) (*Endpoint, error) {
	e, err := db.Lock[Endpoint](ctx, id, ifMatch)
	if err != nil {
		return nil, err
	}
	return e, e.ownedBy(auth.From(ctx))
}

// seen reads an endpoint of the caller's.
func seen(ctx context.Context, id uuid.UUID) (*Endpoint, error) {
	e, err := db.Get[Endpoint](ctx, id)
	if err != nil {
		return nil, err
	}
	return e, e.ownedBy(auth.From(ctx))
}

// activeEndpoints are those that are told what happens, those that waited longest first.
func activeEndpoints(ctx context.Context) ([]Endpoint, error) {
	return db.Find[Endpoint](ctx, func(q *gorm.DB) *gorm.DB { return q.Where("status = ?", active).Order("cursor_at, id") })
}
