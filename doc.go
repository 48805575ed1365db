// Package latchkey is what a partner imports to talk to a Latchkey server: open an account for a customer, fill in what is known about
// them, hand the account over with a claim code, and afterwards act with the access that the customer gave.
//
// What follows is a tutorial, in the order in which a partner meets the problems. The examples of the functions that it names run
// as they stand, each against a true server.
//
// # 1. Register
//
// The operator of the server registers you and hands over a client id and its secret, which is shown once:
//
//	latchkey partner add --name "Acme Treasury" --redirect https://app.acme.example/callback
//
// Redirect addresses are compared byte for byte. Against a sandbox on your own machine ("latchkey dev") there is nothing to
// ask for: it prints the credentials of a partner that is there already, and takes yours from a seed file.
//
//	c := &latchkey.Client{BaseURL: "https://api.example.org", WebURL: "https://id.example.org", ID: id, Secret: secret}
//
// One [Client] is enough for a program; many goroutines may use it.
//
// # 2. The application's own token
//
// There is nothing to do: a Client obtains its own token at the first call that needs it, keeps it, and renews it at half of its
// life. Whether the credentials are good is known early by [Client.Bearer]; [ErrInvalidClient] says that they are not.
//
// # 3. Open the account
//
// [Client.CreateUser] opens it under the customer's address and a registration code of your making. The code is as good as a
// password until the customer takes the account over: store it sealed, and store it before the call, so that a crash between
// the two leaves nothing unreachable. If the answer was lost, call [Client.RegistrationGrant] with the stored code: it
// succeeds when the account was made, and fails with [ErrInvalidGrant] when it was not.
//
// [ErrAlreadyMember] is no failure: the person has an account. Do not vary the address. Send them to the authorize address
// without a claim code (section 6), where they sign in and give you access. A partner that is registered with hide_existing
// is not told: the person meets their account when they have proved the mailbox, and comes back with it.
//
// # 4. A token for the account
//
// [Client.RegistrationGrant] obtains it, now and whenever you need one before the claim. [Client.Account] takes it, and has all the
// calls about one customer:
//
//	token, err := c.RegistrationGrant(ctx, email, code)
//	account := c.Account(token)
//
// # 5. Say what you know
//
// Whatever you say the customer need not type; whatever you leave out they are asked for. They see what you said, with your name
// at it, correct it and confirm it. No failure here stops the claim, so go on with what was taken.
//
//   - a person: [Account.CreatePersonalProfile], [Account.SaveAddress], [Account.AddIdentityDocument]
//   - a business: [Account.CreateBusinessProfile] with its representative, [Account.AddDirectors], [Account.AddBeneficialOwners]
//   - what the account is for: [Account.GiveEvidences], of which [Account.RequiredEvidences] tells what is missing
//   - files: [Account.UploadDocument], JPEG, PNG or PDF of at most 10 MB
//
// A refusal names everything that is wrong at once, in [Error.Fields]. Creations take a key ([NewKey]) that makes it safe to call
// again when no answer came; for all other writes to a profile there is [Account.Once]. An account may have one personal profile
// and several businesses. The customer chooses at the end which of them you reach.
//
// # 6. Hand it over
//
// When the customer clicks, and not before, mint a claim code and redirect. The code lives 300 seconds, the newest counts, and it
// leads one browser to the account: never mail it, never log it. Keep state and verifier in the customer's session.
//
//	code, err := account.MintClaimCode(ctx, registrationCode)
//	state, verifier := latchkey.NewState(), latchkey.NewVerifier()
//	http.Redirect(w, r, c.AuthorizeURL(latchkey.AuthorizeRequest{RedirectURI: redirect, State: state, ClaimCode: code,
//		Challenge: latchkey.Challenge(verifier)}), http.StatusSeeOther)
//
// [Account.MintClaimCodeFor] binds the code to that one request, so that it is of no use in another. [ErrAlreadyClaimed] says that the
// account has its owner: use the same address without a claim code. That is also how a customer who was here before comes back.
//
// # 7. The way back
//
// The customer comes back to the redirect address after a few minutes, the next day, or never. [ParseReturn] reads the address. It
// checks the state first: [ErrState] means that this browser did not ask for this return, and somebody may be lending the
// customer their own account. Drop it and say so. A [*ReturnError] is a return without access: access_denied is the
// customer's decision and no error of theirs. Show a page with a way to try again.
//
// # 8. Exchange the code
//
// [Client.Exchange] turns the code into tokens, once: a second use of a code ends what the first one gave. So exchange at the redirect
// address itself, and redirect to a page without the code. profileId in the address came through the browser: believe it when
// [Account.Profile] has read it with the new token. Compare the date of birth with your records, since the person who signed in
// may not be the one you meant.
//
// From the moment of the claim everything from before is dead: the registration code, its tokens, reviews and their links.
// Delete what you kept of it.
//
// # 9. Keep the tokens
//
// [Client.Tokens] renews access tokens as they are needed, one renewal at a time, and hands each new token to a function of yours before
// it is used. Store it there, sealed, in one statement:
//
//	tokens := c.Tokens(stored, func(ctx context.Context, t latchkey.Token) error { return db.SaveToken(ctx, customer, t) })
//	account := c.Account(tokens)
//
// In the class classic a crash loses nothing: the refresh token does not change, and a program that was killed between the server's
// answer and the save renews once more. In the class strict each renewal replaces it. The one before is good for another 5 seconds, in
// which it gives the same tokens again; later its use looks like a theft and ends them all, so the customer has to pass by
// once more (section 6, without a claim code). When saving fails the call fails, and the next one saves again. A refresh ends
// the access token before it at once, so several processes share what is stored; one that meets a dead token renews once by
// itself and goes on.
//
// # 10. When access is lost
//
// Customers stop access, and operators hold accounts. You learn it in one of two ways: the event x-grants#state-change, or
// [ErrInvalidGrant] at the next renewal. Both are final: do not ask again with the same token, delete it, and show the
// customer the way of section 6 without a claim code. [ErrForbidden] is another matter: the token is good, and what was asked
// for is not in what the customer allowed, is of another profile, or does not exist. These look the same on purpose.
//
// # 11. Be told
//
// [Client.Subscribe] asks for one kind of event at one address; most want [EventClaims], [EventGrants] and [EventVerification]. The secret
// in the answer is shown once. A [Receiver] checks and reads what comes:
//
//   - it checks the signature over the bytes as they came, so give it the body before anything parses it
//   - where the subscription has a secret the time is covered too, and an old notification played again is [ErrStale]
//   - every notification may come twice: act once on each [Notification.DeliveryID]
//   - they may come in another order: [Change.Sequence] counts, keep the highest that you acted upon
//   - they carry no personal data: ask the API
//   - [Event.Change] reads what happened, and [Event.Review] does for the one event that is written in another way
//
// Answer 2xx within five seconds and work later. Everything else is tried again, for two weeks. Fetch the keys
// again ([Client.WebhookKeys]) when a check fails, at most once an hour: they are rotated with a day of overlap.
//
// # 12. Verification
//
// [Account.VerificationStatus] reads whether a profile is verified, and [EventVerification] tells. From then on what was checked is locked:
// a change is [ErrLocked], which names the fields. Where something is missing, [Account.CreateKYCReview] asks for a review and
// [Account.LinkKYCReview] for a link to its page, for the customer to follow within five minutes; it leads back to your redirect
// address with status=success, closed or failed. What you know yourself you submit with [Account.SubmitKYCRequirement]. In a
// sandbox [Account.SimulateVerification] decides.
//
// # 13. Errors, and trying again
//
// Every refusal is an [*Error] with status, code, the fields that are wrong, and the trace id by which the operator finds the request.
// errors.Is tells the kinds apart, and the kind says what to do:
//
//   - [ErrLimited], [ErrUnavailable] and errors of the network: wait for [Error.RetryAfter] or a moment that doubles, and call again
//   - [ErrUnauthorized]: obtain another token; [*Tokens] and [Client] have done so before you see it
//   - [ErrInvalidGrant], [ErrForbidden], [ErrLocked], [ErrAlreadyMember], [ErrAlreadyClaimed]: calling again changes nothing
//   - any other: the request is wrong, and [Error.Fields] says where
//
// To call again is safe for everything that reads, for PUT and DELETE, for tokens other than [Client.Exchange], for creations with their
// key and for writes with [Account.Once]. It is not for [Client.Subscribe], which makes another subscription with another secret. A
// mint that is repeated ends the code before it, which is what one wants.
//
// # 14. Test it
//
// Package latchkeytest starts a true server in your test, with a clock to turn and a mailbox to read, and its Customer walks the
// pages as a person does. So a test of yours covers all of the above without a network or a mock: codes that run out, customers who
// decline, notifications that come twice.
//
// # Promises
//
// A [Secret] (client secret, registration code, token, claim code, verifier) prints as "[redacted]" with every verb of fmt
// and in log/slog. Errors carry no secret and no personal data that the server did not itself put into its answer. Answers
// of more than 1 MiB are refused, redirects are never followed, and without a context deadline a call ends after 30 seconds.
// A [Client] and everything made from it may be used by many goroutines at once.
//
// # Wire types
//
// The types with json tags are the bytes on the wire, and the server uses the same ones. The order of their fields is the
// order of the keys in an answer. Section numbers in comments ("contract 5.1") are those of the wire contract.
package latchkey
