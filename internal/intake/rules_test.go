package intake

import (
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/internal/beneficiary"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
	"github.com/waystation/waystation/internal/intake/sheet"
	"github.com/waystation/waystation/internal/wire"
)

func TestImport_CancelStopsOnlyWhatGoesOn(t *testing.T) {
	for status, may := range map[Status]bool{Queued: true, Running: true, Cancelled: true, Completed: false, Failed: false} {
		i := Import{Status: status}
		err := i.Cancel(db.Now())
		if (err == nil) != may || may && i.Status != Cancelled || !may && (i.Status != status || !fault.Is(err, fault.Conflict)) {
			t.Errorf("%s: %v, now %s", status, err, i.Status)
		}
	}
}

func TestImport_CommitDryRunBeginsAnew(t *testing.T) {
	now := db.Now()
	tried := func() Import {
		i := Import{Mode: DryRun, Atomicity: PerRow, Status: Completed, FileUntil: &now, StartedAt: &now, FinishedAt: &now}
		i.Processed, i.Rejected = 5, 2
		return i
	}
	i := tried()
	if err := i.CommitDryRun(now, time.Hour); err != nil || i.Mode != Commit || i.Status != Queued || i.Processed != 0 || i.FinishedAt != nil || !i.FileUntil.Equal(now.Add(time.Hour)) {
		t.Errorf("%v %+v", err, i)
	}
	for name, spoil := range map[string]func(*Import){
		"a real run":        func(i *Import) { i.Mode = Commit },
		"still running":     func(i *Import) { i.Status = Running },
		"failed":            func(i *Import) { i.Status = Failed },
		"the file is gone":  func(i *Import) { i.FileUntil = nil },
		"all, but rejected": func(i *Import) { i.Atomicity = AllOrNothing },
	} {
		i := tried()
		spoil(&i)
		if err := i.CommitDryRun(now, time.Hour); err == nil {
			t.Errorf("%s was committed", name)
		}
	}
}

func TestCounts_RowsOfOtherCentresCountAsNothingElse(t *testing.T) {
	c := noCounts()
	fault := sheet.NewIssue(sheet.ConsentMissing, sheet.Consent, "", nil)
	warning := sheet.NewIssue(sheet.FormulaText, sheet.Remarks, "", nil)
	for status, issues := range map[rowStatus][]sheet.Issue{
		rowCreated: {warning}, rowAccepted: nil, rowUnchanged: nil, rowChanged: {warning, warning}, rowSkipped: {fault, warning}, rowRejected: {fault, warning},
	} {
		o := &outcome{Row: Row{Status: status}}
		o.Issues.V = issues
		c.add(o)
	}
	if c.Processed != 6 || c.Accepted != 4 || c.Created != 1 || c.Skipped != 1 || c.Rejected != 1 || c.WithWarnings != 3 ||
		c.Errors.V[sheet.ConsentMissing] != 1 || c.Warnings.V[sheet.FormulaText] != 4 {
		t.Errorf("%+v", c)
	}
}

// A connection that is lost looks like the end of a file to those who read one.
func TestFile_LostConnectionIsNotItsEnd(t *testing.T) {
	for _, lost := range []error{io.EOF, io.ErrUnexpectedEOF} {
		_, err := openRows(t.Context(), func(context.Context, func(context.Context) error) error { return lost }, uuid.New(), uuid.New())
		if err == nil || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%v reads as %v", lost, err)
		}
	}
}

func TestRegistration_BirthAfterTheArrival(t *testing.T) {
	arrived, later := db.Date{Time: sheet.NewDate(2024, 1, 3).Time}, db.Date{Time: sheet.NewDate(2024, 1, 5).Time}
	estimated := beneficiary.Beneficiary{ReceptionOn: arrived, BirthDate: &later, BirthDatePrecision: wire.Ptr("estimated")}
	if bornLate(&estimated); !estimated.BirthDate.Equal(arrived.Time) || !estimated.ReceptionOn.Equal(arrived.Time) {
		t.Errorf("estimated: born %v, received %v", estimated.BirthDate, estimated.ReceptionOn)
	}
	exact := beneficiary.Beneficiary{ReceptionOn: arrived, BirthDate: &later, BirthDatePrecision: wire.Ptr("day")}
	if bornLate(&exact); !exact.BirthDate.Equal(later.Time) || !exact.ReceptionOn.Equal(later.Time) {
		t.Errorf("exact: born %v, received %v", exact.BirthDate, exact.ReceptionOn)
	}
}

func TestRegistration_CodesOfTheRegister(t *testing.T) {
	for status, want := range map[string]string{"": "migrant", "rescued": "migrant", "expelled": "returnee", "asylum_seeker": "refugee_asylum_seeker", "unknown": "unknown"} {
		if got := populationOf(status); got != want {
			t.Errorf("%q is %q, want %q", status, got, want)
		}
	}
	for code, want := range map[string]string{"fra": "fr", "ara": "ar", "mnk": "mnk"} {
		if got := languagesOf(code); len(got) != 1 || got[0] != want {
			t.Errorf("%s is %v, want %s", code, got, want)
		}
	}
	home := sheet.Row{Destination: sheet.ReturnOrigin, Nationalities: []string{"GIN"}}
	if got := destinationOf(home); got != "GIN" {
		t.Errorf("home is %q", got)
	}
	home.Nationalities = append(home.Nationalities, "MLI")
	if got := destinationOf(home); got != "" {
		t.Errorf("of two countries home is %q", got)
	}
	answers := answersOf(sheet.Row{MigrationStatus: "expelled", Answers: map[sheet.Field]sheet.Answer{sheet.Phone: sheet.Declined, sheet.MigrationStatus: sheet.Unknown}})
	if len(answers) != 1 || answers["phone"] != "declined" {
		t.Errorf("%v", answers)
	}
}

func TestLimits_AreThoseOfTheContract(t *testing.T) {
	spec, err := api.GetSpec()
	if err != nil {
		t.Fatal(err)
	}
	for schema, fields := range map[string][]sheet.Field{
		"BeneficiaryCreate":   {sheet.GivenName, sheet.FamilyName, sheet.Phone, sheet.DocumentNumber, sheet.Remarks},
		"RegistrationConsent": {sheet.CertifiedBy},
	} {
		for _, field := range fields {
			property := spec.Components.Schemas[schema].Value.Properties[string(field)].Value
			if property.MaxLength == nil || int(*property.MaxLength) != limits[field] {
				t.Errorf("%s.%s: the contract says %v, the importer %d", schema, field, property.MaxLength, limits[field])
			}
		}
	}
}
