package http_test

import (
	stdhttp "net/http"
	"testing"

	"github.com/sersync/sersync/pkg/plugins/plugintest"
)

func benchmark(b *testing.B, paths func(*stdhttp.Request, string) []string, attributes ...string) {
	b.Helper()
	peer := plugintest.NewTCP(b, "", serve(paths))
	all := append([]string{"url=http://" + peer.Addr() + "/notify"}, attributes...)
	plugintest.Benchmark(b, newPlugin(b, all...), func() int { return len(peer.Receipts()) })
}

func BenchmarkForm(b *testing.B) { benchmark(b, formPath) }

func BenchmarkJSON(b *testing.B) { benchmark(b, jsonPaths, "format=json") }
