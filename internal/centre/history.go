package centre

import (
	"context"
	"slices"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
	"github.com/waystation/waystation/internal/tenant"
)

// A centre's history is dated: a row is in force from its first day, in the centre's own time
// zone, until the next row begins. Rows ahead are plans.

// started selects, of a table of the history, the rows that have begun and were not taken back.
func started(table string) string {
	return table + ".voided_at is null and " + table + ".starts_on <= centre_today(" + table + ".centre_id)"
}

// inForce returns the row that is in force today; nil where the history is empty so far.
func inForce[T any](ctx context.Context, table string) (*T, error) {
	rows, err := db.Find[T](ctx, func(q *gorm.DB) *gorm.DB {
		return q.Where(started(table)).Order("starts_on desc").Limit(1)
	})
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	return &rows[0], nil
}

// currentID returns the id of the row in force, the zero id where there is none.
func currentID[T any, P interface {
	*T
	rowID() uuid.UUID
}](ctx context.Context, table string) (uuid.UUID, error) {
	row, err := inForce[T](ctx, table)
	if err != nil || row == nil {
		return uuid.Nil, err
	}
	return P(row).rowID(), nil
}

// follow makes the columns of the centres in $1 what their histories say today.
const follow = `
with today as (
  select c.id, coalesce(p.phase, c.phase) phase, coalesce(m.model, c.management_model) model,
         case when m.id is null then c.organisation_id else m.organisation_id end organisation
  from centres c
  left join lateral (select * from centre_phases h where h.centre_id = c.id and h.voided_at is null
    and h.starts_on <= (now() at time zone c.time_zone)::date order by h.starts_on desc limit 1) p on true
  left join lateral (select * from centre_management_models h where h.centre_id = c.id and h.voided_at is null
    and h.starts_on <= (now() at time zone c.time_zone)::date order by h.starts_on desc limit 1) m on true
  where c.id = any ($1))
update centres c
set phase = t.phase, management_model = t.model, organisation_id = t.organisation, version = c.version + 1, updated_at = $2
from today t
where c.id = t.id and (c.phase, c.management_model, c.organisation_id) is distinct from (t.phase, t.model, t.organisation)`

func advance(ctx context.Context, centres []uuid.UUID) error {
	tx, err := db.Pgx(ctx)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, follow, centres, db.Now())
	return err
}

// change holds the context's centre, so that changes of its history come one after another, runs
// fn and lets the centre follow.
func change(ctx context.Context, fn func() error) error {
	id, err := tenant.One(ctx)
	if err != nil {
		return err
	}
	if _, err := db.LockAny[Centre](ctx, id); err != nil {
		return err
	}
	if err := fn(); err != nil {
		return err
	}
	return advance(ctx, []uuid.UUID{id})
}

// standing is what a registration meets: today's phase, and the SOP in force, if any.
type standing struct {
	Phase        string
	SOPID        *uuid.UUID
	Registration db.JSON[RegistrationPolicy]
}

// meet reads the standing of the centre $1 in one round trip.
const meet = `
select coalesce((select h.phase from centre_phases h where h.centre_id = c.id and h.voided_at is null
    and h.starts_on <= (now() at time zone c.time_zone)::date order by h.starts_on desc limit 1), c.phase) as phase,
  s.id as sop_id, s.policy->'registration' as registration
from centres c left join sops s on s.centre_id = c.id and s.status = 'active'
where c.id = $1`

// RegistrationTerms returns what the context's centre asks of a registration today. It answers a
// 409 with the phase as current_state where the active policy has nobody registered in this phase;
// cases, referrals and transfers go on in any phase (handbook 15, rule 31).
func RegistrationTerms(ctx context.Context) (RegistrationPolicy, error) {
	id, err := tenant.One(ctx)
	if err != nil {
		return RegistrationPolicy{}, err
	}
	found, err := db.Select[standing](ctx, meet, id)
	if err != nil {
		return RegistrationPolicy{}, err
	}
	if len(found) == 0 {
		return RegistrationPolicy{}, fault.Missing()
	}
	terms := found[0].Registration.V
	if found[0].SOPID == nil {
		terms = DefaultPolicy().Registration
	}
	if phase := found[0].Phase; slices.Contains(terms.ClosedInPhases, phase) {
		return terms, fault.State(phase, "The centre registers nobody in its present phase. Register at another centre, or have the phase corrected under /phases; open cases go on.")
	}
	return terms, nil
}

// AcceptsRegistrations answers nil where the context's centre registers people today; see RegistrationTerms.
func AcceptsRegistrations(ctx context.Context) error {
	_, err := RegistrationTerms(ctx)
	return err
}

// The calendar of the history: outside it a date is a slip of the pen.
const firstYear, lastYear = 1900, 2199

func checkStart(on db.Date, rules *fault.Error) {
	if y := on.Year(); y < firstYear || y > lastYear {
		rules.Add("/starts_on", "out_of_range", "Use a date between 1900 and 2199.")
	}
}

// Void marks an entry that was made in error; it stays and counts no more.
type Void struct {
	VoidedAt   *time.Time
	VoidReason string
}

func (v *Void) take(reason string) error {
	if v.VoidedAt != nil {
		return fault.State("void", "This entry was taken back already.")
	}
	now := db.Now()
	v.VoidedAt, v.VoidReason = &now, reason
	return nil
}

// takeBack voids one entry of a table of the history. Some entry stays in force: a centre is
// always in some phase and in somebody's hands.
func takeBack[T any, P interface {
	*T
	db.Versioned
	take(reason string) error
}](ctx context.Context, table string, id uuid.UUID, ifMatch, reason string) (row P, err error) {
	err = change(ctx, func() error {
		if row, err = db.Lock[T, P](ctx, id, ifMatch); err != nil {
			return err
		}
		if err := row.take(reason); err != nil {
			return err
		}
		if err := db.Save(ctx, row); err != nil {
			return err
		}
		left, err := inForce[T](ctx, table)
		if err == nil && left == nil {
			return fault.New(fault.Invalid, "nothing_in_force", "No other entry would be in force today. Record the right one first, then take this one back.")
		}
		return err
	})
	return row, err
}
