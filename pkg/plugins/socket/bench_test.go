package socket_test

import (
	"testing"

	"github.com/sersync/sersync/pkg/plugins/plugintest"
)

func benchmark(b *testing.B, p plugintest.Protocol, attributes ...string) {
	b.Helper()
	peer := plugintest.NewTCP(b, "", p)
	all := append([]string{"deshost/ip=127.0.0.1", "deshost/port=" + peer.Port()}, attributes...)
	plugintest.Benchmark(b, newPlugin(b, all...), func() int { return len(peer.Receipts()) })
}

func BenchmarkEvent(b *testing.B) { benchmark(b, whole) }

func BenchmarkKept(b *testing.B) {
	benchmark(b, terminated('\n', plugintest.UnescapeLine), "deshost/keepalive=true", "deshost/ack=true")
}
