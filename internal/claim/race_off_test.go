//go:build !race

package claim_test

// underRace: the race detector makes everything ten times slower.
const underRace = false
