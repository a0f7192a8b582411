package report

import (
	"context"

	"github.com/google/uuid"
	openapi_types "github.com/oapi-codegen/runtime/types"

	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/internal/casework"
	"github.com/waystation/waystation/internal/centre"
	"github.com/waystation/waystation/internal/wire"
)

// Handlers answer the operations of this domain.
type Handlers struct{}

// GetCaseloadReport tells what everybody carries now, by risk.
func (Handlers) GetCaseloadReport(ctx context.Context, req api.GetCaseloadReportRequestObject) (api.GetCaseloadReportResponseObject, error) {
	policy, _, err := centre.ActivePolicy(ctx)
	if err != nil {
		return nil, err
	}
	loads, err := casework.RiskLoads(ctx, policy.Caseload, ownOnly(ctx, req.CentreID))
	if err != nil {
		return nil, err
	}
	return render(ctx, toCaseload(loads, policy.Caseload))
}

// GetTimelinessReport tells which deadlines of the SOP were kept in a period.
func (Handlers) GetTimelinessReport(ctx context.Context, req api.GetTimelinessReportRequestObject) (api.GetTimelinessReportResponseObject, error) {
	q, err := asked(ctx, req.CentreID, req.Params.From, req.Params.To)
	if err != nil {
		return nil, err
	}
	found, err := timeliness(ctx, q)
	if err != nil {
		return nil, err
	}
	return render(ctx, toTimeliness(q, found))
}

// GetOutcomesReport tells how cases ended and goals were judged in a period.
func (Handlers) GetOutcomesReport(ctx context.Context, req api.GetOutcomesReportRequestObject) (api.GetOutcomesReportResponseObject, error) {
	q, err := asked(ctx, req.CentreID, req.Params.From, req.Params.To)
	if err != nil {
		return nil, err
	}
	found, err := outcomes(ctx, q)
	if err != nil {
		return nil, err
	}
	return render(ctx, toOutcomes(q, found))
}

// GetReopenedReport tells how many cases came back.
func (Handlers) GetReopenedReport(ctx context.Context, req api.GetReopenedReportRequestObject) (api.GetReopenedReportResponseObject, error) {
	q, err := asked(ctx, req.CentreID, req.Params.From, req.Params.To)
	if err != nil {
		return nil, err
	}
	policy, _, err := centre.ActivePolicy(ctx)
	if err != nil {
		return nil, err
	}
	days := policy.Case.ReopenedWithin()
	wire.Set(&days, req.Params.WithinDays)
	found, err := reopened(ctx, q, days)
	if err != nil {
		return nil, err
	}
	return render(ctx, toReopened(q, days, found))
}

// asked is the query of a request, once its period was judged.
func asked(ctx context.Context, centre uuid.UUID, from, to openapi_types.Date) (query, error) {
	q := query{centre: centre, from: wire.Date(from), to: wire.Date(to), own: ownOnly(ctx, centre)}
	return q, q.check()
}
