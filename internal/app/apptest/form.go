package apptest

import (
	"mime/multipart"
	"net/textproto"
	"strings"

	"github.com/getkin/kin-openapi/openapi3filter"
)

// What streams out of the store is bytes to the spec.
func init() {
	for _, mediaType := range []string{"image/jpeg", "image/png", "application/pdf", "audio/mpeg", "audio/mp4", "audio/ogg", "audio/wav", "audio/webm", "audio/amr"} {
		openapi3filter.RegisterBodyDecoder(mediaType, openapi3filter.FileBodyDecoder)
	}
}

// Part is one part of a form: a field, or with a FileName a file.
type Part struct {
	Name, FileName, Type string
	Content              []byte
}

var quoted = strings.NewReplacer(`\`, `\\`, `"`, `\"`)

// Form writes a form and the header that it is sent with.
func (h *House) Form(parts ...Part) (body string, contentType Header) {
	h.T.Helper()
	var out strings.Builder
	w := multipart.NewWriter(&out)
	for _, p := range parts {
		head := textproto.MIMEHeader{"Content-Disposition": {`form-data; name="` + p.Name + `"`}}
		if p.FileName != "" {
			head.Set("Content-Disposition", `form-data; name="`+p.Name+`"; filename="`+quoted.Replace(p.FileName)+`"`)
			head.Set("Content-Type", p.Type)
		}
		part, err := w.CreatePart(head)
		if err == nil {
			_, err = part.Write(p.Content)
		}
		if err != nil {
			h.T.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		h.T.Fatal(err)
	}
	return out.String(), Header{"Content-Type", w.FormDataContentType()}
}
