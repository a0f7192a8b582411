package audit

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/waystation/waystation/internal/auth"
	"github.com/waystation/waystation/internal/db"
)

// Link is one link of a chain, as a caller may note it.
type Link struct {
	Seq  int64
	Hash []byte
	Line int64     // of the trail
	At   time.Time // when the line was written
}

// Checkpoint is a signature over a chain.
type Checkpoint struct {
	Seq       int64
	Hash      []byte
	KeyID     string
	Signature []byte
	SignedAt  time.Time
}

// The ways in which a chain can be broken.
const (
	Missing       = "missing"                  // the line, or its seal, is gone
	Altered       = "altered"                  // the line, or its seal, is not what was sealed
	Inserted      = "inserted"                 // a line stands between sealed ones without a seal
	Reordered     = "reordered"                // a line does not stand where it was sealed
	Unrecorded    = "redaction_without_record" // values were erased, and no line says so
	BadCheckpoint = "checkpoint_altered"       // a signature does not fit
	UnknownKey    = "checkpoint_unknown_key"   // the last signature is by a key that we do not have
	OtherChain    = "not_the_noted_chain"      // the trail does not pass through the link that was noted
)

// Break is the first link of a chain that does not hold.
type Break struct {
	Reason string
	Seq    int64 // of the link; 0 where there is none
	Line   int64 // of the trail; 0 where there is none
	Detail string
}

// Verdict is what a verification found.
type Verdict struct {
	Broken   *Break // nil: the chain holds
	Lines    int64  // that were checked
	Redacted int64  // of them, lines whose values were erased
	Sealed   *Link  // the last link that was checked
	Signed   *Checkpoint
	Unsealed int64 // lines that wait for their seal
}

const verifyBatch = 1000 // lines in memory at a time

// Verify walks the chain of a centre from its beginning, or from a link that the caller noted
// earlier, to where it ends now. It opens transactions of its own, one for each batch of lines.
func Verify(ctx context.Context, d *db.DB, scope db.Scope, keys *auth.KeySet, centre uuid.UUID, noted *Link) (*Verdict, error) {
	w := &walk{centre: centre, keys: keys, verdict: &Verdict{}}
	scope.ReadOnly = true
	in := func(fn func(context.Context, pgx.Tx) error) error {
		return d.InTx(ctx, scope, func(ctx context.Context) error {
			tx, err := db.Pgx(ctx)
			if err != nil {
				return err
			}
			return fn(ctx, tx)
		})
	}
	err := in(func(ctx context.Context, tx pgx.Tx) error { return w.begin(ctx, tx, noted) })
	for err == nil && w.verdict.Broken == nil && w.last.seq < w.end {
		err = in(w.batch)
	}
	if err == nil && w.verdict.Broken == nil {
		err = in(w.finish)
	}
	return w.verdict, err
}

// walk is a verification under way.
type walk struct {
	centre  uuid.UUID
	keys    *auth.KeySet
	end     int64       // seq of the last link or checkpoint when the walk began
	last    seal        // the last link that holds
	foreign *Checkpoint // the last signature, if it is by a key that we do not have
	verdict *Verdict
}

func (w *walk) begin(ctx context.Context, tx pgx.Tx, noted *Link) error {
	err := tx.QueryRow(ctx, `select greatest(coalesce((select max(seq) from audit_seals where centre_id = $1), 0),
		coalesce((select max(seq) from audit_checkpoints where centre_id = $1), 0))`, w.centre).Scan(&w.end)
	if err != nil || noted == nil {
		return err
	}
	rows, err := tx.Query(ctx, "select seq, epoch, xid::text::bigint, event_id, hash from audit_seals where centre_id = $1 and seq = $2", w.centre, noted.Seq)
	if err != nil {
		return err
	}
	found, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (s seal, err error) {
		return s, row.Scan(&s.seq, &s.epoch, &s.xid, &s.id, &s.hash)
	})
	if err != nil {
		return err
	}
	if len(found) == 0 || !bytes.Equal(found[0].hash, noted.Hash) {
		w.breakAt(OtherChain, noted.Seq, 0, "The trail does not pass through the link that was noted earlier: it was cut off or rewritten since.")
		return nil
	}
	w.last = found[0]
	return nil
}

func (w *walk) breakAt(reason string, seq, line int64, detail string, args ...any) {
	if len(args) > 0 {
		detail = fmt.Sprintf(detail, args...)
	}
	w.verdict.Broken = &Break{reason, seq, line, detail}
}

// sealed is a link beside the line that it seals; the line may be gone.
type sealed struct {
	seal
	salt, valuesHash []byte
	line             *line // nil: it is gone
}

// batch checks the next links. The first that does not hold ends the walk.
func (w *walk) batch(ctx context.Context, tx pgx.Tx) error {
	links, err := w.links(ctx, tx)
	if err != nil {
		return err
	}
	if len(links) == 0 {
		w.breakAt(Missing, w.last.seq+1, 0, "The chain ends here, but it was signed up to link %d.", w.end)
		return nil
	}
	stranger, err := w.stranger(ctx, tx, links[len(links)-1].position)
	if err != nil {
		return err
	}
	signatures, err := w.checkpoints(ctx, tx, links[len(links)-1].seq)
	if err != nil {
		return err
	}
	unrecorded, err := w.unrecorded(ctx, tx, links)
	if err != nil {
		return err
	}
	for i := range links {
		l := &links[i]
		switch {
		case stranger != nil && l.position.after(*stranger):
			w.breakAt(Inserted, l.seq, stranger.id, "A line stands before this link that was never sealed.")
		case unrecorded[l.id]:
			w.breakAt(Unrecorded, l.seq, l.id, "The values of the line were erased, and no line of the trail records it.")
		}
		if w.verdict.Broken != nil || !w.holds(l) || !w.signed(l, signatures[l.seq]) {
			return nil
		}
		w.step(l)
	}
	return nil
}

func (w *walk) step(l *sealed) {
	w.last = l.seal
	w.verdict.Lines++
	if l.erased() {
		w.verdict.Redacted++
	}
	w.verdict.Sealed = &Link{Seq: l.seq, Hash: l.hash, Line: l.id, At: l.line.at}
}

// erased tells that the values of the line were thrown away, and with them what proves them.
func (l *sealed) erased() bool { return l.line != nil && l.line.redacted && l.salt == nil }

// faithful tells that the values of the line are those that were sealed, or none any more.
func (l *sealed) faithful() bool {
	switch {
	case l.erased():
		return true
	case l.line.hasValues():
		return bytes.Equal(l.line.valuesHash(l.salt), l.valuesHash)
	}
	return l.valuesHash == nil
}

// links returns the next seals, each with its line.
func (w *walk) links(ctx context.Context, tx pgx.Tx) ([]sealed, error) {
	rows, err := tx.Query(ctx, `select seq, epoch, xid::text::bigint, event_id, hash, salt, values_hash
		from audit_seals where centre_id = $1 and seq > $2 and seq <= $3 order by seq limit $4`, w.centre, w.last.seq, w.end, verifyBatch)
	if err != nil {
		return nil, err
	}
	ids := []int64{}
	links, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (s sealed, err error) {
		err = row.Scan(&s.seq, &s.epoch, &s.xid, &s.id, &s.hash, &s.salt, &s.valuesHash)
		ids = append(ids, s.id)
		return s, err
	})
	if err != nil {
		return nil, err
	}
	rows, err = tx.Query(ctx, "select "+lineColumns+" from audit_events e where e.centre_id = $1 and e.id = any ($2)", w.centre, ids)
	if err != nil {
		return nil, err
	}
	lines, err := pgx.CollectRows(rows, scanLine)
	byID := make(map[int64]*line, len(lines))
	for i := range lines {
		byID[lines[i].id] = &lines[i]
	}
	for i := range links {
		links[i].line = byID[links[i].id]
	}
	return links, err
}

// stranger finds the first line up to a position that has no seal although it should.
func (w *walk) stranger(ctx context.Context, tx pgx.Tx, upTo position) (*position, error) {
	rows, err := tx.Query(ctx, `select e.epoch, e.xid::text::bigint, e.id from audit_events e
		where e.centre_id = $1 and (e.epoch, e.xid, e.id) > ($2, $3::text::xid8, $4) and (e.epoch, e.xid, e.id) <= ($5, $6::text::xid8, $7)
		and not exists (select from audit_seals s where s.centre_id = e.centre_id and s.event_id = e.id)
		order by e.epoch, e.xid, e.id limit 1`,
		w.centre, w.last.epoch, fmt.Sprint(w.last.xid), w.last.id, upTo.epoch, fmt.Sprint(upTo.xid), upTo.id)
	if err != nil {
		return nil, err
	}
	found, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (p position, err error) {
		return p, row.Scan(&p.epoch, &p.xid, &p.id)
	})
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return &found[0], nil
}

func (w *walk) checkpoints(ctx context.Context, tx pgx.Tx, upTo int64) (map[int64]*Checkpoint, error) {
	rows, err := tx.Query(ctx, `select seq, hash, key_id, signature, signed_at from audit_checkpoints
		where centre_id = $1 and seq > $2 and seq <= $3 order by seq`, w.centre, w.last.seq, upTo)
	if err != nil {
		return nil, err
	}
	bySeq := map[int64]*Checkpoint{}
	_, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (c Checkpoint, err error) {
		err = row.Scan(&c.Seq, &c.Hash, &c.KeyID, &c.Signature, &c.SignedAt)
		bySeq[c.Seq] = &c
		return c, err
	})
	return bySeq, err
}

// unrecorded returns the lines whose values were erased without a line that says so.
func (w *walk) unrecorded(ctx context.Context, tx pgx.Tx, links []sealed) (map[int64]bool, error) {
	bySubject := map[uuid.UUID][]int64{}
	for i := range links {
		if l := &links[i]; l.erased() && len(l.line.subjects) > 0 {
			bySubject[l.line.subjects[0]] = append(bySubject[l.line.subjects[0]], l.id)
		}
	}
	if len(bySubject) == 0 {
		return nil, nil
	}
	rows, err := tx.Query(ctx, `select s from unnest($2::uuid[]) s where not exists (
		select from audit_events r where r.centre_id = $1 and r.action = 'redact' and r.id in (select trail_of(s)))`,
		w.centre, slices.Collect(maps.Keys(bySubject)))
	if err != nil {
		return nil, err
	}
	subjects, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	lines := map[int64]bool{}
	for _, s := range subjects {
		for _, id := range bySubject[s] {
			lines[id] = true
		}
	}
	return lines, err
}

// holds checks one link against the one before it and against its line.
func (w *walk) holds(l *sealed) bool {
	switch {
	case l.seq != w.last.seq+1:
		w.breakAt(Missing, w.last.seq+1, 0, "The seal is gone.")
	case l.line == nil:
		w.breakAt(Missing, l.seq, l.id, "The line was sealed and is gone.")
	case l.line.position != l.position || !l.position.after(w.last.position):
		w.breakAt(Reordered, l.seq, l.id, "The line does not stand where it was sealed.")
	case !l.faithful() || !bytes.Equal(l.line.link(w.last.hash, l.valuesHash), l.hash):
		w.breakAt(Altered, l.seq, l.id, "The line or its seal is not what was sealed.")
	}
	return w.verdict.Broken == nil
}

// signed checks the signature that stands behind a link, if one does. One by a key that was
// retired proves nothing, but a later one may.
func (w *walk) signed(l *sealed, c *Checkpoint) bool {
	if c == nil {
		return true
	}
	good, known := w.keys.Verify(c.KeyID, statement(w.centre, c.Seq, c.Hash, c.SignedAt), c.Signature)
	if !bytes.Equal(c.Hash, l.hash) || known && !good {
		w.breakAt(BadCheckpoint, c.Seq, l.id, "The signature at this link is not over this chain.")
		return false
	}
	if w.foreign = c; known {
		w.foreign, w.verdict.Signed = nil, c
	}
	return true
}

// finish tells what lies behind the last link.
func (w *walk) finish(ctx context.Context, tx pgx.Tx) error {
	if c := w.foreign; c != nil {
		w.breakAt(UnknownKey, c.Seq, 0, "The last signature is by key %s, which this server does not have.", c.KeyID)
	}
	return tx.QueryRow(ctx, `select count(*) from audit_events e where e.centre_id = $1 and (e.epoch, e.xid, e.id) > ($2, $3::text::xid8, $4)`,
		w.centre, w.last.epoch, fmt.Sprint(w.last.xid), w.last.id).Scan(&w.verdict.Unsealed)
}
