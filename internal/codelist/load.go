package codelist

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/csv"
	"encoding/hex"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
)

//go:embed lists.csv data/*.csv
var files embed.FS

// shipped cannot fail to load in a binary whose tests have passed: they load the same bytes.
var shipped = must(load(files))

type catalogue struct {
	lists  []List
	byName map[string]int
}

func must(c catalogue, err error) catalogue {
	if err != nil {
		panic("codelist: " + err.Error())
	}
	return c
}

// load reads lists.csv and, in the order of their names, the files it tells of.
func load(fsys fs.FS) (catalogue, error) {
	raw, err := fs.ReadFile(fsys, "lists.csv")
	if err != nil {
		return catalogue{}, err
	}
	index, err := parse(raw)
	if err != nil {
		return catalogue{}, fmt.Errorf("lists.csv: %w", err)
	}
	slices.SortFunc(index, func(a, b row) int { return strings.Compare(a["name"], b["name"]) })

	c := catalogue{byName: make(map[string]int, len(index))}
	for i, about := range index {
		l, err := loadList(fsys, about)
		if err != nil {
			return catalogue{}, fmt.Errorf("%s.csv: %w", about["name"], err)
		}
		c.lists = append(c.lists, l)
		c.byName[l.Name] = i
	}
	return c, nil
}

func loadList(fsys fs.FS, about row) (List, error) {
	l := List{
		Name:       about["name"],
		Topic:      about["topic"],
		Titles:     about.labels(),
		ParentList: about["parent_list"],
		Fixed:      about["fixed"] == "yes",
	}
	if l.ParentList == "" {
		l.ParentList = l.Name
	}
	raw, err := fs.ReadFile(fsys, "data/"+l.Name+".csv")
	if err != nil {
		return List{}, err
	}
	sum := sha256.Sum256(fmt.Appendf(raw, "%v", about)) // fmt orders a map by its keys
	l.Version = hex.EncodeToString(sum[:6])
	rows, err := parse(raw)
	if err != nil {
		return List{}, err
	}
	return l, l.fill(rows)
}

// fill adds the entries, ordered by their sort column, and what is derived from them.
func (l *List) fill(rows []row) error {
	for _, r := range rows {
		e, err := r.entry()
		if err != nil {
			return err
		}
		l.Entries = append(l.Entries, e)
	}
	slices.SortStableFunc(l.Entries, func(a, b Entry) int { return a.Sort - b.Sort })

	l.byCode = make(map[string]int, len(l.Entries))
	for i, e := range l.Entries {
		l.byCode[e.Code] = i
		if !slices.Contains(l.Sources, e.Source) {
			l.Sources = append(l.Sources, e.Source)
		}
	}
	return nil
}

// row is one line of a CSV file by column name.
type row map[string]string

func parse(raw []byte) ([]row, error) {
	records, err := csv.NewReader(bytes.NewReader(raw)).ReadAll() // refuses lines with more or fewer fields than the header
	if err != nil {
		return nil, err
	}
	var rows []row
	for _, record := range records[min(1, len(records)):] {
		r := make(row, len(record))
		for i, column := range records[0] {
			r[column] = record[i]
		}
		rows = append(rows, r)
	}
	return rows, nil
}

func (r row) labels() map[string]string {
	labels := make(map[string]string, len(languages))
	for _, lang := range languages {
		labels[lang] = r["label_"+lang]
	}
	return labels
}

func (r row) entry() (Entry, error) {
	sort, err := strconv.Atoi(r["sort"])
	if err != nil {
		return Entry{}, fmt.Errorf("code %q: sort: %w", r["code"], err)
	}
	return Entry{
		Code:   r["code"],
		Labels: r.labels(),
		Parent: r["parent_code"],
		Sort:   sort,
		Note:   r["note"],
		Source: r["source"],
		Basis:  r["basis"],
		Extra:  r.extra(),
	}, nil
}

// columns are those that every list has, in this order; what follows them is a list's own.
var columns = []string{"code", "label_en", "label_fr", "label_ar", "label_es", "source", "basis", "parent_code", "sort", "note"}

func (r row) extra() map[string]string {
	extra := make(map[string]string)
	for column, value := range r {
		if value != "" && !slices.Contains(columns, column) {
			extra[column] = value
		}
	}
	return extra
}
