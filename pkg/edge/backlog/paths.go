package backlog

import "strings"

// up calls do for the path and every directory above it, the root "" last, until do returns false.
func up(path string, do func(string) bool) {
	for do(path) && path != "" {
		path = path[:max(0, strings.LastIndexByte(path, '/'))]
	}
}

// count adds n to every directory above the path.
func count(below map[string]int, path string, n int) {
	for path != "" {
		path = path[:max(0, strings.LastIndexByte(path, '/'))]
		if below[path] += n; below[path] == 0 {
			delete(below, path)
		}
	}
}

func isBelow(path, dir string) bool {
	return dir == "" && path != "" || len(path) > len(dir) && path[len(dir)] == '/' && path[:len(dir)] == dir
}
