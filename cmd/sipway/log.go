package main

import (
	"io"
	"log/slog"
	"os"

	"golang.org/x/term"
)

// newLog returns the log of a server: text for a person, JSON for programs.
// format is text, json, or auto: text if w is a terminal.
func newLog(w io.Writer, format string) (*slog.Logger, error) {
	switch format {
	case "text":
		return slog.New(slog.NewTextHandler(w, nil)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(w, nil)), nil
	case "auto":
		if isTerminal(w) {
			return slog.New(slog.NewTextHandler(w, nil)), nil
		}
		return slog.New(slog.NewJSONHandler(w, nil)), nil
	}
	return nil, usageError("--log is text, json or auto, not %q", format)
}

func isTerminal(w any) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
