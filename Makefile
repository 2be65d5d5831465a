# sipway: the four commands. `make help` lists them.
GO      ?= go
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -s -w -X main.version=$(VERSION)
FUZZTIME ?= 10s
LINT    := bin/golangci-lint

.PHONY: help build test check fmt vet lint fuzz bench peers clean

help: ## this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*##/\t/' | expand -t 10

build: ## bin/sipway
	$(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/sipway ./cmd/sipway

peers: ## install the Debian packages that the tests talk to
	./test/peers/install test

test: peers ## every test, against real peers; then again under the race detector
	$(GO) test -timeout 15m ./...
	$(GO) test -race -timeout 15m ./...

check: fmt vet lint test fuzz ## formatting, vet, lint, tests with the race detector, short fuzzing

fmt:
	@out=$$(gofmt -l $$(git ls-files '*.go')); [ -z "$$out" ] || { echo "gofmt would change:"; echo "$$out"; exit 1; }

vet:
	$(GO) vet ./...

$(LINT): lint/go.mod lint/go.sum
	$(GO) build -modfile=lint/go.mod -o $(LINT) github.com/golangci/golangci-lint/v2/cmd/golangci-lint

lint: $(LINT)
	$(LINT) run ./...

# Each fuzz target of each package for FUZZTIME; `go test` itself already runs the seeds.
fuzz:
	@for pkg in $$($(GO) list ./...); do \
	  for f in $$($(GO) test -list '^Fuzz' $$pkg 2>/dev/null | grep '^Fuzz' || true); do \
	    echo "fuzz $$pkg $$f"; $(GO) test -run '^$$' -fuzz "^$$f\$$" -fuzztime $(FUZZTIME) $$pkg || exit 1; \
	  done; done

bench: build ## side by side with Kamailio, NSD and Knot; prints the table of ratios
	./test/peers/install bench
	$(GO) run ./bench -sipway bin/sipway

clean:
	rm -rf bin
