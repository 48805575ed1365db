package api

import (
	"bytes"
	"encoding/json"
	"io"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"
	"time"
)

// A bench is two customers of two partners with everything that the paths of the API name, to try every route.
type bench struct {
	*world
	own, other account
	// app is acme's own token.
	app string
	// spare counts the accounts that were opened for one request each.
	spare int
}

// An account is a customer with a person and a business, and the ids of what hangs on them.
type account struct {
	person
	personal, business, address string
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{world: newWorld(t)}
	b.simulating()
	b.own, b.other = b.account(acme, "mira.kade@example.org"), b.account(globex, "jonas.kade@example.org")
	b.app = b.world.app(acme)
	if got := b.json("POST", "/v1/user/signup/registration_code", b.app, `{"email":"neu@example.org","registrationCode":"`+code+`"}`); got.status != 200 {
		t.Fatal(got)
	}
	return b
}

func (b *bench) account(client, email string) account {
	b.t.Helper()
	a := account{person: b.open(client, email)}
	a.personal, a.business = decimal(b.profile(a.person)), b.world.business(a.person)
	var read struct{ Address struct{ ID int64 } }
	must(b.t, json.Unmarshal([]byte(b.json("GET", "/v2/profiles/"+a.personal, a.bearer, "").body), &read))
	a.address = decimal(read.Address.ID)
	return a
}

// A request is what a trial sends to one address of its route.
type request struct {
	method, path, bearer, kind, body, ott string
}

func (b *bench) do(q request) reply {
	b.t.Helper()
	headers := []string{}
	for name, value := range map[string]string{"Authorization": q.bearer, "Content-Type": q.kind, "One-Time-Token": q.ott} {
		if value != "" {
			headers = append(headers, name, value)
		}
	}
	got := b.ask(q.method, q.path, q.body, headers...)
	if strings.Contains(got.body, calendar+"/") {
		b.t.Errorf("%s %s tells of its inner address: %s", q.method, q.path, got.body)
	}
	return got
}

// ids are the values of a path's wildcards for one account, by their names in braces.
func (b *bench) ids(pattern string, x trial, a account, bearer string) map[string]string {
	b.t.Helper()
	profile := a.personal
	if x.business {
		profile = a.business
	}
	ids := map[string]string{"{user}": decimal(a.id), "{profile}": profile, "{client}": a.client, "{address}": a.address, "{way}": "sms", "{requirement}": "SOURCE_OF_WEALTH"}
	if strings.Contains(pattern, "{subscription}") {
		path, body := "/v3/applications/"+a.client+"/subscriptions", hook
		if strings.Contains(pattern, "{profile}") {
			path, body = "/v3/profiles/"+profile+"/subscriptions", strings.Replace(hook, "x-claims#state-change", "balances#update", 1)
		}
		made := b.json("POST", path, bearer, body)
		ids["{subscription}"] = uuids.FindString(made.body)
		if made.status != 200 {
			b.t.Fatal(made)
		}
	}
	if strings.Contains(pattern, "{review}") || strings.Contains(pattern, "embedded-flows") || strings.Contains(pattern, "kyc-requirements") {
		ids["{review}"] = b.newReview(a.person, number(b.t, profile))
		for _, more := range []string{"TAX_RESIDENCY", "SOURCE_OF_WEALTH"} { // which nothing else provides
			got := b.json("POST", "/v2/simulation/profiles/"+profile+"/kyc-reviews/"+ids["{review}"]+"/requirements/add", a.bearer, `{"requirement":"`+more+`"}`)
			if got.status != 200 {
				b.t.Fatal(got)
			}
		}
	}
	return ids
}

// good is a request that a route takes from its account's partner.
func (b *bench) good(rt route, pattern string, x trial, a account) request {
	b.t.Helper()
	q := request{method: rt.method, kind: "application/json"}
	switch rt.by {
	case byApplication:
		q.bearer = b.world.app(a.client)
	case byUser, byBearer:
		q.bearer = a.bearer
	}
	b.spare++
	if x.fresh {
		q.bearer = b.open(acme, "spare"+decimal(int64(b.spare))+"@example.org").bearer
	}
	ids := b.ids(pattern, x, a, q.bearer)
	fill := strings.NewReplacer("PROFILE", ids["{profile}"], "REVIEW", ids["{review}"], "SPARE", decimal(int64(100+b.spare)))
	q.path = filled(pattern, ids) + fill.Replace(x.query)
	q.body = fill.Replace(x.body)
	if x.form != nil {
		q.body, q.kind = formOf(b.t, fill, x.form)
	}
	if x.ott {
		q.ott = b.json("POST", "/v1/simulation/protected", a.bearer, "").header.Get("x-2fa-approval")
		if strings.HasSuffix(pattern, "/verify") {
			b.ask("POST", "/v1/one-time-token/sms/trigger", "", "Authorization", a.bearer, "One-Time-Token", q.ott)
		}
	}
	return q
}

func filled(pattern string, ids map[string]string) string {
	for name, value := range ids {
		pattern = strings.ReplaceAll(pattern, name, value)
	}
	return strings.Replace(pattern, calendar, "/2026Q3", 1)
}

func formOf(t *testing.T, fill *strings.Replacer, parts []sent) (body, kind string) {
	t.Helper()
	var b bytes.Buffer
	form := multipart.NewWriter(&b)
	for _, part := range parts {
		to, err := form.CreateFormField(part.field)
		if part.name != "" {
			to, err = form.CreateFormFile(part.field, part.name)
		}
		must(t, err)
		_, err = io.WriteString(to, fill.Replace(part.content))
		must(t, err)
	}
	must(t, form.Close())
	return b.String(), form.FormDataContentType()
}

// each runs fn for every address of every route, and fails where a route has no trial or a trial no route.
func (b *bench) each(fn func(t *testing.T, rt route, pattern string, x trial)) {
	b.t.Helper()
	all, outer := trials(), b.t
	defer func() { b.t = outer }()
	for _, rt := range b.door.routes() {
		name := rt.method + " " + rt.legacy
		if rt.legacy == "" {
			name = rt.method + " /2026Q3" + rt.calendar
		}
		x, found := all[name]
		if !found {
			outer.Errorf("%s has no trial: add one", name)
		}
		delete(all, name)
		for _, pattern := range rt.patterns() {
			outer.Run(strings.NewReplacer("/", "_", " ", "_", calendar, "2026Q3").Replace(rt.method+pattern), func(t *testing.T) {
				b.t = t
				fn(t, rt, pattern, x)
			})
		}
	}
	for name := range all {
		outer.Errorf("%s has a trial and no route", name)
	}
}

// open reports whether a route asks for no bearer.
func (rt route) open() bool { return rt.by == byClient || rt.by == byAnyone }

// Issue 3, bad input: every route takes its good request, with fields that nobody knows too (OC-40), in both families.
func TestEveryRouteTakesItsRequest(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.each(func(t *testing.T, rt route, pattern string, x trial) {
		if rt.by == byClient {
			return // token_test.go
		}
		status := x.status
		if status == 0 {
			status = 200
		}
		first := b.do(b.good(rt, pattern, x, b.own))
		if first.status != status && !(pattern == rt.calendarPattern() && first.status == 409) { // uploaded at the other address
			t.Errorf("%d %s", first.status, first.body)
		}
		q := b.good(rt, pattern, x, b.own)
		if !strings.HasPrefix(q.body, "{") {
			return
		}
		q.body = `{"zzUnknown":{"a":[1,null]},` + strings.TrimPrefix(q.body, "{")
		q.body = strings.Replace(q.body, ",}", "}", 1)
		if got := b.do(q); got.status != first.status && got.status != 409 { // what was given once is given
			t.Errorf("with an unknown field: %d %s", got.status, got.body)
		}
	})
}

func (rt route) calendarPattern() string { return calendar + rt.calendar }

// Contract 3.3, OC-3, OC-4: no token, no good one, one of the wrong kind, and tokens whose time or account is over.
func TestEveryRouteAsksWhoCalls(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	gone := b.account(acme, "lena.kade@example.org")
	b.claimed(gone.person, "", nil)
	reader, _ := b.owned(narrow, "nora.kade@example.org")
	b.set(noon.Add(-13 * time.Hour)) // so that what is issued now is over at noon
	lateApp := b.world.app(acme)
	lateUser := b.tokenOf(b.registration(b.own.person))
	b.set(noon)
	b.own.bearer = "Bearer " + b.tokenOf(b.registration(b.own.person)).Access
	b.each(func(t *testing.T, rt route, pattern string, x trial) {
		if rt.open() {
			return
		}
		q := b.good(rt, pattern, x, b.own)
		for name, c := range map[string]struct {
			bearer string
			status int
			body   string
		}{
			"no token": {"", 401, noBearer}, "Basic": {"Basic YTpi", 401, noBearer}, "unknown": {"Bearer lka_1_2_x", 401, invalidToken},
			"changed": {altered(b.own.bearer), 401, invalidToken}, "a refresh token": {"Bearer " + b.own.token.Refresh, 401, invalidToken},
			"expired, own": {lateApp, 401, invalidToken}, "expired, user": {"Bearer " + lateUser.Access, 401, invalidToken},
			"before the claim": {gone.bearer, 401, invalidToken},
		} {
			q.bearer = c.bearer
			got := b.do(q)
			if got.status != c.status || got.body != c.body || got.header.Get("WWW-Authenticate") == "" {
				t.Errorf("%s: %d %s", name, got.status, got.body)
			}
		}
		q.bearer = b.app
		if rt.by == byApplication {
			q.bearer = b.own.bearer
		}
		if got := b.do(q); rt.by != byBearer && (got.status != 403 || got.body != forbidden) {
			t.Errorf("of the wrong kind: %d %s", got.status, got.body)
		}
		if q.bearer = reader.bearer; rt.scope != "" && rt.scope != "account.read" {
			if got := b.do(q); got.status != 403 || !strings.Contains(got.header.Get("WWW-Authenticate"), `error="insufficient_scope", scope="`+string(rt.scope)+`"`) {
				t.Errorf("without the scope: %d %v", got.status, got.header)
			}
		}
	})
}

// OC-4, I10: an id of somebody else's is answered like one that nobody has, and what is no id like neither.
func TestEveryRouteHidesWhatIsForeign(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	nowhere := map[string]string{"{user}": "9007199254740991", "{profile}": "9007199254740991", "{client}": "nobody", "{address}": "9007199254740991",
		"{subscription}": "3d6a4f0e-8b34-4c6d-9c4f-4a1a0a9b2c7d", "{review}": "3d6a4f0e-8b34-4c6d-9c4f-4a1a0a9b2c7d"}
	status := map[string]int{"{user}": 403, "{profile}": 403, "{client}": 403, "{address}": 403, "{subscription}": 404, "{review}": 404}
	b.each(func(t *testing.T, rt route, pattern string, x trial) {
		if rt.open() {
			return
		}
		own := b.ids(pattern, x, b.own, b.good(rt, pattern, x, b.own).bearer)
		foreign := b.ids(pattern, x, b.other, b.good(rt, pattern, x, b.other).bearer)
		for name := range nowhere {
			if !strings.Contains(pattern, name) {
				continue
			}
			q := b.good(rt, pattern, x, b.own)
			with := func(value string) reply {
				ids := map[string]string{}
				for n, v := range own {
					ids[n] = v
				}
				ids[name] = value
				_, query, _ := strings.Cut(q.path, "?")
				path := filled(pattern, ids)
				if query != "" {
					path += "?" + query
				}
				return b.do(request{q.method, path, q.bearer, q.kind, q.body, q.ott})
			}
			strange, unknown := with(foreign[name]), with(nowhere[name])
			if strange.status != unknown.status || strange.body != unknown.body || strange.status != status[name] {
				t.Errorf("%s: foreign %d %s, unknown %d %s", name, strange.status, strange.body, unknown.status, unknown.body)
			}
			for _, text := range []string{"x", "%00", "01", "-1", "1e3", "9223372036854775808", "%2e%2e"} {
				if got := with(text); got.status != 404 && !(name == "{client}" && got.status == 403) {
					t.Errorf("%s %q: %d %s", name, text, got.status, got.body)
				}
			}
		}
		b.foreignInBody(t, rt, pattern, x)
	})
}

// foreignInBody: ids in bodies and queries are looked up within the caller's reach too (design 10.13).
func (b *bench) foreignInBody(t *testing.T, rt route, pattern string, x trial) {
	if !strings.Contains(x.body+x.query, "PROFILE") && !strings.Contains(x.body, "REVIEW") && x.form == nil {
		return
	}
	q, alien := b.good(rt, pattern, x, b.own), b.good(rt, pattern, x, b.other)
	if !strings.Contains(pattern, "{profile}") {
		q.path = alien.path
	}
	if q.body, q.kind = alien.body, alien.kind; pattern == "" || strings.HasSuffix(pattern, "upload-document") {
		return
	}
	strange := b.do(q)
	q.body = strings.NewReplacer(b.other.personal, "9007199254740991").Replace(q.body)
	q.path = strings.NewReplacer(b.other.personal, "9007199254740991").Replace(q.path)
	q.body = uuids.ReplaceAllString(q.body, "3d6a4f0e-8b34-4c6d-9c4f-4a1a0a9b2c7d")
	unknown := b.do(q)
	if strange.status != unknown.status || strange.body != unknown.body || strange.status != 403 && strange.status != 404 {
		t.Errorf("in the body: foreign %d %s, unknown %d %s", strange.status, strange.body, unknown.status, unknown.body)
	}
}

// OC-40, OC-41: bodies that cannot be read are refused before anything is looked up, at every route that may have one.
func TestEveryRouteReadsStrictly(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	long := `{"a":"` + strings.Repeat("a", largestBody) + `"}`
	b.each(func(t *testing.T, rt route, pattern string, x trial) {
		if rt.open() || rt.method == http.MethodGet || pattern == rt.calendarPattern() && rt.legacy != "" {
			return // the same handler at its other address
		}
		good := b.good(rt, pattern, x, b.own)
		for _, c := range []struct {
			name, kind, body string
			status           int
			want             string
		}{
			{"malformed", "application/json", `{"a":`, 400, badJSON}, {"text", "application/json", `seven`, 400, badJSON}, {"null", "application/json", `null`, 400, badJSON},
			{"a number", "application/json", `7`, 400, badJSON}, {"a cut list", "application/json", `[{}`, 400, badJSON},
			{"not UTF-8", "application/json", "{\"a\":\"\xff\"}", 400, badJSON}, {"a field twice", "application/json", `{"a":1,"A":2}`, 400, badJSON},
			{"deep", "application/json", strings.Repeat(`{"a":`, 40) + "1" + strings.Repeat("}", 40), 400, badJSON},
			{"two bodies", "application/json", `{}{}`, 400, badJSON}, {"a form", encoded, "a=b", 415, badKind}, {"text/plain", "text/plain", "{}", 415, badKind},
			{"a broken type", "application/;;", "{}", 415, badKind}, {"too large", "application/json", long, 413, tooLarge},
		} {
			q := good
			q.kind, q.body = c.kind, c.body
			if got := b.do(q); got.status != c.status || got.body != c.want {
				t.Errorf("%s: %d %.300s", c.name, got.status, got.body)
			}
		}
		b.otherShapes(t, rt, pattern, x)
	})
}

// otherShapes sends what can be read and is of another shape than the route's.
func (b *bench) otherShapes(t *testing.T, rt route, pattern string, x trial) {
	if x.blind {
		return
	}
	if x.form != nil {
		q := b.good(rt, pattern, x, b.own)
		q.kind, q.body = "application/json", "{}"
		if got := b.do(q); got.status != 415 {
			t.Errorf("JSON in the place of a form: %d %s", got.status, got.body)
		}
		return
	}
	q := b.good(rt, pattern, x, b.own)
	good := q.body
	q.body, q.kind = formOf(t, strings.NewReplacer(), upload1)
	trial := strings.Contains(pattern, "/simulation/")
	if got := b.do(q); got.status != 415 && !(trial && got.status == 400) {
		t.Errorf("a form in the place of JSON: %d %s", got.status, got.body)
	}
	q.kind, q.body = "application/json", "[]"
	if strings.HasPrefix(good, "[") {
		q.body = "{}"
	}
	if got := b.do(q); got.status != 400 {
		t.Errorf("%s: %d %s", q.body, got.status, got.body)
	}
	var fields map[string]any
	if json.Unmarshal([]byte(good), &fields) != nil {
		return
	}
	for name := range fields {
		one := map[string]any{}
		for n, v := range fields {
			one[n] = v
		}
		one[name] = []any{[]any{map[string]any{}}}
		raw, err := json.Marshal(one)
		must(t, err)
		q.body = string(raw)
		key := "path"
		if q.method == http.MethodPut && strings.HasSuffix(q.path, "/verification-documents") { // contract 3.3
			key = "field"
		}
		if got := b.do(q); got.status != 400 || !trial && !strings.Contains(got.body, `"`+key+`":"`+name) {
			t.Errorf("%s of another type: %d %s", name, got.status, got.body)
		}
	}
}

// Contract 8.9: one answer names every field that is wrong.
func TestEveryRouteNamesAllThatIsWrong(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.each(func(t *testing.T, rt route, pattern string, x trial) {
		if x.bad == "" {
			return
		}
		q := b.good(rt, pattern, x, b.own)
		q.body = strings.ReplaceAll(x.bad, "PROFILE", b.own.personal)
		got := b.do(q)
		if got.status != 400 && got.status != 422 {
			t.Fatalf("%d %s", got.status, got.body)
		}
		paths := pathsOf(t, got)
		if x.paths == "" {
			if len(paths) < 2 {
				t.Errorf("one alone: %s", got.body)
			}
			return
		}
		if text := strings.Join(paths, " "); text != x.paths {
			t.Errorf("paths %s\nwant  %s\n%s", text, x.paths, got.body)
		}
	})
}

// pathsOf are the paths of an E1 answer, each of whose entries has its words.
func pathsOf(t *testing.T, got reply) []string {
	t.Helper()
	var body struct {
		Errors []struct{ Code, Message, Path string }
	}
	if err := json.Unmarshal([]byte(got.body), &body); err != nil {
		t.Fatalf("%d %s", got.status, got.body)
	}
	paths := []string{}
	for _, e := range body.Errors {
		paths = append(paths, e.Path)
		if e.Code == "" || e.Message == "" {
			t.Errorf("%s", got.body)
		}
	}
	return paths
}
