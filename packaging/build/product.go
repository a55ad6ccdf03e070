package main

// product is one program that is packed, with what belongs to it.
type product struct {
	name        string // of the package, the binary and the directory below cmd
	summary     string
	description string // the summary is its first line
	scripts     string // directory of the maintainer scripts, below the source tree
	entries     func(contents) ([]entry, error)
}

// products are all programs, each with packages of its own.
var products = []product{sersync, edge, hub}

var sersync = product{
	name: "sersync", summary: "Mirrors directories to rsync targets as they change", description: description,
	scripts: "packaging/scripts", entries: contents.entries,
}

var edge = product{
	name: "sersync-edge", summary: "Keeps directories as the trees that a stream tells of",
	description: `Keeps directories as the trees that a stream tells of
sersync-edge follows trees that a sersync publishes to a hub: small files come
with the messages, larger ones are fetched with rsync from the source or from
a mirror.`,
	scripts: "packaging/scripts/edge", entries: contents.edgeEntries,
}

var hub = product{
	name: "sersync-hub", summary: "Keeps the streams through which a sersync reaches many edges",
	description: `Keeps the streams through which a sersync reaches many edges
sersync-hub is a NATS server with JetStream that makes its own certificate and
keys: a sersync publishes what changes, and any number of sersync-edge follow.`,
	scripts: "packaging/scripts/hub", entries: contents.hubEntries,
}

// hubEntries are the files of the hub's .deb or .rpm.
func (c contents) hubEntries() ([]entry, error) {
	const doc = "/usr/share/doc/sersync-hub"
	return []entry{
		{c.binary, "/usr/bin/sersync-hub", 0o755, plain},
		{c.path("examples/hub/sersync-hub.default"), "/etc/default/sersync-hub", 0o644, config},
		{c.path("packaging/systemd/sersync-hub.service"), "/usr/lib/systemd/system/sersync-hub.service", 0o644, plain},
		{c.path("packaging/man/sersync-hub.8"), "/usr/share/man/man8/sersync-hub.8", 0o644, plain},
		{c.path("docs/many-receivers.md"), doc + "/many-receivers.md", 0o644, plain},
		{c.path("docs/many-receivers.zh.md"), doc + "/many-receivers.zh.md", 0o644, plain},
		{c.path("LICENSE"), doc + "/copyright", 0o644, plain},
		{c.licenses, doc + "/THIRD_PARTY_LICENSES", 0o644, plain},
	}, nil
}

// edgeEntries are the files of the edge's .deb or .rpm.
func (c contents) edgeEntries() ([]entry, error) {
	const doc = "/usr/share/doc/sersync-edge"
	return []entry{
		{c.binary, "/usr/bin/sersync-edge", 0o755, plain},
		// It may hold the passwords of plugins.
		{c.path("examples/edge/edge.xml"), "/etc/sersync-edge/edge.xml", 0o640, config},
		{c.path("packaging/systemd/sersync-edge.service"), "/usr/lib/systemd/system/sersync-edge.service", 0o644, plain},
		{c.path("packaging/systemd/edge-dedicated-user.conf"), doc + "/systemd/dedicated-user.conf", 0o644, plain},
		{c.path("packaging/man/sersync-edge.8"), "/usr/share/man/man8/sersync-edge.8", 0o644, plain},
		{c.path("docs/edge.md"), doc + "/edge.md", 0o644, plain},
		{c.path("docs/edge.zh.md"), doc + "/edge.zh.md", 0o644, plain},
		{c.path("docs/plugins.md"), doc + "/plugins.md", 0o644, plain},
		{c.path("LICENSE"), doc + "/copyright", 0o644, plain},
		{c.licenses, doc + "/THIRD_PARTY_LICENSES", 0o644, plain},
	}, nil
}
