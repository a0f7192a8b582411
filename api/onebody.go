//go:build ignore

// A request that may come in several media types has one body for the generator for each of them that it
// does not know, all of the same name. This keeps the first: whichever it is, it is a stream of bytes.
package main

import (
	"log"
	"os"
	"regexp"
)

var (
	request = regexp.MustCompile(`(?s)type \w+RequestObject struct \{.*?\n\}`)
	body    = regexp.MustCompile(`\n\tBody +io\.Reader`)
)

func main() {
	code, err := os.ReadFile("api.gen.go")
	if err != nil {
		log.Fatal(err)
	}
	code = request.ReplaceAllFunc(code, func(fields []byte) []byte {
		first := true
		return body.ReplaceAllFunc(fields, func(field []byte) []byte {
			if !first {
				return nil
			}
			first = false
			return field
		})
	})
	if err := os.WriteFile("api.gen.go", code, 0o644); err != nil {
		log.Fatal(err)
	}
}
