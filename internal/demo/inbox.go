package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/latchkey-id/latchkey"
	"github.com/latchkey-id/latchkey/internal/partner"
)

// inboxName is how the app's subscriptions are called.
const inboxName = Brand + " inbox"

// inboxEvents are what the app wants to be told of.
func inboxEvents() []string {
	return []string{latchkey.EventClaims, latchkey.EventGrants, latchkey.EventProfiles, latchkey.EventVerification, latchkey.EventCDDCheck, latchkey.EventKYCReview}
}

// An inboxSubscription is one by which the app is told of events.
type inboxSubscription struct {
	ID, Event string
	// Secret checks the Standard Webhooks signature; empty for documented events.
	Secret latchkey.Secret
}

// InboxURL is where the app receives notifications.
func (a *App) InboxURL() string { return a.Self + "/webhooks" }

// received is a notification as it came, what its signatures are worth, and what was answered.
type received struct {
	Delivery, Event, State string
	At                     time.Time
	// Request is head and body word for word.
	Request string
	// Documented and Standard say what the two signatures are worth: "good", "bad", "none" where there is no such header,
	// "foreign" where only somebody else has the secret, or "late" where it fits and is of more than five minutes before, as when the clock
	// was moved meanwhile.
	Documented, Standard string
	Test                 bool
	Answered             int
}

// mostReceived is how many notifications the inbox keeps.
const mostReceived = 50

// inboxState is what came, newest first, and how the next one is answered.
type inboxState struct {
	mu     sync.Mutex
	list   []received
	answer int
	keys   latchkey.WebhookKeys
}

func (in *inboxState) view() (list []received, answer int) {
	in.mu.Lock()
	defer in.mu.Unlock()
	return slices.Clone(in.list), in.status()
}

func (in *inboxState) status() int {
	if in.answer == 0 {
		return http.StatusOK
	}
	return in.answer
}

// receive is where notifications come in. It answers at once, as every receiver should, and with what the switch on page 6
// says, as none should.
func (s *site) receive(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, "too large", http.StatusRequestEntityTooLarge)
		return
	}
	got := received{Delivery: r.Header.Get("X-Delivery-Id"), At: s.now(), Test: r.Header.Get("X-Test-Notification") == "true",
		Request: requestLines(r) + "\n" + readable("application/json", body), Documented: s.documented(r, body), Standard: s.standard(r, body)}
	if n, err := (latchkey.Receiver{Keys: s.box.known(), Secrets: s.inboxSecrets(), Now: s.now}).Check(r.Header, body); err == nil {
		got.Event = n.Type
		if c, err := n.Change(); err == nil {
			got.State = c.State
		} else if r, err := n.Review(); err == nil {
			got.State = r.State
		}
	}
	s.box.mu.Lock()
	got.Answered = s.box.status()
	s.box.list = append([]received{got}, s.box.list...)
	s.box.list = s.box.list[:min(len(s.box.list), mostReceived)]
	s.box.mu.Unlock()
	w.WriteHeader(got.Answered)
}

// requestLines are the header lines that say something about the notification.
func requestLines(r *http.Request) string {
	text := "POST " + r.URL.Path + "\n"
	for _, name := range []string{"Content-Type", "X-Delivery-Id", "X-Test-Notification", "X-Signature-Sha256", "Webhook-Id", "Webhook-Timestamp",
		"Webhook-Signature"} {
		if value := r.Header.Get(name); value != "" {
			text += name + ": " + value + "\n"
		}
	}
	return strings.Replace(text, "X-Signature-Sha256", "X-Signature-SHA256", 1)
}

// documented checks the signature that every notification carries. Keys are fetched when there are none yet and, since
// they are rotated, once more when one does not fit.
func (s *site) documented(r *http.Request, body []byte) string {
	signature := r.Header.Get("X-Signature-SHA256")
	if signature == "" {
		return "none"
	}
	if s.box.known().Verify(body, signature) == nil {
		return "good"
	}
	ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
	defer cancel()
	keys, err := s.client(s.record()).WebhookKeys(ctx)
	if err != nil || keys.Verify(body, signature) != nil {
		return "bad"
	}
	s.box.mu.Lock()
	s.box.keys = keys
	s.box.mu.Unlock()
	return "good"
}

func (in *inboxState) known() latchkey.WebhookKeys {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.keys
}

// standard checks the signature by the secret of the subscription. A subscription that was not made by the app, but by somebody who
// tries out its credentials, has a secret that only they know.
func (s *site) standard(r *http.Request, body []byte) string {
	if r.Header.Get("Webhook-Signature") == "" {
		return "none"
	}
	var event latchkey.Event
	if json.Unmarshal(body, &event) != nil {
		return "bad"
	}
	secret, known := s.inboxSecrets()[event.SubscriptionID]
	err := latchkey.VerifyStandard(secret, r.Header, body, s.now())
	switch {
	case !known:
		return "foreign"
	case errors.Is(err, latchkey.ErrStale):
		return "late"
	case err != nil:
		return "bad"
	}
	return "good"
}

func (s *site) inboxSecrets() map[string]latchkey.Secret {
	secrets := map[string]latchkey.Secret{}
	for _, one := range s.App.inbox {
		if one.Secret != "" {
			secrets[one.ID] = one.Secret
		}
	}
	return secrets
}

func (s *site) now() time.Time {
	if s.Now != nil {
		return s.Now()
	}
	return time.Unix(0, 0)
}

// inboxPage is page 6: what the server told, and the buttons that make it tell more.
func (s *site) inboxPage(w http.ResponseWriter, r *http.Request) {
	state := s.sessions.of(w, r).view()
	s.writeInbox(w, r, http.StatusOK, state, state.InboxCalls, "")
}

func (s *site) writeInbox(w http.ResponseWriter, r *http.Request, status int, state sessionState, calls []Call, problem string) {
	v := appView{ID: "demo6", Step: 6, Title: "Webhook inbox", Session: state, Calls: calls, Problem: problem, Inbox: s.App.inbox, Address: s.InboxURL()}
	v.Received, v.Answers = s.box.view()
	s.write(w, r, status, pageInbox, v)
}

// doTest asks the server for an invented notification.
func (s *site) doTest(w http.ResponseWriter, r *http.Request) {
	session := s.sessions.of(w, r)
	rec := s.record()
	_, err := s.client(rec).TestSubscription(r.Context(), r.PostFormValue("subscription"))
	if err != nil {
		problem := problemText(err)
		if e := (*latchkey.Error)(nil); errors.As(err, &e) && e.Status == http.StatusNotFound {
			problem = "There is no such subscription."
		}
		s.writeInbox(w, r, http.StatusUnprocessableEntity, session.view(), rec.list(), problem)
		return
	}
	session.change(func(state *sessionState) { state.InboxCalls = rec.list() })
	http.Redirect(w, r, "/inbox", http.StatusSeeOther)
}

// doAnswer sets how notifications are answered from now on.
func (s *site) doAnswer(w http.ResponseWriter, r *http.Request) {
	s.box.mu.Lock()
	s.box.answer = http.StatusOK
	if r.PostFormValue("answer") == "500" {
		s.box.answer = http.StatusInternalServerError
	}
	s.box.mu.Unlock()
	http.Redirect(w, r, "/inbox", http.StatusSeeOther)
}

// Subscribe has the app told of InboxEvents at InboxURL. Subscriptions of an earlier sandbox with the same data are kept;
// those that lead to another address are removed.
func (a *App) Subscribe(ctx context.Context, partners partner.Partners, subscriptions partner.Subscriptions) error {
	p, err := partners.ByClient(ctx, a.ID)
	if err != nil {
		return fmt.Errorf("subscribing: %w", err)
	}
	owner := partner.Owner{Partner: p.ID, ClientID: p.ClientID}
	have, err := subscriptions.List(ctx, owner)
	if err != nil {
		return fmt.Errorf("subscribing: %w", err)
	}
	byEvent := map[string]partner.Subscription{}
	for _, s := range have {
		switch {
		case s.Name == inboxName && s.URL == a.InboxURL():
			byEvent[string(s.Trigger)] = s
		case s.Name == inboxName:
			if err := subscriptions.Remove(ctx, owner, s.PublicID); err != nil {
				return fmt.Errorf("subscribing: %w", err)
			}
		}
	}
	a.inbox = nil
	for _, event := range inboxEvents() {
		s, known := byEvent[event]
		if !known {
			s, err = subscriptions.Add(ctx, owner, partner.Draft{Name: inboxName, Trigger: partner.EventType(event),
				Payload: partner.PayloadMillis, URL: a.InboxURL()})
			if err != nil {
				return fmt.Errorf("subscribing: %w", err)
			}
		}
		key, err := subscriptions.Secret(s)
		if err != nil {
			return fmt.Errorf("subscribing: %w", err)
		}
		a.inbox = append(a.inbox, inboxSubscription{ID: s.PublicID, Event: event, Secret: latchkey.Secret(key)})
	}
	return nil
}
