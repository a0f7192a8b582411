package sheet

import (
	"path"
	"strings"
)

// Format is how a file writes its rows.
type Format string

// The formats.
const (
	FormatCSV    Format = "csv"
	FormatXLSX   Format = "xlsx"
	FormatNDJSON Format = "ndjson"
)

// FormatOf tells the format by the end of a file's name; CSV where it says nothing.
func FormatOf(name string) Format {
	switch strings.ToLower(path.Ext(name)) {
	case ".xlsx":
		return FormatXLSX
	case ".ndjson", ".jsonl":
		return FormatNDJSON
	}
	return FormatCSV
}
