package card

import (
	"bytes"
	"strings"

	"github.com/skip2/go-qrcode"

	"github.com/waystation/waystation/internal/beneficiary"
	"github.com/waystation/waystation/internal/centre"
	"github.com/waystation/waystation/internal/print"
)

// qrPixels is the width of a code as an image.
const qrPixels = 480

// code draws a token as a QR code (ISO/IEC 18004) that bears being scratched.
func code(token string) ([]byte, error) { return qrcode.Encode(token, qrcode.Medium, qrPixels) }

// notices explain the card to its holder, in the languages of the API.
var notices = []struct{ language, text string }{
	{"en", "This card helps staff of the centre to find your file. It is no identity document and gives no right of residence. Show it when you ask for a service; tell us when you lose it."},
	{"fr", "Cette carte aide le personnel du centre à retrouver votre dossier. Ce n’est pas une pièce d’identité et elle ne donne pas droit au séjour. Présentez-la pour demander un service ; dites-nous si vous la perdez."},
	{"ar", "تساعد هذه البطاقة موظفي المركز على إيجاد ملفك. وهي ليست وثيقة هوية ولا تمنح حق الإقامة. أبرزها عند طلب خدمة، وأخبرنا إذا فقدتها."},
	{"es", "Esta tarjeta ayuda al personal del centro a encontrar su expediente. No es un documento de identidad ni da derecho de residencia. Muéstrela al pedir un servicio; avísenos si la pierde."},
}

// face is what a card shows in clear.
type face struct {
	centre    centre.Centre
	person    *beneficiary.Beneficiary
	issuedOn  string
	showsName bool
}

// draw lays a card out: on its front the code, the reference and the centre, on its back what it is for,
// in the languages of the centre.
func (f face) draw(token string, size print.Size) ([]byte, error) {
	image, err := code(token)
	if err != nil {
		return nil, err
	}
	d, err := print.New(size, f.person.Reference)
	if err != nil {
		return nil, err
	}
	margin := size.Width * 0.05
	side, column := size.Width*0.42, size.Width*0.44
	small := size.Width * 0.08 // points: 7 on a plastic card, 8 on A6
	d.AddPage()
	d.PNG(image, "code", size.Width-margin-side, margin, side)
	y := d.Text(margin, margin, column, small*1.2, f.centre.Name)
	y = d.Text(margin, y+2, column, small*1.8, f.person.Reference)
	if f.showsName {
		y = d.Text(margin, y+1, column, small*1.2, strings.TrimSpace(f.person.GivenName+" "+f.person.FamilyName))
	}
	d.Text(margin, y+2, column, small, f.issuedOn)
	d.AddPage()
	y = margin
	for _, text := range f.notice() {
		y = d.Text(margin, y, size.Width-2*margin, small*0.8, text) + 1.5
	}
	var out bytes.Buffer
	err = d.Write(&out)
	return out.Bytes(), err
}

// notice is the text of a card's back: in two languages at most, English where the centre has none of ours.
func (f face) notice() (texts []string) {
	for _, language := range append([]string(f.centre.Languages), "en") {
		for _, n := range notices {
			if n.language == strings.ToLower(language) && len(texts) < 2 && (language != "en" || len(texts) == 0) {
				texts = append(texts, n.text)
			}
		}
	}
	return texts
}
