// Package print makes PDF documents to hand out: cards, forms, waybills. Text is shaped as its script
// asks for – Arabic joined and from right to left, marks where they belong – and stays text.
//
// The font is DejaVu Sans (its licence stands beside it): one open font with Latin and its diacritics,
// Greek, Cyrillic, Arabic, Tifinagh and N'Ko.
package print

import (
	"bytes"
	_ "embed"
	"io"
	"strings"
	"sync"

	"codeberg.org/go-pdf/fpdf"
	"github.com/go-text/typesetting/di"
	"github.com/go-text/typesetting/font"
	"github.com/go-text/typesetting/font/opentype"
	"github.com/go-text/typesetting/shaping"
	"golang.org/x/image/math/fixed"
	"golang.org/x/text/unicode/bidi"
)

//go:embed DejaVuSans.ttf
var ttf []byte

const family = "DejaVu"

// Size is that of a page, in millimetres.
type Size struct{ Width, Height float64 }

// The sizes that are printed.
var (
	CR80 = Size{85.6, 53.98} // a plastic card (ISO/IEC 7810 ID-1)
	A6   = Size{105, 148}
	A4   = Size{210, 297}
)

// Document is a PDF while it is written. It serves one goroutine.
type Document struct {
	pdf    *fpdf.Fpdf
	size   Size
	face   *font.Face
	shaper shaping.HarfbuzzShaper
	split  shaping.Segmenter
	wrap   shaping.LineWrapper
}

// typeface is parsed once: the font, and the character that stands for each of its glyphs.
var typeface = sync.OnceValues(func() (*loaded, error) {
	face, err := font.ParseTTF(bytes.NewReader(ttf))
	if err != nil {
		return nil, err
	}
	l := &loaded{font: face.Font, runes: map[font.GID]rune{}}
	for all := face.Cmap.Iter(); all.Next(); {
		r, glyph := all.Char()
		if known, there := l.runes[glyph]; r <= 0xFFFF && (!there || r < known) { // the library writes the basic plane alone
			l.runes[glyph] = r
		}
	}
	return l, nil
})

type loaded struct {
	font  *font.Font
	runes map[font.GID]rune
}

// New begins a document; title is what a viewer shows of it.
func New(size Size, title string) (*Document, error) {
	l, err := typeface()
	if err != nil {
		return nil, err
	}
	pdf := fpdf.NewCustom(&fpdf.InitType{UnitStr: "mm", Size: fpdf.SizeType{Wd: size.Width, Ht: size.Height}})
	pdf.SetMargins(0, 0, 0)
	pdf.SetAutoPageBreak(false, 0)
	pdf.SetTitle(title, true)
	pdf.AddUTF8FontFromBytes(family, "", bytes.Clone(ttf))
	return &Document{pdf: pdf, size: size, face: font.NewFace(l.font)}, pdf.Error()
}

// AddPage begins a page.
func (d *Document) AddPage() { d.pdf.AddPage() }

// PNG places an image, a square of side millimetres with its upper left corner at x, y.
func (d *Document) PNG(image []byte, name string, x, y, side float64) {
	options := fpdf.ImageOptions{ImageType: "PNG"}
	d.pdf.RegisterImageOptionsReader(name, options, bytes.NewReader(image))
	d.pdf.ImageOptions(name, x, y, side, side, false, options, 0, "")
}

// Write ends the document.
func (d *Document) Write(w io.Writer) error { return d.pdf.Output(w) }

const (
	pointsPerMM = 72 / 25.4
	leading     = 1.25 // from line to line, of the type's size
)

// plain switches off what has no character of its own to stand for it, and spacing that differs from
// the font's own: what is required, such as lam-alef, is not touched.
var plain = []shaping.FontFeature{{Tag: opentype.MustNewTag("kern")}, {Tag: opentype.MustNewTag("liga")}, {Tag: opentype.MustNewTag("clig")}, {Tag: opentype.MustNewTag("dlig")}}

// Text writes a paragraph into a column that begins at x, y and is width millimetres wide, in type of
// points, and answers where the next one may begin. It starts on the side on which its script does.
func (d *Document) Text(x, y, width, points float64, text string) float64 {
	lines, towards := d.wrapped(width, points, text)
	for _, line := range lines {
		y += points * leading / pointsPerMM
		d.line(line, x, y, width, towards)
	}
	return y
}

// Flow is a column that goes on on the next page where one is full.
type Flow struct {
	d         *Document
	margin, y float64 // millimetres
}

// Flow begins a page, and on it a column between margins of so many millimetres.
func (d *Document) Flow(margin float64) *Flow {
	d.AddPage()
	return &Flow{d, margin, margin}
}

// Text writes a paragraph below what is there, in type of points.
func (f *Flow) Text(points float64, text string) {
	width, height := f.d.size.Width-2*f.margin, points*leading/pointsPerMM
	lines, towards := f.d.wrapped(width, points, text)
	for _, line := range lines {
		if f.y+height > f.d.size.Height-f.margin {
			f.d.AddPage()
			f.d.pdf.SetFont(family, "", points)
			f.y = f.margin
		}
		f.y += height
		f.d.line(line, f.margin, f.y, width, towards)
	}
}

// Space leaves so many millimetres blank.
func (f *Flow) Space(height float64) { f.y += height }

// wrapped shapes a paragraph and breaks it into lines of at most width millimetres. It sets the type.
func (d *Document) wrapped(width, points float64, text string) ([]shaping.Line, di.Direction) {
	paragraph := []rune(text)
	if len(paragraph) == 0 {
		return nil, di.DirectionLTR
	}
	d.pdf.SetFont(family, "", points)
	towards := direction(paragraph)
	input := shaping.Input{Text: paragraph, RunEnd: len(paragraph), Direction: towards, Face: d.face, FontFeatures: plain, Size: fixed.Int26_6(points * 64)}
	var runs []shaping.Output
	for _, run := range d.split.Split(input, d) {
		runs = append(runs, d.shaper.Shape(run))
	}
	lines, _ := d.wrap.WrapParagraphF(shaping.WrapConfig{Direction: towards}, fixed.Int26_6(width*pointsPerMM*64), paragraph, shaping.NewSliceIterator(runs))
	return lines, towards
}

// ResolveFace implements shaping.Fontmap.
func (d *Document) ResolveFace(rune) *font.Face { return d.face }

// direction is that of the first letter which has one.
func direction(text []rune) di.Direction {
	for _, r := range text {
		switch p, _ := bidi.LookupRune(r); p.Class() {
		case bidi.L:
			return di.DirectionLTR
		case bidi.R, bidi.AL:
			return di.DirectionRTL
		}
	}
	return di.DirectionLTR
}

func millimetres(v fixed.Int26_6) float64 { return float64(v) / 64 / pointsPerMM }

func (d *Document) line(line shaping.Line, x, y, width float64, towards di.Direction) {
	visual := make([]shaping.Output, len(line))
	var whole fixed.Int26_6
	for _, run := range line {
		visual[run.VisualIndex] = run
		whole += run.Advance
	}
	if towards == di.DirectionRTL {
		x += width - millimetres(whole)
	}
	for _, run := range visual {
		d.run(run, x, y)
		x += millimetres(run.Advance)
	}
}

// run writes glyphs by the characters that stand for them: those that follow each other as the font
// has them in one piece, those that the shaping moved by themselves.
func (d *Document) run(run shaping.Output, x, y float64) {
	l, _ := typeface() // it was there for New
	var piece strings.Builder
	from := x
	flush := func(next float64) {
		if piece.Len() > 0 {
			d.pdf.Text(from, y, piece.String())
		}
		piece.Reset()
		from = next
	}
	for _, g := range run.Glyphs {
		r, known := l.runes[g.GlyphID]
		if !known {
			r = '\uFFFD'
		}
		next := x + millimetres(g.Advance)
		if g.XOffset != 0 || g.YOffset != 0 || g.Advance == 0 {
			flush(x)
			d.pdf.Text(x+millimetres(g.XOffset), y-millimetres(g.YOffset), string(r))
			from = next
		} else {
			piece.WriteRune(r)
		}
		x = next
	}
	flush(x)
}
