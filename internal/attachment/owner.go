package attachment

import (
	"context"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/waystation/waystation/internal/beneficiary"
	"github.com/waystation/waystation/internal/casework"
	"github.com/waystation/waystation/internal/fault"
	"github.com/waystation/waystation/internal/tenant"
)

// owner is whom or what something is attached to: one of the two.
type owner struct{ person, kase uuid.UUID }

func ofPerson(id uuid.UUID) owner { return owner{person: id} }
func ofCase(id uuid.UUID) owner   { return owner{kase: id} }

// hold locks the owner until the transaction ends: 404 where the caller sees none, 409 where it
// takes no more changes.
func (o owner) hold(ctx context.Context) error {
	if o.kase != uuid.Nil {
		_, err := casework.LockUnderWay(ctx, o.kase)
		return err
	}
	_, err := beneficiary.LockActive(ctx, o.person)
	return err
}

// see answers the 404 of an owner that is not there for this caller.
func (o owner) see(ctx context.Context) error {
	if o.kase != uuid.Nil {
		_, err := casework.Find(ctx, o.kase)
		return err
	}
	return beneficiary.Here(ctx, o.person)
}

func (o owner) where(q *gorm.DB) *gorm.DB {
	if o.kase != uuid.Nil {
		return q.Where("case_id = ?", o.kase)
	}
	return q.Where("beneficiary_id = ?", o.person)
}

// claim writes the owner down.
func (o owner) claim(a *Attachment) {
	if o.kase != uuid.Nil {
		a.CaseID = &o.kase
		return
	}
	a.BeneficiaryID = &o.person
}

// fits judges what else an attachment says that it belongs to: an assessment of the case that is not completed yet.
func (o owner) fits(ctx context.Context, a *Attachment) error {
	switch {
	case a.AssessmentID == nil:
		return nil
	case o.kase == uuid.Nil:
		return fault.InvalidField("assessment_id", "of_a_case", "Only what is attached to a case belongs to an assessment.")
	}
	return casework.AssessmentTakes(ctx, o.kase, *a.AssessmentID)
}

// path is where the owner's attachments are in the API.
func (o owner) path(centre tenant.ID) string {
	at := "/v1/centres/" + centre.String()
	if o.kase != uuid.Nil {
		return at + "/cases/" + o.kase.String() + "/attachments/"
	}
	return at + "/beneficiaries/" + o.person.String() + "/attachments/"
}
