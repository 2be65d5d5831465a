package main

import (
	"iter"
	"time"

	"github.com/sipway/sipway/admin"
	"github.com/sipway/sipway/location"
	"github.com/sipway/sipway/transport"
)

// bindings goes over the AORs that have a live binding now.
func (s *server) bindings(yield func(string, admin.Lister) bool) {
	liveBindings(s.store.Scan, time.Now())(yield)
}

// liveBindings leaves out what has expired.
func liveBindings(scan func(func(string, location.Record) bool), now time.Time) iter.Seq2[string, admin.Lister] {
	return func(yield func(string, admin.Lister) bool) {
		scan(func(aor string, r location.Record) bool {
			if !anyLive(r, now.UnixMilli()) {
				return true
			}
			return yield(aor, func() []admin.Binding { return showRecord(r, now) })
		})
	}
}

func anyLive(r location.Record, now int64) bool {
	var b location.Binding
	for it := r.Bindings(); it.Next(&b); {
		if b.Expires > now {
			return true
		}
	}
	return false
}

// showRecord copies the live bindings of a record for people and programs.
func showRecord(r location.Record, now time.Time) []admin.Binding {
	all := []admin.Binding{}
	var b location.Binding
	for it := r.Bindings(); it.Next(&b); {
		left := time.UnixMilli(b.Expires).Sub(now)
		if left <= 0 {
			continue
		}
		shown := admin.Binding{
			Contact: string(b.URI),
			Params:  string(b.Params),
			Q:       float64(b.Q) / 1000,
			Expires: int(left.Round(time.Second) / time.Second),
			CallID:  string(b.CallID),
			CSeq:    b.CSeq,
			Path:    string(b.Path),
			Updated: time.UnixMilli(b.Updated).UTC().Format(time.RFC3339),
		}
		if kind := transport.Kind(b.Transport); kind != 0 {
			shown.Transport = kind.String()
		}
		if b.Source.IsValid() {
			shown.Source = b.Source.String()
		}
		all = append(all, shown)
	}
	return all
}

// storeStatus is location.Stats as JSON.
type storeStatus struct {
	AORs     int    `json:"aors"`
	Bindings int    `json:"bindings"`
	Pending  int    `json:"pending"`
	Updates  uint64 `json:"updates"`
	Batches  uint64 `json:"batches"`
	Busy     uint64 `json:"busy"`
	Swept    uint64 `json:"swept"`
	Damaged  int    `json:"damaged"`
	Failed   string `json:"failed,omitempty"`
}

// nodeStatus says who answers.
type nodeStatus struct {
	Node    string `json:"node"`
	Version string `json:"version"`
	Started string `json:"started"`
	Uptime  int    `json:"uptime"` // seconds
	Ready   bool   `json:"ready"`
}

// status is what /v1/status shows.
func (s *server) status() map[string]any {
	st := s.store.Stats()
	shown := storeStatus{
		AORs: st.AORs, Bindings: st.Bindings, Pending: st.Pending, Updates: st.Updates, Batches: st.Batches,
		Busy: st.Busy, Swept: st.Swept, Damaged: st.Damaged,
	}
	if st.Failed != nil {
		shown.Failed = st.Failed.Error()
	}
	all := map[string]any{
		"node": nodeStatus{
			Node: s.pre.cfg.Node, Version: versionText(), Started: s.started.UTC().Format(time.RFC3339),
			Uptime: int(time.Since(s.started) / time.Second), Ready: s.isReady() == nil,
		},
		"location": shown,
	}
	if s.transport != nil {
		all["transport"] = s.transport.Stats()
		all["dispatch"] = s.dispatch.Stats()
	}
	if s.names != nil {
		all["dns"] = s.names.Stats()
	}
	return all
}
