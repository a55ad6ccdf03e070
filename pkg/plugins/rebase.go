package plugins

import "strings"

// Rebase tells a plugin with a watch path of its own about an event below
// another watch path: the event as seen from watch, or false when it lies
// outside. Both paths must be clean and of one kind, absolute or relative;
// a trailing slash does not count, and the one of watch stays as it is
// written.
//
// In 2.5.4 the plugin's watch path silently replaced the one that is synced. Here it only selects
// events; an event above watch (a parent of it has gone or come) becomes one about watch itself.
func Rebase(ev Event, watch string) (Event, bool) {
	from, to := TrimRoot(ev.Root), TrimRoot(watch)
	if from == to {
		ev.Root = watch
		return ev, true
	}
	full := ev.CleanPath()
	switch {
	case strings.HasPrefix(full, to+"/"):
		ev.Path = full[len(to)+1:]
	case full == to:
		ev.Path = ""
	case ev.Dir && strings.HasPrefix(to, full+"/"):
		ev.Path = ""
	default:
		return Event{}, false
	}
	ev.Root = watch
	return ev, true
}

// Related reports whether events below root can concern a plugin that watches
// watch: one of the two is the other or lies below it. Unrelated paths are
// worth a warning at start.
func Related(root, watch string) bool {
	a, b := TrimRoot(root)+"/", TrimRoot(watch)+"/"
	return strings.HasPrefix(a, b) || strings.HasPrefix(b, a)
}
