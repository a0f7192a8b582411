package beneficiary

import (
	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/db"
)

// SpecificNeed is something about a person that protection must take into account (handbook 11).
// A restricted one is seen by the person's case team only, not even as a number; whoever finds it
// out may write it down.
type SpecificNeed struct {
	db.Record
	BeneficiaryID uuid.UUID
	CodeSystem    string // code list: migrant_vulnerability | specific_need_unhcr
	Code          string
	Sensitivity   string // of the code: normal | sensitive | restricted
	Confidence    string // self_reported | observed | assessed
	Since         *db.Date
	IdentifiedBy  *uuid.UUID
	EndedOn       *db.Date
	ReviewOn      *db.Date
	Note          string
}

// Personal implements db.Personal.
func (SpecificNeed) Personal() {}
