package tenant_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgconn"
	"gorm.io/gorm"

	"github.com/waystation/waystation/internal/app/apptest"
	"github.com/waystation/waystation/internal/config"
	"github.com/waystation/waystation/internal/db"
)

// note is a tenant table as any other: one line of protect, one embedded Record.
type note struct {
	db.Record
	Text string
}

// house holds one note in each centre.
func house(t *testing.T, options ...func(*config.Config)) (*apptest.House, map[uuid.UUID]note) {
	h := apptest.New(t, options...)
	h.Exec("create table notes (centre_id uuid not null, id uuid not null, version bigint not null, created_at timestamptz not null, updated_at timestamptz not null, text text not null, primary key (centre_id, id))")
	h.Exec("select protect('notes', 'note')")
	notes := map[uuid.UUID]note{}
	for _, centre := range []uuid.UUID{h.CentreA, h.CentreB} {
		n := note{Record: db.NewRecord(nil), Text: "of " + centre.String()}
		if err := in(h, centre, func(ctx context.Context) error { return db.Insert(ctx, &n) }); err != nil {
			t.Fatal(err)
		}
		notes[centre] = n
	}
	return h, notes
}

// nothing narrows no further than the tenant scope does.
func nothing(q *gorm.DB) *gorm.DB { return q }

func in(h *apptest.House, centre uuid.UUID, do func(context.Context) error) error {
	return h.App.DB.InTx(context.Background(), db.Scope{Centres: []uuid.UUID{centre}}, do)
}

// isolated checks every way of GORM to a row: those of centre A see and touch A's note only.
func isolated(t *testing.T, h *apptest.House, notes map[uuid.UUID]note) {
	t.Helper()
	foreign := notes[h.CentreB]
	err := in(h, h.CentreA, func(ctx context.Context) error {
		var all []note
		if err := db.Tx(ctx).Where("text <> ''").Or("true").Find(&all).Error; err != nil {
			return err
		}
		if len(all) != 1 || all[0].ID != notes[h.CentreA].ID {
			t.Errorf("find sees %d notes", len(all))
		}
		found, err := db.Find[note](ctx, nothing)
		if err != nil || len(found) != 1 {
			t.Errorf("db.Find sees %d notes: %v", len(found), err)
		}
		var n int64
		if err := db.Tx(ctx).Model(&note{}).Unscoped().Count(&n).Error; err != nil || n != 1 {
			t.Errorf("count sees %d: %v", n, err)
		}
		if done := db.Tx(ctx).Model(&note{}).Where("id = ?", foreign.ID).Update("text", "stolen"); done.Error != nil || done.RowsAffected != 0 {
			t.Errorf("update touched %d: %v", done.RowsAffected, done.Error)
		}
		if done := db.Tx(ctx).Where("id = ?", foreign.ID).Delete(&note{}); done.Error != nil || done.RowsAffected != 0 {
			t.Errorf("delete touched %d: %v", done.RowsAffected, done.Error)
		}
		if _, err := db.LockAny[note](ctx, foreign.ID); err == nil {
			t.Error("locked a foreign note")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	smuggled := note{Record: db.NewRecord(nil), Text: "x"}
	smuggled.CentreID = foreign.CentreID
	if err := in(h, h.CentreA, func(ctx context.Context) error { return db.Insert(ctx, &smuggled) }); err == nil {
		t.Error("wrote into a foreign centre")
	}
	var text string
	h.Scan("select text from notes where id = $1", []any{foreign.ID}, &text)
	if strings.Contains(text, "stolen") {
		t.Error("the foreign note was changed")
	}
}

func TestGorm_IsolatesWithoutRowSecurity(t *testing.T) {
	h, notes := house(t)
	h.Exec("alter table notes disable row level security")
	isolated(t, h, notes)
}

func TestBothLocks_Isolate(t *testing.T) {
	h, notes := house(t)
	isolated(t, h, notes)
}

func TestRowSecurity_IsolatesRawSQL(t *testing.T) {
	h, notes := house(t)
	foreign := notes[h.CentreB]
	err := in(h, h.CentreA, func(ctx context.Context) error {
		tx, err := db.Pgx(ctx)
		if err != nil {
			return err
		}
		var n int
		if err := tx.QueryRow(ctx, "select count(*) from notes").Scan(&n); err != nil || n != 1 {
			t.Errorf("raw count sees %d: %v", n, err)
		}
		tag, err := tx.Exec(ctx, "update notes set text = 'stolen' where id = $1", foreign.ID)
		if err != nil || tag.RowsAffected() != 0 {
			t.Errorf("raw update touched %d: %v", tag.RowsAffected(), err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	err = in(h, h.CentreA, func(ctx context.Context) error {
		tx, _ := db.Pgx(ctx)
		_, err := tx.Exec(ctx, "insert into notes select $1, $2, 1, now(), now(), 'x'", h.CentreB, db.NewID())
		return err
	})
	var pg *pgconn.PgError
	if !errors.As(err, &pg) || pg.Code != "42501" {
		t.Errorf("raw insert into a foreign centre: %v", err)
	}
}

func TestOutsideAnyCentre_NothingIsReached(t *testing.T) {
	h, _ := house(t)
	err := h.App.DB.InTx(context.Background(), db.Scope{}, func(ctx context.Context) error {
		var all []note
		if err := db.Tx(ctx).Find(&all).Error; err == nil {
			t.Errorf("a statement without a centre ran and found %d", len(all))
		}
		tx, err := db.Pgx(ctx)
		if err != nil {
			return err
		}
		var n int
		if err := tx.QueryRow(ctx, "select count(*) from notes").Scan(&n); err != nil || n != 0 {
			t.Errorf("raw SQL without a centre sees %d: %v", n, err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestScope_DoesNotOutliveItsTransaction(t *testing.T) {
	h, _ := house(t, func(c *config.Config) { c.MaxConnections = 1 })
	_ = in(h, h.CentreA, func(ctx context.Context) error {
		_, err := db.Find[note](ctx, nothing)
		return err
	})
	func() {
		defer func() { _ = recover() }()
		_ = in(h, h.CentreA, func(ctx context.Context) error {
			_ = db.Tx(ctx).Find(&[]note{}).Error
			panic("handler")
		})
	}()
	cancelled, cancel := context.WithCancel(context.Background())
	_ = h.App.DB.InTx(cancelled, db.Scope{Centres: []uuid.UUID{h.CentreA}}, func(ctx context.Context) error {
		_ = db.Tx(ctx).Find(&[]note{}).Error
		cancel()
		return db.Tx(ctx).Find(&[]note{}).Error
	})
	var left string
	if err := h.App.DB.Pool.QueryRow(context.Background(), "select coalesce(current_setting('app.centre_ids', true), '')").Scan(&left); err != nil || left != "" {
		t.Errorf("the connection still works in %q: %v", left, err)
	}
	if used := h.App.DB.Pool.Stat().AcquiredConns(); used != 0 {
		t.Errorf("%d connections were never given back", used)
	}
}
