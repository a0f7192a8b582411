package export

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/waystation/waystation/internal/db"
)

// column is one field of a resource as a sheet shows it.
type column struct {
	name  string
	index int
}

// columnsOf names the fields of a resource as the contract does: some first, the others by name.
func columnsOf[A any](first, omit []string) []column {
	var list []column
	t := reflect.TypeFor[A]()
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		if !slices.Contains(omit, name) {
			list = append(list, column{name, i})
		}
	}
	place := func(c column) int {
		if at := slices.Index(first, c.name); at >= 0 {
			return at
		}
		return len(first)
	}
	slices.SortStableFunc(list, func(a, b column) int {
		if d := place(a) - place(b); d != 0 {
			return d
		}
		return strings.Compare(a.name, b.name)
	})
	return list
}

func cells(to []string, columns []column, shown any) []string {
	v := reflect.ValueOf(shown)
	for _, c := range columns {
		to = append(to, text(v.Field(c.index)))
	}
	return to
}

// text writes a value as a cell: nothing where there is none, lists joined by ";", objects as JSON.
func text(v reflect.Value) string {
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return ""
		}
		v = v.Elem()
	}
	switch x := v.Interface().(type) {
	case time.Time:
		return x.UTC().Format(time.RFC3339Nano)
	case fmt.Stringer: // ids and dates
		return x.String()
	}
	switch v.Kind() {
	case reflect.String:
		return v.String()
	case reflect.Bool:
		return strconv.FormatBool(v.Bool())
	case reflect.Slice:
		parts := make([]string, v.Len())
		for i := range parts {
			parts[i] = text(v.Index(i))
		}
		return strings.Join(parts, ";")
	case reflect.Map:
		return pairs(v)
	case reflect.Struct:
		raw, _ := json.Marshal(v.Interface()) // the contract's own types
		return string(raw)
	}
	return fmt.Sprint(v.Interface())
}

func pairs(v reflect.Value) string {
	told := map[string]string{}
	for key, value := range v.Seq2() {
		told[text(key)] = text(value)
	}
	parts := make([]string, 0, len(told))
	for _, key := range slices.Sorted(maps.Keys(told)) {
		parts = append(parts, key+"="+told[key])
	}
	return strings.Join(parts, ";")
}

// Told collects what the trail keeps of a filter: what is set, as text.
func Told(filter map[string]any) map[string]string {
	told := map[string]string{}
	for name, value := range filter {
		v := reflect.ValueOf(value)
		if ids, ok := value.(db.UUIDs); ok {
			if ids != nil {
				told[name] = strconv.Itoa(len(ids)) // how many, not who
			}
			continue
		}
		if s := text(v); s != "" {
			told[name] = s
		}
	}
	return told
}
