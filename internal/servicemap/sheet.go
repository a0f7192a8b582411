package servicemap

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"strconv"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/waystation/waystation/internal/codelist"
	"github.com/waystation/waystation/internal/fault"
	"github.com/waystation/waystation/internal/formula"
)

// most bounds the rows of a file: it is read in one transaction.
const most = 5000

// sheet is a file of the map: what its columns mean is what the contract says of the fields that they are named after.
type sheet struct {
	rows   *csv.Reader
	fields []*openapi3.SchemaRef // by column; nil: told by exports and not read back
	names  []string
}

// openSheet reads the head of a file. created are the fields of what its rows become, shown those that exports tell.
func openSheet(file io.Reader, created, shown openapi3.Schemas) (s *sheet, err error) {
	s = &sheet{rows: csv.NewReader(file)}
	s.rows.FieldsPerRecord = -1
	if s.names, err = s.rows.Read(); err != nil {
		return nil, unreadable(err)
	}
	s.names[0] = strings.TrimPrefix(s.names[0], "\ufeff")
	rules := fault.Rules()
	for i, name := range s.names {
		field := created[name]
		if field == nil && shown[name] == nil {
			rules.Add("/columns/"+strconv.Itoa(i), "unknown_column", "There is no field of this name.")
		}
		s.fields = append(s.fields, field)
	}
	return s, rules.Err()
}

func unreadable(err error) error {
	return fault.InvalidField("", "unreadable", "This is no CSV file in UTF-8 with commas and a line of column names.").Because(err)
}

// next reads a row as the document that it stands for. Empty cells say nothing: what is there stays. The faults of a row come with it.
func (s *sheet) next() (row []byte, faults, err error) {
	record, err := s.rows.Read()
	if errors.Is(err, io.EOF) {
		return nil, nil, err
	}
	if err != nil {
		return nil, nil, unreadable(err)
	}
	document, rules := map[string]any{}, fault.Rules()
	if len(record) != len(s.names) {
		rules.Add("", "cells", "The row has "+strconv.Itoa(len(record))+" cells, the head "+strconv.Itoa(len(s.names))+".")
		return nil, rules.Err(), nil
	}
	for i, cell := range record {
		if text := plain(cell); text != "" && s.fields[i] != nil {
			document[s.names[i]] = s.value(rules, s.names[i], s.fields[i].Value, text)
		}
	}
	row, err = json.Marshal(document)
	return row, rules.Err(), err
}

// plain takes off what keeps a cell from being run by a spreadsheet; see formula.SafeCell.
func plain(cell string) string {
	if text, marked := strings.CutPrefix(cell, "'"); marked && formula.Runs(text) {
		return text
	}
	return cell
}

// value is what a cell says, judged by the contract.
func (s *sheet) value(rules *fault.Error, name string, field *openapi3.Schema, text string) (value any) {
	value, ok := parse(field, text)
	if !ok {
		rules.Add("/"+name, "not_understood", "The cell is not what this field takes.")
		return nil
	}
	if err := field.VisitJSON(value); err != nil {
		detail := err.Error()
		var broken *openapi3.SchemaError
		if errors.As(err, &broken) {
			detail = broken.Reason
		}
		rules.Add("/"+name, "invalid", detail)
	}
	for _, code := range codesOf(field, value) {
		if list := listOf(field); list != "" && !codelist.Known(list, code) {
			rules.Add("/"+name, "unknown_code", "Not a code of the list "+list+".")
		}
	}
	return value
}

func listOf(field *openapi3.Schema) string {
	if field.Items != nil {
		field = field.Items.Value
	}
	list, _ := field.Extensions["x-codelist"].(string)
	return list
}

func codesOf(field *openapi3.Schema, value any) (codes []string) {
	switch v := value.(type) {
	case string:
		return []string{v}
	case []any:
		for _, one := range v {
			if code, ok := one.(string); ok {
				codes = append(codes, code)
			}
		}
	}
	return codes
}

// parse reads a cell as the type that a field has: lists are joined by ";", their objects are JSON.
func parse(field *openapi3.Schema, text string) (value any, ok bool) {
	switch {
	case field.Type.Is("array") && field.Items.Value.Type.Is("object"):
		return objects(text)
	case field.Type.Is("array"):
		list := []any{}
		for _, one := range strings.Split(text, ";") {
			list = append(list, strings.TrimSpace(one))
		}
		return list, true
	case field.Type.Is("string"):
		return text, true
	}
	err := json.Unmarshal([]byte(text), &value) // numbers and truth values
	return value, err == nil
}

func objects(text string) (list []any, ok bool) {
	for text != "" {
		from := json.NewDecoder(strings.NewReader(text))
		var one map[string]any
		if from.Decode(&one) != nil {
			return nil, false
		}
		list = append(list, one)
		text = strings.TrimPrefix(strings.TrimSpace(text[from.InputOffset():]), ";")
	}
	return list, true
}
