package xlsx

import (
	"archive/zip"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"
)

// The faults of a file. Everything else that is wrong with one is ErrBroken.
var (
	ErrBroken   = errors.New("xlsx: not a whole spreadsheet")
	ErrTooLarge = errors.New("xlsx: larger unpacked than is taken")
	ErrNoSheet  = errors.New("xlsx: no sheet of that name")
)

// Limits bound what a file may unpack to. What its directory declares is held against them before anything
// is unpacked, and archive/zip holds what comes out against what was declared.
type Limits struct {
	Part  uint64 // bytes of one part
	Ratio uint64 // unpacked bytes for each packed one, of a part above a megabyte
	Texts int    // bytes of the shared texts, which stay in memory
	Cell  int    // bytes of a cell; a longer one is a fault of the cell
}

const (
	maxDirectory = 4 << 20 // bytes read to learn which parts there are
	maxSmallPart = 4 << 20 // bytes of a part that is decoded whole
	maxToken     = 1 << 20 // bytes read for one tag, text or comment
)

// archive is the parts of a file.
type archive struct {
	*zip.Reader
	limits Limits
}

func openArchive(file io.ReaderAt, size int64, l Limits) (*archive, error) {
	b := &budget{ReaderAt: file, left: maxDirectory, bounded: true}
	z, err := zip.NewReader(b, size)
	if err != nil {
		return nil, broken(err)
	}
	b.bounded = false
	return &archive{z, l}, nil
}

// budget bounds what is read while the directory is: one of a million parts takes far more memory than
// its bytes.
type budget struct {
	io.ReaderAt
	left    int
	bounded bool
}

func (b *budget) ReadAt(p []byte, at int64) (int, error) {
	if b.left -= len(p); b.bounded && b.left < 0 {
		return 0, ErrTooLarge
	}
	return b.ReaderAt.ReadAt(p, at)
}

// part opens a part by its name; nil where the file has none.
func (a *archive) part(name string) (*part, error) {
	i := slices.IndexFunc(a.File, func(f *zip.File) bool { return f.Name == name })
	if i < 0 {
		return nil, nil
	}
	f := a.File[i]
	if n := f.UncompressedSize64; n > a.limits.Part || n > 1<<20 && n/max(1, f.CompressedSize64) > a.limits.Ratio {
		return nil, ErrTooLarge
	}
	r, err := f.Open()
	if err != nil {
		return nil, broken(err)
	}
	t := &tap{r: r}
	return &part{Decoder: xml.NewDecoder(t), tap: t, Closer: r}, nil
}

// part is XML that is read token by token.
type part struct {
	*xml.Decoder
	io.Closer
	tap *tap
}

// next returns the next tag or text, io.EOF after the last. It is valid until the one after.
func (p *part) next() (xml.Token, error) {
	p.tap.left = maxToken
	token, err := p.RawToken()
	if err != nil && !errors.Is(err, io.EOF) {
		err = broken(err)
	}
	return token, err
}

// tap lets only so much through, so that no decoder collects a token without end.
type tap struct {
	r    io.Reader
	left int
}

func (t *tap) Read(b []byte) (int, error) {
	if t.left <= 0 {
		return 0, ErrTooLarge
	}
	n, err := t.r.Read(b[:min(len(b), t.left)])
	t.left -= n
	return n, err
}

func broken(err error) error {
	if errors.Is(err, ErrTooLarge) {
		return err
	}
	return fmt.Errorf("%w: %v", ErrBroken, err)
}

// decode reads a small part whole; a missing one leaves into as it is.
func (a *archive) decode(name string, into any) error {
	p, err := a.part(name)
	if p == nil || err != nil {
		return err
	}
	defer p.Close()
	p.tap.left = maxSmallPart
	if err := p.Decode(into); err != nil {
		return broken(err)
	}
	return nil
}

// book is what a workbook says of its sheets.
type book struct {
	Properties struct {
		Date1904 string `xml:"date1904,attr"`
	} `xml:"workbookPr"`
	Sheets []struct {
		Name string `xml:"name,attr"`
		ID   string `xml:"id,attr"`
	} `xml:"sheets>sheet"`
}

// epoch is the day 0: a workbook counts from 1900, with a leap day that year did not have, or from 1904.
func (b *book) epoch() time.Time {
	if on := b.Properties.Date1904; on == "1" || on == "true" {
		return time.Date(1904, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	return time.Date(1899, 12, 30, 0, 0, 0, 0, time.UTC)
}

// sheet finds the name of a sheet and of the part that holds it.
func (a *archive) sheet(b *book, wanted string) (name, target string, err error) {
	var links struct {
		List []struct {
			ID     string `xml:"Id,attr"`
			Target string `xml:"Target,attr"`
		} `xml:"Relationship"`
	}
	if err := errors.Join(a.decode("xl/workbook.xml", b), a.decode("xl/_rels/workbook.xml.rels", &links)); err != nil {
		return "", "", err
	}
	if len(b.Sheets) == 0 {
		return "", "", ErrBroken
	}
	at := 0
	for wanted != "" && !strings.EqualFold(b.Sheets[at].Name, wanted) {
		if at++; at == len(b.Sheets) {
			return "", "", ErrNoSheet
		}
	}
	for _, l := range links.List {
		if l.ID == b.Sheets[at].ID {
			return b.Sheets[at].Name, strings.TrimPrefix(path.Join("/xl", strings.TrimPrefix(l.Target, "/xl/")), "/"), nil
		}
	}
	return "", "", ErrBroken
}

// The number formats of dates that every spreadsheet knows without being told (ECMA-376 part 1, 18.8.30).
var knownDates = []int{14, 15, 16, 17, 18, 19, 20, 21, 22, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 45, 46, 47, 50, 51, 52, 53, 54, 55, 56, 57, 58}

var (
	noDate   = regexp.MustCompile(`"[^"]*"|\\.|_.|\*.|\[[^\]]*\]`) // quoted, escaped, padding, colours and conditions
	dateSign = regexp.MustCompile(`[yYdDmMhHsS]`)
)

// dates tells of each style whether its numbers are dates.
func (a *archive) dates() ([]bool, error) {
	var sheet struct {
		Formats []struct {
			ID   int    `xml:"numFmtId,attr"`
			Code string `xml:"formatCode,attr"`
		} `xml:"numFmts>numFmt"`
		Cells []struct {
			Format int `xml:"numFmtId,attr"`
		} `xml:"cellXfs>xf"`
	}
	if err := a.decode("xl/styles.xml", &sheet); err != nil {
		return nil, err
	}
	own := map[int]bool{}
	for _, f := range sheet.Formats {
		own[f.ID] = dateSign.MatchString(noDate.ReplaceAllString(f.Code, ""))
	}
	out := make([]bool, len(sheet.Cells))
	for i, c := range sheet.Cells {
		date, named := own[c.Format]
		out[i] = date || !named && slices.Contains(knownDates, c.Format)
	}
	return out, nil
}

// texts are the shared texts, packed: a sheet of many rows has as many of them.
type texts struct {
	all  []byte
	ends []uint32
	long map[int]bool // those longer than a cell may be; they stand cut
}

func (a *archive) texts() (texts, error) {
	t := texts{long: map[int]bool{}}
	p, err := a.part("xl/sharedStrings.xml")
	if p == nil || err != nil {
		return t, err
	}
	defer p.Close()
	for {
		token, err := p.next()
		if errors.Is(err, io.EOF) {
			return t, nil
		}
		if err != nil {
			return t, err
		}
		if start, ok := token.(xml.StartElement); ok && start.Name.Local == "si" {
			if err := t.add(p, a.limits); err != nil {
				return t, err
			}
		}
	}
}

func (t *texts) add(p *part, l Limits) error {
	c, err := p.content("si", l.Cell)
	if err != nil {
		return err
	}
	if c.long {
		t.long[len(t.ends)] = true
	}
	t.all = append(t.all, c.text...)
	t.ends = append(t.ends, uint32(len(t.all)))
	if len(t.all)+4*len(t.ends) > l.Texts {
		return ErrTooLarge
	}
	return nil
}

func (t *texts) at(i int) string {
	begin := uint32(0)
	if i > 0 {
		begin = t.ends[i-1]
	}
	return string(t.all[begin:t.ends[i]])
}

// content is what an element says.
type content struct {
	text             []byte
	value            bool // there is a text or a value, be it empty
	formula          bool
	long             bool // the text goes on
	inside, phonetic int
}

// content reads to the end of an element, whose tag was read.
func (p *part) content(end string, limit int) (content, error) {
	var c content
	for {
		token, err := p.next()
		if errors.Is(err, io.EOF) {
			err = ErrBroken
		}
		if err != nil {
			return c, err
		}
		switch t := token.(type) {
		case xml.StartElement:
			c.open(t.Name.Local, 1)
		case xml.CharData:
			c.add(t, limit)
		case xml.EndElement:
			if t.Name.Local == end {
				return c, nil
			}
			c.open(t.Name.Local, -1)
		}
	}
}

// open notes that an element begins (1) or ends (-1). How a text sounds (rPh) is not part of it.
func (c *content) open(name string, by int) {
	switch name {
	case "v", "t":
		c.inside += by
		c.value = true
	case "f":
		c.formula = true
	case "rPh":
		c.phonetic += by
	}
}

func (c *content) add(text []byte, limit int) {
	if c.inside == 0 || c.phonetic > 0 {
		return
	}
	if len(c.text)+len(text) > limit {
		c.long = true
		return
	}
	c.text = append(c.text, text...)
}
