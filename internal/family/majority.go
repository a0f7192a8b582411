package family

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm/clause"

	"github.com/waystation/waystation/internal/beneficiary"
	"github.com/waystation/waystation/internal/centre"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/jobs"
	"github.com/waystation/waystation/internal/task"
)

// Jobs registers what families need done beside requests.
func Jobs(r *jobs.Registry) { r.Every(time.Hour, "family.majority", RaiseMajority) }

// caughtUp is how long after the day a birthday is still told of, where nothing ran meanwhile.
const caughtUp = 31 * 24 * time.Hour

// RaiseMajority raises the tasks of children who come of age, in every centre: so many days before
// as the SOP says, and on the day (handbook 3.7), when care arrangements end too. It runs every hour, so that each centre has its
// tasks soon after its midnight; a task is raised once.
func RaiseMajority(ctx context.Context) error { return centre.Each(ctx, raiseMajority) }

// minor is somebody who was registered as a child, with one of their open cases.
type minor struct {
	ID                 uuid.UUID
	BirthDate          db.Date
	BirthDatePrecision string
	RegisteredOn       db.Date
	CaseID             *uuid.UUID
	OwnerID            *uuid.UUID
	Restricted         bool
	TimeZone           string
}

// Everybody whose day may lie near: a birth date known by year means up to a year later. Cases of
// every sensitivity: a task on a restricted one is walled in with it.
const minors = `
select b.id, b.birth_date, b.birth_date_precision, b.registered_on, c.id as case_id, c.owner_id, coalesce(c.sensitivity = 'restricted', false) as restricted, z.time_zone
from beneficiaries b join centres z on z.id = b.centre_id
left join cases c on c.centre_id = b.centre_id and c.beneficiary_id = b.id and c.status in ('open', 'on_hold', 'pending_closure')
where b.centre_id = any (scope_centres()) and b.status = 'active'
  and b.birth_date between (select centre_today(c) from unnest(scope_centres()) c) - interval '18 years 400 days'
    and (select centre_today(c) from unnest(scope_centres()) c) - interval '18 years' + make_interval(days => ? + 2)
order by b.id, c.id`

func raiseMajority(ctx context.Context) error {
	policy, _, err := centre.ActivePolicy(ctx)
	if err != nil {
		return err
	}
	if err := db.Tx(ctx).Exec("select set_config('app.need_to_know', 'lifted', true)").Error; err != nil {
		return err
	}
	var found []minor
	if err := db.Tx(ctx).Raw(minors, policy.People.MajorityNoticeDays).Scan(&found).Error; err != nil {
		return err
	}
	open := map[uuid.UUID]bool{} // who has a case that everybody may know of
	for _, m := range found {
		open[m.ID] = open[m.ID] || m.CaseID != nil && !m.Restricted
	}
	for _, m := range found {
		if err := m.raise(ctx, db.Now(), policy.People.MajorityNoticeDays, open[m.ID]); err != nil {
			return err
		}
	}
	return endCare(ctx)
}

// endCare ends the care arrangements of who is of age by the centre's day, however long ago they came: a care
// arrangement is a child's. Whether somebody is separated, and is looked for, goes on.
func endCare(ctx context.Context) error {
	today, err := beneficiary.Today(ctx)
	if err != nil {
		return err
	}
	var grown []uuid.UUID
	err = db.Tx(ctx).Raw(`select b.id from care_arrangements a join beneficiaries b on b.centre_id = a.centre_id and b.id = a.beneficiary_id
		where a.centre_id = any (scope_centres()) and a.ended_on is null and a.voided_at is null and b.birth_date <= ?::date - interval '18 years' order by b.id`, today).Scan(&grown).Error
	for i := 0; i < len(grown) && err == nil; i++ {
		err = endCareOf(ctx, grown[i], today)
	}
	return err
}

// endCareOf holds the person first, as whoever records an arrangement does.
func endCareOf(ctx context.Context, person uuid.UUID, today db.Date) error {
	b, err := db.LockAny[beneficiary.Beneficiary](ctx, person)
	if err != nil {
		return err
	}
	day := b.Majority()
	if day == nil || today.Before(day.Time) {
		return nil
	}
	var current []CareArrangement
	err = db.Tx(ctx).Clauses(clause.Locking{Strength: "UPDATE"}).Where("beneficiary_id = ? and ended_on is null and voided_at is null", person).Find(&current).Error
	for i := 0; i < len(current) && err == nil; i++ {
		on := *day
		if on.Before(current[i].Since.Time) { // the birth date was corrected
			on = current[i].Since
		}
		current[i].EndedOn = &on
		err = db.Save(ctx, &current[i])
	}
	return err
}

// raise raises what is due for one person and case. Where no case is known to everybody, caseworkers
// are told too: nobody can tell from a task that is missing that there is a restricted case.
func (m minor) raise(ctx context.Context, now time.Time, notice int, open bool) error {
	zone, err := time.LoadLocation(m.TimeZone)
	if err != nil {
		return err
	}
	b := beneficiary.Beneficiary{BirthDate: &m.BirthDate, BirthDatePrecision: &m.BirthDatePrecision}
	day := *b.Majority()
	due := time.Date(day.Year(), day.Month(), day.Day(), 0, 0, 0, 0, zone)
	if !m.RegisteredOn.Before(day.Time) || now.Before(due.AddDate(0, 0, -notice)) || now.Sub(due) > caughtUp {
		return nil
	}
	of := task.Task{Resource: "beneficiary", ResourceID: m.ID, BeneficiaryID: &m.ID, DueAt: due.UTC()}
	came := !now.Before(due)
	if m.CaseID != nil {
		if err := m.raiseOnCase(ctx, of, day, came); err != nil {
			return err
		}
	}
	if open {
		return nil
	}
	of.Kind, of.Role, of.Key = "turning_18", "caseworker", key("turning_18", m.ID, day, came, "")
	return task.Raise(ctx, of)
}

// raiseOnCase tells the supervisor and, on the day, that the person's own consent is to be sought.
func (m minor) raiseOnCase(ctx context.Context, of task.Task, day db.Date, came bool) error {
	of.CaseID = m.CaseID
	of.Kind, of.Role, of.Key = "turning_18", "case_supervisor", key("turning_18", m.ID, day, came, m.CaseID.String())
	if err := task.Raise(ctx, of); err != nil || !came {
		return err
	}
	of.Kind, of.Role, of.UserID, of.Key = "consent_renewal", "caseworker", m.OwnerID, key("consent_renewal", m.ID, day, came, m.CaseID.String())
	return task.Raise(ctx, of)
}

// key names a task for one birthday: a birth date that is corrected is another one.
func key(kind string, person uuid.UUID, day db.Date, came bool, caseID string) string {
	stage := "before"
	if came {
		stage = "day"
	}
	return fmt.Sprintf("%s:%s:%s:%s:%s", kind, person, day, stage, caseID)
}
