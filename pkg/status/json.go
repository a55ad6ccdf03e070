package status

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"
	"unicode/utf8"
)

// A name in JSON is a string, exact whenever its bytes are valid UTF-8. When
// they are not, the string has U+FFFD in place of each bad byte and a second
// member, named like the first with "_bytes" behind it, holds all bytes in
// base64 (RFC 4648, with padding).

// rawBytes is the value of the "_bytes" member: nil when the string is exact.
func rawBytes(name string) []byte {
	if utf8.ValidString(name) {
		return nil
	}
	return []byte(name)
}

// exact undoes rawBytes.
func exact(text string, raw []byte) string {
	if raw != nil {
		return string(raw)
	}
	return text
}

// Seconds is a duration that JSON carries as a number of seconds.
type Seconds time.Duration

// MarshalJSON writes seconds with at most six decimals.
func (s Seconds) MarshalJSON() ([]byte, error) {
	us := time.Duration(s).Round(time.Microsecond)
	return strconv.AppendFloat(nil, us.Seconds(), 'f', -1, 64), nil
}

// UnmarshalJSON reads a number of seconds.
func (s *Seconds) UnmarshalJSON(b []byte) error {
	f, err := strconv.ParseFloat(string(b), 64)
	if err != nil {
		return fmt.Errorf("read seconds: %w", err)
	}
	*s = Seconds(time.Duration(f * float64(time.Second)).Round(time.Microsecond))
	return nil
}

type plainSnapshot Snapshot

// wireSnapshot is a whole snapshot without methods, so that it is encoded in
// one pass: a MarshalJSON per element would copy and check each level again.
type wireSnapshot struct {
	plainSnapshot
	ConfigFileBytes []byte      `json:"config_file_bytes,omitempty"`
	Overall         wireOverall `json:"overall"`
	Roots           []wireRoot  `json:"roots"`
	Lanes           []wireLane  `json:"lanes"`
	Plugins         []Plugin    `json:"plugins"`
}

type wireOverall struct {
	Level Level  `json:"level"`
	State string `json:"state"`
	Text  string `json:"text"`
}

// Encode is the JSON form of a snapshot. It adds the verdict of Overall as
// "overall" and the exact bytes of names that are not valid UTF-8 as "..._bytes".
func Encode(s Snapshot) ([]byte, error) {
	level, text := Overall(s)
	s.Said = s.sentences()
	w := wireSnapshot{
		plainSnapshot:   plainSnapshot(s),
		ConfigFileBytes: rawBytes(s.ConfigFile),
		Overall:         wireOverall{level, level.String(), text},
		Roots:           make([]wireRoot, len(s.Roots)),
		Lanes:           make([]wireLane, len(s.Lanes)),
		Plugins:         append([]Plugin{}, s.Plugins...),
	}
	for i, r := range s.Roots {
		w.Roots[i] = toWireRoot(r)
	}
	for i, l := range s.Lanes {
		w.Lanes[i] = toWireLane(l)
	}
	b, err := json.Marshal(w)
	if err != nil {
		return nil, fmt.Errorf("encode status: %w", err)
	}
	return b, nil
}

// MarshalJSON is Encode.
func (s Snapshot) MarshalJSON() ([]byte, error) { return Encode(s) }

// UnmarshalJSON reads what Encode wrote; unknown members are ignored.
func (s *Snapshot) UnmarshalJSON(b []byte) error {
	var w wireSnapshot
	if err := json.Unmarshal(b, &w); err != nil {
		return fmt.Errorf("read status: %w", err)
	}
	*s = Snapshot(w.plainSnapshot)
	s.ConfigFile = exact(s.ConfigFile, w.ConfigFileBytes)
	s.Plugins = w.Plugins
	s.Roots = make([]Root, len(w.Roots))
	for i, r := range w.Roots {
		s.Roots[i] = r.root()
	}
	s.Lanes = make([]Lane, len(w.Lanes))
	for i, l := range w.Lanes {
		s.Lanes[i] = l.lane()
	}
	return nil
}

type plainRoot Root

type wireRoot struct {
	plainRoot
	PathBytes []byte `json:"path_bytes,omitempty"`
}

func toWireRoot(r Root) wireRoot { return wireRoot{plainRoot(r), rawBytes(r.Path)} }

func (w wireRoot) root() Root {
	w.Path = exact(w.Path, w.PathBytes)
	return Root(w.plainRoot)
}

type plainLane Lane

type wireLane struct {
	plainLane
	IDBytes     []byte           `json:"id_bytes,omitempty"`
	RootBytes   []byte           `json:"root_bytes,omitempty"`
	RemoteBytes []byte           `json:"remote_bytes,omitempty"`
	Verify      *wireVerify      `json:"verify,omitempty"`
	Differences []wireDifference `json:"differences,omitempty"`
	Transfers   []wireTransfer   `json:"transfers,omitempty"`
	Failures    []wireFailure    `json:"failures,omitempty"`
}

func toWireLane(l Lane) wireLane {
	w := wireLane{
		plainLane: plainLane(l), IDBytes: rawBytes(l.ID), RootBytes: rawBytes(l.Root), RemoteBytes: rawBytes(l.Remote),
		Transfers: make([]wireTransfer, len(l.Transfers)), Failures: make([]wireFailure, len(l.Failures)),
	}
	if l.Verify != nil {
		w.Verify = &wireVerify{plainVerify(*l.Verify), rawNames(l.Verify.Names), rawNames(l.Verify.NewerNames), rawNames(l.Verify.Extras)}
	}
	for _, d := range l.Differences {
		w.Differences = append(w.Differences, wireDifference{plainDifference(d), rawNames(d.Names)})
	}
	for i, t := range l.Transfers {
		w.Transfers[i] = wireTransfer{plainTransfer(t), rawBytes(t.Path)}
	}
	for i, f := range l.Failures {
		w.Failures[i] = wireFailure{plainFailure(f), rawBytes(f.Path)}
	}
	return w
}

func (w wireLane) lane() Lane {
	l := Lane(w.plainLane)
	l.ID, l.Root, l.Remote = exact(l.ID, w.IDBytes), exact(l.Root, w.RootBytes), exact(l.Remote, w.RemoteBytes)
	if w.Verify != nil {
		v := Comparison(w.Verify.plainVerify)
		v.Names = exactNames(v.Names, w.Verify.NamesBytes)
		v.NewerNames = exactNames(v.NewerNames, w.Verify.NewerNamesBytes)
		v.Extras = exactNames(v.Extras, w.Verify.ExtrasBytes)
		l.Verify = &v
	}
	for _, d := range w.Differences {
		d.Names = exactNames(d.Names, d.NamesBytes)
		l.Differences = append(l.Differences, Difference(d.plainDifference))
	}
	for _, t := range w.Transfers {
		t.Path = exact(t.Path, t.PathBytes)
		l.Transfers = append(l.Transfers, Transfer(t.plainTransfer))
	}
	for _, f := range w.Failures {
		f.Path = exact(f.Path, f.PathBytes)
		l.Failures = append(l.Failures, Failure(f.plainFailure))
	}
	return l
}

type plainVerify Comparison

type wireVerify struct {
	plainVerify
	NamesBytes      [][]byte `json:"names_bytes,omitempty"` // as many as names; only if one of them needs it
	NewerNamesBytes [][]byte `json:"newer_names_bytes,omitempty"`
	ExtrasBytes     [][]byte `json:"extras_bytes,omitempty"`
}

type plainDifference Difference

type wireDifference struct {
	plainDifference
	NamesBytes [][]byte `json:"names_bytes,omitempty"` // as in wireVerify
}

// rawNames are all names in bytes; nil when every one of them is exact as a
// string.
func rawNames(names []string) [][]byte {
	raw, needed := make([][]byte, len(names)), false
	for i, n := range names {
		raw[i] = []byte(n)
		needed = needed || rawBytes(n) != nil
	}
	if !needed {
		return nil
	}
	return raw
}

// exactNames undoes rawNames.
func exactNames(names []string, raw [][]byte) []string {
	if len(raw) != len(names) {
		return names
	}
	for i, b := range raw {
		names[i] = string(b)
	}
	return names
}

type plainTransfer Transfer

type wireTransfer struct {
	plainTransfer
	PathBytes []byte `json:"path_bytes,omitempty"`
}

type plainFailure Failure

type wireFailure struct {
	plainFailure
	PathBytes []byte `json:"path_bytes,omitempty"`
}
