package web

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"log/slog"
	"net/http"
	"path"
	"strconv"
	"strings"
)

//go:embed pages/*.html
var pageFiles embed.FS

// Brand is what the operator says about this server.
type Brand struct {
	// Name is shown in the header and in titles; "Latchkey" when empty.
	Name string
	// Accent is the colour of buttons and marks; a colour that cannot be read is
	// replaced with the nearest shade that can. The zero value is the standard one.
	Accent Accent
	// Logo is a PNG or WebP picture shown beside the name, at most 32 KB; empty
	// means the standard mark.
	Logo []byte
	// Help is where people get help: an e-mail address or an https address.
	Help string
	// Legal are links of the footer, after the standard ones.
	Legal []Link
	// Sandbox is true for a server that is not real; every page says so.
	Sandbox bool
}

// Link is a labelled address, label and address from the operator.
type Link struct{ Label, Address string }

// Pages renders every page. It is made once at start and is safe for
// concurrent use.
type Pages struct {
	brand Brand
	log   *slog.Logger
	// set holds every template, and what pages share once: a set for each page, with layout and partials of its own, takes nine MiB.
	set    *template.Template
	words  []*catalogue
	assets assets
	shared map[*catalogue]*shared
}

// NewPages reads templates, sentences and assets. It fails when a page is
// declared and has no template, or has a template and is not declared, so that
// a mistake is met at start and not by a person.
func NewPages(brand Brand, log *slog.Logger) (*Pages, error) {
	words, err := readCatalogues()
	if err != nil {
		return nil, fmt.Errorf("reading messages: %w", err)
	}
	return newPages(brand, log, pageFiles, words)
}

func newPages(brand Brand, log *slog.Logger, files fs.FS, words []*catalogue) (*Pages, error) {
	if brand.Name == "" {
		brand.Name = "Latchkey"
	}
	p := &Pages{brand: brand, log: log, words: words}
	assets, err := makeAssets(brand)
	if err != nil {
		return nil, fmt.Errorf("making assets: %w", err)
	}
	p.assets = assets
	if p.set, err = template.ParseFS(files, "pages/layout.html", "pages/partials.html"); err != nil {
		return nil, fmt.Errorf("parsing the layout: %w", err)
	}
	added := map[string]bool{"layout": true, "partials": true}
	for _, page := range everyPage() {
		file := page.face().file
		if added[file] {
			continue
		}
		added[file] = true
		if err := p.add(files, file); err != nil {
			return nil, fmt.Errorf("parsing page %s: %w", file, err)
		}
	}
	found, err := fs.Glob(files, "pages/*.html")
	if err != nil {
		return nil, err
	}
	for _, name := range found {
		if !added[strings.TrimSuffix(path.Base(name), ".html")] {
			return nil, fmt.Errorf("%s belongs to no declared page", name)
		}
	}
	if err := p.share(); err != nil {
		return nil, fmt.Errorf("making what every page has: %w", err)
	}
	return p, nil
}

// add puts a page into the set. What every page has gets a name with the page in it, the rest keeps its own.
func (p *Pages) add(files fs.FS, file string) error {
	own, err := template.ParseFS(files, "pages/"+file+".html")
	if err != nil {
		return err
	}
	if own.Lookup("main") == nil {
		return errors.New(`it defines no "main"`)
	}
	for _, t := range own.Templates() {
		name := t.Name()
		switch name {
		case file + ".html": // nothing but the space between what it defines
			continue
		case "main":
			name = mainOf(file)
		case "head":
			name = headOf(file)
		}
		if p.set.Lookup(name) != nil {
			return fmt.Errorf("it defines %q, which another has", name)
		}
		if _, err := p.set.AddParseTree(name, t.Tree); err != nil {
			return err
		}
	}
	return nil
}

// mainOf and headOf name what a page has of its own in the set.
func mainOf(file string) string { return "main of " + file }
func headOf(file string) string { return "head of " + file }

// everyPage declares every page of the package, one zero value each.
func everyPage() []Page {
	return []Page{
		&StartPage{}, &NotMePage{}, &EmailPage{}, &UnreachablePage{}, &BirthDatePage{}, &PasswordPage{}, &PasswordAgainPage{}, &SecondStepPage{}, &AppPage{}, &PasskeyPage{}, &PasskeysPage{},
		&SecurityPage{}, &FactorPage{}, &NewCodesPage{}, &NewPasswordPage{}, &NewEmailPage{}, &EmailCodePage{},
		&RecoveryCodesPage{}, &DonePage{}, &LeavePage{},
		&ReviewPage{}, &NamePage{}, &PreferredPage{}, &BirthPage{}, &PhonePage{}, &CountryPage{}, &NationalityPage{},
		&AddressPage{}, &OccupationPage{}, &ExtraPage{}, &FormPage{}, &DisputePage{},
		&AllowPage{}, &ReturnPage{}, &CheckPage{}, &ObjectionPage{}, &RecoveryCodePage{}, &RecoveredPage{}, &ForgotPage{}, &ForgotCodePage{}, &LostPage{}, &ResetPage{},
		&SignInPage{}, &SecondStepSignInPage{}, &ConfirmPage{}, &ContinuePage{}, &HomePage{}, &DetailsPage{}, &ProposalsPage{},
		&ErrorPage{}, &UnknownRequestPage{}, &OtherCustomerPage{},
		&HelpPage{}, &PrivacyPage{}, &AccessibilityPage{}, &ReceiptsPage{}, &AccessPage{}, &ActivityPage{}, &ClosePage{}, &KeepPage{}, &StopPage{},
	}
}

// Write answers with a page. The page is rendered whole before the first byte
// is sent: one that cannot be rendered becomes the page E11 with status 500,
// and the reason goes to the log.
func (p *Pages) Write(w http.ResponseWriter, r *http.Request, status int, page Page) {
	body, err := p.render(page)
	if err != nil {
		p.log.ErrorContext(r.Context(), "rendering a page", "page", page.face().id, "error", err)
		status = http.StatusInternalServerError
		page = &ErrorPage{Trouble: TroubleInside, Frame: Frame{Reference: page.frame().Reference}}
		if body, err = p.render(page); err != nil {
			p.log.ErrorContext(r.Context(), "rendering the error page", "error", err)
			http.Error(w, "Something went wrong.", status)
			return
		}
	}
	h := w.Header()
	if own, ok := page.(interface{ header(http.Header) }); ok {
		own.header(h)
	}
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Language", p.language(page.frame().Language).code)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	if _, err := w.Write(body); err != nil {
		p.log.DebugContext(r.Context(), "sending a page", "error", err)
	}
}

func (p *Pages) render(page Page) ([]byte, error) {
	f := page.face()
	var b bytes.Buffer
	words := p.language(page.frame().Language)
	v := &view{Page: page, Frame: page.frame(), Brand: p.brand, ID: f.id, Heading: f.heading, Shared: p.shared[words],
		file: f.file, pages: p, words: words}
	if err := p.set.ExecuteTemplate(&b, "layout", v); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// language is the catalogue for a code, or the first.
func (p *Pages) language(code string) *catalogue {
	for _, c := range p.words {
		if c.code == code {
			return c
		}
	}
	return p.words[0]
}
