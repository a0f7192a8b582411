// Package pcode knows how administrative areas lie within each other, by their OCHA P-codes. A code tells nothing of that by
// itself: prefixes vary from country to country.
package pcode

import (
	"bytes"
	"cmp"
	_ "embed"
	"encoding/csv"
	"slices"
	"sync"
)

// Location (alpha-3), Admin Level, P-Code, Name, Parent P-Code, Valid from date; see README.md.
//
//go:embed pcodes-corridor.csv
var corridor []byte

type area struct{ name, parent string }

// areas are what each code stands for, and the area that it lies in: of the first level the country, by its alpha-3 code.
var areas = sync.OnceValue(func() map[string]area {
	rows, err := csv.NewReader(bytes.NewReader(corridor)).ReadAll()
	if err != nil {
		panic(err) // the file is a part of the program
	}
	known := make(map[string]area, len(rows))
	for _, row := range rows[1:] {
		known[row[2]] = area{name: row[3], parent: row[4]}
	}
	return known
})

// Name is what an area is called; a code that is not known is its own name.
func Name(code string) string { return cmp.Or(areas()[code].name, code) }

// Around returns the codes of the areas in which a place of any of these codes lies: they themselves and all above. A code that
// is not known is its own area alone.
func Around(codes ...string) []string {
	list := []string{}
	for _, code := range codes {
		for code != "" && !slices.Contains(list, code) {
			list = append(list, code)
			code = areas()[code].parent
		}
	}
	return list
}
