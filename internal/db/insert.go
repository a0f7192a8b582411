package db

import (
	"context"
	"math/bits"
	"reflect"

	"github.com/jackc/pgx/v5"
	"gorm.io/gorm"
	"gorm.io/gorm/schema"
)

// InsertAll stores new rows in one round trip, parents before their children: pointers to
// entities, or slices of them. What the database fills in (fields tagged default:(-)) is read back.
func InsertAll(ctx context.Context, rows ...any) error {
	s := Current(ctx)
	if s == nil {
		return ErrOutsideSession
	}
	if err := s.begin(ctx); err != nil {
		return err
	}
	return s.insert(ctx, rows)
}

// InsertLast is InsertAll for a request that does nothing in the database afterwards. While the
// session has not begun, scope and rows travel as one pipeline, which is a transaction of its own:
// the whole write costs one round trip instead of three.
func InsertLast(ctx context.Context, rows ...any) error {
	s := Current(ctx)
	if s == nil {
		return ErrOutsideSession
	}
	return s.insert(ctx, rows)
}

func (s *Session) insert(ctx context.Context, rows []any) error {
	batch, rows := &pgx.Batch{}, inShapes(rows)
	if s.tx == nil {
		s.queueScope(batch, true)
	}
	for _, row := range rows {
		q, err := s.insertion(ctx, row)
		if err != nil {
			return err
		}
		batch.Queue(q.sql, q.args...)
	}
	results := s.send(ctx, batch)
	defer results.Close()
	if s.tx == nil {
		if _, err := results.Exec(); err != nil {
			return err
		}
	}
	for _, row := range rows {
		if err := s.readBack(ctx, results, row); err != nil {
			return err
		}
	}
	return results.Close()
}

// most is how many rows one statement brings.
const most = 64

// inShapes cuts slices into lengths that are powers of two, the largest first. Each length is a statement of
// its own that both sides keep prepared: a few of them, instead of one for every length that ever came.
func inShapes(rows []any) []any {
	var out []any
	for _, row := range rows {
		list := reflect.Indirect(reflect.ValueOf(row))
		if list.Kind() != reflect.Slice {
			out = append(out, row)
			continue
		}
		for from := 0; from < list.Len(); {
			n := 1 << (bits.Len(uint(min(list.Len()-from, most))) - 1)
			out = append(out, list.Slice(from, from+n).Interface())
			from += n
		}
	}
	return out
}

func (s *Session) send(ctx context.Context, batch *pgx.Batch) pgx.BatchResults {
	if s.tx != nil {
		return s.tx.SendBatch(ctx, batch)
	}
	return s.db.Pool.SendBatch(ctx, batch)
}

// insertion lets GORM write the statement, tenant stamp included.
func (s *Session) insertion(ctx context.Context, row any) (query, error) {
	done := s.db.gorm.Session(&gorm.Session{NewDB: true, DryRun: true, Context: ctx}).Create(row)
	return query{sql: done.Statement.SQL.String(), args: done.Statement.Vars}, done.Error
}

func (s *Session) readBack(ctx context.Context, results pgx.BatchResults, row any) error {
	returned, err := results.Query()
	if err != nil {
		return err
	}
	defer returned.Close()
	meta, err := schema.Parse(row, &schemas, s.db.gorm.NamingStrategy)
	if err != nil {
		return err
	}
	fields, err := fieldsOf(meta, returned.FieldDescriptions())
	if err != nil {
		return err
	}
	at := reflect.Indirect(reflect.ValueOf(row))
	for i := 0; returned.Next(); i++ {
		one := at
		if at.Kind() == reflect.Slice {
			one = reflect.Indirect(at.Index(i))
		}
		if err := returned.Scan(destinations(ctx, fields, one, make([]any, len(fields)))...); err != nil {
			return err
		}
	}
	return returned.Err()
}
