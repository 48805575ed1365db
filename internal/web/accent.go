package web

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Accent is the operator's colour, as sRGB. The zero value stands for the
// standard one.
type Accent struct {
	r, g, b uint8
	set     bool
}

// standardAccent is the colour of a server whose operator chose none.
var standardAccent = Accent{r: 0x0f, g: 0x7a, b: 0x72, set: true}

// The page backgrounds an accent must stand out from; latchkey.css has the
// same values, which a test compares.
var (
	lightGround = Accent{r: 0xff, g: 0xff, b: 0xff, set: true}
	lightShade  = Accent{r: 0xf4, g: 0xf6, b: 0xf5, set: true}
	darkGround  = Accent{r: 0x1a, g: 0x22, b: 0x22, set: true}
	darkShade   = Accent{r: 0x10, g: 0x16, b: 0x16, set: true}
	white       = Accent{r: 0xff, g: 0xff, b: 0xff, set: true}
	black       = Accent{set: true}
)

// ParseAccent reads a colour as #rrggbb.
func ParseAccent(s string) (Accent, error) {
	digits, found := strings.CutPrefix(s, "#")
	n, err := strconv.ParseUint(digits, 16, 32)
	if !found || len(digits) != 6 || err != nil {
		return Accent{}, fmt.Errorf("accent %q is no colour of the form #rrggbb", s)
	}
	return Accent{r: uint8(n >> 16), g: uint8(n >> 8), b: uint8(n), set: true}, nil
}

// String is the colour as #rrggbb.
func (a Accent) String() string {
	a = a.orStandard()
	return fmt.Sprintf("#%02x%02x%02x", a.r, a.g, a.b)
}

func (a Accent) orStandard() Accent {
	if !a.set {
		return standardAccent
	}
	return a
}

// Readable reports whether the accent can be used as it is: the better of
// black and white on it reaches 4.5:1, and it stands out 3:1 from the page and
// its shaded parts in both themes (journey.md section 2, Brand).
func (a Accent) Readable() bool {
	a = a.orStandard()
	return a.contrast(a.ink()) >= 4.5 && a.standsOut(3, lightGround, lightShade, darkGround, darkShade)
}

// Nearest is the accent itself when it is readable, and otherwise the shade of
// it, lighter or darker, that is readable and differs least.
func (a Accent) Nearest() Accent {
	return a.nearest(Accent.Readable)
}

// ink is black or white, whichever is easier to read on the accent.
func (a Accent) ink() Accent {
	if a.contrast(white) >= a.contrast(black) {
		return white
	}
	return black
}

// text is the shade of the accent that can be read as text on the grounds. It
// asks for more than the 4.5:1 of the rule, because links are thin.
func (a Accent) text(ratio float64, grounds ...Accent) Accent {
	return a.nearest(func(shade Accent) bool { return shade.standsOut(ratio, grounds...) })
}

// nearest tries the shades from the accent outwards, towards black and white.
func (a Accent) nearest(good func(Accent) bool) Accent {
	a = a.orStandard()
	if good(a) {
		return a
	}
	const steps = 100
	for i := 1; i <= steps; i++ {
		share := float64(i) / steps
		for _, end := range []Accent{black, white} {
			if shade := a.mix(end, share); good(shade) {
				return shade
			}
		}
	}
	return standardAccent
}

func (a Accent) mix(end Accent, share float64) Accent {
	part := func(from, to uint8) uint8 {
		return uint8(math.Round(float64(from) + (float64(to)-float64(from))*share))
	}
	return Accent{r: part(a.r, end.r), g: part(a.g, end.g), b: part(a.b, end.b), set: true}
}

func (a Accent) standsOut(ratio float64, grounds ...Accent) bool {
	for _, g := range grounds {
		if a.contrast(g) < ratio {
			return false
		}
	}
	return true
}

// contrast is the ratio of WCAG 2.2, from 1 to 21.
func (a Accent) contrast(b Accent) float64 {
	la, lb := a.luminance(), b.luminance()
	return (math.Max(la, lb) + 0.05) / (math.Min(la, lb) + 0.05)
}

func (a Accent) luminance() float64 {
	linear := func(c uint8) float64 {
		s := float64(c) / 255
		if s <= 0.04045 {
			return s / 12.92
		}
		return math.Pow((s+0.055)/1.055, 2.4)
	}
	return 0.2126*linear(a.r) + 0.7152*linear(a.g) + 0.0722*linear(a.b)
}

// stylesheet is /assets/brand-{hash}.css: the accent, what is written on it,
// and its shades as text in either theme.
func (a Accent) stylesheet() string {
	a = a.Nearest()
	pressed := a.mix(black, 0.18)
	if a.ink() == black {
		pressed = a.mix(white, 0.18)
	}
	return fmt.Sprintf(`:root {
  --accent: %s;
  --accent-pressed: %s;
  --on-accent: %s;
  --accent-text: %s;
}
@media (prefers-color-scheme: dark) {
  :root { --accent-text: %s; }
}
`, a, pressed, a.ink(), a.text(5, lightGround, lightShade), a.text(7, darkGround, darkShade))
}
