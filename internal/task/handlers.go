package task

import (
	"context"

	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/wire"
)

// Handlers answer the operations of this domain.
type Handlers struct{}

// ListTasks returns one page of what is to be done.
func (Handlers) ListTasks(ctx context.Context, req api.ListTasksRequestObject) (api.ListTasksResponseObject, error) {
	p := req.Params
	f := filter{mine: wire.Value(p.Mine), status: Open, role: p.Role, kind: p.Kind, dueBefore: p.DueBefore, beneficiaryID: p.BeneficiaryID, caseID: p.CaseID}
	if p.Status != nil {
		f.status = string(*p.Status)
	}
	page, err := list(ctx, wire.Listing(p.Limit, p.Cursor, p.Sort, p.IncludeTotal, "due_at"), f)
	if err != nil {
		return nil, err
	}
	return api.ListTasks200JSONResponse{Data: wire.Each(page.Rows, toTask), NextCursor: wire.Next(page.Next), Total: page.Total}, nil
}

// GetTask returns one task.
func (Handlers) GetTask(ctx context.Context, req api.GetTaskRequestObject) (api.GetTaskResponseObject, error) {
	t, err := find(ctx, req.ID)
	if err != nil {
		return nil, err
	}
	return api.GetTask200JSONResponse{Body: toTask(t), Headers: api.GetTask200ResponseHeaders{ETag: wire.ETag(t.Version)}}, nil
}

// CompleteTask records that a task was done.
func (Handlers) CompleteTask(ctx context.Context, req api.CompleteTaskRequestObject) (api.CompleteTaskResponseObject, error) {
	t, err := change(ctx, req.ID, req.Params.IfMatch, func(t *Task, v viewer) error {
		return t.close(Done, wire.Value(req.Body.Note), v.id, db.Now())
	})
	if err != nil {
		return nil, err
	}
	return api.CompleteTask200JSONResponse{Body: toTask(t), Headers: api.CompleteTask200ResponseHeaders{ETag: wire.ETag(t.Version)}}, nil
}

// DismissTask records that nothing needs to be done.
func (Handlers) DismissTask(ctx context.Context, req api.DismissTaskRequestObject) (api.DismissTaskResponseObject, error) {
	t, err := change(ctx, req.ID, req.Params.IfMatch, func(t *Task, v viewer) error {
		return t.close(Dismissed, req.Body.Reason, v.id, db.Now())
	})
	if err != nil {
		return nil, err
	}
	return api.DismissTask200JSONResponse{Body: toTask(t), Headers: api.DismissTask200ResponseHeaders{ETag: wire.ETag(t.Version)}}, nil
}

// AssignTask gives a task to a member of staff or a role.
func (Handlers) AssignTask(ctx context.Context, req api.AssignTaskRequestObject) (api.AssignTaskResponseObject, error) {
	t, err := change(ctx, req.ID, req.Params.IfMatch, func(t *Task, _ viewer) error {
		user := t.UserID
		wire.SetNull(&user, req.Body.UserID)
		return t.assign(ctx, user, wire.Value(req.Body.Role))
	})
	if err != nil {
		return nil, err
	}
	return api.AssignTask200JSONResponse{Body: toTask(t), Headers: api.AssignTask200ResponseHeaders{ETag: wire.ETag(t.Version)}}, nil
}
