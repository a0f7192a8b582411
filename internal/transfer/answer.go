package transfer

import (
	"context"
	"encoding/json"
	"time"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/beneficiary"
	"github.com/waystation/waystation/internal/casework"
	"github.com/waystation/waystation/internal/centre"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
	"github.com/waystation/waystation/internal/tenant"
)

// File is what the source gives out on acceptance, as transfer_answer writes it. Rows of the file are
// copied as they are; the person and the case go through the rules of the target.
type File struct {
	Token   uuid.UUID       `json:"token"`
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

// copied are the tables of a file, parents first, by the member of the file that holds their rows.
var copied = []struct{ member, table string }{
	{"needs", "specific_needs"}, {"problems", "case_problems"}, {"assessments", "case_assessments"},
	{"plans", "case_plans"}, {"goals", "case_goals"}, {"actions", "case_actions"}, {"notes", "case_notes"},
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
	person, err := file.register(ctx)
	if err != nil {
		return nil, err
	}
	if err := file.begin(ctx, kase, person, owner); err != nil {
		return nil, err
	}
	for _, c := range copied {
		err := db.Tx(ctx).Exec("select transfer_put(?, ?::jsonb->?, ?, ?, ?, ?)", c.table, string(raw), c.member, person.CentreID.UUID(), kase, person.ID, file.Token).Error
		if err != nil {
			return nil, err
		}
	}
	return db.Get[Incoming](ctx, id)
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
