package latchkey_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"time"

	"github.com/latchkey-id/latchkey"
	"github.com/latchkey-id/latchkey/latchkeytest"
)

// A receiver that checks what it gets, acts once on each delivery, and in order.
func ExampleReceiver() {
	ctx := context.Background()
	server, err := latchkeytest.Start()
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close()
	c := server.Client()

	keys, err := c.WebhookKeys(ctx)
	if err != nil {
		log.Fatal(err)
	}
	secrets := map[string]latchkey.Secret{}
	var mu sync.Mutex
	seen, newest := map[string]bool{}, map[int64]int64{} // in a program: tables, written with what the event leads to
	work := make(chan string, 16)
	hooks := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		n, err := latchkey.Receiver{Keys: keys, Secrets: secrets, Now: server.Now}.Read(r)
		if err != nil { // ErrSignature, ErrStale, ErrNotification: not the server's, or an old one played again
			http.Error(w, "not taken", http.StatusBadRequest)
			return
		}
		change, err := n.Change()
		if err != nil || seen[n.DeliveryID] || change.Sequence <= newest[change.Resource.ID] {
			return // 200: nothing to do, or done before
		}
		seen[n.DeliveryID], newest[change.Resource.ID] = true, change.Sequence
		work <- n.Type + " " + change.State // answered at once, worked on later
	}))
	defer hooks.Close()

	made, err := c.Subscribe(ctx, latchkey.NewSubscription{Name: "claims", TriggerOn: latchkey.EventClaims,
		Delivery: latchkey.SubscriptionDelivery{Version: "4.0.0", URL: hooks.URL + "/latchkey"}})
	if err != nil {
		log.Fatal(err)
	}
	mu.Lock()
	secrets[made.ID] = made.Secret // shown once: store it
	mu.Unlock()

	claimed(server, "mira.kade@example.org")
	// "opened" and "started" come before, unless the customer is faster than their delivery: from the moment that they own the account until
	// they allow the access, a partner is told only what they decide.
	told := ""
	for told != latchkey.EventClaims+" claimed" {
		told = <-work
	}
	fmt.Println(told)

	// What anybody could post there is refused.
	answer, err := http.Post(hooks.URL+"/latchkey", "application/json", strings.NewReader(`{"event_type":"x-claims#state-change","subscription_id":"`+made.ID+`"}`))
	if err != nil {
		log.Fatal(err)
	}
	answer.Body.Close()
	fmt.Println(answer.StatusCode)

	// Output:
	// x-claims#state-change claimed
	// 400
}

// A review that the customer is sent to, what the partner knows itself, and the outcome.
func ExampleAccount_LinkKYCReview() {
	ctx := context.Background()
	server, err := latchkeytest.Start()
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close()
	c := server.Client()
	token, _ := claimed(server, "mira.kade@example.org")
	account := c.Account(token)
	profiles, err := account.Profiles(ctx)
	if err != nil || len(profiles) != 1 {
		log.Fatal(len(profiles), err)
	}
	id := profiles[0].ID

	review, err := account.CreateKYCReview(ctx, id, latchkey.NewKYCReview{Type: "CARD"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(review.Status)
	for _, oneOf := range review.Requirements {
		fmt.Println(oneOf[0].Key, oneOf[0].State)
	}

	// Redirect the customer to the link within five minutes. They come back to the address with a status.
	linked, err := account.LinkKYCReview(ctx, id, review.ID, latchkeytest.RedirectURI)
	if err != nil || linked.Link == nil {
		log.Fatal(err)
	}
	back, err := server.NewCustomer("mira.kade@example.org").Check(ctx, linked.Link.Value)
	fmt.Println(back, err)

	// In a sandbox this stands for the operator's decision.
	if err := account.SimulateVerification(ctx, id); err != nil {
		log.Fatal(err)
	}
	status, err := account.VerificationStatus(ctx, id, "GBP")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(status.Routes[0].CurrentStatus)

	// Output:
	// WAITING_CUSTOMER_INPUT
	// ACCOUNT_PURPOSE NOT_PROVIDED
	// USE_CASE_COUNTRIES NOT_PROVIDED
	// ANNUAL_VOLUME NOT_PROVIDED
	// INCOME NOT_PROVIDED
	// ID_DOCUMENT NOT_PROVIDED
	// https://partner.example/return?status=closed <nil>
	// verified
}

// Which errors are worth another try, and how long to wait.
func ExampleError() {
	ctx := context.Background()
	answers := []int{503, 429, 200} // a server that is in trouble, then busy, then well
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		status := answers[0]
		answers = answers[1:]
		if status != 200 {
			w.Header().Set("Retry-After", "2")
		}
		w.WriteHeader(status)
		fmt.Fprint(w, `[]`)
	}))
	defer server.Close()
	account := (&latchkey.Client{BaseURL: server.URL}).Account(latchkey.Token{AccessToken: "lka_1_1_x"})

	wait := func(_ context.Context, d time.Duration) { fmt.Println("waiting", d) } // in a program: a timer, and ctx.Done
	var directors []latchkey.Director
	once := account.Once(latchkey.NewKey()) // the same key at each try
	for try := range 5 {
		var err error
		directors, err = once.AddDirectors(ctx, 70010001, nil)
		var refusal *latchkey.Error
		switch {
		case err == nil:
			fmt.Println("done:", len(directors), "directors")
			return
		case errors.Is(err, latchkey.ErrLimited), errors.Is(err, latchkey.ErrUnavailable):
			errors.As(err, &refusal)
			wait(ctx, max(refusal.RetryAfter, time.Second<<try))
		case errors.As(err, &refusal): // any other refusal stays one
			log.Fatal(refusal.Status, refusal.Code, refusal.Fields, refusal.TraceID)
		default: // the network
			wait(ctx, time.Second<<try)
		}
	}

	// Output:
	// waiting 2s
	// waiting 2s
	// done: 0 directors
}
