package demo

import (
	"context"
	"fmt"
	"net/http"
	"slices"
)

// stopping is page 7: the token works, the customer stops the access on the server's page, the token is dead, the mail says so, and
// coming back asks again.
func (w *walk) stopping() []checkStep {
	return []checkStep{
		{"page 7 shows that the token works", func(ctx context.Context) error { return w.tried(ctx, "alive") }},
		{"the customer stops the access, and gets a mail", func(ctx context.Context) error {
			if err := w.visitPage(ctx, w.Web+"/access", "access"); err != nil {
				return err
			}
			if err := w.visitPage(ctx, w.browser.page.linkWith("/access/"), "access.stop"); err != nil {
				return err
			}
			if err := w.press(ctx, "", nil, "access", http.StatusOK); err != nil {
				return err
			}
			return w.mailed(ctx, "M7")
		}},
		{"page 7 watches the token die", func(ctx context.Context) error { return w.tried(ctx, "dead") }},
		{"page 5 asks the customer as if it were the first time", func(ctx context.Context) error {
			if err := w.visitPage(ctx, w.Demo+"/return", "demo5"); err != nil {
				return err
			}
			if err := w.press(ctx, "", nil, "r5", http.StatusOK); err != nil {
				return err
			}
			if err := w.press(ctx, "", nil, "c10", http.StatusOK); err != nil {
				return err
			}
			if err := w.press(ctx, "decision=allow", nil, "c11", http.StatusOK); err != nil {
				return err
			}
			if err := w.comeBack(ctx); err != nil {
				return err
			}
			return w.tried(ctx, "alive")
		}},
	}
}

// tried tries the token on page 7.
func (w *walk) tried(ctx context.Context, want string) error {
	if err := w.visitPage(ctx, w.Demo+"/stop", "demo7"); err != nil {
		return err
	}
	if err := w.press(ctx, "", nil, "demo7", http.StatusOK); err != nil {
		return err
	}
	if found := w.browser.page.values("data-token"); !slices.Equal(found, []string{want}) {
		return fmt.Errorf("the token is %q, want %q", found, want)
	}
	return nil
}
