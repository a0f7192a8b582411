package sheet

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

// detected is the encoding of a file.
type detected struct {
	encoding.Encoding        // nil for UTF-8: whoever reads it finds its invalid bytes
	name              string // as WHATWG has it
	guessed           bool   // nothing in the file proves it
	mark              int    // bytes of a byte order mark that the decoder does not take itself
}

var (
	isUTF8    = detected{name: "utf-8"}
	isUTF16LE = detected{Encoding: unicode.UTF16(unicode.LittleEndian, unicode.UseBOM), name: "utf-16le"}
	isUTF16BE = detected{Encoding: unicode.UTF16(unicode.BigEndian, unicode.UseBOM), name: "utf-16be"}
)

// detect looks at the beginning of a file, and takes nothing off it. The error is a *ReadError
// (not_text, unknown_encoding) or the file's own.
func detect(raw *bufio.Reader, declared string) (detected, error) {
	head, err := raw.Peek(sample)
	if err != nil && !errors.Is(err, io.EOF) {
		return detected{}, err
	}
	switch {
	case isBinary(head):
		return detected{}, &ReadError{Code: NotText}
	case bytes.HasPrefix(head, []byte{0xFF, 0xFE}):
		return isUTF16LE, nil
	case bytes.HasPrefix(head, []byte{0xFE, 0xFF}):
		return isUTF16BE, nil
	case bytes.HasPrefix(head, []byte(bom)):
		return detected{name: isUTF8.name, mark: len(bom)}, nil
	case declared != "":
		return declaredEncoding(declared)
	}
	return recognise(head), nil
}

// reader gives the text as UTF-8, without its byte order mark.
func (d detected) reader(raw *bufio.Reader) io.Reader {
	raw.Discard(d.mark) // the bytes are in the buffer
	if d.Encoding == nil {
		return raw
	}
	return transform.NewReader(raw, d.NewDecoder())
}

const bom = "\xEF\xBB\xBF"

// isBinary knows what people send in place of a text: a zip or .xlsx, an old .xls, gzip, a PDF.
func isBinary(head []byte) bool {
	for _, magic := range []string{"PK\x03\x04", "PK\x05\x06", "\xD0\xCF\x11\xE0", "\x1F\x8B", "%PDF-"} {
		if bytes.HasPrefix(head, []byte(magic)) {
			return true
		}
	}
	return false
}

func declaredEncoding(name string) (detected, error) {
	enc, err := htmlindex.Get(name)
	if err != nil {
		return detected{}, &ReadError{Code: UnknownEncoding}
	}
	if enc == unicode.UTF8 {
		return isUTF8, nil
	}
	canonical, err := htmlindex.Name(enc)
	return detected{Encoding: enc, name: canonical}, err
}

// recognise tells a text without a mark by its bytes.
func recognise(head []byte) detected {
	switch even, odd := nuls(head); {
	case odd >= fewNULs && odd*10 >= len(head) && even*10 <= odd:
		return isUTF16LE
	case even >= fewNULs && even*10 >= len(head) && odd*10 <= even:
		return isUTF16BE
	}
	if good, bad := characters(wholeRunes(head)); bad == 0 || good > bad {
		return isUTF8
	}
	return detected{Encoding: charmap.Windows1252, name: "windows-1252", guessed: true}
}

// fewNULs may stand in a text by accident; in UTF-16 the separators and line ends alone bring more.
const fewNULs = 8

// nuls counts the NUL bytes at even and at odd places.
func nuls(head []byte) (even, odd int) {
	for i, b := range head {
		switch {
		case b != 0:
		case i%2 == 0:
			even++
		default:
			odd++
		}
	}
	return even, odd
}

// characters counts those beyond ASCII, and the bytes that are part of none. Text in a one-byte encoding
// has next to none of the first.
func characters(text []byte) (good, bad int) {
	for len(text) > 0 {
		r, n := utf8.DecodeRune(text)
		switch {
		case n > 1:
			good++
		case r == utf8.RuneError:
			bad++
		}
		text = text[n:]
	}
	return good, bad
}

// wholeRunes drops a character that the end of the sample cuts in two.
func wholeRunes(head []byte) []byte {
	if len(head) < sample {
		return head
	}
	for i := 1; i < utf8.UTFMax && i <= len(head); i++ {
		if utf8.RuneStart(head[len(head)-i]) {
			return head[:len(head)-i]
		}
	}
	return head
}
