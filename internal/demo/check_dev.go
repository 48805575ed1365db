package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// letters reads the sandbox's mailbox for the customer, newest first.
func (w *walk) letters(ctx context.Context) ([]Letter, error) {
	var list []Letter
	err := w.askJSON(ctx, http.MethodGet, "/dev/mail.json?to="+url.QueryEscape(w.email), "", &list)
	return list, err
}

// mailedCode is the code in the newest mail that has one.
func (w *walk) mailedCode(ctx context.Context) (string, error) {
	list, err := w.letters(ctx)
	if err != nil {
		return "", err
	}
	for _, l := range list {
		if l.Kind != "M2" {
			continue
		}
		for word := range strings.FieldsSeq(l.Text) {
			if len(word) == 6 && strings.Trim(word, "0123456789") == "" {
				return word, nil
			}
		}
	}
	return "", errors.New("no mail with a code")
}

func (w *walk) mailed(ctx context.Context, kind string) error {
	list, err := w.letters(ctx)
	if err != nil {
		return err
	}
	for _, l := range list {
		if l.Kind == kind && l.Subject != "" && l.Text != "" && l.HTML != "" {
			return nil
		}
	}
	return fmt.Errorf("no mail %s", kind)
}

// appCode gives the key on page C5 to the sandbox's authenticator.
func (w *walk) appCode(ctx context.Context) (string, error) {
	w.key = w.browser.page.key()
	if w.key == "" {
		return "", errors.New("page C5 shows no key")
	}
	body, err := json.Marshal(map[string]string{"key": w.key, "name": w.email})
	if err != nil {
		return "", err
	}
	var code AppCode
	err = w.askJSON(ctx, http.MethodPost, "/dev/authenticator.json", string(body), &code)
	return code.Code, err
}

// nextAppCode moves the clock past the step that was used and asks again.
func (w *walk) nextAppCode(ctx context.Context) (string, error) {
	var moved map[string]string
	if err := w.askJSON(ctx, http.MethodPost, "/dev/clock.json", `{"advance":"31s"}`, &moved); err != nil {
		return "", err
	}
	var list []AppCode
	if err := w.askJSON(ctx, http.MethodGet, "/dev/authenticator.json", "", &list); err != nil {
		return "", err
	}
	for _, code := range list {
		if code.Key == w.key {
			return code.Code, nil
		}
	}
	return "", errors.New("the authenticator forgot the account")
}

// askJSON uses the sandbox's JSON doors.
func (w *walk) askJSON(ctx context.Context, method, path, body string, into any) error {
	r, err := http.NewRequestWithContext(ctx, method, w.Web+path, strings.NewReader(body))
	if err != nil {
		return err
	}
	answer, err := (&http.Client{Transport: w.Transport}).Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%s %s: status %d", method, strings.SplitN(path, "?", 2)[0], answer.StatusCode)
	}
	if err := json.NewDecoder(answer.Body).Decode(into); err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	return nil
}
