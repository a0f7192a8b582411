package config

import (
	"fmt"
	"reflect"
	"strings"
)

// Table renders every setting as a Markdown table: variable, default, meaning.
func Table() string {
	var b strings.Builder
	b.WriteString("| Variable | Default | Meaning |\n|---|---|---|\n")
	for _, f := range reflect.VisibleFields(reflect.TypeFor[Config]()) {
		byDefault := ""
		if d := f.Tag.Get("envDefault"); d != "" {
			byDefault = "`" + d + "`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", variable(f.Name), byDefault, f.Tag.Get("doc"))
	}
	return b.String()
}
