package customer

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// context is what the person, the server and the partner are called in these tests.
var passwordContext = []string{"mira.kade@example.org", "Latchkey", "Acme Treasury", "Mira Anna", "Kade", "1988-11-30"}

// honest are passwords that people and password managers make, and that withstand guessing. Each must be taken: a refusal
// without a reason teaches people to fool the rules.
var honest = []string{
	"correct mule battery tulip", "tulip-kayak-violet-organ", "orbit Fence mango Quilt", "seven grey ducks ate my exam",
	"the kettle sings at noon", "Ich trinke morgens gern Kakao", "mon chat dort sur le frigo", "la abuela baila los martes",
	"wół kopie żabę pod mostem", "пять рыжих котов на крыше", "五匹の猫が屋根で歌っている夜", "καλημέρα μικρό καΐκι", "कल सुबह नदी पर मिलते हैं",
	"🦊 jumps over 🌋 slowly", "   leading and trailing   ", "x7Kq92!kQ4zP0w", "hG8$kLm2#pQr", "9fK2-mQ7x-Lp4z", "kzvqtwpxnmbh",
	"qT!9zR$4mW@7xN&2", "a1B2c3-zebra-Kiln", "4821 7730 9915 2268 kiosk", "839204718364", "My wife's 3 parrots!", "lamp desk cloud fork",
	"summer was long but cold", "dragon fruit on wet toast", "monkey bars behind school", "password of my late aunt Ottilie", // words of the list inside
	"organ donor tulip mania", "examples are boring, kiwis not", "latch the keyhole, Erwin", "admiral treads softly", // near the context
	strings.Repeat("mop tin-", 20) + "!", strings.Repeat("zwölf boxkämpfer ", 15), "e\u0301te\u0301 sans fin ni pluie",
}

// weak are what guessing programs try first, dressed up as people do.
var weak = []string{
	"password", "passwordpassword", "Password1234", "password!!!!", "P@ssw0rd1234", "p4ssw0rd2026", "123456789012", "012345678901", "987654321098",
	"qwertyuiop12", "qwertyuiopas", "QWERTYUIOPQWERTY", "asdfghjklasdf", "1qaz2wsx3edc", "qazwsxedcrfv", "zxcvbnmzxcvbnm", "poiuytrewqpo",
	"qwertzuiopqwertz", "azertyuiopazerty", "abcdefghijkl", "zyxwvutsrqpo", "abcdabcdabcd", "aaaaaaaaaaaa", "abababababab", "111111111111", "            ",
	"iloveyou1234", "iloveyouiloveyou", "letmein12345", "letmein!!!!!", "Welcome12345", "welcomewelcome", "monkey123456", "dragon!!!!!!", "sunshine2026",
	"football1234", "baseball!2026", "princess12345", "superman1988", "trustno1trustno1", "administrator", "changemechangeme", "Ch4ngeM3!!!!!", "$3cret!!!!!!", "p4$$w0rd!!!!", "correct horse battery staple",
	"!!!!password", "12345password", "pass word 1234", "p-a-s-s-w-o-r-d", "1234password5678", "qwerty123456", "Qwerty!23456", "ＰＡＳＳＷＯＲＤ１２３４",
}

// personalOnes are made of what somebody who knows the account knows too.
var personalOnes = []string{
	"mira.kade@example.org", "MiraKade2026", "mirakade!!!!", "kademirakade", "Latchkey2026!", "latchkeylatchkey", "acmetreasury1", "AcmeTreasury!", "kade19881130",
	"Mira Anna Kade", "1988-11-30-mira", "treasury-acme-7", "example.org.99",
}

func TestHonestPasswordsAreTaken(t *testing.T) {
	for _, password := range honest {
		if err := (PasswordPolicy{}).Check(password, passwordContext...); err != nil {
			t.Errorf("%q: %v", password, err)
		}
	}
}

func TestWeakPasswordsAreRefused(t *testing.T) {
	for _, password := range weak {
		if err := (PasswordPolicy{Min: PasswordFloor}).Check(password, passwordContext...); !errors.Is(err, ErrPasswordCommon) {
			t.Errorf("%q: %v", password, err)
		}
	}
	for _, password := range personalOnes {
		if err := (PasswordPolicy{}).Check(password, passwordContext...); !errors.Is(err, ErrPasswordPersonal) {
			t.Errorf("%q: %v", password, err)
		}
	}
}

// TestLeakedPasswordsAreRefused: the list is asked once, about a password that would be taken otherwise, in its one normal form; and
// nobody is asked where the operator named no list.
func TestLeakedPasswordsAreRefused(t *testing.T) {
	const leaked = "café gravel lamp"
	var asked []string
	p := PasswordPolicy{Breached: func(_ context.Context, password string) bool {
		asked = append(asked, password)
		return password == leaked
	}}
	for _, password := range slices.Concat(weak[:3], personalOnes[:3], []string{"", "short"}) {
		if err := p.Admit(t.Context(), password, passwordContext...); err == nil || errors.Is(err, ErrPasswordBreached) {
			t.Errorf("%q: %v", password, err)
		}
	}
	if len(asked) != 0 {
		t.Errorf("the list was asked about %q", asked)
	}
	for password, want := range map[string]error{"cafe\u0301 gravel lamp": ErrPasswordBreached, leaked: ErrPasswordBreached, honest[0]: nil} {
		asked = nil
		if err := p.Admit(t.Context(), password, passwordContext...); !errors.Is(err, want) || len(asked) != 1 || asked[0] != NormalPassword(password) {
			t.Errorf("%q: %v, asked about %q", password, err, asked)
		}
	}
	if err := (PasswordPolicy{}).Admit(t.Context(), leaked); err != nil {
		t.Errorf("without a list: %v", err)
	}
}

func TestPasswordLengthIsInCodePoints(t *testing.T) {
	for _, c := range []struct {
		min      int
		password string
		want     error
	}{
		{0, "", ErrPasswordEmpty}, {0, "kzvqtwpxnmb", ErrPasswordShort}, {0, "kzvqtwpxnmbh", nil},
		{0, strings.Repeat("猫と屋根の上の夜", 1), ErrPasswordShort}, {0, "猫と屋根の上で歌う長い夜", nil}, {0, "🦊🌋🎈🧭🪁🥁🎲🧩🪴🧶🛶", ErrPasswordShort}, {0, "🦊🌋🎈🧭🪁🥁🎲🧩🪴🧶🛶🏺", nil},
		{0, "e\u0301e\u0301kzvqtwpx", ErrPasswordShort}, // ten after NFC, twelve before
		{8, "kzvqtwp", ErrPasswordShort}, {8, "kzvqtwpx", nil}, {15, "kzvqtwpxnmbhfd", ErrPasswordShort}, {15, "kzvqtwpxnmbhfdg", nil},
		{3, "kzvqtwp", ErrPasswordShort}, {-1, "kzvqtwp", ErrPasswordShort}, // never below the floor
		{0, strings.Repeat("kzvqtwpx", 32), nil}, {0, strings.Repeat("kzvqtwpx", 32) + "y", ErrPasswordLong}, {0, strings.Repeat("ü猫kzvqtw", 32), nil},
		{0, strings.Repeat("x", 1<<20), ErrPasswordLong},
	} {
		if err := (PasswordPolicy{Min: c.min}).Check(c.password); !errors.Is(err, c.want) {
			t.Errorf("min %d, %d code points %.20q: %v, want %v", c.min, utf8.RuneCountInString(c.password), c.password, err, c.want)
		}
	}
}

// words are for drawing passphrases, as people do with dice.
const diceWords = `acid alarm amber anvil apron arbor ashes atlas badge baker banjo barge basil beach beard bench berry birch blaze
	bloom bonus brick broom cabin cable camel candy canoe cargo cedar chalk charm chess chili cider cliff cloak clover cobra comet
	coral crane crisp crown curry daisy denim diver dough drift eagle easel ember fable fairy fence ferry flint flute fossil frost
	gecko ghost giant glove grape gravy hazel hedge heron honey hound icing igloo ivory jelly jewel juice karma kayak kiosk kiwi
	ladle lemon lilac llama lotus lunar mango maple medal melon mocha moose mural nacho ninja noble nylon oasis ocean olive onion
	opera otter oyster paint panda pearl pedal piano pixel plaza plumb polka prism pulse quail quilt radar raven relic robin rodeo
	salsa scarf shark sheep siren skunk snail spice squid stamp stork sugar swan syrup tango thorn tiger toast topaz torch tulip
	tuna umbra vapor velvet viola vivid wafer wagon walnut waltz whale wharf willow yacht yeast zebra zesty`

// TestDrawnPassphrasesAreTaken: four random words, joined in any fashion, in 5,000 draws with the seed of the test.
func TestDrawnPassphrasesAreTaken(t *testing.T) {
	words := strings.Fields(diceWords)
	r := rand.New(rand.NewPCG(1, 2))
	for range 5_000 {
		var drawn []string
		for range 4 {
			word := words[r.IntN(len(words))]
			if r.IntN(3) == 0 {
				word = strings.ToUpper(word[:1]) + word[1:]
			}
			drawn = append(drawn, word)
		}
		password := strings.Join(drawn, []string{" ", "-", ".", "", "7", " + "}[r.IntN(6)])
		if err := (PasswordPolicy{}).Check(password, passwordContext...); err != nil {
			t.Errorf("%q: %v", password, err)
		}
	}
}

// TestDrawnCharactersAreTaken: what a password manager makes.
func TestDrawnCharactersAreTaken(t *testing.T) {
	const signs = "abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789!#$%&*+-=?@_"
	r := rand.New(rand.NewPCG(3, 4))
	for range 5_000 {
		drawn := make([]byte, 12+r.IntN(20))
		for i := range drawn {
			drawn[i] = signs[r.IntN(len(signs))]
		}
		if err := (PasswordPolicy{}).Check(string(drawn), passwordContext...); err != nil {
			t.Errorf("%q: %v", drawn, err)
		}
	}
}

// TestEveryListedWordIsRefused in each of the dresses that guessing programs know.
func TestEveryListedWordIsRefused(t *testing.T) {
	listed := strings.Fields(commonList)
	if len(listed) < 200 {
		t.Fatalf("%d listed words", len(listed))
	}
	for _, word := range listed {
		for _, dressed := range []string{word, strings.ToUpper(word), word + word, word + "!2026!", "123" + word} {
			if err := (PasswordPolicy{Min: PasswordFloor}).Check(dressed); err == nil {
				t.Errorf("%q is taken", dressed)
			}
		}
	}
}

// FuzzPassword: whatever is typed gets an answer, the same for both spellings of one text.
func FuzzPassword(f *testing.F) {
	for _, password := range append(append(honest, weak...), personalOnes...) {
		f.Add(password, "mira@example.org")
	}
	f.Add("\xff\xfe", "\xff")
	f.Fuzz(func(t *testing.T, password, context string) {
		err := (PasswordPolicy{}).Check(password, context)
		if again := (PasswordPolicy{}).Check(NormalPassword(password), context); !errors.Is(again, err) {
			t.Fatalf("%q: %v, and normalised %v", password, err, again)
		}
		if n := utf8.RuneCountInString(NormalPassword(password)); err == nil && (n < PasswordMin || n > PasswordMax) {
			t.Fatalf("%q of %d code points is taken", password, n)
		}
	})
}
