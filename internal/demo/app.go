package demo

import (
	"context"
	"errors"
	"fmt"
	"html/template"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"github.com/latchkey-id/latchkey"
	"github.com/latchkey-id/latchkey/internal/partner"
)

// Brand is the invented partner of the demo.
const Brand = "Harbour Pay"

// App is the demo partner: a payments app that opens an account for its customer, fills in what it knows, sends the
// customer to claim it and takes the customer back. Each page shows the API calls that it makes, word for word. It keeps
// what it knows in memory, a session a browser.
type App struct {
	// API and Web are the server's origins, Self this app's own.
	API, Web, Self string
	// ID and Secret are this app's credentials; the Other ones are a second partner's, whose code must not work here.
	ID, Secret           string
	OtherID, OtherSecret string
	// Transport carries the calls; nil is the default.
	Transport http.RoundTripper
	// Now is the sandbox's clock, by which the age of a notification is judged.
	Now func() time.Time
	// inbox are the subscriptions whose notifications come to InboxURL; see Subscribe.
	inbox []inboxSubscription
	Log   *slog.Logger
}

// Partners are the registrations that the app needs on the server: itself and the second partner.
func (a *App) Partners() []partner.Registration {
	const perSecond, perMinute = 1000, 10_000 // ten times what a partner has who was given nothing else: a program walks the whole demo within two seconds
	return []partner.Registration{
		{
			ClientID: a.ID, Secret: a.Secret, Name: Brand, HomeURI: a.Self + "/", RestartURI: a.restartURI(),
			RedirectURIs: []string{a.redirectURI()}, Class: partner.Classic.Name,
			Purpose:   "So that your payments carry your own name and arrive without questions.",
			PerSecond: perSecond, PerMinute: perMinute,
		},
		{
			ClientID: a.OtherID, Secret: a.OtherSecret, Name: "Quayside Wages", HomeURI: a.Self + "/",
			RedirectURIs: []string{a.Self + "/wages/callback"}, Class: partner.Classic.Name, PerSecond: perSecond, PerMinute: perMinute,
		},
	}
}

func (a *App) redirectURI() string { return a.Self + "/callback" }
func (a *App) restartURI() string  { return a.Self + "/again" }

// client is this app's client, with a recorder under it.
func (a *App) client(rec *recorder) *latchkey.Client {
	return &latchkey.Client{BaseURL: a.API, WebURL: a.Web, ID: a.ID, Secret: latchkey.Secret(a.Secret), HTTP: &http.Client{Transport: rec}}
}

func (a *App) record() *recorder {
	next := a.Transport
	if next == nil {
		next = http.DefaultTransport
	}
	return &recorder{next: next}
}

// pages of the app, in the order of the journey.
const (
	pageSignUp  = "app-signup.html"
	pageDetails = "app-details.html"
	pageGo      = "app-go.html"
	pageBack    = "app-back.html"
	pageReturn  = "app-return.html"
	pageAgain   = "app-again.html"
	pageBreaks  = "app-breaks.html"
	pageInbox   = "app-inbox.html"
	pageChecks  = "app-checks.html"
	pageStop    = "app-stop.html"
)

// site is the app's handlers.
type site struct {
	*App
	pages    map[string]*template.Template
	sessions sessions
	box      inboxState
}

// Handler returns the app's pages.
func (a *App) Handler() (http.Handler, error) {
	set, err := readPages("app.html", pageSignUp, pageDetails, pageGo, pageBack, pageReturn, pageAgain, pageBreaks, pageInbox, pageChecks, pageStop)
	if err != nil {
		return nil, err
	}
	web, err := url.Parse(a.Web)
	if err != nil {
		return nil, fmt.Errorf("reading the server's address: %w", err)
	}
	s := &site{App: a, pages: set}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /style.css", serveStyle)
	mux.HandleFunc("GET /{$}", s.signUp)
	mux.HandleFunc("POST /{$}", s.doSignUp)
	mux.HandleFunc("GET /details", s.details)
	mux.HandleFunc("POST /details", s.doDetails)
	mux.HandleFunc("GET /go", s.goPage)
	mux.HandleFunc("POST /go", s.doGo)
	mux.HandleFunc("GET /callback", s.callback)
	mux.HandleFunc("GET /back", s.back)
	mux.HandleFunc("GET /return", s.returnPage)
	mux.HandleFunc("POST /return", s.doReturn)
	mux.HandleFunc("GET /again", s.again)
	mux.HandleFunc("GET /checks", s.checks)
	mux.HandleFunc("POST /checks/review", s.doReview)
	mux.HandleFunc("POST /checks/verify", s.doVerify)
	mux.HandleFunc("GET /stop", s.stopPage)
	mux.HandleFunc("POST /stop", s.doStop)
	mux.HandleFunc("GET /inbox", s.inboxPage)
	mux.HandleFunc("POST /inbox/test", s.doTest)
	mux.HandleFunc("POST /inbox/answer", s.doAnswer)
	mux.HandleFunc("POST /webhooks", s.receive)
	mux.HandleFunc("GET /break", s.breaks)
	mux.HandleFunc("POST /break/{name}", s.doBreak)
	mux.HandleFunc("POST /forget", s.forget)
	guarded := http.NewCrossOriginProtection().Handler(mux)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
		safeHeaders(w.Header(), web.Scheme+"://"+web.Host)
		guarded.ServeHTTP(w, r)
	}), nil
}

// appView is what the app's pages see.
type appView struct {
	// ID is the page's id, for tests; Step its number in the nav.
	ID    string
	Step  int
	Title string
	Web   string
	// Session is a copy of what the app knows of this browser.
	Session sessionState
	// Calls are the API calls of this page, Problem what went wrong in words.
	Calls   []Call
	Problem string
	// Address is a link to the server that the page offers.
	Address string
	// Person and Business are what page 2 suggests to say; Business is nil on the form of a person.
	Person   latchkey.PersonalProfile
	Business *latchkey.Business
	// Breaks are the rows of page 8, Result what the last break found out by itself.
	Breaks []breakRow
	Result *breakResult
	// Tried is what page 7 found out about the token; nil before.
	Tried *stopView
	// Checks is how the profile stands that the customer gave access to.
	Checks *checksView
	// Inbox and the two below it are page 6: subscriptions, what came, and the status that the next one is answered with.
	Inbox    []inboxSubscription
	Received []received
	Answers  int
	// Reason and State came with a customer who needs a new link.
	Reason, State string
}

func (s *site) write(w http.ResponseWriter, r *http.Request, status int, page string, v appView) {
	v.Web = s.Web
	writePage(w, r, s.Log, status, s.pages[page], v)
}

// problemText says in words what a call was refused with, for the page beside the call itself.
func problemText(err error) string {
	var e *latchkey.Error
	switch {
	case errors.Is(err, latchkey.ErrAlreadyMember):
		return "This address has an account already. Do not try again with another spelling: send the person to sign in (page 5)."
	case errors.Is(err, latchkey.ErrAlreadyClaimed):
		return "The account belongs to its customer already, so there is nothing left to claim. Use page 5."
	case errors.Is(err, latchkey.ErrInvalidGrant):
		return "The grant is no longer good. After the customer has taken the account over, that is as it must be."
	case errors.Is(err, latchkey.ErrLimited):
		return "Too many requests. Wait a moment, or move the sandbox's clock."
	case errors.As(err, &e) && len(e.Fields) > 0:
		return fmt.Sprintf("The server refused it: %s (%s)", e.Fields[0].Message, e.Fields[0].Path)
	case errors.As(err, &e):
		return "The server refused it; the answer beside says why."
	case errors.Is(err, context.Canceled):
		return "The request was cut off."
	}
	return "The server could not be reached. Is it running?"
}
