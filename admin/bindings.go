package admin

import (
	"container/heap"
	"iter"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// Page is the answer of /v1/bindings: the AORs after the one asked for, in
// order, and where the next page begins.
type Page struct {
	AORs []AOR  `json:"aors"`
	Next string `json:"next,omitempty"` // give it as after=; empty: this is the last page
}

// bindings answers /v1/bindings?domain=D&after=AOR&limit=N.
func bindings(w http.ResponseWriter, r *http.Request, o Options) {
	if o.Instance != "" {
		w.Header().Set(InstanceHeader, o.Instance)
	}
	query := r.URL.Query()
	for key, values := range query {
		if !slices.Contains([]string{"domain", "after", "limit"}, key) || len(values) != 1 {
			refuse(w, http.StatusBadRequest, "give domain, after and limit, each once at most")
			return
		}
	}
	limit := defaultPage
	if text := query.Get("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > maxPage {
			refuse(w, http.StatusBadRequest, "limit is a number from 1 to "+strconv.Itoa(maxPage))
			return
		}
		limit = n
	}
	page := Page{AORs: []AOR{}}
	if o.Bindings != nil {
		page = Paginate(o.Bindings, query.Get("domain"), query.Get("after"), limit)
	}
	write(w, http.StatusOK, page)
}

// Paginate returns the limit first AORs behind after, in byte order, of one
// domain or ("") of all. It holds no more than limit of them at a time,
// however many there are.
func Paginate(all iter.Seq2[string, Lister], domain, after string, limit int) Page {
	var first largest
	more := false
	for aor, list := range all {
		switch {
		case aor <= after || domain != "" && !InDomain(aor, domain):
		case len(first) < limit:
			heap.Push(&first, entry{aor, list})
		case aor < first[0].aor:
			first[0] = entry{aor, list}
			heap.Fix(&first, 0)
			more = true
		default:
			more = true
		}
	}
	slices.SortFunc(first, func(a, b entry) int { return strings.Compare(a.aor, b.aor) })
	page := Page{AORs: make([]AOR, len(first))}
	for i, e := range first {
		page.AORs[i] = AOR{AOR: e.aor, Bindings: e.list()}
	}
	if more {
		page.Next = first[len(first)-1].aor
	}
	return page
}

// InDomain says whether an AOR, as in sip:alice@example.test, is one of a domain.
func InDomain(aor, domain string) bool {
	return strings.EqualFold(aor[strings.LastIndexAny(aor, "@:")+1:], domain)
}

type entry struct {
	aor  string
	list Lister
}

// largest is a heap with the last AOR in order on top.
type largest []entry

func (l largest) Len() int           { return len(l) }
func (l largest) Less(i, j int) bool { return l[i].aor > l[j].aor }
func (l largest) Swap(i, j int)      { l[i], l[j] = l[j], l[i] }
func (l *largest) Push(x any)        { *l = append(*l, x.(entry)) }
func (l *largest) Pop() any {
	last := len(*l) - 1
	e := (*l)[last]
	*l = (*l)[:last]
	return e
}
