package form

import (
	"bytes"
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"io"
)

// Document is a JSON object that keeps the order of its keys: it is the order of the questions.
type Document json.RawMessage

// GormDataType implements schema.GormDataTypeInterface.
func (Document) GormDataType() string { return "json" }

// Value implements driver.Valuer.
func (d Document) Value() (driver.Value, error) { return string(d), nil }

// Scan implements sql.Scanner.
func (d *Document) Scan(src any) error {
	switch v := src.(type) {
	case string:
		*d = Document(v)
	case []byte:
		*d = Document(bytes.Clone(v))
	default:
		return fmt.Errorf("form: cannot read %T as a document", src)
	}
	return nil
}

// decode reads a document as maps and lists.
func (d Document) decode() (any, error) {
	var v any
	err := json.Unmarshal(d, &v)
	return v, err
}

// rewrite copies a document in its order and passes each text under a key through change: strings, and
// the strings of a list.
func (d Document) rewrite(change func(key, text string) string) (Document, error) {
	w := &rewriter{in: json.NewDecoder(bytes.NewReader(d)), change: change}
	w.in.UseNumber()
	if err := w.value(""); err != nil {
		return nil, err
	}
	return w.out.Bytes(), nil
}

type rewriter struct {
	in     *json.Decoder
	out    bytes.Buffer
	change func(key, text string) string
}

// value copies the next value, which stands under key.
func (w *rewriter) value(key string) error {
	token, err := w.in.Token()
	if err != nil {
		return err
	}
	switch v := token.(type) {
	case json.Delim:
		if v == '{' {
			return w.members(w.member, "{", "}")
		}
		return w.members(func() error { return w.value(key) }, "[", "]")
	case string:
		return w.write(w.change(key, v))
	}
	return w.write(token)
}

func (w *rewriter) members(member func() error, open, closing string) error {
	w.out.WriteString(open)
	for first := true; w.in.More(); first = false {
		if !first {
			w.out.WriteByte(',')
		}
		if err := member(); err != nil {
			return err
		}
	}
	if _, err := w.in.Token(); err != nil && err != io.EOF {
		return err
	}
	w.out.WriteString(closing)
	return nil
}

func (w *rewriter) member() error {
	key, err := w.in.Token()
	if err != nil {
		return err
	}
	if err := w.write(key); err != nil {
		return err
	}
	w.out.WriteByte(':')
	return w.value(key.(string))
}

func (w *rewriter) write(v any) error {
	raw, err := json.Marshal(v)
	w.out.Write(raw)
	return err
}
