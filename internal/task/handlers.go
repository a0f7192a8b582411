package task

import (
	"context"

	"gorm.io/gorm"

	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/wire"
)

// Handlers answer the operations of this domain.
type Handlers struct {
	// CasesInView is the subquery of the ids of the cases that the caller may know of; see casework.IDsInView.
	CasesInView func(context.Context, *gorm.DB) *gorm.DB
}

// ListTasks returns one page of what is to be done.
func (h Handlers) ListTasks(ctx context.Context, req api.ListTasksRequestObject) (api.ListTasksResponseObject, error) {
	p := req.Params
	f := filter{mine: wire.Value(p.Mine), status: Open, role: p.Role, kind: p.Kind, dueBefore: p.DueBefore, beneficiaryID: p.BeneficiaryID, caseID: p.CaseID}
	if p.Status != nil {
		f.status = string(*p.Status)
	}
	v, err := h.viewerOf(ctx)
	if err != nil {
		return nil, err
	}
	page, err := list(ctx, v, wire.Listing(p.Limit, p.Cursor, p.Sort, p.IncludeTotal, "due_at"), f)
	if err != nil {
		return nil, err
	}
	return api.ListTasks200JSONResponse{Data: wire.Each(page.Rows, toTask), NextCursor: wire.Next(page.Next), Total: page.Total}, nil
}

// GetTask returns one task.
func (h Handlers) GetTask(ctx context.Context, req api.GetTaskRequestObject) (api.GetTaskResponseObject, error) {
	v, err := h.viewerOf(ctx)
	if err != nil {
		return nil, err
	}
	t, err := find(ctx, v, req.ID)
	if err != nil {
		return nil, err
	}
	return api.GetTask200JSONResponse{Body: toTask(t), Headers: api.GetTask200ResponseHeaders{ETag: wire.ETag(t.Version)}}, nil
}

// CompleteTask records that a task was done.
func (h Handlers) CompleteTask(ctx context.Context, req api.CompleteTaskRequestObject) (api.CompleteTaskResponseObject, error) {
	v, err := h.viewerOf(ctx)
	if err != nil {
		return nil, err
	}
	t, err := change(ctx, v, req.ID, req.Params.IfMatch, func(t *Task) error {
		return t.close(Done, wire.Value(req.Body.Note), v.id, db.Now())
	})
	if err != nil {
		return nil, err
	}
	return api.CompleteTask200JSONResponse{Body: toTask(t), Headers: api.CompleteTask200ResponseHeaders{ETag: wire.ETag(t.Version)}}, nil
}

// DismissTask records that nothing needs to be done.
func (h Handlers) DismissTask(ctx context.Context, req api.DismissTaskRequestObject) (api.DismissTaskResponseObject, error) {
	v, err := h.viewerOf(ctx)
	if err != nil {
		return nil, err
	}
	t, err := change(ctx, v, req.ID, req.Params.IfMatch, func(t *Task) error {
		return t.close(Dismissed, req.Body.Reason, v.id, db.Now())
	})
	if err != nil {
		return nil, err
	}
	return api.DismissTask200JSONResponse{Body: toTask(t), Headers: api.DismissTask200ResponseHeaders{ETag: wire.ETag(t.Version)}}, nil
}

// AssignTask gives a task to a member of staff or a role.
func (h Handlers) AssignTask(ctx context.Context, req api.AssignTaskRequestObject) (api.AssignTaskResponseObject, error) {
	v, err := h.viewerOf(ctx)
	if err != nil {
		return nil, err
	}
	t, err := change(ctx, v, req.ID, req.Params.IfMatch, func(t *Task) error {
		user := t.UserID
		wire.SetNull(&user, req.Body.UserID)
		return t.assign(ctx, user, wire.Value(req.Body.Role))
	})
	if err != nil {
		return nil, err
	}
	return api.AssignTask200JSONResponse{Body: toTask(t), Headers: api.AssignTask200ResponseHeaders{ETag: wire.ETag(t.Version)}}, nil
}
