# make            bin/sersync and its second name bin/sersync2
# make run        try it: a throw-away rsync daemon and examples/quickstart
# make run-edges  see it: a hub, a source and five edges, for the time of the run
# make test       the quick suite: of each kind of test something, in a few minutes
# make test-all   every test, with the race detector: a quarter of an hour
# make lint       the linters of .golangci.yml, gofmt and tidy go.mod files
# make test-deploy  image, compose, Kubernetes, Prometheus, Ansible, really used: needs
#                 root and a Debian mirror, takes some minutes
# make fuzz       every fuzz target for FUZZTIME (60s)
# make soak       what takes minutes: many seeds, slow recorded runs, storms
# make bench      the figures of docs/benchmarks.md: beside bare rsync, lsyncd
#                 and the inotifywait script
# make packages   .deb, .rpm and .tar.gz below dist/, of sersync, sersync-edge and sersync-hub
# make install    below DESTDIR/PREFIX

GO      ?= go
PREFIX  ?= /usr/local
# A tag names the version; without one the binary tells its commit by itself.
VERSION ?= $(shell git describe --tags --dirty 2>/dev/null)
LDFLAGS := -s -w $(if $(VERSION),-X github.com/sersync/sersync/pkg/cli.version=$(VERSION))

# All that is compiled here, is compiled alike, so that nothing is compiled twice.
export GOFLAGS := $(strip $(GOFLAGS) -trimpath)

# Tests mostly wait for a kernel, an rsync or a timer, so more packages and more
# tests run at a time than there are processors. The time limit is per package.
# To link the tests takes long, and most of that for what only debuggers read; make lint
# and make test-all vet. The compiler spends a fifth of its time on its garbage unless GOGC lets
# it keep more; the tests themselves run without that.
TESTFLAGS     ?= -short -timeout 10m -p 4 -parallel 4 -vet=off
TESTALLFLAGS  ?= -race -timeout 60m -p 2 -parallel 6 -vet=off

.PHONY: build run test test-all test-browser test-deploy lint fuzz soak bench install clean
.DEFAULT_GOAL := build

build: bin/sersync2

.PHONY: bin/sersync
bin/sersync:
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o $@ ./cmd/sersync

# Follows what a hub has: docs/edge.md.
.PHONY: bin/sersync-edge
bin/sersync-edge:
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o $@ ./cmd/sersync-edge

# Keeps the streams: docs/many-receivers.md.
.PHONY: bin/sersync-hub
bin/sersync-hub:
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o $@ ./cmd/sersync-hub

# Cron jobs and monitors look for this name.
bin/sersync2: bin/sersync
	ln -sf sersync $@

run: build
	scripts/need.sh rsync=rsync
	@scripts/quickstart.sh

.PHONY: run-edges
run-edges: build bin/sersync-hub bin/sersync-edge
	scripts/need.sh rsync=rsync setsid=util-linux setpriv=util-linux
	@scripts/run-edges.sh

# The race detector needs a C compiler; the rest are the programs that the
# tests change files with and the servers that they talk to.
.PHONY: test-needs
test-needs:
	scripts/need.sh rsync=rsync sshd=openssh-server stunnel=stunnel4 haproxy=haproxy ssh=openssh-client gcc=gcc gencat=libc6-dev flock=util-linux git=git vim=vim tar=tar sqlite3=sqlite3 perl=perl python3=python3 zsh=zsh unshare=util-linux mkfs.ext4=e2fsprogs mkfs.xfs=xfsprogs mkfs.btrfs=btrfs-progs ip=iproute2 xmllint=libxml2-utils

# The end-to-end tests run the binary that is shipped. They and those of the transports wait most of
# the time, so they begin first, while the other packages are being compiled.
test: export GOGC := 400
test: test-needs build
	CGO_ENABLED=0 SERSYNC_TEST_BINARY='$(CURDIR)/bin/sersync' $(GO) test -exec 'env -u GOGC' -ldflags='-s -w' $(TESTFLAGS) ./test/... ./pkg/transport/... ./...

test-all: test-needs
	$(GO) vet ./...
	$(GO) test -ldflags='-s -w' $(TESTALLFLAGS) ./...

# The status page in a real browser.
test-browser:
	scripts/need.sh chromium=chromium npm=npm
	$(MAKE) -C test/browser test

# The linter is built from a module of its own, so that the product does not
# depend on what the linter depends on. Its cache is this tree's own: with a cache that several
# trees share it would report findings with the paths of another tree, to which no exclusion applies.
MODULES := . test/browser test/deploy packaging/build
lint:
	@unformatted=$$(gofmt -l $$(git ls-files '*.go')); [ -z "$$unformatted" ] || { echo "gofmt would change: $$unformatted" >&2; exit 1; }
	@for module in $(MODULES); do \
		echo "lint $$module" && (cd $$module && $(GO) mod tidy -diff && \
		GOLANGCI_LINT_CACHE='$(CURDIR)/bin/lint-cache' $(GO) tool -modfile='$(CURDIR)/tools/lint/go.mod' golangci-lint run ./...) || exit 1; \
	done

# What operators of many servers use: the image built and run, the manifests compared
# with their schemas, Prometheus and Ansible at work. The libraries of podman have no
# command on the PATH.
test-deploy: test-needs
	scripts/need.sh podman=podman podman-compose=podman-compose runc=runc /usr/lib/podman/netavark=netavark /usr/lib/podman/aardvark-dns=aardvark-dns iptables=iptables mmdebstrap=mmdebstrap promtool=prometheus ansible-playbook=ansible-core /usr/lib/python3/dist-packages/apt/__init__.py=python3-apt
	$(GO) mod download # the image is built with the modules of this host, and may reach no other
	$(MAKE) -C test/deploy test

fuzz:
	scripts/fuzz.sh

soak: test-needs
	SERSYNC_SOAK=1 $(GO) test -timeout 60m -count 1 -run 'Slow|Soak' ./test/golden
	SERSYNC_SOAK=1 $(GO) test -timeout 60m -count 1 -parallel 1 -run 'Memory|Sparse|Recovery' ./test/faults
	STORMS=500 $(GO) test -timeout 60m -count 1 -run Storm ./pkg/inotify
	SOAK_SEEDS=200 $(GO) test -timeout 120m -count 1 ./test/convergence
	SOAK_SEEDS=100 $(GO) test -timeout 120m -count 1 -run Converges ./test/edges

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
