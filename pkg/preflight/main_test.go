package preflight

import (
	"testing"

	"github.com/sersync/sersync/internal/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }
