// Package trouble describes what keeps an edge from going on: the reason, the message of the system
// or of another program, and what a person can do. Reasons and remedies are sentences of the table
// in package words, which has their codes and their Chinese.
package trouble

import (
	"errors"
	"fmt"
)

// Trouble is what keeps an edge from going on. The zero value is none.
type Trouble struct {
	Reason string
	Detail string // what the system or another program says; empty: nothing
	Remedy string // empty: nobody can do anything
}

// None tells whether there is no trouble.
func (t Trouble) None() bool { return t == Trouble{} }

// String is reason, detail and remedy on one line.
func (t Trouble) String() string {
	text := t.Reason
	if t.Detail != "" {
		text += " (" + t.Detail + ")"
	}
	if t.Remedy != "" {
		text += "; " + t.Remedy
	}
	return text
}

// Error is a trouble as an error.
type Error struct {
	Trouble
	err error
}

// Error is reason, detail and remedy on one line.
func (e *Error) Error() string { return e.String() }

// Unwrap is what the trouble comes from; nil: nothing.
func (e *Error) Unwrap() error { return e.err }

// New is an error without a detail.
func New(reason, remedy string) error {
	return &Error{Trouble: Trouble{Reason: reason, Remedy: remedy}}
}

// From is an error whose detail is another one.
func From(err error, reason, remedy string) error {
	return &Error{Trouble{reason, err.Error(), remedy}, err}
}

// Of is the trouble in an error. An error that has none becomes the detail of a trouble with the
// given reason and remedy.
func Of(err error, reason, remedy string) Trouble {
	if told, ok := errors.AsType[*Error](err); ok {
		return told.Trouble
	}
	return Trouble{reason, err.Error(), remedy}
}

// Wrap puts what was attempted before the detail.
func Wrap(err error, attempted string) error {
	told, ok := errors.AsType[*Error](err)
	if !ok {
		return fmt.Errorf("%s: %w", attempted, err)
	}
	wrapped := *told
	wrapped.Detail = attempted
	if told.Detail != "" {
		wrapped.Detail += ": " + told.Detail
	}
	return &wrapped
}
