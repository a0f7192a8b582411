package apptest

import (
	"bytes"
	"image/png"

	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/qrcode"
)

// ReadQR reads what a QR code says in a PNG image, as a scanner does.
func (h *House) ReadQR(picture []byte) string {
	h.T.Helper()
	m, err := png.Decode(bytes.NewReader(picture))
	if err != nil {
		h.T.Fatal(err)
	}
	bitmap, err := gozxing.NewBinaryBitmapFromImage(m)
	if err != nil {
		h.T.Fatal(err)
	}
	read, err := qrcode.NewQRCodeReader().Decode(bitmap, nil)
	if err != nil {
		h.T.Fatal(err)
	}
	return read.GetText()
}
