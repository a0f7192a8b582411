package casework

import (
	"context"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
	"github.com/waystation/waystation/internal/task"
	"github.com/waystation/waystation/internal/tenant"
)

// mentionKind is the kind of the task to read a note.
const mentionKind = "mention"

// mentionWithin is how long a mention may wait before it is overdue.
const mentionWithin = 24 * time.Hour

// mention writes down whose attention the note asks for, each once.
func (n *Note) mention(users []uuid.UUID) {
	n.Mentions = db.UUIDs{}
	for _, user := range users {
		if !slices.Contains(n.Mentions, user) {
			n.Mentions = append(n.Mentions, user)
		}
	}
}

// call refuses to mention anybody who may not read the case, in one way whoever they are, and raises a task
// for those who were not called by this note before.
func (n *Note) call(ctx context.Context, c *Case) error {
	if len(n.Mentions) == 0 {
		return nil
	}
	strangers, err := outOfSight(ctx, c, n.Mentions)
	if err != nil {
		return err
	}
	if strangers {
		return fault.InvalidField("/mentions", "cannot_be_mentioned", "Mention staff of this centre who may read this case.")
	}
	for _, user := range n.Mentions {
		err := task.Raise(ctx, task.Task{Key: mentionKind + ":" + n.ID.String() + ":" + user.String(), Kind: mentionKind, Resource: "case_note", ResourceID: n.ID,
			CaseID: &c.ID, BeneficiaryID: &c.BeneficiaryID, UserID: &user, DueAt: db.Now().Add(mentionWithin)})
		if err != nil {
			return err
		}
	}
	return nil
}

// outOfSight tells whether one of users may not read a case: the walls around it and the roles at its centre decide, as
// they do for a caller (inView).
func outOfSight(ctx context.Context, c *Case, users []uuid.UUID) (some bool, err error) {
	roles := slices.Clone(seeAll)
	if c.OwnerID == nil {
		roles = append(roles, seeUnassigned...)
	}
	err = db.Tx(ctx).Raw(`select exists (select from unnest(cast(@users as uuid[])) asked (id) where not (
		exists (select from members m join users u on u.id = m.user_id and u.active where m.centre_id in @centres and m.user_id = asked.id and m.ended_at is null
			and centre_today(m.centre_id) between m.starts_on and coalesce(m.expires_on, 'infinity'))
		and not exists (select from case_walls w where w.centre_id in @centres and w.case_id = @case and w.user_id = asked.id and w.ended_at is null)
		and (exists (select from case_team t where t.centre_id in @centres and t.case_id = @case and t.user_id = asked.id and t.ended_at is null)
			or exists (select from break_glass_grants g where g.centre_id in @centres and g.case_id = @case and g.opened_by = asked.id and g.until_at > now())
			or exists (select from case_invitations i where i.centre_id in @centres and i.case_id = @case and i.user_id = asked.id and i.ended_at is null
				and now() >= i.from_at and now() < i.until_at)
			or @open and exists (select from members m where m.centre_id in @centres and m.user_id = asked.id and m.ended_at is null and m.role in @roles
				and centre_today(m.centre_id) between m.starts_on and coalesce(m.expires_on, 'infinity')))))`,
		map[string]any{"users": db.UUIDs(users), "centres": tenant.Centres(ctx), "case": c.ID, "open": c.Sensitivity != Restricted, "roles": roles}).Scan(&some).Error
	return some, err
}
