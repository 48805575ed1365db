package api

import (
	"context"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/store"
)

// A watchedStore notes what the files that it saves look like within the transaction that writes.
type watchedStore struct {
	customer.Store
	saved *[]customer.SealedFile
}

type watchedTx struct {
	customer.Tx
	saved *[]customer.SealedFile
}

func (s watchedStore) Change(ctx context.Context, fn func(customer.Tx) (audit.Event, error)) error {
	return s.Store.Change(ctx, func(tx customer.Tx) (audit.Event, error) { return fn(watchedTx{tx, s.saved}) })
}

func (tx watchedTx) SealFile(customer.File) (customer.SealedFile, error) {
	panic("sealed while everybody else waits")
}

func (tx watchedTx) SaveFile(f customer.SealedFile) error {
	*tx.saved = append(*tx.saved, f)
	return tx.Tx.SaveFile(f)
}

// Megabytes are sealed before the one who writes is asked, on both ways in, and what is stored opens again.
func TestFilesAreSealedBeforeTheWrite(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var saved []customer.SealedFile
	w.door.Customers.Store = watchedStore{store.Customers{DB: w.db}, &saved}
	w.Config.Handler = w.door.Handler()
	p := w.open(acme, "mira.kade@example.org")
	own := w.profile(p)
	review := w.newReview(p, own)
	id := decimal(own)
	w.submit(p, "/v2/profiles/"+id+"/kyc-requirements/ID_DOCUMENT", `{"data":{},"version":"V1","kycReviewId":"`+review+`"}`, "files", pdf).want(t, 202, `{}`)
	w.upload(p, "/v3", id, sent{"documentType", "", "ADDRESS_PROOF"}, sent{"files", "a.pdf", pdf + "1"}, sent{"files", "b.pdf", pdf + "2"}).want(t, 204, "")
	if len(saved) != 3 {
		t.Fatalf("%d files", len(saved))
	}
	for i, f := range saved {
		if f.Content != nil || len(f.Sealed) <= len(pdf) || strings.Contains(string(f.Sealed), "%PDF") {
			t.Errorf("saved as %q", f.Sealed)
		}
		must(t, store.Customers{DB: w.db}.View(t.Context(), func(tx customer.Tx) error {
			read, err := tx.File(f.ID)
			if want := pdf + []string{"", "1", "2"}[i]; string(read.Content) != want || read.Size != int64(len(want)) {
				t.Errorf("read %q of %d", read.Content, read.Size)
			}
			return err
		}))
	}
}

// Fifty megabytes are taken while others write. How long the slowest of them waited is printed, and depends on the disk.
func TestUploadBesideWrites(t *testing.T) {
	if os.Getenv("LATCHKEY_FULL") == "" {
		t.Skip("LATCHKEY_FULL is not set")
	}
	w := newWorld(t)
	p := w.open(acme, "mira.kade@example.org")
	own := customer.ProfileID(w.profile(p))
	files := make([]customer.File, customer.MostFiles)
	for i := range files {
		files[i] = customer.File{Name: "a.pdf", Media: "application/pdf", Content: []byte(pdf + strings.Repeat("x", customer.LargestFile-len(pdf)))}
	}
	caller, stop := w.caller(p), make(chan struct{})
	var wait sync.WaitGroup
	var slowest, before time.Duration
	writes := 0
	write := func() time.Duration {
		began := time.Now()
		if err := w.door.Customers.SetWindow(t.Context(), caller, own, writes%2 == 0); err != nil {
			t.Error(err)
		}
		writes++
		return time.Since(began)
	}
	for range 20 {
		before = max(before, write())
	}
	wait.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				slowest = max(slowest, write())
			}
		}
	})
	began := time.Now()
	must(t, w.door.Customers.Upload(t.Context(), caller, own, "ADDRESS_PROOF", files))
	whole := time.Since(began)
	close(stop)
	wait.Wait()
	t.Logf("upload %v; slowest write beside it %v of %d, without it %v", whole, slowest, writes, before)
	if stored := w.files(p, decimal(int64(own))); len(stored) != customer.MostFiles {
		t.Errorf("%d files", len(stored))
	}
}
