package apptest

import (
	"bytes"
	"compress/zlib"
	"io"
	"regexp"
	"strings"
	"unicode/utf16"
)

var (
	stream = regexp.MustCompile(`(?s)/Filter /FlateDecode /Length (\d+)>>\nstream\n`)
	shown  = regexp.MustCompile(`(?s)\(((?:\\.|[^\\)])*)\) ?Tj`)
	escape = regexp.MustCompile(`(?s)\\(.)`)
)

// Printed reads the text of a PDF as it stands on its pages, signs as they are shaped.
func Printed(pdf []byte) string {
	var text strings.Builder
	for _, at := range stream.FindAllSubmatchIndex(pdf, -1) {
		packed, err := zlib.NewReader(bytes.NewReader(pdf[at[1]:]))
		if err != nil {
			continue
		}
		content, _ := io.ReadAll(packed) // what follows a stream is not its own
		for _, m := range shown.FindAllSubmatch(content, -1) {
			raw := escape.ReplaceAllFunc(m[1], func(b []byte) []byte { return bytes.ReplaceAll(b[1:], []byte("r"), []byte("\r")) })
			units := make([]uint16, len(raw)/2)
			for i := range units {
				units[i] = uint16(raw[2*i])<<8 | uint16(raw[2*i+1])
			}
			text.WriteString(string(utf16.Decode(units)))
		}
	}
	return text.String()
}
