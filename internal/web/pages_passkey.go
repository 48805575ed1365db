package web

import "time"

// PasskeyPage is C6. The form's fields are filled by script: outcome, rendered
// as "script_off", becomes "ok", "cancelled", "exists" or "unsupported"; answer
// is the authenticator's.
type PasskeyPage struct {
	Frame
	// Options are for the browser's navigator.credentials.create, as JSON.
	Options string
}

func (*PasskeyPage) face() face { return face{id: "c6", file: "passkey", heading: Say("c6.title")} }

// PasskeyAsk is the form with which a page of the sign-in asks for a passkey.
// It is rendered hidden and revealed by script, which passkeys need.
type PasskeyAsk struct {
	// Options are for the browser's navigator.credentials.get, as JSON.
	Options string
	// Action and FormToken are the form's own.
	Action, FormToken string
	// Button is a message id.
	Button string
	// Autofill lets the browser offer passkeys in the address field.
	Autofill bool
	// Alone makes the button the page's primary one.
	Alone bool
}

// PasskeysPage lists the customer's passkeys and adds one. Field: passkey_name;
// outcome and answer are filled in by script as on PasskeyPage.
type PasskeysPage struct {
	Frame
	Passkeys []PasskeyRow
	// Options are for the browser's navigator.credentials.create, as JSON;
	// empty where none can be added now.
	Options string
	Name    string
}

func (*PasskeysPage) face() face {
	return face{id: "passkeys", file: "passkeys", heading: Say("passkeys.title")}
}

// PasskeyRow is one passkey. Name may be empty.
type PasskeyRow struct {
	// Path is its own page.
	Path        string
	Name        string
	Added, Used time.Time
	// Synchronised says that the person's other devices may have it too; Copied
	// that a copy was met which nobody should have.
	Synchronised, Copied bool
}
