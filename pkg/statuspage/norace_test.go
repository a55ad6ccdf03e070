//go:build !race

package statuspage

const raceDetector = false
