# What a contributor runs. Needs Go and make; .ci/prepare installs the rest for "test" when it may.

GO ?= go

# The packages in which goroutines meet: shared commits, limits, delivery, and whoever drives them.
RACE = ./internal/limit ./internal/claim ./internal/grant ./internal/notify ./internal/secret ./internal/store

# How long "fuzz-short" spends on each fuzz function.
FUZZ_TIME ?= 10s

# What a release leaves out: pgx registers types for statements that were not prepared, and all of ours are (docs/dependencies.md).
TAGS = nopgxregisterdefaulttypes

.PHONY: binary test quick race fuzz-short screenshots fmt-check

# The binary of a release, for this platform or that of GOOS and GOARCH: no C, no paths of this machine, no symbols.
binary:
	CGO_ENABLED=0 $(GO) build -trimpath -tags $(TAGS) -ldflags "-s -w" -o latchkey ./cmd/latchkey

# Everything: formatting, vet, static analysis, known vulnerabilities, a build without C, the race detector, then every test including the
# browser and the kill loops. With CI=true a skipped test is a failure.
test:
	@sh .ci/prepare
	@$(MAKE) --no-print-directory fmt-check
	$(GO) vet ./...
	@GO="$(GO)" sh .ci/check
	CGO_ENABLED=0 $(GO) build -tags $(TAGS) ./...
	@$(MAKE) --no-print-directory race
	@LATCHKEY_FULL=1 sh .ci/report $(GO) test -tags $(TAGS) -timeout 25m ./...

# What one runs while writing: under a minute, no browser, no kill loops, nothing installed.
quick: fmt-check
	$(GO) vet ./...
	$(GO) test ./...

# The exploration of the claim runs in one goroutine, millions of events long: there is nothing to detect.
# The race detector needs a C compiler. Without one it is a failure in CI and a line of text elsewhere.
race:
	@if command -v cc >/dev/null 2>&1; then \
		echo "$(GO) test -race $(RACE)"; \
		CGO_ENABLED=1 $(GO) test -race -skip "^TestExploration" -timeout 8m $(RACE); \
	elif [ "$$CI" = true ]; then \
		echo "race detector: no C compiler, and in CI nothing is skipped" >&2; exit 1; \
	else \
		echo "SKIPPED  race detector: no C compiler (cc) here"; \
	fi

# Each fuzz function for FUZZ_TIME, one after the other.
fuzz-short:
	@GO="$(GO)" FUZZ_TIME="$(FUZZ_TIME)" sh .ci/fuzz

# Pictures of every page in testdata/screenshots, for a person to look at.
screenshots:
	@sh .ci/prepare
	LATCHKEY_FULL=1 $(GO) test -count=1 -timeout 20m -run '^TestBrowser' ./cmd/latchkey
	@echo "pictures: testdata/screenshots"

fmt-check:
	@unformatted=$$(find . -name '*.go' -not -path '*/node_modules/*' -exec gofmt -l {} +); \
	if [ -n "$$unformatted" ]; then echo "gofmt would change:"; echo "$$unformatted"; exit 1; fi
