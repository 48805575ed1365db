package main

import (
	"fmt"
	"net/netip"
	"net/url"
	"time"

	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/partner"
	"github.com/latchkey-id/latchkey/internal/secret"
	"github.com/latchkey-id/latchkey/internal/server"
)

// verifying reads how the operator's own system is asked about profiles. Without an address it is not asked.
func (r *reader) verifying() {
	const keyRemedy = "make one with: echo whsec_$(openssl rand -base64 32) > FILE; chmod 600 FILE; then set --verify-key-file FILE"
	var networks []netip.Prefix
	for _, text := range r.c.VerifyNetwork {
		prefix, err := netip.ParsePrefix(text)
		if err != nil || prefix.Bits() == 0 {
			r.wrong("verify-network", fmt.Sprintf("%q is not a network", text), "use a form like 10.20.0.0/16 or fd00::/8, the one that your system is in")
			continue
		}
		networks = append(networks, prefix.Masked())
	}
	text, path, found := r.secretFile("verify-key-file", r.c.VerifyKeyFile, "verify-key", keyRemedy)
	if r.c.VerifyURL == "" {
		if r.c.VerifyKeyFile != "" || len(networks) > 0 {
			r.wrong("verify-url", "not set, but other settings of it are", "set --verify-url https://checks.example.org/profiles, or leave the others out")
		}
		return
	}
	u, err := url.Parse(r.c.VerifyURL)
	switch {
	case err != nil || u.Host == "" || u.User != nil || u.Fragment != "" || u.Scheme != "https" && u.Scheme != "http":
		r.wrong("verify-url", "is not an https address", "use a form like https://checks.example.org/profiles")
		return
	case u.Scheme == "http" && !partner.Loopback(u.Hostname()):
		r.wrong("verify-url", "is not https", "use https: questions carry personal data; http is for loopback only")
		return
	case !found:
		if path == "" {
			r.wrong("verify-key-file", "not set", keyRemedy)
		}
		return
	}
	key, err := secret.ParseWebhookKey(text)
	if err != nil {
		r.wrong("verify-key-file", path+": "+err.Error(), keyRemedy)
		return
	}
	r.s.verify = &server.Verify{URL: r.c.VerifyURL, Key: key, Networks: networks}
}

// recovery reads how long a reset waits. Less than a day gives the owner no time to see the mails.
func (r *reader) recovery() {
	if r.c.RecoveryWait == "" {
		r.s.recoveryWait = customer.ResetWait
		return
	}
	wait, err := time.ParseDuration(r.c.RecoveryWait)
	if err != nil || wait < customer.ResetWaitLeast || wait > 30*24*time.Hour {
		r.wrong("recovery-wait", fmt.Sprintf("%q is not a time of 24 hours to 30 days", r.c.RecoveryWait), "set it to 72h, or leave it out")
	}
	r.s.recoveryWait = wait
}

// breaches reads where the list of leaked passwords is. What is sent there is next to nothing, but the answer decides which
// passwords are taken, so it must come from the list itself.
func (r *reader) breaches() {
	text := r.c.BreachURL
	if text == "" {
		return
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" ||
		u.Scheme != "https" && !(u.Scheme == "http" && partner.Loopback(u.Hostname())) {
		r.wrong("breach-url", "is not an https address", "use a form like https://lists.example.org/range/, to which five digits are appended; http is for loopback only")
		return
	}
	r.s.breaches = text
}
