package web

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/latchkey-id/latchkey/internal/claim"
	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/limit"
	"github.com/latchkey-id/latchkey/internal/partner"
)

// wanted is the journey that a sign-in is for: "" when somebody came to sign in for themselves, then page says what they asked for. Only ids that this server
// made are taken, so the value can be put into an address.
func (v *visit) wanted() string {
	text := v.r.URL.Query().Get("journey")
	if _, ok := v.Keys.JourneyPartner(text); !ok {
		return ""
	}
	return text
}

// toward adds to a path of the sign-in what the sign-in is for: a journey, or one of the customer's own pages. A notice is a name too.
func (v *visit) toward(path string, notice ...string) string {
	var query []string
	if journey := v.wanted(); journey != "" {
		query = append(query, "journey="+journey)
	} else if name := v.page(); name != "" {
		query = append(query, "to="+name)
	}
	for _, name := range notice {
		query = append(query, "notice="+name)
	}
	if len(query) == 0 {
		return path
	}
	return path + "?" + strings.Join(query, "&")
}

// ownPages are the pages that a sign-in leads back to beside freshPages, by the names that its address has for them. Like those they
// are a closed list of our own: whatever a link says, a sign-in ends at a page of this list, at the journey that it is for, or at the
// account (open redirects, BCP 4.11). Each is shown by a GET and changes nothing.
var ownPages = map[string]string{
	"access":    "/access",
	"activity":  "/activity",
	"details":   "/details",
	"proposals": "/details/proposals",
	"receipts":  "/account/receipts",
	"recovery":  "/security/recovery",
	"keep":      "/close/keep",
}

// pageNamed is the path of a page that a sign-in leads back to; false for a name that is not in the lists.
func pageNamed(name string) (path string, known bool) {
	if path, known = freshPages[name]; !known {
		path, known = ownPages[name]
	}
	return path, known
}

// page is the name of the page that the sign-in is for, "" for none of the lists.
func (v *visit) page() string {
	name := v.r.URL.Query().Get("to")
	if _, known := pageNamed(name); !known {
		return ""
	}
	return name
}

// pageOf is the name of the page that a path is of, or is below, such as that of one access among all; "" for none of the lists.
func pageOf(path string) (name string) {
	longest := ""
	for _, list := range []map[string]string{freshPages, ownPages} {
		for n, p := range list {
			if (path == p || strings.HasPrefix(path, p+"/")) && len(p) > len(longest) {
				name, longest = n, p
			}
		}
	}
	return name
}

// signIn is the address of R1 for who asks for this page without being signed in: it leads back to it.
func (v *visit) signIn() string {
	path := v.r.URL.Path
	if strings.HasPrefix(path, "/signin") || strings.HasPrefix(path, "/forgot") {
		return v.toward("/signin")
	}
	return toPage("/signin", pageOf(path))
}

// signInFrame names the partner of the request that the sign-in is for.
func (v *visit) signInFrame(step claim.Step) (Frame, error) {
	f := Frame{FormToken: v.token(string(step)), Action: v.toward("/" + string(step))}
	notices := map[string]string{"out": "notice.signedout", "lost": "r1.lost.first"}
	if notice, known := notices[v.r.URL.Query().Get("notice")]; known && v.r.Method != http.MethodPost {
		f.Notices = append(f.Notices, Say(notice))
	}
	id, ok := v.Keys.JourneyPartner(v.wanted())
	if !ok || v.wanted() == "" {
		return f, nil
	}
	p, err := v.Partners.Partner(v.context(), partner.ID(id))
	if errors.Is(err, partner.ErrUnknown) {
		return f, nil
	}
	f.Partner = Partner{Name: p.Name}
	if _, opened := v.jar.ticket(v.wanted()); opened {
		f.Leave = "/j/" + v.wanted() + "/leave"
	}
	return f, err
}

// showSignIn is R1. Whoever is signed in already goes on.
func showSignIn(v *visit) error {
	s, a, _, err := v.SignIns.Session(v.context(), v.jar.Session)
	if err != nil && !errors.Is(err, customer.ErrNoSession) {
		return err
	}
	again := v.r.URL.Query().Get("again") != "" && v.wanted() == "" // to prove oneself afresh, which no passkey is added without
	if t, _ := v.jar.ticket(v.wanted()); err == nil && s.SignedIn(a, v.Now()) && t.Request.Takes(s.SignedInAt) && !again {
		return v.onward()
	}
	return v.signInPage(http.StatusOK, "")
}

func (v *visit) signInPage(status int, email string, problems ...Problem) error {
	f, err := v.signInFrame(stepPassword)
	if err != nil {
		return err
	}
	f.Problems = problems
	return v.show(status, &SignInPage{Frame: f, Email: email, MoreTime: v.r.PostForm.Get("more_time") != "", Passkey: v.askPasskey(stepPasskey, nil),
		Forgot: v.toward("/forgot"), Lost: v.toward("/signin/recovery-code")})
}

// signInsAMinute is how many wrong passwords one network may try in a minute over all addresses, and how often the right one of an address
// may be shown. Each costs a hash, for which everybody else waits; and neither made-up addresses, which have a count each, nor right passwords
// meet any other count. Only who knows the password uses up what belongs to the address.
const signInsAMinute = 60

func postSignIn(v *visit) error {
	if err := v.posted(string(stepPassword)); err != nil {
		return v.signInAgain(err)
	}
	email := strings.TrimSpace(v.r.PostForm.Get("email"))
	if _, err := customer.CheckEmail(email); err != nil {
		problems := []Problem{Wrong("email", "r1.email.empty")}
		if v.r.PostForm.Get("password") == "" {
			problems = append(problems, Wrong("password", "r1.password.empty"))
		}
		return v.signInPage(http.StatusUnprocessableEntity, email, problems...)
	}
	right, wrong := "right "+customer.FoldEmail(email), v.asks("wrong")
	for _, count := range []string{right, wrong} {
		if wait, ok := v.Failed.Left(count, signInsAMinute, signInsAMinute); !ok {
			return limit.Exceeded{Wait: wait}
		}
	}
	o, refused := v.share("signin")
	key, err := v.SignIns.Password(v.context(), v.jar.Session, email, v.r.PostForm.Get("password"), v.r.PostForm.Get("more_time") != "", o)
	switch {
	case err == nil:
		v.Failed.Take(right, signInsAMinute, signInsAMinute)
	case errors.Is(err, customer.ErrSignIn):
		v.Failed.Take(wrong, signInsAMinute, signInsAMinute)
	case errors.Is(err, limit.ErrExceeded):
		refused()
	}
	if problems := problemsOf(err, stepPassword); err != nil && len(problems) > 0 {
		return v.signInPage(http.StatusUnprocessableEntity, email, problems...)
	}
	if err != nil {
		return err
	}
	// The session is a new row. What this browser had begun for accounts that are not set up stays with the old one and is
	// over (E3): whoever planted that session would otherwise be signed in too, and a half-made account of one person must
	// not go on under the name of another. Nothing is lost but the step: the partner mints another code.
	v.jar.enter(key)
	return v.see(v.toward("/signin/second-step"))
}

// signInAgain answers a form whose token does not fit. A second click has the cookie from before the first answer, or the
// one after it: then the browser is past this page and goes on.
func (v *visit) signInAgain(err error) error {
	s, _, _, failure := v.SignIns.Session(v.context(), v.jar.Session)
	if errors.Is(err, errStale) && failure == nil && s.Level >= customer.OneStep {
		return v.see(v.toward("/signin/second-step"))
	}
	return err
}

// showSignInStep is R2.
func showSignInStep(v *visit) error {
	s, a, _, err := v.SignIns.Session(v.context(), v.jar.Session)
	if errors.Is(err, customer.ErrNoSession) || err == nil && s.Level == customer.Anonymous {
		return v.see(v.toward("/signin"))
	}
	if err != nil {
		return err
	}
	if s.SignedIn(a, v.Now()) {
		return v.onward()
	}
	return v.signInStepPage(http.StatusOK)
}

func (v *visit) signInStepPage(status int, problems ...Problem) error {
	f, err := v.signInFrame(stepSignIn)
	if err != nil {
		return err
	}
	f.Problems = problems
	page := &SecondStepSignInPage{Frame: f, Another: v.toward("/signin/recovery-code")}
	if err := v.secondSteps(page); errors.Is(err, customer.ErrNoSession) {
		return v.see(v.toward("/signin"))
	} else if err != nil {
		return err
	}
	return v.show(status, page)
}

func postSignInStep(v *visit) error {
	if err := v.posted(string(stepSignIn)); err != nil {
		return err
	}
	key, err := v.SignIns.SecondStep(v.context(), v.jar.Session, v.r.PostForm.Get("code"), v.origin())
	switch {
	case err == nil:
		v.enter(key)
		return v.onward()
	case errors.Is(err, customer.ErrNoSession):
		return v.see(v.toward("/signin"))
	}
	if problems := problemsOf(err, stepSignIn); len(problems) > 0 {
		return v.signInStepPage(http.StatusUnprocessableEntity, problems...)
	}
	return err
}

// onward leads a signed-in browser to what it signed in for: the opened request begins its visit now, by a POST's answer
// or, when the browser was signed in before, by R5's.
func (v *visit) onward() error {
	journey := v.wanted()
	t, opened := v.jar.ticket(journey)
	switch path, own := pageNamed(v.page()); {
	case journey == "" && own:
		return v.see(path)
	case journey == "":
		return v.see("/account")
	case !opened:
		return v.resume(journey)
	case t.Code != 0 || t.Left != "":
		return v.see("/j/" + journey)
	case v.r.Method != http.MethodPost:
		return v.see("/j/" + journey + "/continue")
	}
	return v.visit(t)
}

// resume leads to a journey that began before. One of another account than the browser is signed in to would ask for a
// sign-in again and again; E9 lets the person choose.
func (v *visit) resume(journey string) error {
	v.text = journey
	if v.r.Method == http.MethodPost {
		return v.see(v.base())
	}
	state, next, err := v.state()
	switch {
	case err != nil:
		return v.ended(state, err)
	case next == claim.StepSignIn && state.Session.SignedIn(state.Account, v.Now()):
		v.text = "" // the form is the sign-in's, not the journey's; this browser's own sign-in is too old (max_age)
		return v.signInPage(http.StatusOK, "")
	case next == claim.StepSignIn:
		// The state is the other customer's: whoever has it can send them back with a code of their own (RFC 6749 section
		// 10.12).
		request := state.Journey.Request
		request.State, request.HasState = "", false
		return v.otherCustomer(state.Partner, request)
	}
	return v.see(v.base())
}

// visit begins the journey of an opened request for the customer who is signed in.
func (v *visit) visit(t claim.Ticket) error {
	v.text = t.Text
	if err := v.Claims.Visit(v.context(), t, v.jar.Session, "en", v.origin()); err != nil {
		return err
	}
	v.jar.drop(t.Text)
	return current(v)
}

// showContinue is R5: the session began before this request, so the person is asked (signing in to somebody else's
// partner by a forged link would otherwise take no click).
func showContinue(v *visit) error {
	t, ok := v.jar.ticket(v.text)
	if !ok || t.Code != 0 || t.Left != "" {
		return current(v)
	}
	s, a, err := v.continues(t)
	if err != nil || s.ID == 0 {
		return err
	}
	p, err := v.Partners.Partner(v.context(), t.Request.Partner)
	if err != nil {
		return err
	}
	return v.show(http.StatusOK, &ContinuePage{Email: a.Email, Different: v.base() + "/different", Frame: Frame{
		Partner: Partner{Name: p.Name}, Base: v.base(), Leave: v.base() + "/leave", FormToken: v.token("continue")}})
}

// continues finds who would go on with an opened request, or has answered with the way to sign in: then there is nobody.
func (v *visit) continues(t claim.Ticket) (customer.Session, customer.Account, error) {
	s, a, _, err := v.SignIns.Session(v.context(), v.jar.Session)
	if err != nil && !errors.Is(err, customer.ErrNoSession) {
		return customer.Session{}, customer.Account{}, err
	}
	if err != nil || !s.SignedIn(a, v.Now()) || !t.Request.Takes(s.SignedInAt) {
		return customer.Session{}, customer.Account{}, v.see("/signin?journey=" + v.text)
	}
	return s, a, nil
}

func postContinue(v *visit) error {
	t, ok := v.jar.ticket(v.text)
	if !ok || t.Code != 0 || t.Left != "" {
		return current(v)
	}
	if err := v.posted("continue"); err != nil {
		return err
	}
	if s, _, err := v.continues(t); err != nil || s.ID == 0 {
		return err
	}
	return v.visit(t)
}

// postDifferent signs out and asks for another account.
func postDifferent(v *visit) error {
	if err := v.posted("continue"); err != nil {
		return err
	}
	if err := v.SignIns.SignOut(v.context(), v.jar.Session, v.origin()); err != nil {
		return err
	}
	v.jar.enter(customer.SessionKey{})
	return v.see("/signin?journey=" + v.text)
}

// busyWait is what a page says when the server cannot answer now.
const busyWait = 5 * time.Second
