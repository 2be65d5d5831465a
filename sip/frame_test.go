package sip

import (
	"bytes"
	"strings"
	"testing"
)

const (
	tcpOne = "OPTIONS sip:h SIP/2.0\r\n" + basic + "Content-Length: 5\r\n\r\nab\r\nc"
	tcpTwo = "BYE sip:h SIP/2.0\r\nSubject: x\r\n\ty\r\nL :\r\n 0\r\n\r\n"
)

// TestFrameChunks: the same messages in any chunking, byte by byte and cut at every pair of places.
func TestFrameChunks(t *testing.T) {
	t.Parallel()
	stream := []byte("\r\n\r\n" + tcpOne + "\r\n" + tcpTwo + "\r\n\r\n" + tcpTwo)
	want := []string{tcpOne, tcpTwo, tcpTwo}
	check := func(cuts ...int) {
		t.Helper()
		frames, err := frameAll(stream, cuts)
		if err != nil || len(frames) != len(want) {
			t.Fatalf("%v: %d frames, %v", cuts, len(frames), err)
		}
		for i := range want {
			same(t, string(frames[i]), want[i])
		}
	}
	each := make([]int, len(stream))
	for i := range stream {
		each[i] = i
		for j := i; j < len(stream); j += 7 {
			check(i, j)
		}
	}
	check(each...)
}

func TestFrameErrors(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, in, want string }{
		{"no length", options + basic + "\r\n", "400 Missing Content-Length"},
		{"a fold behind the start line", options + " l: 5\r\nl: 0\r\n\r\n", "400 Malformed Start Line"},
		{"two lengths", options + "l: 0\r\nContent-Length: 0\r\n\r\n", "400 More Than One Content-Length"},
		{"bad length", options + "l: -1\r\n\r\n", "400 Malformed Content-Length"},
		{"length 2^32", options + "l: 4294967296\r\n\r\n", "413 Request Entity Too Large"},
		{"length 2^64+1", options + "l: 18446744073709551617\r\n\r\n", "400 Malformed Content-Length"},
		{"bare LF hides a length", options + "X: a\nl: 5\r\nl: 0\r\n\r\n", "400 Bare CR or LF"},
		{"bare CR", options + "X: a\rb\r\nl: 0\r\n\r\n", "400 Bare CR or LF"},
		{"NUL in a fold", options + "X: a\r\n \x00\r\nl: 0\r\n\r\n", "400 Control Character in Header"},
		{"length in a fold is none", options + "X: a\r\n l: 0\r\n\r\n", "400 Missing Content-Length"},
		{"length in the start line is none", "l: 0\r\nX: y\r\n\r\n", "400 Missing Content-Length"},
		{"TLS hello", "\x16\x03\x01\x02\x00", "400 Malformed Start Line"},
		{"space first", " OPTIONS", "400 Malformed Start Line"},
		{"CR first", "\rO", "400 Malformed Start Line"},
		{"LF first", "\n", "400 Malformed Start Line"},
	} {
		for _, cuts := range [][]int{nil, {1}, {len(c.in) / 2}, {len(c.in) - 1}} {
			if _, err := frameAll([]byte(c.in), cuts); err == nil || err.Error() != c.want {
				t.Errorf("%s: got %v, want %s", c.name, err, c.want)
			}
		}
	}
}

// A line that Parse refuses, but which ends where everybody sees it end, does not cost the connection.
func TestFrameKeepsBadMessages(t *testing.T) {
	t.Parallel()
	stream := options + "NoColon\r\nl: 0\r\n\r\n" + tcpTwo
	frames, err := frameAll([]byte(stream), nil)
	if err != nil || len(frames) != 2 {
		t.Fatal(len(frames), err)
	}
	var m Message
	if m.Parse(frames[0]) == nil {
		t.Error("taken")
	}
}

func TestFrameResults(t *testing.T) {
	t.Parallel()
	head := strings.Index(tcpOne, "\r\n\r\n") + 4
	for _, c := range []struct {
		in                string
		skip, n, headerAt int
	}{
		{"", 0, 0, 0},
		{"\r", 0, 0, 0},
		{"\r\n", 2, 0, 0},
		{"\r\n\r", 2, 0, 0},
		{"\r\n\r\n", 4, 0, 0},
		{"\r\n" + tcpOne[:head-1], 2, 0, 0},
		{"\r\n" + tcpOne[:head], 2, 0, head},
		{tcpOne[:len(tcpOne)-1], 0, 0, head},
		{tcpOne, 0, len(tcpOne), head},
		{tcpOne + "INVITE", 0, len(tcpOne), head},
	} {
		skip, n, headerEnd, err := Frame([]byte(c.in), FrameLimits{})
		if skip != c.skip || n != c.n || headerEnd != c.headerAt || err != nil {
			t.Errorf("%q: %d %d %d %v", c.in, skip, n, headerEnd, err)
		}
	}
}

func TestFrameLimits(t *testing.T) {
	t.Parallel()
	section := func(size, body int) []byte {
		head := options + "l: " + itoa(body) + "\r\n"
		pad := size - len(head) - len("X: \r\n\r\n")
		return []byte(head + "X: " + strings.Repeat("x", pad) + "\r\n\r\n" + strings.Repeat("b", body))
	}
	for _, c := range []struct {
		name     string
		limits   FrameLimits
		head, at int
		want     string
	}{
		{"headers at the limit", FrameLimits{Headers: 200}, 200, 0, ""},
		{"headers beyond", FrameLimits{Headers: 200}, 201, 0, "513 Header Section Too Large"},
		{"message at the limit", FrameLimits{Message: 300}, 200, 100, ""},
		{"message beyond", FrameLimits{Message: 300}, 200, 101, "413 Request Entity Too Large"},
		{"limit below the headers", FrameLimits{Message: 100}, 200, 1, "413 Request Entity Too Large"},
		{"default headers", FrameLimits{}, MaxHeaderSection, 0, ""},
		{"default headers beyond", FrameLimits{}, MaxHeaderSection + 1, 0, "513 Header Section Too Large"},
		{"default message", FrameLimits{}, 200, MaxMessage - 200, ""},
		{"default message beyond", FrameLimits{}, 200, MaxMessage - 199, "413 Request Entity Too Large"},
		{"limits above the package's", FrameLimits{Message: 1 << 30, Headers: 1 << 30}, MaxHeaderSection + 1, 0, "513 Header Section Too Large"},
	} {
		b := section(c.head, c.at)
		_, n, _, err := Frame(b, c.limits)
		got := ""
		if err != nil {
			got = err.Error()
		}
		if got != c.want || c.want == "" && n != len(b) {
			t.Errorf("%s: %d %q", c.name, n, got)
		}
	}
	// without an end, the limit cuts as soon as it is reached
	if _, _, _, err := Frame(bytes.Repeat([]byte("x"), 200), FrameLimits{Headers: 200}); err == nil {
		t.Error("waits for ever")
	}
}
