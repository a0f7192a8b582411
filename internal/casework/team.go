package casework

import (
	"context"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm/clause"

	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
	"github.com/waystation/waystation/internal/tenant"
)

// TeamMember is somebody's place on the team of a case. Who is on the team reads the file,
// restricted facts included, until the place ends. The owner is always on it.
type TeamMember struct {
	db.Record
	CaseID  uuid.UUID
	UserID  uuid.UUID
	Role    string // owner | member
	EndedAt *time.Time
}

// TableName implements schema.Tabler.
func (TeamMember) TableName() string { return "case_team" }

const (
	owner  = "owner"
	member = "member"
)

// Which roles at the centre may own a case, and which may work on its team (handbook 14).
var (
	ownerRoles = []string{"caseworker", "case_supervisor"}
	teamRoles  = []string{"caseworker", "case_supervisor", "health_worker", "mhpss_specialist", "legal_officer"}
)

var _ = db.Constraint("case_team_user_key", func() *fault.Error {
	return fault.New(fault.Conflict, "already_on_team", "This person is on the team already.")
})

// end takes somebody off the team. last says that nobody would be left to see a restricted case.
func (m *TeamMember) end(at time.Time, last bool) error {
	if m.EndedAt != nil {
		return fault.State("ended", "This person has left the team already.")
	}
	if m.Role == owner {
		return fault.New(fault.Invalid, "owner_stays", "The owner is always on the team. Assign the case to another person first.")
	}
	if last {
		return fault.New(fault.Invalid, "last_on_team", "Nobody would see this restricted case any more. Let another person join first, or assign it.")
	}
	m.EndedAt = &at
	return nil
}

// worksAs tells whether a user is active staff of the centre with one of these roles today.
func worksAs(ctx context.Context, user uuid.UUID, roles []string) (bool, error) {
	var fits bool
	err := db.Tx(ctx).Raw(`select exists (select 1 from members m join users u on u.id = m.user_id and u.active
		where m.centre_id in ? and m.user_id = ? and m.role in ? and m.ended_at is null
		and centre_today(m.centre_id) between m.starts_on and coalesce(m.expires_on, 'infinity'))`, tenant.Centres(ctx), user, roles).Scan(&fits).Error
	return fits, err
}

// areStaff refuses users who are not active staff of the centre today.
func areStaff(ctx context.Context, pointer string, users ...uuid.UUID) error {
	if len(users) == 0 {
		return nil
	}
	var strangers int
	err := db.Tx(ctx).Raw(`select count(*) from unnest(?::uuid[]) asked (id) where not exists (select 1 from members m join users u on u.id = m.user_id and u.active
		where m.centre_id in ? and m.user_id = asked.id and m.ended_at is null
		and centre_today(m.centre_id) between m.starts_on and coalesce(m.expires_on, 'infinity'))`, db.UUIDs(users), tenant.Centres(ctx)).Scan(&strangers).Error
	if err == nil && strangers > 0 {
		return fault.InvalidField(pointer, "unknown_staff", "There is no such member of staff here.")
	}
	return err
}

// onTeam tells whether the caller is on the team of a case now.
func onTeam(ctx context.Context, c *Case) (bool, error) {
	by := caller(ctx)
	if by == nil {
		return true, nil
	}
	var on bool
	err := db.Tx(ctx).Raw("select exists (select 1 from case_team where centre_id = ? and case_id = ? and user_id = ? and ended_at is null)",
		c.CentreID.UUID(), c.ID, *by).Scan(&on).Error
	return on, err
}

// mayStay keeps those who broke the glass of a restricted file from letting themselves in for longer
// than the glass is broken: another person does.
func mayStay(ctx context.Context, c *Case, user uuid.UUID) error {
	if by := caller(ctx); c.Sensitivity != Restricted || by == nil || *by != user {
		return nil
	}
	return onlyTeam(ctx, c)
}

// onlyTeam answers the 403 of a caller who is not on the team.
func onlyTeam(ctx context.Context, c *Case) error {
	on, err := onTeam(ctx, c)
	if err == nil && !on {
		return fault.Denied("The glass was broken for some hours. Who sees the file after that is for its team, or for another supervisor, to decide.")
	}
	return err
}

// ownerMayStay is mayStay for whom an act makes the owner.
func ownerMayStay(ctx context.Context, c *Case, a *Act) error {
	if a.OwnerID == nil {
		return nil
	}
	return mayStay(ctx, c, *a.OwnerID)
}

// ownerJoins gives the new owner their place; the owner before leaves. The caller may be the one
// who leaves: the wall is lifted for the act.
func ownerJoins(ctx context.Context, c *Case, a *Act) error {
	return lifted(ctx, func() error {
		var team []TeamMember
		err := db.Tx(ctx).Clauses(clause.Locking{Strength: "UPDATE"}).Where("case_id = ? and ended_at is null", c.ID).Order("id").Find(&team).Error
		if err != nil {
			return err
		}
		joined := false
		for i := range team {
			if m := &team[i]; m.Role == owner && m.UserID != *c.OwnerID {
				m.EndedAt = a.now()
				if err := db.Save(ctx, m); err != nil {
					return err
				}
			}
		}
		for i := range team {
			if m := &team[i]; m.UserID == *c.OwnerID {
				joined, m.Role = true, owner
				if err := db.Save(ctx, m); err != nil {
					return err
				}
			}
		}
		if joined {
			return nil
		}
		return db.Insert(ctx, newTeamMember(c, *c.OwnerID, owner))
	})
}

func newTeamMember(c *Case, user uuid.UUID, role string) *TeamMember {
	return &TeamMember{Record: db.NewRecord(nil), CaseID: c.ID, UserID: user, Role: role}
}
