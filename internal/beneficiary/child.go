package beneficiary

import "time"

// ChildOn tells that the person is, or may be, under 18 on a day; in doubt a person is protected
// as a child (handbook 3.7).
func (b *Beneficiary) ChildOn(day time.Time) bool { return b.childOn(day) }
