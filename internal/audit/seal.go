package audit

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/waystation/waystation/internal/auth"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/jobs"
)

// SealTick is the name of the sealer's job.
const SealTick = "audit.seal"

const (
	sealEvery = 10 * time.Second
	sealBatch = 500         // lines in memory at a time
	signEvery = time.Minute // checkpoints are checked one by one: more would make verifying slow
)

// Jobs registers the sealer.
func Jobs(r *jobs.Registry, key auth.Key) {
	r.Every(sealEvery, SealTick, func(ctx context.Context) error { return Seal(ctx, key) })
}

// Seal chains every committed line that has no seal yet, centre by centre, and signs the chains. It
// runs in a job. What one centre's chain fails at does not hold up the others.
func Seal(ctx context.Context, key auth.Key) error {
	centres, err := everyCentre(ctx)
	if err != nil {
		return err
	}
	var failures []error
	for _, centre := range append(centres, Network) {
		if err := sealCentre(ctx, key, centre); err != nil {
			failures = append(failures, fmt.Errorf("sealing %s: %w", centre, err))
		}
	}
	return errors.Join(failures...)
}

func everyCentre(ctx context.Context) (ids []uuid.UUID, err error) {
	err = jobs.In(ctx, db.Scope{Network: true, ReadOnly: true}, func(ctx context.Context) error {
		return db.Tx(ctx).Raw("select id from centres order by id").Scan(&ids).Error
	})
	return ids, err
}

// scopeOf reaches one trail.
func scopeOf(centre uuid.UUID) db.Scope {
	if centre == Network {
		return db.Scope{Network: true}
	}
	return db.Scope{Centres: []uuid.UUID{centre}}
}

func sealCentre(ctx context.Context, key auth.Key, centre uuid.UUID) error {
	for more := true; more; {
		err := jobs.In(ctx, scopeOf(centre), func(ctx context.Context) error {
			tx, err := db.Pgx(ctx)
			if err != nil {
				return err
			}
			n, err := sealSome(ctx, tx, key, centre)
			more = n == sealBatch
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// sealSome seals one batch. Of several sealers one works on a centre; the others leave it.
func sealSome(ctx context.Context, tx pgx.Tx, key auth.Key, centre uuid.UUID) (int, error) {
	var mine bool
	if err := tx.QueryRow(ctx, "select pg_try_advisory_xact_lock(hashtextextended('waystation seal ' || $1, 0))", centre).Scan(&mine); err != nil || !mine {
		return 0, err
	}
	last, err := lastSeal(ctx, tx, centre)
	if err != nil {
		return 0, err
	}
	lines, err := unsealed(ctx, tx, centre, last.position, sealBatch)
	if err != nil {
		return 0, err
	}
	if len(lines) > 0 {
		if last, err = insertSeals(ctx, tx, centre, last, lines); err != nil {
			return 0, err
		}
	}
	return len(lines), sign(ctx, tx, key, centre, last)
}

// unsealed returns the next committed lines. A line is taken only when no transaction runs that
// began to write before it: nothing can be committed between two lines that were taken.
func unsealed(ctx context.Context, tx pgx.Tx, centre uuid.UUID, after position, limit int) ([]line, error) {
	rows, err := tx.Query(ctx, "select "+lineColumns+` from audit_events e
		where e.centre_id = $1 and (e.epoch, e.xid, e.id) > ($2, $3::text::xid8, $4)
		and (e.epoch < current_epoch() or e.xid < pg_snapshot_xmin(pg_current_snapshot()))
		order by e.epoch, e.xid, e.id limit $5`, centre, after.epoch, fmt.Sprint(after.xid), after.id, limit)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, scanLine)
}

func insertSeals(ctx context.Context, tx pgx.Tx, centre uuid.UUID, last seal, lines []line) (seal, error) {
	n := len(lines)
	epochs, xids, ids := make([]int, n), make([]string, n), make([]int64, n)
	salts, values, hashes := make([][]byte, n), make([][]byte, n), make([][]byte, n)
	hash := last.hash
	for i := range lines {
		l := &lines[i]
		if l.hasValues() {
			salts[i] = make([]byte, 16)
			_, _ = rand.Read(salts[i]) // never fails
			values[i] = l.valuesHash(salts[i])
		}
		hash = l.link(hash, values[i])
		epochs[i], xids[i], ids[i], hashes[i] = l.epoch, fmt.Sprint(l.xid), l.id, hash
	}
	_, err := tx.Exec(ctx, `insert into audit_seals (centre_id, seq, epoch, xid, event_id, salt, values_hash, hash)
		select $1, $2 + n, epoch, xid::xid8, id, salt, values_hash, hash
		from unnest($3::int[], $4::text[], $5::bigint[], $6::bytea[], $7::bytea[], $8::bytea[]) with ordinality s (epoch, xid, id, salt, values_hash, hash, n)`,
		centre, last.seq, epochs, xids, ids, salts, values, hashes)
	if err != nil {
		return last, err
	}
	_, err = tx.Exec(ctx, `insert into audit_subjects (centre_id, subject_id, event_id)
		select distinct e.centre_id, s, e.id from audit_events e, unnest(e.subject_ids) s where e.centre_id = $1 and e.id = any ($2)`, centre, ids)
	return seal{position: lines[n-1].position, seq: last.seq + int64(n), hash: hash}, err
}

// sign leaves a checkpoint over what is sealed, unless the last one is too young. The head goes to
// the log too: a log that is kept elsewhere proves what the trail was, even against whoever holds
// the key.
func sign(ctx context.Context, tx pgx.Tx, key auth.Key, centre uuid.UUID, head seal) error {
	at, due := db.Now(), false
	err := tx.QueryRow(ctx, `select coalesce((select seq < $2 and signed_at < $3 from audit_checkpoints
		where centre_id = $1 order by seq desc limit 1), $2 > 0)`, centre, head.seq, at.Add(-signEvery)).Scan(&due)
	if err != nil || !due {
		return err
	}
	_, err = tx.Exec(ctx, "insert into audit_checkpoints (centre_id, seq, hash, key_id, signature, signed_at) values ($1, $2, $3, $4, $5, $6)",
		centre, head.seq, head.hash, key.ID, key.Sign(statement(centre, head.seq, head.hash, at)), at)
	if err == nil {
		slog.InfoContext(ctx, "trail signed", "centre_id", centre, "seq", head.seq, "hash", hex.EncodeToString(head.hash))
	}
	return err
}
