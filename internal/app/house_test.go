package app_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/waystation/waystation/"

// ground is what every domain may stand on.
var ground = []string{"api", "internal/auth", "internal/codelist", "internal/db", "internal/events", "internal/export", "internal/fault",
	"internal/files", "internal/fold", "internal/formula", "internal/headcount", "internal/jobs", "internal/memo", "internal/pcode", "internal/print", "internal/tenant", "internal/wire"}

// domains lists each domain and the other domains whose functions it may call. No edge leads back:
// what happens in one domain because of another is called by the one that causes it.
var domains = map[string][]string{
	"account":      {"centre"},
	"agreement":    {}, // of the network and its centres
	"attachment":   {"beneficiary", "casework", "centre"},
	"audit":        {},
	"bundle":       {},                 // knows operations, not what they make
	"beneficiary":  {"centre", "task"}, // a need to review is a task
	"card":         {"beneficiary", "centre"},
	"casework":     {"beneficiary", "centre", "form", "task"}, // a broken glass to review is a task
	"centre":       {},
	"distribution": {"beneficiary", "card", "centre", "stock"}, // goods leave the ledger with the entitlement; a card names the recipient
	"form":         {},
	"family":       {"beneficiary", "centre", "task"},                  // who comes of age is a task
	"hsds":         {"servicemap"},                                     // the same entries in other terms
	"identity":     {"beneficiary", "centre", "referral"},              // a no of either record ends what is shared of the other
	"intake":       {"beneficiary", "casework", "centre", "reception"}, // a sheet tells how people arrived
	"mhpss":        {"beneficiary", "casework", "centre"},
	"place":        {"casework", "referral", "servicemap", "task"}, // whose place it is; who gets the next is a task
	"privacy":      {"audit", "beneficiary", "casework", "referral"},
	"reception":    {"beneficiary", "centre"},
	"referral":     {"agreement", "beneficiary", "casework", "centre", "servicemap"}, // what may be told to whom, and who takes it
	"report":       {"casework", "centre"},                                           // what somebody carries, by the SOP in force; else SQL only
	"servicemap":   {"task"},                                                         // the network's, of no centre
	"statistics":   {},                                                               // reads figures by SQL, never persons
	"timeline":     {"beneficiary", "casework"},
	"task":         {},                                                  // others raise tasks, and tasks call nobody
	"stock":        {"centre", "task"},                                  // time zone and SOP; what runs short is somebody's to order
	"transfer":     {"attachment", "beneficiary", "casework", "centre"}, // what is attached goes over with its bytes
	"webhook":      {"account"},                                         // what the owner of an endpoint may see now
	"worklist":     {"casework", "centre", "task"},                      // whose cases somebody sees; what nobody did in time is a task
}

// layers lists what every other package may import of ours. A package that is on neither list fails the test.
var layers = map[string][]string{
	"api":                       {},
	"api/docs":                  {},
	"migrations":                {},
	"internal/auth":             {},
	"internal/config":           {},
	"internal/embedpg":          {},
	"internal/fault":            {},
	"internal/fold":             {},
	"internal/formula":          {},
	"internal/headcount":        {"api", "internal/fault", "internal/wire"},
	"internal/memo":             {},
	"internal/pcode":            {},
	"internal/print":            {},
	"internal/tenant":           {},
	"internal/db":               {"internal/fault", "internal/tenant"},
	"internal/jobs":             {"internal/db"},
	"internal/files":            {"internal/db", "internal/fault", "internal/jobs"},
	"internal/wire":             {"internal/db"},
	"internal/codelist":         {"api", "internal/fault"},
	"internal/codelist/country": {"internal/fold"},
	"internal/export":           {"internal/auth", "internal/db", "internal/fault", "internal/formula", "internal/tenant", "internal/wire", "internal/xlsx"},
	"internal/xlsx":             {},
	"internal/events":           {"api", "internal/auth", "internal/db", "internal/fault", "internal/jobs", "internal/wire"},
	"internal/httpd":            {"api", "api/docs", "internal/auth", "internal/codelist", "internal/db", "internal/fault", "internal/jobs", "internal/wire"},
	"internal/files/s3test":     {},
	// Parts of domains that stand by themselves.
	"internal/beneficiary/namekey":   {"internal/fold"},
	"internal/intake/demo":           {},
	"internal/intake/sheet":          {"internal/codelist", "internal/codelist/country", "internal/fold", "internal/formula", "internal/xlsx"},
	"internal/statistics/disclosure": {},
}

// roots put the house together and may import everything but each other's parents.
var roots = []string{"internal/app", "internal/bench", "cmd"}

// source is one Go file of ours that is not a test.
type source struct {
	pkg, file string
	imports   []string // of ours, without the module
}

func sources(t *testing.T) []source {
	t.Helper()
	var list []source
	root := filepath.Join("..", "..")
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return err
		}
		tree, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		within, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		s := source{pkg: path.Dir(filepath.ToSlash(within)), file: path.Base(filepath.ToSlash(within))}
		for _, i := range tree.Imports {
			if imported, err := strconv.Unquote(i.Path.Value); err == nil && strings.HasPrefix(imported, module) {
				s.imports = append(s.imports, strings.TrimPrefix(imported, module))
			}
		}
		list = append(list, s)
		return nil
	})
	if err != nil || len(list) < 50 {
		t.Fatalf("read %d files: %v", len(list), err)
	}
	return list
}

// allowed returns what a package may import; ok is false for one that the lists do not know.
func allowed(pkg string) (list []string, ok bool) {
	if name, is := strings.CutPrefix(pkg, "internal/"); is {
		if edges, domain := domains[name]; domain {
			list = append(list, ground...)
			for _, other := range append([]string{name}, edges...) {
				list = append(list, "internal/"+other)
				for part := range layers {
					if strings.HasPrefix(part, "internal/"+other+"/") {
						list = append(list, part)
					}
				}
			}
			return list, true
		}
	}
	list, ok = layers[pkg]
	return list, ok
}

func TestHouse_PackagesImportOnlyWhatTheirPlaceAllows(t *testing.T) {
	for _, s := range sources(t) {
		if isRoot(s.pkg) {
			continue
		}
		list, known := allowed(s.pkg)
		if !known {
			t.Errorf("%s stands in no list: name it among the domains or the layers", s.pkg)
			continue
		}
		for _, imported := range s.imports {
			if !slices.Contains(list, imported) {
				t.Errorf("%s/%s must not import %s", s.pkg, s.file, imported)
			}
		}
	}
}

func isRoot(pkg string) bool {
	return slices.ContainsFunc(roots, func(root string) bool { return pkg == root || strings.HasPrefix(pkg, root+"/") })
}

// speakers are further files that know the contract's types, each with its reason.
var speakers = map[string]string{
	"internal/intake/upload.go":      "takes a file from the request as it arrives",
	"internal/statistics/answer.go":  "one table in many formats is one answer",
	"internal/statistics/query.go":   "a query is its parameters",
	"internal/statistics/outside.go": "what other systems are shown of the catalogue",
}

func TestHouse_OnlyHandlersAndConversionsKnowTheContract(t *testing.T) {
	excused := maps.Clone(speakers)
	for _, s := range sources(t) {
		delete(excused, s.pkg+"/"+s.file)
		name, isInternal := strings.CutPrefix(s.pkg, "internal/")
		_, domain := domains[name]
		if !isInternal || !domain || !slices.Contains(s.imports, "api") || speakers[s.pkg+"/"+s.file] != "" {
			continue
		}
		base := strings.TrimSuffix(s.file, ".go")
		if !strings.Contains(base, "handlers") && !strings.Contains(base, "convert") {
			t.Errorf("%s/%s: rules and queries must not depend on the contract", s.pkg, s.file)
		}
	}
	for file := range excused {
		t.Errorf("%s is excused and does not exist", file)
	}
}

func TestHouse_DomainsFormNoCircle(t *testing.T) {
	seen := map[string]bool{}
	var visit func(name string, way []string)
	visit = func(name string, way []string) {
		if slices.Contains(way, name) {
			t.Fatalf("a circle: %v", append(way, name))
		}
		for _, next := range domains[name] {
			if _, known := domains[next]; !known {
				t.Errorf("%s may call %s, which is no domain", name, next)
			}
			visit(next, append(slices.Clone(way), name))
		}
		seen[name] = true
	}
	for _, name := range slices.Sorted(maps.Keys(domains)) {
		visit(name, nil)
	}
	if len(seen) != len(domains) {
		t.Errorf("visited %d of %d domains", len(seen), len(domains))
	}
}

func TestHouse_NoPackageIsADrawerForEverything(t *testing.T) {
	for _, s := range sources(t) {
		if slices.Contains([]string{"util", "utils", "common", "helpers", "models", "types", "misc", "shared"}, path.Base(s.pkg)) {
			t.Errorf("%s: a package is named for what it is about", s.pkg)
		}
	}
}
