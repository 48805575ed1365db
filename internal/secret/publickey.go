package secret

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"time"
)

// ErrPublicKey says that a text is no public key for the algorithm; the wrapping message says why.
var ErrPublicKey = errors.New("public key cannot be used")

// CheckPublicKey reads a SubjectPublicKeyInfo in base64 and says whether it is a key for the JOSE algorithm (RFC 7518): the
// right curve, or RSA of 2048 to 8192 bits.
func CheckPublicKey(algorithm, material string) error {
	der, err := base64.StdEncoding.DecodeString(material)
	if err != nil {
		return fmt.Errorf("%w: it is not base64", ErrPublicKey)
	}
	parsed, err := x509.ParsePKIXPublicKey(der)
	if err != nil {
		return fmt.Errorf("%w: it is no SubjectPublicKeyInfo", ErrPublicKey)
	}
	curves := map[string]elliptic.Curve{"ES256": elliptic.P256(), "ES384": elliptic.P384(), "ES512": elliptic.P521()}
	switch key := parsed.(type) {
	case *ecdsa.PublicKey:
		if curve, wanted := curves[algorithm]; wanted && key.Curve == curve {
			return nil
		}
	case *rsa.PublicKey:
		if _, elliptic := curves[algorithm]; !elliptic && key.N.BitLen() >= 2048 && key.N.BitLen() <= 8192 {
			return nil
		}
	}
	return fmt.Errorf("%w: it is not a key for %s", ErrPublicKey, algorithm)
}

// Public is the key in use at now as SubjectPublicKeyInfo in base64 (contract 13).
func (k *SigningKeys) Public(now time.Time) (string, error) {
	der, err := x509.MarshalPKIXPublicKey(&k.list[k.signing(now)].key.PublicKey)
	if err != nil {
		return "", fmt.Errorf("writing a public key: %w", err)
	}
	return base64.StdEncoding.EncodeToString(der), nil
}
