package audit

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// good is an event that may be stored; tests spoil one thing of it.
func good() Event {
	return Event{
		At:        time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC),
		Action:    CodeRefused,
		Outcome:   Denied,
		Reason:    "expired",
		Actor:     Actor{Kind: ActorBrowser},
		Partner:   7,
		Reference: "4bf92f3577b34da6a3ce929d0e0e4736",
		Network:   "192.0.2.0/24",
		Detail:    map[string]string{"age": "5m0.001s", "fields": "given_name, birth_date", "client": "demo"},
	}
}

func TestZeroEventSaysNothing(t *testing.T) {
	if !(Event{}).IsZero() || !(Event{At: time.Now(), Detail: map[string]string{"a": "b"}}).IsZero() {
		t.Error("an event without an action is taken for one")
	}
	if good().IsZero() || (Event{Action: CodeSeen}).IsZero() {
		t.Error("an event with an action is taken for none")
	}
}

func TestGoodEventsMayBeStored(t *testing.T) {
	bare := Event{At: time.UnixMilli(1), Action: AccountExpired, Outcome: Allowed, Actor: Actor{Kind: ActorServer}}
	for name, e := range map[string]Event{"full": good(), "bare": bare} {
		if err := e.Check(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// I9: what must never be in an event is refused in each of the shapes in which it slips in by mistake, and the message
// does not repeat it into the log.
func TestEventsThatMayNotBeStored(t *testing.T) {
	const token = "lka_7_9_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
	for name, spoil := range map[string]func(*Event){
		"no action":              func(e *Event) { e.Action = "" },
		"action is a sentence":   func(e *Event) { e.Action = "code refused" },
		"action is capital":      func(e *Event) { e.Action = "Code.Refused" },
		"no time":                func(e *Event) { e.At = time.Time{} },
		"no outcome":             func(e *Event) { e.Outcome = "" },
		"unknown outcome":        func(e *Event) { e.Outcome = "maybe" },
		"denied without reason":  func(e *Event) { e.Reason = "" },
		"reason is a sentence":   func(e *Event) { e.Reason = "code 1234 has expired" },
		"reason is an address":   func(e *Event) { e.Reason = "mira.kade@example.org" },
		"reason is long":         func(e *Event) { e.Reason = strings.Repeat("x", 41) },
		"no actor":               func(e *Event) { e.Actor = Actor{} },
		"e-mail address":         func(e *Event) { e.Detail["to"] = "mira.kade@example.org" },
		"token":                  func(e *Event) { e.Detail["token"] = token },
		"token in a sentence":    func(e *Event) { e.Detail["said"] = "Bearer " + token },
		"refresh token":          func(e *Event) { e.Detail["token"] = "lkr" + token[3:] },
		"authorization code":     func(e *Event) { e.Detail["code"] = "lkc" + token[3:] },
		"password hash":          func(e *Event) { e.Detail["hash"] = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA" },
		"address with a query":   func(e *Event) { e.Detail["url"] = "https://example.org/cb?code=1" },
		"line end":               func(e *Event) { e.Detail["said"] = "a\nlevel=ERROR forged" },
		"escape":                 func(e *Event) { e.Detail["said"] = "\x1b[2J" },
		"invalid UTF-8":          func(e *Event) { e.Detail["said"] = "\xff" },
		"long value":             func(e *Event) { e.Detail["said"] = strings.Repeat("x", 201) },
		"detail without a name":  func(e *Event) { e.Detail[""] = "x" },
		"value for a name":       func(e *Event) { e.Detail["mira.kade@example.org"] = "x" },
		"long name":              func(e *Event) { e.Detail[strings.Repeat("x", 41)] = "x" },
		"too many details":       func(e *Event) { fillDetails(e, 17) },
		"reference from outside": func(e *Event) { e.Reference = "<script>\n" },
		"network is an address":  func(e *Event) { e.Network = "mira@example.org" },
	} {
		e := good()
		spoil(&e)
		err := e.Check()
		if !errors.Is(err, ErrEvent) {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for _, secret := range []string{"mira", token[8:], "c2FsdA", "forged", "code=1", "1234"} {
			if strings.Contains(err.Error(), secret) {
				t.Errorf("%s: the message repeats the value: %v", name, err)
			}
		}
	}
}

func TestSizesOfAnEvent(t *testing.T) {
	e := good()
	e.Reason = strings.Repeat("x", 40)
	fillDetails(&e, 15)
	e.Detail[strings.Repeat("n", 40)] = strings.Repeat("x", 200)
	if err := e.Check(); err != nil || len(e.Detail) != 16 {
		t.Errorf("the largest event, %d details: %v", len(e.Detail), err)
	}
}

func fillDetails(e *Event, n int) {
	e.Detail = map[string]string{}
	for i := range n {
		e.Detail["d"+string(rune('a'+i))] = "x"
	}
}
