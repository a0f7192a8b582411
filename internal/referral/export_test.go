package referral

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
