# What a developer runs. `make check` is what CI runs.
GOLANGCI = go run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
GOVULN   = go run golang.org/x/vuln/cmd/govulncheck@v1.1.4

.PHONY: test check lint race portable demo bench fuzz sim soak

test:
	go test ./...

check:
	bash .ci/run

lint:
	go vet ./...
	$(GOLANGCI) run ./...

race:
	go test -race ./...

portable: # the deterministic part builds everywhere
	GOOS=darwin GOARCH=arm64 go build ./engine ./book ./journal ./replay ./wire/... ./client
	GOOS=js GOARCH=wasm go build ./engine ./book ./journal ./replay ./wire/...

demo:
	go run ./cmd/matcher demo

bench: # figures of MEASURED.md
	go test ./book ./engine ./journal ./wire/... -run '^$$' -bench . -benchtime 1s
	go test ./tests -run '^$$' -bench . -benchtime 3s

sim: # SEEDS runs of the venue on a simulated machine (tests/sim), default 100000
	go test ./tests/sim -run 'TestSim$$' -v -timeout 0 -seeds $(or $(SEEDS),100000)

soak: # the binary under every fault in turn, MINUTES long, default 60; a summary by fault
	go test ./tests -run 'TestSoak$$' -v -timeout 0 -minutes $(or $(MINUTES),60)

fuzz: # SECONDS per target, default 10
	bash tests/fuzz.sh $(or $(SECONDS),10)
