package logging

import (
	"fmt"
	"unicode/utf8"

	"go.uber.org/zap"
	"go.uber.org/zap/buffer"
	"go.uber.org/zap/zapcore"
)

// jsonEncoder is zap's, but exact for names: a string that is not valid UTF-8,
// of which JSON can hold only part, is followed by a member with "_bytes"
// behind its key and all bytes in base64.
type jsonEncoder struct{ zapcore.Encoder }

func newJSONEncoder() jsonEncoder {
	return jsonEncoder{zapcore.NewJSONEncoder(zapcore.EncoderConfig{
		TimeKey: "ts", LevelKey: "level", NameKey: "logger", MessageKey: "msg", LineEnding: "\n",
		EncodeTime:     zapcore.TimeEncoderOfLayout(machineTime),
		EncodeLevel:    zapcore.LowercaseLevelEncoder,
		EncodeDuration: zapcore.StringDurationEncoder,
	})}
}

// Clone implements zapcore.Encoder.
func (e jsonEncoder) Clone() zapcore.Encoder { return jsonEncoder{e.Encoder.Clone()} }

// AddString implements zapcore.ObjectEncoder, for the fields of With.
func (e jsonEncoder) AddString(key, value string) {
	e.Encoder.AddString(key, value)
	if !utf8.ValidString(value) {
		e.Encoder.AddBinary(key+"_bytes", []byte(value))
	}
}

// EncodeEntry implements zapcore.Encoder.
func (e jsonEncoder) EncodeEntry(entry zapcore.Entry, fields []zapcore.Field) (*buffer.Buffer, error) {
	var extra []zapcore.Field
	for _, f := range fields {
		text := f.String
		if err, ok := f.Interface.(error); ok && f.Type == zapcore.ErrorType {
			text = fmt.Sprint(err) // survives a nil pointer, as zap does
		} else if f.Type != zapcore.StringType {
			continue
		}
		if !utf8.ValidString(text) {
			extra = append(extra, zap.Binary(f.Key+"_bytes", []byte(text)))
		}
	}
	if extra != nil {
		fields = append(fields[:len(fields):len(fields)], extra...)
	}
	return e.Encoder.EncodeEntry(entry, fields)
}
