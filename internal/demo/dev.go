package demo

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"
)

//go:embed pages
var pageFiles embed.FS

// Letter is a mail as the sandbox's mailbox shows it.
type Letter struct {
	ID      int64     `json:"id"`
	Kind    string    `json:"kind"`
	At      time.Time `json:"at"`
	To      string    `json:"to"`
	Subject string    `json:"subject"`
	Text    string    `json:"text"`
	HTML    string    `json:"html"`
}

// Dev serves the sandbox's own pages under /dev/, each with a JSON twin, so that a person and a tool can do the same:
// read the mailbox, use the authenticator, move the clock. It is mounted by "latchkey dev" alone.
type Dev struct {
	Clock         *Clock
	Authenticator *Authenticator
	// Letters lists the newest n mails, newest first.
	Letters func(ctx context.Context, n int) ([]Letter, error)
	// Moved is called after the clock was moved; may be nil.
	Moved func()
	// DemoURL is where the demo partner is, for a link; may be empty.
	DemoURL string
	Log     *slog.Logger
}

// mailboxSize is how many mails the mailbox shows.
const mailboxSize = 100

// Handler returns the pages. Everything is under /dev; other paths are not found.
func (d *Dev) Handler() (http.Handler, error) {
	set, err := readPages("dev.html", "dev-home.html", "dev-mail.html", "dev-authenticator.html", "dev-clock.html")
	if err != nil {
		return nil, err
	}
	v := &devPages{Dev: d, pages: set}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /dev", v.home)
	mux.HandleFunc("GET /dev/{$}", v.home)
	mux.HandleFunc("GET /dev/style.css", serveStyle)
	mux.HandleFunc("GET /dev/mail", v.mail)
	mux.HandleFunc("GET /dev/mail.json", v.mailJSON)
	mux.HandleFunc("GET /dev/mail/{id}", v.mailHTML)
	mux.HandleFunc("GET /dev/authenticator", v.authenticator)
	mux.HandleFunc("POST /dev/authenticator", v.addKey)
	mux.HandleFunc("GET /dev/authenticator.json", v.authenticatorJSON)
	mux.HandleFunc("POST /dev/authenticator.json", v.addKeyJSON)
	mux.HandleFunc("GET /dev/clock", v.clock)
	mux.HandleFunc("POST /dev/clock", v.advance)
	mux.HandleFunc("GET /dev/clock.json", v.clockJSON)
	mux.HandleFunc("POST /dev/clock.json", v.advanceJSON)
	// Another site's page must not move the clock or fill the app of a developer who happens to visit it.
	guarded := http.NewCrossOriginProtection().Handler(mux)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
		safeHeaders(w.Header(), "")
		guarded.ServeHTTP(w, r)
	}), nil
}

// safeHeaders keeps the pages of this package as strict as the server's own. formsTo is a further origin that forms may
// end at, because browsers apply form-action to the redirects that follow a post.
func safeHeaders(h http.Header, formsTo string) {
	h.Set("Content-Security-Policy", strings.TrimSpace("default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; "+
		"frame-ancestors 'none'; form-action 'self' "+formsTo))
	h.Set("Referrer-Policy", "same-origin")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
}

// readPages parses one layout and the pages inside it, so that a broken template is met at start.
func readPages(layout string, names ...string) (map[string]*template.Template, error) {
	set := map[string]*template.Template{}
	for _, name := range names {
		t, err := template.New(layout).Funcs(template.FuncMap{"clock": clockText, "span": spanText, "inc": func(i int) int { return i + 1 }}).
			ParseFS(pageFiles, "pages/"+layout, "pages/"+name)
		if err != nil {
			return nil, fmt.Errorf("reading sandbox page %s: %w", name, err)
		}
		set[name] = t
	}
	return set, nil
}

// clockText writes a moment for people.
func clockText(t time.Time) string { return t.UTC().Format("2 January 2006, 15:04:05 UTC") }

// spanText writes a duration for people; nothing is "none".
func spanText(d time.Duration) string {
	if d == 0 {
		return "none"
	}
	return d.Round(time.Second).String()
}

func serveStyle(w http.ResponseWriter, _ *http.Request) {
	content, err := pageFiles.ReadFile("pages/style.css")
	if err != nil {
		http.Error(w, "no style", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/css; charset=utf-8")
	_, _ = w.Write(content)
}

// devPages are the handlers.
type devPages struct {
	*Dev
	pages map[string]*template.Template
}

// devView is what the pages see.
type devView struct {
	Title, DemoURL, Problem, Typed string
	Now                            time.Time
	Offset                         time.Duration
	Letters                        []Letter
	Codes                          []AppCode
}

// step is a ready-made move of the clock.
type step struct{ By, Text string }

// Steps are the moves that end something of the journey.
func (devView) Steps() []step {
	return []step{
		{"31s", "31 s: the next app code"}, {"5m1s", "5 min 1 s: a claim code runs out"}, {"15m1s", "15 min 1 s: an emailed code runs out"},
		{"31m", "31 min: a session runs out"}, {"12h", "12 h: an access token runs out"}, {"72h1m", "72 h 1 min: who lost every way in may go on"},
		{"14d", "14 days: an account that its customer closes is erased"}, {"31d", "31 days: an unclaimed account ends"},
	}
}

func (v *devPages) write(w http.ResponseWriter, r *http.Request, status int, page string, view devView) {
	view.DemoURL, view.Now, view.Offset = v.DemoURL, v.Clock.Now(), v.Clock.Offset()
	writePage(w, r, v.Log, status, v.pages[page], view)
}

// writePage renders whole before it sends, so that a failing template is an error page and not half a page.
func writePage(w http.ResponseWriter, r *http.Request, log *slog.Logger, status int, t *template.Template, view any) {
	var out strings.Builder
	if err := t.Execute(&out, view); err != nil {
		log.ErrorContext(r.Context(), "rendering a sandbox page", "error", err)
		http.Error(w, "This page could not be shown; the log says why.", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(out.String()))
}

func writeJSON(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json;charset=UTF-8")
	w.WriteHeader(status)
	to := json.NewEncoder(w)
	to.SetEscapeHTML(false)
	_ = to.Encode(value)
}

func writeProblem(w http.ResponseWriter, status int, err error) {
	writeJSON(w, status, map[string]string{"error": err.Error()})
}

func (v *devPages) home(w http.ResponseWriter, r *http.Request) {
	v.write(w, r, http.StatusOK, "dev-home.html", devView{Title: "Sandbox"})
}

func (v *devPages) letters(w http.ResponseWriter, r *http.Request) ([]Letter, bool) {
	list, err := v.Letters(r.Context(), mailboxSize)
	if err != nil {
		v.Log.ErrorContext(r.Context(), "reading the sandbox's mailbox", "error", err)
		writeProblem(w, http.StatusServiceUnavailable, errors.New("the mailbox cannot be read now"))
		return nil, false
	}
	if to := r.URL.Query().Get("to"); to != "" {
		var some []Letter
		for _, l := range list {
			if strings.EqualFold(l.To, to) {
				some = append(some, l)
			}
		}
		list = some
	}
	return list, true
}

func (v *devPages) mail(w http.ResponseWriter, r *http.Request) {
	if list, ok := v.letters(w, r); ok {
		v.write(w, r, http.StatusOK, "dev-mail.html", devView{Title: "Mail", Letters: list})
	}
}

func (v *devPages) mailJSON(w http.ResponseWriter, r *http.Request) {
	if list, ok := v.letters(w, r); ok {
		writeJSON(w, http.StatusOK, append([]Letter{}, list...))
	}
}

// mailHTML shows the HTML form of a mail as a mail program would: its own styles, no script, no way out.
func (v *devPages) mailHTML(w http.ResponseWriter, r *http.Request) {
	list, ok := v.letters(w, r)
	if !ok {
		return
	}
	id, _ := strconv.ParseInt(r.PathValue("id"), 10, 64)
	for _, l := range list {
		if l.ID == id {
			w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; sandbox")
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			_, _ = w.Write([]byte(l.HTML))
			return
		}
	}
	http.NotFound(w, r)
}

func (v *devPages) authenticator(w http.ResponseWriter, r *http.Request) {
	v.write(w, r, http.StatusOK, "dev-authenticator.html", devView{Title: "Authenticator app", Codes: v.Authenticator.Codes()})
}

func (v *devPages) addKey(w http.ResponseWriter, r *http.Request) {
	if _, err := v.Authenticator.Add(r.PostFormValue("key"), strings.TrimSpace(r.PostFormValue("name"))); err != nil {
		v.write(w, r, http.StatusUnprocessableEntity, "dev-authenticator.html", devView{Title: "Authenticator app",
			Codes: v.Authenticator.Codes(), Problem: "Paste the key in groups of four, or the otpauth: address", Typed: r.PostFormValue("key")})
		return
	}
	http.Redirect(w, r, "/dev/authenticator", http.StatusSeeOther)
}

func (v *devPages) authenticatorJSON(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, v.Authenticator.Codes())
}

func (v *devPages) addKeyJSON(w http.ResponseWriter, r *http.Request) {
	var body struct{ Key, Name string }
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		writeProblem(w, http.StatusBadRequest, errors.New(`send JSON: {"key":"...","name":"..."}`))
		return
	}
	code, err := v.Authenticator.Add(body.Key, body.Name)
	if err != nil {
		writeProblem(w, http.StatusUnprocessableEntity, err)
		return
	}
	writeJSON(w, http.StatusOK, code)
}

func (v *devPages) clock(w http.ResponseWriter, r *http.Request) {
	v.write(w, r, http.StatusOK, "dev-clock.html", devView{Title: "Clock"})
}

// move reads a duration such as 5m1s, or 2d for days, and moves the clock.
func (v *devPages) move(text string) error {
	text = strings.TrimSpace(text)
	by, err := time.ParseDuration(text)
	if days, found := strings.CutSuffix(text, "d"); found {
		n, numErr := strconv.Atoi(days)
		if numErr == nil && n >= 0 && n < 100_000 {
			by, err = time.Duration(n)*24*time.Hour, nil
		}
	}
	if err != nil {
		return errors.New("write a time like 31s, 5m1s, 12h or 30d")
	}
	if err := v.Clock.Advance(by); err != nil {
		return err
	}
	if v.Moved != nil {
		v.Moved()
	}
	return nil
}

func (v *devPages) advance(w http.ResponseWriter, r *http.Request) {
	typed := r.PostFormValue("advance")
	if err := v.move(typed); err != nil {
		v.write(w, r, http.StatusUnprocessableEntity, "dev-clock.html", devView{Title: "Clock", Problem: err.Error(), Typed: typed})
		return
	}
	back := "/dev/clock"
	if r.PostFormValue("back") == "authenticator" {
		back = "/dev/authenticator"
	}
	http.Redirect(w, r, back, http.StatusSeeOther)
}

func (v *devPages) clockJSON(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, map[string]string{"now": v.Clock.Now().Format("2006-01-02T15:04:05.000Z07:00"), "offset": v.Clock.Offset().String()})
}

func (v *devPages) advanceJSON(w http.ResponseWriter, r *http.Request) {
	var body struct{ Advance string }
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		writeProblem(w, http.StatusBadRequest, errors.New(`send JSON: {"advance":"5m1s"}`))
		return
	}
	if err := v.move(body.Advance); err != nil {
		writeProblem(w, http.StatusUnprocessableEntity, err)
		return
	}
	v.clockJSON(w, r)
}
