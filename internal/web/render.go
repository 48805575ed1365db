package web

import (
	"bytes"
	"embed"
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
	brand  Brand
	log    *slog.Logger
	set    map[string]*template.Template
	words  []*catalogue
	assets assets
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
	p := &Pages{brand: brand, log: log, set: map[string]*template.Template{}, words: words}
	assets, err := makeAssets(brand)
	if err != nil {
		return nil, fmt.Errorf("making assets: %w", err)
	}
	p.assets = assets
	common, err := template.ParseFS(files, "pages/layout.html", "pages/partials.html")
	if err != nil {
		return nil, fmt.Errorf("parsing the layout: %w", err)
	}
	for _, page := range everyPage() {
		file := page.face().file
		if p.set[file] != nil {
			continue
		}
		t, err := template.Must(common.Clone()).ParseFS(files, "pages/"+file+".html")
		if err != nil {
			return nil, fmt.Errorf("parsing page %s: %w", file, err)
		}
		if t.Lookup("main") == nil {
			return nil, fmt.Errorf("page %s defines no \"main\"", file)
		}
		p.set[file] = t
	}
	found, err := fs.Glob(files, "pages/*.html")
	if err != nil {
		return nil, err
	}
	for _, name := range found {
		file := strings.TrimSuffix(path.Base(name), ".html")
		if file != "layout" && file != "partials" && p.set[file] == nil {
			return nil, fmt.Errorf("pages/%s.html belongs to no declared page", file)
		}
	}
	return p, nil
}

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
	t := p.set[f.file]
	if t == nil {
		return nil, fmt.Errorf("no page %q", f.file)
	}
	var b bytes.Buffer
	v := &view{Page: page, Frame: page.frame(), Brand: p.brand, ID: f.id, Heading: f.heading,
		pages: p, words: p.language(page.frame().Language)}
	if err := t.ExecuteTemplate(&b, "layout", v); err != nil {
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
