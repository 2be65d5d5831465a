// Package script runs the real sipway binary through the scripts beside it.
//
// Every *.txtar is one scenario on one page: a configuration, a zone, SIP in,
// SIP out, with sipp, dig, kdig, NSD, Knot and baresip as the other side.
// README.md explains the commands. The package holds nothing that a program could
// import; it starts processes, and each of them ends with its script.
package script
