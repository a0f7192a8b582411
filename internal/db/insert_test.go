package db_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/app/apptest"
	"github.com/waystation/waystation/internal/beneficiary"
	"github.com/waystation/waystation/internal/db"
)

// Lists of every length are stored with a few statements: each that is prepared stays with both sides.
func TestInsertAll_KeepsFewStatementsPrepared(t *testing.T) {
	h := apptest.New(t)
	scope := db.Scope{Centres: []uuid.UUID{h.CentreA}, ActorKind: "system"}
	var prepared, stored int
	err := h.App.DB.InTx(context.Background(), scope, func(ctx context.Context) error {
		for n := range 130 {
			homes := make([]*beneficiary.Household, n)
			for i := range homes {
				homes[i] = &beneficiary.Household{Record: db.NewRecord(nil), Status: "active"}
			}
			if err := db.InsertAll(ctx, homes); err != nil {
				return err
			}
			if n > 0 && (homes[n-1].Reference == "" || homes[0].Reference == "") {
				return fmt.Errorf("of %d households some have no reference", n)
			}
		}
		if err := db.Tx(ctx).Raw("select count(*) from households").Scan(&stored).Error; err != nil {
			return err
		}
		return db.Tx(ctx).Raw("select count(*) from pg_prepared_statements where statement ilike 'insert into%households%'").Scan(&prepared).Error
	})
	if err != nil || stored != 130*129/2 || prepared == 0 || prepared > 7 {
		t.Errorf("%d statements for %d households: %v", prepared, stored, err)
	}
}
