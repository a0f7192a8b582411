package audit_test

import (
	"context"
	"testing"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/app/apptest"
	"github.com/waystation/waystation/internal/db"
)

// BenchmarkTrail measures what the trail and the change feed add to a row that is written, by
// writing a thousand rows of a wide table with and without them.
func BenchmarkTrail(b *testing.B) {
	const columns = `centre_id uuid not null, id uuid not null, version bigint not null, created_at timestamptz not null, updated_at timestamptz not null,
		reference text, status text, given_name text, family_name text, sex text, birth_date date, birth_date_precision text, nationality text,
		languages text[], phone text, email text, note text, consented boolean, visits int, weight float8, parent_id uuid, tags jsonb, primary key (centre_id, id)`
	h := apptest.New(b)
	h.Exec("create table bare (" + columns + ")")
	h.Exec("create table trailed (" + columns + ")")
	h.Exec("select protect('bare'), protect('trailed', 'trailed')")
	h.Exec("drop trigger trail on bare")
	for _, table := range []string{"bare", "trailed"} {
		run := func(sql string, args ...any) {
			err := h.App.DB.InTx(context.Background(), db.Scope{Centres: []uuid.UUID{h.CentreA}, ActorID: h.IOM, ActorKind: "user", Operation: "bench", RequestID: "bench"},
				func(ctx context.Context) error { return db.Tx(ctx).Exec(sql, args...).Error })
			if err != nil {
				b.Fatal(err)
			}
		}
		b.Run(table+"/insert", func(b *testing.B) {
			for b.Loop() {
				run("insert into "+table+` select ?, gen_random_uuid(), 1, now(), now(), 'AGZ-000001', 'active', 'Aïssa', 'Maïga', 'female', '1999-02-03', 'day', 'MLI',
					'{fr,bm}', '+22790000000', '', 'A note of some length, as people write them', true, n, 1.5, null, '{"a": 1}' from generate_series(1, 1000) n`, h.CentreA)
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/1000, "µs/row")
		})
		b.Run(table+"/update", func(b *testing.B) {
			h.Exec("truncate " + table)
			run("insert into "+table+` select ?, gen_random_uuid(), 1, now(), now(), 'AGZ-000001', 'active', 'Aïssa', 'Maïga', 'female', '1999-02-03', 'day', 'MLI',
				'{fr,bm}', '+22790000000', '', 'A note of some length, as people write them', true, n, 1.5, null, '{"a": 1}' from generate_series(1, 1000) n`, h.CentreA)
			for b.Loop() {
				run("update "+table+" set version = version + 1, updated_at = clock_timestamp(), status = 'v' || version, phone = 'p' || version where centre_id = ?", h.CentreA)
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/1000, "µs/row")
		})
	}
}
