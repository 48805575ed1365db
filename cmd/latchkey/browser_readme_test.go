package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// TestBrowserReadmeFiveCalls runs the calls of the README as they stand there, in a shell with curl, against a sandbox of
// its own; between the fourth and the fifth a customer does their part in a browser.
func TestBrowserReadmeFiveCalls(t *testing.T) {
	_, err := exec.LookPath("curl")
	needs(t, err == nil, "curl")
	b := newBrowser(t)
	sb := startSandbox(t)
	readme, err := os.ReadFile(filepath.Join("..", "..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(readme), "## The journey in five calls")
	_, rest, _ = strings.Cut(rest, "```sh\n")
	script, _, found := strings.Cut(rest, "```")
	first, exchange, both := strings.Cut(script, "# 5")
	if !found || !both {
		t.Fatal("the README has no five calls")
	}
	shell := func(script string) string {
		t.Helper()
		script = strings.NewReplacer("http://localhost:8080", sb.url, "http://127.0.0.1:8090", sb.demoURL).Replace(script)
		out, err := exec.CommandContext(t.Context(), "sh", "-euc", script).CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s\n%s", err, script, out)
		}
		return string(out)
	}
	said := shell(first)
	if !strings.Contains(said, `"email":"mira.kade@example.org","active":true,"details":null}`) {
		t.Errorf("the second call says %s", said)
	}
	lines := strings.Split(strings.TrimSpace(said), "\n")
	address := lines[len(lines)-1]
	if i := strings.Index(address, sb.url+"/oauth/authorize/"); i >= 0 {
		address = address[i:]
	}

	p := newPerson(t, b, sb, look{scriptOff: true})
	p.email = "mira.kade@example.org"
	p.visit(address)
	p.secures()
	p.givesDetails()
	p.at("c10")
	p.leaves("Allow", chromedp.Click(chromedp.CSS(`[name=decision][value=allow]`)))
	// The demo partner expected nobody: its page shows what the return carried.
	came := map[string]string{}
	for _, line := range strings.Split(evaluate[string](p.tab, `[...document.querySelectorAll("main dt")].map(dt =>
		dt.textContent + "=" + dt.nextElementSibling.textContent).join("\n")`), "\n") {
		name, value, _ := strings.Cut(line, "=")
		came[name] = value
	}
	if came["state"] != "t-5512" || came["profileId"] == "" || came["code"] == "" {
		t.Fatalf("the browser came back with %v", came)
	}
	settings, _, _ := strings.Cut(first, "# 1")
	answer := shell(settings + "# 5" + strings.Replace(exchange, "PASTE_IT_HERE", came["code"], 1))
	for _, part := range []string{`{"access_token":"`, `"token_type":"bearer"`, `"refresh_token":"`, `"expires_in":43199`, `"scope":"transfers"`} {
		if !strings.Contains(answer, part) {
			t.Errorf("the fifth call has no %s: %s", part, answer)
		}
	}
}

// givesDetails is C8 and C9 for somebody of whom nothing is known: every section that has a gap.
func (p *person) givesDetails() {
	p.t.Helper()
	for _, section := range []struct {
		name   string
		fields [][2]string
	}{
		{"name", [][2]string{{"given_name", "Mira"}, {"family_name", "Kade"}}},
		{"birth", [][2]string{{"birth_day", "30"}, {"birth_month", "November"}, {"birth_year", "1988"}}},
		{"phone", [][2]string{{"phone", "+44 131 555 0142"}}},
		{"address", [][2]string{{"line1", "7 Harbour Row"}, {"city", "Leith"}, {"postal_code", "EH6 6AB"}}},
	} {
		p.at("c8")
		if section.name == "address" {
			p.press(`a[href$="/review/country"]`)
			p.must("choose the country", chromedp.Do(p.ctx, chromedp.SendKeys(chromedp.CSS("[name=country]"), "United Kin")))
			p.press("main form .primary")
			p.at("c9.address") // the country decides which lines an address has, so it leads there
		} else {
			p.press(`a[href$="/review/` + section.name + `"]`)
		}
		for _, f := range section.fields {
			p.fill(f[0], f[1])
		}
		p.press("main form .primary")
	}
	p.at("c8")
	p.press("main form .primary")
}
