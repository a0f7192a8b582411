// Package demo carries the files that fill a demonstration: a synthetic
// registration sheet and the place codes of its corridor.
package demo

import _ "embed"

// RegistrationsNiger2024 is a synthetic registration sheet of 6,000 rows, with
// the faults that real sheets have. UTF-8 with a byte order mark, semicolons,
// French headers. Nobody in it exists.
//
//go:embed registrations-niger-2024.csv
var RegistrationsNiger2024 []byte
