package confxml

import (
	"fmt"
	"strings"

	"github.com/beevik/etree"
)

// tls reads how a remote's connection is secured. With tls= in any form there is never a connection
// without TLS: an unclear value is refused.
func (r *reader) tls(el *etree.Element, ssh bool) *TLS {
	const path = "sersync/localpath/remote"
	on := r.value(el, path, "tls", false)
	var given []string
	text := func(attr string) string {
		v := r.text(el, path, attr, false)
		if v.given {
			given = append(given, attr+"=")
		}
		return v.text
	}
	t := TLS{CA: text("ca"), Certificate: text("certificate"), Key: text("key"), ServerName: text("servername")}
	refuse := func(message, remedy string) {
		r.add(Problem{Line: on.line, Element: on.element, Message: message, Remedy: remedy, Severity: Refusal})
	}
	switch on.text {
	case "true":
	case "false":
		if len(given) > 0 && !on.given {
			refuse("missing, and "+strings.Join(given, ", ")+" is there: nothing is sent without TLS", `add tls="true", or remove the others`)
		}
		return nil
	default:
		refuse(fmt.Sprintf("%q is neither true nor false: nothing is sent without TLS", on.text), "write true or false")
		return nil
	}
	switch {
	case ssh:
		refuse("ssh is on for this remote, which secures the connection by itself", `remove tls=, or add ssh="false"`)
	case t.Key != "" && t.Certificate == "":
		refuse("key= is there without certificate=", "add certificate=, or remove key=")
	}
	return &t
}
