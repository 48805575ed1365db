package web

import "net/http"

// Headers puts the headers of journey.md section 2 on every answer of the web
// host. overTLS is true when people reach this server by https, directly or
// through a proxy.
//
// The policy lets a page load style, script and pictures from this host and
// post forms to it, and nothing else: markup that slipped through escaping can
// neither run nor send anything away, and no other site can frame a page to
// steal a click. Referrer-Policy is same-origin, not no-referrer, because the
// latter makes browsers send "Origin: null" with our own forms. No page is
// stored, so the back button on a shared computer shows no personal data.
func Headers(next http.Handler, overTLS bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; "+
			"connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Permissions-Policy", "publickey-credentials-create=(self), publickey-credentials-get=(self)")
		if overTLS {
			h.Set("Strict-Transport-Security", "max-age=31536000")
		}
		next.ServeHTTP(w, r)
	})
}
