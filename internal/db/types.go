package db

import (
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/waystation/waystation/internal/tenant"
)

// Strings is a text[] column.
type Strings []string

// GormDataType implements schema.GormDataTypeInterface.
func (Strings) GormDataType() string { return "text[]" }

// Value implements driver.Valuer. A nil list is stored as an empty one.
func (s Strings) Value() (driver.Value, error) { return arrayValue([]string(s), pgtype.TextArrayOID) }

// Scan implements sql.Scanner.
func (s *Strings) Scan(src any) error { return arrayScan(src, pgtype.TextArrayOID, (*[]string)(s)) }

// UUIDs is a uuid[] column.
type UUIDs []uuid.UUID

// GormDataType implements schema.GormDataTypeInterface.
func (UUIDs) GormDataType() string { return "uuid[]" }

// Value implements driver.Valuer.
func (u UUIDs) Value() (driver.Value, error) { return arrayValue([]uuid.UUID(u), pgtype.UUIDArrayOID) }

// Scan implements sql.Scanner.
func (u *UUIDs) Scan(src any) error { return arrayScan(src, pgtype.UUIDArrayOID, (*[]uuid.UUID)(u)) }

// maps are reused: one is costly to make and not safe for two at a time.
var maps = sync.Pool{New: func() any { return pgtype.NewMap() }}

func arrayValue[T any](list []T, oid uint32) (driver.Value, error) {
	if list == nil {
		list = []T{}
	}
	m := maps.Get().(*pgtype.Map)
	defer maps.Put(m)
	raw, err := m.Encode(oid, pgtype.TextFormatCode, list, nil)
	return string(raw), err
}

func arrayScan[T any](src any, oid uint32, to *[]T) error {
	m := maps.Get().(*pgtype.Map)
	defer maps.Put(m)
	switch v := src.(type) {
	case nil:
		*to = nil
		return nil
	case string:
		return m.Scan(oid, pgtype.TextFormatCode, []byte(v), to)
	case []byte:
		format := int16(pgtype.TextFormatCode)
		if len(v) > 0 && v[0] != '{' { // pgx hands its own wire format to a Scanner
			format = pgtype.BinaryFormatCode
		}
		return m.Scan(oid, format, v, to)
	}
	return fmt.Errorf("db: cannot read %T as a list", src)
}

// JSON is a jsonb column that holds a T.
type JSON[T any] struct{ V T }

// GormDataType implements schema.GormDataTypeInterface.
func (JSON[T]) GormDataType() string { return "jsonb" }

// Value implements driver.Valuer.
func (j JSON[T]) Value() (driver.Value, error) {
	raw, err := json.Marshal(j.V)
	return string(raw), err
}

// Scan implements sql.Scanner.
func (j *JSON[T]) Scan(src any) error {
	switch v := src.(type) {
	case nil:
		return nil
	case string:
		return json.Unmarshal([]byte(v), &j.V)
	case []byte:
		return json.Unmarshal(v, &j.V)
	}
	return fmt.Errorf("db: cannot read %T as JSON", src)
}

// Date is a calendar date without a time or a zone.
type Date struct{ time.Time }

// NewDate returns the calendar date of t in its own zone.
func NewDate(t time.Time) Date {
	return Date{time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC)}
}

// GormDataType implements schema.GormDataTypeInterface.
func (Date) GormDataType() string { return "date" }

func (d Date) String() string { return d.Format(time.DateOnly) }

// MarshalJSON writes 2006-01-02.
func (d Date) MarshalJSON() ([]byte, error) { return json.Marshal(d.String()) }

// UnmarshalJSON reads 2006-01-02.
func (d *Date) UnmarshalJSON(raw []byte) error {
	var text string
	if err := json.Unmarshal(raw, &text); err != nil {
		return err
	}
	return d.Scan(text)
}

// Value implements driver.Valuer.
func (d Date) Value() (driver.Value, error) { return d.String(), nil }

// Scan implements sql.Scanner.
func (d *Date) Scan(src any) error {
	switch v := src.(type) {
	case time.Time:
		*d = NewDate(v)
		return nil
	case string:
		t, err := time.Parse(time.DateOnly, v)
		*d = Date{t}
		return err
	}
	return fmt.Errorf("db: cannot read %T as a date", src)
}

// plainUUID is read and written as the sixteen bytes that it is: pgx takes a uuid.UUID's way through
// database/sql, over text. Null is the zero id, as there.
type plainUUID uuid.UUID

// ScanUUID implements pgtype.UUIDScanner.
func (p *plainUUID) ScanUUID(v pgtype.UUID) error {
	*p = v.Bytes
	return nil
}

// UUIDValue implements pgtype.UUIDValuer.
func (p plainUUID) UUIDValue() (pgtype.UUID, error) { return pgtype.UUID{Bytes: p, Valid: true}, nil }

// wrapOurs tells pgx what an id or a day is made of: it would else ask for a driver.Value, a text.
func wrapOurs(value any) (plan pgtype.WrappedEncodePlanNextSetter, next any, ok bool) {
	switch v := value.(type) {
	case uuid.UUID:
		return &oursPlan{}, plainUUID(v), true
	case tenant.ID:
		return &oursPlan{}, plainUUID(v), true
	case Date:
		return &oursPlan{}, v.Time, true
	}
	return nil, nil, false
}

type oursPlan struct{ next pgtype.EncodePlan }

// SetNext implements pgtype.WrappedEncodePlanNextSetter.
func (p *oursPlan) SetNext(next pgtype.EncodePlan) { p.next = next }

// Encode implements pgtype.EncodePlan.
func (p *oursPlan) Encode(value any, buf []byte) ([]byte, error) {
	_, plain, _ := wrapOurs(value)
	return p.next.Encode(plain, buf)
}
