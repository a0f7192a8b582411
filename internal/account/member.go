package account

import (
	"context"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/waystation/waystation/internal/auth"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
)

// Member is one role of a user in a centre.
type Member struct {
	db.Record
	UserID    uuid.UUID `gorm:"<-:create"`
	Role      string    `gorm:"<-:create"` // code list staff_role, level centre
	StartsOn  db.Date
	ExpiresOn *db.Date // the last day
	EndedAt   *time.Time
}

var (
	_ = db.Constraint("members_user_role_key", func() *fault.Error {
		return fault.New(fault.Conflict, "role_held", "The person holds this role in the centre already. If it has expired, change its expires_on.").Add("/role", "role_held", "Held already.")
	})
	_ = db.Constraint("members_expires_on_check", func() *fault.Error {
		return fault.InvalidField("/expires_on", "before_start", "A role cannot expire before it starts.")
	})
)

// Validate judges a role that is to be granted or prolonged by the caller.
func (m *Member) Validate(caller *auth.Principal) error {
	if caller.ID == m.UserID {
		return selfGrant("/user_id")
	}
	rules := fault.Rules()
	if levelOf(m.Role) != "centre" {
		rules.Add("/role", "network_role", "This role reaches over the whole network: its operators grant it with the user's network_roles.")
	}
	if m.ExpiresOn != nil && m.ExpiresOn.Before(m.StartsOn.Time) {
		rules.Add("/expires_on", "before_start", "A role cannot expire before it starts.")
	}
	return rules.Err()
}

// beyond tells whether the role is held on some day on which it was not held before.
func (m *Member) beyond(before Member) bool {
	earlier := m.StartsOn.Before(before.StartsOn.Time)
	later := before.ExpiresOn != nil && (m.ExpiresOn == nil || m.ExpiresOn.After(before.ExpiresOn.Time))
	return earlier || later
}

// heldOn tells whether the role is held on a day of the centre's calendar.
func (m *Member) heldOn(day db.Date) bool {
	return m.EndedAt == nil && !m.StartsOn.After(day.Time) && (m.ExpiresOn == nil || !m.ExpiresOn.Before(day.Time))
}

var memberSorts = db.Sorts[Member]{
	"created_at": {SQL: "created_at", Cast: "timestamptz", Value: func(m *Member) any { return m.CreatedAt }},
}

const heldOnDay = "ended_at is null and starts_on <= @day and (expires_on is null or expires_on >= @day)"

func listMembers(ctx context.Context, l db.Listing, user *uuid.UUID, role *string, current *bool, today db.Date) (db.Paged[Member], error) {
	return db.Page(ctx, l, memberSorts, func(m *Member) uuid.UUID { return m.ID }, func(q *gorm.DB) *gorm.DB {
		if user != nil {
			q = q.Where("user_id = ?", *user)
		}
		if role != nil {
			q = q.Where("role = ?", *role)
		}
		if current != nil && *current {
			q = q.Where(heldOnDay, map[string]any{"day": today})
		} else if current != nil {
			q = q.Where("not ("+heldOnDay+")", map[string]any{"day": today})
		}
		return q
	})
}

// todayIn is the calendar date at a centre.
func todayIn(ctx context.Context, centre uuid.UUID) (db.Date, error) {
	var zone string
	err := db.Tx(ctx).Raw("select time_zone from centres where id = ?", centre).Scan(&zone).Error
	if err != nil {
		return db.Date{}, err
	}
	at, err := time.LoadLocation(zone)
	if err != nil {
		return db.Date{}, err
	}
	return db.NewDate(db.Now().In(at)), nil
}

// person is what a list of members shows of a user.
type person struct {
	ID    uuid.UUID
	Name  string
	Email string
}

// TableName implements schema.Tabler.
func (person) TableName() string { return "users" }

// peopleOf loads the names that go with roles, in one query.
func peopleOf(ctx context.Context, members []Member) (map[uuid.UUID]person, error) {
	ids := make([]uuid.UUID, len(members))
	for i := range members {
		ids[i] = members[i].UserID
	}
	people := map[uuid.UUID]person{}
	if len(ids) == 0 {
		return people, nil
	}
	found, err := db.Find[person](ctx, func(q *gorm.DB) *gorm.DB { return q.Where("id in ?", ids) })
	for _, p := range found {
		people[p.ID] = p
	}
	return people, err
}

// heldRole is a role that a user holds today.
type heldRole struct {
	CentreID uuid.UUID
	Role     string
}

// rolesOf returns what a user may do today, centre by centre. The session must see the network.
func rolesOf(ctx context.Context, user uuid.UUID) (map[uuid.UUID][]string, error) {
	held, err := db.Select[heldRole](ctx, `select m.centre_id, m.role from members m join centres c on c.id = m.centre_id
		where m.user_id = $1 and m.ended_at is null
		and (now() at time zone c.time_zone)::date between m.starts_on and coalesce(m.expires_on, 'infinity') order by m.role`, user)
	if err != nil {
		return nil, err
	}
	roles := map[uuid.UUID][]string{}
	for _, r := range held {
		roles[r.CentreID] = append(roles[r.CentreID], r.Role)
	}
	return roles, nil
}
