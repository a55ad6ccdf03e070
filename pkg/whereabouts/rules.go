package whereabouts

import (
	"strings"

	"github.com/sersync/sersync/pkg/filterqueue"
	"github.com/sersync/sersync/pkg/status"
	"github.com/sersync/sersync/pkg/transport"
	"github.com/sersync/sersync/pkg/transport/rsync"
)

// Rules are what keeps paths of one lane from being sent, and where that is written.
type Rules struct {
	File       string // the configuration
	Filter     *filterqueue.Filter
	Params     rsync.Params
	ParamsLine int // 0: the parameters are the default
	// Temp tells whether the events of a file are dropped because of its name; TempLine is the line
	// of <localpath>, whose dotfiles= is about that.
	Temp     func(path string) bool
	TempLine int
}

// Excluding is what keeps a path from being sent; nil: nothing. here is what exists at the path on
// this host; nil: nothing, and then the path is taken for a file.
func (r Rules) Excluding(path string, here *status.Copy) *status.Exclusion {
	kind := "file"
	if here != nil {
		kind = here.Kind
	}
	dir := kind == "directory"
	if e, ok := r.Filter.Excluding(path, dir); ok {
		return &status.Exclusion{By: status.ByFilter, File: r.File, Line: e.Line, Text: e.Text}
	}
	if p, ok := r.Params.Rules.Excluding(path, dir); ok {
		e := &status.Exclusion{By: status.ByParams, File: r.File, Line: r.ParamsLine, Text: p.Text}
		if p.File != "" {
			e.File, e.Line = p.File, p.Line
		}
		return e
	}
	switch {
	case strings.Contains("/"+path+"/", "/"+transport.PartialDir+"/"):
		return &status.Exclusion{By: status.ByParts}
	case kind == "link" && !r.Params.Links && !r.Params.FollowLinks, kind == "other" && !r.Params.Devices && !r.Params.Specials:
		return &status.Exclusion{By: status.ByKind, File: r.File, Line: r.ParamsLine}
	case !dir && r.Temp != nil && r.Temp(path):
		return &status.Exclusion{By: status.ByName, File: r.File, Line: r.TempLine}
	}
	return nil
}
