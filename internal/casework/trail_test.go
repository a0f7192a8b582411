package casework_test

import (
	"github.com/waystation/waystation/internal/casework"
	"github.com/waystation/waystation/internal/db"
)

// Whatever may belong to a restricted file leaves its read line on disk before it is answered.
var _ = []db.Restricted{
	casework.Case{}, casework.Transition{}, casework.Approval{}, casework.Followup{}, casework.ContactAttempt{},
	casework.Note{}, casework.NoteVersion{}, casework.Plan{}, casework.Goal{}, casework.Action{}, casework.Assessment{}, casework.Problem{},
}
