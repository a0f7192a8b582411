package beneficiary

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
)

// Household is the people who travel or live together. Its head may not be known yet.
type Household struct {
	db.Record
	Reference    string `gorm:"<-:create;default:(-)"` // AGZ-H-000045; the database gives it
	HeadID       *uuid.UUID
	Size         int  // members of today
	DeclaredSize *int // as the household says, members not registered included
	Note         string
	Status       string // active | void
	VoidReason   string
	SourceKey    *string // the household's key in the sheet it came from
}

// Personal implements db.Personal.
func (Household) Personal() {}

// HouseholdMember is one person's part in a household. A person is in one household at a time.
type HouseholdMember struct {
	db.Record
	HouseholdID   uuid.UUID
	BeneficiaryID uuid.UUID
	Relationship  string // code list household_relationship, to the head
	JoinedOn      db.Date
	LeftOn        *db.Date
}

// Personal implements db.Personal.
func (HouseholdMember) Personal() {}

// Head is the relationship of a household's head to it.
const Head = "head"

var (
	_ = db.Constraint("household_members_one_household_key", func() *fault.Error {
		return fault.New(fault.Conflict, "in_another_household", "The person is in a household already. End that membership first.").Add("/beneficiary_id", "in_another_household", "A person is in one household at a time.")
	})
	_ = db.Constraint("households_pkey", func() *fault.Error {
		return fault.New(fault.Conflict, "id_taken", "A household is recorded under this id already.").Add("/id", "id_taken", "Choose a new UUID.")
	})
	_ = db.Constraint("household_members_pkey", func() *fault.Error {
		return fault.New(fault.Conflict, "id_taken", "A membership is recorded under this id already.").Add("/id", "id_taken", "Choose a new UUID.")
	})
)

// FormHousehold stores a household with its first members, in the caller's transaction. The
// members are held locked; their household is filled in. 404 when one is not registered here, 409
// when one is in another household or no longer open, 422 for two heads or a day in the future.
func FormHousehold(ctx context.Context, h *Household, members []HouseholdMember) error {
	h.Status, h.Size = Active, len(members)
	if err := h.seat(members, func(i int) string { return fmt.Sprintf("/members/%d", i) }); err != nil {
		return err
	}
	if err := lockPeople(ctx, members); err != nil {
		return err
	}
	if len(members) == 0 {
		return db.InsertAll(ctx, h)
	}
	return db.InsertAll(ctx, h, &members)
}

// seat puts members into the household and finds its head among them; pointer says where each of
// them stands in the body.
func (h *Household) seat(members []HouseholdMember, pointer func(int) string) error {
	latest := latest()
	for i := range members {
		m := &members[i]
		m.HouseholdID = h.ID
		rules := fault.Rules()
		if CheckPast(rules, pointer(i)+"/joined_on", &m.JoinedOn, latest); rules.Err() != nil {
			return rules
		}
		if m.Relationship != Head {
			continue
		}
		if h.HeadID != nil {
			return fault.InvalidField(pointer(i)+"/relationship", "head_taken", "The household has a head already.")
		}
		h.HeadID = &m.BeneficiaryID
	}
	return nil
}

// lockPeople holds the people who are to become members: 404 when one is not registered here, 409
// when a record is closed.
func lockPeople(ctx context.Context, members []HouseholdMember) error {
	if len(members) == 0 {
		return nil
	}
	ids := make([]uuid.UUID, len(members))
	for i, m := range members {
		ids[i] = m.BeneficiaryID
	}
	people, err := LockAll(ctx, ids...)
	if err != nil {
		return err
	}
	for i := range people {
		if err := people[i].open(); err != nil {
			return err
		}
	}
	return nil
}

// JoinHousehold adds a member to a household that exists, in the caller's transaction; see FormHousehold.
func JoinHousehold(ctx context.Context, householdID uuid.UUID, m *HouseholdMember) error {
	members := []HouseholdMember{*m}
	if err := lockPeople(ctx, members); err != nil {
		return err
	}
	h, err := db.LockAny[Household](ctx, householdID)
	if err != nil {
		return err
	}
	if err := h.open(); err != nil {
		return err
	}
	if err := h.seat(members, func(int) string { return "" }); err != nil {
		return err
	}
	*m = members[0]
	h.Size++
	if err := db.InsertAll(ctx, m); err != nil {
		return err
	}
	return db.Save(ctx, h)
}

// open answers the 409 of a household that was voided.
func (h *Household) open() error {
	if h.Status == Active {
		return nil
	}
	return fault.State(h.Status, "This household was voided; it takes no more changes.")
}

// leave ends one membership: 409 when it has ended, 422 for a day that cannot be.
func (h *Household) leave(m *HouseholdMember, on, latest db.Date) error {
	switch {
	case m.LeftOn != nil:
		return fault.State("left", "The member has left already.")
	case on.After(latest.Time):
		return fault.InvalidField("/left_on", "in_the_future", "The day lies in the future.")
	case on.Before(m.JoinedOn.Time):
		return fault.InvalidField("/left_on", "before_joining", "A member cannot leave before joining.")
	}
	m.LeftOn = &on
	h.Size--
	if h.HeadID != nil && *h.HeadID == m.BeneficiaryID {
		h.HeadID = nil
	}
	return nil
}

// dissolve voids a household and ends what memberships there are.
func (h *Household) dissolve(ctx context.Context, reason string, today db.Date) error {
	h.Status, h.VoidReason, h.Size, h.HeadID = Void, reason, 0, nil
	return db.Tx(ctx).Model(&HouseholdMember{}).Where("household_id = ? and left_on is null", h.ID).Updates(map[string]any{
		"left_on": gorm.Expr("greatest(joined_on, ?::date)", today), "version": gorm.Expr("version + 1"), "updated_at": db.Now(),
	}).Error
}

// checkHead wants the head to be a member of today.
func (h *Household) checkHead(ctx context.Context) error {
	if h.HeadID == nil {
		return nil
	}
	member, err := memberNow(ctx, *h.HeadID)
	if err != nil {
		return err
	}
	if member == nil || member.HouseholdID != h.ID {
		return fault.InvalidField("/head_id", "not_a_member", "The head must be a member of the household today. Add the person first.")
	}
	return nil
}

// memberNow returns the person's membership of today, or nil.
func memberNow(ctx context.Context, beneficiaryID uuid.UUID) (*HouseholdMember, error) {
	found, err := db.Find[HouseholdMember](ctx, func(q *gorm.DB) *gorm.DB {
		return q.Where("beneficiary_id = ? and left_on is null", beneficiaryID).Limit(1)
	})
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return &found[0], nil
}

var householdSorts = db.Sorts[Household]{
	"created_at": {SQL: "created_at", Cast: "timestamptz", Value: func(h *Household) any { return h.CreatedAt }},
	"reference":  {SQL: "reference", Cast: "text", Value: func(h *Household) any { return h.Reference }},
}

// householdFilter narrows a list of households.
type householdFilter struct {
	status        string
	beneficiaryID *uuid.UUID // a member of today
}

func (f householdFilter) where(q *gorm.DB) *gorm.DB {
	q = q.Where("status = ?", f.status)
	if f.beneficiaryID != nil {
		q = q.Where("id in (select m.household_id from household_members m where m.centre_id = households.centre_id and m.beneficiary_id = ? and m.left_on is null)", *f.beneficiaryID)
	}
	return q
}

func listHouseholds(ctx context.Context, l db.Listing, f householdFilter) (db.Paged[Household], error) {
	return db.Page(ctx, l, householdSorts, f.where)
}

var memberSorts = db.Sorts[HouseholdMember]{
	"created_at": {SQL: "created_at", Cast: "timestamptz", Value: func(m *HouseholdMember) any { return m.CreatedAt }},
}

func listMembers(ctx context.Context, l db.Listing, householdID uuid.UUID, active bool) (db.Paged[HouseholdMember], error) {
	return db.Page(ctx, l, memberSorts, func(q *gorm.DB) *gorm.DB {
		return q.Where("household_id = ? and (left_on is null) = ?", householdID, active)
	})
}

// findMember returns a membership of the household of the path.
func findMember(ctx context.Context, householdID, id uuid.UUID) (*HouseholdMember, error) {
	return db.One[HouseholdMember](ctx, func(q *gorm.DB) *gorm.DB { return q.Where("household_id = ? and id = ?", householdID, id) })
}
