package secret

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
)

// cheap is the hash of "password" with 8 KiB and one pass, so that tests need not pay for real ones.
func cheap(password string) string {
	h := phc{cost: cost{8, 1, 1}, salt: []byte("somesalt")}
	p := NewPasswords(1, 0)
	h.sum, _ = p.sum(context.Background(), password, h, 16)
	return h.String()
}

func TestPasswordHashAndVerify(t *testing.T) {
	p, ctx := NewPasswords(1, 0), t.Context()
	encoded, err := p.Hash(ctx, "three unrelated words")
	if err != nil {
		t.Fatal(err)
	}
	if !regexp.MustCompile(`^\$argon2id\$v=19\$m=19456,t=2,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$`).MatchString(encoded) {
		t.Errorf("stored as %q", encoded)
	}
	for password, want := range map[string]bool{
		"three unrelated words":  true,
		"three unrelated word":   false,
		"Three unrelated words":  false,
		"three unrelated words ": false,
		"":                       false,
	} {
		ok, stale, err := p.Verify(ctx, encoded, password)
		if ok != want || stale || err != nil {
			t.Errorf("%q: %t, stale %t, %v", password, ok, stale, err)
		}
	}
	if again, err := p.Hash(ctx, "three unrelated words"); err != nil || again == encoded {
		t.Errorf("hashed twice alike: %v", err)
	}
}

// Test vectors of the reference implementation (phc-winner-argon2, src/test.c, version 0x13, argon2id).
func TestPasswordsOfTheReferenceImplementation(t *testing.T) {
	p := NewPasswords(1, 0)
	for _, test := range []struct {
		password, encoded string
		want              bool
	}{
		{"password", "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc", true},
		{"password", "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4", true},
		{"password", "$argon2id$v=19$m=256,t=2,p=2$c29tZXNhbHQ$bQk8UB/VmZZF4Oo79iDXuL5/0ttZwg2f/5U52iv1cDc", true},
		{"passwore", "$argon2id$v=19$m=256,t=2,p=2$c29tZXNhbHQ$bQk8UB/VmZZF4Oo79iDXuL5/0ttZwg2f/5U52iv1cDc", false},
	} {
		ok, stale, err := p.Verify(t.Context(), test.encoded, test.password)
		if ok != test.want || !stale || err != nil {
			t.Errorf("%s: %t, stale %t, %v", test.encoded, ok, stale, err)
		}
	}
}

func TestLongAndOddPasswords(t *testing.T) {
	p := NewPasswords(1, 0)
	for _, password := range []string{"", strings.Repeat("x", 256), strings.Repeat("\U0001f511", 256), "a\x00b", "\xff\xfe"} {
		encoded := cheap(password)
		if ok, _, err := p.Verify(t.Context(), encoded, password); !ok || err != nil {
			t.Errorf("%.20q: %t, %v", password, ok, err)
		}
		if ok, _, err := p.Verify(t.Context(), encoded, password+"x"); ok || err != nil {
			t.Errorf("%.20q and one more: %t, %v", password, ok, err)
		}
	}
	if ok, _, _ := p.Verify(t.Context(), cheap("a\x00b"), "a\x00c"); ok {
		t.Error("what follows a zero byte does not count")
	}
}

const (
	goodSalt = "c29tc2FsdHNvbWVzYWx0AA"
	goodSum  = "CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
)

// A hash that cannot be read is trouble with the database, never a wrong password (I11), and a planted one cannot take
// all memory or time.
func TestVerifyRefusesWhatIsNotOurs(t *testing.T) {
	p := NewPasswords(1, 0)
	head := "$argon2id$v=19$m=19456,t=2,p=1$"
	if _, err := parsePHC(head + goodSalt + "$" + goodSum); err != nil {
		t.Fatalf("the good one: %v", err)
	}
	for name, encoded := range map[string]string{
		"empty":             "",
		"plain":             "password",
		"bcrypt":            "$2b$12$abcdefghijklmnopqrstuuABCDEFGHIJKLMNOPQRSTUVWXYZ01234",
		"argon2i":           "$argon2i$v=19$m=19456,t=2,p=1$" + goodSalt + "$" + goodSum,
		"argon2d":           "$argon2d$v=19$m=19456,t=2,p=1$" + goodSalt + "$" + goodSum,
		"version 16":        "$argon2id$v=16$m=19456,t=2,p=1$" + goodSalt + "$" + goodSum,
		"no version":        "$argon2id$m=19456,t=2,p=1$" + goodSalt + "$" + goodSum,
		"4 TiB":             "$argon2id$v=19$m=4294967295,t=2,p=1$" + goodSalt + "$" + goodSum,
		"64 MiB and 1 KiB":  "$argon2id$v=19$m=65537,t=2,p=1$" + goodSalt + "$" + goodSum,
		"over 32 bits":      "$argon2id$v=19$m=4294967304,t=2,p=1$" + goodSalt + "$" + goodSum,
		"9 passes":          "$argon2id$v=19$m=19456,t=9,p=1$" + goodSalt + "$" + goodSum,
		"no passes":         "$argon2id$v=19$m=19456,t=0,p=1$" + goodSalt + "$" + goodSum,
		"no lanes":          "$argon2id$v=19$m=19456,t=2,p=0$" + goodSalt + "$" + goodSum,
		"5 lanes":           "$argon2id$v=19$m=19456,t=2,p=5$" + goodSalt + "$" + goodSum,
		"257 lanes":         "$argon2id$v=19$m=19456,t=2,p=257$" + goodSalt + "$" + goodSum,
		"too little memory": "$argon2id$v=19$m=7,t=2,p=1$" + goodSalt + "$" + goodSum,
		"negative":          "$argon2id$v=19$m=-1,t=2,p=1$" + goodSalt + "$" + goodSum,
		"leading zero":      "$argon2id$v=19$m=019456,t=2,p=1$" + goodSalt + "$" + goodSum,
		"other order":       "$argon2id$v=19$t=2,m=19456,p=1$" + goodSalt + "$" + goodSum,
		"one more":          "$argon2id$v=19$m=19456,t=2,p=1,x=1$" + goodSalt + "$" + goodSum,
		"no salt":           head + "$" + goodSum,
		"short salt":        head + "c29tZXNhbA$" + goodSum,
		"long salt":         head + strings.Repeat("A", 88) + "$" + goodSum,
		"salt not base64":   head + "!!!!!!!!!!!!!!!!!!!!!!$" + goodSum,
		"stray bits":        head + goodSalt[:21] + "B$" + goodSum,
		"line end in salt":  head + goodSalt[:4] + "\n" + goodSalt[4:] + "$" + goodSum,
		"no hash":           head + goodSalt,
		"empty hash":        head + goodSalt + "$",
		"short hash":        head + goodSalt + "$" + goodSum[:10],
		"long hash":         head + goodSalt + "$" + strings.Repeat("A", 88),
		"padded":            head + goodSalt + "$" + goodSum + "=",
		"more after":        head + goodSalt + "$" + goodSum + "$",
		"very long":         head + strings.Repeat("A", 1<<20),
	} {
		ok, stale, err := p.Verify(t.Context(), encoded, "password")
		if !errors.Is(err, ErrPasswordHash) || ok || stale {
			t.Errorf("%s: %t, %t, %v", name, ok, stale, err)
		}
		if err != nil && len(encoded) > 40 && strings.Contains(err.Error(), goodSum[:20]) {
			t.Errorf("%s: the message repeats the hash: %v", name, err)
		}
	}
}

func TestStaleHashes(t *testing.T) {
	p := NewPasswords(1, 0)
	ok, stale, err := p.Verify(t.Context(), cheap("password"), "password")
	if !ok || !stale || err != nil {
		t.Errorf("a cheaper hash: %t, stale %t, %v", ok, stale, err)
	}
	ok, stale, err = p.Verify(t.Context(), cheap("password"), "wrong")
	if ok || !stale || err != nil {
		t.Errorf("a cheaper hash, wrong password: %t, stale %t, %v", ok, stale, err)
	}
}

// When all cores hash and the queue is full, every verb turns away at once, with an error and no verdict.
func TestFullQueueIsBusyAtOnce(t *testing.T) {
	p := NewPasswords(1, 0)
	p.running <- struct{}{}
	if _, err := p.Hash(t.Context(), "x"); !errors.Is(err, ErrBusy) {
		t.Errorf("hash: %v", err)
	}
	if ok, _, err := p.Verify(t.Context(), cheap("x"), "x"); !errors.Is(err, ErrBusy) || ok {
		t.Errorf("verify: %t, %v", ok, err)
	}
	if err := p.Waste(t.Context()); !errors.Is(err, ErrBusy) {
		t.Errorf("waste: %v, so an unknown account looks different from a known one", err)
	}
	<-p.running
	if ok, _, err := p.Verify(t.Context(), cheap("x"), "x"); err != nil || !ok {
		t.Errorf("after the slot was given back: %t, %v", ok, err)
	}
	if err := p.Waste(t.Context()); err != nil || len(p.running) != 0 {
		t.Errorf("waste: %v, %d still running", err, len(p.running))
	}
}

func TestWaitersAreServedInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const waiters = 5
		p := NewPasswords(1, waiters)
		p.running <- struct{}{}
		var mu sync.Mutex
		var order []int
		for i := range waiters {
			go func() {
				if err := p.enter(t.Context()); err != nil {
					t.Errorf("waiter %d: %v", i, err)
				}
				mu.Lock()
				order = append(order, i)
				mu.Unlock()
			}()
			synctest.Wait() // i waits before i+1 comes
		}
		if err := p.enter(t.Context()); !errors.Is(err, ErrBusy) {
			t.Errorf("one more than may wait: %v", err)
		}
		for i := range waiters {
			<-p.running
			synctest.Wait()
			mu.Lock()
			if len(order) != i+1 || order[i] != i {
				t.Errorf("served %v", order)
			}
			mu.Unlock()
		}
		if got := p.waiting.Load(); got != 0 {
			t.Errorf("%d still counted as waiting", got)
		}
	})
}

func TestWaitingEndsWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := NewPasswords(1, 1)
		p.running <- struct{}{}
		ctx, cancel := context.WithCancel(t.Context())
		result := make(chan error, 1)
		go func() {
			ok, _, err := p.Verify(ctx, cheap("x"), "x")
			result <- errors.Join(err, fmt.Errorf("ok=%t", ok))
		}()
		synctest.Wait()
		cancel()
		if err := <-result; !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "ok=false") {
			t.Errorf("got %v", err)
		}
		if got := p.waiting.Load(); got != 0 {
			t.Errorf("%d still counted as waiting: the queue would shrink with every visitor who leaves", got)
		}
		<-p.running
		if err := p.enter(ctx); !errors.Is(err, context.Canceled) || len(p.running) != 0 {
			t.Errorf("entered with an ended context: %v", err)
		}
	})
}

func TestNoMoreHashesAtOnceThanAllowed(t *testing.T) {
	p := NewPasswords(0, -5) // at least one runs, none waits
	if cap(p.running) != 1 || p.queue != 0 {
		t.Errorf("%d at once, queue %d", cap(p.running), p.queue)
	}
	p = NewPasswords(2, 100)
	var wg sync.WaitGroup
	for range 40 {
		wg.Go(func() {
			if ok, _, err := p.Verify(context.Background(), cheap("x"), "x"); !ok || err != nil {
				t.Errorf("%t, %v", ok, err)
			}
			if n := len(p.running); n > 2 {
				t.Errorf("%d at once", n)
			}
		})
	}
	wg.Wait()
	if len(p.running) != 0 || p.waiting.Load() != 0 {
		t.Errorf("%d running and %d waiting at the end", len(p.running), p.waiting.Load())
	}
}

func FuzzPasswordHash(f *testing.F) {
	for _, seed := range []string{
		"", cheap("x"), "$argon2id$v=19$m=19456,t=2,p=1$" + goodSalt + "$" + goodSum,
		"$argon2id$v=19$m=4294967295,t=2,p=1$" + goodSalt + "$" + goodSum, "$argon2id$v=19$m=,t=,p=$$", "$$$$$",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, encoded string) {
		h, err := parsePHC(encoded)
		if err != nil {
			if !errors.Is(err, ErrPasswordHash) {
				t.Fatalf("%q: %v", encoded, err)
			}
			return
		}
		if h.String() != encoded {
			t.Fatalf("%q is written again as %q", encoded, h)
		}
		if h.memory > maxMemory || h.time < 1 || h.time > maxTime || h.threads < 1 || h.threads > maxThreads ||
			len(h.salt) > 64 || len(h.sum) > 64 || len(h.sum) < 16 {
			t.Fatalf("%q asks for absurd work", encoded)
		}
	})
}

// Full says what the next hash would be told, and takes nothing.
func TestFullTellsBeforehand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := NewPasswords(1, 1)
		done, err := p.Turn(t.Context())
		if err != nil || p.Full() {
			t.Fatalf("one runs, and one may wait: full %t, %v", p.Full(), err)
		}
		go func() {
			second, err := p.Turn(t.Context())
			if err != nil {
				t.Error(err)
				return
			}
			second()
		}()
		synctest.Wait()
		if !p.Full() {
			t.Error("one runs and one waits, and it is not full")
		}
		if _, err := p.Turn(t.Context()); !errors.Is(err, ErrBusy) {
			t.Errorf("a third: %v", err)
		}
		done()
		synctest.Wait()
		if p.Full() {
			t.Error("full with nobody in it")
		}
	})
}
