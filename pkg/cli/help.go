package cli

import (
	_ "embed" // the texts below
	"fmt"
	"io"
	"strings"
)

var (
	//go:embed help254.txt
	help254 string // of 2.5.4, and what is new, in Chinese
	//go:embed help.en.txt
	helpEnglish string
	//go:embed help.zh.txt
	helpChinese string
)

// WriteShortHelp writes what -h prints: 2.5.4's help and a few lines more.
func WriteShortHelp(w io.Writer) error {
	_, err := io.WriteString(w, help254)
	return err
}

// WriteHelp writes what --help prints, in Chinese when getenv says so.
func WriteHelp(w io.Writer, program string, getenv func(string) string) error {
	text := helpEnglish
	if Chinese(getenv) {
		text = helpChinese
	}
	_, err := fmt.Fprint(w, strings.ReplaceAll(text, "PROGRAM", program))
	return err
}

// Chinese reports whether the locale for messages is a Chinese one. The first
// variable that is set decides (locale(7)).
func Chinese(getenv func(string) string) bool {
	for _, name := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} {
		if locale := getenv(name); locale != "" {
			return locale == "zh" || strings.HasPrefix(locale, "zh_") || strings.HasPrefix(locale, "zh.")
		}
	}
	return false
}
