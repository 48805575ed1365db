package web

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/claim"
	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/grant"
	"github.com/latchkey-id/latchkey/internal/limit"
	"github.com/latchkey-id/latchkey/internal/partner"
	"github.com/latchkey-id/latchkey/internal/secret"
)

// A Door is the pages over the nouns. All fields are needed but where it says otherwise.
type Door struct {
	Partners partner.Partners
	Claims   claim.Claims
	SignIns  customer.SignIns
	// WaysIn has the owner's verbs on how they get in.
	WaysIn customer.WaysIn
	// Recoveries has the verbs of those who cannot sign in.
	Recoveries customer.Recoveries
	// Customers has the verbs on reviews that partners asked for.
	Customers customer.Customers
	// Grants has the customer's own verbs on what they allowed.
	Events audit.Events
	Grants grant.Grants
	Pages  *Pages
	Keys   *secret.Keys
	// Failed counts failed look-ups of claim codes by network (OC-42).
	Failed *limit.Buckets
	// Now is the clock.
	Now func() time.Time
	// Log receives what went wrong, with the reference that the page shows.
	Log *slog.Logger
	// From is the address that a request came from, as seen behind the proxies that the operator trusts.
	From func(*http.Request) netip.Addr
	// WebURL is the origin of the pages, such as "https://id.example.com"; it is the issuer too. Over https the cookie
	// has the __Host- prefix, which keeps neighbours on the domain from planting one.
	WebURL string
	// Unavailable is what the errors of a database that did not answer wrap (I11).
	Unavailable error
	// Sandbox shows what only a developer may see: the registered addresses on E5.
	Sandbox bool

	files limit.Seats
}

// secure reports whether people reach this server by https.
func (d *Door) secure() bool { return strings.HasPrefix(d.WebURL, "https://") }

// cookieName is the name of the one cookie: __Host-lk, or lk where the pages are on http (loopback), since some browsers
// refuse Secure cookies there (design 10.17).
func (d *Door) cookieName() string {
	if d.secure() {
		return "__Host-lk"
	}
	return "lk"
}

// A visit is one request at the door: the browser's cookie, read once, and what the answer needs.
type visit struct {
	*Door
	w   http.ResponseWriter
	r   *http.Request
	jar jar
	// shown is the session's key as the browser sent it, whatever the jar holds by now; kept says that a cookie of ours came.
	shown     customer.SessionKey
	kept      bool
	reference string
	// era is the session epoch of who is signed in, as the guard of a page of theirs read it; see ownToken.
	era int64
	// outside says that the session, as the journey of this page was read with it, is signed in nowhere.
	outside bool
	// text is the journey's id in the address, "" outside journeys.
	text string
}

// page is a handler of one route. What it cannot answer itself it returns as an error; trouble has the table.
type page func(*visit) error

// route makes a page an http.Handler: it names the request, reads the cookie and answers errors. A journey's id that this
// server never made is no page at all.
func (d *Door) route(p page) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		trace := secret.TraceID()
		w.Header().Set("X-Trace-Id", trace) // the request log has it whole; pages show its beginning
		v := &visit{Door: d, w: w, r: r, reference: trace[:12], text: r.PathValue("jid")}
		v.jar, v.kept = d.readJar(r)
		v.shown = v.jar.Session
		answer := p
		if _, ours := d.Keys.JourneyPartner(v.text); v.text != "" && !ours {
			v.text, answer = "", missing
		}
		if err := answer(v); err != nil {
			v.trouble(err)
		}
	}
}

// missing is E13.
func missing(*visit) error { return errMissing }

// maxForm bounds a posted form in bytes; no page needs a tenth of it.
const maxForm = 64 << 10

// parse reads a posted form. What is too large, is no form, or was made by no page of ours (text that is not UTF-8, a
// field twice) is errForm: of two values that disagree, the one that is checked must be the one that is used.
func (v *visit) parse() error {
	v.r.Body = http.MaxBytesReader(v.w, v.r.Body, maxForm)
	if err := v.r.ParseForm(); err != nil {
		return errForm
	}
	for name, values := range v.r.PostForm {
		if len(values) > 1 && name != "scope" || !utf8.ValidString(name+strings.Join(values, "")) {
			return errForm
		}
	}
	return nil
}

func (v *visit) origin() customer.Origin {
	return customer.Origin{Network: audit.Network(v.From(v.r)), Reference: v.reference, Devices: v.devices(), Browser: browserWords(v.r.UserAgent())}
}

// share is the origin of a try that anybody can have refused as often as they like: of each network the first few a minute are on record. Call
// refused for one that was.
func (v *visit) share(what string) (o customer.Origin, refused func()) {
	o = v.origin()
	network := what + " " + o.Network
	_, left := v.Failed.Left(network, failuresAMinute, failuresAMinute)
	o.Unrecorded = !left
	return o, func() { v.Failed.Take(network, failuresAMinute, failuresAMinute) }
}

func (v *visit) context() context.Context { return v.r.Context() }

// base is the path of the journey, or of the customer's details outside any: their pages are the same.
func (v *visit) base() string {
	if v.text == "" {
		return "/details"
	}
	return "/j/" + v.text
}

// see answers 303 to one of our own pages. A form always ends this way, and never off this host (design 4.5): browsers
// apply form-action to the whole chain of redirects. path is made here, never from what a stranger sent.
func (v *visit) see(path string) error {
	v.saveJar()
	v.w.Header().Set("Location", path)
	v.w.WriteHeader(http.StatusSeeOther)
	return nil
}

// show answers with a page.
func (v *visit) show(status int, p Page) error {
	v.saveJar()
	p.frame().Pending = v.pending()
	v.Pages.Write(v.w, v.r, status, p)
	return nil
}

// Errors of forms.
var (
	// errForm: the body is no form, or too large.
	errForm = errors.New("form cannot be read")
	// errStale: the form's token is not of this step and browser (E7).
	errStale = errors.New("form belongs to another step or browser")
	// errMissing: there is no such page.
	errMissing = errors.New("no such page")
)

// Handler is every page. It answers every request that reaches it: what is not its own is E13.
func (d *Door) Handler() http.Handler { return Headers(d.mux(), d.secure()) }

// guard refuses what another site makes a browser send: a form posted from there could take a step in the person's name
// (cross-site request forgery). Sec-Fetch-Site decides, then Origin; the step token stops what gets past both. Our own
// origin is named because a proxy may have changed the Host that Origin is compared with.
func (d *Door) guard() *http.CrossOriginProtection {
	guard := http.NewCrossOriginProtection()
	if err := guard.AddTrustedOrigin(d.WebURL); err != nil {
		d.Log.Error("trusting our own origin", "error", err)
	}
	guard.SetDenyHandler(d.route(func(*visit) error { return errStale }))
	return guard
}
