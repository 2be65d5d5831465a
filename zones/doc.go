// Package zones turns a SIP domain into DNS records and answers questions about them.
//
// A zone is compiled once, when its records change: every answer it can give is prepared in wire form,
// in memory without pointers, and found over a hash table of lower-case names. A query then costs a
// parse of its question, a lookup, two copies and a handful of patched bytes, and no allocation. The one
// answer that is composed while the client waits is what lies behind a DNAME.
//
// It is not a name server: sockets, limits per client and statistics are package nameserver's. It is not
// a resolver, a cache, a signer, or (yet) a source of zone transfers. Record types and the zone-file
// syntax come from github.com/miekg/dns, which takes no part in answering.
//
// It implements RFC 1034 4.3.2 and 1035 (lookup, messages, zone files), RFC 2181 5 and 9 (RRsets,
// truncation), RFC 2308 (negative answers), RFC 2782, 3263 and 3403 (SRV, NAPTR and what travels with
// them), RFC 3597 (unknown types), RFC 4035 3.1.4.1 (DS at a cut), RFC 4592 (wildcards), RFC 6672 (DNAME),
// RFC 6891 (EDNS), RFC 8482 (ANY), RFC 9471 (glue) and RFC 9619 (one question).
//
// It starts no goroutines, keeps no time and does no I/O but for reading a zone file when asked to.
package zones
