package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Check walks the whole demo as a browser without a window or script: account, data, hand-over, every page of the
// journey with a mistake on each, the return, the visit without a code, the access stopped, and every break of page 8. It believes nothing
// but the ids of pages, their status, and where it was sent.
type Check struct {
	// Web is the server's origin, Demo the demo app's.
	Web, Demo string
	Transport http.RoundTripper
	// Out receives one line a step.
	Out io.Writer
	// Now measures how long it took; it is no clock of the sandbox's.
	Now func() time.Time
	// All goes on: a person and a business are filled in by API with all that can be said of them, claimed and verified.
	All bool
	// ID and Secret are the demo partner's credentials, the Other ones the second partner's; needed for All.
	ID, Secret           string
	OtherID, OtherSecret string
}

// ErrCheck: at least one step did not end as it must. The lines say which.
var ErrCheck = errors.New("the walk did not end as it must")

// walk is one run of a Check.
type walk struct {
	*Check
	browser  *walker
	email    string
	password string
	key      string
	done     int
	failed   int
}

// Run walks and returns nil when every step ended as it must. Steps after a failure that others build upon are not tried.
func (c *Check) Run(ctx context.Context) error {
	began := c.Now()
	w := &walk{Check: c, browser: newWalker(c.Transport), password: "seven quiet harbour lanterns"}
	w.browser.allowed = []string{c.Web, c.Demo}
	parts := []checkPart{{"partner", w.partner()}, {"prove", w.prove()}, {"secure", w.secure()}, {"decide", w.decide()}, {"return", w.visit()}, {"webhooks", w.webhooks()}}
	if c.All { // before the breaks, after which this browser's access is not what it was
		parts = append(parts, checkPart{"checks", w.reviewPages()})
	}
	parts = append(parts, checkPart{"stop", w.stopping()}, checkPart{"breaks", w.breaks()})
	if c.All {
		parts = append(parts, w.everything()...)
	}
	for _, part := range parts {
		for _, s := range part.steps {
			err := s.do(ctx)
			w.say(part.name, s.name, err)
			if err != nil && part.name != "breaks" {
				return w.end(began)
			}
			if ctx.Err() != nil {
				return ctx.Err()
			}
		}
	}
	return w.end(began)
}

// checkPart is a group of steps that build upon one another.
type checkPart struct {
	name  string
	steps []checkStep
}

// checkStep is one step and what it is called.
type checkStep struct {
	name string
	do   func(context.Context) error
}

func (w *walk) say(part, name string, err error) {
	w.done++
	if err == nil {
		fmt.Fprintf(w.Out, "ok    %-8s %s\n", part, name)
		return
	}
	w.failed++
	fmt.Fprintf(w.Out, "FAIL  %-8s %s: %v\n", part, name, err)
}

func (w *walk) end(began time.Time) error {
	fmt.Fprintf(w.Out, "%d steps, %d failed, %.1f s\n", w.done, w.failed, w.Now().Sub(began).Seconds())
	if w.failed > 0 {
		return ErrCheck
	}
	return nil
}

// at checks where the browser stands: the page's id and the status.
func (w *walk) at(id string, status int) error {
	p := w.browser.page
	if p.id() != id || p.status != status {
		return fmt.Errorf("at page %q, status %d, problems %q; want page %q, status %d", p.id(), p.status, p.problems(), id, status)
	}
	return nil
}

// press submits a form and checks where that led.
func (w *walk) press(ctx context.Context, button string, fields map[string]string, id string, status int) error {
	if err := w.browser.submit(ctx, button, fields); err != nil {
		return err
	}
	return w.at(id, status)
}

func (w *walk) visitPage(ctx context.Context, address, id string) error {
	if err := w.browser.open(ctx, address); err != nil {
		return err
	}
	return w.at(id, http.StatusOK)
}

// partner is pages 1 to 3 of the demo app.
func (w *walk) partner() []checkStep {
	return []checkStep{
		{"page 1 opens an account", func(ctx context.Context) error {
			if err := w.visitPage(ctx, w.Demo+"/", "demo1"); err != nil {
				return err
			}
			// The suggested address is a new one each time: a sandbox that keeps its data knows the last.
			w.email = w.browser.page.field("email")
			if err := w.press(ctx, "", map[string]string{"email": w.email}, "demo1", http.StatusOK); err != nil {
				return err
			}
			return w.shows("registration_code", "/user/signup/registration_code")
		}},
		{"page 2 says what is known and leaves the postcode out", func(ctx context.Context) error {
			if err := w.visitPage(ctx, w.Demo+"/details", "demo2"); err != nil {
				return err
			}
			if err := w.press(ctx, "", map[string]string{"leave": "postcode"}, "demo2", http.StatusOK); err != nil {
				return err
			}
			return w.shows("/profiles/personal-profile")
		}},
		{"page 3 mints a code and leads to C1, and the code left the address", func(ctx context.Context) error {
			if err := w.visitPage(ctx, w.Demo+"/go", "demo3"); err != nil {
				return err
			}
			if err := w.press(ctx, "go=now", nil, "c1", http.StatusOK); err != nil {
				return err
			}
			if strings.Contains(w.browser.page.url.String(), "code") || !strings.Contains(strings.Join(w.browser.trail, " "), "claim_account_code=") {
				return fmt.Errorf("trail %q", w.browser.trail)
			}
			return nil
		}},
	}
}

// shows checks that the page has the calls on it, word for word.
func (w *walk) shows(words ...string) error {
	for _, word := range words {
		if !strings.Contains(w.browser.page.body, word) {
			return fmt.Errorf("the page does not show %q", word)
		}
	}
	return nil
}

// wrong submits a mistake and expects the page to say so.
func (w *walk) wrong(ctx context.Context, fields map[string]string, id, problem string) error {
	if err := w.press(ctx, "", fields, id, http.StatusUnprocessableEntity); err != nil {
		return err
	}
	if got := w.browser.page.problems(); got != problem {
		return fmt.Errorf("problem %q, want %q", got, problem)
	}
	return nil
}

// prove is C1 and C2, each once wrong and once right.
func (w *walk) prove() []checkStep {
	return []checkStep{
		{"C1 refuses another address", func(ctx context.Context) error {
			return w.wrong(ctx, map[string]string{"email": "somebody.else@example.org"}, "c1", "c1.email.other")
		}},
		{"C1 starts and mails a code", func(ctx context.Context) error {
			return w.press(ctx, "", map[string]string{"email": w.email}, "c2", http.StatusOK)
		}},
		{"C2 refuses a wrong code", func(ctx context.Context) error {
			code, err := w.mailedCode(ctx)
			if err != nil {
				return err
			}
			other := "000000"
			if code == other {
				other = "000001"
			}
			return w.wrong(ctx, map[string]string{"code": other}, "c2", "c2.code.wrong")
		}},
		{"C2 takes the mailed code", func(ctx context.Context) error {
			code, err := w.mailedCode(ctx)
			if err != nil {
				return err
			}
			return w.press(ctx, "", map[string]string{"code": code[:3] + " " + code[3:]}, "c3", http.StatusOK)
		}},
	}
}

// secure is C3 to C7.
func (w *walk) secure() []checkStep {
	return []checkStep{
		{"C3 refuses a short password", func(ctx context.Context) error {
			return w.wrong(ctx, map[string]string{"new_password": "short"}, "c3", "c3.password.short")
		}},
		{"C3 takes a good one", func(ctx context.Context) error {
			return w.press(ctx, "", map[string]string{"new_password": w.password}, "c4", http.StatusOK)
		}},
		{"C4 chooses the app", func(ctx context.Context) error {
			return w.press(ctx, "", map[string]string{"method": "app"}, "c5", http.StatusOK)
		}},
		{"C5 refuses letters", func(ctx context.Context) error {
			return w.wrong(ctx, map[string]string{"code": "abcdef"}, "c5", "c5.code.format")
		}},
		{"C5 takes the code of the sandbox's authenticator", func(ctx context.Context) error {
			code, err := w.appCode(ctx)
			if err != nil {
				return err
			}
			return w.press(ctx, "", map[string]string{"code": code}, "c7", http.StatusOK)
		}},
		{"C7 asks for the tick", func(ctx context.Context) error {
			return w.wrong(ctx, map[string]string{"saved": ""}, "c7", "c7.saved.empty")
		}},
		{"C7 hands the account over", func(ctx context.Context) error {
			if err := w.press(ctx, "", map[string]string{"saved": "yes"}, "c8", http.StatusOK); err != nil {
				return err
			}
			return w.mailed(ctx, "M1")
		}},
	}
}

// decide is C8 to C11 and page 4.
func (w *walk) decide() []checkStep {
	return []checkStep{
		{"C8 asks for the postcode that was left out", func(ctx context.Context) error {
			return w.press(ctx, "", map[string]string{"version": w.browser.page.field("version")}, "c8", http.StatusUnprocessableEntity)
		}},
		{"C9 takes it and C8 shows it", func(ctx context.Context) error {
			if err := w.visitPage(ctx, w.browser.page.linkTo("/review/address"), "c9.address"); err != nil {
				return err
			}
			if err := w.press(ctx, "", map[string]string{"postal_code": "EH6 6AB"}, "c8", http.StatusOK); err != nil {
				return err
			}
			return w.shows("EH6 6AB")
		}},
		{"C8 confirms", func(ctx context.Context) error {
			return w.press(ctx, "", map[string]string{"version": w.browser.page.field("version")}, "c10", http.StatusOK)
		}},
		{"C10 allows, C11 leads back, page 4 exchanges the code", func(ctx context.Context) error {
			if err := w.press(ctx, "decision=allow", nil, "c11", http.StatusOK); err != nil {
				return err
			}
			if err := w.comeBack(ctx); err != nil {
				return err
			}
			return w.mailed(ctx, "M6")
		}},
		{"what the partner held before is dead", func(ctx context.Context) error {
			if err := w.visitPage(ctx, w.Demo+"/go", "demo3"); err != nil {
				return err
			}
			return w.press(ctx, "go=now", nil, "demo3", http.StatusConflict)
		}},
	}
}

// comeBack follows C11 to page 4 of the demo app, which must be connected.
func (w *walk) comeBack(ctx context.Context) error {
	to := w.browser.page.refresh()
	if to == "" {
		return errors.New("C11 leads nowhere")
	}
	u, err := url.Parse(to)
	if err != nil {
		return err
	}
	if origin(u) != w.Demo || u.Query().Get("code") == "" || u.Query().Get("profileId") == "" || u.Query().Get("state") == "" {
		return fmt.Errorf("C11 leads to %s with %v", origin(u)+u.Path, keysOf(u.Query()))
	}
	if err := w.visitPage(ctx, to, "demo4"); err != nil {
		return err
	}
	return w.shows("State checked, code exchanged", "Mira Kade", "authorization_code")
}

func keysOf(q url.Values) []string {
	var names []string
	for name := range q {
		names = append(names, name)
	}
	return names
}

// visit is page 5: signed in already, and from a browser that is not.
func (w *walk) visit() []checkStep {
	return []checkStep{
		{"page 5 meets R5 and comes back without being asked again", func(ctx context.Context) error {
			if err := w.visitPage(ctx, w.Demo+"/return", "demo5"); err != nil {
				return err
			}
			if err := w.press(ctx, "", nil, "r5", http.StatusOK); err != nil {
				return err
			}
			if err := w.press(ctx, "", nil, "c11", http.StatusOK); err != nil {
				return err
			}
			return w.comeBack(ctx)
		}},
		{"R1 and R2 sign in from another browser", func(ctx context.Context) error {
			known := w.browser
			defer func() { w.browser = known }()
			w.browser = newWalker(w.Transport)
			w.browser.allowed = known.allowed
			if err := w.visitPage(ctx, w.Demo+"/return", "demo5"); err != nil {
				return err
			}
			if err := w.press(ctx, "", nil, "r1", http.StatusOK); err != nil {
				return err
			}
			if err := w.press(ctx, "", map[string]string{"email": w.email, "password": "not the password"}, "r1", http.StatusUnprocessableEntity); err != nil {
				return err
			}
			if err := w.press(ctx, "", map[string]string{"email": w.email, "password": w.password}, "r2", http.StatusOK); err != nil {
				return err
			}
			code, err := w.nextAppCode(ctx)
			if err != nil {
				return err
			}
			if err := w.press(ctx, "", map[string]string{"code": code}, "c11", http.StatusOK); err != nil {
				return err
			}
			return w.comeBack(ctx)
		}},
	}
}

// breaks is page 8, row by row.
func (w *walk) breaks() []checkStep {
	var steps []checkStep
	for _, row := range rows {
		steps = append(steps, checkStep{row.Title + " meets " + row.ExpectText, func(ctx context.Context) error {
			if row.Needs == signedOut {
				known := w.browser
				defer func() { w.browser = known }()
				w.browser = newWalker(w.Transport)
				w.browser.allowed = known.allowed
			}
			if err := w.visitPage(ctx, w.Demo+"/break", "demo8"); err != nil {
				return err
			}
			if err := w.browser.submitTo(ctx, "/break/"+row.Name); err != nil {
				return err
			}
			found := w.browser.page.id()
			if found == "demo8" {
				list := w.browser.page.values("data-found")
				if len(list) != 1 {
					return fmt.Errorf("page 8 says nothing: %q", list)
				}
				found = list[0]
			}
			if found != row.Expect {
				return fmt.Errorf("page %q appeared, want %q (last address %s)", found, row.Expect, w.browser.page.url.Path)
			}
			if row.Name == "no-state" {
				return w.leaveWithoutState(ctx)
			}
			return nil
		}})
	}
	return steps
}

// leaveWithoutState goes back at once; page 4 must refuse a return that does not carry the state that it remembers.
func (w *walk) leaveWithoutState(ctx context.Context) error {
	if err := w.visitPage(ctx, w.browser.page.linkTo("/leave"), "leave"); err != nil {
		return err
	}
	if err := w.press(ctx, "", nil, "c11", http.StatusOK); err != nil {
		return err
	}
	to := w.browser.page.refresh()
	if u, err := url.Parse(to); err != nil || u.Query().Has("state") || u.Query().Get("error") != "access_denied" {
		return fmt.Errorf("C11 leads back with %v", keysOf(u.Query()))
	}
	if err := w.visitPage(ctx, to, "demo4"); err != nil {
		return err
	}
	return w.shows("not the one that was sent")
}
