package brake

import "testing"

func FuzzRawPath(f *testing.F) {
	for _, s := range []string{"", "a/b", "a b%41\x00\n\"\\<>&\xff\u00e4", "+", "%", "%zz"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		text, err := RawPath(s).MarshalText()
		if err != nil {
			t.Fatal(err)
		}
		var back RawPath
		if err := back.UnmarshalText(text); err != nil || string(back) != s {
			t.Errorf("%q became %s, then %q, %v", s, text, back, err)
		}
		for _, c := range text {
			if c <= ' ' || c >= 0x7f {
				t.Errorf("byte %#x in %s", c, text)
			}
		}
		_ = back.UnmarshalText([]byte(s)) // must not panic
	})
}
