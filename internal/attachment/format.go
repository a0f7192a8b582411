package attachment

import (
	"mime"
	"path"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/gabriel-vasile/mimetype"

	"github.com/waystation/waystation/internal/fault"
)

// format is a type of file that is taken: the allow-list. What can carry scripts into a browser
// (SVG, HTML, XML) is not on it.
type format struct {
	mediaType string
	found     []string // what sniffing calls it
	declared  []string // what devices call it, beside its media type
	extension string
	kinds     []string // code list attachment_kind; `other` takes all
}

const (
	jpegType = "image/jpeg"
	pngType  = "image/png"
	webpType = "image/webp"
)

var (
	pictures  = []string{"photo", scan, "signature"}
	recording = []string{"audio_consent"}
)

var formats = []format{
	{jpegType, nil, []string{"image/jpg", "image/pjpeg"}, ".jpg", pictures},
	{pngType, nil, nil, ".png", pictures},
	{webpType, nil, nil, ".webp", pictures},
	{"application/pdf", nil, []string{"application/x-pdf"}, ".pdf", []string{scan, "signature"}},
	{"audio/mpeg", nil, []string{"audio/mp3", "audio/x-mpeg"}, ".mp3", recording},
	{"audio/mp4", []string{"audio/x-m4a", "video/mp4"}, []string{"audio/x-m4a", "audio/m4a", "audio/x-mp4a", "audio/aac"}, ".m4a", recording},
	{"audio/ogg", []string{"application/ogg"}, []string{"application/ogg", "audio/opus"}, ".ogg", recording},
	{"audio/wav", nil, []string{"audio/x-wav", "audio/wave", "audio/vnd.wave"}, ".wav", recording},
	{"audio/webm", []string{"video/webm"}, nil, ".weba", recording},
	{"audio/amr", nil, []string{"audio/amr-nb"}, ".amr", recording},
}

func formatOf(mediaType string) (format, bool) {
	i := slices.IndexFunc(formats, func(f format) bool { return f.mediaType == mediaType })
	if i < 0 {
		return format{}, false
	}
	return formats[i], true
}

func (f format) image() bool { return strings.HasPrefix(f.mediaType, "image/") }

func (f format) fits(kind string) bool { return kind == "other" || slices.Contains(f.kinds, kind) }

// sniffed is how many bytes tell what a file is.
const sniffed = 3072

// recognise tells from a file's first bytes what it is, and answers 422 unless that is on the list,
// is what the form declares, and is something that the kind takes.
func recognise(head []byte, declared, kind string) (format, error) {
	if len(head) == 0 {
		return format{}, fault.InvalidField("file", "empty", "The file is empty.")
	}
	found, _, _ := strings.Cut(mimetype.Detect(head).String(), ";")
	i := slices.IndexFunc(formats, func(f format) bool { return f.mediaType == found || slices.Contains(f.found, found) })
	if i < 0 {
		return format{}, fault.InvalidField("file", "unsupported_file_type", "Files of this type are not taken. Send an image (JPEG, PNG, WebP), a PDF or sound.")
	}
	f := formats[i]
	says, _, err := mime.ParseMediaType(declared)
	if err != nil || says != f.mediaType && !slices.Contains(f.declared, says) {
		return format{}, fault.InvalidField("file", "type_disagrees", "The part's Content-Type does not say what the file is: it is %s.", f.mediaType)
	}
	if !f.fits(kind) {
		return format{}, fault.InvalidField("file", "wrong_file_type", "An attachment of this kind is no %s.", f.mediaType)
	}
	return f, nil
}

// longestName is in characters; what a device calls its files is seldom longer.
const longestName = 120

// cleanName makes a name that misleads nobody out of what was sent: no folders, no control or
// direction characters, no other ending than the type's.
func cleanName(sent string, f format) string {
	name := strings.Map(func(r rune) rune {
		if r == utf8.RuneError || unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || strings.ContainsRune(`"<>|:*?`, r) {
			return -1
		}
		return r
	}, path.Base(strings.ReplaceAll(strings.ToValidUTF8(sent, ""), `\`, "/")))
	name = strings.Trim(strings.TrimSuffix(name, path.Ext(name)), " .")
	if runes := []rune(name); len(runes) > longestName {
		name = string(runes[:longestName])
	}
	if name == "" || name == "/" {
		name = "attachment"
	}
	return name + f.extension
}
