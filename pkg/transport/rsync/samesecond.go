package rsync

import "regexp"

// keepers are the releases of which 3.2.3 may be one, as a greeting or rsync itself
// tells them; empty: nothing is known.
var keepers = regexp.MustCompile(`^(|rsync 3\.1\.0 to 3\.2\.6|rsync 3\.2\.[0-6])$`)

// KeepsSameSecond tells whether, with -u, a receiver of that release may take its copy of the same
// second for newer, as 3.2.3 does (Debian 11). All other releases compare the contents then.
func KeepsSameSecond(release string) bool { return keepers.MatchString(release) }
