package sheet

import (
	"cmp"
	"embed"
	"encoding/json"
	"strings"
	"sync"
)

//go:embed messages
var messageFiles embed.FS

// Languages of the message catalogue; the first is the fallback.
var Languages = []string{"en", "fr", "ar", "es"}

var catalogue = sync.OnceValue(func() map[string]map[Code]string {
	all := map[string]map[Code]string{}
	for _, lang := range Languages {
		messages := map[Code]string{}
		mustDecode(messageFiles, "messages/"+lang+".json", &messages)
		all[lang] = messages
	}
	return all
})

// rules say in each language which rule of registration a row broke, by the rule's code. "other"
// stands for those that no file alone can break.
var rules = sync.OnceValue(func() map[string]map[string]string {
	all := map[string]map[string]string{}
	mustDecode(messageFiles, "messages/rules.json", &all)
	return all
})

// rule says a rule in a language of the catalogue.
func rule(lang, code string) string {
	texts, known := rules()[code]
	if !known {
		texts = rules()["other"]
	}
	base, _, _ := strings.Cut(strings.ToLower(lang), "-")
	return cmp.Or(texts[base], texts["en"])
}

// Message says a fault in a language ("fr", "fr-NE"); a language or a code that
// the catalogue lacks falls back to English, then to the code. Args fill the
// placeholders: {column}, {field}, {list}, {limit}, {line}.
func Message(lang string, code Code, args map[string]string) string {
	base, _, _ := strings.Cut(strings.ToLower(lang), "-")
	text, ok := catalogue()[base][code]
	if !ok {
		text, ok = catalogue()["en"][code]
	}
	if !ok {
		return string(code)
	}
	for name, value := range args {
		text = strings.ReplaceAll(text, "{"+name+"}", value)
	}
	return text
}

// mustDecode reads an embedded JSON file; it is part of the program, so a broken
// one is a programming error.
func mustDecode(files embed.FS, name string, into any) {
	data, err := files.ReadFile(name)
	if err == nil {
		err = json.Unmarshal(data, into)
	}
	if err != nil {
		panic("sheet: " + name + ": " + err.Error())
	}
}
