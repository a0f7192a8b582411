package beneficiary

import (
	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/db"
)

// Household is the people who travel or live together. Its head may not be known yet.
type Household struct {
	db.Record
	Reference    string `gorm:"<-:create;default:(-)"` // AGZ-H-000045; the database gives it
	HeadID       *uuid.UUID
	Size         int  // active members
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
