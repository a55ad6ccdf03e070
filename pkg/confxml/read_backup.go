package confxml

import (
	"fmt"
	"strings"

	"github.com/beevik/etree"
)

// readBackup reads <backup>. A name that cannot be used is a refusal: without it the old
// versions would be gone.
func readBackup(r *reader, el *etree.Element) *Backup {
	const path = "sersync/localpath/remote/backup"
	if el == nil {
		return nil
	}
	dir := r.value(el, path, "dir", false)
	b := &Backup{Line: r.line(el), Dir: dir.text, Keep: r.count(el, path, "keep", 1)}
	why := ""
	switch {
	case b.Dir == "":
		why = "missing or empty"
	case b.Dir == "." || b.Dir == ".." || strings.Contains(b.Dir, "/"):
		why = fmt.Sprintf("%q is not a name right below the destination", b.Dir)
	case strings.ContainsAny(b.Dir, "*?[\\\n") || b.Dir[0] == '-':
		why = fmt.Sprintf("%q has a character that means something to rsync", b.Dir)
	}
	if why != "" {
		r.add(Problem{Line: dir.line, Element: dir.element, Message: why, Remedy: `write a name like dir=".versions"`, Severity: Refusal})
	}
	return b
}
