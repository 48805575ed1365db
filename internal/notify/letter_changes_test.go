package notify

import (
	"strings"
	"testing"

	"github.com/latchkey-id/latchkey/internal/customer"
)

// M4 says of each change what it was, and what to do when it was somebody else; of a new address it says neither address, since
// the mail goes to both.
func TestLettersOfEachChange(t *testing.T) {
	for change, want := range map[customer.SignInChange]string{
		customer.SignInPasskeyAdded:    "A passkey was added to your account",
		customer.SignInPasskeyRemoved:  "A passkey was removed from your account",
		customer.SignInAppAdded:        "An authenticator app was added to your account",
		customer.SignInAppReplaced:     "A new authenticator app took the place of another on your account",
		customer.SignInAppRemoved:      "An authenticator app was removed from your account",
		customer.SignInCodesReplaced:   "New recovery codes were made for your account",
		customer.SignInPasswordChanged: "The password was changed for your account",
		customer.SignInEmailChanged:    "The email address was changed for your account",
		customer.SignedOutEverywhere:   "Every other browser was signed out of your account",
	} {
		m := mails()[customer.MailChanged]
		m.Change = change
		l, err := letters(t).Render(m)
		if err != nil {
			t.Fatal(err)
		}
		for _, body := range []string{l.Text, l.HTML} {
			if !strings.Contains(body, want) || !strings.Contains(body, "help@example.org") || !strings.Contains(body, "wasn't you") {
				t.Errorf("%s: %s", change, body)
			}
			if named := strings.Contains(body, m.To); named == (change == customer.SignInEmailChanged) {
				t.Errorf("%s: the address is there: %v", change, named)
			}
		}
	}
}

// A code that no partner's customer asked for names none.
func TestLetterOfACodeWithoutAPartner(t *testing.T) {
	m := mails()[customer.MailCode]
	m.Partner = ""
	l, err := letters(t).Render(m)
	if err != nil {
		t.Fatal(err)
	}
	for _, body := range []string{l.Text, l.HTML} {
		if !strings.Contains(body, "048213") || !strings.Contains(body, "where you asked for it at") || strings.Contains(body, "setting up") || strings.Contains(body, "<bdi></bdi>") {
			t.Errorf("%s", body)
		}
	}
}
