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

// lacksTraining are the roles of people without one of the trainings.
const lacksTraining = `exists (select 1 from unnest(cast(@trainings as text[])) asked where not exists (select 1 from user_trainings t
	where t.user_id = members.user_id and t.training = asked and t.completed_on <= @day and (t.valid_until is null or t.valid_until >= @day)))`

// memberFilter narrows a list of roles; nil members do not.
type memberFilter struct {
	user                   *uuid.UUID
	role                   *string
	current, lacksTraining *bool
	mandatory              []string
	today                  db.Date
}

func (f memberFilter) build(q *gorm.DB) *gorm.DB {
	if f.user != nil {
		q = q.Where("user_id = ?", *f.user)
	}
	if f.role != nil {
		q = q.Where("role = ?", *f.role)
	}
	if f.current != nil {
		q = q.Where("("+heldOnDay+") = @is", map[string]any{"day": f.today, "is": *f.current})
	}
	if f.lacksTraining != nil {
		q = q.Where("("+lacksTraining+") = @is", map[string]any{"day": f.today, "trainings": db.Strings(f.mandatory), "is": *f.lacksTraining})
	}
	return q
}

func listMembers(ctx context.Context, l db.Listing, f memberFilter) (db.Paged[Member], error) {
	return db.Page(ctx, l, memberSorts, f.build)
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
func peopleOf(ctx context.Context, users []uuid.UUID) (map[uuid.UUID]person, error) {
	people := map[uuid.UUID]person{}
	if len(users) == 0 {
		return people, nil
	}
	found, err := db.Find[person](ctx, func(q *gorm.DB) *gorm.DB { return q.Where("id in ?", users) })
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
	held, err := db.Select[heldRole](ctx, `select m.centre_id, m.role from members m
		where m.user_id = $1 and m.ended_at is null
		and centre_today(m.centre_id) between m.starts_on and coalesce(m.expires_on, 'infinity') order by m.role`, user)
	if err != nil {
		return nil, err
	}
	roles := map[uuid.UUID][]string{}
	for _, r := range held {
		roles[r.CentreID] = append(roles[r.CentreID], r.Role)
	}
	return roles, nil
}
