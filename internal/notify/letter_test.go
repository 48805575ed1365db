package notify

import (
	"errors"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/customer"
)

func letters(t *testing.T) *Letters {
	t.Helper()
	ls, err := New(Frame{Brand: "Example ID", Host: "id.example.org", Web: "https://id.example.org", Help: "help@example.org"})
	if err != nil {
		t.Fatal(err)
	}
	return ls
}

func mails() map[customer.MailKind]customer.Mail {
	at := time.Date(2026, 11, 22, 9, 30, 0, 0, time.UTC)
	base := customer.Mail{ID: 7, To: "mira.kade@example.org", Language: "en", Partner: "Acme Treasury", At: at}
	claimed, code, access, changed, ends, device := base, base, base, base, base, base
	device.Kind, device.Partner = customer.MailDevice, ""
	closing := base
	closing.Kind, closing.Partner, closing.Until = customer.MailClose, "", at.AddDate(0, 0, 14)
	ends.Kind, ends.End, ends.Until = customer.MailAccessEnds, customer.AccessStopped, at.AddDate(0, 0, 14)
	claimed.Kind, code.Kind, access.Kind, changed.Kind = customer.MailClaimed, customer.MailCode, customer.MailAccess, customer.MailChanged
	changed.Change = customer.SignInPasskeyAdded
	code.Code = "048213"
	claimed.Link, claimed.Until = "tHeL1nkT3xt", at.AddDate(0, 0, 7)
	access.Scopes = []string{"account.read", "profiles.write"}
	access.Until = at.AddDate(1, 0, 0)
	used, forgot, reset, over := base, base, base, base
	used.Kind, forgot.Kind, reset.Kind, over.Kind = customer.MailRecoveryCode, customer.MailRecovery, customer.MailResetAsked, customer.MailResetEnded
	used.Left, forgot.Code, reset.Link, reset.Until = 9, "048213557190", "tHeL1nkT3xt", at.Add(72*time.Hour)
	return map[customer.MailKind]customer.Mail{used.Kind: used, forgot.Kind: forgot, reset.Kind: reset, over.Kind: over, claimed.Kind: claimed, code.Kind: code, access.Kind: access,
		changed.Kind: changed, ends.Kind: ends, closing.Kind: closing, device.Kind: device}
}

func TestLettersSayWhatTheyMust(t *testing.T) {
	want := map[customer.MailKind][]string{
		customer.MailClaimed: {"Example ID", "Acme Treasury", "mira.kade@example.org", "help@example.org", "id.example.org",
			"https://id.example.org/objection/tHeL1nkT3xt", "29 November 2026", "on hold"},
		customer.MailCode:    {"048213", "id.example.org", "Acme Treasury", "never asks for this code", "15 minutes"},
		customer.MailChanged: {"A passkey was added", "22 November 2026", "mira.kade@example.org", "help@example.org", "wasn't you"},
		customer.MailDevice: {"had not signed in to it before", "22 November 2026 at 09:30 UTC", "mira.kade@example.org", "https://id.example.org/security",
			"nothing to do", "wasn't you", "help@example.org"},
		customer.MailRecoveryCode: {"recovery code was used", "You have 9 left", "22 November 2026", "mira.kade@example.org", "help@example.org", "wasn't you"},
		customer.MailRecovery:     {"0482 1355 7190", "id.example.org", "15 minutes", "second step", "did not ask", "it nowhere else"},
		customer.MailResetAsked:   {"https://id.example.org/recovery/tHeL1nkT3xt", "25 November 2026, 09:30 UTC", "wasn't you", "help@example.org", "stops it too"},
		customer.MailResetEnded:   {"was stopped on 22 November 2026", "Nothing of the account changed", "help@example.org"},
		customer.MailAccess: {"Acme Treasury", "22 November 2026", "22 November 2027", "your email address", "propose changes",
			"password", "Who can use your account", "help@example.org"},
		customer.MailClose:      {"22 November 2026", "will be closed on 6 December 2026", "mira.kade@example.org", "Keep my account", "wasn't you", "help@example.org"},
		customer.MailAccessEnds: {"You stopped the access of", "Acme Treasury", "22 November 2026", "may keep what it has seen", "help@example.org"},
	}
	ls := letters(t)
	for kind, m := range mails() {
		l, err := ls.Render(m)
		if err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
		for _, text := range want[kind] {
			if !strings.Contains(l.Text, text) {
				t.Errorf("%s: text does not say %q:\n%s", kind, text, l.Text)
			}
			if !strings.Contains(l.HTML, text) {
				t.Errorf("%s: HTML does not say %q:\n%s", kind, text, l.HTML)
			}
		}
		if l.ID != 7 || l.To != m.To || l.Kind != string(kind) || l.Subject == "" || !l.At.Equal(m.At) {
			t.Errorf("%s: envelope %+v", kind, l)
		}
		if strings.Contains(l.Subject, m.Code) && m.Code != "" {
			t.Errorf("%s: the subject shows the code on locked screens", kind)
		}
	}
}

// A scanner follows links and fetches pictures. A mail has neither, so that nobody learns that it was read, but for the one
// links of M1 and M8, whose pages change nothing when they are opened, and that of M3, which is the same for everybody.
func TestLettersHaveNoLinksAndNoRemoteContent(t *testing.T) {
	outward := regexp.MustCompile(`(?i)https?:|<a\b|<img|<link|<script|<style|url\(|src=|href=|mailto:`)
	ls := letters(t)
	for kind, m := range mails() {
		l, err := ls.Render(m)
		if err != nil {
			t.Fatal(err)
		}
		both := strings.NewReplacer(`<a href="https://id.example.org/security">`, "", "https://id.example.org/security", "").Replace(l.Text + l.HTML)
		if pages := map[customer.MailKind]string{customer.MailClaimed: "objection", customer.MailResetAsked: "recovery"}; pages[kind] != "" {
			page := "https://id.example.org/" + pages[kind] + "/tHeL1nkT3xt"
			both = strings.Replace(strings.Replace(both, page, "", 1), `<a href="`+page+`">`, "", 1)
		}
		if found := outward.FindString(both); found != "" {
			t.Errorf("%s contains %q", kind, found)
		}
	}
}

// The notice of a hold says what happened and whom to write to, and nothing of a changed sign-in.
func TestLetterOfAHold(t *testing.T) {
	m := mails()[customer.MailChanged]
	m.Change = customer.SignInHeld
	l, err := letters(t).Render(m)
	if err != nil {
		t.Fatal(err)
	}
	for _, body := range []string{l.Text, l.HTML} {
		for _, text := range []string{"was put on hold", "22 November 2026", "mira.kade@example.org", "Acme Treasury", "help@example.org"} {
			if !strings.Contains(body, text) {
				t.Errorf("does not say %q:\n%s", text, body)
			}
		}
		if strings.Contains(body, "nothing to do") || strings.Contains(body, "passkey") {
			t.Errorf("says what is not so:\n%s", body)
		}
	}
	if l.Subject != "Your account at Example ID is on hold" {
		t.Errorf("subject %q", l.Subject)
	}
}

// The notices of a password that was replaced say how, what ended, and whom to write to.
func TestLettersOfARecovery(t *testing.T) {
	for change, want := range map[customer.SignInChange][]string{
		customer.SignInPasswordReset: {"password of your account", "signed out", "22 November 2026", "mira.kade@example.org", "wasn't you", "help@example.org"},
		customer.SignInRebuilt:       {"recovery codes of your account", "allow it again", "22 November 2026", "wasn't you", "help@example.org"},
	} {
		m := mails()[customer.MailChanged]
		m.Change = change
		l, err := letters(t).Render(m)
		if err != nil {
			t.Fatal(err)
		}
		for _, body := range []string{l.Text, l.HTML} {
			plain := strings.Join(strings.Fields(strings.NewReplacer("<bdi>", "", "</bdi>", "").Replace(body)), " ")
			for _, text := range want {
				if !strings.Contains(plain, text) {
					t.Errorf("%s does not say %q:\n%s", change, text, body)
				}
			}
			if strings.Contains(body, "passkey was added") || strings.Contains(body, "Acme") {
				t.Errorf("%s says what is not so:\n%s", change, body)
			}
		}
	}
}

// The mail after the end offers nothing that does not work any more.
func TestLetterOfAClosedAccount(t *testing.T) {
	m := mails()[customer.MailClose]
	m.Until = time.Time{}
	l, err := letters(t).Render(m)
	if err != nil {
		t.Fatal(err)
	}
	for _, body := range []string{l.Text, l.HTML} {
		if !strings.Contains(body, "was closed on 22 November 2026") || strings.Contains(body, "Keep my account") || strings.Contains(body, "Sign in") {
			t.Errorf("says:\n%s", body)
		}
	}
	if l.Subject != "Your account at Example ID is closed" {
		t.Errorf("subject %q", l.Subject)
	}
}

// M7 tells what was stopped from what ends by itself, and asks whether it was the customer only of what they are said to have done.
func TestLettersOfAccessThatEnds(t *testing.T) {
	for end, says := range map[customer.AccessEnd][]string{
		customer.AccessEnding: {"until 6 December 2026", "ends by itself", "Who can use your account"},
		customer.AccessEnded:  {"ended by itself", "6 December 2026", "may keep what it has seen"},
	} {
		m := mails()[customer.MailAccessEnds]
		m.End = end
		l, err := letters(t).Render(m)
		if err != nil {
			t.Fatal(err)
		}
		for _, body := range []string{strings.Join(strings.Fields(l.Text), " "), l.HTML} {
			for _, text := range says {
				if !strings.Contains(body, text) {
					t.Errorf("%s does not say %q:\n%s", end, text, body)
				}
			}
			if strings.Contains(body, "You stopped") || strings.Contains(body, "wasn't you") {
				t.Errorf("%s says what is not so:\n%s", end, body)
			}
		}
	}
}

// The notice of a partner's report names the partner, and does not say that the reader's own mail was answered.
func TestLetterOfAReport(t *testing.T) {
	m := mails()[customer.MailChanged]
	m.Change = customer.SignInReported
	l, err := letters(t).Render(m)
	if err != nil {
		t.Fatal(err)
	}
	for _, body := range []string{l.Text, l.HTML} {
		for _, text := range []string{"was put on hold", "22 November 2026", "mira.kade@example.org", "Acme Treasury", "help@example.org", "right person"} {
			if !strings.Contains(body, text) {
				t.Errorf("does not say %q:\n%s", text, body)
			}
		}
		if strings.Contains(body, "nothing to do") || strings.Contains(body, "who read our mail") {
			t.Errorf("says what is not so:\n%s", body)
		}
	}
	if l.Subject != "Your account at Example ID is on hold" {
		t.Errorf("subject %q", l.Subject)
	}
}

func TestLettersEscapeNames(t *testing.T) {
	ls := letters(t)
	for kind, m := range mails() {
		m.Partner = `<b onclick="x">Acme</b>`
		l, err := ls.Render(m)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(l.HTML, "<b onclick") {
			t.Errorf("%s: markup from a name went into the mail:\n%s", kind, l.HTML)
		}
	}
}

func TestLettersRefuseLineBreaksInHeaders(t *testing.T) {
	ls := letters(t)
	m := mails()[customer.MailAccess]
	m.Partner = "Acme\r\nBcc: x@example.org"
	if l, err := ls.Render(m); err == nil {
		t.Errorf("rendered with subject %q", l.Subject)
	}
	m = mails()[customer.MailCode]
	m.To = "a@example.org\nb@example.org"
	if _, err := ls.Render(m); err == nil {
		t.Error("rendered to two recipients")
	}
	if _, err := New(Frame{Brand: "a\nb"}); err == nil {
		t.Error("a brand of two lines was taken")
	}
}

func TestLettersOfOtherLanguagesAndKinds(t *testing.T) {
	ls := letters(t)
	m := mails()[customer.MailCode]
	m.Language = "tlh"
	l, err := ls.Render(m)
	if err != nil || !strings.Contains(l.Text, "Type it on the page") {
		t.Errorf("a language that does not exist: %v\n%s", err, l.Text)
	}
	m.Kind = "M99"
	if _, err := ls.Render(m); !errors.Is(err, ErrUnknownMail) {
		t.Errorf("error %v, want %v", err, ErrUnknownMail)
	}
	access := mails()[customer.MailAccess]
	access.Until = time.Time{}
	access.Scopes = []string{"new.scope"}
	l, err = ls.Render(access)
	if err != nil || !strings.Contains(l.Text, "lasts until you stop it") || !strings.Contains(l.HTML, "<li>new.scope</li>") {
		t.Errorf("access without end: %v\n%s", err, l.Text)
	}
}
