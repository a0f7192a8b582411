// Package bundle creates several things in one atomic call: what a device gathered offline. It knows
// nothing of what it creates: each entry is an operation of the contract, run by its own handler
// inside the bundle's transaction.
package bundle

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
)

// Part prepares one POST below a centre inside the current transaction: scope, contract and codes are
// checked at once, and the work is done when do is called. See httpd.Server.Part.
type Part func(ctx context.Context, centre uuid.UUID, path string, body []byte) (do func() (http.Header, []byte, error), err error)

// Entry is one thing to create.
type Entry struct {
	As   string // $name by which later entries know it; may be empty
	Path string // below the centre
	Body map[string]any
}

// Created is what became of an entry.
type Created struct {
	As       string
	ID       uuid.UUID
	Version  int64
	Location string
	Resource map[string]any // as the operation answered it
}

// Create runs every entry in order, or none: the caller's transaction must be given up on an error.
// All entries are checked before the first is run; their faults point into the bundle.
func Create(ctx context.Context, part Part, centre uuid.UUID, entries []Entry) ([]Created, error) {
	if _, err := db.Pgx(ctx); err != nil { // begin: no entry may commit by itself
		return nil, err
	}
	if err := name(entries); err != nil {
		return nil, err
	}
	work, err := prepare(ctx, part, centre, entries)
	if err != nil {
		return nil, err
	}
	made := make([]Created, len(entries))
	for i, do := range work {
		header, body, err := do()
		if err != nil {
			return nil, within(err, i)
		}
		made[i].As, made[i].Location = entries[i].As, header.Get("Location")
		if err := made[i].read(body); err != nil {
			return nil, err
		}
	}
	return made, nil
}

// name gives every named entry its id and puts it in the place of the name in the entries behind it.
func name(entries []Entry) error {
	ids, rules := map[string]string{}, fault.Rules()
	for i := range entries {
		e := &entries[i]
		e.Path = resolvePath(e.Path, ids)
		if strings.Contains(e.Path, "$") {
			rules.Add(fmt.Sprintf("/entries/%d/path", i), "unknown_name", "No entry before this one has that name.")
		}
		e.Body, _ = resolve(e.Body, ids).(map[string]any)
		if e.As == "" {
			continue
		}
		if ids[e.As] != "" {
			rules.Add(fmt.Sprintf("/entries/%d/as", i), "repeated", "An earlier entry has this name.")
		}
		if _, chosen := e.Body["id"].(string); !chosen {
			e.Body["id"] = db.NewID().String()
		}
		ids[e.As], _ = e.Body["id"].(string)
	}
	return rules.Err()
}

func resolvePath(path string, ids map[string]string) string {
	steps := strings.Split(path, "/")
	for i, step := range steps {
		if id := ids[step]; id != "" {
			steps[i] = id
		}
	}
	return strings.Join(steps, "/")
}

// resolve copies a value with ids in the place of names.
func resolve(v any, ids map[string]string) any {
	switch v := v.(type) {
	case string:
		if id := ids[v]; id != "" {
			return id
		}
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = resolve(v[i], ids)
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(v)+1)
		for key := range v {
			out[key] = resolve(v[key], ids)
		}
		return out
	}
	return v
}

// prepare checks all entries. A missing right comes before broken rules, of which all are told.
func prepare(ctx context.Context, part Part, centre uuid.UUID, entries []Entry) ([]func() (http.Header, []byte, error), error) {
	work, rules := make([]func() (http.Header, []byte, error), len(entries)), fault.Rules()
	for i, e := range entries {
		body, err := json.Marshal(e.Body)
		if err != nil {
			return nil, err
		}
		work[i], err = part(ctx, centre, e.Path, body)
		var broken *fault.Error
		if err = within(err, i); errors.As(err, &broken) && broken.Kind == fault.Invalid {
			rules.Fields = append(rules.Fields, broken.Fields...)
		} else if err != nil {
			return nil, err
		}
	}
	return work, rules.Err()
}

// within makes an entry's fault point into the bundle.
func within(err error, entry int) error {
	var f *fault.Error
	if err == nil || db.Retryable(err) || !errors.As(db.Fault(err), &f) {
		return err
	}
	told := *f
	told.Fields = nil
	for _, field := range f.Fields {
		told.Add(fmt.Sprintf("/entries/%d/body%s", entry, field.Pointer), field.Code, field.Detail)
	}
	if len(f.Fields) == 0 {
		told.Add(fmt.Sprintf("/entries/%d", entry), f.Code, f.Public)
	}
	return &told
}

// read takes id and version from an operation's answer.
func (c *Created) read(body []byte) error {
	if err := json.Unmarshal(body, &c.Resource); err != nil {
		return err
	}
	var known struct {
		ID      uuid.UUID
		Version int64
	}
	err := json.Unmarshal(body, &known)
	c.ID, c.Version = known.ID, known.Version
	return err
}
