package resolver

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type vectors struct {
	Defaults struct {
		Client vectorClient `yaml:"client"`
	} `yaml:"defaults"`
	Cases []vectorCase `yaml:"cases"`
}

type vectorClient struct {
	Transports  []string `yaml:"transports"`
	Prefer      []string `yaml:"prefer"`
	Families    []string `yaml:"families"`
	FamilyOrder []string `yaml:"family_order"`
	RequestSize int      `yaml:"request_size"`
}

type vectorCase struct {
	ID          string       `yaml:"id"`
	RFC         string       `yaml:"rfc"`
	Title       string       `yaml:"title"`
	Kind        string       `yaml:"kind"`
	Zone        string       `yaml:"zone"`
	URI         string       `yaml:"uri"`
	Client      vectorClient `yaml:"client"`
	Random      []uint32     `yaml:"random"`
	Faults      []fault      `yaml:"faults"`
	Expect      outcome      `yaml:"expect"`
	Ambiguous   bool         `yaml:"ambiguous"`
	Accept      []outcome    `yaml:"accept"`
	Concurrency int          `yaml:"concurrency"`
	Steps       []vectorStep `yaml:"steps"`
}

type outcome struct {
	Targets      []map[string][]string `yaml:"targets"`
	Error        string                `yaml:"error"`
	MustQuery    []string              `yaml:"must_query"`
	MustNotQuery []string              `yaml:"must_not_query"`
	WithinMS     int                   `yaml:"within_ms"`
	TLSName      string                `yaml:"tls_name"`
	MaxQueries   int                   `yaml:"max_queries"`
	First        map[string]float64    `yaml:"first_probability"`
}

type vectorStep struct {
	At           float64  `yaml:"at"`
	URI          string   `yaml:"uri"`
	To           string   `yaml:"to"` // a retransmission: nothing for a resolver to do
	Targets      []string `yaml:"targets"`
	Error        string   `yaml:"error"`
	Queries      []string `yaml:"queries"`
	QueriesAnyOf []string `yaml:"queries_any_of"`
}

// notHere lists the cases that this package does not cover yet, with the reason.
func notHere(id string) string {
	switch {
	case strings.HasPrefix(id, "via-"):
		return "RFC 3263 section 5 is not here yet"
	case strings.HasPrefix(id, "enum-"):
		return "ENUM is not here yet"
	case strings.HasPrefix(id, "fo-"), strings.HasPrefix(id, "sl-"):
		return "failover and stateless choice belong to who sends"
	case id == "cache-07":
		return "serve-stale is not here yet"
	case id == "cache-09":
		return "the bid-down alarm is not here yet"
	}
	return ""
}

func loadVectors(t testing.TB) vectors {
	t.Helper()
	b, err := os.ReadFile("testdata/rfc3263.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var v vectors
	if err := yaml.Unmarshal(b, &v); err != nil {
		t.Fatal(err)
	}
	if len(v.Cases) < 100 {
		t.Fatalf("only %d cases", len(v.Cases))
	}
	return v
}

func TestVectors(t *testing.T) {
	t.Parallel()
	v := loadVectors(t)
	for _, c := range v.Cases {
		t.Run(c.ID, func(t *testing.T) {
			t.Parallel()
			if why := notHere(c.ID); why != "" {
				t.Skip(why)
			}
			c.runIn(t, v.Defaults.Client)
		})
	}
}

// runIn plays a case against a name server on loopback.
func (c *vectorCase) runIn(t *testing.T, defaults vectorClient) {
	clock := &fakeClock{}
	server := (&fakeDNS{zone: parseNaiveZone(t, c.Zone), faults: c.Faults, elapsed: clock.elapsed}).start(t)
	r := c.resolver(t, defaults, server.addr, clock)
	if len(c.Steps) > 0 {
		c.playSteps(t, r, server, clock)
		return
	}
	began := time.Now()
	res := c.resolveAll(t, r)
	took := time.Since(began)
	asked := server.queries()
	verdict := c.Expect.check(res)
	for _, other := range c.Accept {
		if verdict != nil && c.Ambiguous && other.check(res) == nil {
			t.Logf("an accepted outcome: %v", got(res))
			verdict = nil
		}
	}
	if verdict != nil {
		t.Errorf("%s (RFC %s)\n%s\n%v", c.Title, c.RFC, verdict, describe(res))
	}
	c.checkQueries(t, asked)
	if ms := c.Expect.WithinMS; ms > 0 && took > time.Duration(ms)*time.Millisecond {
		t.Errorf("took %v, want at most %d ms", took, ms)
	}
	if want := c.Expect.TLSName; want != "" && res.Identity != want {
		t.Errorf("identity %q, want %q", res.Identity, want)
	}
	if most := c.Expect.MaxQueries; most > 0 && len(asked) > most {
		t.Errorf("%d queries, want at most %d: %v", len(asked), most, asked)
	}
	if len(c.Expect.First) > 0 {
		c.checkChances(t, r)
	}
}

func (c *vectorCase) resolver(t *testing.T, defaults vectorClient, server netip.AddrPort, clock *fakeClock) *Resolver {
	t.Helper()
	o := Options{Servers: []netip.AddrPort{server}, Now: clock.now, Trace: true}
	for _, name := range firstOf(c.Client.Prefer, c.Client.Transports, defaults.Prefer) {
		tr, err := ParseTransport(name)
		if err != nil {
			t.Fatal(err)
		}
		o.Transports = append(o.Transports, tr)
	}
	for _, name := range firstOf(c.Client.FamilyOrder, defaults.FamilyOrder) {
		f, err := ParseFamily(name)
		if err != nil {
			t.Fatal(err)
		}
		o.Families = append(o.Families, f)
	}
	r, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	if len(c.Random) > 0 {
		r.draws = func() func() Draw {
			return func() Draw { return listed(c.Random) }
		}
	}
	return r
}

func firstOf(lists ...[]string) []string {
	for _, l := range lists {
		if len(l) > 0 {
			return l
		}
	}
	return nil
}

// listed draws the numbers of a case.
func listed(numbers []uint32) Draw {
	return func(uint32) uint32 {
		if len(numbers) == 0 {
			return 0
		}
		n := numbers[0]
		numbers = numbers[1:]
		return n
	}
}

func (c *vectorCase) resolveAll(t *testing.T, r *Resolver) *Result {
	t.Helper()
	results := make([]*Result, max(1, c.Concurrency))
	var wg sync.WaitGroup
	for i := range results {
		wg.Go(func() {
			results[i], _ = r.Lookup(context.Background(), Query{URI: c.URI, Size: c.Client.RequestSize})
		})
	}
	wg.Wait()
	for _, res := range results {
		if err := c.Expect.check(res); err != nil && c.Concurrency > 0 {
			t.Error(err)
		}
	}
	return results[0]
}

func got(res *Result) []string {
	var out []string
	for i := range res.Targets {
		out = append(out, res.Targets[i].String())
	}
	if res.Err != nil {
		out = append(out, res.Err.Error())
	}
	return out
}

func describe(res *Result) string {
	var b strings.Builder
	fmt.Fprintf(&b, "got %v\n", got(res))
	for _, s := range res.Trace {
		fmt.Fprintf(&b, "  %s %s %s %v | %s\n", s.Step, s.Name, s.Source, s.Records, s.Note)
	}
	return b.String()
}

// check compares a result with an outcome: groups in order, by seq, any, optional_seq, optional_any.
func (o *outcome) check(res *Result) error {
	if o.Error != "" || res.Err != nil {
		if res.Err == nil || string(res.Err.Class) != o.Error {
			return fmt.Errorf("error: got %v, want %q, targets %v", got(res), o.Error, o.Targets)
		}
		return nil
	}
	left := got(res)
	for _, group := range o.Targets {
		for kind, want := range group {
			n := min(len(want), len(left))
			have, sorted := slices.Clone(left[:n]), slices.Clone(want)
			if strings.HasSuffix(kind, "any") {
				slices.Sort(have)
				slices.Sort(sorted)
			}
			switch {
			case slices.Equal(have, sorted):
				left = left[n:]
			case strings.HasPrefix(kind, "optional"):
			default:
				return fmt.Errorf("got %v, want %s %v", left, kind, want)
			}
		}
	}
	if len(left) > 0 {
		return fmt.Errorf("hops too many: %v", left)
	}
	return nil
}

// checkQueries looks at what the server was asked. An SRV name that is asked together with NAPTR, before it
// is known whether it counts, is no fault; one that can never count is.
func (c *vectorCase) checkQueries(t *testing.T, asked []string) {
	t.Helper()
	for _, q := range c.Expect.MustQuery {
		if !slices.Contains(asked, q) {
			t.Errorf("%s was not asked", q)
		}
	}
	ahead := map[string]bool{}
	if d, err := ParseDestination(c.URI); err == nil && d.Port == 0 && d.Transport == NoTransport && !d.Secure {
		for _, tr := range []Transport{UDP, TCP, TLS} {
			ahead[tr.srvPrefixes()[0]+d.Host+". SRV"] = true
		}
	}
	for _, q := range c.Expect.MustNotQuery {
		if q == "*" && len(asked) > 0 {
			t.Errorf("asked %v, want nothing", asked)
		}
		if slices.Contains(asked, q) && !ahead[q] {
			t.Errorf("%s was asked", q)
		}
	}
}

func (c *vectorCase) checkChances(t *testing.T, r *Resolver) {
	const runs = 20000
	count := map[string]int{}
	for range runs {
		res, err := r.Resolve(context.Background(), c.URI)
		if err != nil {
			t.Fatal(err)
		}
		count[res.Targets[0].String()]++
	}
	for target, want := range c.Expect.First {
		if have := float64(count[target]) / runs; target != "tolerance" && (have < want-c.Expect.First["tolerance"] || have > want+c.Expect.First["tolerance"]) {
			t.Errorf("%s first in %.3f, want %.3f", target, have, want)
		}
	}
}

// playSteps plays a case in time.
func (c *vectorCase) playSteps(t *testing.T, r *Resolver, server *fakeDNS, clock *fakeClock) {
	for i, s := range c.Steps {
		if s.To != "" {
			continue
		}
		clock.set(s.At)
		uri := c.URI
		if s.URI != "" {
			uri = s.URI
		}
		res, err := r.Resolve(context.Background(), uri)
		asked := server.queries()
		var e *Error
		if errors.As(err, &e); s.Error != "" && (e == nil || string(e.Class) != s.Error) {
			t.Errorf("step %d at %v: got %v, want %s", i, s.At, err, s.Error)
		}
		if len(s.Targets) > 0 && !slices.Equal(got(res), s.Targets) {
			t.Errorf("step %d at %v: got %v, want %v", i, s.At, got(res), s.Targets)
		}
		if s.Queries != nil && len(s.Queries) == 0 && len(asked) > 0 {
			t.Errorf("step %d at %v: asked %v, want nothing", i, s.At, asked)
		}
		for _, q := range s.Queries {
			if !slices.Contains(asked, q) {
				t.Errorf("step %d at %v: asked %v, want %s", i, s.At, asked, q)
			}
		}
		if these := s.QueriesAnyOf; len(these) > 0 && !slices.ContainsFunc(asked, func(q string) bool { return slices.Contains(these, q) }) {
			t.Errorf("step %d at %v: asked %v, want one of %v", i, s.At, asked, these)
		}
	}
}

// fakeClock is the time of the cache; it moves when told.
type fakeClock struct{ ns atomic.Int64 }

func (c *fakeClock) now() time.Time      { return time.Unix(1e9, c.ns.Load()) }
func (c *fakeClock) elapsed() float64    { return float64(c.ns.Load()) / 1e9 }
func (c *fakeClock) set(seconds float64) { c.ns.Store(int64(seconds * 1e9)) }
