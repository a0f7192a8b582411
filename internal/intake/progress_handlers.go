package intake

import (
	"context"
	"net/http"
	"strconv"

	"github.com/google/uuid"

	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/events"
	"github.com/waystation/waystation/internal/fault"
	"github.com/waystation/waystation/internal/wire"
)

// progressed is what a stream tells of an import: numbers, and nothing of any row.
type progressed struct {
	Status   api.ImportStatus `json:"status"`
	Progress float64          `json:"progress"`
	Counts   api.ImportCounts `json:"counts"`
}

// The kinds of events of an import's stream.
const (
	goesOn = "progress"
	ended  = "ended"
)

// StreamImportEvents follows an import to its end.
func (h Handlers) StreamImportEvents(ctx context.Context, req api.StreamImportEventsRequestObject) (api.StreamImportEventsResponseObject, error) {
	var after int64
	if last := wire.Value(req.Params.LastEventID); last != "" {
		var err error
		if after, err = strconv.ParseInt(last, 10, 64); err != nil || after < 0 {
			return nil, fault.New(fault.Malformed, "invalid_event_id", "Last-Event-ID is none that this stream gave out.").Add("Last-Event-ID", "invalid_event_id", "Leave it out, or repeat the id of an event of this import.")
		}
	}
	var now events.Sight
	s := db.Current(ctx)
	err := s.DB().InTx(ctx, s.Scope(), func(ctx context.Context) (err error) {
		now, err = sightOf(ctx, req.ID)
		return err
	})
	if err != nil {
		return nil, err
	}
	if now.Last && now.Version <= after { // a client that connects again by itself stops now
		return api.StreamImportEvents204Response{}, nil
	}
	follow, err := h.Hub.Follow(ctx, req.CentreID, req.ID, after, func(ctx context.Context) (events.Sight, error) { return sightOf(ctx, req.ID) })
	return progressStream{follow}, err
}

func sightOf(ctx context.Context, id uuid.UUID) (events.Sight, error) {
	i, err := db.Get[Import](ctx, id)
	if err != nil {
		return events.Sight{}, err
	}
	seen := events.Sight{Version: i.Version, Event: goesOn, Data: progressed{api.ImportStatus(i.Status), i.Progress(), toCounts(i)}, Last: i.Ended()}
	if seen.Last {
		seen.Event = ended
	}
	return seen, nil
}

// progressStream is the answer of StreamImportEvents.
type progressStream struct{ *events.Following }

// VisitStreamImportEventsResponse implements api.StreamImportEventsResponseObject.
func (s progressStream) VisitStreamImportEventsResponse(w http.ResponseWriter) error {
	return s.Write(w)
}
