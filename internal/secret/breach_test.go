package secret

import "testing"

// The digests are those of FIPS 180-2 and of the word that every list begins with.
func TestBreachDigest(t *testing.T) {
	for password, want := range map[string]string{
		"abc": "A9993E364706816ABA3E25717850C26C9CD0D89D", "": "DA39A3EE5E6B4B0D3255BFEF95601890AFD80709",
		"password": "5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8",
	} {
		if prefix, rest := BreachDigest(password); len(prefix) != 5 || prefix+rest != want {
			t.Errorf("%q: %s %s", password, prefix, rest)
		}
	}
}
