package secret

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/protocol/webauthncbor"
	"github.com/go-webauthn/webauthn/protocol/webauthncose"
)

// ErrPasskey says that what an authenticator answered is not accepted. The error in hand is a PasskeyFault, whose reason is
// for the audit; people are told one thing for all.
var ErrPasskey = errors.New("passkey is not accepted")

// PasskeyFault is ErrPasskey with the reason, a short name such as "origin".
type PasskeyFault struct{ Reason string }

// Error is for logs.
func (f PasskeyFault) Error() string { return ErrPasskey.Error() + ": " + f.Reason }

// Is makes every PasskeyFault an ErrPasskey.
func (f PasskeyFault) Is(target error) bool { return target == ErrPasskey }

// The sizes of what is believed of an authenticator, in bytes. A credential's id has at most 1023 (WebAuthn level 3 section
// 6.5.1) and, from whoever draws it well, at least 16; keys have less than 600. The rest is for a flood.
const (
	maxPasskeyAnswer = 16 << 10
	minCredentialID  = 16
	maxCredentialID  = 1023
	maxPasskeyKey    = 1 << 10
	maxUserHandle    = 64
)

// passkeyTimeout is how long a browser's own dialogue stays open, in milliseconds (WebAuthn level 3 section 15.1).
const passkeyTimeout = 300_000

// A PasskeyParty is this server as authenticators know it: the "relying party" of WebAuthn level 3. Its zero value has no
// passkeys.
//
// What it asks for: user verification, so that a passkey is two factors (the device, and what unlocks it); a discoverable
// credential, so that nobody types an address first; no attestation, which would tell us the make of people's devices and
// make us read the certificates of strangers.
type PasskeyParty struct {
	// ID is the host that passkeys are bound to, without scheme and port; Origin the one origin that may ask for them.
	ID, Origin string
	// Name is what the browser's dialogue calls this server.
	Name string
}

// NewPasskeyParty makes the party of the pages' public address. Where that is an IP address, or http beyond localhost,
// browsers have no passkeys (WebAuthn level 3 section 5.1.3) and the party is the zero value.
func NewPasskeyParty(origin, name string) PasskeyParty {
	u, err := url.Parse(origin)
	if err != nil || u.Hostname() == "" || u.Scheme != "https" && (u.Scheme != "http" || u.Hostname() != "localhost") {
		return PasskeyParty{}
	}
	if _, err := netip.ParseAddr(u.Hostname()); err == nil {
		return PasskeyParty{}
	}
	return PasskeyParty{ID: u.Hostname(), Origin: u.Scheme + "://" + u.Host, Name: name}
}

// Works reports whether there are passkeys at this address at all.
func (p PasskeyParty) Works() bool { return p.ID != "" }

// PasskeyUser is who a passkey is for, as the browser's dialogue shows it. Handle is what the authenticator keeps and returns
// at sign-in: no personal value (section 14.6.1), at most 64 bytes.
type PasskeyUser struct {
	Handle []byte
	Name   string
}

// NewPasskeyChallenge draws a challenge that is kept until it is answered: 256 bits in base64url.
func NewPasskeyChallenge() string { return Text(32) }

func passkeyParameters() []protocol.CredentialParameter {
	var all []protocol.CredentialParameter
	for _, alg := range []webauthncose.COSEAlgorithmIdentifier{webauthncose.AlgES256, webauthncose.AlgEdDSA, webauthncose.AlgRS256} {
		all = append(all, protocol.CredentialParameter{Type: protocol.PublicKeyCredentialType, Algorithm: alg})
	}
	return all
}

func descriptors(ids [][]byte) []protocol.CredentialDescriptor {
	var all []protocol.CredentialDescriptor
	for _, id := range ids {
		all = append(all, protocol.CredentialDescriptor{Type: protocol.PublicKeyCredentialType, CredentialID: id})
	}
	return all
}

// CreationOptions are the options for the browser's navigator.credentials.create, as JSON with binary values in base64url
// (section 5.1.8). An authenticator that holds one of the excluded credentials makes no second one.
func (p PasskeyParty) CreationOptions(challenge string, user PasskeyUser, exclude [][]byte) string {
	options := protocol.PublicKeyCredentialCreationOptions{
		RelyingParty: protocol.RelyingPartyEntity{CredentialEntity: protocol.CredentialEntity{Name: p.Name}, ID: p.ID},
		User: protocol.UserEntity{CredentialEntity: protocol.CredentialEntity{Name: user.Name}, DisplayName: user.Name,
			ID: protocol.URLEncodedBase64(user.Handle)},
		Challenge: challengeBytes(challenge), Parameters: passkeyParameters(), Timeout: passkeyTimeout,
		CredentialExcludeList: descriptors(exclude),
		AuthenticatorSelection: protocol.AuthenticatorSelection{RequireResidentKey: protocol.ResidentKeyRequired(),
			ResidentKey: protocol.ResidentKeyRequirementRequired, UserVerification: protocol.VerificationRequired},
		Attestation: protocol.PreferNoAttestation,
	}
	return asJSON(options)
}

// RequestOptions are the options for the browser's navigator.credentials.get. With none allowed by name, the person chooses
// among all that their devices hold for this server.
func (p PasskeyParty) RequestOptions(challenge string, allow [][]byte) string {
	return asJSON(protocol.PublicKeyCredentialRequestOptions{Challenge: challengeBytes(challenge), Timeout: passkeyTimeout,
		RelyingPartyID: p.ID, AllowedCredentials: descriptors(allow), UserVerification: protocol.VerificationRequired})
}

// asJSON cannot fail: the options hold nothing that JSON lacks.
func asJSON(options any) string {
	text, err := json.Marshal(options)
	if err != nil {
		panic("secret: " + err.Error())
	}
	return string(text)
}

func challengeBytes(challenge string) protocol.URLEncodedBase64 {
	raw, _ := base64.RawURLEncoding.DecodeString(challenge) // what does not decode is answered by nobody
	return raw
}

// A PasskeyCredential is what an authenticator made: the public half, which is no secret.
type PasskeyCredential struct {
	// ID is the credential's, chosen by the authenticator; PublicKey is a COSE key (RFC 9052 section 7).
	ID, PublicKey []byte
	PasskeyUse
	// Transports say how the authenticator is reached ("internal", "hybrid", "usb"), as far as the browser said.
	Transports []string
}

// PasskeyUse is what an authenticator says of itself at each use.
type PasskeyUse struct {
	// SignCount counts uses; 0 where the authenticator does not count.
	SignCount uint32
	// BackupEligible says that the credential may leave its device (it is synchronised), BackedUp that it has.
	BackupEligible, BackedUp bool
}

// Register checks the answer to CreationOptions (WebAuthn level 3 section 7.1) and returns the new credential. The
// attestation statement is not read: none was asked for and nothing would follow from it. The error is a PasskeyFault.
func (p PasskeyParty) Register(challenge string, answer []byte) (PasskeyCredential, error) {
	if len(answer) > maxPasskeyAnswer {
		return PasskeyCredential{}, PasskeyFault{"form"}
	}
	parsed, err := protocol.ParseCredentialCreationResponseBytes(answer)
	if err != nil {
		return PasskeyCredential{}, PasskeyFault{"form"}
	}
	said := parsed.Response.AttestationObject.AuthData
	if err := p.check(parsed.Response.CollectedClientData, protocol.CreateCeremony, challenge, said); err != nil {
		return PasskeyCredential{}, err
	}
	c := PasskeyCredential{ID: slices.Clone(said.AttData.CredentialID), PublicKey: slices.Clone(said.AttData.CredentialPublicKey), PasskeyUse: use(said)}
	switch {
	case len(c.ID) < minCredentialID || len(c.ID) > maxCredentialID || !slices.Equal(c.ID, parsed.RawID):
		return PasskeyCredential{}, PasskeyFault{"credential"}
	case !acceptableKey(c.PublicKey):
		return PasskeyCredential{}, PasskeyFault{"key"}
	}
	for _, t := range []protocol.AuthenticatorTransport{protocol.Internal, protocol.Hybrid, protocol.USB, protocol.NFC, protocol.BLE, protocol.SmartCard} {
		if slices.Contains(parsed.Response.Transports, t) {
			c.Transports = append(c.Transports, string(t))
		}
	}
	return c, nil
}

// ReadNewPasskey reads which challenge an answer to CreationOptions answers, before it is believed. The error is a PasskeyFault.
func ReadNewPasskey(answer []byte) (challenge string, err error) {
	if len(answer) > maxPasskeyAnswer {
		return "", PasskeyFault{"form"}
	}
	parsed, err := protocol.ParseCredentialCreationResponseBytes(answer)
	if err != nil {
		return "", PasskeyFault{"form"}
	}
	return parsed.Response.CollectedClientData.Challenge, nil
}

// acceptableKey reports whether a COSE key is of an algorithm that was asked for, and whole.
func acceptableKey(key []byte) bool {
	var head webauthncose.PublicKeyData
	if len(key) > maxPasskeyKey || webauthncbor.Unmarshal(key, &head) != nil {
		return false
	}
	wanted := slices.ContainsFunc(passkeyParameters(), func(c protocol.CredentialParameter) bool { return int64(c.Algorithm) == head.Algorithm })
	_, err := webauthncose.ParsePublicKey(key)
	return wanted && err == nil
}

func use(said protocol.AuthenticatorData) PasskeyUse {
	return PasskeyUse{SignCount: said.Counter, BackupEligible: said.Flags.HasBackupEligible(), BackedUp: said.Flags.HasBackupState()}
}

// check is what both ceremonies have in common: the browser's word for where it was (the phishing site has another origin,
// a page inside a frame is cross-origin), and the authenticator's for whom it answered and whether it knew its owner.
// Origins are compared byte for byte.
func (p PasskeyParty) check(client protocol.CollectedClientData, ceremony protocol.CeremonyType, challenge string, said protocol.AuthenticatorData) error {
	party := sha256.Sum256([]byte(p.ID))
	switch {
	case !p.Works():
		return PasskeyFault{"party"}
	case client.Type != ceremony:
		// An answer of the other ceremony was signed for something else.
		return PasskeyFault{"ceremony"}
	case !Equal([]byte(client.Challenge), []byte(challenge)):
		return PasskeyFault{"challenge"}
	case client.Origin != p.Origin || client.CrossOrigin || client.TopOrigin != "":
		return PasskeyFault{"origin"}
	case !Equal(said.RPIDHash, party[:]):
		return PasskeyFault{"party"}
	case !said.Flags.UserPresent():
		return PasskeyFault{"absent"}
	case !said.Flags.UserVerified():
		// Whoever merely holds the device is one factor, and a passkey stands for two.
		return PasskeyFault{"unverified"}
	case said.Flags.HasBackupState() && !said.Flags.HasBackupEligible():
		return PasskeyFault{"backup"}
	}
	return nil
}

// A PasskeyAnswer is an authenticator's answer to RequestOptions, read and not yet believed.
type PasskeyAnswer struct {
	// Credential is which passkey answered; User the handle that it keeps, empty where the browser left it out.
	Credential, User []byte
	// Challenge is the one that was answered, in base64url.
	Challenge string

	parsed *protocol.ParsedCredentialAssertionData
}

// ReadPasskey reads an answer to RequestOptions. The error is a PasskeyFault.
func ReadPasskey(answer []byte) (PasskeyAnswer, error) {
	if len(answer) > maxPasskeyAnswer {
		return PasskeyAnswer{}, PasskeyFault{"form"}
	}
	parsed, err := protocol.ParseCredentialRequestResponseBytes(answer)
	if err != nil || len(parsed.Response.UserHandle) > maxUserHandle || len(parsed.RawID) > maxCredentialID {
		return PasskeyAnswer{}, PasskeyFault{"form"}
	}
	return PasskeyAnswer{Credential: parsed.RawID, User: parsed.Response.UserHandle,
		Challenge: parsed.Response.CollectedClientData.Challenge, parsed: parsed}, nil
}

// Verify checks an answer to the challenge with the credential's public key (WebAuthn level 3 section 7.2, without the sign
// count, which the caller compares). The error is a PasskeyFault.
func (p PasskeyParty) Verify(challenge string, publicKey []byte, a PasskeyAnswer) (PasskeyUse, error) {
	if a.parsed == nil {
		return PasskeyUse{}, PasskeyFault{"form"}
	}
	said := a.parsed.Response.AuthenticatorData
	if err := p.check(a.parsed.Response.CollectedClientData, protocol.AssertCeremony, challenge, said); err != nil {
		return PasskeyUse{}, err
	}
	err := a.parsed.Verify(challenge, p.ID, "", []string{p.Origin}, nil, nil, protocol.TopOriginExplicitVerificationMode, false, true, true,
		publicKey, protocol.SignaturePolicy{})
	if err != nil {
		return PasskeyUse{}, PasskeyFault{"signature"}
	}
	return use(said), nil
}

// String keeps an answer out of logs, whatever the verb.
func (a PasskeyAnswer) String() string {
	return fmt.Sprintf("[passkey answer of %d bytes]", len(a.Credential))
}
