package lanestate

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/sersync/sersync/pkg/brake"
)

const laneKey = "/data/w\xffw w\n -> host::mod"

func clockAt(now time.Time, boot string, offset time.Duration) func() (Clock, error) {
	return func() (Clock, error) { return Clock{Now: now, BootID: boot, Offset: offset}, nil }
}

var noon = time.Date(2026, 1, 2, 12, 0, 0, 5, time.UTC)

// booted is the wall time at the beginning of boot b1, in the form of Clock.Offset.
var booted = time.Duration(noon.Add(-time.Hour).UnixNano())

func sampleState() State {
	return State{
		Lane: laneKey, Watermark: noon.Add(-time.Second), MirrorDone: true, MirrorScope: []string{"filter \xfe", ""}, LastSuccess: noon.Add(-time.Minute),
		Differences:  []Difference{{Kind: "newer", Count: 30, Since: noon, Names: []string{"a\xffb", "c"}}, {Kind: "extras", Count: 1, Since: noon}},
		Moved:        []Moved{{From: "old\xff", To: "new\n"}},
		Capabilities: map[string]string{"modify-window": "refused", "x\xfe": "3.0.9\n"},
		RootIdentity: brake.Identity{
			Root: brake.Place{Boot: "b1", Type: "ext4", UUID: "u", FSID: "f", Dev: math.MaxUint64, Ino: 2, Entries: 3},
			Mounts: []brake.Mount{{Path: "a b\n\xff%41\"", Place: brake.Place{
				Boot: "b1", Type: "nfs", Source: "nas:/\xffx", Ino: 7,
			}}},
		},
	}
}

func openStore(t testing.TB) *Store {
	t.Helper()
	s, err := Open(filepath.Join(t.TempDir(), "state"))
	if err != nil {
		t.Fatal(err)
	}
	s.clock = clockAt(noon, "b1", booted)
	return s
}

func TestStateSurvives(t *testing.T) {
	s := openStore(t)
	if got, err := s.Load(laneKey); err != nil || !reflect.DeepEqual(got, State{Lane: laneKey}) {
		t.Fatalf("absent: %+v, %v", got, err)
	}
	want := sampleState()
	must(t, s.Save(want))
	want.Version = 1
	want.Saved = Clock{Now: noon, BootID: "b1", Offset: booted}
	got, err := s.Load(laneKey)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("loaded\n%+v, %v, want\n%+v", got, err, want)
	}
	info, err := os.Stat(s.Path(laneKey))
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("file mode %v, %v", info.Mode(), err)
	}
	dir, err := os.Stat(filepath.Dir(s.Path(laneKey)))
	if err != nil || dir.Mode().Perm() != 0o700 {
		t.Errorf("directory mode %v, %v", dir.Mode(), err)
	}
	if s.Path("a/b") == s.Path("a_b") {
		t.Error("two lanes share a file")
	}
	if name := filepath.Base(s.Path(strings.Repeat("/\xff", 5000))); len(name) > 255 {
		t.Errorf("a name of %d bytes", len(name))
	}
}

// After a power loss a file may hold any part of its content, or zeros.
func TestStateLostWithThePower(t *testing.T) {
	s := openStore(t)
	must(t, s.Save(sampleState()))
	path := s.Path(laneKey)
	whole := []byte(content(t, path))
	check := func(what string, data []byte) {
		t.Helper()
		must(t, os.WriteFile(path, data, 0o600))
		got, err := s.Load(laneKey)
		if !errors.Is(err, ErrDamaged) || !reflect.DeepEqual(got, State{Lane: laneKey}) {
			t.Fatalf("%s: %+v, %v", what, got, err)
		}
	}
	for i := range len(whole) - 1 { // the last byte is a newline
		check("truncated", whole[:i])
		zeros := append([]byte{}, whole...)
		clear(zeros[i:])
		check("zero-filled", zeros)
	}
	for i := range whole[:len(whole)-1] {
		flipped := append([]byte{}, whole...)
		flipped[i] ^= 1
		must(t, os.WriteFile(path, flipped, 0o600))
		if got, err := s.Load(laneKey); err == nil && !reflect.DeepEqual(got.Watermark, sampleState().Watermark) {
			t.Fatalf("bit flipped at %d: %+v", i, got)
		}
	}
	must(t, s.Save(sampleState()))
	if _, err := s.Load(laneKey); err != nil {
		t.Errorf("a damaged file is not replaced: %v", err)
	}
}

func TestStateNotUsed(t *testing.T) {
	for _, tc := range []struct {
		name  string
		spoil func(t *testing.T, path string)
		want  error
	}{
		{"empty", func(t *testing.T, path string) { must(t, os.Truncate(path, 0)) }, ErrDamaged},
		{"other JSON", func(t *testing.T, path string) { must(t, os.WriteFile(path, []byte(`{}`), 0o600)) }, ErrDamaged},
		{"too long", func(t *testing.T, path string) { must(t, os.Truncate(path, maxBytes+1)) }, ErrDamaged},
		{"newer version", func(t *testing.T, path string) {
			must(t, os.WriteFile(path, []byte(strings.Replace(content(t, path), `"version":1`, `"version":2`, 1)), 0o600))
		}, ErrNewer},
		{"of another lane", func(t *testing.T, path string) {
			s := openStore(t)
			other := sampleState()
			other.Lane = "/other"
			must(t, s.Save(other), os.Rename(s.Path("/other"), path))
		}, ErrForeign},
		{"watermark after its saving", func(t *testing.T, path string) {
			ahead := sampleState()
			ahead.Saved, ahead.Watermark = Clock{Now: noon, BootID: "b1", Offset: booted}, noon.Add(time.Nanosecond)
			data, err := encode(ahead)
			must(t, err, os.WriteFile(path, data, 0o600))
		}, ErrDamaged},
		{"writable for others", func(t *testing.T, path string) { must(t, os.Chmod(path, 0o622)) }, ErrForeign},
		{"of another user", func(t *testing.T, path string) { must(t, os.Chown(path, 1234, 1234)) }, ErrForeign},
		{"a symbolic link", func(t *testing.T, path string) {
			must(t, os.Rename(path, path+".x"), os.Symlink(path+".x", path))
		}, ErrForeign},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if tc.name == "of another user" && os.Geteuid() != 0 {
				t.Skip("only root can give files away")
			}
			s := openStore(t)
			must(t, s.Save(sampleState()))
			tc.spoil(t, s.Path(laneKey))
			got, err := s.Load(laneKey)
			var typed *Error
			if !errors.Is(err, tc.want) || !errors.As(err, &typed) || strings.Contains(err.Error(), "\n") {
				t.Errorf("error %v, want one line of %v", err, tc.want)
			}
			if !reflect.DeepEqual(got, State{Lane: laneKey}) {
				t.Errorf("state %+v, want none", got)
			}
		})
	}
}

func TestStateAndTheClock(t *testing.T) {
	full := func(s State) bool { return !s.Watermark.IsZero() && s.MirrorDone && !s.RootIdentity.IsZero() }
	noWatermark := func(s State) bool { return s.Watermark.IsZero() && s.MirrorDone && !s.RootIdentity.IsZero() }
	for _, tc := range []struct {
		name   string
		now    time.Time
		boot   string
		offset time.Duration
		err    error
		state  func(State) bool
	}{
		{"an hour later", noon.Add(time.Hour), "b1", booted, nil, full},
		{"after a reboot", noon.Add(time.Hour), "b2", booted + 90*time.Minute, nil, full},
		{"clock set forward", noon.Add(3 * time.Hour), "b1", booted + 2*time.Hour, nil, full},
		{"a small step back", noon.Add(time.Minute), "b1", booted - 300*time.Millisecond, nil, full},
		{"set back by less than has passed", noon.Add(time.Hour), "b1", booted - 2*time.Second, ErrClockSetBack, noWatermark},
		{"set back before the state", noon.Add(-time.Hour), "b1", booted - 2*time.Hour, ErrClockSetBack, noWatermark},
		{"booted before the state was saved", noon.Add(time.Hour), "b2", booted + time.Minute, ErrClockSetBack, noWatermark},
		{"state from the future", noon.Add(-time.Hour), "b2", booted - 2*time.Hour, ErrFuture, noWatermark},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := openStore(t)
			must(t, s.Save(sampleState()))
			s.clock = clockAt(tc.now, tc.boot, tc.offset)
			got, err := s.Load(laneKey)
			if !errors.Is(err, tc.err) || (err == nil) != (tc.err == nil) {
				t.Errorf("error %v, want %v", err, tc.err)
			}
			if !tc.state(got) || got.Lane != laneKey {
				t.Errorf("state %+v", got)
			}
			now, _ := s.clock()
			if usable := got.UsableWatermark(now); usable.IsZero() != (tc.err != nil) {
				t.Errorf("usable watermark %v", usable)
			}
		})
	}
}

func TestUsableWatermark(t *testing.T) {
	saved := Clock{Now: noon, BootID: "b1", Offset: booted}
	s := State{Saved: saved, Watermark: noon}
	if got := s.UsableWatermark(saved); !got.Equal(noon.Add(-watermarkMargin)) {
		t.Errorf("usable %v", got)
	}
	stepped := Clock{Now: noon.Add(time.Hour), BootID: "b1", Offset: booted - time.Minute}
	if got := s.UsableWatermark(stepped); !got.IsZero() {
		t.Errorf("after a backward step %v", got)
	}
	if got := (State{Saved: saved}).UsableWatermark(saved); !got.IsZero() {
		t.Errorf("without watermark %v", got)
	}
}

func TestSaveNeverDatesTheWatermarkAhead(t *testing.T) {
	s := openStore(t)
	ahead := sampleState()
	ahead.Watermark = noon.Add(time.Hour)
	must(t, s.Save(ahead))
	if got, err := s.Load(laneKey); err != nil || !got.Watermark.Equal(noon) {
		t.Errorf("watermark %v, %v, want %v", got.Watermark, err, noon)
	}
	if err := s.Save(State{}); err == nil {
		t.Error("a state without lane was saved")
	}
}

func TestReadClock(t *testing.T) {
	a, err := ReadClock()
	must(t, err)
	b, err := ReadClock()
	must(t, err)
	if a.BootID == "" || a.BootID != b.BootID || b.SteppedBack(a) || time.Since(a.Now).Abs() > time.Minute {
		t.Errorf("clocks %+v, %+v", a, b)
	}
	boot := a.Now.Add(-a.Offset)
	if boot.Unix() < 0 || boot.After(time.Unix(0, 0).Add(100*365*24*time.Hour)) {
		t.Errorf("offset %v does not leave a time since boot", a.Offset)
	}
}

func TestOpenStoreRefusesOpenDirectories(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "d")
	must(t, os.Mkdir(dir, 0o777), os.Chmod(dir, 0o777))
	if _, err := Open(dir); err == nil {
		t.Error("a world-writable directory was taken")
	}
	file := filepath.Join(t.TempDir(), "f")
	must(t, os.WriteFile(file, nil, 0o600))
	if _, err := Open(file); err == nil || !strings.Contains(err.Error(), "<state dir=") {
		t.Errorf("error %v, want a remedy", err)
	}
}

func TestUserStateDir(t *testing.T) {
	for _, tc := range []struct{ xdg, home, want string }{
		{"/x/state", "/home/u", "/x/state/sersync"},
		{"relative", "/home/u", "/home/u/.local/state/sersync"},
		{"", "/home/u", "/home/u/.local/state/sersync"},
		{"", "", ""},
	} {
		t.Setenv("XDG_STATE_HOME", tc.xdg)
		t.Setenv("HOME", tc.home)
		if dir := userStateDir(); dir != tc.want {
			t.Errorf("%+v: %q", tc, dir)
		}
	}
}

// FuzzLoadState: no content of the file causes a panic, and a state that is accepted belongs to
// this lane, has the right checksum, and has no T in the future.
func FuzzLoadState(f *testing.F) {
	good, err := encode(func() State {
		s := sampleState()
		s.Saved = Clock{Now: noon, BootID: "b1", Offset: booted}
		return s
	}())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(good[:len(good)/2])
	f.Add([]byte(`{"format":"sersync lane state","version":1,"sha256":"","state":{}}`))
	f.Add([]byte(`{"format":"sersync lane state","version":99}`))
	f.Add(make([]byte, 512))
	s := openStore(f)
	s.clock = clockAt(noon.Add(time.Minute), "b1", booted)
	f.Fuzz(func(t *testing.T, data []byte) {
		must(t, os.WriteFile(s.Path(laneKey), data, 0o600))
		got, err := s.Load(laneKey)
		if got.Lane != laneKey || got.Watermark.After(got.Saved.Now) {
			t.Errorf("accepted %+v", got)
		}
		var typed *Error
		if err != nil && !errors.As(err, &typed) {
			t.Errorf("untyped error %v", err)
		}
		if err == nil {
			again, encodeErr := encode(got)
			must(t, encodeErr)
			if back, bad := decode(again); bad != nil || !reflect.DeepEqual(back, got) {
				t.Errorf("%+v comes back as %+v, %v", got, back, bad)
			}
		}
	})
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

func content(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	must(t, err)
	return string(data)
}
