package beneficiary

import (
	"net/mail"

	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
)

// Contact is a way to reach a person, of their own or through somebody else.
type Contact struct {
	db.Record
	Entry
	Kind         string // code list contact_kind
	Value        string // the number, address or handle
	Name         string // who answers, where it is not the person
	Relationship string // code list household_relationship, of who answers to the person
	Safe         string // to contact the person this way: yes | no | unknown
	SafeWhen     string
	Preferred    bool
	ConsentNote  string // what the person agreed to
	Note         string
}

func (*Contact) findable() {}

var _ = IDTaken("contacts_pkey")

// Validate implements Recorded.
func (c *Contact) Validate(db.Date) error {
	rules := fault.Rules()
	switch c.Kind {
	case "phone":
		if phoneKey(c.Value) == "" {
			rules.Add("/value", "invalid_phone", "A telephone number has at least six digits.")
		}
	case "email":
		if a, err := mail.ParseAddress(c.Value); err != nil || a.Address != c.Value {
			rules.Add("/value", "invalid_email", "Not an e-mail address.")
		}
	case "next_of_kin":
		if c.Name == "" {
			rules.Add("/name", "required", "Say who the next of kin is.")
		}
	}
	if c.Preferred && c.Safe == "no" {
		rules.Add("/preferred", "unsafe_preferred", "A contact that is not safe cannot be the preferred one.")
	}
	return rules.Err()
}

var contactSorts = db.Sorts[Contact]{
	"created_at": {SQL: "created_at", Cast: "timestamptz", Value: func(c *Contact) any { return c.CreatedAt }},
}
