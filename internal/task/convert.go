package task

import (
	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/internal/wire"
)

func toTask(t *Task) api.Task {
	return api.Task{
		ID: t.ID, Version: t.Version, CreatedAt: t.CreatedAt, UpdatedAt: t.UpdatedAt, Kind: t.Kind, Resource: t.Resource, ResourceID: t.ResourceID,
		CaseID: t.CaseID, BeneficiaryID: t.BeneficiaryID, Role: wire.Opt(t.Role), UserID: t.UserID, DueAt: t.DueAt, Level: t.Level, Status: api.TaskStatus(t.Status),
		Reason: wire.Opt(t.Reason), ClosedBy: t.ClosedBy, ClosedAt: t.ClosedAt,
	}
}
