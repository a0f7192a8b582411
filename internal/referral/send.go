package referral

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/beneficiary"
	"github.com/waystation/waystation/internal/casework"
	"github.com/waystation/waystation/internal/centre"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
)

// The scopes of consent that a referral rests on (handbook 3.6): code list consent_scope.
const (
	caseManagement = "case_management"
	shareServices  = "share_organisations"
)

// shareWith are the scopes that some receivers need beside shareServices: what a person agrees to
// share for services is not thereby shared with the authorities they may be fleeing.
var shareWith = map[string]string{"government": "share_authorities", "consulate": "share_consulate"} // by organisation type

// sendReferral freezes what is disclosed, opens the receiver's access and starts the clocks. The
// locks are taken in the order of the house: person, case, referral.
func sendReferral(ctx context.Context, id uuid.UUID, ifMatch string) (*Referral, error) {
	r, err := find(ctx, id)
	if err != nil {
		return nil, err
	}
	if err := r.can(VerbSend, r.side(false)); err != nil {
		return nil, err
	}
	person, err := db.LockAny[beneficiary.Beneficiary](ctx, *r.BeneficiaryID)
	if err != nil {
		return nil, err
	}
	if err := casework.ReferralOpened(ctx, *r.CaseID); err != nil {
		return nil, err
	}
	if r, err = lock(ctx, id, ifMatch); err != nil {
		return nil, err
	}
	terms, err := r.ready(ctx, person)
	if err != nil {
		return nil, err
	}
	if err := r.freeze(ctx, person); err != nil {
		return nil, err
	}
	if err := r.begin(ctx, terms); err != nil {
		return nil, err
	}
	if err := db.Save(ctx, r); err != nil {
		return nil, err
	}
	if err := r.deliver(ctx); err != nil {
		return nil, err
	}
	return r, db.Insert(ctx, r.disclosed(ctx, "send", fieldsOf(r.whole())))
}

// ready is the guard of sending: everything that is missing, at once. It returns on what terms the referral goes out.
func (r *Referral) ready(ctx context.Context, person *beneficiary.Beneficiary) (terms, error) {
	if person.Status != beneficiary.Active {
		return terms{}, fault.State(person.Status, "The person's record was merged or voided: refer who they are now.")
	}
	if len(r.Needs) != r.NeedCount {
		return terms{}, fault.Denied("Only a member of the case's team may send this referral.")
	}
	if err := r.check(ctx); err != nil {
		return terms{}, err
	}
	rules := fault.Rules()
	if err := r.ground(ctx, rules); err != nil {
		return terms{}, err
	}
	t, err := r.agreed(ctx, rules)
	if err != nil {
		return terms{}, err
	}
	r.checkPerson(rules, person)
	c, err := casework.LockCase(ctx, *r.CaseID)
	if err != nil {
		return terms{}, err
	}
	r.checkTexts(rules, identifiersOf(person, c.Number))
	return t, rules.Err()
}

// checkPerson asks for what the receiver needs to know whom it is about.
func (r *Referral) checkPerson(rules *fault.Error, person *beneficiary.Beneficiary) {
	tells := func(field, value string) bool { return value != "" && slices.Contains(r.DisclosedFields, field) }
	if r.ClientMode == Identified && !tells("given_name", person.GivenName) && !tells("family_name", person.FamilyName) {
		rules.Add("/disclosed_fields", "name_required", "An identified referral tells a name. Choose one that is registered, or send it coded.")
	}
	if r.ClientMode == Coded && r.Contact.V.Phone == "" && r.Contact.V.Email == "" {
		rules.Add("/contact", "required", "The receiver of a coded referral learns who it is by asking: give a phone number or an e-mail address.")
	}
	if r.FollowUpOn != nil && r.FollowUpOn.Before(db.NewDate(db.Now().Add(-12*time.Hour)).Time) {
		rules.Add("/follow_up_on", "in_the_past", "The follow-up cannot be expected on a day that has passed.")
	}
}

// ground finds what the referral may be sent on: the person's consent to being cared for and to
// sharing with this receiver, else an override that a second person approved (rule 3).
func (r *Referral) ground(ctx context.Context, rules *fault.Error) error {
	to, err := findReceiver(ctx, r.OrganisationID)
	if err != nil {
		return err
	}
	missing, err := r.consents(ctx, to)
	if err != nil || len(missing) == 0 {
		return err
	}
	r.ConsentID = nil
	if r.OverrideStatus == "approved" {
		return nil
	}
	for _, scope := range missing {
		rules.Add("/organisation_id", "consent_missing", "The person has not consented to "+scope+" towards this receiver. Record the consent, or ask for an override, which another person approves.")
	}
	return nil
}

// consents returns the scopes without effective consent and keeps the consent to share.
func (r *Referral) consents(ctx context.Context, to *receiver) (missing []string, err error) {
	scopes := []string{caseManagement, shareServices}
	if further := shareWith[to.Type]; further != "" {
		scopes = append(scopes, further)
	}
	for _, scope := range scopes {
		recipient := &to.ID
		if scope == caseManagement {
			recipient = nil
		}
		c, err := beneficiary.EffectiveConsent(ctx, *r.BeneficiaryID, scope, recipient, db.Now())
		if err != nil {
			return nil, err
		}
		if c == nil {
			missing = append(missing, scope)
		} else if scope == shareServices {
			r.ConsentID = &c.ID
		}
	}
	return missing, nil
}

// freeze takes the snapshot: what the person's record says now is what the receiver reads, however
// it changes afterwards.
func (r *Referral) freeze(ctx context.Context, person *beneficiary.Beneficiary) error {
	f, origin, err := r.facts(ctx, person)
	if err != nil {
		return err
	}
	if r.ClientMode != Anonymous {
		r.ClientCode = newCode()
	}
	if err := r.freezeNeeds(ctx); err != nil {
		return err
	}
	c := f.content()
	c.Needs = nil // they stand in referral_needs, behind the wall of the case team
	r.Snapshot, r.Origin = &db.JSON[Content]{V: c}, db.JSON[Origin]{V: origin}
	return nil
}

func (r *Referral) facts(ctx context.Context, person *beneficiary.Beneficiary) (facts, Origin, error) {
	here, err := db.Get[centre.Centre](ctx, r.CentreID.UUID())
	if err != nil {
		return facts{}, Origin{}, err
	}
	zone, err := time.LoadLocation(here.TimeZone)
	if err != nil {
		return facts{}, Origin{}, err
	}
	return facts{person, db.Now().In(zone), r}, Origin{Centre: here.Name, Code: here.Code, Country: here.Country, Pcode: here.Pcode}, nil
}

// freezeNeeds brings the chosen needs up to date for the last time.
func (r *Referral) freezeNeeds(ctx context.Context) error {
	if len(r.Needs) == 0 {
		return nil
	}
	now, err := needsOf(ctx, *r.BeneficiaryID, toNeedIDs(r.Needs))
	if err != nil {
		return err
	}
	for i := range r.Needs {
		at := slices.IndexFunc(now, func(n beneficiary.SpecificNeed) bool { return n.ID == r.Needs[i].NeedID })
		r.Needs[i].CodeSystem, r.Needs[i].Code, r.Needs[i].Sensitivity, r.Needs[i].Since = now[at].CodeSystem, now[at].Code, now[at].Sensitivity, now[at].Since
		if err := db.Save(ctx, &r.Needs[i]); err != nil {
			return err
		}
	}
	return nil
}

// begin makes the move and sets the deadlines.
func (r *Referral) begin(ctx context.Context, t terms) error {
	now := db.Now()
	if err := r.move(VerbSend, Sender, Act{At: now}); err != nil {
		return err
	}
	r.SentBy = actor(ctx)
	r.schedule(t.deadlines(r.Priority), now)
	return nil
}

// schedule sets the deadlines by priority (handbook 5.3). Feedback counts from acceptance.
func (e *Envelope) schedule(p centre.ReferralPolicy, sent time.Time) {
	usual := centre.DefaultPolicy().Referral
	acknowledge := hours(p.AcknowledgeHours, usual.AcknowledgeHours, e.Priority)
	decide := hours(p.DecisionHours, usual.DecisionHours, e.Priority)
	at := func(d time.Duration) *time.Time { t := sent.Add(d); return &t }
	e.AcknowledgeDueAt, e.DecisionDueAt = at(acknowledge), at(decide)
	e.ExpiresAt = at(acknowledge * time.Duration(max(1, p.ExpiryFactor)))
	e.FeedbackDays, e.AccessDays = p.FeedbackDays, p.AccessDays
}

// hours reads a deadline; a policy that does not name the priority leaves the usual one.
func hours(own, usual map[string]int, priority string) time.Duration {
	h, ok := own[priority]
	if !ok {
		h = usual[priority]
	}
	return time.Duration(h) * time.Hour
}

// whole is the snapshot with the needs that the caller may see.
func (r *Referral) whole() Content {
	c := r.Snapshot.V
	for _, n := range r.Needs {
		c.Needs = append(c.Needs, NeedFact{n.CodeSystem, n.Code, n.Since})
	}
	return c
}

// values are the fields of a content by name, without the empty ones.
func (c Content) values() map[string]any {
	raw, _ := json.Marshal(c)
	values := map[string]any{}
	_ = json.Unmarshal(raw, &values)
	return values
}

func fieldsOf(c Content) []string { return slices.Sorted(maps.Keys(c.values())) }

// overrideAct is the act of the procedures that says who may approve.
const overrideAct = "consent_override"

// requestOverride asks to send on another basis than consent.
func (r *Referral) requestOverride(ctx context.Context, basis, reason string) error {
	if err := r.drafted(); err != nil {
		return err
	}
	if basis == "consent" {
		return fault.InvalidField("/basis", "not_an_override", "An override rests on another basis than consent.")
	}
	now := db.Now()
	r.endOverride()
	r.OverrideStatus, r.OverrideBasis, r.OverrideReason = "requested", basis, reason
	r.OverrideRequestedBy, r.OverrideRequestedAt = actor(ctx), &now
	return nil
}

// decideOverride is for a second person, in a role that the procedures name.
func (r *Referral) decideOverride(by uuid.UUID, roles []string, p centre.Policy, decision string) error {
	if r.Status != Draft || r.OverrideStatus != "requested" {
		return fault.State(string(r.Status), "No override of this referral waits for a decision.").With("override_status", r.OverrideStatus)
	}
	if r.OverrideRequestedBy != nil && *r.OverrideRequestedBy == by {
		return fault.Denied("Somebody else than who asked for the override decides on it.")
	}
	approvers := p.Approvals[overrideAct].Roles
	if len(approvers) > 0 && !slices.ContainsFunc(approvers, func(role string) bool { return slices.Contains(roles, role) }) {
		return fault.Denied("The centre's procedures leave this decision to other roles.").With("required_roles", approvers)
	}
	now := db.Now()
	r.OverrideStatus, r.OverrideDecidedBy, r.OverrideDecidedAt = decision, &by, &now
	return nil
}
