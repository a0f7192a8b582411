package audit

import (
	"context"
	"encoding/hex"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/internal/auth"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
	"github.com/waystation/waystation/internal/wire"
)

// Handlers answer the operations of this domain.
type Handlers struct {
	keys *auth.KeySet
	busy chan struct{} // one entry for each verification under way
}

// verifications is how many chains one process walks at a time.
const verifications = 2

// NewHandlers returns handlers that check signatures with keys.
func NewHandlers(keys *auth.KeySet) Handlers {
	return Handlers{keys: keys, busy: make(chan struct{}, verifications)}
}

// ListAuditEvents returns one page of a centre's trail.
func (Handlers) ListAuditEvents(ctx context.Context, req api.ListAuditEventsRequestObject) (api.ListAuditEventsResponseObject, error) {
	p := req.Params
	page, err := list(ctx, req.CentreID, query(p), p.Limit, p.Cursor)
	return api.ListAuditEvents200JSONResponse(page), err
}

// ListNetworkAuditEvents returns one page of the network's trail.
func (Handlers) ListNetworkAuditEvents(ctx context.Context, req api.ListNetworkAuditEventsRequestObject) (api.ListNetworkAuditEventsResponseObject, error) {
	if err := overNetwork(ctx); err != nil {
		return nil, err
	}
	p := req.Params
	page, err := list(ctx, Network, query(api.ListAuditEventsParams(p)), p.Limit, p.Cursor)
	return api.ListNetworkAuditEvents200JSONResponse(page), err
}

// VerifyAuditTrail walks a centre's chain.
func (h Handlers) VerifyAuditTrail(ctx context.Context, req api.VerifyAuditTrailRequestObject) (api.VerifyAuditTrailResponseObject, error) {
	v, err := h.verify(ctx, req.CentreID, req.Params.SinceSeq, req.Params.SinceHash)
	if err != nil {
		return nil, err
	}
	return api.VerifyAuditTrail200JSONResponse(toVerification(v)), nil
}

// VerifyNetworkAuditTrail walks the network's chain.
func (h Handlers) VerifyNetworkAuditTrail(ctx context.Context, req api.VerifyNetworkAuditTrailRequestObject) (api.VerifyNetworkAuditTrailResponseObject, error) {
	if err := overNetwork(ctx); err != nil {
		return nil, err
	}
	v, err := h.verify(ctx, Network, req.Params.SinceSeq, req.Params.SinceHash)
	if err != nil {
		return nil, err
	}
	return api.VerifyNetworkAuditTrail200JSONResponse(toVerification(v)), nil
}

// overNetwork refuses staff who hold the right in some centre only.
func overNetwork(ctx context.Context) error {
	for _, role := range []string{"auditor", "platform_operator"} {
		if slices.Contains(auth.From(ctx).NetworkRoles, role) {
			return nil
		}
	}
	return fault.Denied("The network's trail is read by auditors and operators of the whole network.")
}

func list(ctx context.Context, centre uuid.UUID, q Query, limit *int, cursor *string) (api.AuditEventPage, error) {
	rows, next, err := List(ctx, centre, q, wire.Value(limit), wire.Value(cursor))
	page := api.AuditEventPage{Data: make([]api.AuditEvent, len(rows)), NextCursor: wire.Next(next)}
	for i := range rows {
		page.Data[i] = toEvent(&rows[i])
	}
	return page, err
}

func (h Handlers) verify(ctx context.Context, centre uuid.UUID, seq *int64, hash *string) (*Verdict, error) {
	noted, err := notedLink(seq, hash)
	if err != nil {
		return nil, err
	}
	select {
	case h.busy <- struct{}{}:
		defer func() { <-h.busy }()
	default:
		f := fault.New(fault.TooMany, "verification_busy", "Other trails are being verified. Try again shortly.")
		f.RetryAfter = 10 * time.Second
		return nil, f
	}
	session := db.Current(ctx)
	scope := session.Scope()
	scope.ReadOnly = false
	err = session.DB().InTx(ctx, scope, func(ctx context.Context) error {
		return db.Tx(ctx).Exec("insert into audit_events (centre_id, action, resource) values (?, 'read', 'audit_seals')", centre).Error
	})
	if err != nil {
		return nil, err
	}
	return Verify(ctx, session.DB(), scope, h.keys, centre, noted)
}

func notedLink(seq *int64, hash *string) (*Link, error) {
	if seq == nil && hash == nil {
		return nil, nil
	}
	if seq == nil || hash == nil {
		return nil, fault.New(fault.Malformed, "incomplete_link", "A link is named by since_seq and since_hash together.").
			Add("since_seq", "incomplete_link", "Give both since_seq and since_hash, or neither.")
	}
	raw, err := hex.DecodeString(*hash)
	return &Link{Seq: *seq, Hash: raw}, err
}
