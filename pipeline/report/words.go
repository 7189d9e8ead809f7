// Package report writes the results of a run for a terminal: a table of counts, the
// strongest evidence, and all that an audit has of one item.
package report

// Share returns n of all as a percentage, as the tables have it: a share above zero is
// never rounded to 0 %, and one below 100 % never to that.
func Share(n, all int64) string { return share(n, all) }
