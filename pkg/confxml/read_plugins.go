package confxml

import (
	"fmt"

	"github.com/beevik/etree"
)

// pluginRefs reads the <plugin> elements of <sersync> that are switched on.
// 2.5.4 knew one.
func (r *reader) pluginRefs(sersync *etree.Element) []PluginRef {
	const path = "sersync/plugin"
	all := r.children(sersync, path)
	if len(all) == 0 {
		r.child(sersync, path, false) // reports that it is missing
	}
	var refs []PluginRef
	for _, el := range all {
		on := r.flag(el, path, "start")
		name := r.value(el, path, "name", false)
		when := r.value(el, path, "when", false)
		if when.text != "" && when.text != "all" {
			r.fault(when.line, when.element, fmt.Sprintf("%q is unknown: it is ignored", when.text), "write all or remove it")
		}
		if !on {
			continue
		}
		if name.text == "" {
			r.fault(name.line, name.element, "no plugin is named: none is run", "write command, socket, http or refreshCDN")
			continue
		}
		refs = append(refs, PluginRef{Name: name.text, WhenAll: when.text == "all", Line: r.line(el)})
	}
	return refs
}

// plugin reads one top-level <plugin>, whatever its elements are.
func (r *reader) plugin(el *etree.Element) Plugin {
	p := Plugin{
		Name:       r.value(el, "plugin", "name", false).text,
		Line:       r.line(el),
		Attributes: map[string]Attribute{},
	}
	local := r.child(el, "plugin/localpath", false)
	p.Watch = r.value(local, "plugin/localpath", "watch", false).text
	filter := r.child(el, "plugin/filter", false)
	p.FilterOn = r.flag(filter, "plugin/filter", "start")
	p.Include = r.expressions(filter, "plugin/filter/include")
	r.attributes(el, p.Attributes)
	return p
}

// attributes collects the attributes of the elements below el. Of several elements of one name the
// first counts, and so for attributes.
func (r *reader) attributes(el *etree.Element, into map[string]Attribute) {
	seen := map[string]bool{}
	for _, c := range el.ChildElements() {
		if seen[c.Tag] {
			continue
		}
		seen[c.Tag] = true
		for _, a := range c.Attr {
			key := c.Tag + "/" + a.Key
			if _, ok := into[key]; !ok {
				into[key] = Attribute{Value: a.Value, Line: r.lines.line(r.tree.attrs[c][a.Key])}
			}
		}
		r.attributes(c, into)
	}
}
