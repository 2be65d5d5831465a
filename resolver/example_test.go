package resolver_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"

	"github.com/sipway/sipway/resolver"
)

// source stands for the DNS. Without one, the system's name servers are asked.
func source(_ context.Context, q resolver.Question) *resolver.RRset {
	set := &resolver.RRset{Question: q, TTL: 300}
	switch q.String() {
	case "example.com. NAPTR":
		set.NAPTR = []resolver.NAPTR{{Order: 10, Preference: 10, Flags: "s", Service: "SIPS+D2T", Replacement: "_sips._tcp.example.com."}}
	case "_sips._tcp.example.com. SRV":
		set.SRV = []resolver.SRV{{Priority: 10, Weight: 60, Port: 5061, Target: "edge1.example.com."}, {Priority: 20, Port: 5061, Target: "edge2.example.com."}}
	case "edge1.example.com. A":
		set.Addrs = []netip.Addr{netip.MustParseAddr("192.0.2.11")}
	case "edge2.example.com. A":
		set.Addrs = []netip.Addr{netip.MustParseAddr("192.0.2.12")}
	}
	return set
}

func Example() {
	r, err := resolver.New(resolver.Options{Source: source})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer r.Close()
	res, err := r.Resolve(context.Background(), "sip:bob@example.com")
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, t := range res.Targets {
		fmt.Println(t.Transport, t.AddrPort(), t.Host)
	}
	fmt.Println("certificate for", res.Identity)
	// Output:
	// tls 192.0.2.11:5061 edge1.example.com
	// tls 192.0.2.12:5061 edge2.example.com
	// certificate for example.com
}

func ExampleError() {
	r, err := resolver.New(resolver.Options{Source: source})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer r.Close()
	_, err = r.Resolve(context.Background(), "sip:bob@example.org")
	if e, ok := errors.AsType[*resolver.Error](err); ok {
		fmt.Println(e.Class)
	}
	fmt.Println(errors.Is(err, &resolver.Error{Class: resolver.NoAddress}))
	// Output:
	// no_address
	// true
}
