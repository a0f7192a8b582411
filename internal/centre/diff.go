package centre

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// Change is one value that differs between two policies. An absent value is nil.
type Change struct {
	Pointer       string // JSON pointer into the policy
	Before, After any
}

// Diff lists what differs in p from the policy before it, by pointer.
func (p Policy) Diff(before Policy) []Change {
	was, is := before.values(), p.values()
	all := maps.Clone(was)
	maps.Copy(all, is)
	var changes []Change
	for _, pointer := range slices.Sorted(maps.Keys(all)) {
		if !reflect.DeepEqual(was[pointer], is[pointer]) {
			changes = append(changes, Change{pointer, was[pointer], is[pointer]})
		}
	}
	return changes
}

// values flattens a policy into its single values. Lists of names are one value; consent
// statements are compared one by one.
func (p Policy) values() map[string]any {
	raw, _ := json.Marshal(p) // numbers, texts and lists of them
	var tree map[string]any
	_ = json.Unmarshal(raw, &tree)
	flat := map[string]any{}
	flatten(flat, "", tree)
	return flat
}

var pointerEscape = strings.NewReplacer("~", "~0", "/", "~1")

func flatten(into map[string]any, pointer string, value any) {
	switch v := value.(type) {
	case map[string]any:
		for name, member := range v {
			flatten(into, pointer+"/"+pointerEscape.Replace(name), member)
		}
	case []any:
		if len(v) == 0 || !isObject(v[0]) {
			into[pointer] = v
			return
		}
		for i, item := range v {
			flatten(into, pointer+"/"+strconv.Itoa(i), item)
		}
	default:
		into[pointer] = v
	}
}

func isObject(v any) bool { _, ok := v.(map[string]any); return ok }
