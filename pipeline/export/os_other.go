//go:build !unix

package export

func syncDir(string) error { return nil }
