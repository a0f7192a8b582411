package wire

import "github.com/shopspring/decimal"

// Number reads a decimal number. The spec's pattern lets nothing else through.
func Number(s string) decimal.Decimal { return decimal.RequireFromString(s) }

// OptNumber reads an optional decimal number.
func OptNumber(s *string) *decimal.Decimal {
	if s == nil {
		return nil
	}
	return Ptr(Number(*s))
}

// ToOptNumber writes an optional decimal number.
func ToOptNumber(d *decimal.Decimal) *string {
	if d == nil {
		return nil
	}
	return Ptr(d.String())
}
