package sheet

import (
	"maps"
	"strings"
)

// Severity tells an error, which keeps the row out, from a warning.
type Severity string

// The two severities.
const (
	Error   Severity = "error"
	Warning Severity = "warning"
)

// Code names a fault; it is also the key of its message.
type Code string

// Faults of the mapping and the header, found before any row.
const (
	MissingColumn   Code = "missing_column"   // a required field, or a column that the mapping names, is not there
	DuplicateColumn Code = "duplicate_column" // two columns have the same header
	DuplicateTarget Code = "duplicate_target" // two columns feed the same field
	UnknownTarget   Code = "unknown_target"   // the mapping names a field that does not exist
	UnmappedColumn  Code = "unmapped_column"  // warning: a column is not read
	EncodingGuessed Code = "encoding_guessed" // warning: nothing in the file proves it
	BadDateOrder    Code = "bad_date_order"
)

// Faults of the file. Those of a row make the row an error; those from EmptyFile on
// end the reading (ReadError).
const (
	RowWidth        Code = "row_width"
	CellTooLong     Code = "cell_too_long"
	NULByte         Code = "nul_byte"
	InvalidEncoding Code = "invalid_encoding"
	BadQuote        Code = "bad_quote"
	LineTooLong     Code = "line_too_long"
	NotAnObject     Code = "not_an_object"     // a line of NDJSON is no object
	NestedValue     Code = "nested_value"      // an object or a list in a list, where a cell is wanted
	FormulaNoResult Code = "formula_no_result" // its result is an error, or was never computed
	EmptyFile       Code = "empty_file"
	TruncatedFile   Code = "truncated_file"
	FileTooLarge    Code = "file_too_large"
	TooManyRows     Code = "too_many_rows"
	UnknownEncoding Code = "unknown_encoding"
	NotText         Code = "not_text"
	BrokenWorkbook  Code = "broken_workbook"
	UnpacksTooLarge Code = "unpacks_too_large"
	UnknownSheet    Code = "unknown_sheet"
)

// Faults of a value.
const (
	Missing                  Code = "missing"
	UnknownCode              Code = "unknown_code"  // also for a mapping's value that is not on the list
	InactiveCode             Code = "inactive_code" // on the list, but switched off by the centre
	UnknownCountry           Code = "unknown_country"
	UnknownCentre            Code = "unknown_centre"
	DateUnreadable           Code = "date_unreadable"
	DateImpossible           Code = "date_impossible"
	DateIncomplete           Code = "date_incomplete"
	DateFuture               Code = "date_future"
	AgeUnreadable            Code = "age_unreadable"
	AgeOutOfRange            Code = "age_out_of_range"
	AgeOrBirthMissing        Code = "age_or_birth_missing"
	AgeContradictsBirth      Code = "age_contradicts_birth" // warning
	BirthAfterRegistration   Code = "birth_after_registration"
	ArrivalAfterRegistration Code = "arrival_after_registration" // warning
	ConsentMissing           Code = "consent_missing"
	ConsentRefused           Code = "consent_refused"
	ConsentMethodMissing     Code = "consent_method_missing"
	ConsentUncertified       Code = "consent_uncertified"
	PhoneUnreadable          Code = "phone_unreadable"               // warning
	DocumentTypeMissing      Code = "document_type_missing"          // warning
	RelationshipMissing      Code = "relationship_missing"           // warning
	RelationshipAlone        Code = "relationship_without_household" // warning
	RelationshipUngendered   Code = "relationship_ungendered"        // warning
	FormulaText              Code = "formula_text"                   // warning
)

// Faults that show only beside other rows or the register. The importer finds them.
const (
	SourceIDRepeated Code = "source_id_repeated"
	SecondHead       Code = "second_head"       // warning
	OtherCentre      Code = "other_centre"      // warning: the row is skipped, another centre's import takes it
	ChangedInSource  Code = "changed_in_source" // warning: imported before; the register is not overwritten
	ChildCaregiver   Code = "child_caregiver"   // warning: who consented for a child is not on the sheet
	ChildAssent      Code = "child_assent"      // warning: likewise, and nobody is with the child
	LikelyDuplicate  Code = "likely_duplicate"  // warning: the person seems to be registered already; the row waits
	Undecided        Code = "undecided"         // warning: it waited too long
	TextTooLong      Code = "text_too_long"
	RuleBroken       Code = "rule_broken" // a rule of registration, named by its code
	Interrupted      Code = "interrupted" // the import itself failed
	FileExpired      Code = "file_expired"
)

// warnings are the codes that do not keep a row out.
var warnings = map[Code]bool{
	UnmappedColumn: true, EncodingGuessed: true, AgeContradictsBirth: true, ArrivalAfterRegistration: true, PhoneUnreadable: true,
	DocumentTypeMissing: true, RelationshipMissing: true, RelationshipAlone: true, RelationshipUngendered: true,
	FormulaText: true, SecondHead: true, OtherCentre: true, ChangedInSource: true,
	ChildCaregiver: true, ChildAssent: true, LikelyDuplicate: true, Undecided: true,
}

// Issue is one fault. It names the place and the rule and never repeats what the
// cell says: issues are stored, listed and logged, cells are personal data.
type Issue struct {
	Severity Severity          `json:"severity"`
	Code     Code              `json:"code"`
	Field    Field             `json:"field,omitempty"`
	Column   string            `json:"column,omitempty"` // the header as the sheet writes it
	Args     map[string]string `json:"args,omitempty"`   // what the message needs: list, limit
}

// NewIssue names a fault that the caller found; its severity follows from the code.
func NewIssue(code Code, field Field, column string, args map[string]string) Issue {
	return newIssue(code, field, column, args)
}

func newIssue(code Code, field Field, column string, args map[string]string) Issue {
	severity := Error
	if warnings[code] {
		severity = Warning
	}
	return Issue{Severity: severity, Code: code, Field: field, Column: column, Args: args}
}

// Text says the issue in a language of the catalogue.
func (i Issue) Text(lang string) string {
	args := map[string]string{"field": string(i.Field), "column": i.Column}
	if i.Column == "" {
		args["column"] = string(i.Field)
	}
	maps.Copy(args, i.Args)
	if broken := args["rule"]; broken != "" {
		args["detail"] = strings.ReplaceAll(rule(lang, broken), "{rule}", broken)
	}
	return Message(lang, i.Code, args)
}

func hasError(issues []Issue) bool {
	for _, i := range issues {
		if i.Severity == Error {
			return true
		}
	}
	return false
}

// Summary counts results by code.
type Summary struct {
	Rows     int          `json:"rows"`
	Accepted int          `json:"accepted"`
	Errors   map[Code]int `json:"errors"`
	Warnings map[Code]int `json:"warnings"`
}

// Add counts one result. The zero Summary is ready to use.
func (s *Summary) Add(r Result) {
	if s.Errors == nil {
		s.Errors, s.Warnings = map[Code]int{}, map[Code]int{}
	}
	s.Rows++
	if r.Accepted() {
		s.Accepted++
	}
	for _, i := range r.Issues {
		if i.Severity == Error {
			s.Errors[i.Code]++
		} else {
			s.Warnings[i.Code]++
		}
	}
}
