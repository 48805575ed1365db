package web

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// theme reads the custom properties of the style sheets for one theme.
func theme(t *testing.T, css string, dark bool) map[string]Accent {
	t.Helper()
	property := regexp.MustCompile(`--([a-z-]+): (#[0-9a-f]{6});`)
	colours := map[string]Accent{}
	read := func(block string) {
		for _, m := range property.FindAllStringSubmatch(block, -1) {
			a, err := ParseAccent(m[2])
			if err != nil {
				t.Fatal(err)
			}
			colours[m[1]] = a
		}
	}
	parts := strings.Split(css, "@media (prefers-color-scheme: dark)")
	read(parts[0])
	for _, part := range parts[1:] {
		block, rest, _ := strings.Cut(part, "}\n}")
		if !strings.Contains(block, "\n  :root {") {
			block, rest, _ = strings.Cut(part, "\n}")
		}
		if dark {
			read(block)
		}
		read(rest)
	}
	return colours
}

// Text has 4.5:1 and controls have 3:1 on whatever is behind them, in both
// themes and with any accent (WCAG 2.2, 1.4.3 and 1.4.11).
func TestContrast(t *testing.T) {
	t.Parallel()
	style, err := staticFiles.ReadFile("static/latchkey.css")
	if err != nil {
		t.Fatal(err)
	}
	for _, accent := range []string{"", "#ffff00", "#000000", "#ffffff", "#1f4fd8", "#c2185b", "#7a7a7a", "#ff5722"} {
		chosen := Accent{}
		if accent != "" {
			chosen, _ = ParseAccent(accent)
		}
		css := string(style) + chosen.stylesheet()
		for _, dark := range []bool{false, true} {
			c := theme(t, css, dark)
			for _, pair := range []struct {
				over, under string
				want        float64
			}{
				{"text", "ground", 4.5}, {"text", "shade", 4.5}, {"text", "error-ground", 4.5}, {"text", "notice-ground", 4.5},
				{"muted", "ground", 4.5}, {"muted", "shade", 4.5}, {"error", "ground", 4.5}, {"error", "error-ground", 4.5},
				{"muted", "notice-ground", 4.5}, {"accent-text", "notice-ground", 4.5},
				{"accent-text", "ground", 4.5}, {"accent-text", "shade", 4.5}, {"notice", "notice-ground", 4.5},
				{"sandbox", "sandbox-ground", 4.5}, {"on-accent", "accent", 4.5}, {"on-accent", "accent-pressed", 4.5},
				{"control", "ground", 3}, {"control", "shade", 3}, {"focus", "ground", 3}, {"focus", "shade", 3},
				{"focus", "error-ground", 3}, {"accent", "ground", 3}, {"accent", "shade", 3}, {"error", "shade", 3},
			} {
				over, ok1 := c[pair.over]
				under, ok2 := c[pair.under]
				if !ok1 || !ok2 {
					t.Fatalf("no colour %s or %s", pair.over, pair.under)
				}
				if got := over.contrast(under); got < pair.want {
					t.Errorf("accent %q, dark %v: --%s on --%s has %.2f:1, want %.1f:1", accent, dark, pair.over, pair.under, got, pair.want)
				}
			}
		}
	}
	for dark, want := range map[bool][2]Accent{false: {lightGround, lightShade}, true: {darkGround, darkShade}} {
		c := theme(t, string(style), dark)
		if c["ground"] != want[0] || c["shade"] != want[1] {
			t.Errorf("dark %v: the grounds of accent.go are not those of the style sheet", dark)
		}
	}
}

func TestAccent(t *testing.T) {
	t.Parallel()
	for _, wrong := range []string{"", "red", "#fff", "#gggggg", "0f7a72", "#0f7a727f", "#+12345"} {
		if a, err := ParseAccent(wrong); err == nil {
			t.Errorf("%q is %s", wrong, a)
		}
	}
	// The two ends of the scale of WCAG, and the grey closest to 4.5:1 on white.
	for _, c := range []struct {
		a, b string
		want string
	}{{"#000000", "#ffffff", "21.00"}, {"#ffffff", "#ffffff", "1.00"}, {"#767676", "#ffffff", "4.54"}, {"#777777", "#ffffff", "4.48"}} {
		a, _ := ParseAccent(c.a)
		b, _ := ParseAccent(c.b)
		if got := fmt.Sprintf("%.2f", a.contrast(b)); got != c.want {
			t.Errorf("%s on %s: %s, want %s", c.a, c.b, got, c.want)
		}
	}
	if !(Accent{}).Readable() || (Accent{}).Nearest().String() != standardAccent.String() {
		t.Error("the standard accent is not readable")
	}
	for _, c := range []struct{ given, want string }{{"#0f7a72", "#0f7a72"}, {"#1f4fd8", ""}, {"#ffff00", ""}, {"#000000", ""}} {
		a, _ := ParseAccent(c.given)
		near := a.Nearest()
		if !near.Readable() || c.want != "" && near.String() != c.want {
			t.Errorf("%s: nearest is %s", c.given, near)
		}
	}
	yellow, _ := ParseAccent("#ffff00")
	if n := yellow.Nearest(); n.b > 20 || n.r != n.g {
		t.Errorf("the nearest shade of yellow is %s", n)
	}
}

// The style uses logical properties only, moves nothing and loads nothing.
func TestStyle(t *testing.T) {
	t.Parallel()
	style, err := staticFiles.ReadFile("static/latchkey.css")
	if err != nil {
		t.Fatal(err)
	}
	never := regexp.MustCompile(`(?m)(margin|padding|border)-(left|right|top|bottom)|^\s*(left|right|top|bottom|width|height|min-width|max-width|min-height|max-height):|float: (left|right)|text-align: (left|right)|animation:|transition:|@font-face|@import|url\(`)
	for _, found := range never.FindAllString(string(style), -1) {
		t.Errorf("the style has %q", found)
	}
	for _, want := range []string{"color-scheme: light dark", "38rem", "outline: 3px solid", "forced-colors: active", "@media print"} {
		if !strings.Contains(string(style), want) {
			t.Errorf("the style has no %q", want)
		}
	}
}

// The first page is under 60 KB in all, and so is every other.
func TestSize(t *testing.T) {
	t.Parallel()
	p := testPages(t)
	assets := len(p.assets.Style.bytes) + len(p.assets.Brand.bytes) + len(p.assets.Script.bytes) + len(p.assets.Passkey.bytes) + len(p.assets.Icon.bytes)
	most := 0
	for _, s := range samples() {
		size := len(write(t, p, s).Body.Bytes()) + assets
		most = max(most, size)
		if size >= 60_000 {
			t.Errorf("%s has %d bytes in all", s.name, size)
		}
	}
	t.Logf("assets %d bytes, largest page with them %d", assets, most)
}

// What strangers type cannot become markup, and cannot turn the sentence around
// it: it is escaped, stripped of marks that reorder text, and set apart.
func TestHostileValues(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("\u05d0", 100)
	for _, hostile := range []string{`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, "Acme\u202eyrusaerT", "'; --", long, "{{.Frame}}", "{brand}"} {
		f := journeyFrame(2, Wrong("x_k", "c9.extra.empty", "label", hostile))
		f.Partner.Name = hostile
		f.FormToken = hostile
		f.Reference = hostile
		pages := []Page{
			&StartPage{Frame: f, Email: hostile},
			&ExtraPage{Frame: f, Key: "k", Label: hostile, Hint: hostile, Value: hostile},
			&NamePage{Frame: f, GivenName: hostile, FamilyName: hostile},
			&ReviewPage{Frame: f, Version: hostile, Sections: []ReviewSection{{Key: "about", Rows: []ReviewRow{
				{Key: "name", Lines: []string{hostile, hostile}, Source: SourceChecked}, {Key: "k", Label: hostile, Needed: true}}}}},
			&DisputePage{Frame: f, Row: ReviewRow{Key: "name", Lines: []string{hostile}}, Note: hostile},
			&AllowPage{Frame: f, Email: hostile, Host: hostile, Purpose: hostile, Profile: hostile,
				Scopes:   []AllowScope{{Name: hostile, Title: hostile, Details: hostile, Optional: true}},
				Profiles: []AllowProfile{{ID: hostile, Name: hostile}, {ID: "2", Name: hostile, Business: true, Number: hostile}}},
			&HomePage{Frame: f, Name: hostile, Email: hostile, Partners: []string{hostile}},
			&OtherCustomerPage{Frame: f, Email: hostile, Stay: Way{"way.partner", "/x"}},
			&UnknownRequestPage{Frame: f, Given: hostile, Registered: []string{hostile}},
			&RecoveryCodesPage{Frame: f, Email: hostile, Codes: []string{hostile}},
		}
		p := testPages(t)
		for _, page := range pages {
			body, err := p.render(page)
			if err != nil {
				t.Fatalf("%T %.20q: %v", page, hostile, err)
			}
			root := parse(t, body)
			if n := len(elements(root, named("script"))); n != 1 {
				t.Errorf("%T %.20q: %d scripts", page, hostile, n)
			}
			for _, n := range elements(root, func(*html.Node) bool { return true }) {
				for _, a := range n.Attr {
					if strings.HasPrefix(a.Key, "on") || n.Data == "img" {
						t.Errorf("%T %.20q: <%s %s>", page, hostile, n.Data, a.Key)
					}
				}
			}
			name := readable(hostile)
			apart := elements(root, func(n *html.Node) bool { return n.Data == "bdi" && text(n) == strings.Join(strings.Fields(name), " ") })
			if len(apart) == 0 {
				t.Errorf("%T %.20q: not set apart", page, hostile)
			}
		}
	}
}
