package shard

import "sync"

// Four buffers: one is drained, one is filled, two wait. More gained nothing.
const (
	aheadBuffers = 4
	aheadSize    = 256 << 10
)

// ahead runs a read function in a goroutine of its own and keeps the bytes read in a few
// buffers, which are reused in turn.
type ahead struct {
	full chan part     // holds every buffer, so a send never waits
	free chan []byte   // likewise
	stop chan struct{} // closed by close
	done chan struct{} // closed when the goroutine has ended
	cur  part
	off  int
	bufs *aheadSpace
}

type part struct {
	buf []byte
	n   int
	err error // after the n bytes
}

type aheadSpace [aheadBuffers][aheadSize]byte

var aheads = sync.Pool{New: func() any { return new(aheadSpace) }}

func readAhead(read func([]byte) (int, error)) *ahead {
	a := &ahead{
		full: make(chan part, aheadBuffers),
		free: make(chan []byte, aheadBuffers),
		stop: make(chan struct{}),
		done: make(chan struct{}),
		bufs: aheads.Get().(*aheadSpace),
	}
	for i := range a.bufs {
		a.free <- a.bufs[i][:]
	}
	go a.run(read)
	return a
}

func (a *ahead) run(read func([]byte) (int, error)) {
	defer close(a.done)
	for {
		var p part
		select {
		case p.buf = <-a.free:
		case <-a.stop:
			return
		}
		for p.n < len(p.buf) && p.err == nil {
			select {
			case <-a.stop:
				return
			default:
			}
			var n int
			n, p.err = read(p.buf[p.n:])
			p.n += n
		}
		a.full <- p
		if p.err != nil {
			return
		}
	}
}

// Read must not be called again after an error.
func (a *ahead) Read(p []byte) (int, error) {
	if a.cur.buf == nil {
		a.cur, a.off = <-a.full, 0
	}
	n := copy(p, a.cur.buf[a.off:a.cur.n])
	if a.off += n; a.off < a.cur.n {
		return n, nil
	}
	err := a.cur.err
	a.free <- a.cur.buf
	a.cur.buf = nil
	return n, err
}

func (a *ahead) close() {
	close(a.stop)
	<-a.done
	aheads.Put(a.bufs)
}
