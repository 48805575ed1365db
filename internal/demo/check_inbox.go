package demo

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// webhooks is page 6: what was told of the claim, and how it is signed.
func (w *walk) webhooks() []checkStep {
	return append([]checkStep{
		{"page 6 has the claim and the access, and every signature is good", func(ctx context.Context) error {
			return w.inbox(ctx, func(p page) error {
				for _, want := range []string{"x-claims#state-change claimed", "x-grants#state-change active"} {
					if !slices.Contains(p.values("data-event"), want) {
						return fmt.Errorf("no %q among %q", want, p.values("data-event"))
					}
				}
				return signed(p)
			})
		}},
		{"a documented event is signed with the published key", func(ctx context.Context) error {
			if err := w.press(ctx, "", map[string]string{"subscription": w.subscription("profiles#verification")}, "demo6", http.StatusOK); err != nil {
				return err
			}
			return w.inbox(ctx, func(p page) error {
				one, came := p.notification(func(one page) bool {
					return strings.HasPrefix(one.values("data-event")[0], "profiles#verification-state-change verified")
				})
				if !came {
					return fmt.Errorf("none among %q", p.values("data-event"))
				}
				return signed(one)
			})
		}},
	}, w.retries()...)
}

// signed checks what the inbox says of the signatures. A subscription of somebody else's has a secret that the app does not know, and one
// that was under way while the clock was moved is late.
func signed(p page) error {
	for _, value := range p.values("data-documented") {
		if !strings.HasPrefix(value, "good") {
			return fmt.Errorf("a signature is %q", value)
		}
	}
	for _, value := range p.values("data-standard") {
		known := func(start string) bool { return strings.HasPrefix(value, start) }
		if !slices.ContainsFunc([]string{"good", "none", "not checked", "late"}, known) {
			return fmt.Errorf("a Standard Webhooks signature is %q", value)
		}
	}
	return nil
}

// retries has the receiver fail once.
func (w *walk) retries() []checkStep {
	failed := ""
	return []checkStep{
		{"a receiver that answers 500 is asked again", func(ctx context.Context) error {
			if err := w.press(ctx, "", map[string]string{"answer": "500"}, "demo6", http.StatusOK); err != nil {
				return err
			}
			if err := w.press(ctx, "", map[string]string{"subscription": w.subscription("x-claims#state")}, "demo6", http.StatusOK); err != nil {
				return err
			}
			return w.inbox(ctx, func(p page) error {
				one, came := p.notification(func(one page) bool { return one.values("data-answered")[0] == "500" })
				if !came {
					return fmt.Errorf("none was answered 500, but %q", p.values("data-answered"))
				}
				failed = one.values("data-delivery")[0]
				return nil
			})
		}},
		{"the second try comes after a minute, under the same delivery id", func(ctx context.Context) error {
			if err := w.press(ctx, "", map[string]string{"answer": "200"}, "demo6", http.StatusOK); err != nil {
				return err
			}
			var moved map[string]string
			if err := w.askJSON(ctx, http.MethodPost, "/dev/clock.json", `{"advance":"1m1s"}`, &moved); err != nil {
				return err
			}
			return w.inbox(ctx, func(p page) error {
				if _, came := p.notification(func(one page) bool {
					return one.values("data-delivery")[0] == failed && one.values("data-answered")[0] == "200"
				}); !came {
					return errors.New("the delivery did not come again")
				}
				return nil
			})
		}},
	}
}

// notification is the newest one on page 6 that is right.
func (p page) notification(right func(page) bool) (page, bool) {
	for _, article := range find(p.root, "article") {
		if one := (page{root: article}); right(one) {
			return one, true
		}
	}
	return page{}, false
}

// subscription is the id of the one on page 6 whose event has that in its name.
func (w *walk) subscription(event string) string {
	for _, form := range find(w.browser.page.root, "form") {
		values, _ := formValues(form)
		if id := values.Get("subscription"); id != "" && strings.Contains(text(form), event) {
			return id
		}
	}
	return ""
}

// The inbox fills by itself, a moment after the change.
const (
	inboxPatience = 10 * time.Second
	inboxEvery    = 50 * time.Millisecond
)

// inbox looks at page 6 until it is as it must be, or for too long; the error is then what was wrong last.
func (w *walk) inbox(ctx context.Context, right func(page) error) error {
	ctx, cancel := context.WithTimeout(ctx, inboxPatience)
	defer cancel()
	ticker := time.NewTicker(inboxEvery)
	defer ticker.Stop()
	var wrong error
	for {
		if err := w.visitPage(ctx, w.Demo+"/inbox", "demo6"); err != nil {
			return errors.Join(wrong, err)
		}
		if wrong = right(w.browser.page); wrong == nil {
			return nil
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return wrong
		}
	}
}
