package main

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// TestBrowserReviewsABusiness corrects what a partner uploaded, in a real browser without scripts: a director, one more owner
// with a mistake first, what the account is for; looks at a file, which may run nothing; confirms, and goes back to a page
// that is done.
func TestBrowserReviewsABusiness(t *testing.T) {
	b := newBrowser(t)
	rules := axeRules(t)
	sb := startSandbox(t)
	p := newPerson(t, b, sb, look{scriptOff: true})
	p.visit(sb.demoURL + "/")
	p.email = evaluate[string](p.tab, `document.querySelector("[name=email]").value`)
	p.press("main form .primary")
	p.visit(sb.demoURL + "/details?kind=business")
	p.press("main form .primary")
	p.visit(sb.demoURL + "/go")
	p.press(`[name=go]`)
	p.secures()
	p.rules, p.pictures = rules, "review"
	p.at("c8")

	p.press(`a[href*="/review/director-"]:not([href*="-new-"])`)
	p.at("c9.form")
	p.fill("first_name", "Ída")
	p.press("main form .primary")
	p.rules = ""
	p.at("c8")
	if !strings.Contains(p.says(), "Ída") || !strings.Contains(p.says(), "Changed by you") {
		t.Error("page C8 does not show the corrected director")
	}
	p.press(`a[href*="/review/owner-new-"]`)
	p.fill("owner_name", "Ida Voss")
	p.fill("owner_percent", "a third")
	p.rules = rules
	p.press("main form .primary")
	p.at("c9.form")
	p.fill("date_of_birth_day", "1")
	p.fill("date_of_birth_month", "May")
	p.fill("date_of_birth_year", "1970")
	p.must("choose a country", chromedp.Do(p.ctx, chromedp.SendKeys(chromedp.CSS("[name=country]"), "German")))
	p.fill("first_line", "1 Weg")
	p.fill("post_code", "10115")
	p.fill("owner_percent", "33")
	p.press("main form .primary")
	p.rules = ""
	p.at("c8")
	p.press(`a[href*="/review/evidence-business-use-case-"]`)
	p.rules = rules
	p.at("c9.form")
	p.press("main form .primary")
	p.rules = ""
	p.at("c8")

	p.looksAtFiles()
	p.press("main form .primary")
	p.at("c10")
	p.must("go back", chromedp.Do(p.ctx, chromedp.NavigateBack()))
	if shown := evaluate[string](p.tab, "document.body.dataset.page || ''"); shown != "done" && shown != "c8" {
		t.Errorf("the back button shows page %q", shown)
	}
	p.visit(p.sb.url + p.journey() + "/review")
	p.at("done")
	p.quiet("the review of a business")
}

// says is the text of the page's main part.
func (p *person) says() string {
	p.t.Helper()
	return evaluate[string](p.tab, `document.querySelector("main").innerText`)
}

// journey is the path of the journey that the browser is on.
func (p *person) journey() string {
	p.t.Helper()
	return evaluate[string](p.tab, `location.pathname.split("/").slice(0, 3).join("/")`)
}

// looksAtFiles opens each picture of C8 where it is shown, and returns to the page. What is shown has an origin of its own.
func (p *person) looksAtFiles() {
	p.t.Helper()
	const links = `Array.from(document.querySelectorAll('a[data-msg="c8.view"]')).map(a => a.href)`
	pictures := evaluate[[]string](p.tab, links)
	handed := evaluate[int](p.tab, `document.querySelectorAll('a[data-msg="c8.download"]').length`)
	if len(pictures)+handed == 0 {
		p.t.Error("page C8 lists no file")
	}
	for _, address := range pictures {
		if status := p.visit(address); status != 200 {
			p.t.Errorf("the file answers %d", status)
		}
		if got := evaluate[string](p.tab, `document.contentType + " " + (document.images[0]?.naturalWidth > 0) + " " + self.origin`); !strings.HasPrefix(got, "image/") ||
			!strings.HasSuffix(got, " true null") {
			p.t.Errorf("the browser shows %q", got)
		}
	}
	if len(pictures) > 0 {
		p.must("go back", chromedp.Do(p.ctx, chromedp.NavigateBack()))
	}
}
