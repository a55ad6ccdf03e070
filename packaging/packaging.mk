# Included by the Makefile at the root of the tree.

.PHONY: packages test-packages docs

packages: ## .deb, .rpm and .tar.gz for amd64 and arm64, below dist/
	cd packaging/build && $(GO) run . -out ../../dist $(if $(PACKAGE_VERSION),-version $(PACKAGE_VERSION))

# Needs root, and a Debian mirror for the first run: it installs into a root of
# its own, made by debootstrap.
test-packages: ## install, start, upgrade and purge the .deb in a clean Debian
	scripts/need.sh debootstrap=debootstrap rsync=rsync unshare=util-linux rpm=rpm
	cd packaging/build && $(GO) vet ./... && $(GO) test -count=1 ./...
	$(GO) test -count=1 -tags packages -timeout 20m -v ./test/packages

docs: ## renew what is generated: the configuration reference, the XML schema
	$(GO) test ./test/docs -run TestReference -update
