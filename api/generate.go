// Package api is the contract in Go: generated from openapi.yaml, never edited by hand.
// Why does the server not compile after a change of the spec? Each operation is a method of
// StrictServerInterface; the domain package named after its resource has to implement it.
package api

//go:generate go tool oapi-codegen -config oapi-codegen.yaml ../openapi.yaml
