package casework

import (
	"context"

	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/internal/wire"
)

// GetSOPEffect tells what moving the cases under way to a SOP would do to their clocks.
func (Handlers) GetSOPEffect(ctx context.Context, req api.GetSOPEffectRequestObject) (api.GetSOPEffectResponseObject, error) {
	e, err := effectOf(ctx, req.ID)
	if err != nil {
		return nil, err
	}
	return api.GetSOPEffect200JSONResponse{
		SopID: req.ID, Cases: e.Cases, BecomeOverdue: e.BecomeOverdue, DueEarlier: e.DueEarlier,
		Clocks: wire.Each(e.Clocks, func(c *ClockEffect) api.SOPClockEffect {
			return api.SOPClockEffect{Clock: api.SOPClockEffectClock(c.Clock), OverdueBefore: c.OverdueBefore, OverdueAfter: c.OverdueAfter, Earlier: c.Earlier, Later: c.Later}
		}),
		Note: "Restricted cases are left out but for those whose team you are on.",
	}, nil
}

// AdoptSOP moves all opened cases to the SOP in force.
func (Handlers) AdoptSOP(ctx context.Context, req api.AdoptSOPRequestObject) (api.AdoptSOPResponseObject, error) {
	moved, err := adopt(ctx, req.ID, req.Params.IfMatch, req.Body.Reason)
	if err != nil {
		return nil, err
	}
	return api.AdoptSOP200JSONResponse{SopID: req.ID, Moved: moved, Note: "Restricted cases move, too; those whose team you are not on are not counted."}, nil
}

// ChangeCaseSOP lets a case live by the SOP in force.
func (Handlers) ChangeCaseSOP(ctx context.Context, req api.ChangeCaseSOPRequestObject) (api.ChangeCaseSOPResponseObject, error) {
	c, err := move(ctx, req.ID, req.Params.IfMatch, VerbChangeSOP, func(a *Act) {
		a.ToSOP, a.Reason = &req.Body.SopID, wire.Value(req.Body.Reason)
	})
	if err != nil {
		return nil, err
	}
	return api.ChangeCaseSOP200JSONResponse{Body: toCase(c), Headers: api.ChangeCaseSOP200ResponseHeaders{ETag: wire.ETag(c.Version)}}, nil
}
