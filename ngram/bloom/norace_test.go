//go:build !race

package bloom

const race = false
