package account

import (
	"cmp"
	"context"
	"encoding/json"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/waystation/waystation/internal/auth"
)

// Feed tells one process who has been signed out at any other. It keeps a connection of its own that
// listens to the database, and at every beat reads what was revoked of late as well: a notification
// may be lost, as behind a transaction pooler, where the beat alone must do.
type Feed struct {
	Connect     *pgx.ConnConfig // of the database
	Revocations *auth.Revocations
	Beat        time.Duration // time between two signs of life; 0: 1 s
}

// How long to wait before the next try to connect, at first and at most.
const (
	firstRetry = 50 * time.Millisecond
	lastRetry  = 2 * time.Second
)

// Run feeds until ctx ends. When the connection breaks it makes another and loads again what it
// may have missed. Meanwhile no sign of life is given, so that tokens are refused in the end.
func (f Feed) Run(ctx context.Context) {
	wait := firstRetry
	for ctx.Err() == nil {
		connected, err := f.follow(ctx)
		if ctx.Err() != nil {
			return
		}
		if connected {
			wait = firstRetry
		}
		slog.Warn("the feed of revocations broke; connecting again", "error", err, "wait", wait)
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
		wait = min(2*wait, lastRetry)
	}
}

// follow serves one connection until it breaks, and tells whether it ever stood.
func (f Feed) follow(ctx context.Context) (connected bool, err error) {
	config := f.Connect.Copy()
	config.OnNotification = f.hear
	config.RuntimeParams["application_name"] = "waystation revocations"
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return false, err
	}
	defer hangUp(ctx, conn)
	if err := f.start(ctx, conn); err != nil {
		return false, err
	}
	for {
		if err := f.listen(ctx, conn); err != nil {
			return true, err
		}
	}
}

// patience is how long a database may take to answer before the connection is given up.
const patience = 5 * time.Second

// start leaves no gap: what commits between listening and loading is both heard and loaded.
func (f Feed) start(ctx context.Context, conn *pgx.Conn) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if _, err := conn.Exec(ctx, "listen revocations"); err != nil {
		return err
	}
	return f.load(ctx, conn, unexpired)
}

// hangUp closes the connection, also when ctx is over, and does not wait for a database that is gone.
func hangUp(ctx context.Context, conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	_ = conn.Close(ctx)
}

// Which revocations to read: all that still matter, or those that the last beats may have missed.
// Who revokes commits within seconds.
const (
	unexpired = "select kind, subject_id, not_before from revocations where expires_at > now()"
	recent    = "select kind, subject_id, not_before from revocations where not_before > now() - interval '1 minute'"
)

// load refuses what was revoked; that it could be read is the sign of life.
func (f Feed) load(ctx context.Context, conn *pgx.Conn, sql string) error {
	asked := time.Now()
	rows, err := conn.Query(ctx, sql)
	if err != nil {
		return err
	}
	var r Revocation
	_, err = pgx.ForEachRow(rows, []any{&r.Kind, &r.SubjectID, &r.NotBefore}, func() error {
		r.apply(f.Revocations)
		return nil
	})
	if err == nil {
		f.Revocations.SetFeedAlive(asked)
	}
	return err
}

// listen waits for notifications until the next beat, then reads.
func (f Feed) listen(ctx context.Context, conn *pgx.Conn) error {
	beat := cmp.Or(f.Beat, time.Second)
	until, cancel := context.WithTimeout(ctx, beat)
	defer cancel()
	for until.Err() == nil {
		if err := conn.PgConn().WaitForNotification(until); err != nil && !pgconn.Timeout(err) {
			return err
		}
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	answer, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return f.load(answer, conn, recent)
}

// hear applies one announcement, in the words of the trigger announce_revocation.
func (f Feed) hear(_ *pgconn.PgConn, n *pgconn.Notification) {
	var heard struct {
		Kind      string    `json:"kind"`
		SubjectID string    `json:"subject_id"`
		NotBefore time.Time `json:"not_before"`
	}
	err := json.Unmarshal([]byte(n.Payload), &heard)
	r := Revocation{Kind: heard.Kind, NotBefore: heard.NotBefore}
	if err == nil {
		err = r.SubjectID.UnmarshalText([]byte(heard.SubjectID))
	}
	if err != nil {
		slog.Error("an announcement of the feed of revocations is not understood", "error", err)
		return
	}
	r.apply(f.Revocations)
}
