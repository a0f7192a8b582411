package distribution

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/shopspring/decimal"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/waystation/waystation/internal/auth"
	"github.com/waystation/waystation/internal/beneficiary"
	"github.com/waystation/waystation/internal/card"
	"github.com/waystation/waystation/internal/centre"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
	"github.com/waystation/waystation/internal/headcount"
	"github.com/waystation/waystation/internal/stock"
	"github.com/waystation/waystation/internal/tenant"
)

// Issue is what was handed to one recipient, or to people who were counted. It is taken back whole or not at all.
type Issue struct {
	db.Record
	DistributionID uuid.UUID
	BeneficiaryID  *uuid.UUID
	HouseholdID    *uuid.UUID
	Headcounts     db.JSON[[]headcount.Tally]
	Persons        int
	Items          db.JSON[[]Issued]
	Asked          []byte // a digest of what was asked, to know a repeat by
	Proof          string // token | signature | thumbprint | witness
	AttachmentID   *uuid.UUID
	Reference      string
	Witness        string
	ProxyName      string
	ProxyID        *uuid.UUID
	Authorisation  string
	IssuedAt       time.Time
	IssuedOn       db.Date // the centre's day of it
	IssuedBy       *uuid.UUID
	DocumentID     uuid.UUID
	Overridden     bool
	OverrideReason string
	ReversedAt     *time.Time
	ReversedBy     *uuid.UUID
	Reason         string // why it was taken back
	ReversalID     *uuid.UUID
}

// TableName implements schema.Tabler.
func (Issue) TableName() string { return "distribution_issues" }

// Personal implements db.Personal.
func (Issue) Personal() {}

// Issued is one item of an issue, in its base unit.
type Issued struct {
	ItemID     uuid.UUID       `json:"item_id"`
	RuleID     *uuid.UUID      `json:"rule_id,omitempty"`
	Quantity   decimal.Decimal `json:"quantity"`
	LotID      *uuid.UUID      `json:"lot_id,omitempty"`
	Reason     string          `json:"reason,omitempty"`
	Overridden bool            `json:"overridden,omitempty"`
}

// wish is one item that the counter asks to hand out.
type wish struct {
	ruleID, itemID, lotID *uuid.UUID
	quantity              *decimal.Decimal // nil: what they are entitled to
	reason                string
}

// request is what the counter asks; issue has what is known without looking.
type request struct {
	issue  *Issue
	token  string
	wishes []wish // nil: everything that may be had

	replayed bool // by a counter that had no connection
}

var (
	_ = db.Constraint("distribution_issues_pkey", idTaken)
	_ = db.Constraint("entitlement_uses_once_check", func() *fault.Error {
		return fault.New(fault.Invalid, "not_entitled", "Somebody else issued this to the person or their household a moment ago.")
	})
)

// hand is an issue on its way: who asks, at which counter, by which rules.
type hand struct {
	request
	counter *Distribution
	crowd   crowd
	lines   []Line  // of the recipient, on the list
	person  *person // nil: people who were counted
	uses    []Use
	ends    []Use // uses that a new arrival or assessment has ended
}

// issueTo hands goods out. See the operation issueDistribution for what it refuses.
func (h Handlers) issueTo(ctx context.Context, distribution uuid.UUID, r request) (*Issue, error) {
	if _, err := db.Get[Distribution](ctx, distribution); err != nil { // before anybody is held
		return nil, err
	}
	if err := h.recognise(ctx, &r); err != nil {
		return nil, err
	}
	i, _, err := h.serve(ctx, distribution, r)
	return i, err
}

// serve does the work of an issue whose recipient is known; known tells that it was done before.
func (h Handlers) serve(ctx context.Context, distribution uuid.UUID, r request) (i *Issue, known bool, err error) {
	t := &hand{request: r}
	if err := t.hold(ctx); err != nil {
		return nil, false, err
	}
	done, err := db.Find[Issue](ctx, func(q *gorm.DB) *gorm.DB { return q.Where("id = ?", r.issue.ID) })
	switch {
	case err != nil:
		return nil, false, err
	case len(done) > 0 && done[0].DistributionID == distribution && bytes.Equal(done[0].Asked, r.issue.Asked):
		return &done[0], true, nil
	case len(done) > 0:
		return nil, false, idTaken()
	}
	return r.issue, false, t.through(ctx, distribution)
}

// through takes a hand through the counter.
func (t *hand) through(ctx context.Context, distribution uuid.UUID) error {
	if err := t.stand(ctx, distribution); err != nil {
		return err
	}
	if err := t.tick(ctx); err != nil {
		return err
	}
	if err := t.choose(ctx); err != nil {
		return err
	}
	return t.give(ctx)
}

// recognise finds out who the recipient is, and whether the proof is there.
func (h Handlers) recognise(ctx context.Context, r *request) error {
	i, rules := r.issue, fault.Rules()
	if r.token != "" {
		holder, err := card.Holder(ctx, h.Vault, r.token)
		switch {
		case fault.Is(err, fault.NotFound):
			rules.Add("/token", "unknown_card", "This card leads to nobody here. Look the person up and check who they are.")
		case err != nil:
			return err
		case i.BeneficiaryID != nil && *i.BeneficiaryID != holder:
			rules.Add("/token", "other_card", "This is the card of somebody else.")
		default:
			i.BeneficiaryID = &holder
		}
	}
	i.Persons = headcount.Sum(rules, "/headcounts", i.Headcounts.V)
	if (i.BeneficiaryID == nil) == (i.Persons == 0) && rules.Err() == nil {
		rules.Add("/beneficiary_id", "one_recipient", "Name the recipient, or count people; not both.")
	}
	if i.BeneficiaryID != nil {
		i.Persons = 1
	}
	i.prove(rules, r.token != "")
	return rules.Err()
}

// prove wants of each kind of proof what it consists of.
func (i *Issue) prove(rules *fault.Error, scanned bool) {
	switch {
	case i.Proof == "token" && !scanned:
		rules.Add("/token", "required", "Send what was scanned from the card.")
	case i.Proof == "signature" && i.AttachmentID == nil && i.Reference == "":
		rules.Add("/proof/reference", "required", "Say on which sheet they signed, or attach it.")
	case i.Proof == "thumbprint" && i.Reference == "":
		rules.Add("/proof/reference", "required", "Say on which sheet the print is.")
	case i.Proof == "witness" && i.Witness == "":
		rules.Add("/proof/witness", "required", "Name the witness.")
	}
	if i.Persons > 1 && i.ProxyName != "" {
		rules.Add("/proxy", "counted", "People who are counted collect for themselves.")
	}
}

// hold locks the recipient and whoever lives with them, so that none of them is served twice at once.
func (t *hand) hold(ctx context.Context) error {
	i := t.issue
	if i.BeneficiaryID == nil {
		return nil
	}
	if err := holdHomes(ctx, *i.BeneficiaryID); err != nil {
		return err
	}
	at := i.IssuedAt
	if at.IsZero() {
		at = db.Now()
	}
	here, err := tenant.One(ctx)
	if err != nil {
		return err
	}
	on, err := centre.DayOf(ctx, here, at)
	if err != nil {
		return err
	}
	if t.crowd, err = gather(ctx, on, *i.BeneficiaryID); err != nil {
		return err
	}
	if t.person = t.crowd.find(*i.BeneficiaryID); t.person.Status != beneficiary.Active {
		return ended(t.person.Status)
	}
	i.HouseholdID = t.person.HouseholdID
	return t.check(ctx)
}

// holdHomes is lockHomes that answers the 422 of somebody who is not here.
func holdHomes(ctx context.Context, id uuid.UUID) error {
	held, err := lockHomes(ctx, id)
	if err == nil && held == 0 {
		return fault.InvalidField("/beneficiary_id", "unknown_beneficiary", "Nobody is registered here under this id.")
	}
	return err
}

// lockHomes locks people and all who live with them, in order, and tells how many of them there are.
func lockHomes(ctx context.Context, ids ...uuid.UUID) (held int, err error) {
	tx, err := db.Pgx(ctx)
	if err != nil {
		return 0, err
	}
	err = tx.QueryRow(ctx, `with held as (select b.id from beneficiaries b where b.centre_id = any ((select scope_centres())::uuid[]) and (b.id = any ($1) or b.id in (
			select o.beneficiary_id from household_members m join household_members o on o.centre_id = m.centre_id and o.household_id = m.household_id and o.left_on is null
			where m.centre_id = any ((select scope_centres())::uuid[]) and m.beneficiary_id = any ($1) and m.left_on is null))
		order by b.id for update)
		select count(*) from held where id = any ($1)`, ids).Scan(&held)
	return held, err
}

// check refuses a proxy who is nobody here, and an attachment that is not the recipient's.
func (t *hand) check(ctx context.Context) error {
	rules := fault.Rules()
	if p := t.issue.ProxyID; p != nil {
		if err := beneficiary.Here(ctx, *p); fault.Is(err, fault.NotFound) || *p == t.person.ID {
			rules.Add("/proxy/beneficiary_id", "unknown_beneficiary", "Another person who is registered here collects, or one who is not named by an id.")
		} else if err != nil {
			return err
		}
	}
	if a := t.issue.AttachmentID; a != nil {
		tx, err := db.Pgx(ctx)
		if err != nil {
			return err
		}
		var theirs bool
		err = tx.QueryRow(ctx, "select exists (select from attachments where centre_id = any (scope_centres()) and id = $1 and beneficiary_id = $2 and voided_at is null)", *a, t.person.ID).Scan(&theirs)
		if err != nil {
			return err
		}
		if !theirs {
			rules.Add("/proof/attachment_id", "unknown_attachment", "The recipient has no such attachment.")
		}
	}
	return rules.Err()
}

// stand takes the place at the counter: it stays open until the issue is through, and the caller may stand there.
func (t *hand) stand(ctx context.Context, id uuid.UUID) error {
	d, err := db.One[Distribution](ctx, func(q *gorm.DB) *gorm.DB {
		return q.Clauses(clause.Locking{Strength: "SHARE"}).Where("id = ?", id)
	})
	if err != nil {
		return err
	}
	t.counter = d
	late := t.replayed && d.ClosedAt != nil && !t.issue.IssuedAt.After(*d.ClosedAt)
	if err := d.in(open); err != nil && !(late && d.Status == closed) {
		return err
	}
	if d.Route == nutrition && !slices.Contains(auth.From(ctx).Centres[d.CentreID.UUID()], "health_worker") {
		return fault.Denied("In the health and nutrition route a health worker issues.")
	}
	if (d.Mode == named) != (t.person != nil) {
		return fault.InvalidField("/beneficiary_id", "mode", "A named distribution is to people who are registered, one by headcount to people who are counted.")
	}
	return apart(ctx, d.ApprovedBy, caller(ctx), "Whoever approved a distribution does not issue at it. Another person must.")
}

// give posts the goods and stores the issue with what it uses up.
func (t *hand) give(ctx context.Context) error {
	i := t.issue
	d := stock.NewDocument(nil, stock.Distribution)
	d.OccurredAt, d.SubjectID = i.IssuedAt, &t.counter.ID
	entries := make([]stock.Entry, len(i.Items.V))
	for n, x := range i.Items.V {
		entries[n] = stock.Entry{Type: "issue_distribution", ItemID: x.ItemID, LocationID: t.counter.LocationID, LotID: x.LotID, Quantity: x.Quantity, Reason: x.Reason}
	}
	if _, err := stock.Post(ctx, d, entries); err != nil {
		return ofItems(err)
	}
	i.DistributionID, i.DocumentID, i.IssuedAt, i.IssuedOn, i.IssuedBy = t.counter.ID, d.ID, d.OccurredAt, d.OccurredOn, caller(ctx)
	for _, u := range t.ends {
		err := db.Tx(ctx).Exec("update entitlement_uses set until_on = ?, version = version + 1, updated_at = now() where centre_id = ? and id = ?", u.UntilOn, u.CentreID, u.ID).Error
		if err != nil {
			return err
		}
	}
	rows := []any{i}
	if len(t.uses) > 0 {
		rows = append(rows, t.uses)
	}
	if err := db.InsertAll(ctx, rows...); err != nil {
		return err
	}
	for n := range t.lines {
		if o := &t.lines[n]; o.IssueID == nil {
			o.IssueID = &i.ID
			if err := db.Save(ctx, o); err != nil {
				return err
			}
		}
	}
	return nil
}

// ofItems lets what stock refuses point to the items of the request.
func ofItems(err error) error {
	var told *fault.Error
	if errors.As(err, &told) {
		for n, f := range told.Fields {
			told.Fields[n].Pointer = strings.Replace(f.Pointer, "/lines/", "/items/", 1)
		}
	}
	return err
}

// takeBack reverses an issue: the goods are in the ledger again, and the recipient may receive again.
func takeBack(ctx context.Context, distribution, id uuid.UUID, ifMatch, reason string) (*Issue, error) {
	i, err := db.Lock[Issue](ctx, id, ifMatch)
	if err != nil {
		return nil, err
	}
	d, err := db.One[Distribution](ctx, func(q *gorm.DB) *gorm.DB {
		return q.Clauses(clause.Locking{Strength: "SHARE"}).Where("id = ?", distribution)
	})
	if err != nil {
		return nil, err
	}
	switch by := caller(ctx); {
	case i.DistributionID != d.ID:
		return nil, fault.Missing()
	case i.ReversedAt != nil:
		return nil, fault.State("reversed", "This issue was taken back already.")
	case by != nil && i.IssuedBy != nil && *by == *i.IssuedBy:
		return nil, fourEyes("Whoever issued it does not take it back. Another person must.")
	}
	if err := d.in(open, closed); err != nil {
		return nil, err
	}
	back, err := stock.Undo(ctx, i.DocumentID, reason)
	if err != nil {
		return nil, err
	}
	now := db.Now()
	i.ReversedAt, i.ReversedBy, i.Reason, i.ReversalID = &now, caller(ctx), reason, &back.ID
	for table, freed := range map[any]map[string]any{&Use{}: {"reversed_at": now}, &Line{}: {"issue_id": nil}} {
		freed["version"], freed["updated_at"] = gorm.Expr("version + 1"), now
		if err := db.Tx(ctx).Model(table).Where("issue_id = ?", i.ID).Updates(freed).Error; err != nil {
			return nil, err
		}
	}
	return i, db.Save(ctx, i)
}

var issueSorts = db.Sorts[Issue]{
	"issued_at": {SQL: "issued_at", Cast: "timestamptz", Value: func(i *Issue) any { return i.IssuedAt }},
}

func findIssue(ctx context.Context, distribution, id uuid.UUID) (*Issue, error) {
	return db.One[Issue](ctx, func(q *gorm.DB) *gorm.DB { return q.Where("distribution_id = ? and id = ?", distribution, id) })
}
