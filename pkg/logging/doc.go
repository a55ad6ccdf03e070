// Package logging builds the program's logger from the configuration: console
// text, JSON or logfmt, to standard error, to a file with rotation, or to the
// journal.
//
// Messages are constant; what varies is in fields, whose keys are the constants
// of this package. Whatever a file is called, one entry is one line without
// control characters: every value with anything unusual in it is quoted as a
// Go string, which also keeps bytes that are not UTF-8; JSON keeps them in a
// member of their own, KEY_bytes in base64.
package logging
