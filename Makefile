# Every task of the project. `make run` and `make test` need Go and nothing else set up.

BASE_URL ?= http://localhost:8080
REDOCLY  := REDOCLY_TELEMETRY=off REDOCLY_SUPPRESS_NOTIFICATIONS=true npx --yes @redocly/cli@2.77.0
export CGO_ENABLED ?= 0

.PHONY: run build test walks bench profile generate lint migrate image

run: build ## start everything: private PostgreSQL, demonstration, API on :8080
	bin/waystation serve --demo

build: ## the one binary
	go build -trimpath -ldflags "-s -w" -o bin/waystation ./cmd/waystation

test: ## everything, against a PostgreSQL that starts and ends by itself
	go test ./...

walks: ## run every walk against a running server
	@for walk in docs/walks/*.sh; do echo "== $$walk"; BASE_URL=$(BASE_URL) bash "$$walk" || exit 1; done

bench: ## the API against a hand-written server, in one run; writes docs/benchmarks.md
	go run ./internal/bench -write docs/benchmarks.md

profile: ## what the compiler optimises the binary for: the processor's time in the benchmarks
	go run -trimpath ./internal/bench -only read,page,search,create,acknowledge,figures -rounds 1 -slice 6s -profile cmd/waystation/default.pgo
	rm cmd/waystation/default.pgo.allocs

generate: ## Go from openapi.yaml
	go generate ./...

lint: ## contract, formatting, vet, static analysis
	$(REDOCLY) lint openapi.yaml
	test -z "$$(gofmt -l $$(git ls-files '*.go' | grep -v '\.gen\.go$$'))"
	go vet ./...
	go run honnef.co/go/tools/cmd/staticcheck@v0.8.2 ./...
	go run github.com/kisielk/errcheck@v1.30.0 -ignoregenerated -ignoretests -exclude .ci/errcheck.txt ./...

migrate: build ## schema of the database in WAYSTATION_DATABASE_URL
	bin/waystation migrate

image: ## the container image, where a Docker engine runs
	docker build -t waystation .
