package web

import (
	"fmt"
	"html/template"
	"strconv"
	"strings"

	goqr "github.com/piglig/go-qr"
)

// qrMargin is the white border of a QR code that readers need, in modules
// (ISO/IEC 18004).
const qrMargin = 4

// qrPicture draws a QR code as an inline picture: one white square, one black
// path, whatever the theme, so that every camera reads it. 15 % of it may be
// unreadable, and more where that makes it no larger.
func qrPicture(content, label string) (template.HTML, error) {
	code, err := goqr.EncodeText(content, goqr.Medium)
	if err != nil {
		return "", fmt.Errorf("drawing a QR code: %w", err)
	}
	size := code.Size()
	var path []byte
	for y := range size {
		for x := 0; x < size; x++ {
			run := 0
			for code.Module(x+run, y) { // beyond the edge nothing is dark
				run++
			}
			if run > 0 {
				path = appendRun(path, x, y, run)
				x += run
			}
		}
	}
	whole := size + 2*qrMargin
	return template.HTML(fmt.Sprintf(
		`<svg class="qr" role="img" aria-label="%s" viewBox="%d %d %d %d" shape-rendering="crispEdges">`+
			`<path fill="#fff" d="M-%d-%dh%dv%dh-%dz"/><path fill="#000" d="%s"/></svg>`,
		template.HTMLEscapeString(label), -qrMargin, -qrMargin, whole, whole,
		qrMargin, qrMargin, whole, whole, whole, path)), nil
}

// appendRun adds the outline of a run of dark modules to a path.
func appendRun(path []byte, x, y, run int) []byte {
	path = strconv.AppendInt(append(path, 'M'), int64(x), 10)
	path = strconv.AppendInt(append(path, ' '), int64(y), 10)
	path = strconv.AppendInt(append(path, 'h'), int64(run), 10)
	path = strconv.AppendInt(append(path, "v1h-"...), int64(run), 10)
	return append(path, 'z')
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
