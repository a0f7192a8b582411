package report

import (
	"context"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/codelist"
	"github.com/waystation/waystation/internal/db"
)

// period is the first part of every statement: $1 the centre, $2 and $3 its first and last day. A period is frozen some
// minutes after its end, when every transaction that began in it has ended.
const period = `with period as (
	select c.id as centre, $2::date::timestamp at time zone c.time_zone as since, least(($3::date + 1)::timestamp at time zone c.time_zone, now()) as until,
		($3::date + 1)::timestamp at time zone c.time_zone + interval '5 minutes' < now() as frozen
	from centres c where c.id = $1),
`

// whose names the line of a group by grouping sets over owner_id.
const whose = "case when grouping(owner_id) = 1 then 'centre' when owner_id is null then 'nobody' else 'worker' end as whose"

// order puts the centre's lines first.
const order = " order by array_position(array['centre', 'nobody', 'worker'], l.whose), l.owner_id"

// Line is what every line has. One without Whose only tells whether the period is frozen.
type Line struct {
	Frozen  bool
	Whose   string     // centre | nobody | worker
	OwnerID *uuid.UUID // of a worker
}

// timely is how deadlines of one clock of the SOP were kept.
type timely struct {
	Line
	Timer                     string // assignment | first_response | assessment | plan | follow_up
	Due, OnTime, Late, Undone int
}

// timeliness takes every clock of a case apart into turns: one for each run of the case, of follow-ups one for each that was
// recorded. A turn is missed when its deadline passes, as it stood then, before it is done; one that moves into the past
// passes when it moves. Otherwise it counts on the deadline that held when it was done.
func timeliness(ctx context.Context, q query) ([]timely, error) {
	return lines[timely](ctx, timelinessStatement, q)
}

const timelinessStatement = `
	stood as (
		select s.*, p.since, p.until, lead(s.at, 1, p.until) over w as next_at,
			s.followed_up_at > coalesce(lag(s.followed_up_at) over w, '-infinity') as heard
		from period p cross join lateral case_history(p.centre, p.since, p.until) s
		window w as (partition by s.case_id order by s.id)),
	turned as (
		select *, count(*) filter (where heard) over w as hearings, lead(heard) over w as hears
		from stood window w as (partition by case_id order by id)),
	clock as (
		select s.case_id, s.id, s.owner_id, s.at, s.next_at, s.since, s.until, c.*, s.status in ('draft', 'open', 'on_hold', 'pending_closure') and (c.done_at is null or c.done_at > s.at) as waits
		from turned s cross join lateral (values
			('assignment', 0, 0, s.assign_due_at, case when s.owner_id is not null then s.at end),
			('first_response', s.run, 0, s.response_due_at, case when s.responded then s.at end),
			('assessment', s.run, 0, s.assessment_due_at, case when s.assessed then s.at end),
			('plan', s.run, 0, s.plan_due_at, case when s.planned then s.at end),
			('follow_up', s.run, s.hearings, s.followup_due_at, case when s.hears then s.next_at end)) c (timer, run, turn, due_at, done_at)),
	settled as (
		select timer, since, until, min(done_at) as done_at,
			(array_agg(greatest(due_at, at) order by id) filter (where waits and due_at < next_at))[1] as missed_at,
			(array_agg(owner_id order by id) filter (where waits and due_at < next_at))[1] as missed_by,
			(array_agg(due_at order by id desc) filter (where waits and due_at is not null))[1] as held_at,
			(array_agg(owner_id order by id) filter (where done_at is not null))[1] as done_by
		from clock group by case_id, timer, run, turn, since, until),
	fell as (
		select timer, case when missed_at is null then done_by else missed_by end as owner_id,
			case when missed_at is null then 'on_time' when done_at is not null then 'late' else 'undone' end as kept
		from settled where coalesce(missed_at, held_at) >= since and coalesce(missed_at, held_at) < until and (missed_at is not null or done_at is not null)),
	l as (
		select ` + whose + `, owner_id, timer, count(*)::int as due, count(*) filter (where kept = 'on_time')::int as on_time,
			count(*) filter (where kept = 'late')::int as late, count(*) filter (where kept = 'undone')::int as undone
		from fell where $4::uuid is null or owner_id = $4 group by grouping sets ((timer), (timer, owner_id)))
	select p.frozen, coalesce(l.whose, '') as whose, l.owner_id, coalesce(l.timer, '') as timer, coalesce(l.due, 0) as due, coalesce(l.on_time, 0) as on_time,
		coalesce(l.late, 0) as late, coalesce(l.undone, 0) as undone
	from period p left join l on $4::uuid is null or l.whose = 'worker'` +
	order + `, array_position(array['assignment', 'first_response', 'assessment', 'plan', 'follow_up'], l.timer)`

// outcome is how cases ended and goals were judged.
type outcome struct {
	Line
	Closures, Positive int
	Reasons            db.JSON[map[string]int] // closures by code list case_closure_reason
	Judged, Met        int                     // goals, by their last judgement in the period; those that do not count left out
}

func outcomes(ctx context.Context, q query) ([]outcome, error) {
	return lines[outcome](ctx, outcomesStatement, q, positive())
}

const outcomesStatement = `
	stood as (
		select s.*, lag(s.status) over (partition by s.case_id order by s.id) as was, p.since
		from period p cross join lateral case_history(p.centre, p.since, p.until) s),
	told as (
		select owner_id, closure_reason as reason, 1 as closed, 0 as judged, 0 as met from stood
			where status = 'closed' and was not in ('closed', 'duplicate') and at >= since
		union all
		select g.owner_id, null, 0, 1, (g.progress = 'met')::int from period p cross join lateral goals_judged(p.centre, p.since, p.until) g
			where g.progress not in ('n_a', 'dropped')),
	part as (
		select ` + whose + `, owner_id, reason, sum(closed)::int as closed, sum(judged)::int as judged, sum(met)::int as met
		from told where $4::uuid is null or owner_id = $4 group by grouping sets ((reason), (reason, owner_id))),
	l as (
		select whose, owner_id, sum(closed)::int as closures, coalesce(sum(closed) filter (where reason = any ($5)), 0)::int as positive,
			coalesce(jsonb_object_agg(reason, closed) filter (where reason is not null), '{}') as reasons, sum(judged)::int as judged, sum(met)::int as met
		from part group by 1, 2)
	select p.frozen, coalesce(l.whose, '') as whose, l.owner_id, coalesce(l.closures, 0) as closures, coalesce(l.positive, 0) as positive,
		coalesce(l.reasons, '{}') as reasons, coalesce(l.judged, 0) as judged, coalesce(l.met, 0) as met
	from period p left join l on $4::uuid is null or l.whose = 'worker'` + order

// positive are the closure reasons that the code list calls positive.
func positive() []string {
	codes := []string{}
	list, _ := codelist.Get("case_closure_reason")
	for _, e := range list.Entries {
		if e.Extra["is_positive"] == "yes" {
			codes = append(codes, e.Code)
		}
	}
	return codes
}

// comeback is how many cases were opened again.
type comeback struct {
	Line
	Reopened, Within  int // in the period; those of them within the days
	Watched, Returned int // closures whose days ended in the period; those of them that were reopened in that time
}

// reopened tells of cases by who owned them when they were closed.
func reopened(ctx context.Context, q query, days int) ([]comeback, error) {
	return lines[comeback](ctx, reopenedStatement, q, days)
}

const reopenedStatement = `
	run as (
		select s.case_id, s.run, p.since, p.until, min(s.at) as began_at, min(s.at) filter (where s.status = 'closed') as closed_at,
			(array_agg(s.owner_id order by s.id) filter (where s.status = 'closed'))[1] as owner_id
		from period p cross join lateral case_history(p.centre, p.since - make_interval(days => $5), p.until) s group by 1, 2, 3, 4),
	closing as (select *, closed_at + make_interval(days => $5) as watched_until, lead(began_at) over (partition by case_id order by run) as back_at from run),
	l as (
		select ` + whose + `, owner_id, count(*) filter (where back_at >= since)::int as reopened, count(*) filter (where back_at >= since and back_at < watched_until)::int as within,
			count(*) filter (where watched_until >= since and watched_until < until)::int as watched,
			count(*) filter (where watched_until >= since and watched_until < until and back_at < watched_until)::int as returned
		from closing where closed_at is not null and (back_at >= since or watched_until >= since and watched_until < until) and ($4::uuid is null or owner_id = $4)
		group by grouping sets ((), (owner_id)) having count(*) > 0)
	select p.frozen, coalesce(l.whose, '') as whose, l.owner_id, coalesce(l.reopened, 0) as reopened, coalesce(l.within, 0) as within,
		coalesce(l.watched, 0) as watched, coalesce(l.returned, 0) as returned
	from period p left join l on $4::uuid is null or l.whose = 'worker'` + order

// lines runs the one statement of a report; what are its further parameters, from $5.
func lines[T any](ctx context.Context, statement string, q query, what ...any) ([]T, error) {
	return db.Select[T](ctx, period+statement, append([]any{q.centre, q.from.Time, q.to.Time, q.own}, what...)...)
}
