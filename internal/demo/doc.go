// Package demo is what makes the sandbox a place to try everything in: the pages under /dev (mailbox, authenticator app,
// clock), a small partner app of an invented brand that shows each API call beside the page it belongs to, and the check
// that walks all of it as a browser would.
//
// Bench measures any server beside what the machine can do; it is behind "latchkey bench".
//
// The rest does not exist outside "latchkey dev". It holds no rights of its own: the partner app talks to the server as any
// partner does, through the client package, and the check sees only what a browser sees.
package demo
