package rsync

import (
	"strings"

	"github.com/sersync/sersync/pkg/transport"
)

// List encodes the names for standard input, in the form that the run expects.
// It is never nil.
func (r Run) List(paths []string) []byte {
	b := []byte{}
	for _, p := range paths {
		p = r.relative(p)
		switch {
		case r.patterns():
			b = appendPatterns(b, p, !r.Exact)
		case r.Kind == transport.SurveyFlat && p != "":
			b = appendName(b, p+"/")
		default:
			b = appendName(b, p)
		}
	}
	return b
}

// appendName writes one name for --files-from. A line that begins with # or ;
// would be dropped as a comment even with --from0; ./ before it helps, and is
// not used elsewhere because it also sends the attributes of the root.
func appendName(b []byte, path string) []byte {
	switch {
	case path == "":
		path = "./"
	case path[0] == '#', path[0] == ';':
		path = "./" + path
	}
	return append(append(b, path...), 0)
}

// appendPatterns writes the include patterns that make a comparison of the
// path's parents see nothing but the path.
// With deep, what is below it, too.
func appendPatterns(b []byte, path string, deep bool) []byte {
	for i := 1; i < len(path); i++ {
		if path[i] == '/' {
			b = append(append(append(b, '/'), escape(path[:i], false)...), '/', 0)
		}
	}
	b = append(append(append(b, '/'), escape(path, false)...), 0)
	if !deep {
		return b
	}
	b = append(append(append(b, '/'), escape(path, true)...), "/***"...)
	return append(b, 0)
}

// escape makes a pattern that matches only this name. rsync reads a backslash literally in a
// pattern that has no wildcard, so that one may be escaped only beside one; wild says that a
// wildcard follows.
func escape(path string, wild bool) string {
	if !wild && !strings.ContainsAny(path, "*?[") {
		return path
	}
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`).Replace(path)
}
