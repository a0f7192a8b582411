package identity

import (
	"context"

	"github.com/google/uuid"
)

// conflict is something of two records that cannot simply stand side by side, and what a merge does.
type conflict struct {
	kind, rule string
	scopes     []string // of consent
}

// preview is what a merge would do, as far as the caller may know.
type preview struct {
	two
	differences []difference
	conflicts   []conflict
}

func previewOf(ctx context.Context, duplicate, survivor uuid.UUID) (preview, error) {
	t, err := lockTwo(ctx, duplicate, survivor)
	if err != nil {
		return preview{}, err
	}
	if err := t.fit(); err != nil {
		return preview{}, err
	}
	p := preview{two: t, differences: differences(t.duplicate, t.survivor)}
	noes, err := standingNoes(ctx, t)
	if err != nil {
		return p, err
	}
	scopes, err := contradictions(ctx, t, noes)
	if err != nil {
		return p, err
	}
	c, err := conflictsOf(ctx, t)
	for _, one := range []struct {
		is       bool
		conflict conflict
	}{
		{c.TwoHouseholds, conflict{kind: "two_households", rule: "The person stays in the survivor's household; the other membership ends today."}},
		{c.SameHousehold, conflict{kind: "same_household", rule: "The survivor's membership stays; the other one of the same household ends today."}},
		{c.OpenCases, conflict{kind: "open_cases", rule: "Both cases stay open, of one person. Merge the cases if they are one."}},
		{c.Related, conflict{kind: "relationship", rule: "A relationship between the two records stays with the one that ends."}},
		{len(scopes) > 0, conflict{kind: "consent", rule: "The no of either record holds until the person decides anew. Referrals under way against it are revoked, and stay so after an undo.", scopes: scopes}},
	} {
		if one.is {
			p.conflicts = append(p.conflicts, one.conflict)
		}
	}
	return p, err
}
