package resolver

import (
	"cmp"
	"slices"
)

// Draw gives a random number, uniform in 0..sum inclusive (RFC 2782, "Weight").
type Draw func(sum uint32) uint32

// rule is a NAPTR that this client can use.
type rule struct {
	NAPTR
	transport Transport
	address   bool // flag "a": the replacement has addresses, not SRV
}

// usableRules discards what RFC 3263 4.1 says to discard and sorts the rest by order, then preference (RFC
// 3403 4.1). Equal ones keep the order they came in; the first maxRules are kept. discard, when not nil, is told of each one thrown away.
func usableRules(set []NAPTR, secure bool, has []Transport, discard func(NAPTR, string)) []rule {
	var out []rule
	for _, n := range set {
		r, why := vet(n, secure, has)
		if why == "" {
			out = append(out, r)
		} else if discard != nil {
			discard(n, why)
		}
	}
	slices.SortStableFunc(out, func(a, b rule) int {
		return cmp.Or(cmp.Compare(a.Order, b.Order), cmp.Compare(a.Preference, b.Preference))
	})
	return out[:min(maxRules, len(out))]
}

// vet says why a record cannot be used, or "".
func vet(n NAPTR, secure bool, has []Transport) (r rule, why string) {
	r = rule{NAPTR: n, transport: transportOfService(n.Service)}
	switch n.Flags {
	case "s", "S":
	case "a", "A": // outside RFC 3263 8, in use in the field (RFC 3958): its replacement is a host
		r.address = true
	default:
		why = "flags are not \"s\""
	}
	switch {
	case r.transport == NoTransport:
		why = "no SIP service that is known"
	case why != "":
	case secure && !r.transport.Secure():
		why = "not secure, the URI is sips" // RFC 3263 4.1: MUST be discarded
	case !slices.Contains(has, r.transport):
		why = "the client has no " + r.transport.String()
	case n.Regexp != "":
		// RFC 3263 4.1: the regular expression is empty; RFC 3403 4.1: regexp and replacement exclude each other.
		why = "has a regular expression"
	case n.Replacement == ".":
		why = "has no replacement"
	}
	return r, why
}

// orderSRV gives the first most records in the order to try them: RFC 2782 by priority, then by weighted
// draws. It cuts after ordering, and returns a new slice. Inside a priority, records of weight 0 come first, then the rest, each in the order
// received, and nothing is drawn for the last one left.
func orderSRV(set []SRV, most int, draw Draw) []SRV {
	out := slices.Clone(set)
	slices.SortStableFunc(out, func(a, b SRV) int {
		return cmp.Or(cmp.Compare(a.Priority, b.Priority), cmp.Compare(min(a.Weight, 1), min(b.Weight, 1)))
	})
	for start := 0; start < min(most, len(out)); {
		end := start + 1
		for end < len(out) && out[end].Priority == out[start].Priority {
			end++
		}
		drawWeights(out[start:end], most-start, draw)
		start = end
	}
	return out[:min(most, len(out))]
}

// drawWeights puts the first most of records of one priority in order, in place.
func drawWeights(set []SRV, most int, draw Draw) {
	var sum uint32 // 64 KB hold fewer than 4,000 records: no overflow
	for _, s := range set {
		sum += uint32(s.Weight)
	}
	for ; len(set) > 1 && most > 0; set, most = set[1:], most-1 {
		i := pick(set, sum, draw)
		chosen := set[i]
		copy(set[1:i+1], set[:i]) // the others keep their order
		set[0] = chosen
		sum -= uint32(chosen.Weight)
	}
}

// pick is the draw of RFC 2782: the first record whose running sum is at least the number drawn. When all
// weights are 0 the RFC leaves the choice free: each gets the same chance.
func pick(set []SRV, sum uint32, draw Draw) int {
	if sum == 0 {
		return int(min(draw(uint32(len(set)-1)), uint32(len(set)-1)))
	}
	n, running := draw(sum), uint32(0)
	for i, s := range set {
		if running += uint32(s.Weight); running >= n {
			return i
		}
	}
	return len(set) - 1
}
