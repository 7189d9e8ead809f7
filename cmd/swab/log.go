package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// logFormats are the forms of messages.
var logFormats = [...]string{"text", "json"}

// logFlags adds the flags for messages to all verbs.
func logFlags(root *cobra.Command) {
	var format string
	var quiet bool
	root.PersistentFlags().StringVar(&format, "log-format", logFormats[0], "messages as text or as a line of json each")
	root.PersistentFlags().BoolVarP(&quiet, "quiet", "q", false, "print only results, warnings and errors")
	completeFrom(root, "log-format", logFormats[:]...)
	root.PersistentPreRunE = func(cmd *cobra.Command, _ []string) error {
		if format != logFormats[0] && format != logFormats[1] {
			return misused(cmd, "--log-format is text or json, not %q", format)
		}
		if quiet || format == logFormats[1] {
			root.SetErr(&messages{w: root.ErrOrStderr(), json: format == logFormats[1], quiet: quiet})
		}
		return nil
	}
}

// messages passes on lines of messages in another form, or only those that are warnings and
// errors. It is written to by one goroutine.
type messages struct {
	w           io.Writer
	json, quiet bool
	rest        []byte // of a line without its end
}

// The beginnings of messages, by level; all others are of level info. A line that is indented
// belongs to the one before.
var messageLevels = []struct{ prefix, level string }{
	{"swab: error: ", "error"},
	{"swab: hint: ", "hint"},
	{"swab: incomplete: ", "warning"},
	{"swab: data that was not read: ", "warning"},
	{"swab: not used: ", "warning"},
	{"swab: only task ", "warning"},
	{"swab: fail: ", "warning"},
	{"swab: look: ", "warning"},
	{"swab: over its limit: ", "warning"},
}

func (m *messages) Write(p []byte) (int, error) {
	m.rest = append(m.rest, p...)
	for {
		end := bytes.IndexByte(m.rest, '\n')
		if end < 0 {
			return len(p), nil
		}
		line := string(m.rest[:end])
		m.rest = m.rest[end+1:]
		level, text := "info", strings.TrimPrefix(line, "swab: ")
		for _, l := range messageLevels {
			if rest, ok := strings.CutPrefix(line, l.prefix); ok {
				level = l.level
				if level == "error" || level == "hint" {
					text = rest
				}
			}
		}
		if level == "info" && (strings.Contains(line, "skipped: ") || strings.Contains(line, "not read")) {
			level = "warning"
		}
		if m.quiet && level == "info" {
			continue
		}
		var err error
		if m.json {
			err = json.NewEncoder(m.w).Encode(struct {
				Time  string `json:"time"`
				Level string `json:"level"`
				Text  string `json:"msg"`
			}{time.Now().UTC().Format(time.RFC3339), level, strings.TrimPrefix(text, "note: ")})
		} else {
			_, err = fmt.Fprintln(m.w, line)
		}
		if err != nil {
			return len(p), err
		}
	}
}
