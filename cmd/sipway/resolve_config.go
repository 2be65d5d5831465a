package main

import (
	"github.com/sipway/sipway/resolver"
	"github.com/sipway/sipway/zones"
)

// askAsServer makes a lookup see what the server of a configuration sees: the zones it publishes, in process,
// and beyond them the servers its resolver names. patient says that the person chose how long to wait.
func askAsServer(file string, patient bool, o *resolver.Options) error {
	c, err := loadConfig(file)
	if err != nil {
		return err
	}
	pre, errs := prepareZones(c, localAddresses) // no more: whoever looks up need not be who serves
	if len(errs) > 0 {
		return &exitError{exitConfig, errs}
	}
	own, err := pre.zones(c.Listen.SIP, c.Listen.DNS, 1)
	if err != nil {
		return &exitError{exitConfig, err}
	}
	published := new(zones.Published)
	published.Swap(zones.NewSet(own...))
	o.Own, o.Servers = published, c.Resolver.Servers
	if !patient {
		o.Timeout, o.Limit = c.Resolver.Timeout, max(o.Limit, 2*c.Resolver.Timeout)
	}
	return nil
}
