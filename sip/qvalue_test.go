package sip

import "testing"

func TestAppendQ(t *testing.T) {
	t.Parallel()
	for q, want := range map[uint16]string{0: "0", 1: "0.001", 10: "0.01", 50: "0.05", 100: "0.1", 101: "0.101", 120: "0.12", 999: "0.999", 1000: "1", 60000: "1"} {
		if got := string(AppendQ(nil, q)); got != want {
			t.Errorf("%d: %s, want %s", q, got, want)
		}
	}
}
