package casework

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
	"github.com/waystation/waystation/internal/wire"
)

// Visit is a visit to the person, at home or where they stay (duty D6). It is made for a follow-up, after
// somebody asked whether it is safe for the worker and for the person. Where it was is kept as the
// district alone, unless the person agreed to more.
type Visit struct {
	db.Record
	CaseID          uuid.UUID
	FollowupID      uuid.UUID
	NextFollowupID  *uuid.UUID // planned when this visit was recorded
	Kind            string     // home | outreach
	Status          string     // planned | met | not_met | cancelled | void
	PlannedAt       time.Time
	VisitorID       uuid.UUID
	CompanionID     *uuid.UUID
	Admin2Pcode     string // OCHA P-code, opaque
	Place           string // exact; the database refuses it without PlaceAgreedOn
	PlaceAgreedOn   *db.Date
	WorkerSafety    string // safe | precautions | unsafe; empty: nobody asked yet
	PersonSafety    string
	SafetyNote      string
	SafetyCheckedAt *time.Time
	SafetyCheckedBy *uuid.UUID
	VisitedAt       *time.Time
	Outcome         string
	Reason          string // why it was cancelled or voided
	VoidedAt        *time.Time
}

// TableName implements schema.Tabler.
func (Visit) TableName() string { return "case_visits" }

// Personal marks what a visit tells as personal data.
func (Visit) Personal() {}

// Restricted implements db.Restricted: the file may be, so its read line is on disk first.
func (Visit) Restricted() {}

var _ = db.Constraint("case_visits_planned_key", func() *fault.Error {
	return fault.New(fault.Conflict, "already_planned", "A visit for this follow-up is planned already. Change or cancel it.")
})

// The states of a visit.
const (
	visitPlanned   = "planned"
	visitMet       = "met"
	visitNotMet    = "not_met"
	visitCancelled = "cancelled"
)

const unsafeVisit = "unsafe"

// planned tells that the visit is still to come; 409 if not.
func (v *Visit) planned() error {
	if v.Status == visitPlanned {
		return nil
	}
	return fault.State(v.Status, "This visit is not planned any more.").With("allowed_states", []string{visitPlanned})
}

// safety is what somebody found out before a visit.
type safety struct {
	worker, person, note string
	at                   time.Time
}

// checkSafety notes whether the visit is safe for both sides.
func (v *Visit) checkSafety(s safety, a *Act) error {
	if err := v.planned(); err != nil {
		return err
	}
	if err := happened("/checked_at", s.at, a.At); err != nil {
		return err
	}
	v.WorkerSafety, v.PersonSafety, v.SafetyNote, v.SafetyCheckedAt, v.SafetyCheckedBy = s.worker, s.person, s.note, &s.at, a.By
	return nil
}

// uncheck forgets a safety check: it was made for another time or place.
func (v *Visit) uncheck() {
	v.WorkerSafety, v.PersonSafety, v.SafetyNote, v.SafetyCheckedAt, v.SafetyCheckedBy = "", "", "", nil, nil
}

// locate keeps the exact place where the person agreed to that, and nothing of it where they did not.
func (v *Visit) locate(place string, agreed *db.Date, today db.Date) error {
	switch {
	case place != "" && agreed == nil:
		return fault.InvalidField("/place", "not_agreed", "Only the district is kept, unless the person agreed to more: say when (place_agreed_on), or leave the place out.")
	case agreed != nil && agreed.After(today.Time):
		return fault.InvalidField("/place_agreed_on", "in_the_future", "This is still to come.")
	}
	v.Place, v.PlaceAgreedOn = place, agreed
	return nil
}

// mayVisit judges the safety of a visit that took place.
func (v *Visit) mayVisit(at time.Time) error {
	rules := fault.Rules()
	switch {
	case v.SafetyCheckedAt == nil || v.SafetyCheckedAt.After(at):
		rules.Add("/visited_at", "safety_check_required", "Before a visit, find out whether it is safe for the worker and for the person (check-safety).")
	case v.WorkerSafety == unsafeVisit || v.PersonSafety == unsafeVisit:
		rules.Add("", "unsafe", "The visit was found unsafe. Cancel it, or take precautions and check again.")
	}
	return rules.Err()
}

// record says how a planned visit went.
func (v *Visit) record(status string, at time.Time, outcome string, a *Act) error {
	if err := v.planned(); err != nil {
		return err
	}
	if err := happened("/visited_at", at, a.At); err != nil {
		return err
	}
	if err := v.mayVisit(at); err != nil {
		return err
	}
	v.Status, v.VisitedAt, v.Outcome = status, &at, outcome
	return nil
}

func (v *Visit) cancel(reason string) error {
	if err := v.planned(); err != nil {
		return err
	}
	v.Status, v.Reason = visitCancelled, reason
	return nil
}

// void hides a visit that was entered in error.
func (v *Visit) void(reason string, a *Act) error {
	if v.Status == void {
		return fault.State(void, "This visit was voided already.")
	}
	v.Status, v.Reason, v.VoidedAt = void, reason, a.now()
	return nil
}

// visitors refuses people who do not work here.
func (v *Visit) visitors(ctx context.Context) error {
	if err := areStaff(ctx, "/visitor_id", v.VisitorID); err != nil || v.CompanionID == nil {
		return err
	}
	if *v.CompanionID == v.VisitorID {
		return fault.InvalidField("/companion_id", "same_person", "A companion is somebody else.")
	}
	return areStaff(ctx, "/companion_id", *v.CompanionID)
}

// planVisit stores a visit for a follow-up that is due, or with a follow-up of its own.
func planVisit(ctx context.Context, c *Case, v *Visit, followup *uuid.UUID, a *Act) error {
	if err := v.visitors(ctx); err != nil {
		return err
	}
	f, err := servedBy(ctx, c, v, followup, a)
	if err != nil {
		return err
	}
	v.FollowupID = f.ID
	return db.Insert(ctx, v)
}

// servedBy is the follow-up that a visit is made for.
func servedBy(ctx context.Context, c *Case, v *Visit, followup *uuid.UUID, a *Act) (*Followup, error) {
	if followup == nil {
		f := v.followup(v.PlannedAt)
		return f, addFollowup(ctx, c, f, a)
	}
	f, err := lockFollowup(ctx, c, *followup)
	if fault.Is(err, fault.NotFound) {
		return nil, fault.InvalidField("/followup_id", "unknown_followup", "The case has no such follow-up.")
	}
	if err != nil {
		return nil, err
	}
	return f, f.due()
}

// followup is one that a visit of this kind is made for.
func (v *Visit) followup(due time.Time) *Followup {
	return &Followup{Record: db.NewRecord(nil), CaseID: v.CaseID, Type: "home_visit", DueAt: due, ResponsibleID: &v.VisitorID}
}

func lockFollowup(ctx context.Context, c *Case, id uuid.UUID) (*Followup, error) {
	if _, err := one[Followup](ctx, c.ID, id); err != nil {
		return nil, err
	}
	return db.LockAny[Followup](ctx, id)
}

// met is what a visit that met the person brings about: its follow-up took place, and the next one is
// planned where a date was set.
func (v *Visit) met(ctx context.Context, c *Case, need string, next *time.Time, a *Act) error {
	f, err := lockFollowup(ctx, c, v.FollowupID)
	if err != nil {
		return err
	}
	if err := f.complete(*v.VisitedAt, need, v.Outcome, a); err != nil {
		return err
	}
	if err := db.Save(ctx, f); err != nil {
		return err
	}
	if err := tookPlace(ctx, c, f, a); err != nil || next == nil {
		return err
	}
	following := v.followup(*next)
	v.NextFollowupID = &following.ID
	return addFollowup(ctx, c, following, a)
}

// missed is what a visit that met nobody brings about: an attempt to reach the person, for a follow-up that
// stays due, on the next date where one was set.
func (v *Visit) missed(ctx context.Context, c *Case, next *time.Time, a *Act) error {
	f, err := lockFollowup(ctx, c, v.FollowupID)
	if err != nil {
		return err
	}
	x := &ContactAttempt{Record: db.NewRecord(nil), CaseID: c.ID, FollowupID: f.ID, VisitID: &v.ID, At: *v.VisitedAt, Method: "visit", Note: v.Outcome, ByID: *a.By}
	if err := f.attempt(x, a.At); err != nil {
		return err
	}
	if next != nil {
		f.DueAt, v.NextFollowupID = *next, &f.ID
	}
	if err := db.Save(ctx, f); err != nil {
		return err
	}
	return db.Insert(ctx, x)
}

// takeBack undoes what a visit that was entered in error brought about: the follow-up that it completed is voided
// with it, and the one that it was to be followed by.
func (v *Visit) takeBack(ctx context.Context, c *Case, was string, a *Act) error {
	if was != visitMet {
		return nil
	}
	for _, id := range []*uuid.UUID{&v.FollowupID, v.NextFollowupID} {
		if id == nil {
			continue
		}
		f, err := lockFollowup(ctx, c, *id)
		if err != nil {
			return err
		}
		if f.VoidedAt != nil || id == v.NextFollowupID && f.DoneAt != nil {
			continue
		}
		if err := f.void(v.Reason, a.At); err != nil {
			return err
		}
		if err := db.Save(ctx, f); err != nil {
			return err
		}
	}
	return followed(ctx, c, a)
}

// nextVisit reads the next date of a visit: after it took place.
func nextVisit(next *time.Time, visited time.Time) (*time.Time, error) {
	if next == nil {
		return nil, nil
	}
	at := wire.Moment(*next)
	if !at.After(visited) {
		return nil, fault.InvalidField("/next_at", "out_of_order", "The next date comes after this visit.")
	}
	return &at, nil
}

// atWork tells whether the caller works on a case: they alone read where exactly a visit was.
func atWork(ctx context.Context, caseID uuid.UUID) (bool, error) {
	var at bool
	err := db.Tx(ctx).Raw("select ? = any (cases_worked_by_actor())", caseID).Scan(&at).Error
	return at, err
}
