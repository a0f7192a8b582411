// Package api is the contract in Go: generated from openapi.yaml, never edited by hand.
// Why does the server not compile after a change of the spec? Each operation is a method of
// StrictServerInterface; the domain package named after its resource has to implement it.
package api

import _ "embed"

//go:generate go tool oapi-codegen -config oapi-codegen.yaml ../openapi.yaml
//go:generate go run onebody.go
//go:generate cp ../openapi.yaml openapi.gen.yaml

// YAML is openapi.yaml as it was written, comments and order included.
//
//go:embed openapi.gen.yaml
var YAML []byte
