package confxml

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/beevik/etree"

	"github.com/sersync/sersync/pkg/busyhours"
)

const (
	hoursExample = `write them like hours="08:00-20:00"`
	daysExample  = `write them like days="mon-fri" or days="sat,sun"`
)

// readBusy reads all <busy> in the element at parent; nil: there is none that holds.
func readBusy(r *reader, el *etree.Element, parent string) (s busyhours.Schedule) {
	path := parent + "/busy"
	all := r.children(el, path)
	for _, busy := range all {
		if h, ok := readHours(r, busy, path); ok {
			s = append(s, h)
		}
	}
	var why string
	switch {
	case s.Always(func(s busyhours.Schedule) bool { return s.Full().Wait }):
		why = "full syncs would wait at every hour of the week: no <busy> here is applied"
	case s.Always(func(s busyhours.Schedule) bool { return s.File(math.MaxInt64).Wait }):
		why = "large files would wait at every hour of the week: no <busy> here is applied"
	default:
		return s
	}
	r.fault(r.line(all[0]), path, why, "leave some hours, or give a number of KiB per second instead of wait")
	return nil
}

// readHours reads one <busy>. Hours that cannot be read are ignored: nobody might ever notice that
// something waits at the wrong time.
func readHours(r *reader, el *etree.Element, path string) (h busyhours.Hours, ok bool) {
	ok = true
	check := func(v value, err error, remedy string) {
		if err != nil {
			r.fault(v.line, v.element, err.Error()+": this <busy> is ignored", remedy)
			ok = false
		}
	}
	span := r.value(el, path, "hours", false)
	var err error
	if h.Span, err = busyhours.ParseSpan(span.text); !span.given {
		err = errNoHours
	}
	check(span, err, hoursExample)
	days := r.value(el, path, "days", false)
	h.Days, err = busyhours.ParseDays(days.text)
	check(days, err, daysExample)
	h.Full, h.Large = readPace(r, el, path, "full"), readPace(r, el, path, "large")
	h.Size = int64(r.count(el, path, "size", 1)) << 20
	return h, ok
}

// errNoHours is what is wrong with a <busy> without hours=.
var errNoHours = errors.New("missing")

// readPace reads whether one kind of work waits, goes slowly, or goes as at other hours.
func readPace(r *reader, el *etree.Element, path, attr string) busyhours.Rule {
	v := r.value(el, path, attr, false)
	switch text := strings.TrimSpace(v.text); text {
	case "wait":
		return busyhours.Rule{Wait: true}
	case "free":
		return busyhours.Rule{}
	default:
		if n, err := strconv.Atoi(text); err == nil && n > 0 && n <= math.MaxInt32 {
			return busyhours.Rule{BWLimit: n}
		}
	}
	r.fault(v.line, v.element, fmt.Sprintf("%q is neither wait nor free nor a number of KiB per second: wait is used", v.text), `write wait, free, or a number like 2000`)
	return busyhours.Rule{Wait: true}
}
