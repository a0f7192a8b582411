package account

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/waystation/waystation/internal/auth"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
)

// Training is one that a member of staff has completed.
type Training struct {
	db.Global
	UserID      uuid.UUID
	Training    string
	CompletedOn db.Date
	ValidUntil  *db.Date // the last day; nil: no end
}

// TableName implements schema.Tabler.
func (Training) TableName() string { return "user_trainings" }

var _ = db.Constraint("user_trainings_valid_until_check", func() *fault.Error {
	return fault.InvalidField("/valid_until", "before_completion", "A training cannot end before it was completed.")
})

// Validate checks what the spec cannot say. today is the calendar date in UTC.
func (t *Training) Validate(today db.Date) error {
	rules := fault.Rules()
	if t.CompletedOn.After(today.AddDate(0, 0, 1)) { // a day, for the time zones
		rules.Add("/completed_on", "in_future", "A training is recorded when it is completed.")
	}
	if t.ValidUntil != nil && t.ValidUntil.Before(t.CompletedOn.Time) {
		rules.Add("/valid_until", "before_completion", "A training cannot end before it was completed.")
	}
	return rules.Err()
}

// validOn tells whether the training counts on a day.
func (t *Training) validOn(day db.Date) bool {
	return !t.CompletedOn.After(day.Time) && (t.ValidUntil == nil || !t.ValidUntil.Before(day.Time))
}

var trainingSorts = db.Sorts[Training]{
	"completed_on": {SQL: "completed_on", Cast: "date", Value: func(t *Training) any { return t.CompletedOn }},
}

func listTrainings(ctx context.Context, l db.Listing, user uuid.UUID, training *string) (db.Paged[Training], error) {
	return db.Page(ctx, l, trainingSorts, func(q *gorm.DB) *gorm.DB {
		q = q.Where("user_id = ?", user)
		if training != nil {
			q = q.Where("training = ?", *training)
		}
		return q
	})
}

// never is where a training without an end sorts: after all others.
var never = db.NewDate(time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC))

var endingSorts = db.Sorts[Training]{
	"valid_until": {SQL: "coalesce(valid_until, '9999-12-31')", Cast: "date", Value: func(t *Training) any {
		if t.ValidUntil == nil {
			return never
		}
		return *t.ValidUntil
	}},
}

// atCentre are the trainings of who works at a centre on a day, each as it was completed last.
const atCentre = `exists (select 1 from members where members.user_id = user_trainings.user_id and members.centre_id = @centre and ` + heldOnDay + `)
	and not exists (select 1 from user_trainings later where later.user_id = user_trainings.user_id and later.training = user_trainings.training
		and (coalesce(later.valid_until, '9999-12-31'), later.id) > (coalesce(user_trainings.valid_until, '9999-12-31'), user_trainings.id))`

// listCentreTrainings returns the trainings of a centre's staff, expired ones among them (duty A3).
func listCentreTrainings(ctx context.Context, l db.Listing, centre uuid.UUID, today db.Date, expired *bool, narrow db.Conditions) (db.Paged[Training], error) {
	return db.Page(ctx, l, endingSorts, func(q *gorm.DB) *gorm.DB {
		q = narrow.Apply(q.Where(atCentre, map[string]any{"centre": centre, "day": today}))
		if expired != nil {
			q = q.Where("(coalesce(valid_until, '9999-12-31') < ?) = ?", today, *expired)
		}
		return q
	})
}

// mayRecordTraining keeps people from certifying themselves: a training opens the way to a role.
func mayRecordTraining(ctx context.Context, u *User) error {
	if auth.From(ctx).ID == u.ID {
		return fault.Denied("Your own trainings are recorded by another administrator.")
	}
	return mayKeep(ctx, u)
}

// trainingGaps names for each user the mandatory trainings that are missing or expired on the day.
func trainingGaps(ctx context.Context, users []uuid.UUID, mandatory []string, day db.Date) (map[uuid.UUID][]string, error) {
	gaps := map[uuid.UUID][]string{}
	if len(mandatory) == 0 || len(users) == 0 {
		return gaps, nil
	}
	completed, err := db.Find[Training](ctx, func(q *gorm.DB) *gorm.DB {
		return q.Where("user_id in ? and training in ?", users, mandatory)
	})
	for _, user := range users {
		gaps[user] = slices.DeleteFunc(slices.Clone(mandatory), func(name string) bool {
			return slices.ContainsFunc(completed, func(t Training) bool { return t.UserID == user && t.Training == name && t.validOn(day) })
		})
	}
	return gaps, err
}

// trained refuses a role to who lacks a mandatory training on the day, and names what is missing
// (handbook 15, rule 38).
func trained(ctx context.Context, user uuid.UUID, mandatory []string, day db.Date, pointer string) error {
	gaps, err := trainingGaps(ctx, []uuid.UUID{user}, mandatory, day)
	missing := gaps[user]
	if err != nil || len(missing) == 0 {
		return err
	}
	return fault.New(fault.Invalid, "training_missing", "Before a role is granted these trainings must be recorded and valid: %s. Record them with /v1/users/%s/trainings.", strings.Join(missing, ", "), user).
		With("missing_trainings", missing).Add(pointer, "training_missing", "Missing or expired: "+strings.Join(missing, ", ")+".")
}
