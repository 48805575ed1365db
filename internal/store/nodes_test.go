package store

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/limit"
	"github.com/latchkey-id/latchkey/internal/partner"
	"github.com/latchkey-id/latchkey/internal/secret"
)

// A guessed node is what one process of several knows: its own connections, nothing of another's memory.
type guessed struct {
	signIns  customer.SignIns
	partners partner.Partners
}

// twoNodes are two over one database. A file has one process, so there the second one is a second set of nouns over it.
func twoNodes(t *testing.T, now func() time.Time, test func(t *testing.T, db *DB, nodes []guessed)) {
	passwords := secret.NewPasswords(2, 64)
	passwords.Memory = 8
	make2 := func(t *testing.T, one, two *DB) {
		var nodes []guessed
		for _, db := range []*DB{one, two} {
			ids := secret.NewIDs(now)
			nodes = append(nodes, guessed{customer.SignIns{Store: SignIns{For[customer.SignInTx]{db}}, Keys: testKeys(t), IDs: ids, Passwords: passwords, Now: now},
				partner.Partners{Store: Partners{db}, IDs: ids, Now: now}})
		}
		test(t, one, nodes)
	}
	t.Run("sqlite", func(t *testing.T) {
		db := openTest(t, filepath.Join(t.TempDir(), "test.db"))
		make2(t, db, db)
	})
	t.Run("postgres", func(t *testing.T) {
		place := postgresTest(t)
		make2(t, openTest(t, place), openTest(t, place))
	})
}

// TestLimitsOfAllNodes: guesses that are spread over two nodes, many at once, get no more than they would at one: passwords by
// account and network and by account over all networks, a known device's, and client secrets (I12).
func TestLimitsOfAllNodes(t *testing.T) {
	clock := time.UnixMilli(1_800_000_000_000).UTC()
	now := func() time.Time { return clock }
	const email = "mira.kade@example.org"
	twoNodes(t, now, func(t *testing.T, db *DB, nodes []guessed) {
		withAccount(t, db, owner, email)
		hash, err := nodes[0].signIns.Passwords.Hash(t.Context(), "unrelated violet gravel lamp")
		must(t, err)
		must(t, db.change(t.Context(), func(tx *Tx) (audit.Event, error) {
			a, err := tx.Account(owner)
			must(t, err)
			a.State, a.Credentials.PasswordHash = customer.Claimed, hash
			d := customer.Device{ID: 5, Account: owner, Digest: secret.Hash("device"), Epoch: a.Epoch, SessionEpoch: a.SessionEpoch, ExpiresAt: clock.Add(day)}
			return happened(1), errors.Join(tx.SaveAccount(&a), tx.SaveDevice(&d))
		}))
		_, _, err = nodes[0].partners.Add(t.Context(), partner.Registration{ClientID: "acme-treasury", Secret: "not-so-secret", Name: "Acme Treasury",
			RedirectURIs: []string{"https://app.acme.example/cb"}}, audit.Actor{Kind: audit.ActorOperator})
		must(t, err)

		if got := compared(20, func(n int) error {
			_, err := nodes[n%2].signIns.Password(t.Context(), customer.SessionKey{}, email, fmt.Sprint("guess ", n), false, customer.Origin{Network: "192.0.2.0/24"})
			return err
		}, customer.ErrSignIn); got != 5 {
			t.Errorf("%d guesses from one network were compared", got)
		}
		if got := compared(20, func(n int) error {
			_, err := nodes[n%2].signIns.Password(t.Context(), customer.SessionKey{}, email, fmt.Sprint("guess ", n), false,
				customer.Origin{Network: "192.0.2.0/24", Devices: []customer.DeviceKey{{Account: owner, Secret: "device"}}})
			return err
		}, customer.ErrSignIn); got != 5 {
			t.Errorf("%d guesses of a known device were compared", got)
		}
		must(t, db.change(t.Context(), func(tx *Tx) (audit.Event, error) { // the rest of the day's hundred but three
			for range 92 {
				must(t, limit.Spend(tx, limit.NewKey(limit.KindAccount, fmt.Sprint(int64(owner))), clock))
			}
			return happened(2), nil
		}))
		if got := compared(12, func(n int) error {
			_, err := nodes[n%2].signIns.Password(t.Context(), customer.SessionKey{}, email, fmt.Sprint("guess ", n), false, customer.Origin{Network: fmt.Sprint("network ", n)})
			return err
		}, customer.ErrSignIn); got != 3 {
			t.Errorf("%d guesses of a distributed guesser were compared, want the three that were left", got)
		}
		refused := 0
		for n := range 15 {
			_, _, err := nodes[n%2].partners.Authenticate(t.Context(), partner.Proof{ClientID: "acme-treasury", Secret: strings.Repeat("x", n), Network: "192.0.2.0/24"})
			if errors.Is(err, limit.ErrExceeded) {
				refused++
			}
		}
		if refused != 5 {
			t.Errorf("%d of 15 wrong client secrets were slowed down", refused)
		}
	})
}

// compared makes n tries at once and counts those that were compared and wrong. One that met trouble, since so many wrote the same
// row, is made again, as a person would.
func compared(n int, try func(int) error, wrong error) int {
	var mu sync.Mutex
	var all sync.WaitGroup
	count := 0
	for i := range n {
		all.Go(func() {
			err := try(i)
			for errors.Is(err, ErrUnavailable) {
				err = try(i)
			}
			mu.Lock()
			defer mu.Unlock()
			if errors.Is(err, wrong) {
				count++
			}
		})
	}
	all.Wait()
	return count
}
