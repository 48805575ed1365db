package audit

// Action is what happened, as noun.verb. The noun that does it adds its action here, so that this list is everything an
// operator can filter by.
type Action string

// DatabaseRestored is what ends after a copy of the database was put back (design 10.16).
const DatabaseRestored Action = "database.restored"

// What operators do to partners.
const (
	PartnerAdded   Action = "partner.added"
	PartnerChanged Action = "partner.changed"
	PartnerRotated Action = "partner.rotated"
	PartnerPaused  Action = "partner.paused"
	PartnerResumed Action = "partner.resumed"
	// ClientRefused is a client that did not prove itself (contract 4, RFC 6749 section 5.2 invalid_client).
	ClientRefused Action = "client.refused"
)

// What partners do to accounts and profiles before the claim, and customers after it.
const (
	AccountCreated Action = "account.created"
	// AccountRefused is a creation that was refused, such as for an address that has an account (contract 5.1).
	AccountRefused Action = "account.refused"
	// AccountRevealed is an answer that told a partner that an address has an account (design 10.6).
	AccountRevealed Action = "account.revealed"
	AccountHeld     Action = "account.held"
	// ObjectionRefused is the link of M1 used too late, again after a release, or on an account without an owner.
	ObjectionRefused Action = "objection.refused"
	// ReportRefused is a partner's report of a wrong person that came too late, or again (design 10.10).
	ReportRefused   Action = "report.refused"
	AccountReleased Action = "account.released"
	AccountExpired  Action = "account.expired"
	AccountClosed   Action = "account.closed"
	// AccountClosing is a customer who asked to close the account, which happens after a wait, and AccountKept one who ended the wait.
	AccountClosing Action = "account.closing"
	AccountKept    Action = "account.kept"
	AccountErased  Action = "account.erased"
	// RegistrationRefused is a registration code that did not match or is dead (contract 4.4).
	RegistrationRefused Action = "registration.refused"
	ContactChanged      Action = "contact.changed"
	ProfileCreated      Action = "profile.created"
	ProfileChanged      Action = "profile.changed"
	ProfileConfirmed    Action = "profile.confirmed"
	ProfileDisputed     Action = "profile.disputed"
	// ProfileProposed is a partner's write after the claim: stored, in effect when the customer accepts (design 10.11).
	ProfileProposed Action = "profile.proposed"
	// ProposalDecided is the customer accepting or declining what partners proposed (design 10.11).
	ProposalDecided Action = "proposal.decided"
	// FileUploaded is one or more files about a profile (contract 11.4).
	FileUploaded Action = "file.uploaded"
	// WindowOpened and WindowClosed are about a profile's update window (contract 10.4).
	WindowOpened Action = "window.opened"
	WindowClosed Action = "window.closed"
	// ProfileVerified and ProfileUnverified are decisions about a profile (contract 11.1).
	ProfileVerified   Action = "profile.verified"
	ProfileUnverified Action = "profile.unverified"
	// VerificationAsked is one try to learn from the operator's own system whether a profile is true, VerificationPostponed its
	// wish to be asked later.
	VerificationAsked     Action = "verification.asked"
	VerificationPostponed Action = "verification.postponed"
	// The life of a KYC review (contract 11.5): made, given a link, answered, and driven by a trial.
	ReviewCreated   Action = "review.created"
	ReviewLinked    Action = "review.linked"
	ReviewLinkUsed  Action = "review.link_used"
	ReviewSubmitted Action = "review.submitted"
	ReviewSimulated Action = "review.simulated"
	// What partners do about the second factor of their own customers (contract 13).
	PhoneGiven        Action = "phone.given"
	ApprovalAsked     Action = "approval.asked"
	ApprovalTriggered Action = "approval.triggered"
	ApprovalPassed    Action = "approval.passed"
	ApprovalRefused   Action = "approval.refused"
	ApprovalUsed      Action = "approval.used"
	PublicKeyAdded    Action = "key.added"
	// ProfileRefused is a write that was refused with a reason that counts.
	ProfileRefused Action = "profile.refused"
)

// The life of a claim code.
const (
	CodeMinted Action = "code.minted"
	// CodeSeen is a code presented in time by the right client's customer: the one thing a GET may change (I1).
	CodeSeen Action = "code.seen"
	// CodeRefused is a code that was unknown, expired, used, superseded or foreign; the reason says which.
	CodeRefused    Action = "code.refused"
	CodeSuperseded Action = "code.superseded"
	CodeCancelled  Action = "code.cancelled"
	CodeExpired    Action = "code.expired"
)

// The steps of a journey, in their order (journey.md section 4).
const (
	JourneyStarted        Action = "journey.started"
	JourneyAddressRefused Action = "journey.address_refused"
	JourneyEmailCodeSent  Action = "journey.email_code_sent"
	JourneyEmailProven    Action = "journey.email_proven"
	JourneyEmailRefused   Action = "journey.email_refused"
	// What follows the mailbox proof where a date of birth is asked for (design 10.9).
	JourneyBirthDateProven  Action = "journey.birth_date_proven"
	JourneyBirthDateRefused Action = "journey.birth_date_refused"
	JourneyPasswordSet      Action = "journey.password_set"
	JourneyMethodChosen     Action = "journey.method_chosen"
	JourneyAppStarted       Action = "journey.app_started"
	JourneyAppAdded         Action = "journey.app_added"
	JourneyAppRefused       Action = "journey.app_refused"
	JourneyPasskeyAdded     Action = "journey.passkey_added"
	JourneyPasskeyRefused   Action = "journey.passkey_refused"
	JourneyRecoveryShown    Action = "journey.recovery_shown"
	JourneyClaimed          Action = "journey.claimed"
	JourneyReviewed         Action = "journey.reviewed"
	JourneyDecided          Action = "journey.decided"
	JourneyReturned         Action = "journey.returned"
	JourneyLeft             Action = "journey.left"
	JourneyObjected         Action = "journey.objected"
	JourneyAbandoned        Action = "journey.abandoned"
	JourneyEnded            Action = "journey.ended"
	JourneyContinued        Action = "journey.continued"
	JourneyPasswordRefused  Action = "journey.password_refused"
)

// Signing in and out.
const (
	SigninSucceeded Action = "signin.succeeded"
	// SigninPassed is a right password; the second step is still to come.
	SigninPassed  Action = "signin.passed"
	SigninRefused Action = "signin.refused"
	SignoutDone   Action = "signout.done"
	// ProofGiven is a fresh proof of who is signed in (R6), ProofRefused one that was wrong.
	ProofGiven      Action = "proof.given"
	ProofRefused    Action = "proof.refused"
	SessionRotated  Action = "session.rotated"
	SessionEnded    Action = "session.ended"
	PasswordChanged Action = "password.changed"
	// PasswordRehashed is a right password stored anew at today's cost.
	PasswordRehashed Action = "password.rehashed"
	// RecoveryUsed is a recovery code in place of the second step: it signs in, or lets a forgotten password be replaced.
	RecoveryUsed   Action = "recovery.used"
	PasskeyAdded   Action = "passkey.added"
	PasskeyRefused Action = "passkey.refused"
	PasskeyRenamed Action = "passkey.renamed"
	PasskeyRemoved Action = "passkey.removed"
	// AppStarted is a secret shown to the owner for another authenticator app, AppAdded the app's first right code.
	AppStarted Action = "app.started"
	AppAdded   Action = "app.added"
	AppRemoved Action = "app.removed"
	// CodesStarted is new recovery codes shown, CodesReplaced the moment from which they count and the old ones do not.
	CodesStarted  Action = "codes.started"
	CodesReplaced Action = "codes.replaced"
	// EmailStarted is a code mailed to the address that an owner wants to sign in with.
	EmailStarted Action = "email.started"
	EmailChanged Action = "email.changed"
	// ChangeRefused is a change of the ways in that was refused: a wrong code, the last second step; the detail says which.
	ChangeRefused Action = "change.refused"
	// SessionsEnded is "sign out everywhere".
	SessionsEnded Action = "session.others_ended"
)

// Getting back in (R4), and the reset when both steps are lost.
const (
	// RecoveryAsked is an address given on R4, whether an account has it or not.
	RecoveryAsked Action = "recovery.asked"
	// RecoveryProven is a right mailed code, RecoveryPassed a right second step after it.
	RecoveryProven  Action = "recovery.proven"
	RecoveryPassed  Action = "recovery.passed"
	RecoveryRefused Action = "recovery.refused"
	// RecoveryPrepared is a step of what is set up anew; nothing of the account changed yet.
	RecoveryPrepared Action = "recovery.prepared"
	ResetAsked       Action = "reset.asked"
	ResetCancelled   Action = "reset.cancelled"
	ResetFinished    Action = "reset.finished"
	// ResetStopped and ResetLengthened are the operator's.
	ResetStopped    Action = "reset.stopped"
	ResetLengthened Action = "reset.lengthened"
)

// What the customer allowed, and what followed from it.
const (
	ConsentAllowed  Action = "consent.allowed"
	ConsentDeclined Action = "consent.declined"
	GrantStopped    Action = "grant.stopped"
	GrantEnded      Action = "grant.ended"
	// GrantUsed is the first request of a day with an access that the customer gave.
	GrantUsed Action = "grant.used"
	// GrantEnding is a customer who was told that an access ends soon.
	GrantEnding          Action = "grant.ending"
	AuthorizationMinted  Action = "authorization.minted"
	AuthorizationRefused Action = "authorization.refused"
	// AuthorizationRedeemed is the one use of an authorization code (I5).
	AuthorizationRedeemed Action = "authorization.redeemed"
	// AuthorizationReused is a second valid use, which ended what the first produced (I5).
	AuthorizationReused Action = "authorization.reused"
	TokenIssued         Action = "token.issued"
	TokenRefreshed      Action = "token.refreshed"
	TokenRefused        Action = "token.refused"
	TokenEnded          Action = "token.ended"
)

// Whom to tell what, and where (contract 12).
const (
	SubscriptionAdded   Action = "subscription.added"
	SubscriptionRemoved Action = "subscription.removed"
	SubscriptionTested  Action = "subscription.tested"
	// EventResent is an operator who has events delivered once more.
	EventResent Action = "event.resent"
)

// What the server does by itself.
const (
	MailQueued     Action = "mail.queued"
	MailSent       Action = "mail.sent"
	MailFailed     Action = "mail.failed"
	EventDelivered Action = "event.delivered"
	EventFailed    Action = "event.failed"
	// EventWithheld is an event that its partner may not hear of any more (design 10.12).
	EventWithheld Action = "event.withheld"
	ReplyStored   Action = "reply.stored"
	RowsSwept     Action = "rows.swept"
	// AuditDropped is the oldest events dropped, since they are older than the operator keeps them; its detail names the last of them.
	AuditDropped Action = "audit.dropped"
	// KeyRotated is a master key that an operator added; KeyRewrapped is the server putting rows under it, KeyDropped the operator giving up
	// an older one.
	KeyRotated   Action = "key.rotated"
	KeyRewrapped Action = "key.rewrapped"
	KeyDropped   Action = "key.dropped"
	ClockMoved   Action = "clock.moved"
	TriesCounted Action = "tries.counted"
	// TriesReturned is a counted try that was given back, since nothing was compared.
	TriesReturned Action = "tries.returned"
)
