package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// fullRun skips a test that takes too long for a plain "go test ./...": it runs with "make test".
func fullRun(t *testing.T) {
	t.Helper()
	if os.Getenv("LATCHKEY_FULL") == "" {
		t.Skip("runs with LATCHKEY_FULL=1, as make test sets it")
	}
}

// needs skips a full test where something it needs is not installed; in CI that is a failure.
func needs(t *testing.T, present bool, what string) {
	t.Helper()
	fullRun(t) // asks for LATCHKEY_FULL
	switch {
	case present:
	case os.Getenv("CI") == "true":
		t.Fatalf("%s is not installed (see .ci/prepare), and in CI nothing is skipped", what)
	default:
		t.Skipf("%s is not installed; .ci/prepare installs it when it may", what)
	}
}

// browser is one Chromium with a profile of its own, ended with the test.
type browser struct {
	ctx context.Context
}

// newBrowser starts the distribution's Chromium. It talks to nobody but the pages it is sent to.
func newBrowser(t *testing.T) *browser {
	t.Helper()
	program := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			program = found
			break
		}
	}
	needs(t, program != "", "Chromium")
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(program),
		chromedp.NoSandbox, // tests may run as root in a container, where Chromium's own sandbox cannot start
		chromedp.DisableGPU,
		chromedp.UserDataDir(t.TempDir()),
		chromedp.Env("TMPDIR="+t.TempDir()), // or it leaves directories behind
		// The driver cannot follow a page that comes back from memory; without that, back loads it again.
		chromedp.Flag("disable-features", "Translate,BackForwardCache"),
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-domain-reliability", true),
		chromedp.Flag("hide-scrollbars", true),
		chromedp.WSURLReadTimeout(time.Minute),
	)
	ctx, cancel := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(cancel)
	ctx, stop := chromedp.NewContext(ctx)
	t.Cleanup(stop)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatal("start Chromium:", err)
	}
	return &browser{ctx: ctx}
}

// look is how a person's browser is set.
type look struct {
	scriptOff bool
	dark      bool
	width     int64 // CSS pixels; 0 is 1024
}

// tab is one person's browser: cookies of its own, and a note of whatever it complained about.
type tab struct {
	t    *testing.T
	ctx  context.Context
	look look

	mu         sync.Mutex
	complaints []string
}

// patience is how long a tab waits for a page. It is a limit, not a measurement: nothing is asserted about time.
const patience = 60 * time.Second

// tab opens a window with cookies of its own.
func (b *browser) tab(t *testing.T, l look) *tab {
	t.Helper()
	ctx, cancel := chromedp.NewContext(b.ctx, chromedp.WithNewBrowserContext())
	t.Cleanup(cancel)
	return openTab(t, ctx, l)
}

// openTab opens the tab that ctx stands for and listens to it.
func openTab(t *testing.T, ctx context.Context, l look) *tab {
	t.Helper()
	tb := &tab{t: t, ctx: ctx, look: l}
	if err := chromedp.Do(ctx); err != nil {
		t.Fatal("open a tab:", err)
	}
	if err := chromedp.Listen(ctx, tb.listen); err != nil {
		t.Fatal(err)
	}
	tb.set(l)
	return tb
}

// listen notes what the console says: violations of the content policy, errors of scripts, and requests that
// the browser refused.
func (tb *tab) listen(event any) {
	tb.mu.Lock()
	defer tb.mu.Unlock()
	switch e := event.(type) {
	case *log.EventEntryAdded:
		// An answer of 4xx or 5xx is a line of the network in the console, and those are asserted on their own.
		if e.Entry.Source != log.EntrySourceNetwork && (e.Entry.Level == log.EntryLevelError || e.Entry.Level == log.EntryLevelWarning) {
			tb.complaints = append(tb.complaints, string(e.Entry.Source)+": "+e.Entry.Text)
		}
	case *runtime.EventExceptionThrown:
		tb.complaints = append(tb.complaints, "exception: "+e.ExceptionDetails.Text)
	case *runtime.EventConsoleAPICalled:
		tb.complaints = append(tb.complaints, "console."+string(e.Type))
	case *network.EventLoadingFailed:
		if e.BlockedReason != "" {
			tb.complaints = append(tb.complaints, "blocked: "+string(e.BlockedReason)+" "+e.ErrorText)
		}
	}
}

// quiet fails the test for every complaint since the last call.
func (tb *tab) quiet(where string) {
	tb.t.Helper()
	tb.mu.Lock()
	defer tb.mu.Unlock()
	for _, c := range tb.complaints {
		tb.t.Errorf("%s: the browser complains: %s", where, c)
	}
	tb.complaints = nil
}

// set changes how the browser is set; it holds for the page that is shown, but for scripts from the next page on.
func (tb *tab) set(l look) {
	tb.t.Helper()
	tb.look = l
	scheme := "light"
	if l.dark {
		scheme = "dark"
	}
	width := l.width
	if width == 0 {
		width = 1024
	}
	media := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}}
	_, err := chromedp.Call(tb.ctx, emulation.SetEmulatedMedia, media)
	tb.must("set the colour scheme", err)
	_, err = chromedp.Call(tb.ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: l.scriptOff})
	tb.must("switch scripts", err)
	tb.must("set the width", chromedp.Do(tb.ctx, chromedp.EmulateViewport(width, 800)))
}

func (tb *tab) must(what string, err error) {
	tb.t.Helper()
	if err != nil {
		tb.t.Fatalf("%s: %v", what, err)
	}
}

// visit loads an address and returns the status of the answer.
func (tb *tab) visit(address string) int64 {
	tb.t.Helper()
	ctx, cancel := context.WithTimeout(tb.ctx, patience)
	defer cancel()
	response, err := chromedp.Run(ctx, chromedp.NavigateResponse(address))
	tb.must("visit "+address, err)
	if response == nil {
		return 0
	}
	return response.Status
}

// evaluate runs an expression in a world of its own beside the page: the page's content policy does not apply to it.
// With scripts switched off it still runs, but no timer fires, so a promise may wait for ever.
func evaluate[T any](tb *tab, expression string) T {
	tb.t.Helper()
	ctx, cancel := context.WithTimeout(tb.ctx, patience)
	defer cancel()
	var value T
	var err error
	for range 5 {
		// The page may be on its way to the next one, and then the world is gone before it is asked.
		if value, err = evaluateOnce[T](ctx, expression); err == nil || !strings.Contains(err.Error(), "Cannot find context") {
			break
		}
	}
	if err != nil {
		tb.t.Errorf("evaluate %.80s: %v", expression, err)
	}
	return value
}

// holds asks the page until a condition holds, as long as a tab waits for a page. What a browser does once it has loaded a page, such
// as moving the focus, may be still to come when it is first asked; and with scripts switched off nothing in the page can wait.
func (tb *tab) holds(condition string) bool {
	tb.t.Helper()
	ctx, cancel := context.WithTimeout(tb.ctx, patience)
	defer cancel()
	for {
		held, err := evaluateOnce[bool](ctx, condition)
		switch {
		case held || ctx.Err() != nil:
			return held
		case err != nil && !strings.Contains(err.Error(), "Cannot find context"):
			tb.t.Errorf("evaluate %.80s: %v", condition, err)
			return false
		}
	}
}

func evaluateOnce[T any](ctx context.Context, expression string) (T, error) {
	var zero T
	tree, err := chromedp.Call(ctx, page.GetFrameTree, cdp.Empty{})
	if err != nil {
		return zero, err
	}
	world, err := chromedp.Call(ctx, page.CreateIsolatedWorld, page.CreateIsolatedWorldParams{FrameID: tree.FrameTree.Frame.ID, WorldName: "latchkey"})
	if err != nil {
		return zero, err
	}
	return chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise, func(p *runtime.EvaluateParams) {
		p.ContextID = world.ExecutionContextID
	}))
}

// screenshots is where pictures of pages are kept for a person to look at; git ignores it.
func screenshots(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs(filepath.Join("..", "..", "testdata", "screenshots"))
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// picture keeps the whole page as name.png under screenshots.
func (tb *tab) picture(name string) {
	tb.t.Helper()
	png, err := chromedp.Run(tb.ctx, chromedp.FullScreenshot(100))
	tb.must("take a picture", err)
	file := filepath.Join(screenshots(tb.t), filepath.FromSlash(strings.ReplaceAll(name, " ", "-"))+".png")
	tb.must("keep a picture", os.MkdirAll(filepath.Dir(file), 0o755))
	tb.must("keep a picture", os.WriteFile(file, png, 0o644))
}
