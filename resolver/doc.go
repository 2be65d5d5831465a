// Package resolver finds the servers of a SIP or SIPS URI by RFC 3263: a URI goes in, an ordered list of
// hops (transport, address, port) comes out, with the reason for each.
//
// It implements RFC 3263 section 4 (client usage) as updated by RFC 7984 (dual stack), with RFC 2782 (SRV),
// RFC 3403 (NAPTR), RFC 6724 (address order), RFC 7118 (WebSocket), RFC 2308 (negative answers) and the
// measures of RFC 5452 against forged answers. Section 5 (responses) and failover memory are not in it yet.
//
// It is made of three parts that know little of each other:
//
//   - [Select] decides. It is a pure function: what the DNS is known to say, a destination, a policy and
//     randomness in; hops, or the questions that are still open, out.
//   - [Resolver] asks. It answers the open questions from our own zones, the cache or the network, all at the
//     same time, and calls Select after every answer until nothing is open.
//   - [Source] is the one seam to the network: a question in, an immutable [RRset] with its TTL and response
//     code out. The DNS client of this package is one; tests have others.
//
// A and AAAA of a name are both asked, of a client that has both families. One that has a single family asks
// for that one alone, as RFC 7984 3.1 has it: the other's addresses could not be used.
//
// It is not a general stub resolver: no search list, no hosts file, no DNSSEC validation, and additional
// sections are not believed. It opens no SIP connection; which hop works is found out by who sends.
//
// Goroutines: one for each question that is under way upstream, however many callers wait for it. They belong
// to the Resolver, live at most [Options.Limit], and have ended when [Resolver.Close] returns.
package resolver
