// Package location maps an address of record to its live bindings: RFC 3261's location service
// (section 10, "accessible to proxy servers and redirect servers"), in memory and, by default, durable.
//
// It is not a registrar: what may change a binding is decided by the Change that the caller hands in
// (RFC 3261 10.3 lives in package registrar). It speaks no SIP, opens no socket and is no general
// database: one key, the canonical AOR; one value, the Record of its bindings, the same bytes in memory
// and on disk.
//
// A Store is a sharded map that is read without ever waiting for the disk. Update changes one AOR
// atomically, in memory at once, and tells a Waiter when the change is as durable as configured. Updates
// that arrive together share one write and one sync. If a write fails, every change that is not on disk is
// taken back in memory in reverse order, nothing of it is ever acknowledged, and the store refuses further
// Updates while Lookup goes on, until the database could be opened and written to again.
//
// Goroutines: Serve runs two and returns after both ended, the committer (writes batches, calls every
// Waiter and OnBatch) and the sweeper (removes expired bindings). Pebble runs its own until Close.
package location
