package db_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/app/apptest"
	"github.com/waystation/waystation/internal/db"
)

type sample struct {
	ID    uuid.UUID `gorm:"primaryKey"`
	Names db.Strings
	IDs   db.UUIDs `gorm:"column:ids"`
	Doc   db.JSON[map[string]int]
	On    db.Date
	OnOpt *db.Date
}

func (sample) TableName() string { return "samples" }

func TestTypes_ReadBackAsWritten(t *testing.T) {
	h := apptest.New(t)
	h.Exec("create table samples (id uuid primary key, names text[], ids uuid[], doc jsonb, \"on\" date, on_opt date)")
	h.Exec("grant all on samples to waystation_app")
	want := sample{ID: db.NewID(), Names: db.Strings{`a"b`, "", "دي{}", "c,d"}, IDs: db.UUIDs{db.NewID()},
		Doc: db.JSON[map[string]int]{V: map[string]int{"x": 1}}, On: db.NewDate(time.Date(1991, 3, 4, 23, 0, 0, 0, time.UTC))}
	err := h.App.DB.InTx(context.Background(), db.Scope{}, func(ctx context.Context) error {
		if err := db.Insert(ctx, &want); err != nil {
			return err
		}
		var throughGorm sample
		if err := db.Tx(ctx).Take(&throughGorm).Error; err != nil {
			return err
		}
		same(t, throughGorm, want)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	err = h.App.DB.InTx(context.Background(), db.Scope{ReadOnly: true}, func(ctx context.Context) error {
		throughPgx, err := db.Get[sample](ctx, want.ID)
		if err == nil {
			same(t, *throughPgx, want)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func same(t *testing.T, got, want sample) {
	t.Helper()
	if !slices.Equal(got.Names, want.Names) || !slices.Equal(got.IDs, want.IDs) || got.Doc.V["x"] != 1 || got.On != want.On || got.OnOpt != nil {
		t.Errorf("got %+v, want %+v", got, want)
	}
}
