package stock

import (
	"context"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/shopspring/decimal"
	"gorm.io/gorm"

	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
	"github.com/waystation/waystation/internal/tenant"
)

// The kinds of documents that other code names; the table's CHECK has all.
const (
	Receipt      = "receipt"
	Release      = "release"
	Loss         = "loss"
	Disposal     = "disposal"
	Adjustment   = "adjustment"
	Assembly     = "assembly"
	Disassembly  = "disassembly"
	Distribution = "distribution"
	reversal     = "reversal"

	counted         = "count"
	waybill         = "waybill"
	transferReceipt = "transfer_receipt"
	settlement      = "settlement"
)

// The states of a document. One that nobody has to approve is posted at once.
const (
	requested = "requested"
	posted    = "posted"
	rejected  = "rejected"
)

// Document is the paper behind entries of the ledger: a goods received note, a release, a loss report … Once posted
// it stays as it is.
type Document struct {
	db.Record
	Kind         string
	Number       string `gorm:"default:(-)"` // GRN-2026-00012, given by the database
	Status       string
	OccurredAt   time.Time `gorm:"default:(-)"` // when the goods moved; zero is now, as the database says
	OccurredOn   db.Date   `gorm:"default:(-)"` // the centre's day of it
	Details      db.JSON[Details]
	Note         string
	SubjectID    *uuid.UUID // the kit, count, transfer or document that it belongs to
	RequestedBy  *uuid.UUID
	DecidedBy    *uuid.UUID
	DecidedAt    *time.Time
	DecisionNote string
}

// TableName implements schema.Tabler.
func (Document) TableName() string { return "stock_documents" }

// Details are what a document says beside its lines, by kind (handbook 7.3).
type Details struct {
	Supplier        string           `json:"supplier,omitempty"`
	WaybillNumber   string           `json:"waybill_number,omitempty"`
	InspectedBy     string           `json:"inspected_by,omitempty"`
	Recipient       string           `json:"recipient,omitempty"`
	Cause           string           `json:"cause,omitempty"`
	Value           *decimal.Decimal `json:"value,omitempty"`
	Currency        string           `json:"currency,omitempty"`
	PoliceReference string           `json:"police_reference,omitempty"`
	Method          string           `json:"method,omitempty"`
	Witness         string           `json:"witness,omitempty"`
	Driver          string           `json:"driver,omitempty"`
	Vehicle         string           `json:"vehicle,omitempty"`
	Seal            string           `json:"seal,omitempty"`
}

// Line is one line of a document, in the unit that was counted.
type Line struct {
	db.Record
	DocumentID uuid.UUID
	Position   int
	Type       string // code list stock_movement_type
	ItemID     uuid.UUID
	LocationID uuid.UUID
	LotID      *uuid.UUID // nil: first expiry, first out
	Unit       string
	Entered    decimal.Decimal // in Unit
	Factor     decimal.Decimal
	Quantity   decimal.Decimal // in the base unit
	Ordered    *decimal.Decimal
	Damaged    *decimal.Decimal
	Reason     string
}

// TableName implements schema.Tabler.
func (Line) TableName() string { return "stock_lines" }

// Movement is one entry of the ledger: what one line did to one lot in one place.
type Movement struct {
	db.Record
	DocumentID uuid.UUID
	LineID     uuid.UUID
	Type       string // code list stock_movement_type
	ItemID     uuid.UUID
	LocationID uuid.UUID
	LotID      uuid.UUID
	Quantity   decimal.Decimal // in the base unit; less than zero: out
	OccurredAt time.Time       `gorm:"default:(-)"` // the document's
	OccurredOn db.Date         `gorm:"default:(-)"`
	ReversesID *uuid.UUID
	PostedBy   *uuid.UUID
}

// TableName implements schema.Tabler.
func (Movement) TableName() string { return "stock_movements" }

// Lot is what came in together. Nothing about it changes.
type Lot struct {
	db.Record
	ItemID      uuid.UUID
	Batch       string
	ExpiresOn   *db.Date // the last day on which it may be issued
	ReceivedOn  db.Date
	Donor       string
	GrantCode   string
	Cost        *decimal.Decimal // of one base unit, in Currency
	Currency    string
	Ownership   string // own | entrusted | consignment
	OriginLotID *uuid.UUID
}

// TableName implements schema.Tabler.
func (Lot) TableName() string { return "stock_lots" }

// Balance is what there is of a lot in a place. The database keeps it.
type Balance struct {
	CentreID   tenant.ID `gorm:"type:uuid;primaryKey"`
	ID         uuid.UUID `gorm:"type:uuid;primaryKey"`
	ItemID     uuid.UUID
	LocationID uuid.UUID
	LotID      uuid.UUID
	OnHand     decimal.Decimal
	Reserved   decimal.Decimal
	CreatedAt  time.Time
	UpdatedAt  time.Time
}

// RowID implements db.Row.
func (b *Balance) RowID() uuid.UUID { return b.ID }

// TableName implements schema.Tabler.
func (Balance) TableName() string { return "stock_balances" }

// waits tells whether another person must decide on a document before it is posted.
func (b books) waits(d *Document) bool { return slices.Contains(b.policy.ApprovalFor, d.Kind) }

// paper is a document with its lines and what they did.
type paper struct {
	*Document
	lines     []Line
	movements []Movement
}

func readPaper(ctx context.Context, d *Document) (*paper, error) {
	p := &paper{Document: d}
	var err error
	p.lines, err = db.Find[Line](ctx, func(q *gorm.DB) *gorm.DB { return q.Where("document_id = ?", d.ID).Order("position") })
	if err != nil {
		return nil, err
	}
	p.movements, err = db.Find[Movement](ctx, func(q *gorm.DB) *gorm.DB { return q.Where("document_id = ?", d.ID).Order("id") })
	return p, err
}

// lockWaiting holds a document that waits for the decision of somebody else than who asked.
func lockWaiting(ctx context.Context, id uuid.UUID, ifMatch string) (*Document, error) {
	d, err := db.Lock[Document](ctx, id, ifMatch)
	if err != nil {
		return nil, err
	}
	if d.Status != requested {
		return nil, fault.State(d.Status, "This document waits for no decision.")
	}
	by := caller(ctx)
	if d.RequestedBy != nil && by != nil && *d.RequestedBy == *by {
		return nil, fourEyes()
	}
	now := db.Now()
	d.DecidedBy, d.DecidedAt = by, &now
	return d, nil
}

// approve posts a document that waits.
func approve(ctx context.Context, id uuid.UUID, ifMatch, note string) (*paper, error) {
	d, err := lockWaiting(ctx, id, ifMatch)
	if err != nil {
		return nil, err
	}
	d.Status, d.DecisionNote = posted, note
	p, err := readPaper(ctx, d)
	if err != nil {
		return nil, err
	}
	if err := settle(ctx, p); err != nil {
		return nil, err
	}
	return p, db.Save(ctx, d)
}

// reject ends a document that waits. Nothing moves.
func reject(ctx context.Context, id uuid.UUID, ifMatch, reason string) (*paper, error) {
	d, err := lockWaiting(ctx, id, ifMatch)
	if err != nil {
		return nil, err
	}
	d.Status, d.DecisionNote = rejected, reason
	if err := db.Save(ctx, d); err != nil {
		return nil, err
	}
	return readPaper(ctx, d)
}

// findPaper reads a document with its lines and movements.
func findPaper(ctx context.Context, id uuid.UUID) (*paper, error) {
	if _, err := db.Pgx(ctx); err != nil { // begin: three reads
		return nil, err
	}
	d, err := db.Get[Document](ctx, id)
	if err != nil {
		return nil, err
	}
	return readPaper(ctx, d)
}
