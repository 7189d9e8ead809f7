// Package report writes what a run found for a terminal: a table of counts, the strongest
// evidence, and all that an audit says of one item.
package report

// Share writes n of all as a percentage, as the tables do: some is never shown as none,
// and not quite all never as all.
func Share(n, all int64) string { return share(n, all) }
