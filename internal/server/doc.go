// Package server puts the parts together: store, nouns, the two doors and the loops behind them become one http.Handler.
// The command, the test kit and every test of the whole get their server here, so that what is tested is what runs.
//
// It adds what belongs to no door: which door a request goes to, where a request came from behind the proxies that the
// operator trusts, the request log, the answers to /livez and /readyz, limits of time and size, and the end of the
// process without an unfinished answer.
package server
