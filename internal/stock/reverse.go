package stock

import (
	"context"
	"slices"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
)

// reverse posts the opposite of an entry, linked to it; of a kitting, of all its entries, so that quantity is
// conserved (rule 20). What needed two people to write needs two to undo.
func reverse(ctx context.Context, id uuid.UUID, own *uuid.UUID, reason string) (*paper, error) {
	b, err := booksOf(ctx)
	if err != nil {
		return nil, err
	}
	m, err := db.Get[Movement](ctx, id)
	if err != nil {
		return nil, err
	}
	of, err := db.Get[Document](ctx, m.DocumentID)
	if err != nil {
		return nil, err
	}
	if err := b.reversible(of); err != nil {
		return nil, err
	}
	movements := []Movement{*m}
	if of.Kind == Assembly || of.Kind == Disassembly {
		movements, err = db.Find[Movement](ctx, func(q *gorm.DB) *gorm.DB { return q.Where("document_id = ?", of.ID).Order("id") })
		if err != nil {
			return nil, err
		}
	}
	return b.opposite(ctx, own, of.ID, movements, reason)
}

// Undo posts the opposite of all entries of a document that another domain posted: inside the caller's transaction.
// Who may is the caller's to judge.
func Undo(ctx context.Context, document uuid.UUID, reason string) (*Document, error) {
	b, err := booksOf(ctx)
	if err != nil {
		return nil, err
	}
	movements, err := db.Find[Movement](ctx, func(q *gorm.DB) *gorm.DB { return q.Where("document_id = ?", document).Order("id") })
	if err != nil {
		return nil, err
	}
	p, err := b.opposite(ctx, nil, document, movements, reason)
	if err != nil {
		return nil, err
	}
	return p.Document, nil
}

// opposite posts the reversal of a document's movements.
func (b books) opposite(ctx context.Context, own *uuid.UUID, of uuid.UUID, movements []Movement, reason string) (*paper, error) {
	d := NewDocument(own, reversal)
	d.SubjectID, d.RequestedBy, d.Note = &of, b.by, reason
	p := &posting{books: b, doc: d}
	if err := p.undo(ctx, movements); err != nil {
		return nil, err
	}
	return p.paper(), p.store(ctx)
}

// reversible says whether entries of a document may be reversed one by one, and by whom.
func (b books) reversible(of *Document) error {
	switch of.Kind {
	case reversal:
		return fault.State(of.Kind, "This is a reversal itself. Post the document anew instead.")
	case waybill, transferReceipt, settlement:
		return fault.State(of.Kind, "This belongs to a transfer. Settle the transfer instead.")
	case Distribution:
		return fault.State(of.Kind, "This was issued to somebody. Take the issue back at its distribution instead.")
	case counted:
		return fault.State(of.Kind, "This is the result of a count. Count again instead.")
	}
	guarded := of.DecidedBy != nil || slices.Contains([]string{Loss, Disposal, Adjustment}, of.Kind)
	if guarded && of.RequestedBy != nil && b.by != nil && *of.RequestedBy == *b.by {
		return fourEyes()
	}
	return nil
}

// undo enters the opposite of movements: the same lots, the same places.
func (p *posting) undo(ctx context.Context, movements []Movement) error {
	items := map[uuid.UUID]bool{}
	for _, m := range movements {
		items[m.ItemID] = true
	}
	known, err := byID(ctx, items, true, func(i *Item) uuid.UUID { return i.ID })
	if err != nil {
		return err
	}
	for i, m := range movements {
		p.lines = append(p.lines, Line{
			Record: db.NewRecord(nil), DocumentID: p.doc.ID, Position: i + 1, Type: reversal, ItemID: m.ItemID, LocationID: m.LocationID, LotID: &m.LotID,
			Unit: known[m.ItemID].Unit, Entered: m.Quantity.Abs(), Factor: one, Quantity: m.Quantity.Abs(), Reason: p.doc.Note,
		})
	}
	if _, err := holdings(ctx, p.lines); err != nil { // whether it is still there, the ledger says
		return err
	}
	for i, m := range movements {
		p.move(&p.lines[i], m.LotID, m.Quantity.Neg())
		p.movements[i].ReversesID = &m.ID
	}
	return nil
}
