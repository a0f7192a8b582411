package export

import (
	"context"
	"fmt"

	"github.com/waystation/waystation/internal/auth"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/tenant"
)

// ledger notes in the ledger of disclosures who leaves with the rows, and which fields of them: all in one
// statement, however many they are. A record that ended in another stands for that one.
func (s *stream[T, A]) ledger(ctx context.Context, rows string, args []any) error {
	if s.People == "" {
		return nil
	}
	centre, err := tenant.One(ctx)
	if err != nil {
		return err
	}
	tx, err := db.Pgx(ctx)
	if err != nil {
		return err
	}
	fields, id := make([]string, len(s.columns)), db.NewID()
	for i, c := range s.columns {
		fields[i] = c.name
	}
	if _, err = tx.Exec(ctx, "insert into exports (centre_id, id, list, organisation_id, fields) values ($1, $2, $3, $4, $5)",
		centre, id, s.Name, auth.From(ctx).OrganisationID, fields); err != nil {
		return err
	}
	n := len(args)
	_, err = tx.Exec(ctx, fmt.Sprintf(`with recursive told as (%s), led (person, case_id) as (
			%s
			union select b.merged_into, led.case_id from led join beneficiaries b on b.centre_id = $%d and b.id = led.person and b.merged_into is not null)
		insert into exported_people (centre_id, export_id, beneficiary_id, case_id)
		select $%[3]d, $%d, person, case_id from led
		where not exists (select from beneficiaries b where b.centre_id = $%[3]d and b.id = led.person and b.merged_into is not null)`,
		rows, s.People, n+1, n+2), append(args[:n:n], centre, id)...)
	return err
}
