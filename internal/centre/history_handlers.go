package centre

import (
	"context"

	"github.com/google/uuid"

	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/wire"
)

// ListCentrePhases returns one page of the centre's life-cycle phases.
func (Handlers) ListCentrePhases(ctx context.Context, req api.ListCentrePhasesRequestObject) (api.ListCentrePhasesResponseObject, error) {
	p := req.Params
	page, err := listPhases(ctx, wire.Listing(p.Limit, p.Cursor, p.Sort, p.IncludeTotal, "-starts_on"), wire.Value(p.IncludeVoid))
	if err != nil {
		return nil, err
	}
	current, err := currentID[Phase](ctx, phases)
	if err != nil {
		return nil, err
	}
	out := api.CentrePhasePage{Data: make([]api.CentrePhase, len(page.Rows)), NextCursor: wire.Next(page.Next), Total: page.Total}
	for i := range page.Rows {
		out.Data[i] = toPhase(&page.Rows[i], current)
	}
	return api.ListCentrePhases200JSONResponse(out), nil
}

// CreateCentrePhase records a life-cycle phase from a day on.
func (Handlers) CreateCentrePhase(ctx context.Context, req api.CreateCentrePhaseRequestObject) (api.CreateCentrePhaseResponseObject, error) {
	b := req.Body
	row := Phase{Record: db.NewRecord(b.ID), Phase: b.Phase, StartsOn: wire.Date(b.StartsOn), Note: wire.Value(b.Note)}
	if err := row.record(ctx); err != nil {
		return nil, err
	}
	current, err := currentID[Phase](ctx, phases)
	if err != nil {
		return nil, err
	}
	return api.CreateCentrePhase201JSONResponse{Body: toPhase(&row, current), Headers: api.CreateCentrePhase201ResponseHeaders{
		ETag: wire.ETag(row.Version), Location: "/v1/centres/" + req.CentreID.String() + "/phases/" + row.ID.String(),
	}}, nil
}

// GetCentrePhase returns one entry.
func (Handlers) GetCentrePhase(ctx context.Context, req api.GetCentrePhaseRequestObject) (api.GetCentrePhaseResponseObject, error) {
	row, err := db.Get[Phase](ctx, req.ID)
	if err != nil {
		return nil, err
	}
	current, err := currentID[Phase](ctx, phases)
	if err != nil {
		return nil, err
	}
	return api.GetCentrePhase200JSONResponse{Body: toPhase(row, current), Headers: api.GetCentrePhase200ResponseHeaders{ETag: wire.ETag(row.Version)}}, nil
}

// VoidCentrePhase takes back an entry that was made in error.
func (Handlers) VoidCentrePhase(ctx context.Context, req api.VoidCentrePhaseRequestObject) (api.VoidCentrePhaseResponseObject, error) {
	row, err := takeBack[Phase](ctx, phases, req.ID, req.Params.IfMatch, req.Body.Reason)
	if err != nil {
		return nil, err
	}
	return api.VoidCentrePhase200JSONResponse{Body: toPhase(row, uuid.Nil), Headers: api.VoidCentrePhase200ResponseHeaders{ETag: wire.ETag(row.Version)}}, nil
}

// ListManagementModels returns one page of the changes of management.
func (Handlers) ListManagementModels(ctx context.Context, req api.ListManagementModelsRequestObject) (api.ListManagementModelsResponseObject, error) {
	p := req.Params
	page, err := listManagementModels(ctx, wire.Listing(p.Limit, p.Cursor, p.Sort, p.IncludeTotal, "-starts_on"), wire.Value(p.IncludeVoid))
	if err != nil {
		return nil, err
	}
	current, err := currentID[ManagementModel](ctx, managements)
	if err != nil {
		return nil, err
	}
	out := api.ManagementModelPage{Data: make([]api.ManagementModel, len(page.Rows)), NextCursor: wire.Next(page.Next), Total: page.Total}
	for i := range page.Rows {
		out.Data[i] = toManagementModel(&page.Rows[i], current)
	}
	return api.ListManagementModels200JSONResponse(out), nil
}

// CreateManagementModel records who runs the centre from a day on.
func (Handlers) CreateManagementModel(ctx context.Context, req api.CreateManagementModelRequestObject) (api.CreateManagementModelResponseObject, error) {
	b := req.Body
	row := ManagementModel{Record: db.NewRecord(b.ID), Model: b.Model, OrganisationID: &b.OrganisationID, StartsOn: wire.Date(b.StartsOn), Note: wire.Value(b.Note)}
	if err := row.record(ctx); err != nil {
		return nil, err
	}
	current, err := currentID[ManagementModel](ctx, managements)
	if err != nil {
		return nil, err
	}
	return api.CreateManagementModel201JSONResponse{Body: toManagementModel(&row, current), Headers: api.CreateManagementModel201ResponseHeaders{
		ETag: wire.ETag(row.Version), Location: "/v1/centres/" + req.CentreID.String() + "/management-models/" + row.ID.String(),
	}}, nil
}

// GetManagementModel returns one entry.
func (Handlers) GetManagementModel(ctx context.Context, req api.GetManagementModelRequestObject) (api.GetManagementModelResponseObject, error) {
	row, err := db.Get[ManagementModel](ctx, req.ID)
	if err != nil {
		return nil, err
	}
	current, err := currentID[ManagementModel](ctx, managements)
	if err != nil {
		return nil, err
	}
	return api.GetManagementModel200JSONResponse{Body: toManagementModel(row, current), Headers: api.GetManagementModel200ResponseHeaders{ETag: wire.ETag(row.Version)}}, nil
}

// VoidManagementModel takes back an entry that was made in error.
func (Handlers) VoidManagementModel(ctx context.Context, req api.VoidManagementModelRequestObject) (api.VoidManagementModelResponseObject, error) {
	row, err := takeBack[ManagementModel](ctx, managements, req.ID, req.Params.IfMatch, req.Body.Reason)
	if err != nil {
		return nil, err
	}
	return api.VoidManagementModel200JSONResponse{Body: toManagementModel(row, uuid.Nil), Headers: api.VoidManagementModel200ResponseHeaders{ETag: wire.ETag(row.Version)}}, nil
}
