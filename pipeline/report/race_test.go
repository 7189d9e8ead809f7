//go:build race

package report

const race = true
