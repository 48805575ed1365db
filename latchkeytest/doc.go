// Package latchkeytest is a true Latchkey server in a partner's test: one call starts it on loopback, with a database of its
// own, a registered partner, a clock to turn and a mailbox to read. Its [Customer] is a person with a browser, who walks the
// pages as they are served, so that a partner's test covers the whole claim without a network or a mock:
//
//	server := latchkeytest.NewServer(t)
//	client := server.Client()
//	...                                                  // open the account, fill it in, mint a claim code
//	customer := server.NewCustomer("mira.kade@example.org")
//	back, err := customer.Claim(ctx, client.AuthorizeURL(request))
//	answer, err := latchkey.ParseReturn(back, state)     // and exchange the code
//
// Every expiry can be met by [Server.Advance], every page by the customer's single steps; [Customer.Page] says where the
// person stands, by the ids that stand in the pages ("c1" to "c11", "e1" and so on), never by words.
//
// Notifications go to receivers on this machine too, such as an httptest server's, by plain http. What a sandbox rehearses is
// there: simulated verifications and reviews, and one-time tokens.
//
// Time stands still until it is advanced. Nothing here sleeps, and several servers may run at once.
package latchkeytest
