package webhook

import "time"

// Wait is how long to wait after the nth failed attempt.
func Wait(n int, asked time.Duration, jitter float64) (time.Duration, bool) {
	return next(n, asked, jitter)
}

// RetryAfter reads the header.
func RetryAfter(value string, now time.Time) time.Duration { return retryAfter(value, now) }
