# make            bin/sersync and its second name bin/sersync2
# make run        try it: a throw-away rsync daemon and examples/quickstart
# make test       everything that CI runs, with the race detector
# make fuzz       every fuzz target for FUZZTIME (60s)
# make soak       what takes minutes: many seeds, slow recorded runs, storms
# make bench      the figures of docs/benchmarks.md: beside bare rsync, lsyncd
#                 and the inotifywait script
# make packages   .deb, .rpm and .tar.gz below dist/
# make install    below DESTDIR/PREFIX

GO      ?= go
PREFIX  ?= /usr/local
# A tag names the version; without one the binary tells its commit by itself.
VERSION ?= $(shell git describe --tags --dirty 2>/dev/null)
LDFLAGS := -s -w $(if $(VERSION),-X github.com/sersync/sersync/pkg/cli.version=$(VERSION))

# The limit is per package. End-to-end tests mostly wait, so more of them run at
# a time than there are processors.
TESTFLAGS ?= -race -timeout 14m -parallel 8

.PHONY: build run test test-browser fuzz soak bench install clean
.DEFAULT_GOAL := build

build: bin/sersync2

.PHONY: bin/sersync
bin/sersync:
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o $@ ./cmd/sersync

# Cron jobs and monitors look for this name.
bin/sersync2: bin/sersync
	ln -sf sersync $@

run: build
	scripts/need.sh rsync=rsync
	@scripts/quickstart.sh

# The race detector needs a C compiler; the rest are the programs that the
# tests change files with and the servers that they talk to.
.PHONY: test-needs
test-needs:
	scripts/need.sh rsync=rsync sshd=openssh-server ssh=openssh-client gcc=gcc gencat=libc6-dev flock=util-linux git=git vim=vim tar=tar sqlite3=sqlite3 perl=perl python3=python3 unshare=util-linux ip=iproute2

test: test-needs
	$(GO) vet ./...
	$(GO) test $(TESTFLAGS) ./...

# The status page in a real browser.
test-browser:
	scripts/need.sh chromium=chromium
	$(MAKE) -C test/browser test

fuzz:
	scripts/fuzz.sh

soak: test-needs
	SERSYNC_SOAK=1 $(GO) test -timeout 60m -count 1 -run 'Slow|Soak' ./test/golden
	SERSYNC_SOAK=1 $(GO) test -timeout 60m -count 1 -parallel 1 -run 'Memory|Sparse|Recovery' ./test/faults
	STORMS=500 $(GO) test -timeout 60m -count 1 -run Storm ./pkg/inotify
	SOAK_SEEDS=200 $(GO) test -timeout 120m -count 1 ./test/convergence

# Side by side with bare rsync, lsyncd and the inotifywait script. ROWS chooses
# (make bench ROWS=latency,burst), BENCH_SCALE and BENCH_RUNS make it shorter:
# docs/benchmarks.md. go test takes each alternative by itself, (?i) and all.
# Writes benchmarks.md and benchmarks.json to BENCH_OUT.
ROWS ?=
BENCH_OUT ?= $(CURDIR)/bin
comma := ,
.PHONY: bench
bench:
	scripts/need.sh rsync=rsync sshd=openssh-server ssh=openssh-client gcc=gcc gencat=libc6-dev lsyncd=lsyncd inotifywait=inotify-tools
	@mkdir -p '$(BENCH_OUT)'
	BENCH_OUT='$(BENCH_OUT)' $(GO) test ./bench -run '^$$' -bench '(?i)$(subst $(comma),|(?i),$(ROWS))' -benchtime 1x -timeout 90m -v

install: build
	install -D -m 755 bin/sersync $(DESTDIR)$(PREFIX)/bin/sersync
	ln -sf sersync $(DESTDIR)$(PREFIX)/bin/sersync2

include packaging/packaging.mk

clean:
	rm -rf bin dist
