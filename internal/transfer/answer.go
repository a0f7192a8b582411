package transfer

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/auth"
	"github.com/waystation/waystation/internal/beneficiary"
	"github.com/waystation/waystation/internal/casework"
	"github.com/waystation/waystation/internal/centre"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
	"github.com/waystation/waystation/internal/jobs"
	"github.com/waystation/waystation/internal/tenant"
)

// File is what the source gives out on acceptance, as transfer_answer writes it. Rows of the file are
// copied as they are; the person and the case go through the rules of the target.
type File struct {
	Token   uuid.UUID       `json:"token"`
	Source  uuid.UUID       `json:"source"` // the centre
	Walls   []wall          `json:"walls"`
	Person  json.RawMessage `json:"person"`
	Consent json.RawMessage `json:"consent"`
	Case    struct {
		RiskLevel             string `json:"risk_level"`
		Sensitivity           string `json:"sensitivity"`
		Summary               string `json:"summary"`
		ConsentBasis          string `json:"consent_basis"`
		ConsentOverrideReason string `json:"consent_override_reason"`
	} `json:"case"`
}

// wall is one of those from whom the file is kept.
type wall struct {
	UserID uuid.UUID `json:"user_id"`
}

// Copied are the tables of a file, parents first, by the member of the file that holds their rows.
var Copied = []struct{ Member, Table string }{
	{"walls", "case_walls"}, {"needs", "specific_needs"}, {"assessments", "case_assessments"}, {"problems", "case_problems"},
	{"plans", "case_plans"}, {"goals", "case_goals"}, {"actions", "case_actions"}, {"evaluations", "case_evaluations"},
	{"notes", "case_notes"}, {"note_versions", "case_note_versions"}, {"followups", "case_followups"}, {"visits", "case_visits"},
	{"attempts", "case_contact_attempts"}, {"conferences", "case_conferences"}, {"best_interests", "best_interest_procedures"},
}

// Left are the tables that refer to a case and do not go over with it, each with the reason.
var Left = map[string]string{
	"attachments":        "follow by a job, with their bytes",
	"break_glass_grants": "who read the file at the source, and why",
	"case_approvals":     "decisions by the source's SOP; the target asks for its own",
	"case_invitations":   "let staff of the source read the file",
	"case_states":        "the source's reports",
	"case_team":          "the target forms its own",
	"case_transfers":     "the handing over itself",
	"case_transitions":   "the source's history; the target's begins with transfer_in",
	"cases":              "begins anew, by the rules of the target",
	"disclosures":        "the ledger of what the source told",
	"events":             "what was told of the source's rows; the target's rows tell of themselves",
	"exported_people":    "whom an export of the source named",
	"place_holds":        "places that services keep for the source",
	"legal_holds":        "laid on the source's records",
	"mhpss_participants": "as the sessions",
	"mhpss_sessions":     "psychosocial care is not casework: whoever gives it hands it over, with a consent of its own",
	"referrals":          "between the source and its partners, and ended: the target makes its own",
	"tasks":              "asked of the source's staff",
	"timeline":           "written by the rows that go over",
}

// answer carries the target's decision to the source, and returns what it gives out: 404 where the target
// does not see the transfer, 412 for another version, 409 when it was decided or the case cannot go.
func answer(ctx context.Context, id uuid.UUID, ifMatch, status, note string, kase *uuid.UUID) (*Incoming, []byte, error) {
	in, err := db.Get[Incoming](ctx, id)
	if err != nil {
		return nil, nil, err
	}
	if err := db.Expect(ctx, in, id, ifMatch); err != nil {
		return nil, nil, err
	}
	if in.Status != Requested {
		return nil, nil, decided(in.Status)
	}
	tx, err := db.Pgx(ctx)
	if err != nil {
		return nil, nil, err
	}
	var file []byte
	if err := tx.QueryRow(ctx, "select transfer_answer($1, $2, $3, $4, $5)", id, in.Version, status, note, kase).Scan(&file); err != nil {
		return nil, nil, db.Fault(err)
	}
	if file == nil {
		return nil, nil, fault.Missing()
	}
	return in, file, nil
}

// refuse ends a transfer; the target does not see it any more.
func refuse(ctx context.Context, id uuid.UUID, ifMatch, note string, by uuid.UUID) (*Incoming, error) {
	in, _, err := answer(ctx, id, ifMatch, Refused, note, nil)
	if err != nil {
		return nil, err
	}
	now := db.Now()
	in.Status, in.DecidedBy, in.DecidedAt, in.Version = Refused, &by, &now, in.Version+1
	return in, nil
}

// accept takes the case over: the source's ends as transferred, and a draft with a copy of the file and a
// record of the person begins here.
func accept(ctx context.Context, id uuid.UUID, ifMatch string, owner *uuid.UUID) (*Incoming, error) {
	kase := db.NewID()
	_, raw, err := answer(ctx, id, ifMatch, Accepted, "", &kase)
	if err != nil {
		return nil, err
	}
	var file File
	if err := json.Unmarshal(raw, &file); err != nil {
		return nil, err
	}
	if err := file.keptFrom(auth.From(ctx).ID, owner); err != nil {
		return nil, err
	}
	person, err := file.register(ctx)
	if err != nil {
		return nil, err
	}
	if err := file.begin(ctx, kase, person, owner); err != nil {
		return nil, err
	}
	for _, c := range Copied {
		err := db.Tx(ctx).Exec("select transfer_put(?, ?::jsonb->?, ?, ?, ?, ?)", c.Table, string(raw), c.Member, person.CentreID.UUID(), kase, person.ID, file.Token).Error
		if err != nil {
			return nil, err
		}
	}
	bring := BringArgs{SourceID: file.Source, TransferID: id, TargetID: person.CentreID.UUID()}
	if err := jobs.Enqueue(ctx, bring); err != nil {
		return nil, err
	}
	return db.Get[Incoming](ctx, id)
}

// keptFrom holds the walls of the file up: who must not see it there does not take it over here, or own it.
func (f *File) keptFrom(taker uuid.UUID, owner *uuid.UUID) error {
	off := func(user uuid.UUID) bool {
		return slices.ContainsFunc(f.Walls, func(w wall) bool { return w.UserID == user })
	}
	switch {
	case off(taker):
		return fault.Missing()
	case owner != nil && off(*owner):
		return fault.InvalidField("/owner_id", "walled_off", "This file is kept from them. Choose another person.")
	}
	return nil
}

// register makes the target's own record of the person.
func (f *File) register(ctx context.Context) (*beneficiary.Beneficiary, error) {
	b, err := from[beneficiary.Beneficiary](ctx, "beneficiaries", f.Person)
	if err != nil {
		return nil, err
	}
	var consent *beneficiary.Consent
	if f.Case.ConsentBasis == "consent" {
		if consent, err = from[beneficiary.Consent](ctx, "consents", f.Consent); err != nil {
			return nil, err
		}
		consent.Strip()
		b.Basis, b.BasisReason = "consent", ""
	} else {
		b.Basis, b.BasisReason = f.Case.ConsentBasis, f.Case.ConsentOverrideReason
	}
	b.Strip()
	if b.ReceptionOn, err = today(ctx); err != nil {
		return nil, err
	}
	return beneficiary.Receive(ctx, *b, consent)
}

// from reads a row that the source wrote as JSON.
func from[T any](ctx context.Context, table string, row []byte) (*T, error) {
	var out T
	return &out, db.Tx(ctx).Raw("select * from jsonb_populate_record(null::"+table+", ?::jsonb)", string(row)).Scan(&out).Error
}

// today is the date in the time zone of the context's centre.
func today(ctx context.Context) (db.Date, error) {
	id, err := tenant.One(ctx)
	if err != nil {
		return db.Date{}, err
	}
	here, err := db.Get[centre.Centre](ctx, id)
	if err != nil {
		return db.Date{}, err
	}
	zone, err := time.LoadLocation(here.TimeZone)
	return db.NewDate(db.Now().In(zone)), err
}

// begin makes the target's own case: a draft that lives by the target's SOP once it is opened there.
func (f *File) begin(ctx context.Context, id uuid.UUID, person *beneficiary.Beneficiary, owner *uuid.UUID) error {
	c := &casework.Case{Record: db.NewRecord(&id), BeneficiaryID: person.ID, Source: "transfer_in", RiskLevel: f.Case.RiskLevel, Sensitivity: f.Case.Sensitivity,
		Summary: f.Case.Summary, OwnerID: owner}
	if err := casework.Begin(ctx, c); err != nil || f.Case.ConsentBasis == "consent" {
		return err
	}
	return casework.RestOn(ctx, c, f.Case.ConsentBasis, f.Case.ConsentOverrideReason)
}
