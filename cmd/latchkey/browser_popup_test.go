package main

import (
	"context"
	"testing"

	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"
)

// An official sample walks through the authorize page in a pop-up window, whose last page, the partner's again, tells the window
// that opened it by window.opener. Our pages belong to nobody's group of windows (Cross-Origin-Opener-Policy), or an opener could
// lead the window elsewhere under the customer's hands; so the whole claim works in a pop-up, and there is no opener at its end. What
// pages of one origin can say to each other by a BroadcastChannel arrives.
func TestBrowserPopup(t *testing.T) {
	b := newBrowser(t)
	p := newPerson(t, b, startSandbox(t), look{})
	p.knownToPartner()
	opener := p.tab
	opened := chromedp.WaitNewTarget(opener.ctx, func(i *target.Info) bool { return i.Type == "page" && i.OpenerID != "" })
	_, err := chromedp.Run(opener.ctx, chromedp.Evaluate[bool](`window.said = new Promise(heard => new BroadcastChannel("claim").onmessage = e => heard(e.data));
		!!(window.popup = window.open("/go", "claim", "width=580,height=800"))`, func(params *runtime.EvaluateParams) { params.UserGesture = new(true) }))
	p.must("open a pop-up", err)
	ctx, cancel := chromedp.NewContext(opener.ctx, chromedp.WithTargetID(<-opened))
	t.Cleanup(cancel)
	p.tab = openTab(t, ctx, look{})
	p.visit(p.sb.demoURL + "/go")
	if evaluate[bool](p.tab, "window.opener === null") {
		t.Fatal("the pop-up has no opener before it comes to us: the test shows nothing")
	}
	p.press(`[name=go]`)
	p.secures()
	p.decides()
	if !evaluate[bool](p.tab, "window.opener === null") {
		t.Error("the page at the end of the claim reaches the window that opened it")
	}
	if got, err := chromedp.Run(opener.ctx, chromedp.Evaluate[bool]("window.popup.closed")); err != nil || !got {
		t.Errorf("the opener still holds the pop-up: %t, %v", !got, err)
	}
	evaluate[string](p.tab, `new BroadcastChannel("claim").postMessage("claimed"), ""`)
	said, stop := context.WithTimeout(opener.ctx, patience)
	defer stop()
	if got, err := chromedp.Run(said, chromedp.Evaluate[string]("window.said", chromedp.EvalAwaitPromise)); err != nil || got != "claimed" {
		t.Errorf("the opener heard %q, %v", got, err)
	}
}
