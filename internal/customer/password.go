package customer

import (
	"context"
	_ "embed" // the list of common passwords
	"errors"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// What may be wrong with a new password (NIST SP 800-63B section 3.1.1.2; journey C3).
var (
	ErrPasswordEmpty    = errors.New("password is empty")
	ErrPasswordShort    = errors.New("password is too short")
	ErrPasswordLong     = errors.New("password is too long")
	ErrPasswordCommon   = errors.New("password is one that attackers try first")
	ErrPasswordPersonal = errors.New("password is made from the person's own names")
	// ErrPasswordBreached: it leaked somewhere, and attackers try what leaked against every account.
	ErrPasswordBreached = errors.New("password is on a list of leaked ones")
)

// Lengths of passwords in code points. A second step is always required, so the floor is 8 and the default 12.
const (
	PasswordFloor = 8
	PasswordMin   = 12
	PasswordMax   = 256
)

//go:embed common.txt
var commonList string

// NormalPassword is the one normalisation before hashing and checking: NFC. Nothing is trimmed or cut off
// (NIST SP 800-63B section 3.1.1.2).
func NormalPassword(password string) string { return norm.NFC.String(password) }

// A PasswordPolicy decides which new passwords are taken. There are no composition rules and no expiry.
type PasswordPolicy struct {
	// Min is the least length in code points; 0 is PasswordMin, and never below PasswordFloor.
	Min int
	// Breached, where set, asks a list of leaked passwords, and answers false where it cannot: whoever keeps the list must not be
	// able to keep customers out.
	Breached func(ctx context.Context, password string) bool
}

// Length is the least length in force.
func (p PasswordPolicy) Length() int {
	if p.Min == 0 {
		return PasswordMin
	}
	return max(p.Min, PasswordFloor)
}

// Check says why a password is refused, or nil. words are those that the password must not be made from: the person's
// names and address, the brand and the partner, which somebody who knows the account would guess first.
func (p PasswordPolicy) Check(password string, words ...string) error {
	password = NormalPassword(password)
	n := utf8.RuneCountInString(password)
	switch {
	case n == 0:
		return ErrPasswordEmpty
	case n > PasswordMax:
		return ErrPasswordLong
	case n < p.Length():
		return ErrPasswordShort
	case common(password):
		return ErrPasswordCommon
	case personal(password, words):
		return ErrPasswordPersonal
	}
	return nil
}

// Admit is Check, and then asks the list of leaked passwords, where there is one: only about a password that would be taken
// otherwise, and outside of any transaction.
func (p PasswordPolicy) Admit(ctx context.Context, password string, words ...string) error {
	if err := p.Check(password, words...); err != nil {
		return err
	}
	if p.Breached != nil && p.Breached(ctx, NormalPassword(password)) {
		return ErrPasswordBreached
	}
	return nil
}

// common reports whether the password is on the list, or a listed word dressed up: repeated, in capitals, with look-alike
// digits, with digits and signs around it; or a run over the keyboard or the alphabet. Length alone does not help there:
// guessing programs try these forms before anything else.
func common(password string) bool {
	text := folded(password)
	if slices.ContainsFunc(undressed(text), listed) {
		return true
	}
	return run(text) || fewRunes(text)
}

// folded is the form in which passwords are compared with words: small letters, and wide ones as plain ones.
func folded(password string) string { return strings.ToLower(norm.NFKC.String(password)) }

// undressed are the readings of a text: as it is, and with look-alikes read as letters. Digits and signs around the word
// are no look-alikes, or "p4ssw0rd2026" would read "passwordzozg"; but the first and last of them may be.
func undressed(text string) []string {
	readings := []string{text, unleet(text)}
	start, end := strings.IndexFunc(text, unicode.IsLetter), strings.LastIndexFunc(text, unicode.IsLetter)
	if start < 0 {
		return readings
	}
	_, size := utf8.DecodeRuneInString(text[end:])
	end += size
	for s := start; s >= max(start-2, 0); s-- {
		for e := end; e <= min(end+2, len(text)); e++ {
			readings = append(readings, unleet(text[s:e]))
		}
	}
	return readings
}

func listed(text string) bool {
	trimmed := strings.TrimFunc(text, func(r rune) bool { return !unicode.IsLetter(r) })
	for _, candidate := range []string{text, trimmed, letters(text)} {
		if candidate == "" {
			continue
		}
		if onList(candidate) || onList(unit(candidate)) {
			return true
		}
	}
	return false
}

func onList(word string) bool {
	return word != "" && strings.Contains("\n"+commonList, "\n"+word+"\n")
}

// unit is the shortest text whose repetition gives this one.
func unit(text string) string {
	for size := 1; size <= len(text)/2; size++ {
		if len(text)%size == 0 && strings.Repeat(text[:size], len(text)/size) == text {
			return text[:size]
		}
	}
	return text
}

func letters(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) {
			return r
		}
		return -1
	}, text)
}

var leet = strings.NewReplacer("0", "o", "1", "i", "3", "e", "4", "a", "5", "s", "7", "t", "@", "a", "$", "s", "!", "i")

func unleet(text string) string { return leet.Replace(text) }

// rows are the runs that people take for random: keyboard rows, the alphabet, the digits.
var rows = []string{"qwertyuiop", "asdfghjkl", "zxcvbnm", "qwertzuiop", "azertyuiop", "abcdefghijklmnopqrstuvwxyz", "01234567890",
	"1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p", "qazwsxedcrfvtgbyhnujmikolp"}

// run reports whether the whole text is made of pieces, four characters or longer, of the rows, forwards or backwards.
func run(text string) bool {
	for len(text) > 0 {
		n := longestRun(text)
		if n < 4 && !(n == len(text) && n > 0) {
			return false
		}
		text = text[n:]
	}
	return true
}

func longestRun(text string) int {
	longest := 0
	for _, row := range rows {
		for _, r := range []string{row + row, reverse(row + row)} {
			n := len(text)
			for n > longest && !strings.Contains(r, text[:n]) {
				n--
			}
			longest = max(longest, n)
		}
	}
	return longest
}

func reverse(s string) string {
	out := []byte(s)
	for i, j := 0, len(out)-1; i < j; i, j = i+1, j-1 {
		out[i], out[j] = out[j], out[i]
	}
	return string(out)
}

// fewRunes reports whether the text is made of no more than two different characters.
func fewRunes(text string) bool {
	seen := map[rune]bool{}
	for _, r := range text {
		seen[r] = true
	}
	return len(seen) <= 2
}

// personal reports whether what is left of the password without the context's words is too short to protect anything.
func personal(password string, context []string) bool {
	text := folded(password)
	left := text
	for _, phrase := range context {
		phrase = folded(phrase)
		for _, word := range append(strings.FieldsFunc(phrase, notWord), phrase) {
			if utf8.RuneCountInString(word) >= 3 {
				left = strings.ReplaceAll(left, word, "")
			}
		}
	}
	return left != text && utf8.RuneCountInString(letters(left)) < 6
}

func notWord(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }
