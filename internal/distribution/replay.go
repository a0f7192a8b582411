package distribution

import (
	"context"
	"errors"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
)

// outcome is what became of one issue that a counter replays.
type outcome struct {
	id      uuid.UUID
	issue   *Issue // issued now, or known
	known   bool
	refused *fault.Error
}

// replay issues what a counter without a connection issued before: each in its turn, and one refusal stops nothing.
func (h Handlers) replay(ctx context.Context, distribution uuid.UUID, requests []request) ([]outcome, error) {
	d, err := db.Get[Distribution](ctx, distribution)
	if err != nil {
		return nil, err
	}
	if err := d.in(open, closed); err != nil {
		return nil, err
	}
	out, err := h.recogniseAll(ctx, requests)
	if err != nil {
		return nil, err
	}
	for i, r := range requests {
		if out[i].refused != nil {
			continue
		}
		r.replayed = true
		refused, err := db.Attempt(ctx, func() (err error) {
			out[i].issue, out[i].known, err = h.serve(ctx, distribution, r)
			return err
		})
		if err != nil {
			return nil, err
		}
		if refused != nil && !errors.As(refused, &out[i].refused) {
			return nil, refused
		}
	}
	return out, nil
}

// recogniseAll finds out who all recipients are and holds them at once, so that two counters that replay at the same
// time wait for each other and not in a circle.
func (h Handlers) recogniseAll(ctx context.Context, requests []request) ([]outcome, error) {
	out, people := make([]outcome, len(requests)), []uuid.UUID{}
	for i := range requests {
		out[i].id = requests[i].issue.ID
		err := h.recognise(ctx, &requests[i])
		switch {
		case fault.Is(err, fault.Invalid):
			errors.As(err, &out[i].refused)
		case err != nil:
			return nil, err
		case requests[i].issue.BeneficiaryID != nil:
			people = append(people, *requests[i].issue.BeneficiaryID)
		}
	}
	_, err := lockHomes(ctx, people...)
	return out, err
}
