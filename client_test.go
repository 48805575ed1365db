package latchkey

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// scene is a server that answers as written and remembers what it was asked.
type scene struct {
	*httptest.Server
	t      *testing.T
	answer func(w http.ResponseWriter, r *http.Request, body string)
	mu     sync.Mutex
	asked  []string // method, path and body
	last   *http.Request
}

func play(t *testing.T, answer func(w http.ResponseWriter, r *http.Request, body string)) (*scene, *Client) {
	t.Helper()
	s := &scene{t: t, answer: answer}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		s.mu.Lock()
		s.asked = append(s.asked, r.Method+" "+r.URL.Path+" "+string(b))
		s.last = r
		s.mu.Unlock()
		answer(w, r, string(b))
	}))
	t.Cleanup(s.Close)
	return s, &Client{BaseURL: s.URL + "/", ID: "acme-treasury", Secret: "s3cr3t", HTTP: s.Client(),
		Now: func() time.Time { return noon }}
}

var noon = time.Date(2031, 2, 3, 4, 5, 6, 789e6, time.UTC)

// say answers everything with status and body, token requests with a token of the client's own.
func say(status int, body string, header ...string) func(http.ResponseWriter, *http.Request, string) {
	return func(w http.ResponseWriter, r *http.Request, _ string) {
		if strings.HasSuffix(r.URL.Path, "/oauth/token") && !strings.Contains(body, "access_token") && status < 300 {
			_, _ = io.WriteString(w, clientToken)
			return
		}
		for i := 0; i < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// The documented bytes of contract 4.2, 5.1, 6, 8.1 and 8.3.
const (
	clientToken = `{"access_token":"5f6f9f5e-8d5b-4d7e-9a53-2f8c3c1a7b10","token_type":"bearer","expires_in":43199,"expires_at":"2031-02-03T16:05:05.789Z","scope":"transfers"}`
	userToken   = `{"access_token":"5f6f9f5e-8d5b-4d7e-9a53-2f8c3c1a7b10","token_type":"bearer","refresh_token":"c0a8e1de-0b0f-4bb9-8d1f-3b1a5b2f77aa","expires_in":43199,"expires_at":"2031-02-03T16:05:05.789Z","refresh_token_expires_in":630719999,"refresh_token_expires_at":"2051-01-29T04:05:05.789Z","scope":"transfers","created_at":"2031-02-03T04:05:06.789123Z"}`
	freshUser   = `{"id":4410027,"name":null,"email":"mira.kade@example.org","active":true,"details":null}`
	claimCode   = `{"claimAccountCode":"0d1c9f34-52a8-4c77-9f1e-6f3b8f6f2f90"}`
	created     = `{"id":70010001,"type":"PERSONAL","details":{"firstName":"Mira","lastName":"Kade","preferredName":"Mimi","firstNameInKana":null,"lastNameInKana":null,"address":{"addressFirstLine":"7 Harbour Row","city":"Leith","countryIso3Code":"gbr","postCode":"EH6 6AB","stateCode":null},"nationality":"gbr","dateOfBirth":"1988-11-30","externalCustomerId":"cust-0042","contactDetails":{"email":"mira.kade@example.org","phoneNumber":"+441315550142"},"occupations":[],"localizedInformation":[]}}`
	profile     = `{"type":"PERSONAL","id":70010001,"publicId":"0d1c9f34-52a8-4c77-9f1e-6f3b8f6f2f90","userId":4410027,"address":{"id":90001234,"addressFirstLine":"7 Harbour Row","city":"Leith","countryIso2Code":"GB","countryIso3Code":"gbr","postCode":"EH6 6AB","stateCode":null},"email":"mira.kade@example.org","createdAt":"2031-02-03T04:05:06","updatedAt":"2031-02-03T04:05:06","avatar":null,"currentState":"VISIBLE","contactDetails":{"email":"mira.kade@example.org","phoneNumber":"+441315550142"},"firstName":"Mira","lastName":"Kade","preferredName":"Mimi","dateOfBirth":"1988-11-30","phoneNumber":"+441315550142","secondaryAddresses":[],"fullName":"Mira Kade"}`
	fullUser    = `{"id":4410027,"name":"Mira Kade","email":"mira.kade@example.org","active":true,"details":{"firstName":"Mira","lastName":"Kade","phoneNumber":"+441315550142","dateOfBirth":"1988-11-30","occupation":"","avatar":"","primaryAddress":90001234,"address":{"city":"Leith","countryCode":"GB","postCode":"EH6 6AB","state":"","firstLine":"7 Harbour Row","occupation":""}}}`
)

// TestWireTypesKeepTheirBytes reads each documented answer and writes it again: same keys, same order, same nulls, same stamps.
func TestWireTypesKeepTheirBytes(t *testing.T) {
	for name, c := range map[string]struct {
		bytes string
		value any
	}{
		"token of the client":    {clientToken, new(Token)},
		"token of a user":        {userToken, new(Token)},
		"token of strict":        {`{"access_token":"a","token_type":"bearer","refresh_token":"r","expires_in":899,"scope":"profile"}`, new(Token)},
		"refresh ends now":       {strings.Replace(userToken, "630719999", "0", 1), new(Token)},
		"user after sign-up":     {freshUser, new(User)},
		"user with a profile":    {fullUser, new(User)},
		"exists":                 {`{"exists":true}`, new(Existence)},
		"contact e-mail":         {`{"email":"mira.kade@example.org"}`, new(EmailAddress)},
		"claim code":             {claimCode, new(ClaimCode)},
		"claim request":          {`{"registrationCode":"7a…e1"}`, new(ClaimRequest)},
		"profile created":        {created, new(CreatedProfile)},
		"profile read":           {profile, new(Profile)},
		"profile asked":          {`{"firstName":"Mira","lastName":"Kade","address":{"addressFirstLine":"7 Harbour Row","city":"Leith","countryIso3Code":"gbr","postCode":"EH6 6AB"},"dateOfBirth":"1988-11-30","contactDetails":{"email":"mira.kade@example.org","phoneNumber":"+441315550142"},"occupations":[{"code":"Joiner","format":"FREE_FORM"}]}`, new(PersonalProfile)},
		"profile change":         {`{"firstName":"Mira"}`, new(PersonalProfile)},
		"sign-up":                {`{"email":"mira.kade@example.org","registrationCode":"7a","language":"DE","sendAuthorizationCodeAsEmail":true}`, new(NewUser)},
		"E1, arguments null":     {`{"errors":[{"code":"api.address.missing","message":"address is missing","path":"address","arguments":null}]}`, new(FieldErrors)},
		"E1, arguments, no path": {`{"errors":[{"code":"BAD_REQUEST","message":"no JSON","arguments":[]}]}`, new(FieldErrors)},
		"E2":                     {`{"error":"invalid_grant","error_description":"Invalid user credentials."}`, new(GrantError)},
		"E3":                     {`{"timestamp":"2020-01-03T12:34:56.789+0000","status":403,"error":"unauthorized","message":"Unauthorized"}`, new(StatusError)},
		"name with markup":       {`{"id":1,"name":"A <b> & C","email":"a@example.org","active":true,"details":null}`, new(User)},
	} {
		t.Run(name, func(t *testing.T) {
			if err := json.Unmarshal([]byte(c.bytes), c.value); err != nil {
				t.Fatal(err)
			}
			var b strings.Builder
			to := json.NewEncoder(&b)
			to.SetEscapeHTML(false)
			if err := to.Encode(c.value); err != nil {
				t.Fatal(err)
			}
			if got := strings.TrimSpace(b.String()); got != c.bytes {
				t.Errorf("got  %s\nwant %s", got, c.bytes)
			}
		})
	}
	if got := StatusStamp(noon); got != "2031-02-03T04:05:06.789+0000" {
		t.Errorf("stamp of E3: %s", got)
	}
	whole := noon.Truncate(time.Second)
	if b, _ := json.Marshal(struct {
		A Stamp
		B FineStamp
		C LocalStamp
	}{Stamp{whole}, FineStamp{whole}, LocalStamp{whole.In(time.FixedZone("", 3600))}}); string(b) !=
		`{"A":"2031-02-03T04:05:06.000Z","B":"2031-02-03T04:05:06.000000Z","C":"2031-02-03T04:05:06"}` {
		t.Errorf("whole seconds: %s", b)
	}
}

// TestCalls checks the exact request of every call and that the documented answer arrives.
func TestCalls(t *testing.T) {
	ctx := t.Context()
	account := func(c *Client) *Account { return c.Account(Token{AccessToken: "t2"}) }
	person := PersonalProfile{FirstName: "Mira", DateOfBirth: "1988-11-30"}
	for name, x := range map[string]struct {
		answer, asked, bearer string
		do                    func(c *Client) (any, error)
		want                  string
	}{
		"create user": {freshUser, `POST /2026Q3/user/signup/registration_code {"email":"mira.kade@example.org","registrationCode":"7a","language":"DE"}`, "5f6f9f5e-8d5b-4d7e-9a53-2f8c3c1a7b10",
			func(c *Client) (any, error) {
				return c.CreateUser(ctx, NewUser{Email: "mira.kade@example.org", RegistrationCode: "7a", Language: "DE"})
			}, freshUser},
		"exists": {`{"exists":true}`, `POST /2026Q3/users/exists {"email":"a@example.org"}`, "5f6f9f5e-8d5b-4d7e-9a53-2f8c3c1a7b10",
			func(c *Client) (any, error) { return c.UserExists(ctx, "a@example.org") }, `true`},
		"me":   {fullUser, `GET /2026Q3/me `, "t2", func(c *Client) (any, error) { return account(c).Me(ctx) }, fullUser},
		"user": {freshUser, `GET /2026Q3/users/4410027 `, "t2", func(c *Client) (any, error) { return account(c).User(ctx, 4410027) }, freshUser},
		"contact": {`{"email":"b@example.org"}`, `GET /2026Q3/users/7/contact-email `, "t2",
			func(c *Client) (any, error) { return account(c).ContactEmail(ctx, 7) }, `"b@example.org"`},
		"set contact": {`{"email":"b@example.org"}`, `PUT /2026Q3/users/7/contact-email {"email":"b@example.org"}`, "t2",
			func(c *Client) (any, error) { return account(c).SetContactEmail(ctx, 7, "b@example.org") }, `"b@example.org"`},
		"create profile": {created, `POST /2026Q3/profiles/personal-profile {"firstName":"Mira","dateOfBirth":"1988-11-30"}`, "t2",
			func(c *Client) (any, error) { return account(c).CreatePersonalProfile(ctx, person, "key-1") }, created},
		"update profile": {created, `PUT /2026Q3/profiles/70010001/personal-profile {"firstName":"Mira","dateOfBirth":"1988-11-30"}`, "t2",
			func(c *Client) (any, error) { return account(c).UpdatePersonalProfile(ctx, 70010001, person) }, created},
		"profiles": {"[" + profile + "]", `GET /2026Q3/profiles `, "t2", func(c *Client) (any, error) { return account(c).Profiles(ctx) }, "[" + profile + "]"},
		"profile":  {profile, `GET /2026Q3/profiles/70010001 `, "t2", func(c *Client) (any, error) { return account(c).Profile(ctx, 70010001) }, profile},
		"mint": {claimCode, `POST /2026Q3/user/claim-account {"registrationCode":"7a"}`, "t2",
			func(c *Client) (any, error) { return account(c).MintClaimCode(ctx, "7a") }, `"0d1c9f34-52a8-4c77-9f1e-6f3b8f6f2f90"`},
	} {
		t.Run(name, func(t *testing.T) {
			s, c := play(t, say(200, x.answer))
			c.CorrelationID = func(context.Context) string { return "mine" }
			got, err := x.do(c)
			if err != nil {
				t.Fatal(err)
			}
			if b, _ := json.Marshal(got); string(b) != x.want {
				t.Errorf("got  %s\nwant %s", b, x.want)
			}
			if asked := s.asked[len(s.asked)-1]; asked != x.asked {
				t.Errorf("asked %s\nwant  %s", asked, x.asked)
			}
			if got := s.last.Header.Get("Authorization"); got != "Bearer "+x.bearer {
				t.Errorf("authorization %q", got)
			}
			if s.last.Header.Get("X-External-Correlation-Id") != "mine" {
				t.Error("no correlation id")
			}
			if key := s.last.Header.Get("X-idempotence-uuid"); (key == "key-1") != (name == "create profile") {
				t.Errorf("idempotency key %q", key)
			}
		})
	}
}

// TestGrants checks the exact form of the four grants and the client's authentication.
func TestGrants(t *testing.T) {
	ctx := t.Context()
	for name, x := range map[string]struct {
		form string
		do   func(c *Client) (Token, error)
	}{
		"client_credentials": {"grant_type=client_credentials", func(c *Client) (Token, error) { return c.ClientGrant(ctx) }},
		"registration_code": {"client_id=acme-treasury&email=mira.kade%40example.org&grant_type=registration_code&registration_code=7a%26",
			func(c *Client) (Token, error) { return c.RegistrationGrant(ctx, "mira.kade@example.org", "7a&") }},
		"authorization_code": {"client_id=acme-treasury&code=Zx81Qp&grant_type=authorization_code&redirect_uri=https%3A%2F%2Fapp.acme.example%2Fwise%2Fcb",
			func(c *Client) (Token, error) {
				return c.Exchange(ctx, Exchange{Code: "Zx81Qp", RedirectURI: "https://app.acme.example/wise/cb"})
			}},
		"authorization_code with verifier": {"client_id=acme-treasury&code=Zx81Qp&code_verifier=v&grant_type=authorization_code&redirect_uri=r",
			func(c *Client) (Token, error) {
				return c.Exchange(ctx, Exchange{Code: "Zx81Qp", RedirectURI: "r", Verifier: "v"})
			}},
		"refresh_token": {"grant_type=refresh_token&refresh_token=old", func(c *Client) (Token, error) { return c.Refresh(ctx, "old") }},
	} {
		t.Run(name, func(t *testing.T) {
			s, c := play(t, say(200, userToken))
			got, err := x.do(c)
			if err != nil {
				t.Fatal(err)
			}
			if b, _ := json.Marshal(got); string(b) != userToken {
				t.Errorf("got  %s\nwant %s", b, userToken)
			}
			if s.asked[0] != "POST /2026Q3/oauth/token "+x.form {
				t.Errorf("asked %s", s.asked[0])
			}
			if got := s.last.Header.Get("Authorization"); got != "Basic YWNtZS10cmVhc3VyeTpzM2NyM3Q=" {
				t.Errorf("authorization %q", got)
			}
		})
	}
	_, c := play(t, say(200, `{"access_token":"a","token_type":"bearer","expires_in":899,"scope":""}`))
	if got, err := c.ClientGrant(ctx); err != nil || !got.ExpiresAt.Equal(noon.Add(899*time.Second)) {
		t.Errorf("an end left out is %v, %v", got.ExpiresAt, err)
	}
	_, c = play(t, say(200, `{"access_token":""}`))
	if _, err := c.ClientGrant(ctx); !errors.Is(err, ErrAnswer) {
		t.Errorf("an answer without token: %v", err)
	}
}

// TestRefusals checks that every documented refusal can be told apart and carries all it said.
func TestRefusals(t *testing.T) {
	every := []error{ErrAlreadyMember, ErrDuplicate, ErrAlreadyClaimed, ErrInvalidGrant, ErrInvalidClient, ErrUnauthorized, ErrForbidden, ErrNotFound, ErrLocked, ErrLimited, ErrUnavailable}
	for name, x := range map[string]struct {
		status int
		body   string
		is     error
		text   string
	}{
		"member":     {409, `{"errors":[{"code":"NOT_UNIQUE","message":"You're already a member. Please login","path":"email","arguments":["email","mi********************@example.org"]}]}`, ErrAlreadyMember, "answer 409: NOT_UNIQUE at email (trace 0f)"},
		"profile":    {409, `{"errors":[{"code":"NOT_UNIQUE","message":"m","arguments":null}]}`, ErrDuplicate, "answer 409: NOT_UNIQUE (trace 0f)"},
		"claimed":    {409, `{"errors":[{"code":"ALREADY_CLAIMED","message":"m","arguments":null}]}`, ErrAlreadyClaimed, "answer 409: ALREADY_CLAIMED (trace 0f)"},
		"two":        {400, `{"errors":[{"code":"NotNull","message":"must not be null","path":"email","arguments":[]},{"code":"Size","message":"m","path":"registrationCode","arguments":["2147483647","32"]}]}`, nil, "answer 400: NotNull at email, Size at registrationCode (trace 0f)"},
		"grant":      {401, `{"error":"invalid_grant","error_description":"Invalid user credentials."}`, ErrInvalidGrant, "answer 401: invalid_grant: Invalid user credentials. (trace 0f)"},
		"grant 400":  {400, `{"error":"invalid_grant","error_description":"d"}`, ErrInvalidGrant, "answer 400: invalid_grant: d (trace 0f)"},
		"client":     {401, `{"error":"invalid_client","error_description":"Client authentication failed"}`, ErrInvalidClient, "answer 401: invalid_client: Client authentication failed (trace 0f)"},
		"token":      {401, `{"error":"invalid_token","error_description":"d"}`, ErrUnauthorized, "answer 401: invalid_token: d (trace 0f)"},
		"none":       {401, `{"error":"unauthorized","error_description":"d"}`, ErrUnauthorized, "answer 401: unauthorized: d (trace 0f)"},
		"foreign":    {403, `{"timestamp":"2020-01-03T12:34:56.789+0000","status":403,"error":"unauthorized","message":"Unauthorized"}`, ErrForbidden, "answer 403: unauthorized: Unauthorized (trace 0f)"},
		"submission": {400, `{"type":"/errors/types/validation","title":"Validation Error","status":400,"instance":"/x","errors":[{"code":"missing_value","ref":"data.annualIncome","detail":"must be given"}]}`, nil, "answer 400: missing_value at data.annualIncome (trace 0f)"},
		"document":   {400, `{"errors":[{"code":"not.allowed.for.clientId","message":"m","field":"clientId"}]}`, nil, "answer 400: not.allowed.for.clientId at clientId (trace 0f)"},
		"simulation": {404, `{"code":"kyc_review.not_found","category":"CLIENT","description":"There is no such review","details":null}`, ErrNotFound, "answer 404: kyc_review.not_found: There is no such review (trace 0f)"},
		"locked":     {409, `{"errors":[{"code":"FIELD_LOCKED","message":"m","path":"lastName","arguments":[]}]}`, ErrLocked, "answer 409: FIELD_LOCKED at lastName (trace 0f)"},
		"limit":      {429, `{}`, ErrLimited, "answer 429, retry after 7s (trace 0f)"},
		"trouble":    {503, `not json`, ErrUnavailable, "answer 503, retry after 7s (trace 0f)"},
		"array":      {500, `[]`, nil, "answer 500 (trace 0f)"},
		"redirect":   {307, ``, nil, "answer 307 (trace 0f)"},
	} {
		t.Run(name, func(t *testing.T) {
			header := []string{"X-Trace-Id", "0f", "X-Rate-Limited-By", "wise-public-api", "Location", "https://thief.example/"}
			if x.status == 429 || x.status == 503 {
				header = append(header, "Retry-After", "7")
			}
			_, c := play(t, say(x.status, x.body, header...))
			_, err := c.Account(Token{AccessToken: "t"}).Me(t.Context())
			var e *Error
			if !errors.As(err, &e) {
				t.Fatalf("%v is no Error", err)
			}
			if e.Status != x.status || e.TraceID != "0f" || e.LimitedBy != "wise-public-api" {
				t.Errorf("%+v", e)
			}
			if e.Error() != x.text {
				t.Errorf("text %q, want %q", e.Error(), x.text)
			}
			for _, kind := range every {
				if errors.Is(err, kind) != (kind == x.is) {
					t.Errorf("is %q: %t", kind, errors.Is(err, kind))
				}
			}
		})
	}
	_, c := play(t, say(422, `{"errors":[{"code":"TOO_SMALL","message":"m","path":"phoneNumber","arguments":["phoneNumber","+123","5","25"]},{"code":"x","message":"m","arguments":null},{"code":"y","message":"m","arguments":[]}]}`))
	_, err := c.Account(Token{}).Me(t.Context())
	var e *Error
	if !errors.As(err, &e) || len(e.Fields) != 3 || strings.Join(e.Fields[0].Arguments, " ") != "phoneNumber +123 5 25" || e.Fields[1].Arguments != nil || e.Fields[2].Arguments == nil {
		t.Errorf("arguments of %+v, %v", e, err)
	}
	_, c = play(t, say(429, `{}`, "Retry-After", noon.Add(90*time.Second).Format(http.TimeFormat)))
	_, err = c.Account(Token{}).Me(t.Context())
	if !errors.As(err, &e) || e.RetryAfter < 89*time.Second || e.RetryAfter > 90*time.Second {
		t.Errorf("a wait given as a date: %v", err)
	}
}

// TestAnswersAreBounded: a hostile or broken server cannot fill memory, hang forever or lead elsewhere.
func TestAnswersAreBounded(t *testing.T) {
	_, c := play(t, say(200, `{"email":"`+strings.Repeat("a", answerLimit)+`"}`))
	if _, err := c.Account(Token{}).Me(t.Context()); !errors.Is(err, ErrAnswer) {
		t.Errorf("a long answer: %v", err)
	}
	for size, want := range map[int]error{answerLimit: nil, answerLimit + 1: ErrAnswer} {
		_, c = play(t, say(200, freshUser+strings.Repeat(" ", size-len(freshUser))))
		if _, err := c.Account(Token{}).Me(t.Context()); !errors.Is(err, want) {
			t.Errorf("%d bytes: %v", size, err)
		}
	}
	_, c = play(t, say(200, `{"id":"text, and the answer's secret `))
	if _, err := c.Account(Token{}).Me(t.Context()); !errors.Is(err, ErrAnswer) || strings.Contains(err.Error(), "secret") {
		t.Errorf("a broken answer: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	_, c = play(t, func(_ http.ResponseWriter, r *http.Request, _ string) { cancel(); <-r.Context().Done() })
	if _, err := c.Account(Token{}).Me(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// TestSecretsDoNotPrint is the client's part of I9.
func TestSecretsDoNotPrint(t *testing.T) {
	var token Token
	if err := json.Unmarshal([]byte(userToken), &token); err != nil {
		t.Fatal(err)
	}
	c := &Client{ID: "acme", Secret: "hush-1"}
	values := []any{token, &token, c.Secret, Exchange{Code: "hush-2", Verifier: "hush-3"}, NewUser{RegistrationCode: "hush-4"},
		ClaimRequest{RegistrationCode: "hush-5"}, ClaimCode{"hush-6"}, AuthorizeRequest{ClaimCode: "hush-7"}, Return{Code: "hush-8"}, c.String()}
	var out strings.Builder
	logs := slog.New(slog.NewTextHandler(&out, nil))
	for _, v := range values {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			fmt.Fprintf(&out, verb+"\n", v)
		}
		logs.Info("x", "v", v)
	}
	slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "token", token, "secret", c.Secret)
	for _, leak := range []string{"hush", "686173", "5f6f9f5e", "c0a8e1de"} {
		if strings.Contains(out.String(), leak) {
			t.Errorf("%q in\n%s", leak, out.String())
		}
	}
	if string(c.Secret) != "hush-1" || Secret("").String() != "" {
		t.Error("the text itself is gone")
	}
}

// TestClientKeepsItsOwnToken: one token for many calls, another when half of it is over.
func TestClientKeepsItsOwnToken(t *testing.T) {
	var asked atomic.Int64
	_, c := play(t, func(w http.ResponseWriter, r *http.Request, _ string) {
		if strings.HasSuffix(r.URL.Path, "/token") {
			fmt.Fprintf(w, `{"access_token":"app-%d","token_type":"bearer","expires_in":43199,"scope":""}`, asked.Add(1))
			return
		}
		_, _ = io.WriteString(w, `{"exists":false}`)
	})
	var now atomic.Pointer[time.Time]
	set := func(t time.Time) { now.Store(&t) }
	set(noon)
	c.Now = func() time.Time { return *now.Load() }
	var wait sync.WaitGroup
	for range 16 {
		wait.Go(func() {
			if _, err := c.UserExists(t.Context(), "a@example.org"); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	if asked.Load() != 1 {
		t.Errorf("asked for %d tokens", asked.Load())
	}
	set(noon.Add(21599 * time.Second))
	if got, _ := c.Bearer(t.Context()); got != "app-1" {
		t.Errorf("before half time: %s", string(got))
	}
	set(noon.Add(21600 * time.Second))
	if got, _ := c.Bearer(t.Context()); got != "app-2" {
		t.Errorf("after half time: %s", string(got))
	}
}
