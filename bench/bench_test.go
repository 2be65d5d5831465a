package main

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"
)

func TestParseStat(t *testing.T) {
	t.Parallel()
	s, err := parseStat([]byte("42 (a) b) S 1 77 77 0 -1 4194560 1 0 0 0 250 50 9 9 20 0 1 0 1 1 1\n"))
	if err != nil || s.group != 77 || s.cpu != 3*time.Second {
		t.Errorf("got %+v, %v", s, err)
	}
	for _, text := range []string{"", "42 (a", "42 (a) S 1", "42 (a) S 1 x 77 0 -1 1 1 0 0 0 250 50 9"} {
		if _, err := parseStat([]byte(text)); err == nil {
			t.Errorf("%q was accepted", text)
		}
	}
}

func TestParsePss(t *testing.T) {
	t.Parallel()
	if n, err := parsePss("00 ---p [rollup]\nRss:  5 kB\nPss:  3 kB\nPss_Anon: 1 kB\n"); err != nil || n != 3<<10 {
		t.Errorf("got %d, %v", n, err)
	}
	if _, err := parsePss("Rss: 5 kB\n"); err == nil {
		t.Error("no Pss was accepted")
	}
}

func TestParseDNSPerf(t *testing.T) {
	t.Parallel()
	done, rate, err := parseDNSPerf([]byte("  Queries completed:    300 (100.00%)\n  Queries per second:   150.5\n"))
	if err != nil || done != 300 || rate != 150.5 {
		t.Errorf("got %d, %v, %v", done, rate, err)
	}
	for _, text := range []string{"", "  Queries completed: 0 (0%)\n  Queries per second: 0.0\n"} {
		if _, _, err := parseDNSPerf([]byte(text)); err == nil {
			t.Errorf("%q was accepted", text)
		}
	}
}

func TestMedian(t *testing.T) {
	t.Parallel()
	if m := median([]float64{9, 1, 2}); m != 2 {
		t.Errorf("median %v", m)
	}
	if m := median([]float64{}); m != 0 {
		t.Errorf("median of nothing %v", m)
	}
}

// TestTable shows that a missed bar is seen and that the better peer counts.
func TestTable(t *testing.T) {
	t.Parallel()
	bin, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	r := newResults()
	for name, rate := range map[string]float64{"nsd": 1000, "knot": 2000, "sipway-dns": 1500} {
		r.add(server{name: name}, dnsWork, figure{rate: rate, cpu: 1, busy: 1})
	}
	var out strings.Builder
	if err := (&plan{sipway: bin, rounds: 1}).print(&out, r); !errors.Is(err, errBarMissed) {
		t.Errorf("0.75x of the better peer: %v", err)
	}
	if want := "| DNS, SIP query mix | knot | 2,000 | 1,500 | 0.75x | 0.9x **missed** |"; !strings.Contains(out.String(), want) {
		t.Errorf("no %q in\n%s", want, &out)
	}
	r.add(server{name: "sipway-dns"}, dnsWork, figure{rate: 1900, cpu: 1, busy: 0.5})
	r.figures["sipway-dns"][dnsWork] = r.figures["sipway-dns"][dnsWork][1:]
	out.Reset()
	if err := (&plan{sipway: bin, rounds: 1}).print(&out, r); err != nil || !strings.Contains(out.String(), "1,900 *") {
		t.Errorf("0.95x, idle: %v\n%s", err, &out)
	}
}

func TestTurnsAlternate(t *testing.T) {
	t.Parallel()
	p := &plan{}
	there, back := p.turns(0), p.turns(1)
	if len(there) != len(servers) || there[0].name != back[len(back)-1].name {
		t.Errorf("%v then %v", there[0].name, back[0].name)
	}
	for _, s := range (&plan{only: []string{"dns"}}).turns(0) {
		if s.speaks != "dns" {
			t.Errorf("%s among the name servers", s.name)
		}
	}
}
