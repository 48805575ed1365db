package notify

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/partner"
	"github.com/latchkey-id/latchkey/internal/secret"
)

// Questions are what the verifier needs of customers.
type Questions interface {
	// Questions takes what is due; each is asked once by one node before its next try is due.
	Questions(context.Context) ([]customer.Question, error)
	Answer(ctx context.Context, q customer.Question, verified bool) error
	Postpone(ctx context.Context, q customer.Question, until time.Time) error
}

// Verifier asks the operator's own system whether a profile that its customer confirmed is true. Make it with NewVerifier and
// run Run in a goroutine.
//
// The answer decides what a customer may no longer change and what partners are told, so it counts only with a signature by
// the shared key over this very question: not an answer to another one, not an old one, not our own request sent back, and
// not what a proxy or a login page says with status 200. Everything else is no answer, and the question is asked again.
type Verifier struct {
	questions Questions
	client    *http.Client
	url       string
	key       secret.WebhookKey
	now       func() time.Time
	log       *slog.Logger
}

const (
	verifierPollTime = 5 * time.Second
	// verifierLimit is how long one answer may take, verifierAnswer how large it may be in bytes, verifierSkew how far its
	// moment may be from ours.
	verifierLimit  = 10 * time.Second
	verifierAnswer = 64 << 10
	verifierSkew   = 5 * time.Minute
	verifierSeats  = 4
)

// errNoAnswer: what came back decides nothing.
var errNoAnswer = errors.New("answer does not count")

// NewVerifier returns a verifier that asks at an address which networks admits, and signs and checks by the shared key.
func NewVerifier(questions Questions, url string, key secret.WebhookKey, networks partner.Receivers, now func() time.Time, log *slog.Logger) *Verifier {
	return newVerifier(questions, url, key, networks, nil, now, log)
}

func newVerifier(questions Questions, url string, key secret.WebhookKey, networks partner.Receivers, config *tls.Config, now func() time.Time, log *slog.Logger) *Verifier {
	client := newClient(networks, config)
	client.Timeout = verifierLimit
	client.Transport.(*http.Transport).ResponseHeaderTimeout = verifierLimit
	return &Verifier{questions: questions, client: client, url: url, key: key, now: now, log: log}
}

// Run asks until ctx ends.
func (v *Verifier) Run(ctx context.Context) {
	defer v.client.CloseIdleConnections()
	ticker := time.NewTicker(verifierPollTime)
	defer ticker.Stop()
	for {
		if err := v.Round(ctx); err != nil && ctx.Err() == nil {
			v.log.Warn("questions about profiles wait", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// Round asks what is due now and returns when all answers are in.
func (v *Verifier) Round(ctx context.Context) error {
	list, err := v.questions.Questions(ctx)
	var asking sync.WaitGroup
	seats := make(chan struct{}, verifierSeats)
	for _, q := range list {
		seats <- struct{}{}
		asking.Go(func() {
			defer func() { <-seats }()
			if err := v.settle(ctx, q); err != nil {
				v.log.Info("question about a profile stays open", "profile", int64(q.Profile.ID), "try", q.Profile.Verification.Asked, "error", err)
			}
		})
	}
	asking.Wait()
	return err
}

// settle asks one question and writes what the answer decides.
func (v *Verifier) settle(ctx context.Context, q customer.Question) error {
	decision, later, err := v.ask(ctx, q)
	switch {
	case !later.IsZero():
		return errors.Join(err, v.questions.Postpone(ctx, q, later))
	case err != nil:
		return err
	case decision == decidedPending:
		return nil
	}
	err = v.questions.Answer(ctx, q, decision == decidedVerified)
	if errors.Is(err, customer.ErrVersion) {
		return fmt.Errorf("the profile changed meanwhile: %w", err)
	}
	return err
}

// The decisions of an answer.
const (
	decidedVerified    = "verified"
	decidedNotVerified = "not_verified"
	decidedPending     = "pending"
)

// question is the body of a question. Lists are as they are stored.
type question struct {
	Question string                    `json:"question_id"`
	Account  int64                     `json:"account_id"`
	Profile  int64                     `json:"profile_id"`
	Edition  int64                     `json:"edition"`
	Kind     customer.Kind             `json:"kind"`
	Try      int                       `json:"try"`
	Values   map[customer.Field]string `json:"values"`
	Lists    customer.Lists            `json:"lists"`
}

// verdict is the body of an answer. It repeats what it is about.
type verdict struct {
	Question string `json:"question_id"`
	Profile  int64  `json:"profile_id"`
	Edition  int64  `json:"edition"`
	Decision string `json:"decision"`
}

// ask makes one try. later is when the system wants to be asked again, zero when it did not say.
func (v *Verifier) ask(ctx context.Context, q customer.Question) (decision string, later time.Time, err error) {
	p := q.Profile
	content, err := json.Marshal(question{q.ID, int64(p.Account), int64(p.ID), p.Edition, p.Kind, p.Verification.Asked, p.Details.Values, p.Details.Lists})
	if err != nil {
		return "", time.Time{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, verifierLimit)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, v.url, bytes.NewReader(content))
	if err != nil {
		return "", time.Time{}, plainCause(err)
	}
	now := v.now()
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "Latchkey-Verification/1")
	r.Header.Set("Webhook-Id", q.ID)
	r.Header.Set("Webhook-Timestamp", strconv.FormatInt(now.Unix(), 10))
	r.Header.Set("Webhook-Signature", v.key.Sign(q.ID, now, content))
	got, err := v.client.Do(r)
	if err != nil {
		return "", time.Time{}, plainCause(err)
	}
	defer got.Body.Close()
	wish := retryAfter(got.Header.Get("Retry-After"), v.now())
	switch got.StatusCode {
	case http.StatusOK:
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		return "", wish, fmt.Errorf("%w: status %d", errNoAnswer, got.StatusCode)
	default:
		return "", time.Time{}, fmt.Errorf("%w: status %d", errNoAnswer, got.StatusCode)
	}
	if decision, err = v.check(q, got); decision == decidedPending {
		return decision, wish, err
	}
	return decision, time.Time{}, err
}

// check reads an answer and says what it decides, if it counts.
func (v *Verifier) check(q customer.Question, got *http.Response) (string, error) {
	body, err := io.ReadAll(io.LimitReader(got.Body, verifierAnswer+1))
	if err != nil || len(body) > verifierAnswer {
		return "", fmt.Errorf("%w: it is cut or too long", errNoAnswer)
	}
	seconds, err := strconv.ParseInt(got.Header.Get("Webhook-Timestamp"), 10, 64)
	at := time.Unix(seconds, 0)
	if err != nil || v.now().Sub(at).Abs() > verifierSkew {
		return "", fmt.Errorf("%w: its time is not now", errNoAnswer)
	}
	if got.Header.Get("Webhook-Id") != q.ID || !v.key.Verifies(q.ID, at, body, got.Header.Get("Webhook-Signature")) {
		return "", fmt.Errorf("%w: it is not signed for this question", errNoAnswer)
	}
	var said verdict
	if json.Unmarshal(body, &said) != nil || said.Question != q.ID || said.Profile != int64(q.Profile.ID) || said.Edition != q.Profile.Edition {
		return "", fmt.Errorf("%w: it is about something else", errNoAnswer)
	}
	switch said.Decision {
	case decidedVerified, decidedNotVerified, decidedPending:
		return said.Decision, nil
	}
	return "", fmt.Errorf("%w: it decides nothing", errNoAnswer)
}
