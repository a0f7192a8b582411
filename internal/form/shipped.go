package form

import (
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/waystation/waystation/internal/db"
)

// Files are the forms that come with the product, one file a version. A version that was released
// stays as it is, for the answers that were given on it; a change is a new file with a new id.
//
//go:embed shipped/*.json
var Files embed.FS

// shippedForm is what a file says.
type shippedForm struct {
	ID           uuid.UUID    `json:"id"`
	Key          string       `json:"key"`
	Number       int          `json:"number"`
	Kind         string       `json:"kind"`
	Title        string       `json:"title"`
	Description  string       `json:"description"`
	Language     string       `json:"language"`
	Schema       document     `json:"schema"`
	UISchema     document     `json:"ui_schema"`
	Translations Translations `json:"translations"`
}

// document reads a Document from a file as it stands there.
type document = json.RawMessage

// template is the form as the rest of the package knows it.
func (s shippedForm) template() *Template {
	t := &Template{Key: s.Key, Number: s.Number, Kind: s.Kind, Title: s.Title, Description: s.Description, Language: s.Language, Status: published,
		Schema: Document(s.Schema), UISchema: Document(s.UISchema), Translations: db.JSON[Translations]{V: s.Translations}}
	t.ID = s.ID
	return t
}

// shipped reads every file.
func shipped() ([]shippedForm, error) {
	names, err := fs.Glob(Files, "shipped/*.json")
	if err != nil {
		return nil, err
	}
	list := make([]shippedForm, len(names))
	for i, name := range names {
		raw, err := Files.ReadFile(name)
		if err != nil {
			return nil, err
		}
		if err := json.Unmarshal(raw, &list[i]); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	return list, nil
}

// Ship stores the forms of this version of the product, as the role that owns the tables. What is
// there stays as it is.
func Ship(ctx context.Context, conn *pgx.Conn) error {
	forms, err := shipped()
	if err != nil {
		return err
	}
	for _, f := range forms {
		_, err := conn.Exec(ctx, `insert into shipped_forms (id, key, number, kind, title, description, language, schema, ui_schema, translations)
			values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) on conflict (id) do nothing`,
			f.ID, f.Key, f.Number, f.Kind, f.Title, f.Description, f.Language, f.Schema, f.UISchema, f.Translations)
		if err != nil {
			return fmt.Errorf("form %s %d: %w", f.Key, f.Number, err)
		}
	}
	return nil
}

// Unshipped tells that a form of this version of the product is not stored yet: Ship has not run.
func Unshipped(ctx context.Context, conn *pgx.Conn) (bool, error) {
	forms, err := shipped()
	if err != nil {
		return false, err
	}
	ids := make([]uuid.UUID, len(forms))
	for i, f := range forms {
		ids[i] = f.ID
	}
	var stored int
	err = conn.QueryRow(ctx, "select count(*) from shipped_forms where id = any ($1)", ids).Scan(&stored)
	return stored < len(ids), err
}
