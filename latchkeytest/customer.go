package latchkeytest

import (
	"context"
	"encoding/base32"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/latchkey-id/latchkey"
	"github.com/latchkey-id/latchkey/internal/secret"
)

// appStep is the length of a time step of an authenticator app (RFC 6238 section 5.2).
const appStep = 30 * time.Second

// Customer is one person with one browser. Its steps stop with an error where a page is not the one that they need, and say
// which page it was; [Customer.Page] and [Customer.Problems] tell more. One goroutine at a time uses a Customer.
type Customer struct {
	// Email is the address that the person types and whose mail it reads.
	Email string
	// Password is what the person chooses.
	Password string
	// Answers are what the person fills in where a detail is missing, by the names of the form's fields, such as postal_code or
	// birth_day.
	Answers map[string]string
	// RecoveryCodes are those that the person was shown.
	RecoveryCodes []string
	// Profile is what the person gives access to at C10, where the account has several; 0 leaves it at what the page suggests.
	Profile latchkey.ProfileID

	server  *Server
	browser *browser
	// key is the secret in the person's authenticator app, lastStep the newest time step whose code was used.
	key      []byte
	lastStep int64
}

// NewCustomer is a person who reads the mail of an address, with a new browser.
func (s *Server) NewCustomer(email string) *Customer {
	c := &Customer{Email: email, Password: "seven quiet harbour lanterns", server: s}
	c.NewBrowser()
	return c
}

// NewBrowser takes another device: without cookies, at no page. Password, app and recovery codes stay with the person.
func (c *Customer) NewBrowser() {
	c.browser = newBrowser(c.server.http.Client().Transport, c.server.URL)
}

// Page is the id of the page that the person looks at: "c1" to "c11" in the journey, "r1" and so on when signing in, "e1" and so
// on for errors.
func (c *Customer) Page() string { return c.browser.id() }

// Status is that page's HTTP status.
func (c *Customer) Status() int { return c.browser.status }

// Problems are the message ids of what the page asks to be mended, separated by spaces; "" for nothing.
func (c *Customer) Problems() string { return c.browser.problems() }

// Open goes to an address of the server, such as that of [latchkey.Client.AuthorizeURL]. What page it leads to is for the caller to
// look at.
func (c *Customer) Open(ctx context.Context, address string) error {
	return c.browser.ask(ctx, http.MethodGet, address, nil)
}

// Submit fills in the form of the page that has all the fields and sends it, whatever comes of it. An empty value unticks a box.
func (c *Customer) Submit(ctx context.Context, fields map[string]string) error {
	values := url.Values{}
	for name, value := range fields {
		values[name] = nil
		if value != "" {
			values.Set(name, value)
		}
	}
	return c.browser.submit(ctx, "", values)
}

// Claim walks the whole journey from an authorize address with a claim code: secures the account, fills in Answers, confirms
// the details, allows what the partner requires and returns the address that leads back to the partner.
func (c *Customer) Claim(ctx context.Context, authorizeURL string) (string, error) {
	if err := c.Open(ctx, authorizeURL); err != nil {
		return "", err
	}
	if err := c.Secure(ctx); err != nil {
		return "", err
	}
	if err := c.Review(ctx); err != nil {
		return "", err
	}
	return c.Allow(ctx)
}

// Return walks the way of a customer who has an account: from an authorize address without a claim code through signing in
// and, where it is asked again, review and access, back to the partner.
func (c *Customer) Return(ctx context.Context, authorizeURL string) (string, error) {
	if err := c.Open(ctx, authorizeURL); err != nil {
		return "", err
	}
	if c.Page() == "r5" {
		if err := c.press(ctx, nil, "c8", "c10", "c11"); err != nil {
			return "", err
		}
	} else if err := c.SignIn(ctx); err != nil {
		return "", err
	}
	if c.Page() == "c8" {
		if err := c.Review(ctx); err != nil {
			return "", err
		}
	}
	if c.Page() == "c11" {
		return c.back()
	}
	return c.Allow(ctx)
}

// Secure does C1 to C7, from the first of them: after it the account is the person's.
func (c *Customer) Secure(ctx context.Context) error {
	if err := c.Start(ctx); err != nil {
		return err
	}
	if err := c.ProveEmail(ctx); err != nil {
		return err
	}
	if err := c.press(ctx, map[string]string{"new_password": c.Password}, "c4"); err != nil {
		return err
	}
	if err := c.press(ctx, map[string]string{"method": "app"}, "c5"); err != nil {
		return err
	}
	if err := c.scan(); err != nil {
		return err
	}
	if err := c.press(ctx, map[string]string{"code": c.appCode()}, "c7"); err != nil {
		return err
	}
	c.RecoveryCodes = nil
	for _, code := range elements(c.browser.root, "code") {
		c.RecoveryCodes = append(c.RecoveryCodes, strings.TrimSpace(words(code)))
	}
	return c.press(ctx, map[string]string{"saved": "yes"}, "c8")
}

// Start does C1: types the address, upon which a code is mailed.
func (c *Customer) Start(ctx context.Context) error {
	if err := c.at("c1"); err != nil {
		return err
	}
	return c.press(ctx, map[string]string{"email": c.Email}, "c2")
}

// ProveEmail does C2 with the code in the newest mail.
func (c *Customer) ProveEmail(ctx context.Context) error {
	if err := c.at("c2"); err != nil {
		return err
	}
	code, err := c.MailedCode(ctx)
	if err != nil {
		return err
	}
	return c.press(ctx, map[string]string{"code": code}, "c3")
}

// MailedCode is the six digits of the newest mail that has some.
func (c *Customer) MailedCode(ctx context.Context) (string, error) {
	mails, err := c.server.Mails(ctx, c.Email)
	if err != nil {
		return "", err
	}
	for _, m := range mails {
		for word := range strings.FieldsSeq(m.Text) {
			if len(word) == 6 && strings.Trim(word, "0123456789") == "" {
				return word, nil
			}
		}
	}
	return "", errors.New("no mail with a code has come")
}

// Review does C8: fills in what is missing, as far as Answers say, and confirms the details.
func (c *Customer) Review(ctx context.Context) error {
	if err := c.at("c8"); err != nil {
		return err
	}
	for asked := ""; ; {
		section := c.missing()
		if section == "" {
			return c.press(ctx, nil, "c10", "c11")
		}
		if section == asked {
			return fmt.Errorf("a detail is still missing after %s was answered", section)
		}
		asked = section
		if err := c.Open(ctx, section); err != nil {
			return err
		}
		if err := c.answer(ctx); err != nil {
			return err
		}
	}
}

// missing is the address of the page that asks for the first detail that page C8 still wants.
func (c *Customer) missing() string {
	for _, row := range elements(c.browser.root, "div") {
		if !slices.Contains(strings.Fields(attribute(row, "class")), "wanted") {
			continue
		}
		for _, link := range elements(row, "a") {
			if to, err := c.browser.at.Parse(attribute(link, "href")); err == nil {
				return to.String()
			}
		}
	}
	return ""
}

// answer does C9. A country leads on to the address in it, so there may be a second page.
func (c *Customer) answer(ctx context.Context) error {
	for range 2 {
		fields := map[string]string{}
		for _, field := range elements(c.browser.root, "input", "select", "textarea") {
			name := attribute(field, "name")
			if value, known := c.Answers[name]; known {
				fields[name] = value
			}
		}
		if err := c.Submit(ctx, fields); err != nil {
			return err
		}
		if !strings.HasPrefix(c.Page(), "c9.") || c.Problems() != "" {
			break
		}
	}
	return c.at("c8")
}

// Allow does C10 and returns the address that C11 leads to. optional are scopes to tick.
func (c *Customer) Allow(ctx context.Context, optional ...string) (string, error) {
	return c.decide(ctx, "decision=allow", optional)
}

// Decline does C10 with "Don't allow" and returns the address that leads back, with its error.
func (c *Customer) Decline(ctx context.Context) (string, error) {
	return c.decide(ctx, "decision=deny", nil)
}

func (c *Customer) decide(ctx context.Context, button string, optional []string) (string, error) {
	if err := c.at("c10"); err != nil {
		return "", err
	}
	fields := url.Values{}
	if len(optional) > 0 {
		fields["scope"] = optional
	}
	if c.Profile != 0 && c.browser.has("profile") {
		fields.Set("profile", strconv.FormatInt(int64(c.Profile), 10))
	}
	if err := c.browser.submit(ctx, button, fields); err != nil {
		return "", err
	}
	return c.back()
}

// Check goes to the page of a KYC review's link, looks at what is asked for, and returns the address that leads back to the
// partner. A link that is over is an error that says which page appeared instead.
func (c *Customer) Check(ctx context.Context, link string) (string, error) {
	if err := c.Open(ctx, link); err != nil {
		return "", err
	}
	if err := c.at("check"); err != nil {
		return "", err
	}
	if err := c.press(ctx, nil, "c11"); err != nil {
		return "", err
	}
	return c.back()
}

// back is the address that C11 leads to: the header says it in the form for programs (design 10.18).
func (c *Customer) back() (string, error) {
	if err := c.at("c11"); err != nil {
		return "", err
	}
	address, _, found := strings.Cut(strings.TrimPrefix(c.browser.header.Get("Link"), "<"), ">")
	if !found {
		return "", errors.New("page c11 leads nowhere: the code was used already")
	}
	return address, nil
}

// SignIn does R1 and R2 with password and app, and leads to where the person was going.
func (c *Customer) SignIn(ctx context.Context) error {
	if err := c.at("r1"); err != nil {
		return err
	}
	if err := c.press(ctx, map[string]string{"email": c.Email, "password": c.Password}, "r2"); err != nil {
		return err
	}
	if err := c.Submit(ctx, map[string]string{"code": c.appCode()}); err != nil {
		return err
	}
	if c.Page() == "r2" {
		return c.at("c8", "c10", "c11")
	}
	return nil
}

// scan gives the key on page C5 to the person's authenticator app.
func (c *Customer) scan() error {
	for _, code := range elements(c.browser.root, "code") {
		key, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(strings.Join(strings.Fields(words(code)), ""))
		if err == nil && len(key) >= 16 {
			c.key, c.lastStep = key, 0
			return nil
		}
	}
	return errors.New("page c5 shows no key")
}

// appCode is what the app shows. A code works once, so within one time step the clock is moved to the next.
func (c *Customer) appCode() string {
	step := c.server.Now().UnixMilli() / appStep.Milliseconds()
	if step <= c.lastStep {
		c.server.Advance(time.UnixMilli((c.lastStep + 1) * appStep.Milliseconds()).Sub(c.server.Now()))
		step = c.lastStep + 1
	}
	c.lastStep = step
	return secret.AppCode(c.key, c.server.Now())
}

// press sends the page's form and checks that it led to one of the pages.
func (c *Customer) press(ctx context.Context, fields map[string]string, pages ...string) error {
	if err := c.Submit(ctx, fields); err != nil {
		return err
	}
	return c.at(pages...)
}

// at checks where the person stands.
func (c *Customer) at(pages ...string) error {
	for _, page := range pages {
		if c.Page() == page && c.Problems() == "" {
			return nil
		}
	}
	return fmt.Errorf("the customer is at page %q (status %d, problems %q), not at %s", c.Page(), c.Status(), c.Problems(), strings.Join(pages, " or "))
}
