package intake

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"gorm.io/gorm"

	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/intake/sheet"
	"github.com/waystation/waystation/internal/tenant"
	"github.com/waystation/waystation/internal/wire"
)

type rowStatus string

const (
	rowAccepted  rowStatus = "accepted"  // a dry run would register it
	rowCreated   rowStatus = "created"   // registered
	rowUnchanged rowStatus = "unchanged" // imported before
	rowChanged   rowStatus = "changed"   // imported before, with other values; not overwritten
	rowSkipped   rowStatus = "skipped"   // of another centre
	rowRejected  rowStatus = "rejected"
	rowDuplicate rowStatus = "duplicate" // likely registered already: waits for a decision
	rowLinked    rowStatus = "linked"    // decided to be a registered person
	rowLeftOut   rowStatus = "left_out"  // decided against, or not decided in time
)

// Row is what became of one row of a file. It holds no cell but the row's own number, and what
// it says only while it waits for a decision.
type Row struct {
	CentreID      tenant.ID `gorm:"type:uuid;primaryKey;<-:create"`
	ID            uuid.UUID `gorm:"type:uuid;primaryKey;<-:create"`
	ImportID      uuid.UUID
	Line          int
	SourceID      string
	Status        rowStatus
	BeneficiaryID *uuid.UUID
	Reference     string
	Issues        db.JSON[[]sheet.Issue]
	Codes         db.Strings // of the issues
	HeadOf        []byte     // the household that the row is the first head of, hashed; nil: none
	Candidates    db.JSON[[]Candidate]
	Held          *db.JSON[sheet.Row]
	HeldUntil     *time.Time
	Decision      string // import | link | skip
	DecidedBy     *uuid.UUID
	DecidedAt     *time.Time
}

// RowID implements db.Row.
func (r *Row) RowID() uuid.UUID { return r.ID }

// TableName implements schema.Tabler.
func (Row) TableName() string { return "import_rows" }

// outcome is a row while it is worked on.
type outcome struct {
	Row
	values sheet.Row
}

// reject adds an error: the row will not be saved.
func (o *outcome) reject(issue sheet.Issue) {
	o.Status = rowRejected
	o.Issues.V = append(o.Issues.V, issue)
}

func (o *outcome) warn(issue sheet.Issue) { o.Issues.V = append(o.Issues.V, issue) }

// skip leaves the row to another centre, its faults included.
func (o *outcome) skip(issue sheet.Issue) {
	o.Status, o.Issues.V = rowSkipped, []sheet.Issue{issue}
}

func (o *outcome) codes() string {
	seen := map[sheet.Code]bool{}
	var list []string
	for _, i := range o.Issues.V {
		if !seen[i.Code] {
			seen[i.Code] = true
			list = append(list, string(i.Code))
		}
	}
	return strings.Join(list, ",")
}

// storeRows writes the outcomes of a batch in one statement.
func storeRows(ctx context.Context, i *Import, batch []*outcome) error {
	tx, err := db.Pgx(ctx)
	if err != nil {
		return err
	}
	n := len(batch)
	ids, lines, sources, statuses := make([]uuid.UUID, n), make([]int, n), make([]string, n), make([]string, n)
	persons, references, issues, codes := make([]*uuid.UUID, n), make([]string, n), make([]string, n), make([]string, n)
	candidates, held, until, heads := make([]string, n), make([]*string, n), make([]*time.Time, n), make([][]byte, n)
	for k, o := range batch {
		raw, err := json.Marshal(wire.List(o.Issues.V))
		if err != nil {
			return err
		}
		ids[k], lines[k], sources[k], statuses[k] = db.NewID(), o.Line, o.SourceID, string(o.Status)
		persons[k], references[k], issues[k], codes[k] = o.BeneficiaryID, o.Reference, string(raw), o.codes()
		if candidates[k], held[k], err = o.waiting(); err != nil {
			return err
		}
		until[k], heads[k] = o.HeldUntil, o.HeadOf
	}
	_, err = tx.Exec(ctx, `insert into import_rows (centre_id, import_id, id, line, source_id, status, beneficiary_id, reference, issues, codes, candidates, held, held_until, head_of)
		select $1, $2, r.id, r.line, r.source, r.status, r.person, r.reference, r.issues::jsonb, string_to_array(r.codes, ','), r.candidates::jsonb, r.held::jsonb, r.until, r.head
		from unnest($3::uuid[], $4::int[], $5::text[], $6::text[], $7::uuid[], $8::text[], $9::text[], $10::text[], $11::text[], $12::text[], $13::timestamptz[], $14::bytea[])
			as r (id, line, source, status, person, reference, issues, codes, candidates, held, until, head)`,
		i.CentreID.UUID(), i.ID, ids, lines, sources, statuses, persons, references, issues, codes, candidates, held, until, heads)
	return err
}

// waiting says as JSON whom a row may be, and what it says while it waits.
func (r *Row) waiting() (candidates string, held *string, err error) {
	raw, err := json.Marshal(wire.List(r.Candidates.V))
	if err != nil || r.Held == nil {
		return string(raw), nil, err
	}
	values, err := json.Marshal(r.Held.V)
	return string(raw), wire.Ptr(string(values)), err
}

// neighbours are what earlier rows of the same file hold: numbers, and households with a head.
type neighbours struct {
	numbers map[string]bool
	heads   map[[16]byte]bool
}

// hashed is what is kept of a household's number.
func hashed(household string) (home [16]byte) {
	sum := sha256.Sum256([]byte(household))
	return [16]byte(sum[:])
}

// neighboursOf asks which numbers and households of a batch earlier rows of its import have.
func neighboursOf(ctx context.Context, i *Import, batch []*outcome) (*neighbours, error) {
	var numbers []string
	var heads [][]byte
	for _, o := range batch {
		numbers = append(numbers, o.SourceID)
		home := hashed(o.values.Household)
		heads = append(heads, home[:])
	}
	tx, err := db.Pgx(ctx)
	if err != nil {
		return nil, err
	}
	rows, err := tx.Query(ctx, `select source_id, null::bytea from import_rows where centre_id = $1 and import_id = $2 and source_id = any ($3) and source_id <> '' and status <> 'skipped'
		union all select '', head_of from import_rows where centre_id = $1 and import_id = $2 and head_of = any ($4)`, i.CentreID.UUID(), i.ID, numbers, heads)
	if err != nil {
		return nil, err
	}
	known := &neighbours{numbers: map[string]bool{}, heads: map[[16]byte]bool{}}
	var number string
	var home []byte
	_, err = pgx.ForEachRow(rows, []any{&number, &home}, func() error {
		if home == nil {
			known.numbers[number] = true
		} else {
			known.heads[[16]byte(home)] = true
		}
		return nil
	})
	return known, err
}

func deleteRows(ctx context.Context, i *Import) error {
	return db.Tx(ctx).Where("import_id = ?", i.ID).Delete(&Row{}).Error
}

var rowSorts = db.Sorts[Row]{
	"line": {SQL: "line", Cast: "bigint", Value: func(r *Row) any { return r.Line }},
}

func listRows[S ~string](ctx context.Context, l db.Listing, importID uuid.UUID, status *S, code *string) (db.Paged[Row], error) {
	return db.Page(ctx, l, rowSorts, func(q *gorm.DB) *gorm.DB {
		q = q.Where("import_id = ?", importID)
		if status != nil {
			q = q.Where("status = ?", string(*status))
		}
		if code != nil {
			q = q.Where("? = any (codes)", *code)
		}
		return q
	})
}

// faultyRows returns the next rows that have an issue, in the order of the file.
func faultyRows(ctx context.Context, importID uuid.UUID, afterLine, limit int) ([]Row, error) {
	return db.Find[Row](ctx, func(q *gorm.DB) *gorm.DB {
		return q.Where("import_id = ? and line > ? and cardinality(codes) > 0", importID, afterLine).Order("line").Limit(limit)
	})
}
