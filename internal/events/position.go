package events

import (
	"context"
	"encoding/base64"
	"fmt"
	"strings"
	"time"

	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
)

// position is a place in the order of commits. Transactions are numbered when they begin to write;
// what is numbered below the oldest one that still runs cannot change any more.
type position struct {
	epoch int
	xid   int64
	id    int64
}

func (p position) after(q position) bool {
	if p.epoch != q.epoch {
		return p.epoch > q.epoch
	}
	if p.xid != q.xid {
		return p.xid > q.xid
	}
	return p.id > q.id
}

// horizon is where the oldest running transaction stands: everything before it is final.
func horizon(ctx context.Context) (position, error) {
	type now struct {
		Epoch int
		Xmin  int64
	}
	rows, err := db.Select[now](ctx, "select current_epoch() as epoch, pg_snapshot_xmin(pg_current_snapshot())::text::bigint as xmin")
	if err != nil {
		return position{}, err
	}
	return position{epoch: rows[0].Epoch, xid: rows[0].Xmin}, nil
}

// cursor writes a position, and when it was given out: one that is older than what is kept
// may have missed something.
func (p position) cursor(now time.Time) string {
	return base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "c1.%d.%d.%d.%d", p.epoch, p.xid, p.id, now.Unix()))
}

// parse reads a cursor: 400 for one that is not ours, 410 for one that is older than what is kept
// or lies ahead of the horizon, as after the database was set back.
func parse(cursor string, kept time.Duration, end position) (position, error) {
	raw, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil {
		return position{}, badCursor()
	}
	var p position
	var issued int64
	n, err := fmt.Sscanf(string(raw), "c1.%d.%d.%d.%d", &p.epoch, &p.xid, &p.id, &issued)
	if err != nil || n != 4 || p.cursor(time.Unix(issued, 0)) != strings.TrimRight(cursor, "=") {
		return position{}, badCursor()
	}
	if db.Now().Sub(time.Unix(issued, 0)) > kept || p.after(end) {
		return position{}, fault.New(fault.Gone, "cursor_expired", "Changes since this cursor are no longer kept. Begin again with since=now, and read the lists anew.").
			Add("cursor", "cursor_expired", "Too old.")
	}
	return p, nil
}

func badCursor() error {
	return fault.New(fault.Malformed, "invalid_cursor", "The cursor is not one that this feed gave out. Begin without a cursor, or with since=now.").
		Add("cursor", "invalid_cursor", "Not a cursor of this feed.")
}
