package transport

// Grain is how fine a remote keeps the modification times of files. It is
// learnt: the file system there decides, and no receiver tells.
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
