package watchertest

import "testing"

// Suite is what every watcher passes.
func (b Backend) Suite(t *testing.T) {
	for _, part := range []struct {
		name string
		test func(t *testing.T)
	}{
		{"Scripts", b.testScripts},
		{"StormLeavesNothingUnseen", b.testStorm},
		{"StormAcrossSkippedNamesLeavesNothingUnseen", b.testStormAcrossSkippedNames},
		{"OverflowIsRepaired", b.testOverflowIsRepaired},
		{"OverflowDuringStartAndStorm", b.testOverflowDuringStartAndStorm},
		{"RootComesAndGoes", b.testRootComesAndGoes},
		{"RootReplacedAtOnce", b.testRootReplacedAtOnce},
		{"RootIsLink", b.testRootIsLink},
		{"MountAppearsAndDisappears", b.testMountAppearsAndDisappears},
		{"MountIsReplacedUnseen", b.testMountIsReplacedUnseen},
		{"RootUnmounted", b.testRootUnmounted},
	} {
		t.Run(part.name, part.test)
	}
}
