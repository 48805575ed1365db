package api

import (
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"
)

// many asks the same at once and counts the answers by status and body.
func many(n int, ask func(i int) reply) map[string]int {
	var mu sync.Mutex
	var wait sync.WaitGroup
	answers := map[string]int{}
	for i := range n {
		wait.Go(func() {
			got := ask(i)
			mu.Lock()
			defer mu.Unlock()
			answers[decimal(int64(got.status))+" "+got.body]++
		})
	}
	wait.Wait()
	return answers
}

// OC-20 at once and later: one business under a key, one without keys, and the first answer for as long as it is kept.
func TestManyBusinessesAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.open(acme, "mira.kade@example.org")
	create := func(key, body string) reply {
		return w.ask("POST", q3Business, body, "Authorization", p.bearer, "Content-Type", "application/json", "X-idempotence-uuid", key)
	}
	if answers := many(16, func(int) reply { return create("k", kadeV5) }); len(answers) != 1 {
		t.Errorf("answers %v", answers)
	}
	other := strings.Replace(kadeV5, "SC700123", "SC700124", 1)
	answers := many(16, func(i int) reply { return create("k"+decimal(int64(i)), other) })
	if len(answers) != 2 || answers["409 "+fieldsOf(`{"code":"NOT_UNIQUE","message":"There is a profile of this business already","arguments":[]}`)] != 15 {
		t.Errorf("answers %v", answers)
	}
	if got := w.json("GET", "/v2/profiles", p.bearer, ""); strings.Count(got.body, `"BUSINESS"`) != 2 {
		t.Errorf("profiles %s", got.body)
	}
	first := create("k", kadeV5)
	for _, wait := range []time.Duration{12*time.Hour - time.Second, 12*time.Hour - time.Second} {
		w.advance(wait)
		p.bearer = "Bearer " + w.tokenOf(w.registration(p)).Access
		create("k", kadeV5).want(t, 200, first.body)
	}
	w.advance(time.Minute)
	if got := create("k", kadeV5); got.status != 409 {
		t.Errorf("a day later: %d %s", got.status, got.body)
	}
}

// Nothing is lost when many write to one profile: every director is there, and one upload of a type wins.
func TestManyPrefillsAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.open(acme, "mira.kade@example.org")
	id := w.business(p)
	for answer := range many(16, func(i int) reply {
		return w.json("POST", "/v1/profiles/"+id+"/directors", p.bearer, `[{"firstName":"D`+decimal(int64(i))+`"}]`)
	}) {
		if !strings.HasPrefix(answer, "200 ") {
			t.Error(answer)
		}
	}
	if all := ids(t, w.json("GET", "/v1/profiles/"+id+"/directors", p.bearer, "")); len(all) != 16 {
		t.Errorf("%d directors", len(all))
	}
	answers := many(8, func(int) reply {
		return w.upload(p, "/v3", id, sent{"documentType", "", "ID_PROOF"}, sent{"files", "a.pdf", pdf})
	})
	if answers["204 "] != 1 || len(answers) != 2 || len(w.files(p, id)) != 1 {
		t.Errorf("uploads %v", answers)
	}
}

// I2: of a partner's write and the commit one comes first; what comes after the commit is refused, and nothing is in between.
func TestPrefillAgainstTheCommit(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.open(acme, "mira.kade@example.org")
	id := w.business(p)
	w.profile(p)
	w.claimed(p, "", func() {
		if got := w.json("POST", "/v1/profiles/"+id+"/directors", p.bearer, `[{"firstName":"Ada"}]`); got.status != 200 {
			t.Errorf("before the commit: %d %s", got.status, got.body)
		}
		w.json("POST", "/v1/profiles/"+id+"/update-window", p.bearer, "").want(t, 200, `{}`)
	})
	w.json("POST", "/v1/profiles/"+id+"/directors", p.bearer, `[{"firstName":"Eve"}]`).want(t, 401, invalidToken)
	e, err := w.door.Customers.Business(t.Context(), w.granted(p, id), w.granted(p, id).Profile)
	must(t, err)
	if list := e.Profile.Details.Lists.Directors; len(list) != 1 || list[0].FirstName != "Ada" || e.Profile.WindowOpen(e.Account.Epoch) {
		t.Errorf("after it: %+v, window %+v", list, e.Profile.Details.Window)
	}
}

func FuzzReadList(f *testing.F) {
	for _, text := range []string{twoDirectors, twoOwners, `[]`, `[[]]`, `[{"a":1,"A":2}]`, `{}`, "[\xff]", `[1`, ``} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		b, err := readList(raw)
		if err != nil {
			if !errors.Is(err, errBody) {
				t.Errorf("%v", err)
			}
			return
		}
		if !json.Valid(raw) {
			t.Errorf("%q was read", raw)
		}
		var list []struct{ A string }
		var wrong fieldTypeError
		if err := b.intoList(&list); err != nil && !errors.Is(err, errBody) && !errors.As(err, &wrong) {
			t.Errorf("%v", err)
		}
		if b.into(&struct{}{}) == nil {
			t.Error("an array passed for an object")
		}
	})
}
