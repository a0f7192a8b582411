package centre

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/waystation/waystation/internal/codelist"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
	"github.com/waystation/waystation/internal/memo"
	"github.com/waystation/waystation/internal/tenant"
)

// Code is what a centre made of one code of the network's lists. A code without a row is as the
// network has it.
type Code struct {
	db.Record
	List   string
	Code   string
	Active bool
	Labels db.JSON[map[string]string] // the centre's own, by language
}

// TableName implements schema.Tabler.
func (Code) TableName() string { return "centre_codes" }

// selection is a network list together with what a centre made of it.
type selection struct {
	list    codelist.List
	rows    map[string]Code // by code
	version int64           // sum of the rows' versions: it only grows
}

// readSelection returns the list as the context's centre uses it, 404 for an unknown list.
func readSelection(ctx context.Context, list string) (*selection, error) {
	l, ok := codelist.Get(list)
	if !ok {
		return nil, fault.Missing()
	}
	rows, err := db.Find[Code](ctx, func(q *gorm.DB) *gorm.DB { return q.Where("list = ?", list) })
	if err != nil {
		return nil, err
	}
	s := &selection{list: l, rows: map[string]Code{}}
	for _, r := range rows {
		s.rows[r.Code] = r
		s.version += r.Version
	}
	return s, nil
}

// tag is the entity tag in one language; the state it stands for is the part before the language.
func (s *selection) tag(lang string) string { return s.state() + "-" + lang + `"` }

func (s *selection) state() string { return fmt.Sprintf(`"%s-%d`, s.list.Version, s.version) }

func (s *selection) expect(ifMatch string) error {
	if strings.HasPrefix(ifMatch, s.state()+"-") {
		return nil
	}
	return fault.Changed().
		With("current_etag", s.tag(codelist.English))
}

func (s *selection) active(code string) bool {
	row, ok := s.rows[code]
	return !ok || row.Active
}

// label returns the centre's label of an entry, or the network's.
func (s *selection) label(e codelist.Entry, lang string) string {
	if own := s.rows[e.Code].Labels.V[lang]; own != "" {
		return own
	}
	return codelist.Label(s.list.Name, e.Code, lang)
}

// wish is what is to become of one code: nil and absent leave what is there.
type wish struct {
	active *bool
	labels map[string]*string // by language; nil brings the network's label back
}

// apply judges the wishes and returns the rows that change, in the order of their codes.
func (s *selection) apply(wishes map[string]wish) ([]Code, error) {
	rules := fault.Rules()
	var changed []Code
	for _, code := range slices.Sorted(maps.Keys(wishes)) {
		w, pointer := wishes[code], "/codes/"+pointerEscape.Replace(code)
		if _, ok := s.list.Entry(code); !ok {
			rules.Add(pointer, "unknown_code", "Not a code of the list "+s.list.Name+".")
			continue
		}
		if s.list.Fixed && w.active != nil && !*w.active {
			rules.Add(pointer+"/active", "fixed_list", "Rules stand on the codes of this list. Relabel the code instead.")
			continue
		}
		if row, differs := s.row(code).with(w); differs {
			s.rows[code] = row
			changed = append(changed, row)
		}
	}
	if !slices.ContainsFunc(s.list.Entries, func(e codelist.Entry) bool { return s.active(e.Code) }) {
		rules.Add("/codes", "nothing_left", "At least one code of the list must stay switched on.")
	}
	return changed, rules.Err()
}

func (s *selection) row(code string) Code {
	if row, ok := s.rows[code]; ok {
		return row
	}
	return Code{Record: db.NewRecord(nil), List: s.list.Name, Code: code, Active: true}
}

// with returns the row as wished, and whether that is a change.
func (c Code) with(w wish) (Code, bool) {
	was := c
	labels := maps.Clone(c.Labels.V)
	if labels == nil {
		labels = map[string]string{}
	}
	for lang, label := range w.labels {
		delete(labels, lang)
		if label != nil {
			labels[lang] = *label
		}
	}
	c.Labels.V = labels
	if w.active != nil {
		c.Active = *w.active
	}
	return c, c.Active != was.Active || !maps.Equal(labels, was.Labels.V)
}

// updateSelection changes a centre's codes. Changes of one centre come one after another.
func updateSelection(ctx context.Context, list, ifMatch string, wishes map[string]wish) (*selection, error) {
	centre, err := tenant.One(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := db.LockAny[Centre](ctx, centre); err != nil {
		return nil, err
	}
	s, err := readSelection(ctx, list)
	if err != nil {
		return nil, err
	}
	if err := s.expect(ifMatch); err != nil {
		return nil, err
	}
	changed, err := s.apply(wishes)
	if err != nil || len(changed) == 0 {
		return s, err
	}
	if err := storeCodes(ctx, changed); err != nil {
		return nil, err
	}
	return readSelection(ctx, list)
}

// storeCodes writes all rows in one statement.
func storeCodes(ctx context.Context, rows []Code) error {
	return db.Tx(ctx).Clauses(clause.OnConflict{
		Columns: []clause.Column{{Name: "centre_id"}, {Name: "list"}, {Name: "code"}},
		DoUpdates: append(clause.AssignmentColumns([]string{"active", "labels"}),
			clause.Assignments(map[string]any{"version": gorm.Expr("centre_codes.version + 1"), "updated_at": db.Now()})...),
	}).Create(&rows).Error
}

// InactiveCodes returns the codes that the context's centre has switched off, by list. Writes
// that do not come as a request body, such as rows of an import, are judged with it.
func InactiveCodes(ctx context.Context) (map[string][]string, error) {
	rows, err := db.Find[Code](ctx, func(q *gorm.DB) *gorm.DB { return q.Where("not active").Order("list, code") })
	off := map[string][]string{}
	for _, r := range rows {
		off[r.List] = append(off[r.List], r.Code)
	}
	return off, err
}

// CodeGate refuses the codes that a centre has switched off. It remembers them for a moment:
// every write asks.
type CodeGate struct {
	off *memo.Memo[uuid.UUID, map[string][]string]
}

// codesFor is how long another process may still accept a code that was just switched off.
const codesFor = 10 * time.Second

// NewCodeGate makes a gate. requestTimeout is the longest that the change of a selection may take
// to be committed.
func NewCodeGate(requestTimeout time.Duration) *CodeGate {
	return &CodeGate{memo.New[uuid.UUID, map[string][]string](codesFor, requestTimeout)}
}

// Check answers a 422 naming field and list for each submitted code that the centre does not use.
// It reads in the session of ctx.
func (g *CodeGate) Check(ctx context.Context, centre uuid.UUID, submitted []codelist.Use) error {
	off, err := g.off.Get(centre, func() (map[string][]string, error) { return InactiveCodes(ctx) })
	if err != nil {
		return err
	}
	rules := fault.Rules()
	for _, u := range submitted {
		if slices.Contains(off[u.List], u.Code) {
			rules.Add(u.Pointer, "inactive_code", "The centre has switched this code of the list "+u.List+" off.")
		}
	}
	return rules.Err()
}

func (g *CodeGate) forget(centre uuid.UUID) { g.off.Forget(centre) }
