package app_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	gorm "gorm.io/gorm/schema"

	"github.com/waystation/waystation/internal/app/apptest"
)

// The entities of all domains against the tables of the migrations: each field has its column, of
// a type that holds it, and each column that a new row must fill has its field. The entities are
// read from the source, so that none can be left out.

// holds says which column types a field's type may stand for. int holds either width: Go's is 64 bits.
var holds = map[string][]string{
	"string": {"text", "name"}, "bool": {"bool"}, "int": {"int4", "int8"}, "int32": {"int4"}, "int64": {"int8"}, "float64": {"float8"},
	"[]byte": {"bytea"}, "time.Time": {"timestamptz"}, "db.Date": {"date"}, "uuid.UUID": {"uuid"}, "tenant.ID": {"uuid"},
	"db.Strings": {"_text"}, "db.UUIDs": {"_uuid"}, "db.JSON": {"jsonb"}, "json": {"jsonb"}, "json.RawMessage": {"json"},
	"decimal.Decimal": {"numeric"},
}

// readOnly are entities that only read a part of their table, or read it in another form; what
// they do not name does not matter to them.
var readOnly = map[string]string{
	"account.person":            "what a member's list shows of a user",
	"audit.Entry":               "a line of the trail as it is shown",
	"beneficiary.Match":         "a search's row",
	"beneficiary.countedBlock":  "a block in a list",
	"referral.exportedReferral": "a referral in an export",
	"distribution.person":       "what entitlements ask of somebody",
	"events.Change":             "a row of the feed as it is shown",
	"hsds.provider":             "what the façade shows of an organisation",
	"hsds.site":                 "where a service is given",
	"referral.receiver":         "what a sender sees of an organisation",
	"statistics.Profile":        "set by migrations",
}

// excused are single fields that differ from their column, each with its reason.
var excused = map[string]string{
	"events.Change.Xid":                    "a transaction id, read as a number",
	"referral.submission.Person":           "null in what centres send; a submission has it",
	"referral.submission.ConsentStatement": "null in what centres send; a submission has it",
}

// entity is a struct that stands for a table.
type entity struct {
	pkg, name, table string
	fields           []field
}

type field struct {
	name, column, kind string // kind: a key of holds
	optional           bool   // a pointer: null is a value
	queried            bool   // "->" in the tag: a query may fill it, GORM never writes it
}

// tree is the source of one package: its structs, the types behind its other names, its tables.
type tree struct {
	structs map[string]*ast.StructType
	kinds   map[string]ast.Expr
	tables  map[string]string // by struct
	consts  map[string]string
}

func trees(t *testing.T) map[string]*tree {
	t.Helper()
	all := map[string]*tree{}
	err := filepath.WalkDir("..", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		x := all[file.Name.Name]
		if x == nil {
			x = &tree{map[string]*ast.StructType{}, map[string]ast.Expr{}, map[string]string{}, map[string]string{}}
			all[file.Name.Name] = x
		}
		for _, d := range file.Decls {
			x.read(d)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func (x *tree) read(d ast.Decl) {
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Name.Name == "TableName" && d.Recv != nil {
			returned := d.Body.List[0].(*ast.ReturnStmt).Results[0]
			x.tables[receiver(d)] = x.text(returned)
		}
	case *ast.GenDecl:
		for _, s := range d.Specs {
			x.spec(s)
		}
	}
}

func (x *tree) spec(s ast.Spec) {
	switch s := s.(type) {
	case *ast.TypeSpec:
		if st, ok := s.Type.(*ast.StructType); ok {
			x.structs[s.Name.Name] = st
		} else {
			x.kinds[s.Name.Name] = s.Type
		}
	case *ast.ValueSpec:
		for i, v := range s.Values {
			if literal, ok := v.(*ast.BasicLit); ok && literal.Kind == token.STRING && i < len(s.Names) {
				x.consts[s.Names[i].Name] = x.text(literal)
			}
		}
	}
}

// text is a string literal, or the mark of a constant that is looked up once all files are read.
func (x *tree) text(e ast.Expr) string {
	if literal, ok := e.(*ast.BasicLit); ok {
		s, _ := strconv.Unquote(literal.Value)
		return s
	}
	if name, ok := e.(*ast.Ident); ok {
		return "const " + name.Name
	}
	return ""
}

func receiver(d *ast.FuncDecl) string {
	e := d.Recv.List[0].Type
	if star, ok := e.(*ast.StarExpr); ok {
		e = star.X
	}
	return e.(*ast.Ident).Name
}

// entities finds the structs that embed db.Record or db.Global or name their table.
func entities(t *testing.T) []entity {
	t.Helper()
	all := trees(t)
	var list []entity
	for pkg, x := range all {
		if pkg == "db" || pkg == "apptest" {
			continue
		}
		for name, st := range x.structs {
			table, named := x.tables[name]
			if !named && !embeds(st) {
				continue
			}
			if !named {
				table = gorm.NamingStrategy{}.TableName(name)
			}
			if c, is := strings.CutPrefix(table, "const "); is {
				table = x.consts[c]
			}
			list = append(list, entity{pkg, name, table, fieldsOf(all, pkg, st)})
		}
	}
	if len(list) < 15 {
		t.Fatalf("found only %d entities", len(list))
	}
	return list
}

func embeds(st *ast.StructType) bool {
	return slices.ContainsFunc(st.Fields.List, func(f *ast.Field) bool {
		s, ok := f.Type.(*ast.SelectorExpr)
		return ok && len(f.Names) == 0 && s.X.(*ast.Ident).Name == "db" && (s.Sel.Name == "Record" || s.Sel.Name == "Global")
	})
}

func fieldsOf(all map[string]*tree, pkg string, st *ast.StructType) []field {
	var list []field
	for _, f := range st.Fields.List {
		tag := ""
		if f.Tag != nil {
			raw, _ := strconv.Unquote(f.Tag.Value)
			tag = reflect.StructTag(raw).Get("gorm")
		}
		setting := gorm.ParseTagSetting(tag, ";")
		if _, left := setting["-"]; left {
			continue
		}
		if inner, at := embedded(all, pkg, f, setting); inner != nil {
			list = append(list, fieldsOf(all, at, inner)...)
			continue
		}
		kind, optional := kindOf(all, pkg, f.Type)
		if setting["SERIALIZER"] == "json" {
			kind = "json"
		}
		for _, name := range f.Names {
			column := setting["COLUMN"]
			if column == "" {
				column = gorm.NamingStrategy{}.ColumnName("", name.Name)
			}
			list = append(list, field{name.Name, column, kind, optional, setting["->"] != ""})
		}
	}
	return list
}

// embedded returns the struct whose fields are the entity's own, and its package.
func embedded(all map[string]*tree, pkg string, f *ast.Field, setting map[string]string) (*ast.StructType, string) {
	if _, marked := setting["EMBEDDED"]; !marked && len(f.Names) > 0 {
		return nil, ""
	}
	switch e := f.Type.(type) {
	case *ast.Ident:
		return all[pkg].structs[e.Name], pkg
	case *ast.SelectorExpr:
		at := e.X.(*ast.Ident).Name
		return all[at].structs[e.Sel.Name], at
	}
	return nil, ""
}

// kindOf names a field's type as holds does, following names of our own to what is behind them.
func kindOf(all map[string]*tree, pkg string, e ast.Expr) (kind string, optional bool) {
	switch e := e.(type) {
	case *ast.StarExpr:
		kind, _ = kindOf(all, pkg, e.X)
		return kind, true
	case *ast.IndexExpr:
		return kindOf(all, pkg, e.X)
	case *ast.ArrayType:
		kind, _ = kindOf(all, pkg, e.Elt)
		return "[]" + kind, false
	case *ast.Ident:
		if behind, ours := all[pkg].kinds[e.Name]; ours {
			return kindOf(all, pkg, behind)
		}
		return e.Name, false
	case *ast.SelectorExpr:
		at := e.X.(*ast.Ident).Name
		kind = at + "." + e.Sel.Name
		if holds[kind] == nil && all[at] != nil && all[at].kinds[e.Sel.Name] != nil {
			return kindOf(all, at, all[at].kinds[e.Sel.Name])
		}
		return kind, false
	}
	return "?", false
}

type column struct {
	table, name, kind   string
	optional, defaulted bool
	view                bool // says nothing of nulls
}

func columns(t *testing.T, h *apptest.House) map[string]map[string]column {
	t.Helper()
	byTable := map[string]map[string]column{}
	for _, c := range collect[column](t, h, `select c.relname, a.attname, y.typname, not a.attnotnull, a.atthasdef or a.attidentity <> '', c.relkind = 'v' from pg_attribute a
		join pg_class c on c.oid = a.attrelid join pg_type y on y.oid = a.atttypid
		where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p', 'v') and a.attnum > 0 and not a.attisdropped`,
		func(x *column) []any { return []any{&x.table, &x.name, &x.kind, &x.optional, &x.defaulted, &x.view} }) {
		if byTable[c.table] == nil {
			byTable[c.table] = map[string]column{}
		}
		byTable[c.table][c.name] = c
	}
	return byTable
}

func TestDrift_EveryFieldOfAnEntityHasItsColumn(t *testing.T) {
	byTable := columns(t, apptest.New(t))
	for _, e := range entities(t) {
		if byTable[e.table] == nil {
			t.Errorf("%s.%s stands for the table %q, which does not exist", e.pkg, e.name, e.table)
			continue
		}
		_, reads := readOnly[e.pkg+"."+e.name]
		for _, f := range e.fields {
			name := e.pkg + "." + e.name + "." + f.name
			c, exists := byTable[e.table][f.column]
			if excused[name] != "" || !exists && f.queried {
				continue
			}
			switch {
			case !exists:
				t.Errorf("%s: %s has no column %s", name, e.table, f.column)
			case !slices.Contains(holds[f.kind], c.kind) && !(reads && f.kind == "int64" && c.kind == "int4"):
				t.Errorf("%s of type %s stands for %s.%s of type %s", name, f.kind, e.table, c.name, c.kind)
			case !reads && !c.view && f.kind != "[]byte" && f.optional != c.optional: // no bytes are null
				t.Errorf("%s may be null: %v; %s.%s: %v", name, f.optional, e.table, c.name, c.optional)
			}
		}
	}
}

func TestDrift_EveryColumnThatANewRowMustFillHasItsField(t *testing.T) {
	byTable := columns(t, apptest.New(t))
	for _, e := range entities(t) {
		if readOnly[e.pkg+"."+e.name] != "" {
			continue
		}
		for _, c := range byTable[e.table] {
			known := slices.ContainsFunc(e.fields, func(f field) bool { return f.column == c.name })
			if !known && !c.optional && !c.defaulted {
				t.Errorf("%s.%s does not know %s.%s, which must be filled", e.pkg, e.name, e.table, c.name)
			}
		}
	}
}
