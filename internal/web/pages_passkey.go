package web

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
