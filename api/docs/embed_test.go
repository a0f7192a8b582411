package docs

import (
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"regexp"
	"strings"
	"testing"
)

func read(t *testing.T, name string) string {
	t.Helper()
	raw, err := fs.ReadFile(Files, name)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func bundle(t *testing.T) string {
	t.Helper()
	names, err := fs.Glob(Files, "redoc-*.js")
	if err != nil || len(names) != 1 {
		t.Fatalf("bundles %v, error %v", names, err)
	}
	return names[0]
}

func TestPage_LoadsOnlyWhatIsShipped(t *testing.T) {
	links := regexp.MustCompile(`(?:src|href)="([^"]*)"`).FindAllStringSubmatch(read(t, "index.html"), -1)
	if len(links) == 0 {
		t.Fatal("no links found")
	}
	for _, link := range links {
		if link[1] == "/openapi.yaml" {
			continue
		}
		name, ok := strings.CutPrefix(link[1], "/docs/")
		if !ok {
			t.Errorf("%s is outside /docs/", link[1])
			continue
		}
		read(t, name)
	}
}

func TestPage_HasNoInlineScript(t *testing.T) {
	if regexp.MustCompile(`<script(?:>| [^>]*>[^<])|<style| on[a-z]+=|javascript:`).MatchString(read(t, "index.html")) {
		t.Error("the policy would block part of index.html")
	}
}

func TestBundle_NameCarriesItsHash(t *testing.T) {
	name := bundle(t)
	sum := sha256.Sum256([]byte(read(t, name)))
	if want := hex.EncodeToString(sum[:4]) + ".js"; !strings.HasSuffix(name, "-"+want) {
		t.Errorf("%s should end in %s", name, want)
	}
	if !strings.Contains(read(t, "index.html"), `src="/docs/`+name+`"`) {
		t.Errorf("index.html does not load %s", name)
	}
}

// The original shows a logo from another host once it has mounted; ours never does.
func TestBundle_DoesNotLoadTheLogo(t *testing.T) {
	if !strings.Contains(read(t, bundle(t)), `t(!1)},[]),e?n.createElement("img",{alt:"redocly logo"`) {
		t.Error("the edit that README.md tells of is missing")
	}
}
