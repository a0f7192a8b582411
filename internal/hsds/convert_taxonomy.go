package hsds

import (
	"cmp"
	"slices"
	"strings"
	"sync"

	"github.com/google/uuid"

	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/internal/codelist"
	"github.com/waystation/waystation/internal/fold"
)

// namespace is what the ids of taxonomies and terms are derived from: the same in every installation.
var namespace = uuid.NewSHA1(uuid.NameSpaceURL, []byte("https://github.com/waystation/waystation/hsds"))

// lists are the code lists that classify services, with the column of each.
var lists = []struct{ list, column string }{{"service_type", "type"}, {"mhpss_activity_type", "mhpss_activity"}}

// term is a code of one of the lists.
type term struct {
	id, taxonomy, parent uuid.UUID // parent: nil where there is nothing above
	column, code         string
	shown                api.HsdsTaxonomyTerm
}

type taxonomies struct {
	all   []api.HsdsTaxonomy
	terms []term
}

// shipped are the taxonomies; they change with the product alone.
var shipped = sync.OnceValue(func() (t taxonomies) {
	for _, l := range lists {
		list, _ := codelist.Get(l.list)
		tax := api.HsdsTaxonomy{ID: derived(namespace, l.list), Version: &list.Version, Name: list.Title("en"), Description: "Code list " + l.list + ": " + strings.Join(list.Sources, "; ")}
		t.all = append(t.all, tax)
		for _, e := range list.Entries {
			t.terms = append(t.terms, termOf(&t.all[len(t.all)-1], l.column, e))
		}
	}
	return t
})

func termOf(tax *api.HsdsTaxonomy, column string, e codelist.Entry) term {
	t := term{id: derived(tax.ID, e.Code), taxonomy: tax.ID, column: column, code: e.Code}
	english, detail := "en", *tax
	t.shown = api.HsdsTaxonomyTerm{ID: t.id, Code: &t.code, Name: e.Labels["en"], Description: cmp.Or(e.Note, e.Labels["en"]), Taxonomy: &detail.Name, TaxonomyID: &t.taxonomy, TaxonomyDetail: &detail, Language: &english}
	if e.Parent != "" {
		t.parent = derived(tax.ID, e.Parent)
		t.shown.ParentID = &t.parent
	}
	return t
}

// find returns the term of an id, nil where there is none.
func (t taxonomies) find(id string) *term {
	at := slices.IndexFunc(t.terms, func(one term) bool { return one.id.String() == id })
	if at < 0 {
		return nil
	}
	return &t.terms[at]
}

// of returns the terms that classify a service.
func (t taxonomies) of(s *service) (found []term) {
	for _, one := range t.terms {
		if one.code == map[string]string{"type": s.Type, "mhpss_activity": s.MHPSSActivity}[one.column] {
			found = append(found, one)
		}
	}
	return found
}

// speaks tells whether a text holds what somebody searches for.
func speaks(text string, search *string) bool {
	return search == nil || strings.Contains(fold.Key(text), fold.Key(*search))
}
