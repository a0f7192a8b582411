package distribution

import (
	"context"
	"fmt"
	"slices"

	"github.com/google/uuid"
	"github.com/shopspring/decimal"

	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
)

// choose settles what is handed out.
func (t *hand) choose(ctx context.Context) error {
	if t.person == nil {
		return t.chooseCounted()
	}
	rules, err := t.counter.rules(ctx)
	if err != nil {
		return err
	}
	broken := fault.Rules()
	if t.wishes == nil {
		t.chooseAll(broken, rules)
	}
	for n, w := range t.wishes {
		pointer := fmt.Sprintf("/items/%d", n)
		if w.ruleID == nil || !t.counter.offers(*w.ruleID) || rules[*w.ruleID].ID == uuid.Nil {
			broken.Add(pointer+"/rule_id", "not_offered", "The distribution does not offer by such a rule.")
			continue
		}
		r := rules[*w.ruleID]
		t.chooseOne(broken, pointer, &r, w)
	}
	if err := broken.Err(); err != nil {
		return err
	}
	t.issue.Overridden = slices.ContainsFunc(t.issue.Items.V, func(i Issued) bool { return i.Overridden })
	if !t.issue.Overridden && t.issue.OverrideReason != "" {
		return fault.InvalidField("/override_reason", "nothing_to_override", "No rule speaks against what is named. Leave the reason out, or name what is to be overridden.")
	}
	return nil
}

func (d *Distribution) offers(rule uuid.UUID) bool {
	return slices.ContainsFunc(d.Offers.V, func(o Offer) bool { return o.RuleID != nil && *o.RuleID == rule })
}

// chooseAll takes all that the recipient may have; nothing is a refusal that says of each rule why.
func (t *hand) chooseAll(broken *fault.Error, rules map[uuid.UUID]Rule) {
	for _, o := range t.counter.Offers.V {
		r := rules[*o.RuleID]
		if r.ID == uuid.Nil { // not in force any more
			continue
		}
		if v := t.crowd.decide(&r, t.person); v.allowed {
			t.take(&r, v, Issued{ItemID: r.ItemID, RuleID: &r.ID, Quantity: v.quantity})
		} else {
			broken.Add("/beneficiary_id", v.reason, v.tell())
		}
	}
	if len(t.issue.Items.V) > 0 {
		broken.Fields = nil
	} else {
		broken.Code, broken.Public = "not_entitled", "They may receive nothing of what is offered; see errors."
	}
}

// chooseOne judges what the counter names.
func (t *hand) chooseOne(broken *fault.Error, pointer string, r *Rule, w wish) {
	if slices.ContainsFunc(t.issue.Items.V, func(i Issued) bool { return *i.RuleID == r.ID }) {
		broken.Add(pointer+"/rule_id", "repeated", "This is named already.")
		return
	}
	v := t.crowd.decide(r, t.person)
	i := Issued{ItemID: r.ItemID, RuleID: &r.ID, Quantity: v.quantity, LotID: w.lotID, Reason: w.reason, Overridden: !v.allowed}
	if w.quantity != nil {
		i.Quantity = *w.quantity
	}
	switch {
	case w.itemID != nil && *w.itemID != r.ItemID:
		broken.Add(pointer+"/item_id", "other_item", "The rule is of another item.")
	case !v.allowed && t.issue.OverrideReason == "":
		broken.Code = "not_entitled"
		broken.Add(pointer+"/rule_id", v.reason, v.tell())
	case i.Quantity.GreaterThan(v.quantity) && t.issue.OverrideReason == "":
		broken.Add(pointer+"/quantity", "more_than_entitled", fmt.Sprintf("They are entitled to %s.", v.quantity))
	case i.Quantity.LessThan(v.quantity) && w.reason == "":
		broken.Add(pointer+"/reason", "required", fmt.Sprintf("They are entitled to %s. Say why they receive less.", v.quantity))
	}
	i.Overridden = i.Overridden || i.Quantity.GreaterThan(v.quantity)
	t.take(r, v, i)
}

// tell says in a sentence why not and until when.
func (v *verdict) tell() string {
	text := map[string]string{
		notMeant: "The rule is for others.", ageUnknown: "The rule is by age, and theirs is not known. Ask, or override it with a reason.",
		outOfSeason: "It is not the season.", notAssessed: "They have to be screened first.",
		alreadyReceived: "They received this already.", householdReceived: "Their household received this already.",
	}[v.reason]
	if v.from != nil {
		text += " It may be had again from " + v.from.String() + "."
	}
	return text
}

// take adds an item to the issue, and what it uses up for each whom it is for.
func (t *hand) take(r *Rule, v verdict, i Issued) {
	t.issue.Items.V = append(t.issue.Items.V, i)
	from, until := r.period(t.crowd.on)
	for _, p := range t.crowd.covered(r, t.person) {
		t.uses = append(t.uses, Use{Record: db.NewRecord(nil), RuleID: r.ID, IssueID: t.issue.ID, BeneficiaryID: p.ID, IssuedOn: t.crowd.on, FromOn: from, UntilOn: until, Overridden: !v.allowed})
		for _, u := range t.crowd.uses {
			if u.RuleID != r.ID || !p.is(u.BeneficiaryID) {
				continue
			}
			if end := u.end(r, p); end != u.UntilOn {
				u.UntilOn = end
				t.ends = append(t.ends, u)
			}
		}
	}
}

// chooseCounted hands out each offer, or the named ones, for every person who was counted.
func (t *hand) chooseCounted() error {
	rules := fault.Rules()
	if t.wishes == nil {
		for _, o := range t.counter.Offers.V {
			t.wishes = append(t.wishes, wish{itemID: &o.ItemID})
		}
	}
	for n, w := range t.wishes {
		pointer := fmt.Sprintf("/items/%d", n)
		at := slices.IndexFunc(t.counter.Offers.V, func(o Offer) bool { return w.itemID != nil && o.ItemID == *w.itemID })
		if at < 0 || slices.ContainsFunc(t.issue.Items.V, func(i Issued) bool { return i.ItemID == *w.itemID }) {
			rules.Add(pointer+"/item_id", "not_offered", "The distribution does not offer this, or it is named twice.")
			continue
		}
		due := t.counter.Offers.V[at].Quantity.Mul(decimal.NewFromInt(int64(t.issue.Persons)))
		i := Issued{ItemID: *w.itemID, Quantity: due, LotID: w.lotID, Reason: w.reason}
		if w.quantity != nil && !w.quantity.Equal(due) {
			if i.Quantity = *w.quantity; w.reason == "" {
				rules.Add(pointer+"/reason", "required", fmt.Sprintf("For so many people it is %s. Say why it is another quantity.", due))
			}
		}
		t.issue.Items.V = append(t.issue.Items.V, i)
	}
	if t.issue.OverrideReason != "" {
		rules.Add("/override_reason", "nothing_to_override", "No rule stands against people who are counted.")
	}
	return rules.Err()
}
