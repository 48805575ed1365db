package web

import (
	"fmt"
	"html/template"
	"strings"

	"github.com/boombuler/barcode"
	"github.com/boombuler/barcode/qr"
)

// qrMargin is the white border of a QR code that readers need, in modules
// (ISO/IEC 18004).
const qrMargin = 4

// qrPicture draws a QR code as an inline picture: one white square, one black
// path, whatever the theme, so that every camera reads it.
func qrPicture(content, label string) (template.HTML, error) {
	code, err := qr.Encode(content, qr.M, qr.Auto)
	if err != nil {
		return "", fmt.Errorf("drawing a QR code: %w", err)
	}
	size := code.Bounds().Dx()
	var path strings.Builder
	for y := range size {
		for x := 0; x < size; x++ {
			run := 0
			for x+run < size && dark(code, x+run, y) {
				run++
			}
			if run > 0 {
				fmt.Fprintf(&path, "M%d %dh%dv1h-%dz", x, y, run, run)
				x += run
			}
		}
	}
	whole := size + 2*qrMargin
	return template.HTML(fmt.Sprintf(
		`<svg class="qr" role="img" aria-label="%s" viewBox="%d %d %d %d" shape-rendering="crispEdges">`+
			`<path fill="#fff" d="M-%d-%dh%dv%dh-%dz"/><path fill="#000" d="%s"/></svg>`,
		template.HTMLEscapeString(label), -qrMargin, -qrMargin, whole, whole,
		qrMargin, qrMargin, whole, whole, whole, path.String())), nil
}

func dark(code barcode.Barcode, x, y int) bool {
	r, _, _, _ := code.At(x, y).RGBA()
	return r == 0
}

// Picture is the QR code of an authenticator app.
func (v *view) Picture(address string) (template.HTML, error) {
	label, err := v.Text("c5.qr")
	if err != nil {
		return "", err
	}
	return qrPicture(address, label)
}

// Href is the attribute of "Open in my app". html/template blanks schemes it
// does not know, so this one is marked safe after it was recognised.
func (p *AppPage) Href() (template.HTMLAttr, error) {
	if !strings.HasPrefix(p.Address, "otpauth://totp/") {
		return "", fmt.Errorf("an authenticator link that is not otpauth://totp/")
	}
	return hrefAttr(p.Address)
}

// Groups is the key in groups of four, easier to read and to type.
func (p *AppPage) Groups() []string {
	var groups []string
	key := p.Key
	for len(key) > 4 {
		groups, key = append(groups, key[:4]), key[4:]
	}
	return append(groups, key)
}
