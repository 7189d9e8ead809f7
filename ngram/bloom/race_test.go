//go:build race

package bloom

// race tells the tests that take long that they take ten times as long.
const race = true
