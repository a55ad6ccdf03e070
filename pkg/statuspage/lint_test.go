package statuspage

import (
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
)

// The metrics have nothing that "promtool check metrics" would complain about.
func TestMetricsAreClean(t *testing.T) {
	problems, err := promlint.New(strings.NewReader(scrape(t, newFake()))).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}
