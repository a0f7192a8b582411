package reception

import (
	"context"
	"errors"
	"slices"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/waystation/waystation/internal/beneficiary"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/events"
	"github.com/waystation/waystation/internal/fault"
	"github.com/waystation/waystation/internal/headcount"
	"github.com/waystation/waystation/internal/tenant"
	"github.com/waystation/waystation/internal/wire"
)

// arrival is a visit with those it counts.
type arrival struct {
	visit   *Visit
	tallies []headcount.Tally
	triage  *Triage // of one that begins
}

// judge fills in what follows from an arrival and checks it; pointer says where it stands in the body.
func (d desk) judge(a arrival, pointer string) error {
	v, rules := a.visit, fault.Rules()
	if persons := headcount.Sum(rules, pointer+"/headcounts", a.tallies); persons > 0 {
		v.Headcount = &persons
	}
	if v.BeneficiaryID != nil && len(a.tallies) > 0 {
		rules.Add(pointer+"/headcounts", "person_or_headcount", "Give beneficiary_id or headcounts, not both.")
	}
	v.Status, v.CreatedBy, v.ArrivedOn = Waiting, d.by, d.day(v.ArrivedAt)
	if v.OrientationOn != nil {
		d.vouch(v)
	}
	merge(rules, pointer, v.Validate(d.now))
	if a.triage != nil {
		merge(rules, pointer+"/triage", v.triage(*a.triage, d.step(a.triage.At)))
	}
	return rules.Err()
}

// merge collects the fields of a broken rule below a pointer.
func merge(rules *fault.Error, pointer string, err error) {
	var f *fault.Error
	if errors.As(err, &f) {
		for _, field := range f.Fields {
			rules.Add(pointer+field.Pointer, field.Code, field.Detail)
		}
	}
}

// rank looks up what reception may know, and gives the visit its band.
func (d desk) rank(ctx context.Context, a arrival) error {
	v := a.visit
	known, err := groupsOfTallies(d.policy, a.tallies), error(nil)
	if v.BeneficiaryID != nil {
		known, err = d.register(ctx, *v.BeneficiaryID, v.ArrivedOn)
	}
	v.KnownGroups = distinct(known)
	v.PriorityBand = band(d.policy, slices.Concat(v.ObservedGroups, known))
	return err
}

// distinct returns codes in order, each once.
func distinct(codes []string) []string {
	slices.Sort(codes)
	return slices.Compact(codes)
}

// register returns the priority groups that the register tells reception of.
func (d desk) register(ctx context.Context, id uuid.UUID, day db.Date) ([]string, error) {
	b, err := beneficiary.Find(ctx, id)
	if err != nil {
		return nil, err
	}
	kin, err := db.Find[beneficiary.Beneficiary](ctx, func(q *gorm.DB) *gorm.DB {
		return q.Where(`status = ? and id in (select kin.beneficiary_id from household_members me
			join household_members kin on kin.centre_id = me.centre_id and kin.household_id = me.household_id and kin.left_on is null
			where me.centre_id = beneficiaries.centre_id and me.beneficiary_id = ? and me.left_on is null)`, beneficiary.Active, id)
	})
	if err != nil {
		return nil, err
	}
	needs, err := db.Find[beneficiary.SpecificNeed](ctx, func(q *gorm.DB) *gorm.DB {
		return q.Where("beneficiary_id = ? and ended_on is null and sensitivity <> 'restricted'", id)
	})
	return append(groupsOfPerson(d.policy, b, kin, day.Time), groupsOfNeeds(needs)...), err
}

// receive stores an arrival that was judged, in the caller's transaction. Its person is held, and
// its rescue event after them.
func (d desk) receive(ctx context.Context, a arrival) error {
	v := a.visit
	if v.BeneficiaryID != nil {
		if err := hold(ctx, *v.BeneficiaryID); err != nil {
			return err
		}
	}
	if err := v.brought(ctx); err != nil {
		return err
	}
	if err := d.rank(ctx, a); err != nil {
		return err
	}
	if err := d.join(ctx, v); err != nil {
		return err
	}
	return insert(ctx, v, headcounts(a.tallies, Headcount{VisitID: &v.ID}))
}

// insert stores a row with its headcounts, if any.
func insert(ctx context.Context, row any, counts []Headcount) error {
	if len(counts) == 0 {
		return db.InsertAll(ctx, row)
	}
	return db.InsertAll(ctx, row, &counts)
}

// hold locks a registered person: 404 when they are not here, 409 when the record is not in use.
func hold(ctx context.Context, id uuid.UUID) error {
	b, err := db.LockAny[beneficiary.Beneficiary](ctx, id)
	if err == nil && b.Status != beneficiary.Active {
		return fault.State(b.Status, "This registration was merged or voided. Use the one that is in use.")
	}
	return err
}

// join makes a visit part of its rescue event, which has changed by it. A registered person counts
// among the event's registered from then on.
func (d desk) join(ctx context.Context, v *Visit) error {
	if v.RescueEventID == nil {
		return nil
	}
	e, err := db.LockAny[RescueEvent](ctx, *v.RescueEventID)
	if fault.Is(err, fault.NotFound) {
		return fault.InvalidField("/rescue_event_id", "unknown_rescue_event", "The centre has no such rescue event.")
	}
	if err != nil {
		return err
	}
	if v.BeneficiaryID == nil {
		if err := e.kept(); err != nil {
			return err
		}
		return db.Save(ctx, e)
	}
	_, err = d.enlist(ctx, e, &RescueEventPerson{Record: db.NewRecord(nil), BeneficiaryID: *v.BeneficiaryID})
	return err
}

// change holds a visit of a version, applies an act and stores the result.
func change(ctx context.Context, id uuid.UUID, ifMatch string, act func(*arrival, desk) error) (*arrival, error) {
	v, err := db.Lock[Visit](ctx, id, ifMatch)
	if err != nil {
		return nil, err
	}
	d, err := deskOf(ctx)
	if err != nil {
		return nil, err
	}
	a, err := whole(ctx, v)
	if err != nil {
		return nil, err
	}
	if err := act(a, d); err != nil {
		return nil, err
	}
	return a, db.Save(ctx, v)
}

// whole reads those whom a visit counts.
func whole(ctx context.Context, v *Visit) (*arrival, error) {
	tallies, err := talliesOf(ctx, ofVisit, v.ID)
	return &arrival{visit: v, tallies: tallies[v.ID]}, err
}

// holdVisitor holds the person of a visit of a version, if it has one. People are held before visits.
func holdVisitor(ctx context.Context, id uuid.UUID, ifMatch string) error {
	v, err := db.Get[Visit](ctx, id)
	if err != nil {
		return err
	}
	if err := db.Expect(ctx, v, id, ifMatch); err != nil || v.BeneficiaryID == nil {
		return err
	}
	return hold(ctx, *v.BeneficiaryID)
}

// identify says who a nameless visitor is.
func identify(ctx context.Context, id uuid.UUID, ifMatch string, person uuid.UUID) (*arrival, error) {
	if err := holdVisitor(ctx, id, ifMatch); err != nil {
		return nil, err
	}
	if err := hold(ctx, person); err != nil {
		return nil, err
	}
	return change(ctx, id, ifMatch, func(a *arrival, d desk) error {
		v := a.visit
		if err := v.kept(); err != nil {
			return err
		}
		if err := v.nameless(); err != nil {
			return err
		}
		v.BeneficiaryID = &person
		if err := v.brought(ctx); err != nil {
			return err
		}
		if err := d.rank(ctx, *a); err != nil {
			return err
		}
		return d.join(ctx, v)
	})
}

// correct applies what changed in a visit, judges it and ranks it again.
func (a *arrival) correct(ctx context.Context, d desk, edit func(), tallies []headcount.Tally) error {
	v, event, referral := a.visit, a.visit.RescueEventID, wire.Value(a.visit.ReferralID)
	if err := v.kept(); err != nil {
		return err
	}
	edit()
	if wire.Value(v.ReferralID) != referral {
		if err := v.brought(ctx); err != nil {
			return err
		}
	}
	if event != nil && *event != *v.RescueEventID {
		return fault.InvalidField("/rescue_event_id", "in_another_event", "The visit belongs to a rescue event already. Void it, and receive it with the right one.")
	}
	if tallies != nil {
		if err := a.recount(ctx, tallies); err != nil {
			return err
		}
	}
	v.ArrivedOn = d.day(v.ArrivedAt)
	if err := v.Validate(d.now); err != nil {
		return err
	}
	if event == nil {
		if err := d.join(ctx, v); err != nil {
			return err
		}
	} else if tallies != nil {
		if err := touch(ctx, event); err != nil {
			return err
		}
	}
	if v.EndedAt != nil && v.BeneficiaryID != nil {
		return nil // what reception knew then stays
	}
	return d.rank(ctx, *a)
}

// brought answers the 422 of a referral that cannot have brought the visitor: one that the caller may
// not know of, or that of another person.
func (v *Visit) brought(ctx context.Context) error {
	if v.ReferralID == nil {
		return nil
	}
	var of []*uuid.UUID
	err := db.Tx(ctx).Raw("select beneficiary_id from referrals where centre_id in ? and id = ?", tenant.Centres(ctx), v.ReferralID).Scan(&of).Error
	switch {
	case err != nil:
		return err
	case len(of) == 0:
		return unknownReferral()
	case v.BeneficiaryID != nil && of[0] != nil && *of[0] != *v.BeneficiaryID:
		return fault.InvalidField("/referral_id", "other_person", "The referral is that of another person.")
	}
	return nil
}

// recount counts those who came anew.
func (a *arrival) recount(ctx context.Context, tallies []headcount.Tally) error {
	rules := fault.Rules()
	persons := headcount.Sum(rules, "/headcounts", tallies)
	if a.visit.BeneficiaryID != nil {
		rules.Add("/headcounts", "person_or_headcount", "The visit is that of a registered person.")
	}
	if err := rules.Err(); err != nil {
		return err
	}
	a.visit.Headcount, a.tallies = &persons, tallies
	return recount(ctx, ofVisit, a.visit.ID, headcounts(tallies, Headcount{VisitID: &a.visit.ID}))
}

// void takes a visit made in error out of the queue and out of its rescue event's headcount.
func (v *Visit) void(ctx context.Context, reason string) error {
	if err := v.kept(); err != nil {
		return err
	}
	v.Status, v.VoidReason = Void, reason
	return touch(ctx, v.RescueEventID)
}

// told emits that somebody was turned away, for whoever watches over it.
func (v *Visit) told(ctx context.Context) error {
	return events.Emit(ctx, events.Event{CentreID: v.CentreID.UUID(), Type: "visit.turned_away", Resource: "visit", SubjectID: v.ID,
		Data: map[string]any{"reason": v.OutcomeReason}})
}
