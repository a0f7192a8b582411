// Package pcode knows how administrative areas lie within each other, by their OCHA P-codes. A code tells nothing of that by
// itself: prefixes vary from country to country.
package pcode

import (
	"bytes"
	_ "embed"
	"encoding/csv"
	"slices"
	"sync"
)

// Location (alpha-3), Admin Level, P-Code, Name, Parent P-Code, Valid from date; see README.md.
//
//go:embed pcodes-corridor.csv
var corridor []byte

// parents leads from each area to the one that it lies in; from the first level to the country's alpha-3 code.
var parents = sync.OnceValue(func() map[string]string {
	rows, err := csv.NewReader(bytes.NewReader(corridor)).ReadAll()
	if err != nil {
		panic(err) // the file is a part of the program
	}
	above := make(map[string]string, len(rows))
	for _, row := range rows[1:] {
		above[row[2]] = row[4]
	}
	return above
})

// Around returns the codes of the areas in which a place of any of these codes lies: they themselves and all above. A code that
// is not known is its own area alone.
func Around(codes ...string) []string {
	list := []string{}
	for _, code := range codes {
		for code != "" && !slices.Contains(list, code) {
			list = append(list, code)
			code = parents()[code]
		}
	}
	return list
}
