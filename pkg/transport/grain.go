package transport

// Grain is how fine a remote keeps the modification times of files. It has to be learnt, for the
// file system there decides it, and no receiver tells it.
type Grain uint8

// The grains. What is not known yet is taken for nanoseconds.
const (
	GrainUnknown Grain = iota
	GrainNanosecond
	GrainSecond
	GrainTwoSeconds // FAT
)

// String is the grain as a person reads it.
func (g Grain) String() string {
	return [...]string{"unknown", "nanoseconds", "seconds", "two seconds"}[g]
}
