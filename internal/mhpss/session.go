// Package mhpss keeps mental health and psychosocial support: sessions with people one by one, with families
// and with groups, psycho-education, and what they come to (handbook 4, duties D5 and D15).
package mhpss

import (
	"context"
	"slices"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/waystation/waystation/internal/auth"
	"github.com/waystation/waystation/internal/beneficiary"
	"github.com/waystation/waystation/internal/casework"
	"github.com/waystation/waystation/internal/centre"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
	"github.com/waystation/waystation/internal/headcount"
	"github.com/waystation/waystation/internal/tenant"
	"github.com/waystation/waystation/internal/wire"
)

// Session is one meeting: planned, then held or cancelled.
type Session struct {
	db.Record
	Kind            string // individual | family | group
	Status          string // planned | held | cancelled | void
	Activity        string // code list mhpss_activity_type (IASC 4Ws)
	PyramidLevel    string // code list mhpss_pyramid_level
	PsychoEducation bool
	Topic           string
	StartsAt        time.Time
	StartsOn        db.Date // the centre's day of StartsAt
	Minutes         *int    // once held
	Modality        string  // in_person | remote
	Place           string
	Language        string // BCP 47
	Interpreter     *bool
	FacilitatorID   uuid.UUID
	SupervisorID    *uuid.UUID
	Plan            string
	Materials       db.Strings
	CaseID          *uuid.UUID
	Headcounts      db.JSON[[]headcount.Tally] // people counted without a name
	Persons         int                        // who came: named and counted
	Reason          string                     // why it was cancelled or voided
	CreatedBy       *uuid.UUID

	participants []Participant `gorm:"-"`
}

// TableName implements schema.Tabler.
func (Session) TableName() string { return "mhpss_sessions" }

// Personal implements db.Personal: an individual's session tells that somebody seeks support.
func (Session) Personal() {}

// Participant is a person whom a session names.
type Participant struct {
	db.Record
	SessionID     uuid.UUID
	BeneficiaryID uuid.UUID
	CaseID        *uuid.UUID // the session's
	Role          string     // participant | family_member
	AttendedAt    *time.Time // when the session began that they came to
}

// TableName implements schema.Tabler.
func (Participant) TableName() string { return "mhpss_participants" }

// Personal implements db.Personal.
func (Participant) Personal() {}

// Note is what a facilitator wrote down: only who leads the session, supervises it or wrote the note reads it
// (handbook 8: individual session notes are restricted).
type Note struct {
	db.Record
	SessionID uuid.UUID
	WrittenBy uuid.UUID
	Text      string
}

// TableName implements schema.Tabler.
func (Note) TableName() string { return "mhpss_notes" }

// Personal implements db.Personal.
func (Note) Personal() {}

// Restricted implements db.Restricted.
func (Note) Restricted() {}

// The states of a session.
const (
	planned   = "planned"
	held      = "held"
	cancelled = "cancelled"
	void      = "void"
)

// specialised is the level of the pyramid whose acts only specialists lead (handbook 8).
const specialised = "4"

var specialists = []string{"mhpss_specialist", "health_worker"}

var (
	_ = db.Constraint("mhpss_sessions_pkey", idTaken)
	_ = db.Constraint("mhpss_notes_pkey", idTaken)
	_ = db.Constraint("mhpss_participants_beneficiary_fk", unknownPerson)
	_ = db.Constraint("mhpss_participants_key", func() *fault.Error {
		return fault.InvalidField("/participants", "repeated", "A person is named twice.")
	})
)

func idTaken() *fault.Error {
	return fault.New(fault.Conflict, "id_taken", "Something is recorded under this id already.").Add("/id", "id_taken", "Choose a new UUID.")
}

func unknownPerson() *fault.Error {
	return fault.InvalidField("/participants", "unknown_person", "Somebody among them is not registered here, or no longer.")
}

// skew is how far a device's clock may run ahead.
const skew = 5 * time.Minute

// judge works out what follows from a session and refuses what cannot be.
func (s *Session) judge(ctx context.Context, now time.Time) error {
	rules := fault.Rules()
	counted := headcount.Sum(rules, "/headcounts", s.Headcounts.V)
	s.Persons = 0
	if s.Status == held {
		s.Persons = counted + s.came()
		s.judgeHeld(rules, now)
	}
	s.judgeKind(rules, counted)
	if s.PsychoEducation && s.Topic == "" {
		rules.Add("/topic", "required", "Psycho-education has a topic.")
	}
	if err := rules.Err(); err != nil {
		return err
	}
	if err := s.judgeStaff(ctx); err != nil {
		return err
	}
	return s.judgePeople(ctx)
}

func (s *Session) judgeHeld(rules *fault.Error, now time.Time) {
	switch {
	case s.StartsAt.After(now.Add(skew)):
		rules.Add("/starts_at", "in_the_future", "A session that was held lies in the past.")
	case s.Minutes == nil:
		rules.Add("/minutes", "required", "Say how long the session was.")
	}
	if s.Persons == 0 {
		rules.Add("/participants", "nobody_came", "Name or count who came; where nobody did, cancel the session.")
	}
}

func (s *Session) judgeKind(rules *fault.Error, counted int) {
	switch {
	case s.Kind == "individual" && len(s.participants) != 1:
		rules.Add("/participants", "one_person", "An individual session has one participant.")
	case s.Kind == "individual" && counted > 0:
		rules.Add("/headcounts", "one_person", "An individual session counts nobody beside its participant.")
	case s.Kind == "family" && len(s.participants) == 0:
		rules.Add("/participants", "required", "A family's session names one of the family at least.")
	case s.Kind == "group" && s.CaseID != nil:
		rules.Add("/case_id", "of_a_group", "A group's session belongs to no case.")
	}
}

// judgeStaff refuses strangers, and a level that its facilitator is not trained for.
func (s *Session) judgeStaff(ctx context.Context) error {
	here, err := tenant.One(ctx)
	if err != nil {
		return err
	}
	tx, err := db.Pgx(ctx)
	if err != nil {
		return err
	}
	asked := []uuid.UUID{s.FacilitatorID}
	if s.SupervisorID != nil && *s.SupervisorID != s.FacilitatorID {
		asked = append(asked, *s.SupervisorID)
	}
	var working int
	var trained bool
	err = tx.QueryRow(ctx, `select count(distinct m.user_id), coalesce(bool_or(m.user_id = $2 and m.role = any ($4)), false)
		from members m join users u on u.id = m.user_id and u.active join centres c on c.id = m.centre_id
		where m.centre_id = $1 and m.user_id = any ($3) and m.ended_at is null
			and (now() at time zone c.time_zone)::date between m.starts_on and coalesce(m.expires_on, 'infinity')`,
		here, s.FacilitatorID, asked, specialists).Scan(&working, &trained)
	switch {
	case err != nil:
		return err
	case working < len(asked):
		return fault.InvalidField("/facilitator_id", "unknown_staff", "Facilitator and supervisor are members of staff here.")
	case s.PyramidLevel == specialised && !trained:
		return fault.InvalidField("/pyramid_level", "specialist_required", "Specialised services are led by a mental health specialist or health worker. Name one, or refer the person.")
	}
	return nil
}

// judgePeople refuses people who are not registered here, and a case that is none of theirs.
func (s *Session) judgePeople(ctx context.Context) error {
	ids := wire.Each(s.participants, func(p *Participant) uuid.UUID { return p.BeneficiaryID })
	if len(ids) > 0 {
		known, err := db.Count[beneficiary.Beneficiary](ctx, func(q *gorm.DB) *gorm.DB { return q.Where("id in ? and status = 'active'", ids) })
		if err != nil {
			return err
		}
		if int(known) < len(ids) {
			return unknownPerson()
		}
	}
	if s.CaseID == nil {
		return nil
	}
	c, err := casework.Find(ctx, *s.CaseID)
	if err != nil {
		return err
	}
	if !slices.Contains(ids, c.BeneficiaryID) {
		return fault.InvalidField("/case_id", "other_person", "The case is of nobody among the participants.")
	}
	return nil
}

// came counts who attended of those who are named.
func (s *Session) came() (n int) {
	for _, p := range s.participants {
		if p.AttendedAt != nil {
			n++
		}
	}
	return n
}

// name says who is expected, or who came.
func (s *Session) name(list []named) {
	s.participants = make([]Participant, len(list))
	for i, n := range list {
		p := Participant{Record: db.NewRecord(nil), SessionID: s.ID, BeneficiaryID: n.id, CaseID: s.CaseID, Role: n.role}
		if s.Status == held && !n.absent {
			p.AttendedAt = &s.StartsAt
		}
		s.participants[i] = p
	}
}

// named is a participant as a request names one.
type named struct {
	id     uuid.UUID
	role   string
	absent bool
}

// names gives back who takes part as a request would name them.
func (s *Session) names() []named {
	return wire.Each(s.participants, func(p *Participant) named {
		return named{p.BeneficiaryID, p.Role, s.Status == held && p.AttendedAt == nil}
	})
}

// settle fills in the day and judges.
func (s *Session) settle(ctx context.Context) error {
	here, err := tenant.One(ctx)
	if err != nil {
		return err
	}
	c, err := db.Get[centre.Centre](ctx, here)
	if err != nil {
		return err
	}
	zone, err := time.LoadLocation(c.TimeZone)
	if err != nil {
		return err
	}
	s.StartsOn = db.NewDate(s.StartsAt.In(zone))
	return s.judge(ctx, db.Now())
}

// record stores a new session with who is named.
func (s *Session) record(ctx context.Context, who []named) error {
	if _, err := db.Pgx(ctx); err != nil { // begin: more follows
		return err
	}
	s.name(who)
	if err := s.settle(ctx); err != nil {
		return err
	}
	if err := db.Insert(ctx, s); err != nil {
		return err
	}
	return s.enlist(ctx)
}

func (s *Session) enlist(ctx context.Context) error {
	if len(s.participants) == 0 {
		return nil
	}
	return db.Tx(ctx).Create(&s.participants).Error
}

// find returns a session with who takes part, or the 404.
func find(ctx context.Context, id uuid.UUID) (*Session, error) {
	s, err := db.Get[Session](ctx, id)
	if err != nil {
		return nil, err
	}
	return s, s.meet(ctx)
}

// meet reads who takes part.
func (s *Session) meet(ctx context.Context) (err error) {
	s.participants, err = db.Find[Participant](ctx, func(q *gorm.DB) *gorm.DB { return q.Where("session_id = ?", s.ID).Order("id") })
	return err
}

// change holds a session of a version, applies an act, judges it and stores it; act answers who takes part now,
// nil where nothing changed.
func change(ctx context.Context, id uuid.UUID, ifMatch string, act func(*Session) ([]named, error)) (*Session, error) {
	s, err := db.Lock[Session](ctx, id, ifMatch)
	if err != nil {
		return nil, err
	}
	if err := s.meet(ctx); err != nil {
		return nil, err
	}
	before := s.names()
	who, err := act(s)
	if err != nil {
		return nil, err
	}
	if s.Status == void || s.Status == cancelled {
		return s, db.Save(ctx, s)
	}
	if who == nil {
		who = before
	}
	s.name(who)
	if err := s.settle(ctx); err != nil {
		return nil, err
	}
	if err := db.Save(ctx, s); err != nil {
		return nil, err
	}
	if err := db.Tx(ctx).Where("session_id = ?", s.ID).Delete(&Participant{}).Error; err != nil {
		return nil, err
	}
	return s, s.enlist(ctx)
}

// in answers the 409 of a session that is in none of these states.
func (s *Session) in(states ...string) error {
	if slices.Contains(states, s.Status) {
		return nil
	}
	return fault.State(s.Status, "A session that is %s does not take this step.", s.Status)
}

func caller(ctx context.Context) *uuid.UUID {
	if p := auth.From(ctx); p != nil {
		return &p.ID
	}
	return nil
}
