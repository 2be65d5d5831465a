package admin

import (
	"container/heap"
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
func Paginate(all func(yield func(AOR) bool), domain, after string, limit int) Page {
	var first largest
	more := false
	all(func(a AOR) bool {
		switch {
		case a.AOR <= after || domain != "" && !inDomain(a.AOR, domain):
		case len(first) < limit:
			heap.Push(&first, a)
		case a.AOR < first[0].AOR:
			first[0] = a
			heap.Fix(&first, 0)
			more = true
		default:
			more = true
		}
		return true
	})
	page := Page{AORs: first}
	slices.SortFunc(page.AORs, func(a, b AOR) int { return strings.Compare(a.AOR, b.AOR) })
	if page.AORs == nil {
		page.AORs = []AOR{}
	}
	if more {
		page.Next = page.AORs[len(page.AORs)-1].AOR
	}
	return page
}

func inDomain(aor, domain string) bool {
	return strings.EqualFold(aor[strings.LastIndexAny(aor, "@:")+1:], domain)
}

// largest is a heap of AORs with the last one in order on top.
type largest []AOR

func (l largest) Len() int           { return len(l) }
func (l largest) Less(i, j int) bool { return l[i].AOR > l[j].AOR }
func (l largest) Swap(i, j int)      { l[i], l[j] = l[j], l[i] }
func (l *largest) Push(x any)        { *l = append(*l, x.(AOR)) }
func (l *largest) Pop() any {
	last := len(*l) - 1
	a := (*l)[last]
	*l = (*l)[:last]
	return a
}
