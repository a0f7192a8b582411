package attachment

import (
	"bytes"
	"context"
	"errors"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"io"

	"github.com/bep/imagemeta"
	"golang.org/x/image/draw"
	"golang.org/x/image/math/f64"
	"golang.org/x/image/webp"

	"github.com/waystation/waystation/internal/fault"
)

// thumbnailSide is the most that a thumbnail is wide or high, in pixels.
const thumbnailSide = 320

const (
	keptQuality      = 92
	thumbnailQuality = 80
)

// studio works on images, one at a time: a decoded image takes many times the memory of its file.
type studio struct {
	maxPixels int
	busy      chan struct{}
}

func newStudio(maxPixels int) *studio { return &studio{maxPixels, make(chan struct{}, 1)} }

// picture is an image as it is kept.
type picture struct {
	format        format
	content       []byte
	thumbnail     []byte // JPEG
	width, height int
}

// develop decodes an image and encodes it anew: upright, and with nothing of its file left but the
// pixels. Where it was taken, by which device, and whatever was hidden behind it are gone. 422 for
// what is no whole image of that type, or one of too many pixels, which is told before it is decoded.
func (s *studio) develop(ctx context.Context, raw []byte, f format) (*picture, error) {
	config, err := codecs[f.mediaType].config(bytes.NewReader(raw))
	if err != nil {
		return nil, noImage(f, err)
	}
	if config.Width < 1 || config.Height < 1 || config.Width > s.maxPixels/config.Height {
		return nil, fault.InvalidField("file", "too_many_pixels", "The image has more than %d pixels.", s.maxPixels)
	}
	select {
	case s.busy <- struct{}{}:
		defer func() { <-s.busy }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	decoded, err := codecs[f.mediaType].decode(bytes.NewReader(raw))
	if err != nil {
		return nil, noImage(f, err)
	}
	return print(upright(decoded, orientation(raw, f)), f)
}

func noImage(f format, err error) error {
	return fault.InvalidField("file", "not_an_image", "The file says that it is %s, but it is no whole image.", f.mediaType).Because(err)
}

type codec struct {
	config func(io.Reader) (image.Config, error)
	decode func(io.Reader) (image.Image, error)
	meta   imagemeta.ImageFormat
}

var codecs = map[string]codec{
	jpegType: {jpeg.DecodeConfig, jpeg.Decode, imagemeta.JPEG},
	pngType:  {png.DecodeConfig, png.Decode, imagemeta.PNG},
	webpType: {webp.DecodeConfig, webp.Decode, imagemeta.WebP},
}

// print encodes an image and its thumbnail: as JPEG, but as PNG what was one or shows through.
func print(m image.Image, f format) (*picture, error) {
	p := &picture{width: m.Bounds().Dx(), height: m.Bounds().Dy()}
	var content bytes.Buffer
	var err error
	opaque, ok := m.(interface{ Opaque() bool })
	if f.mediaType == pngType || ok && !opaque.Opaque() {
		p.format, _ = formatOf(pngType)
		err = png.Encode(&content, m)
	} else {
		p.format, _ = formatOf(jpegType)
		err = jpeg.Encode(&content, m, &jpeg.Options{Quality: keptQuality})
	}
	p.content = content.Bytes()
	if err == nil {
		p.thumbnail, err = thumbnail(m)
	}
	return p, err
}

func thumbnail(m image.Image) ([]byte, error) {
	w, h := m.Bounds().Dx(), m.Bounds().Dy()
	if longer := max(w, h); longer > thumbnailSide {
		w, h = max(1, w*thumbnailSide/longer), max(1, h*thumbnailSide/longer)
	}
	small := image.NewRGBA(image.Rect(0, 0, w, h))
	draw.Draw(small, small.Bounds(), image.NewUniform(color.White), image.Point{}, draw.Src)
	draw.CatmullRom.Scale(small, small.Bounds(), m, m.Bounds(), draw.Over, nil)
	var out bytes.Buffer
	err := jpeg.Encode(&out, small, &jpeg.Options{Quality: thumbnailQuality})
	return out.Bytes(), err
}

// orientation reads how the camera was held (EXIF 2.32, tag Orientation: 1 to 8); 1 where nothing
// that can be read says so.
func orientation(raw []byte, f format) int {
	held := 1
	_, _ = imagemeta.Decode(imagemeta.Options{
		R: bytes.NewReader(raw), ImageFormat: codecs[f.mediaType].meta, Sources: imagemeta.EXIF,
		ShouldHandleTag: func(tag imagemeta.TagInfo) bool { return tag.Tag == "Orientation" },
		HandleTag: func(tag imagemeta.TagInfo) error {
			if v, ok := tag.Value.(uint16); ok && v >= 1 && v <= 8 {
				held = int(v)
			}
			return imagemeta.ErrStopWalking
		},
		Warnf: func(string, ...any) {},
	})
	return held
}

// upright turns and mirrors an image the way its orientation says.
func upright(m image.Image, held int) image.Image {
	b := m.Bounds()
	w, h := float64(b.Dx()), float64(b.Dy())
	turns := map[int]f64.Aff3{
		2: {-1, 0, w, 0, 1, 0}, 3: {-1, 0, w, 0, -1, h}, 4: {1, 0, 0, 0, -1, h},
		5: {0, 1, 0, 1, 0, 0}, 6: {0, -1, h, 1, 0, 0}, 7: {0, -1, h, -1, 0, w}, 8: {0, 1, 0, -1, 0, w},
	}
	turn, turned := turns[held]
	if !turned {
		return m
	}
	size := image.Rect(0, 0, b.Dx(), b.Dy())
	if held >= 5 {
		size = image.Rect(0, 0, b.Dy(), b.Dx())
	}
	out := image.NewNRGBA(size)
	draw.NearestNeighbor.Transform(out, turn, m, b, draw.Src, nil)
	return out
}

// errTooLarge is what a limited reader ends with.
var errTooLarge = errors.New("attachment: larger than allowed")

// limited is a reader that fails, rather than ends, at its limit, and when the context is over.
type limited struct {
	ctx  context.Context
	from io.Reader
	left int64
}

func (l *limited) Read(p []byte) (int, error) {
	if err := l.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := l.from.Read(p)
	if l.left -= int64(n); l.left < 0 {
		return 0, errTooLarge
	}
	return n, err
}
