// Package api is the door for machines: the endpoints that partners call, in JSON (contract sections 1, 3 to 6 and 8). It
// reads a request, calls one verb of a noun and writes the answer; it decides nothing and starts no transaction.
//
// [Door.Handler] is the whole API. Its map is routes.go, where each line shows who may call it and with which scope. What
// every answer has in common is in call.go: trace id, correlation id, no-store, limits on size and volume. What can go
// wrong is one table in refusal.go, silent by default: an error that has no row there is logged and answered with an
// apology that names the trace id (I9).
package api
