package events

import (
	"context"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/auth"
	"github.com/waystation/waystation/internal/db"
)

// Change is one row of the feed.
type Change struct {
	CentreID  uuid.UUID // zero for the network's own directory
	Epoch     int
	Xid       int64
	ID        int64
	At        time.Time
	Type      string // beneficiary.updated
	Resource  string // beneficiary
	SubjectID uuid.UUID
	Version   *int64
	Data      map[string]any `gorm:"serializer:json"`
}

// TableName implements schema.Tabler.
func (Change) TableName() string { return "events" }

func (c *Change) position() position { return position{c.Epoch, c.Xid, c.ID} }

// Gone tells that the subject is to be forgotten by whoever keeps a copy.
func (c *Change) Gone() bool {
	_, what, _ := strings.Cut(c.Type, ".")
	return what == "deleted" || what == "voided" || what == "merged"
}

// selection says which changes a reader is to see.
type selection struct {
	centres   []uuid.UUID
	resources []string
	types     []string // none: all
}

func (s selection) shows(c *Change) bool {
	return slices.Contains(s.resources, c.Resource) && (len(s.types) == 0 || slices.Contains(s.types, c.Type))
}

const changeColumns = "centre_id, epoch, xid::text::bigint as xid, id, at, type, resource, subject_id, version, data"

// read returns the next changes between two positions, at most limit, in the order of their commits.
func (s selection) read(ctx context.Context, after, end position, limit int) ([]Change, error) {
	if len(s.resources) == 0 {
		return nil, nil
	}
	return db.Select[Change](ctx, `select e.* from unnest($1::uuid[]) as c (id) cross join lateral (select `+changeColumns+` from events
		where centre_id = c.id and (epoch, xid, id) > ($2, $3::text::xid8, $4) and (epoch, xid, id) < ($5, $6::text::xid8, $7)
		and resource = any ($8) and (cardinality($9::text[]) = 0 or type = any ($9)) order by events.epoch, events.xid, events.id limit $10) e
		order by epoch, xid, id limit $10`,
		s.centres, after.epoch, number(after.xid), after.id, end.epoch, number(end.xid), end.id, s.resources, append([]string{}, s.types...), limit)
}

// number writes a transaction id, which PostgreSQL reads from text alone.
func number(xid int64) string { return strconv.FormatInt(xid, 10) }

// Page is a part of a feed and where it goes on.
type Page struct {
	Changes []Change
	Next    string // cursor; always there
	More    bool   // the next page is not empty
}

// page reads on from a cursor; without one from the oldest change that is kept.
func (s selection) page(ctx context.Context, cursor string, kept time.Duration, limit int) (Page, error) {
	end, err := horizon(ctx)
	if err != nil {
		return Page{}, err
	}
	var after position
	if cursor != "" {
		if after, err = parse(cursor, kept, end); err != nil {
			return Page{}, err
		}
	}
	rows, err := s.read(ctx, after, end, limit+1)
	return cut(rows, end, limit), err
}

// cut makes a page of what was read, one row more than it takes. Where there is no more it goes on
// from the horizon: a feed in which nothing happens must not grow old.
func cut(rows []Change, end position, limit int) Page {
	if len(rows) <= limit {
		return Page{Changes: rows, Next: end.cursor(db.Now())}
	}
	return Page{Changes: rows[:limit], Next: rows[limit-1].position().cursor(db.Now()), More: true}
}

// Now returns the cursor of this moment: what is committed later comes after it.
func Now(ctx context.Context) (string, error) {
	end, err := horizon(ctx)
	return end.cursor(db.Now()), err
}

// Visible returns the changes of a centre that somebody may see there, as it is shown to them in its feed, after a
// cursor of Visible or Now, however old. Without types it is all of them.
func Visible(ctx context.Context, may *auth.Permissions, reader *auth.Principal, centre uuid.UUID, types []string, cursor string, limit int) (Page, error) {
	return selection{[]uuid.UUID{centre}, readable(may, reader, centre, nil), types}.page(ctx, cursor, forever, limit)
}

const forever = time.Duration(math.MaxInt64)

// Since returns the events of all centres that an organisation may see as a partner (see
// Event.OrganisationID), after a cursor of Since or Now, however old; an empty one stands for the
// oldest that is kept. The session must act for the organisation.
func Since(ctx context.Context, organisationID uuid.UUID, cursor string, limit int) (Page, error) {
	end, err := horizon(ctx)
	if err != nil {
		return Page{}, err
	}
	var after position
	if cursor != "" {
		if after, err = parse(cursor, forever, end); err != nil {
			return Page{}, err
		}
	}
	rows, err := db.Select[Change](ctx, "select "+changeColumns+` from events where organisation_id = $1
		and (epoch, xid, id) > ($2, $3::text::xid8, $4) and (epoch, xid, id) < ($5, $6::text::xid8, $7) order by epoch, events.xid, id limit $8`,
		organisationID, after.epoch, number(after.xid), after.id, end.epoch, number(end.xid), end.id, limit+1)
	return cut(rows, end, limit), err
}
