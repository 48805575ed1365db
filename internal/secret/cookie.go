package secret

import (
	"encoding/base64"
	"errors"
)

// ErrCookie says that a cookie's value was not made by this server for this cookie, or under a key no longer loaded. The
// browser is then treated as one without the cookie.
var ErrCookie = errors.New("cookie does not open")

// maxCookie bounds what OpenCookie decodes, in characters: browsers keep 4096 bytes, name and attributes included, so
// anything longer was not ours and is not worth decrypting.
const maxCookie = 4096

// SealCookie encrypts a cookie's content and binds it to the cookie's name, so that the value of one cookie is never
// accepted as another's. The text is base64url without padding: four thirds of len(plain)+47.
func (k *Keys) SealCookie(name string, plain []byte) string {
	return base64.RawURLEncoding.EncodeToString(k.current().cookies.seal(cookieBound(name), plain))
}

// OpenCookie decrypts what SealCookie made for the same name. Every error is ErrCookie: what is wrong with a forged
// cookie is nobody's business.
func (k *Keys) OpenCookie(name, value string) ([]byte, error) {
	if len(value) > maxCookie {
		return nil, ErrCookie
	}
	sealed, err := decode64(value)
	if err != nil {
		return nil, ErrCookie
	}
	version, err := wideVersion(sealed)
	if err != nil {
		return nil, ErrCookie
	}
	f, err := k.version(version) // a carried key opens cookies too
	if err != nil {
		return nil, ErrCookie
	}
	plain, err := f.cookies.open(cookieBound(name), sealed)
	if err != nil {
		return nil, ErrCookie
	}
	return plain, nil
}

func cookieBound(name string) []byte { return Place{Table: name}.bound("cookie", 0) }
