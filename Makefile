# make            lists the targets
SHELL := /bin/bash
FUZZTIME ?= 3s

help:
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## builds bin/swab
	go build -trimpath -o bin/swab ./cmd/swab

demo: build ## scans the small corpus in testdata/ and shows what it finds
	rm -rf demo-audit
	bin/swab scan --corpus testdata/corpus --bench testdata/bench/riverton.jsonl --bench testdata/bench/crafts.csv --out demo-audit

test: ## runs the tests
	go test ./...

check: ## what .ci/run runs: format, vet, tidy, build, tests, short ones under the race detector, short fuzzing
	@test -z "$$(gofmt -l .)" || { gofmt -l .; echo 'check: run gofmt -w on these'; exit 1; }
	go vet ./...
	GOOS=darwin go vet ./pipeline/ledger
	go mod tidy -diff
	go build ./...
	go test -count=1 -timeout 30m ./...
	go test -race -short -count=1 -timeout 60m ./...
	$(MAKE) fuzz

# At the end of its time a target without a find sometimes fails with "context deadline
# exceeded" and no input (go.dev/issue/75804, until Go 1.27); it must then pass when it is run again.
fuzz: ## fuzzes every fuzz target for FUZZTIME each
	@set -e; out=$$(mktemp); trap 'rm -f $$out' EXIT; \
	run() { go test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 1x $$pkg >$$out 2>&1; }; \
	late() { grep -q '^ *context deadline exceeded$$' $$out && ! grep -q 'Failing input' $$out; }; \
	for pkg in $$(go list ./...); do \
		for target in $$(go test -list '^Fuzz' $$pkg | grep '^Fuzz' || true); do \
			echo "fuzz $$pkg $$target"; run || { late && echo 'fuzz: out of time without a find; again' && run; } || { cat $$out; exit 1; }; \
		done; \
	done

bench: ## measures each stage and the whole on a corpus made for it
	go test -run '^$$' -bench . -benchtime 2s ./...

eval: ## measures the methods on the labelled test set: precision, recall, F1, every class
	go run ./cmd/swabeval -set test -json eval.json

golden: ## writes testdata/ and the expected outputs of tests anew
	go run ./cmd/swabgen demo testdata
	go test ./cmd/swab -run TestDocs -update

screenshot: ## makes testdata/report.png, the picture in README.md, with Chromium
	SWAB_SCREENSHOT=testdata/report.png go test ./pipeline/page -run TestScreenshot -count=1 -v

.PHONY: help build demo test check fuzz bench eval golden screenshot
