package referral

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/centre"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
	"github.com/waystation/waystation/internal/tenant"
)

// A referral to another centre of the network has a row on each side, of the same id; the database carries the moves
// of one to the other (migration 00049). The receiver finds its row in its inbox.

// goTo addresses a referral to another centre by its code: to whoever runs that centre, on whom the person's consent is asked.
func (r *Referral) goTo(ctx context.Context, code string) error {
	here, err := tenant.One(ctx)
	if err != nil {
		return err
	}
	var found []struct {
		ID, OrganisationID uuid.UUID
		Name               string
	}
	if err := db.Tx(ctx).Raw("select * from transfer_destination(?)", code).Scan(&found).Error; err != nil {
		return err
	}
	if len(found) == 0 || found[0].ID == here {
		return fault.InvalidField("/centre_code", "unknown_centre", "There is no other centre with this code that takes people.")
	}
	r.OrganisationID, r.TwinCentreID, r.Destination.V, r.ServiceID = found[0].OrganisationID, &found[0].ID, Place{found[0].Name, code}, nil
	return nil
}

// address reads the receiver of a new referral: an organisation, or another centre.
func (r *Referral) address(ctx context.Context, organisation *uuid.UUID, code *string) error {
	if (organisation == nil) == (code == nil) {
		return fault.InvalidField("/organisation_id", "receiver_required", "Name the receiving organisation, or another centre by its code.")
	}
	if code != nil {
		return r.goTo(ctx, *code)
	}
	return nil
}

// inHouse tells that the receiver is a centre which the same organisation runs: what it shares with itself needs no agreement.
func (r *Referral) inHouse(ctx context.Context) (bool, error) {
	if r.TwinCentreID == nil {
		return false, nil
	}
	here, err := db.Get[centre.Centre](ctx, r.CentreID.UUID())
	return err == nil && here.OrganisationID != nil && *here.OrganisationID == r.OrganisationID, err
}

// deliver gives the receiving centre its row, with what is disclosed and nothing else.
func (r *Referral) deliver(ctx context.Context) error {
	if r.TwinCentreID == nil {
		return nil
	}
	c := r.whole()
	about := []any{c.person(), c, Statement{Given: r.ConsentID != nil, Statement: "Recorded by " + r.Origin.V.Centre, Basis: r.OverrideBasis}}
	args := []any{r.ID}
	for _, v := range about {
		raw, err := json.Marshal(v)
		if err != nil {
			return err
		}
		args = append(args, string(raw))
	}
	return db.Tx(ctx).Exec("select referral_deliver(?, ?, ?, ?)", args...).Error
}

// person is what a content tells of somebody as a partner would describe them.
func (c Content) person() Person {
	p := Person{
		GivenName: c.GivenName, FamilyName: c.FamilyName, OtherNames: c.OtherNames, Sex: c.Sex, BirthDate: c.BirthDate, BirthDatePrecision: c.BirthDatePrecision,
		Nationalities: c.Nationalities, Languages: c.Languages, Phone: c.Phone, DocumentType: c.DocumentType, DocumentNumber: c.DocumentNumber,
	}
	if p.Sex == "" {
		p.Sex = unknownSex
	}
	return p
}

const unknownSex = "0" // code list sex

// told tells that the receiving centre may still read what was disclosed to it: until the referral ends without the service, and for the
// agreed days after completion.
func (r *Referral) told(now time.Time) bool {
	return !r.Status.ended() || r.Status == Completed && r.ClosedAt.AddDate(0, 0, r.AccessDays).After(now)
}

// described is the person of an inbound referral as the receiver may read of them now.
func (r *Referral) described() Person {
	if r.Person == nil || r.TwinCentreID != nil && !r.told(time.Now()) {
		return Person{Sex: unknownSex}
	}
	return r.Person.V
}

// disclosedHere is what another centre disclosed, as long as it may be read.
func (r *Referral) disclosedHere() *Content {
	if r.TwinCentreID == nil || r.Snapshot == nil || !r.told(time.Now()) {
		return nil
	}
	return &r.Snapshot.V
}

// read enters into the ledgers of the sending centres that somebody here looks at what they disclosed.
func read(ctx context.Context, items ...Referral) error {
	items = slices.DeleteFunc(slices.Clone(items), func(r Referral) bool { return r.disclosedHere() == nil })
	if len(items) == 0 {
		return nil
	}
	ids := make(db.UUIDs, len(items))
	for i := range items {
		ids[i] = items[i].ID
	}
	return db.Tx(ctx).Exec("select referral_read(?)", ids).Error
}

// holdSender takes the locks of the sending centre's side first.
func holdSender(ctx context.Context, id uuid.UUID) error {
	return db.Tx(ctx).Exec("select referral_hold_sender(?)", id).Error
}

// deleted takes the receiving centre's word that it deleted what was disclosed: 409 where nobody asked.
func deleted(ctx context.Context, id uuid.UUID, ifMatch string) (*Referral, error) {
	if _, err := findReceived(ctx, id); err != nil {
		return nil, err
	}
	if err := holdSender(ctx, id); err != nil {
		return nil, err
	}
	r, err := db.Lock[Referral](ctx, id, ifMatch)
	if err != nil {
		return nil, err
	}
	if r.DeletionRequestedAt == nil || r.DeletionConfirmedAt != nil {
		return nil, fault.State(string(r.Status), "Nobody waits for the word that this was deleted.")
	}
	now := db.Now()
	r.DeletionConfirmedAt = &now
	return r, db.Save(ctx, r)
}
