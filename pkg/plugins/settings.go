package plugins

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/sersync/sersync/pkg/confxml"
)

// emptyAttribute is what 2.5.4 prints when an attribute of refreshCDN is
// empty: "configuration error, some xml attributes should not be empty".
const emptyAttribute = "配置文件错误，一些xml属性不应为空，请检查"

// Settings reads the attributes of one plugin element. Mistakes collect in
// Err, so that a user sees all of them at once. Keys are "element/attribute"
// in lower case. Not safe for concurrent use.
type Settings struct {
	conf confxml.Plugin
	deps Deps
	read map[string]bool
	errs []error
}

// NewSettings reads conf.
func NewSettings(conf confxml.Plugin, deps Deps) *Settings {
	return &Settings{conf: conf, deps: deps, read: make(map[string]bool)}
}

// Has reports whether the attribute is there and not empty.
func (s *Settings) Has(key string) bool {
	return s.Text(key, "") != ""
}

// Text is the attribute's value, or def when it is missing or empty.
func (s *Settings) Text(key, def string) string {
	s.read[key] = true
	if a, ok := s.conf.Attributes[key]; ok && a.Value != "" {
		return a.Value
	}
	return def
}

// Required is the attribute's value; missing or empty is an error.
func (s *Settings) Required(key, example string) string {
	v := s.Text(key, "")
	if v != "" {
		return v
	}
	s.Fail(key, fmt.Sprintf("missing or empty; write for example %s=%q", attributeName(key), example), emptyAttribute)
	return ""
}

// Port is a required TCP port.
func (s *Settings) Port(key, example string) string {
	v := s.Required(key, example)
	if v != "" {
		s.CheckPort(key, v)
	}
	return v
}

// CheckPort notes an error about key unless v is a TCP port.
func (s *Settings) CheckPort(key, v string) {
	if n, err := strconv.ParseUint(v, 10, 16); err != nil || n == 0 {
		s.Fail(key, fmt.Sprintf("%q is not a port; write a number from 1 to 65535", v))
	}
}

// Bool is true for the exact text "true" (2.5.4: everything else is false).
func (s *Settings) Bool(key string, def bool) bool {
	v := s.Text(key, "")
	if v == "" {
		return def
	}
	return v == "true"
}

// Int is a number from low to high.
func (s *Settings) Int(key string, def, low, high int) int {
	v := s.Text(key, "")
	if v == "" {
		return def
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < low || n > high {
		s.Fail(key, fmt.Sprintf("%q is not usable; write a number from %d to %d", v, low, high))
		return def
	}
	return n
}

// Duration is a time: "30s", "2m", or a bare number of seconds. It must be
// positive.
func (s *Settings) Duration(key string, def time.Duration) time.Duration {
	v := s.Text(key, "")
	if v == "" {
		return def
	}
	if n, err := strconv.Atoi(v); err == nil {
		v = strconv.Itoa(n) + "s"
	}
	d, err := time.ParseDuration(v)
	if err != nil || d <= 0 {
		s.Fail(key, fmt.Sprintf("%q is not a time; write for example \"30s\" or \"2m\"", v))
		return def
	}
	return d
}

// Choice is one of the allowed words; the first is the default.
func (s *Settings) Choice(key string, allowed ...string) string {
	v := s.Text(key, allowed[0])
	if slices.Contains(allowed, v) {
		return v
	}
	s.Fail(key, fmt.Sprintf("%q is not known; write one of: %s", v, strings.Join(allowed, ", ")))
	return allowed[0]
}

// FilePath is a file name; a relative one begins at the start directory.
func (s *Settings) FilePath(key string) string {
	v := s.Text(key, "")
	if v == "" || filepath.IsAbs(v) {
		return v
	}
	return filepath.Join(s.deps.Dir, v)
}

// Fail notes a mistake about key, or about the whole element when key is "".
func (s *Settings) Fail(key, message string, console ...string) {
	line := s.conf.Line
	if a, ok := s.conf.Attributes[key]; ok && a.Line > 0 {
		line = a.Line
	}
	s.FailAt(line, strings.Replace(key, "/", "@", 1), message, console...)
}

// FailAt notes a mistake at a line of its own.
func (s *Settings) FailAt(line int, element, message string, console ...string) {
	s.errs = append(s.errs, &ConfigError{
		File: s.deps.File, Line: line, Plugin: s.conf.Name,
		Element: element, Message: message, Console: console,
	})
}

// Err is every mistake found, or nil. It also warns of attributes that nobody
// has asked for, which are typing errors more often than not.
func (s *Settings) Err() error {
	var unread []string
	for key := range s.conf.Attributes {
		if !s.read[key] && key != "localpath/watch" && !strings.HasPrefix(key, "filter/") && !strings.HasPrefix(key, "include/") {
			unread = append(unread, key)
		}
	}
	sort.Strings(unread)
	for _, key := range unread {
		attribute, line := strings.Replace(key, "/", "@", 1), s.conf.Attributes[key].Line
		if s.deps.Warn != nil {
			s.deps.Warn(&ConfigError{
				File: s.deps.File, Line: line, Plugin: s.conf.Name, Element: attribute,
				Message: "is not known and has no effect; correct its name or remove it",
			})
			continue
		}
		s.deps.Logger().Warn("plugin attribute is not known and has no effect", zap.String("plugin", s.conf.Name),
			zap.String("attribute", attribute), zap.String("file", s.deps.File), zap.Int("line", line))
	}
	return errors.Join(s.errs...)
}

func attributeName(key string) string {
	if _, name, ok := strings.Cut(key, "/"); ok {
		return name
	}
	return key
}
