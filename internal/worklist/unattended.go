package worklist

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/task"
)

// attended is true of a case with somebody on its team who works at the centre today.
const attended = `exists (select from case_team m join users u on u.id = m.user_id and u.active
		join members r on r.centre_id = m.centre_id and r.user_id = m.user_id and r.ended_at is null and centre_today(r.centre_id) between r.starts_on and coalesce(r.expires_on, 'infinity')
	where m.centre_id = c.centre_id and m.case_id = c.id and m.ended_at is null)`

// unwatched finds the restricted cases under way that run late while nobody of their team is left: no alert would reach anybody.
// since tells one time of that from another.
const unwatched = `select c.id, min(w.due_at) as due_at, coalesce((select extract(epoch from max(t.updated_at))::bigint from case_team t where t.centre_id = c.centre_id and t.case_id = c.id), 0) as since
	from worklist w join cases c on c.centre_id = w.centre_id and c.id = w.case_id
	where w.centre_id = ? and ` + clocked + ` and c.sensitivity = 'restricted' and not ` + attended + ` group by c.centre_id, c.id order by c.id`

// watched ends the tasks of files that have a team again, or need none.
const watched = `update tasks t set status = 'done', reason = 'settled', closed_at = now(), version = t.version + 1, updated_at = now()
	from cases c where t.centre_id = ? and t.kind = ? and t.status = 'open' and c.centre_id = t.centre_id and c.id = t.case_id
		and (c.sensitivity <> 'restricted' or c.status not in ('draft', 'open', 'on_hold', 'pending_closure') or ` + attended + `)`

// watchers are told, as they are told of a broken glass (handbook 9.3): a supervisor may break it and another then form a team.
var watchers = []string{"case_supervisor", "dpo"}

// watch tells those who may let somebody in that a restricted file runs late and has no team: which file, and nothing in it.
func watch(ctx context.Context, here uuid.UUID) error {
	if err := db.Tx(ctx).Exec(watched, here, task.Unattended).Error; err != nil {
		return err
	}
	var found []struct {
		ID    uuid.UUID
		DueAt time.Time
		Since int64
	}
	if err := db.Tx(ctx).Raw(unwatched, here).Scan(&found).Error; err != nil {
		return err
	}
	for _, file := range found {
		for _, role := range watchers {
			err := task.Raise(ctx, task.Task{Key: fmt.Sprintf("%s:%s:%d:%s", task.Unattended, file.ID, file.Since, role), Kind: task.Unattended,
				Resource: "case", ResourceID: file.ID, CaseID: &file.ID, Role: role, DueAt: file.DueAt})
			if err != nil {
				return err
			}
		}
	}
	return nil
}
