package card

import (
	"bytes"
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/internal/auth"
	"github.com/waystation/waystation/internal/beneficiary"
	"github.com/waystation/waystation/internal/centre"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/print"
	"github.com/waystation/waystation/internal/wire"
)

// Handlers answer the operations of this domain.
type Handlers struct{ Vault Vault }

// IssueRegistrationCard gives a person a card.
func (h Handlers) IssueRegistrationCard(ctx context.Context, req api.IssueRegistrationCardRequestObject) (api.IssueRegistrationCardResponseObject, error) {
	c, err := issue(ctx, h.Vault, req.ID)
	if err != nil {
		return nil, err
	}
	return api.IssueRegistrationCard201JSONResponse{Body: toCard(c), Headers: api.IssueRegistrationCard201ResponseHeaders{
		ETag: wire.ETag(c.Version), Location: "/v1/centres/" + req.CentreID.String() + "/beneficiaries/" + req.ID.String() + "/card",
	}}, nil
}

// GetRegistrationCard returns what is known of a card, its code, or the card to print.
func (h Handlers) GetRegistrationCard(ctx context.Context, req api.GetRegistrationCardRequestObject) (api.GetRegistrationCardResponseObject, error) {
	c, err := current(ctx, req.ID)
	if err != nil {
		return nil, err
	}
	media := wire.Media(ctx)
	if media != pngType && media != pdfType {
		return api.GetRegistrationCard200JSONResponse{Body: toCard(c), Headers: api.GetRegistrationCard200ResponseHeaders{ETag: wire.ETag(c.Version)}}, nil
	}
	policy, _, err := centre.ActivePolicy(ctx)
	if err != nil {
		return nil, err
	}
	if err := c.printable(policy.Card, db.Now()); err != nil {
		return nil, err
	}
	token, err := h.Vault.Open(c.TokenSealed, c.ID.String())
	if err != nil {
		return nil, err
	}
	tag := api.GetRegistrationCard200ResponseHeaders{ETag: wire.ETag(c.Version)}
	if media == pngType {
		image, err := code(token)
		return api.GetRegistrationCard200ImagePngResponse{Body: bytes.NewReader(image), ContentLength: int64(len(image)), Headers: tag}, err
	}
	sheet, err := h.sheet(ctx, c, token, policy.Card, req.Params.Size)
	return api.GetRegistrationCard200ApplicationPdfResponse{Body: bytes.NewReader(sheet), ContentLength: int64(len(sheet)), Headers: tag}, err
}

const (
	pngType = "image/png"
	pdfType = "application/pdf"
)

func (h Handlers) sheet(ctx context.Context, c *Card, token string, p centre.CardPolicy, size *api.GetRegistrationCardParamsSize) ([]byte, error) {
	b, err := beneficiary.Find(ctx, c.BeneficiaryID)
	if err != nil {
		return nil, err
	}
	house, err := db.Get[centre.Centre](ctx, c.CentreID.UUID())
	if err != nil {
		return nil, err
	}
	paper := print.CR80
	if size != nil && *size == "a6" {
		paper = print.A6
	}
	return face{centre: *house, person: b, issuedOn: c.CreatedAt.Format(time.DateOnly), showsName: p.ShowsName}.draw(token, paper)
}

// ReprintRegistrationCard records another print of a card.
func (Handlers) ReprintRegistrationCard(ctx context.Context, req api.ReprintRegistrationCardRequestObject) (api.ReprintRegistrationCardResponseObject, error) {
	c, err := change(ctx, req.ID, req.Params.IfMatch, func(c *Card, by uuid.UUID) error {
		return db.Insert(ctx, c.print(req.Body.Reason, by))
	})
	if err != nil {
		return nil, err
	}
	return api.ReprintRegistrationCard200JSONResponse{Body: toCard(c), Headers: api.ReprintRegistrationCard200ResponseHeaders{ETag: wire.ETag(c.Version)}}, nil
}

// RevokeRegistrationCard ends the use of a card.
func (Handlers) RevokeRegistrationCard(ctx context.Context, req api.RevokeRegistrationCardRequestObject) (api.RevokeRegistrationCardResponseObject, error) {
	c, err := change(ctx, req.ID, req.Params.IfMatch, func(c *Card, by uuid.UUID) error {
		c.revoke(req.Body.Reason, by, db.Now())
		return nil
	})
	if err != nil {
		return nil, err
	}
	return api.RevokeRegistrationCard200JSONResponse{Body: toCard(c), Headers: api.RevokeRegistrationCard200ResponseHeaders{ETag: wire.ETag(c.Version)}}, nil
}

func change(ctx context.Context, person uuid.UUID, ifMatch string, fn func(*Card, uuid.UUID) error) (*Card, error) {
	c, err := lockCurrent(ctx, person, ifMatch)
	if err != nil {
		return nil, err
	}
	if err := fn(c, auth.From(ctx).ID); err != nil {
		return nil, err
	}
	return c, db.Save(ctx, c)
}

// ListRegistrationCardPrints returns one page of the log of prints.
func (Handlers) ListRegistrationCardPrints(ctx context.Context, req api.ListRegistrationCardPrintsRequestObject) (api.ListRegistrationCardPrintsResponseObject, error) {
	p := req.Params
	page, err := listPrints(ctx, req.ID, wire.Listing(p.Limit, p.Cursor, p.Sort, p.IncludeTotal, "-created_at"))
	if err != nil {
		return nil, err
	}
	out := api.RegistrationCardPrintPage{Data: make([]api.RegistrationCardPrint, len(page.Rows)), NextCursor: wire.Next(page.Next), Total: page.Total}
	for i, row := range page.Rows {
		out.Data[i] = api.RegistrationCardPrint{CardID: row.CardID, PrintedAt: row.CreatedAt, PrintedBy: row.PrintedBy, Reason: wire.Opt(row.Reason)}
	}
	return api.ListRegistrationCardPrints200JSONResponse(out), nil
}

// ResolveRegistrationCard returns the holder of a scanned card.
func (h Handlers) ResolveRegistrationCard(ctx context.Context, req api.ResolveRegistrationCardRequestObject) (api.ResolveRegistrationCardResponseObject, error) {
	c, b, err := resolve(ctx, h.Vault, req.Body.Token)
	if err != nil {
		return nil, err
	}
	return api.ResolveRegistrationCard200JSONResponse(toHolder(c, b)), nil
}
