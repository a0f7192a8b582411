package audit

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// position is where a line stands in the order of commits: transactions are numbered in the order
// in which they began to write, and a line is taken only once every lower number has ended.
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

// line is a line of the trail with all that its link covers.
type line struct {
	position
	at           time.Time
	actor        *uuid.UUID
	actorKind    string
	organisation *uuid.UUID
	operation    string
	requestID    string
	purpose      string
	action       string
	resource     string
	subjects     []uuid.UUID
	fields       []string
	before       *string
	after        *string
	redacted     bool
}

// lineColumns are read from audit_events e, in the order of scanLine.
const lineColumns = `e.epoch, e.xid::text::bigint, e.id, e.at, e.actor_id, e.actor_kind, e.organisation_id, e.operation, e.request_id, e.purpose,
	e.action, e.resource, e.subject_ids, array(select k from jsonb_object_keys(coalesce(e.after, e.before)) k order by k collate "C"),
	e.before::text, e.after::text, e.redacted_at is not null`

func scanLine(row pgx.CollectableRow) (l line, err error) {
	return l, row.Scan(&l.epoch, &l.xid, &l.id, &l.at, &l.actor, &l.actorKind, &l.organisation, &l.operation, &l.requestID, &l.purpose,
		&l.action, &l.resource, &l.subjects, &l.fields, &l.before, &l.after, &l.redacted)
}

// hasValues tells whether a line keeps values; a reading keeps none.
func (l *line) hasValues() bool { return l.before != nil || l.after != nil }

// valuesHash is the digest of what a line keeps of a record. The salt keeps anybody who sees only
// the digest from trying values until one fits; it is thrown away when the values are.
func (l *line) valuesHash(salt []byte) []byte {
	d := digest{sha256.New()}
	d.bytes(salt)
	for _, v := range []*string{l.before, l.after} {
		if v == nil {
			d.text("-")
			continue
		}
		d.text("+" + *v)
	}
	return d.Sum(nil)
}

// link is the hash that stands behind a line in the chain: SHA-256 over the link before it and
// every fact of the line, each preceded by its length in four bytes.
func (l *line) link(previous, valuesHash []byte) []byte {
	d := digest{sha256.New()}
	d.text("waystation trail 1")
	d.bytes(previous)
	d.number(int64(l.epoch))
	d.number(l.xid)
	d.number(l.id)
	d.number(l.at.UnixMicro())
	d.text(optional(l.actor))
	d.text(l.actorKind)
	d.text(optional(l.organisation))
	for _, s := range []string{l.operation, l.requestID, l.purpose, l.action, l.resource} {
		d.text(s)
	}
	d.number(int64(len(l.subjects)))
	for _, s := range l.subjects {
		d.bytes(s[:])
	}
	d.number(int64(len(l.fields)))
	for _, f := range l.fields {
		d.text(f)
	}
	d.bytes(valuesHash)
	return d.Sum(nil)
}

func optional(id *uuid.UUID) string {
	if id == nil {
		return ""
	}
	return id.String()
}

type digest struct{ hash.Hash }

func (d digest) bytes(b []byte) {
	var length [4]byte
	binary.BigEndian.PutUint32(length[:], uint32(len(b)))
	d.Write(length[:])
	d.Write(b)
}

func (d digest) text(s string) { d.bytes([]byte(s)) }

func (d digest) number(n int64) {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(n))
	d.bytes(b[:])
}

// statement is what a signature over the chain says.
func statement(centre uuid.UUID, seq int64, hash []byte, at time.Time) []byte {
	var b strings.Builder
	for _, s := range []string{"waystation trail 1", centre.String(), fmt.Sprint(seq), hex.EncodeToString(hash), at.UTC().Format(time.RFC3339Nano)} {
		b.WriteString(s + "\n")
	}
	return []byte(b.String())
}

// link of the chain as it is stored: a line's seal.
type seal struct {
	position
	seq  int64
	hash []byte
}

// lastSeal returns the end of a centre's chain; its zero value stands before the first line.
func lastSeal(ctx context.Context, tx pgx.Tx, centre uuid.UUID) (seal, error) {
	var s seal
	rows, err := tx.Query(ctx, "select seq, epoch, xid::text::bigint, event_id, hash from audit_seals where centre_id = $1 order by seq desc limit 1", centre)
	if err != nil {
		return s, err
	}
	defer rows.Close()
	for rows.Next() {
		if err := rows.Scan(&s.seq, &s.epoch, &s.xid, &s.id, &s.hash); err != nil {
			return s, err
		}
	}
	return s, rows.Err()
}
