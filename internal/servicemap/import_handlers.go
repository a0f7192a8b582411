package servicemap

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"reflect"
	"sync"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
	"github.com/waystation/waystation/internal/wire"
)

// outcome is what becomes of a row.
type outcome string

const (
	created   outcome = "created"
	updated   outcome = "updated"
	unchanged outcome = "unchanged"
)

// tally is what became of a file.
type tally struct {
	counts map[outcome]int
	rows   int
	errors []api.ServiceMapImportError
}

// contract is read once: rows are judged by the schemas of the entries.
var contract = sync.OnceValues(api.GetSpec)

// errTried gives up what a dry run did.
var errTried = fault.New(fault.Conflict, "dry_run", "Nothing was saved.")

// ImportServiceMap reads a file of services or of locations, row by row.
func (h Handlers) ImportServiceMap(ctx context.Context, req api.ImportServiceMapRequestObject) (api.ImportServiceMapResponseObject, error) {
	read, schema := h.importService, "Service"
	if req.Params.Kind == api.ImportServiceMapParamsKindLocations {
		read, schema = h.importLocation, "ServiceLocation"
	}
	spec, err := contract()
	if err != nil {
		return nil, err
	}
	file, err := openSheet(req.Body, spec.Components.Schemas[schema+"Create"].Value.Properties, spec.Components.Schemas[schema].Value.Properties)
	if err != nil {
		return nil, err
	}
	dry := req.Params.Mode == nil || *req.Params.Mode != api.ImportServiceMapParamsModeCommit
	t, session := &tally{counts: map[outcome]int{}}, db.Current(ctx)
	err = session.DB().InTx(ctx, session.Scope(), func(ctx context.Context) error {
		if err := t.run(ctx, file, read); err != nil || !dry {
			return err
		}
		return errTried
	})
	if err != nil && !errors.Is(err, errTried) {
		return nil, err
	}
	return api.ImportServiceMap200JSONResponse{DryRun: dry, Rows: t.rows, Created: t.counts[created], Updated: t.counts[updated], Unchanged: t.counts[unchanged], Rejected: t.rows - t.counts[created] - t.counts[updated] - t.counts[unchanged],
		Errors: wire.List(t.errors)}, nil
}

// run takes every row that keeps the rules, and names the faults of the others.
func (t *tally) run(ctx context.Context, file *sheet, read func(context.Context, []byte) (outcome, error)) error {
	for {
		row, faults, err := file.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if t.rows++; t.rows > most {
			return fault.InvalidField("", "too_many_rows", "A file holds up to 5000 rows.")
		}
		if faults == nil {
			faults, err = db.Attempt(ctx, func() error {
				became, err := read(ctx, row)
				if err == nil {
					t.counts[became]++
				}
				return err
			})
		}
		if err != nil && !fault.Is(err, fault.Forbidden) {
			return err
		}
		t.reject(faults, err)
	}
}

// reject notes why a row was not taken. Its line counts the head.
func (t *tally) reject(reasons ...error) {
	for _, reason := range reasons {
		var f *fault.Error
		if !errors.As(reason, &f) {
			continue
		}
		fields := f.Fields
		if len(fields) == 0 {
			fields = []fault.Field{{Code: f.Code, Detail: f.Public}}
		}
		for _, one := range fields {
			t.errors = append(t.errors, api.ServiceMapImportError{Row: t.rows + 1, Pointer: wire.Opt(one.Pointer), Code: one.Code, Detail: one.Detail})
		}
	}
}

// same finds the entry that a row is about: by its id, else by another condition within the provider's.
func same[T any](ctx context.Context, id, provider *uuid.UUID, condition string, args ...any) (*T, error) {
	found, err := db.Find[T](ctx, func(q *gorm.DB) *gorm.DB {
		switch {
		case id != nil:
			return q.Where("id = ?", *id)
		case provider == nil:
			return q.Where("false")
		}
		return q.Where("organisation_id = ?", *provider).Where(condition, args...).Limit(1)
	})
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return &found[0], nil
}

// importService enters the service of a row, or changes the one that it is about.
func (h Handlers) importService(ctx context.Context, row []byte) (outcome, error) {
	var b api.ServiceCreate
	var p api.ServicePatch
	if err := decode(row, &b, &p); err != nil {
		return "", err
	}
	provider := ownerOf(ctx, b.OrganisationID)
	known, err := same[Service](ctx, b.ID, provider, "case when ? <> '' then external_code = ? else name = ? end", wire.Value(b.ExternalCode), wire.Value(b.ExternalCode), b.Name)
	if err != nil {
		return "", err
	}
	if known == nil {
		if err := complete(b.Name != "", "/name", b.Type != "", "/type", len(b.ReferralMethods) > 0, "/referral_methods"); err != nil {
			return "", err
		}
		_, err := h.enter(ctx, b)
		return created, err
	}
	after := *known
	after.patch(p)
	if reflect.DeepEqual(toService(known), toService(&after)) {
		return unchanged, nil
	}
	_, err = change(ctx, known.ID, wire.ETag(known.Version), func(s *Service) { s.patch(p) })
	return updated, err
}

// importLocation does the same for a location. A confidential one is found by its id alone: its name must not answer.
func (h Handlers) importLocation(ctx context.Context, row []byte) (outcome, error) {
	var b api.ServiceLocationCreate
	var p api.ServiceLocationPatch
	if err := decode(row, &b, &p); err != nil {
		return "", err
	}
	known, err := same[Location](ctx, b.ID, ownerOf(ctx, b.OrganisationID), "not confidential and name = ?", b.Name)
	if err != nil {
		return "", err
	}
	if known == nil {
		if err := complete(b.Name != "", "/name", b.Admin1Pcode != "", "/admin1_pcode", b.TimeZone != "", "/time_zone"); err != nil {
			return "", err
		}
		_, err := h.enterLocation(ctx, b)
		return created, err
	}
	shown := *h.told(ctx, known)
	after := shown
	after.patch(p)
	if reflect.DeepEqual(toLocation(&shown), toLocation(&after)) {
		return unchanged, nil
	}
	_, err = h.relocate(ctx, known.ID, wire.ETag(known.Version), func(l *Location) error { l.patch(p); return nil })
	return updated, err
}

// decode reads a row as what would create an entry and as what would change it.
func decode(row []byte, into ...any) error {
	for _, to := range into {
		if err := json.Unmarshal(row, to); err != nil {
			return fault.InvalidField("", "not_understood", "A cell is not what its field takes.").Because(err)
		}
	}
	return nil
}

// complete wants what a new entry needs: pairs of whether it is there, and where.
func complete(pairs ...any) error {
	rules := fault.Rules()
	for i := 0; i < len(pairs); i += 2 {
		if there, _ := pairs[i].(bool); !there {
			rules.Add(pairs[i+1].(string), "required", "A new entry needs it.")
		}
	}
	return rules.Err()
}
