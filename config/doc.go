// Package config turns a YAML file, or nothing but a domain name, into one
// checked [Config].
//
// It is strict: an unknown key, a value of the wrong kind, a value out of its
// bounds, a listener or domain given twice and a feature that this version does
// not have are errors, each with file, line and column, what is wrong and what
// to do. All errors of a file are reported together. Defaults are filled in
// once, here; no other package knows one.
//
// It is not a way to reach files other than the one it parses: users, zones and
// sockets are opened by the program, which uses the Positions kept here to point
// at the line that named them. Only cmd reads this package. It owns no
// goroutines and implements no RFC; names of hosts follow RFC 1123 section 2.1.
package config
