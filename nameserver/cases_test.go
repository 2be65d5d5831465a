package nameserver

import (
	"encoding/hex"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/miekg/dns"
)

// The cases of zones/testdata/dns.yaml, which says at its head what its words mean, are asked over real
// sockets. All groups must pass, the strict expectations too.

const casesOrigin = "voip.example."

// skipped says why a case is not run.
func skipped(c *dnsCase) string {
	if c.Special == "manual" {
		return "needs health-driven data, which a later release has"
	}
	return ""
}

type dnsCase struct {
	ID         string
	Desc       string
	Q          *caseQuestion
	Raw        string
	RawSpecial string `yaml:"raw_special"`
	Special    string
	Question   string
	AllowNoOPT bool `yaml:"allow_no_opt"`
	Expect     *caseExpect
	Strict     *caseExpect
}

type caseQuestion struct {
	Name, Type, Class, Transport string
	RD, CD, AD, Z, TC            int
	EDNS                         *caseEDNS
}

type caseEDNS struct {
	Size    *int
	Version int
	DO      int
	Z       int
	Options [][]any
}

type caseExpect struct {
	Response           string
	Rcode              any
	Flags              map[string]int
	Answer             *[]string
	Authority          *[]string
	Additional         *[]string
	AnswerIncludes     []string `yaml:"answer_includes"`
	AuthorityIncludes  []string `yaml:"authority_includes"`
	AdditionalIncludes []string `yaml:"additional_includes"`
	AnswerCount        *int     `yaml:"answer_count"`
	AuthorityCount     *int     `yaml:"authority_count"`
	AdditionalCount    *int     `yaml:"additional_count"`
	AnswerOrdered      []string `yaml:"answer_ordered"`
	AnswerTypes        []string `yaml:"answer_types"`
	FirstAnswerType    string   `yaml:"first_answer_type"`
	MaxAnswer          *int     `yaml:"max_answer"`
	MaxSize            *int     `yaml:"max_size"`
	SOATTL             *uint32  `yaml:"soa_ttl"`
	NoSOA              bool     `yaml:"no_soa"`
	Uncompressed       bool     `yaml:"rdata_uncompressed"`
	RdataCase          string   `yaml:"rdata_case"`
	QuestionCase       bool     `yaml:"question_case_exact"`
	Cookie             string
	EDNS               any
}

func TestCases(t *testing.T) {
	b, err := os.ReadFile(filepath.Join("..", "zones", "testdata", "dns.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Defaults map[string]any
		Cases    []*dnsCase
	}
	if err := yaml.UnmarshalWithOptions(b, &file, yaml.Strict(), yaml.AllowFieldPrefixes("rfc", "sip", "level")); err != nil {
		t.Fatal(err)
	}
	_, addr := start(t, Options{})
	for _, c := range file.Cases {
		t.Run(c.ID, func(t *testing.T) {
			t.Parallel()
			if why := skipped(c); why != "" {
				t.Skipf("%s: %s", c.Desc, why)
			}
			r := &caseRun{T: t, c: c, addr: addr}
			r.run()
			if t.Failed() {
				t.Logf("%s: %s", c.ID, c.Desc)
			}
		})
	}
}

// caseRun is one case under way.
type caseRun struct {
	*testing.T
	c    *dnsCase
	addr netip.AddrPort
	raw  []byte // the response
	m    *dns.Msg
}

func (r *caseRun) run() {
	switch r.c.Special {
	case "":
	case "tcp_pipeline", "tcp_split", "tcp_reuse":
		r.stream(r.c.Special)
		return
	default:
		r.Fatalf("special %q is unknown", r.c.Special)
	}
	q := r.query()
	response := "required"
	if r.c.Expect.Response != "" {
		response = r.c.Expect.Response
	}
	tcp := r.c.Q != nil && r.c.Q.Transport == "tcp"
	var err error
	if r.raw, err = r.exchange(q, tcp, response != "required"); err != nil {
		if response == "required" {
			r.Fatalf("no response: %v", err)
		}
		return
	}
	if response == "none" {
		r.Fatalf("a response where there must be silence: %x", r.raw)
	}
	r.always(q)
	r.check(r.c.Expect)
	if r.c.Strict != nil {
		r.check(r.c.Strict)
	}
}

// query packs the case's query, by hand where it must not be well-formed.
func (r *caseRun) query() []byte {
	const id = "4d2b"
	if r.c.Raw != "" {
		b, err := hex.DecodeString(strings.NewReplacer("IIII", id, " ", "").Replace(r.c.Raw))
		if err != nil {
			r.Fatal(err)
		}
		return b
	}
	if r.c.RawSpecial != "" { // a name of 256 octets
		b := append([]byte{0x4d, 0x2b, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0}, strings.Repeat("\x3f"+strings.Repeat("a", 63), 4)...)
		return append(b, 0, 0, 1, 0, 1)
	}
	q := r.c.Q
	m := &dns.Msg{MsgHdr: dns.MsgHdr{
		Id: 0x4d2b, RecursionDesired: q.RD == 1, CheckingDisabled: q.CD == 1, AuthenticatedData: q.AD == 1,
		Zero: q.Z == 1, Truncated: q.TC == 1,
	}}
	qtype := rtype(r.T, q.Type)
	class := uint16(dns.ClassINET)
	if q.Class != "" {
		class = dns.StringToClass[q.Class]
	}
	m.Question = []dns.Question{{Name: absolute(q.Name), Qtype: qtype, Qclass: class}}
	if qtype == dns.TypeIXFR {
		m.Ns = []dns.RR{&dns.SOA{Hdr: dns.RR_Header{Name: casesOrigin, Rrtype: dns.TypeSOA, Class: class}, Ns: ".", Mbox: ".", Serial: 1}}
	}
	if e := q.EDNS; e != nil {
		m.Extra = []dns.RR{e.record(r.T)}
	}
	b, err := m.Pack()
	if err != nil {
		r.Fatal(err)
	}
	return b
}

func (e *caseEDNS) record(t *testing.T) *dns.OPT {
	o := &dns.OPT{Hdr: dns.RR_Header{Name: ".", Rrtype: dns.TypeOPT}}
	size := 1232
	if e.Size != nil {
		size = *e.Size
	}
	o.SetUDPSize(uint16(size))
	o.Hdr.Ttl = uint32(e.Version)<<16 | uint32(e.DO)<<15 | uint32(e.Z)
	for _, opt := range e.Options {
		data, err := hex.DecodeString(fmt.Sprint(opt[1]))
		if err != nil {
			t.Fatal(err)
		}
		var code uint16
		if _, err := fmt.Sscan(fmt.Sprint(opt[0]), &code); err != nil {
			t.Fatal(err)
		}
		o.Option = append(o.Option, &dns.EDNS0_LOCAL{Code: code, Data: data})
	}
	return o
}

// exchange asks once. Whether silence is right, a query behind it tells: the server answers in order of
// arrival on one socket.
func (r *caseRun) exchange(q []byte, tcp, silence bool) ([]byte, error) {
	if tcp {
		c := dial(r.T, r.addr)
		if _, err := c.Write(framed(q)); err != nil {
			return nil, err
		}
		return next(c)
	}
	c, err := net.Dial("udp", r.addr.String())
	if err != nil {
		return nil, err
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		return nil, err
	}
	marker := query(r.T, "marker.elsewhere.", dns.TypeA)
	marker[0], marker[1] = 0xff, 0xff
	if _, err := c.Write(q); err != nil {
		return nil, err
	}
	if silence {
		if _, err := c.Write(marker); err != nil {
			return nil, err
		}
	}
	b := make([]byte, 65535)
	n, err := c.Read(b)
	if err != nil {
		return nil, err
	}
	if n > 2 && b[0] == 0xff && b[1] == 0xff {
		return nil, fmt.Errorf("silence")
	}
	return b[:n], nil
}

// always checks what holds for every response.
func (r *caseRun) always(q []byte) {
	r.m = new(dns.Msg)
	if err := r.m.Unpack(r.raw); err != nil {
		r.Fatalf("the response does not unpack: %v\n%x", err, r.raw)
	}
	m := r.m
	if r.raw[0] != q[0] || r.raw[1] != q[1] || !m.Response || m.RecursionAvailable || m.Zero || r.raw[2]>>3&15 != q[2]>>3&15 {
		r.Errorf("ID, QR, RA, Z or opcode wrong:\n%v", m)
	}
	// Packed again it must be as long, or something trails.
	if end := messageEnd(r.raw); end != len(r.raw) {
		r.Errorf("the message ends at %d, the packet at %d", end, len(r.raw))
	}
	if r.c.Q == nil {
		return
	}
	if m.RecursionDesired != (r.c.Q.RD == 1) {
		r.Errorf("RD is %v", m.RecursionDesired)
	}
	qname := 0
	for q[12+qname] != 0 {
		qname += 1 + int(q[12+qname])
	}
	if end := 12 + qname + 5; r.c.Question != "any" && (len(r.raw) < end || string(r.raw[12:end]) != string(q[12:end])) {
		r.Errorf("the question is not repeated octet by octet:\n%v", m)
	}
	if !r.c.AllowNoOPT && (m.IsEdns0() != nil) != (r.c.Q.EDNS != nil) {
		r.Errorf("OPT in the response: %v, in the query: %v", m.IsEdns0() != nil, r.c.Q.EDNS != nil)
	}
}

// messageEnd walks a message by its counts.
func messageEnd(b []byte) int {
	off := 12
	counts := [4]int{}
	for i := range counts {
		counts[i] = int(b[4+2*i])<<8 | int(b[5+2*i])
	}
	var err error
	for i, n := range counts {
		for range n {
			if i == 0 {
				_, off, err = dns.UnpackDomainName(b, off)
				off += 4
			} else {
				_, off, err = dns.UnpackRR(b, off)
			}
			if err != nil {
				return -1
			}
		}
	}
	return off
}

// stream runs a case about TCP framing.
func (r *caseRun) stream(kind string) {
	one, two := query(r.T, casesOrigin, dns.TypeSOA), query(r.T, "edge1."+casesOrigin, dns.TypeA)
	one[1], two[1] = 1, 2
	c := dial(r.T, r.addr)
	send := func(b []byte) {
		if _, err := c.Write(b); err != nil {
			r.Fatal(err)
		}
	}
	receive := func(want ...byte) {
		for range want {
			b, err := next(c)
			if err != nil {
				r.Fatal(err)
			}
			i := slices.Index(want, b[1])
			if i < 0 {
				r.Fatalf("a response with ID %x", b[:2])
			}
			want[i] = 0
		}
	}
	switch kind {
	case "tcp_pipeline":
		send(framed(one, two))
		receive(1, 2)
	case "tcp_split":
		f := framed(one)
		for _, part := range [][]byte{f[:1], f[1:5], f[5:]} {
			send(part)
		}
		receive(1)
	case "tcp_reuse":
		send(framed(one))
		receive(1)
		send(framed(two))
		receive(2)
	}
}

// absolute makes a case's name whole.
func absolute(name string) string {
	switch {
	case name == "@":
		return casesOrigin
	case name == "@LONG255":
		var b strings.Builder
		for need := 255 - 14; need > 1; {
			l := min(63, need-1)
			b.WriteString(strings.Repeat("l", l) + ".")
			need -= l + 1
		}
		return b.String() + casesOrigin
	case strings.HasSuffix(name, "."):
		return name
	}
	return name + "." + casesOrigin
}

func rtype(t *testing.T, s string) uint16 {
	t.Helper()
	if v, ok := dns.StringToType[s]; ok {
		return v
	}
	var n uint16
	if _, err := fmt.Sscanf(s, "TYPE%d", &n); err != nil {
		t.Fatalf("type %q", s)
	}
	return n
}
