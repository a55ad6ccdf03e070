package rsync

import (
	"math"
	"strconv"
	"strings"
)

// quantity reads the value of an option as rsync does (rsync(1), --max-size): a
// number with a fraction, and a unit, which the option decides when there is none.
// What is no such value is 0, no limit; rsync itself says what is wrong with it.
func quantity(value, ofOption string) int64 {
	unit := strings.TrimLeft(value, "0123456789.")
	number, err := strconv.ParseFloat(value[:len(value)-len(unit)], 64)
	if err != nil {
		return 0
	}
	if unit == "" {
		unit = ofOption
	}
	base := 1024.0
	switch strings.ToLower(unit[1:]) {
	case "", "ib":
	case "b":
		base = 1000
	default:
		return 0
	}
	power := strings.IndexByte("bkmgtp", unit[0]|0x20)
	perSecond := number * math.Pow(base, float64(power))
	if power < 0 || perSecond > math.MaxInt64/2 {
		return 0
	}
	return int64(perSecond)
}
