package referral

import (
	"reflect"
	"strings"
)

// AllMoves lists the state machine as (from, to, actor), for the test that compares it with the
// database's.
func AllMoves() map[[3]string]bool {
	all := map[[3]string]bool{}
	for _, m := range moves {
		for _, from := range m.from {
			all[[3]string{string(from), string(m.to), string(m.by)}] = true
		}
	}
	return all
}

// Statuses are all states of a referral.
func Statuses() []Status {
	return append([]Status{Draft, Completed, Declined, NotDelivered, Revoked, Expired}, open...)
}

// FormWords are the words of the form, by key, in each language.
func FormWords() map[string][4]string { return formWords }

// ContentFields are the names of everything that a referral may tell of a person.
func ContentFields() (names []string) {
	t := reflect.TypeFor[Content]()
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		names = append(names, name)
	}
	return names
}
