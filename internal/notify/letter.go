package notify

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	htmltemplate "html/template"
	"io/fs"
	"net/mail"
	"path"
	"strings"
	texttemplate "text/template"
	"time"
	"unicode"

	"github.com/latchkey-id/latchkey/internal/customer"
)

//go:embed mails
var files embed.FS

// ErrUnknownMail: no template is called for by the kind of a queued mail. It is final: another try would not help.
var ErrUnknownMail = errors.New("no such kind of mail")

// A Letter is a mail ready to be sent: who gets it, and the same words as text and as HTML.
type Letter struct {
	ID      int64     `json:"id"`
	Kind    string    `json:"kind"`
	At      time.Time `json:"at"`
	To      string    `json:"to"`
	Subject string    `json:"subject"`
	Text    string    `json:"text"`
	HTML    string    `json:"html"`
}

// Letters renders queued mails. The templates are read once, by New.
type Letters struct {
	frame   Frame
	byLang  map[string]*language
	ordered []string
}

// Frame is what every mail says about the sender, the same for all.
type Frame struct {
	// Brand is the name that the operator gave this server.
	Brand string
	// Host is the host (and port, when unusual) of the web base: where the customer types a code and signs in.
	Host string
	// Web is the origin of the pages, such as "https://id.example.com": where the links of mails lead.
	Web string
	// Help is the address at which a person reads and answers.
	Help string
}

// language holds the templates of one language: one set of each form for each kind.
type language struct {
	text map[customer.MailKind]*texttemplate.Template
	html map[customer.MailKind]*htmltemplate.Template
}

// fileOf names the template files of each kind.
var fileOf = map[customer.MailKind]string{
	customer.MailClaimed:    "claimed",
	customer.MailCode:       "code",
	customer.MailAccess:     "allowed",
	customer.MailDevice:     "device",
	customer.MailChanged:    "changed",
	customer.MailAccessEnds: "ends",

	customer.MailRecoveryCode: "recovery-code",
	customer.MailRecovery:     "forgot",
	customer.MailResetAsked:   "reset",
	customer.MailResetEnded:   "reset-over",
	customer.MailClose:        "close",
}

// CodeMinutes is how long the code of M2 is good for (journey section 1), as the mail says it.
const CodeMinutes = 15

// New reads the templates of every language and fails when one is missing or broken, so that a release cannot start
// without a mail that it will need.
func New(f Frame) (*Letters, error) {
	for _, value := range []string{f.Brand, f.Host, f.Web, f.Help} {
		if err := checkHeader(value); err != nil {
			return nil, fmt.Errorf("reading mail settings: %w", err)
		}
	}
	folders, err := fs.ReadDir(files, "mails")
	if err != nil {
		return nil, fmt.Errorf("reading mail templates: %w", err)
	}
	all := &Letters{frame: f, byLang: map[string]*language{}}
	for _, folder := range folders {
		lang, err := readLanguage(path.Join("mails", folder.Name()))
		if err != nil {
			return nil, fmt.Errorf("reading mail templates of %s: %w", folder.Name(), err)
		}
		all.byLang[folder.Name()] = lang
		all.ordered = append(all.ordered, folder.Name())
	}
	return all, nil
}

func readLanguage(dir string) (*language, error) {
	lang := &language{
		text: map[customer.MailKind]*texttemplate.Template{},
		html: map[customer.MailKind]*htmltemplate.Template{},
	}
	for kind, name := range fileOf {
		text, err := texttemplate.New(name).Option("missingkey=error").
			ParseFS(files, path.Join(dir, "frame.txt"), path.Join(dir, name+".txt"))
		if err != nil {
			return nil, err
		}
		html, err := htmltemplate.New("frame.html").Option("missingkey=error").
			ParseFS(files, path.Join(dir, "frame.html"), path.Join(dir, name+".html"))
		if err != nil {
			return nil, err
		}
		lang.text[kind], lang.html[kind] = text, html
	}
	return lang, nil
}

// page is what a template sees.
type page struct {
	Frame
	Subject, Partner, Address, Code, Link, At, Hour, Until string
	Change                                                 customer.SignInChange
	End                                                    customer.AccessEnd
	Scopes                                                 []string
	Minutes, Left                                          int
	// UntilMoment is Until with the time of day.
	UntilMoment string
}

// Render writes the mail in its language, English when there is none for it. An error is final: the same mail would
// fail again.
func (ls *Letters) Render(m customer.Mail) (Letter, error) {
	lang, found := ls.byLang[m.Language]
	if !found {
		lang = ls.byLang["en"]
	}
	text, html := lang.text[m.Kind], lang.html[m.Kind]
	if text == nil {
		return Letter{}, fmt.Errorf("%w: %q", ErrUnknownMail, m.Kind)
	}
	view := page{Frame: ls.frame, Partner: m.Partner, Address: m.To, Code: m.Code, Link: m.Link, Change: m.Change, End: m.End, At: day(m.At), Hour: m.At.UTC().Format("15:04"), Until: day(m.Until), Minutes: CodeMinutes, Left: m.Left, UntilMoment: moment(m.Until)}
	if len(view.Code) == 12 {
		view.Code = view.Code[:4] + " " + view.Code[4:8] + " " + view.Code[8:]
	}
	for _, scope := range m.Scopes {
		words, err := execute(text, "scope", scope)
		if err != nil {
			return Letter{}, err
		}
		view.Scopes = append(view.Scopes, words)
	}
	subject, err := execute(text, "subject", view)
	if err != nil {
		return Letter{}, err
	}
	view.Subject = subject
	plain, err := execute(text, "text", view)
	if err != nil {
		return Letter{}, err
	}
	var rich bytes.Buffer
	if err := html.Execute(&rich, view); err != nil {
		return Letter{}, fmt.Errorf("rendering mail %s: %w", m.Kind, err)
	}
	l := Letter{ID: m.ID, Kind: string(m.Kind), At: m.At, To: m.To, Subject: subject, Text: plain, HTML: rich.String()}
	return l, l.check()
}

func execute(t *texttemplate.Template, name string, value any) (string, error) {
	var out strings.Builder
	if err := t.ExecuteTemplate(&out, name, value); err != nil {
		return "", fmt.Errorf("rendering mail: %w", err)
	}
	return out.String(), nil
}

// day writes a date out, as people read it in English; the zero time is empty.
func day(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2 January 2006")
}

// moment writes out a day and the time on it; the zero time is empty.
func moment(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2 January 2006, 15:04 UTC")
}

// check refuses a letter whose header values could end the header and start one of an attacker's own.
func (l Letter) check() error {
	if err := checkHeader(l.Subject); err != nil {
		return fmt.Errorf("subject: %w", err)
	}
	if err := checkAddress(l.To); err != nil {
		return fmt.Errorf("recipient: %w", err)
	}
	return nil
}

// checkHeader refuses control characters and the Unicode line separators (RFC 5322 section 2.2: a header value is one
// line). The value itself is never repeated in the error: it may be personal.
func checkHeader(value string) error {
	for _, r := range value {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' || r == unicode.ReplacementChar {
			return errors.New("mail header value has a control character")
		}
	}
	return nil
}

// checkAddress takes one bare address: no display name, no list, no line break. A second address here would send the
// code to an attacker too.
func checkAddress(address string) error {
	if address == "" {
		return errors.New("there is none")
	}
	if err := checkHeader(address); err != nil {
		return err
	}
	if strings.ContainsAny(address, " ,;<>\"") {
		return errors.New("not one bare e-mail address")
	}
	parsed, err := mail.ParseAddress(address)
	if err != nil || parsed.Address != address || parsed.Name != "" {
		return errors.New("not one bare e-mail address")
	}
	return nil
}
