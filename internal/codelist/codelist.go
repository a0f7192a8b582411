// Package codelist holds the code lists that every centre starts from: sexes, case statuses, referral reasons, items and
// so on, each code with labels in English, French, Arabic and Spanish.
//
// The lists are data, one CSV file each under data/, named and described in lists.csv. They are compiled into the binary,
// read once and never change while it runs, so a centre that is offline answers the same as any other. Which codes a
// centre uses is decided elsewhere. To add a list, add its file and its row in lists.csv; the tests check both.
//
// Where a code comes from stands beside it: Entry.Source names the publication and Entry.Basis says how far it was checked
// there. Labels are short factual descriptions written for Waystation, not the official wording of any organisation.
package codelist

import "slices"

// List is one code list. It shares its entries with every other caller and is to be read only.
type List struct {
	Name       string            // file name without extension, as in the contract's x-codelist: "case_closure_reason"
	Topic      string            // the part of the work it belongs to: centre, person, case, referral, stock, …
	Version    string            // first 12 hexadecimal digits of a SHA-256 of the file and its row in lists.csv: changes when anything in them does
	Titles     map[string]string // the list's own name by language, all of Languages
	ParentList string            // list that Entry.Parent points into; its own Name when the list is a tree or flat
	Fixed      bool              // rules of the product stand on its codes: a centre may relabel them, not switch them off
	Sources    []string          // distinct sources of its entries, in order of appearance
	Entries    []Entry           // in order of Sort

	byCode map[string]int
}

// Entry is one code of a list.
type Entry struct {
	Code   string            // never changes once shipped
	Labels map[string]string // by language, all of Languages, never empty
	Parent string            // code in List.ParentList, or ""
	Sort   int               // position in the list, from 1
	Note   string            // English remark for the people who maintain or map the list, or ""
	Source string            // publication or system the code was taken from; "own" when it is ours
	Basis  string            // how the source was used: verified (read there), recalled (not re-read) or proposed (ours)
	Extra  map[string]string // the list's further columns by header, without the empty ones: "terminal": "yes"
}

// Lists returns every list, ordered by name.
func Lists() []List { return slices.Clone(shipped.lists) }

// Use is a code as a request submits it.
type Use struct {
	Pointer string // JSON pointer into the body
	List    string
	Code    string
}

// Get returns the list of that name; false when there is none.
func Get(name string) (List, bool) {
	i, ok := shipped.byName[name]
	if !ok {
		return List{}, false
	}
	return shipped.lists[i], true
}

// Known tells whether list has code. An unknown list knows no code.
func Known(list, code string) bool {
	l, _ := Get(list)
	_, ok := l.byCode[code]
	return ok
}

// Label returns the label of code in lang, in English when lang is not one of Languages, and "" when the list or the code
// is unknown.
func Label(list, code, lang string) string {
	l, _ := Get(list)
	e, _ := l.Entry(code)
	return inLanguage(e.Labels, lang)
}

// Entry returns the entry of that code; false when there is none.
func (l List) Entry(code string) (Entry, bool) {
	i, ok := l.byCode[code]
	if !ok {
		return Entry{}, false
	}
	return l.Entries[i], true
}

// Title returns the list's own name in lang, in English when lang is not one of Languages.
func (l List) Title(lang string) string { return inLanguage(l.Titles, lang) }

func inLanguage(labels map[string]string, lang string) string {
	if s, ok := labels[lang]; ok {
		return s
	}
	return labels[English]
}
