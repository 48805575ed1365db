package web

import "time"

// SecurityPage is how its customer gets in: each way with what can be done
// about it, and the browsers that are signed in. Its forms post the form
// token; "End" posts session besides.
type SecurityPage struct {
	Frame
	Email    string
	Passkeys []PasskeyRow
	Apps     []AppRow
	// CodesLeft is how many recovery codes are unused.
	CodesLeft int
	// Works says that passkeys can be added here, More that another app can.
	Works, More bool
	Sessions    []SessionRow
}

func (*SecurityPage) face() face {
	return face{id: "security", file: "security", heading: Say("security.title")}
}

// AppRow is one authenticator app.
type AppRow struct {
	// Path is its own page.
	Path        string
	Added, Used time.Time
}

// SessionRow is one browser that is signed in.
type SessionRow struct {
	// ID is what "End" posts.
	ID string
	// Browser and System are names such as "Firefox" and "Linux", or empty.
	Browser, System string
	Since, Seen     time.Time
	// This is the browser that looks at the page.
	This bool
}

// sessionRow is one of them with the words of its page.
type sessionRow struct {
	*view
	SessionRow
}

// Session gives a row the words of the page.
func (v *view) Session(s SessionRow) *sessionRow { return &sessionRow{v, s} }

// FactorPage is one passkey or app: a passkey can be renamed, and either be
// removed unless it is the last. Field: passkey_name.
type FactorPage struct {
	Frame
	Passkey *PasskeyRow
	App     *AppRow
	// Name is what was typed.
	Name string
	// Last says that it is the only second step.
	Last bool
	// Path is the page's own, to which its forms add what they do.
	Path string
	// Factor is what "Replace it" posts.
	Factor string
}

func (p *FactorPage) face() face {
	heading := Say("factor.app.title")
	if p.Passkey != nil {
		heading = Say("factor.passkey.title")
	}
	return face{id: "factor", file: "security-factor", heading: heading}
}

// NewCodesPage says what making new recovery codes means; its button posts.
type NewCodesPage struct {
	Frame
	Left int
}

func (*NewCodesPage) face() face {
	return face{id: "newcodes", file: "security-codes", heading: Say("newcodes.title")}
}

// NewPasswordPage changes the password. Field: new_password.
type NewPasswordPage struct {
	Frame
	Email string
}

func (*NewPasswordPage) face() face {
	return face{id: "newpassword", file: "security-password", heading: Say("newpassword.title")}
}

// NewEmailPage asks for another address. Field: new_email.
type NewEmailPage struct {
	Frame
	Email string
	// Typed is what was typed.
	Typed string
}

func (*NewEmailPage) face() face {
	return face{id: "newemail", file: "security-email", heading: Say("newemail.title")}
}

// EmailCodePage asks for the code that was mailed to it. Field: code.
type EmailCodePage struct {
	Frame
	Address string
}

func (*EmailCodePage) face() face {
	return face{id: "newemail.code", file: "security-email-code", heading: Say("c2.title")}
}
