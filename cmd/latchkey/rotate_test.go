package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/secret"
)

// TestMasterKeyRotatesUnderKills walks the drill of docs/operating.md against a server that is killed with SIGKILL at random moments of
// it (I7): rotate, come into use, everything rewritten, drop, start with the new key alone. Partners that are told of success
// find everything afterwards.
func TestMasterKeyRotatesUnderKills(t *testing.T) {
	fullRun(t)
	dir := t.TempDir()
	data := filepath.Join(dir, "data")
	seed := write(t, dir, "seed.yaml", "partners:\n"+ledgerSeed())
	var ports [2]string
	for i := range ports {
		var err error
		if ports[i], err = freePort(); err != nil {
			t.Fatal(err)
		}
	}
	m := &mortal{t: t, args: []string{"dev", "--addr", "localhost:" + ports[0], "--demo-addr", "127.0.0.1:" + ports[1], "--data", data, "--seed", seed}}
	m.start()
	t.Cleanup(m.kill)
	l := &ledger{t: t, url: "http://localhost:" + ports[0]}
	l.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	opens := func(count int) {
		for n := 0; n < count; n++ {
			e := &promise{client: fmt.Sprintf("ledger-%d", n%ledgerPartners), email: secret.UUID() + "@example.org", registration: secret.Text(32)}
			if !l.customer(e) { // too often for one second (contract 3.1)
				count++
				if <-time.After(200 * time.Millisecond); count > 400 {
					t.Fatalf("a customer was not opened: %+v", e)
				}
			}
			l.promises = append(l.promises, e)
		}
	}
	opens(40)
	settings := []string{"--data", data, "--master-key-file", filepath.Join(data, sandboxKey)}
	key := func(args ...string) []listedMaster {
		t.Helper()
		out, _ := command(t, exitDone, append(append([]string{"key"}, args...), append(settings, "--json")...)...)
		var list []listedMaster
		if err := json.Unmarshal([]byte(out), &list); err != nil {
			t.Fatal(err)
		}
		return list
	}
	for _, what := range []string{"notifications", "receipts"} { // sealed under the first key
		command(t, exitDone, append([]string{"key", "rotate", "--for", what}, settings...)...)
	}
	if list := key("rotate", "--for", "master", "--in", "0s"); len(list) != 2 || len(list[0].Files) != 2 || list[1].State != masterComing {
		t.Errorf("after the rotation: %+v", list)
	}
	m.kill()
	m.start()
	opens(3)
	// Four minutes pass, and from there on the server works while it is killed again and again.
	tamper(t, data, "UPDATE master_key SET at = at - 240000 WHERE version = 2")
	m.kill()
	m.start()
	settled := func() bool {
		list := key("list", "--for", "master")
		return len(list) == 2 && list[0].State == masterUnused
	}
	end := time.Now().Add(2 * time.Minute)
	for kills := 0; kills < 5 || !settled(); kills++ {
		if time.Now().After(end) {
			t.Fatalf("not rewritten: %+v", key("list", "--for", "master"))
		}
		<-time.After(time.Duration(200+300*kills) * time.Millisecond)
		m.kill()
		m.start()
	}
	opens(3)
	for _, e := range l.promises {
		l.compare(e)
	}
	m.kill()
	if list := key("drop", "1"); list[0].State != masterDropped {
		t.Errorf("%+v", list)
	}
	left, err := os.ReadFile(filepath.Join(data, sandboxKey))
	if err != nil || strings.Contains(string(left), "1:") || !strings.HasPrefix(string(left), "2:") {
		t.Errorf("the key file still has the old key, or not the new one: %v", err)
	}
	m.start()
	for _, e := range l.promises {
		l.compare(e)
	}
	opens(1)
	m.chainHolds()
	if list := key("list", "--for", "master"); list[0].State != masterDropped || list[1].State != masterSeals || len(list[1].Files) != 2 {
		t.Errorf("at the end: %+v", list)
	}
	t.Logf("%d customers, %d kills", len(l.promises), m.kills)
}
