package centre

import (
	"context"

	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/wire"
)

// Handlers answer the operations on centres, their rules and their codes.
type Handlers struct {
	Codes   *CodeGate // told of every change of a selection of codes
	Founded func()    // called when a centre is founded, before the commit
}

// ListCentres returns one page of the centres the caller works in.
func (Handlers) ListCentres(ctx context.Context, req api.ListCentresRequestObject) (api.ListCentresResponseObject, error) {
	p := req.Params
	page, err := listCentres(ctx, wire.Listing(p.Limit, p.Cursor, p.Sort, p.IncludeTotal, "name"), filter{country: p.Country, phase: p.Phase, typology: p.Typology, q: p.Q})
	if err != nil {
		return nil, err
	}
	out := api.CentrePage{Data: make([]api.Centre, len(page.Rows)), NextCursor: wire.Next(page.Next), Total: page.Total}
	for i := range page.Rows {
		out.Data[i] = toCentre(&page.Rows[i])
	}
	return api.ListCentres200JSONResponse(out), nil
}

// CreateCentre founds a centre.
func (h Handlers) CreateCentre(ctx context.Context, req api.CreateCentreRequestObject) (api.CreateCentreResponseObject, error) {
	c := fromCentreCreate(*req.Body)
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if err := c.found(ctx); err != nil {
		return nil, err
	}
	h.Founded()
	return api.CreateCentre201JSONResponse{Body: toCentre(&c), Headers: api.CreateCentre201ResponseHeaders{
		ETag: wire.ETag(c.Version), Location: "/v1/centres/" + c.ID.String(),
	}}, nil
}

// GetCentre returns the centre of the path.
func (Handlers) GetCentre(ctx context.Context, req api.GetCentreRequestObject) (api.GetCentreResponseObject, error) {
	c, err := db.Get[Centre](ctx, req.CentreID)
	if err != nil {
		return nil, err
	}
	return api.GetCentre200JSONResponse{Body: toCentre(c), Headers: api.GetCentre200ResponseHeaders{ETag: wire.ETag(c.Version)}}, nil
}

// UpdateCentre applies a merge patch to the centre's profile.
func (Handlers) UpdateCentre(ctx context.Context, req api.UpdateCentreRequestObject) (api.UpdateCentreResponseObject, error) {
	c, err := db.Lock[Centre](ctx, req.CentreID, req.Params.IfMatch)
	if err != nil {
		return nil, err
	}
	c.patch(*req.Body)
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if req.Body.TimeZone != nil {
		if err := c.checkTimeZone(ctx); err != nil {
			return nil, err
		}
	}
	if err := db.Save(ctx, c); err != nil {
		return nil, err
	}
	return api.UpdateCentre200JSONResponse{Body: toCentre(c), Headers: api.UpdateCentre200ResponseHeaders{ETag: wire.ETag(c.Version)}}, nil
}
