package confxml

import (
	"fmt"
	"slices"
	"time"

	"github.com/beevik/etree"

	"github.com/sersync/sersync/pkg/stream"
)

// readStream reads a <stream>. Whatever would keep it from working is refused: edges that wait for
// a tree which nobody publishes cannot report that.
func readStream(r *reader, el *etree.Element) Stream {
	const path = "sersync/localpath/stream"
	name, creds := r.text(el, path, "name", false), r.text(el, path, "creds", false)
	s := Stream{
		Line: r.line(el), Name: name.text, Creds: creds.text,
		URL: r.text(el, path, "url", false).text, CA: r.text(el, path, "ca", false).text,
		Keep: time.Duration(r.count(el, path, "keep", 1)) * time.Hour, Size: int64(r.count(el, path, "size", 1)) << 20,
		Replicas: r.count(el, path, "replicas", 1),
	}
	refuse := func(v value, message, remedy string) {
		r.add(Problem{Line: v.line, Element: v.element, Message: message, Remedy: remedy, Severity: Refusal})
	}
	if err := stream.CheckName(s.Name); err != nil {
		refuse(name, fmt.Sprintf("%q is no name of a tree", s.Name), `write letters, digits, - and _, such as name="web"`)
	}
	if s.Creds == "" {
		refuse(creds, "missing or empty: no hub lets anybody publish without a key", `name the hub's source.nk, creds="FILE"`)
	}
	if !slices.Contains(replicas, s.Replicas) {
		r.fault(s.Line, path+"@replicas", fmt.Sprintf("%d is none of 1, 3, 5: 1 is used", s.Replicas), "write one of these")
		s.Replicas = 1
	}
	return s
}

// replicas are how many servers of a cluster may keep a change: an even number survives
// no more failures than the odd one below it.
var replicas = []int{1, 3, 5}
