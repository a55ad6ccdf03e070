package cli

import (
	"os"
	"regexp"
	"slices"
	"testing"

	"github.com/spf13/pflag"
)

// TestCompletionIsComplete: the completion files for shells name every option that Parse knows, and
// no others.
func TestCompletionIsComplete(t *testing.T) {
	var want []string
	(&parser{}).flags().VisitAll(func(f *pflag.Flag) {
		if f.Shorthand != "" {
			want = append(want, "-"+f.Shorthand)
		} else {
			want = append(want, "--"+f.Name)
		}
	})
	slices.Sort(want)
	for file, offered := range map[string]string{
		"sersync.bash": `(?s)compgen -W '(-d .*?)'`, // the list of all options
		"_sersync":     `(?m)^\t'(-[-\w]+)`,
	} {
		text, err := os.ReadFile("../../packaging/completion/" + file)
		if err != nil {
			t.Fatal(err)
		}
		var have []string
		for _, m := range regexp.MustCompile(offered).FindAllStringSubmatch(string(text), -1) {
			have = append(have, regexp.MustCompile(`-[-\w]+`).FindAllString(m[1], -1)...)
		}
		slices.Sort(have)
		if !slices.Equal(have, want) {
			t.Errorf("%s offers\n%v, want\n%v", file, have, want)
		}
	}
}
