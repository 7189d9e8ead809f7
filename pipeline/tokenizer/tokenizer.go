// Package tokenizer decodes token ids to text by the tokenizer.json that the tokenizers
// library writes. Only what decoding needs is read of the file: the vocabulary, the added
// tokens and the decoder.
//
// # What is decoded
//
// Vocabularies of BPE, Unigram, WordPiece and WordLevel models; the decoders ByteLevel,
// Metaspace, WordPiece, ByteFallback, Fuse, Strip, Replace of a string, and sequences of
// them; that is byte-level BPE as of GPT-2, Llama 3, Qwen and OLMo, and SentencePiece-style
// vocabularies as of Llama 2, Mistral, Gemma and T5. Any other decoder is refused by name.
//
// The text is what the library's decode returns, but for two things. An id that is in no
// vocabulary, which the library drops, is an error: the tokenizer is another one. A special
// token, as one that ends a document, is no text: it separates what is before it from what
// is after it as a line feed does, where the library joins them into one word.
//
// # Cost
//
// A table of 16 bytes an id, so that most tokens cost one cache line and one copy.
package tokenizer

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/zeebo/xxh3"
)

// ErrFormat says that a file is no tokenizer.json that can be decoded with.
var ErrFormat = errors.New("no tokenizer.json that can be used")

// maxID bounds the table; the largest vocabularies have some 2^18 tokens.
const maxID = 1 << 24

// Tokenizer is the table of one tokenizer.json. It may be used by several goroutines.
type Tokenizer struct {
	digest   string
	rest     []entry // by id
	first    []entry // of the first token of a text, if that is written otherwise
	long     []byte  // tokens that an entry has no room for
	bytes    bool    // tokens are bytes, which together need not be UTF-8
	after    []step  // applied to the whole text
	specials []Special
}

// entry is a token of up to inline bytes, or what its last byte says.
type entry [16]byte

// What the last byte of an entry says.
const (
	inline    = 15         // up to here, the number of bytes of the token
	longToken = inline + 1 // the token is in long, at two numbers of 32 bits
	byteToken = inline + 2 // the token is one byte of a character; the entry's first
	special   = inline + 3
	missing   = inline + 4
	partial   = 0x40 // beside a number of bytes: they are no whole characters
)

// Special is a token that is no text.
type Special struct {
	ID      uint32
	Content string
}

// Specials lists the special tokens by id.
func (t *Tokenizer) Specials() []Special { return t.specials }

// Digest is the 128-bit xxh3 of the file, in 32 hex digits.
func (t *Tokenizer) Digest() string { return t.digest }

// Size is one more than the greatest id.
func (t *Tokenizer) Size() int { return len(t.rest) }

// added is an element of the added tokens.
type added struct {
	ID      int64  `json:"id"`
	Content string `json:"content"`
	Special bool   `json:"special"`
}

// Parse reads a tokenizer.json. Its error wraps ErrFormat.
func Parse(data []byte) (*Tokenizer, error) {
	t, err := parse(data)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	sum := xxh3.Hash128(data).Bytes()
	t.digest = hex.EncodeToString(sum[:])
	return t, nil
}

func parse(data []byte) (*Tokenizer, error) {
	list, decoder, vocab, err := parts(data)
	if err != nil {
		return nil, err
	}
	words, err := vocabulary(vocab)
	if err != nil {
		return nil, err
	}
	for _, a := range list {
		if words, err = setToken(words, a.ID, a.Content); err != nil {
			return nil, err
		}
	}
	t := new(Tokenizer)
	plan, err := decoderOf(decoder)
	if err != nil {
		return nil, err
	}
	if err := t.fill(words, plan); err != nil {
		return nil, err
	}
	for _, a := range list {
		if a.Special {
			t.rest[a.ID] = entry{inline: special}
			if t.first != nil {
				t.first[a.ID] = t.rest[a.ID]
			}
			t.specials = append(t.specials, Special{uint32(a.ID), a.Content})
		}
	}
	slices.SortFunc(t.specials, func(a, b Special) int { return int(a.ID) - int(b.ID) })
	return t, nil
}

// parts returns the added tokens of a tokenizer.json, and the decoder and the vocabulary as
// they are written.
func parts(data []byte) (list []added, decoder, vocab []byte, err error) {
	if err := checkJSON(data); err != nil {
		return nil, nil, nil, err
	}
	err = members(data, func(name string, value []byte) error {
		switch name {
		case "added_tokens":
			return json.Unmarshal(value, &list)
		case "decoder":
			decoder = value
		case "model":
			return members(value, func(name string, value []byte) error {
				if name == "vocab" {
					vocab = value
				}
				return nil
			})
		}
		return nil
	})
	if err == nil && len(vocab) == 0 {
		err = errors.New("it has no model with a vocabulary")
	}
	return list, decoder, vocab, err
}

// vocabulary returns the tokens by id; nil is none. The list of a Unigram model has them in
// order, the object of any other model has their ids.
func vocabulary(raw []byte) (words []*string, err error) {
	if raw[0] == '[' {
		var list [][]any
		if err := json.Unmarshal(raw, &list); err != nil {
			return nil, fmt.Errorf("vocabulary: %w", err)
		}
		for i, pair := range list {
			if len(pair) == 0 {
				return nil, fmt.Errorf("vocabulary: element %d is empty", i)
			}
			s, ok := pair[0].(string)
			if !ok {
				return nil, fmt.Errorf("vocabulary: element %d is no text", i)
			}
			words = append(words, &s)
		}
		return words, nil
	}
	err = members(raw, func(token string, value []byte) error {
		id, err := strconv.ParseInt(string(value), 10, 64)
		if err != nil {
			return fmt.Errorf("the id of %q is %.20q", token, value)
		}
		if id >= 0 && id < int64(len(words)) && words[id] != nil {
			return fmt.Errorf("two tokens have the id %d", id)
		}
		words, err = setToken(words, id, token)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("vocabulary: %w", err)
	}
	return words, nil
}

// setToken makes s the token of an id.
func setToken(words []*string, id int64, s string) ([]*string, error) {
	if id < 0 || id >= maxID {
		return nil, fmt.Errorf("id %d of %q is not from 0 to %d", id, s, maxID-1)
	}
	if n := int(id) + 1; n > len(words) {
		words = slices.Grow(words, n-len(words))[:n]
	}
	words[id] = &s
	return words, nil
}

// fill builds the table.
func (t *Tokenizer) fill(words []*string, p *plan) error {
	t.bytes, t.after = p.bytes, p.after
	t.rest = make([]entry, len(words))
	firsts := make([]entry, len(words))
	differ := false
	for id, w := range words {
		if w == nil {
			t.rest[id], firsts[id] = entry{inline: missing}, entry{inline: missing}
			continue
		}
		rest := p.render(*w, false)
		first := rest
		if p.spaced || len(p.each) > 0 {
			first = p.render(*w, true)
		}
		if b, ok := byteOf(rest); ok && p.fallback {
			t.rest[id], firsts[id] = entry{0: b, inline: byteToken}, entry{0: b, inline: byteToken}
			continue
		}
		t.rest[id] = t.entry(rest)
		if firsts[id] = t.rest[id]; first != rest {
			firsts[id], differ = t.entry(first), true
		}
	}
	if differ {
		t.first = firsts
	}
	return nil
}

func (t *Tokenizer) entry(s string) (e entry) {
	if len(s) <= inline {
		copy(e[:], s)
		e[inline] = byte(len(s))
		if !utf8.ValidString(s) {
			e[inline] |= partial
		}
		return e
	}
	e[inline] = longToken
	binary.LittleEndian.PutUint32(e[:], uint32(len(t.long)))
	binary.LittleEndian.PutUint32(e[4:], uint32(len(s)))
	t.long = append(t.long, s...)
	return e
}

// byteOf returns the byte that a token such as <0x0A> is.
func byteOf(s string) (byte, bool) {
	if len(s) != 6 || s[:3] != "<0x" || s[5] != '>' {
		return 0, false
	}
	b, err := strconv.ParseUint(s[3:5], 16, 8)
	return byte(b), err == nil && s[3] != '+'
}

// step is one decoder of a sequence.
type step struct {
	Type        string          `json:"type"`
	Decoders    []step          `json:"decoders"`
	Pattern     json.RawMessage `json:"pattern"`
	Content     string          `json:"content"`
	Start       int             `json:"start"`
	Stop        int             `json:"stop"`
	Replacement string          `json:"replacement"`
	Scheme      string          `json:"prepend_scheme"`
	AddPrefix   *bool           `json:"add_prefix_space"`
	Prefix      string          `json:"prefix"`
	Cleanup     bool            `json:"cleanup"`

	find string // of Replace
}

// plan is a decoder: what is done to each token, how tokens become one text, and what is
// done to that.
type plan struct {
	each     []step
	spaced   bool // without a decoder, tokens are joined by a space
	fallback bool // tokens such as <0x0A> are bytes
	bytes    bool // the letters of tokens are bytes, as ByteLevel has them
	after    []step
}

func decoderOf(raw json.RawMessage) (*plan, error) {
	p := new(plan)
	if len(raw) == 0 || string(raw) == "null" {
		p.spaced = true
		return p, nil
	}
	var root step
	if err := json.Unmarshal(raw, &root); err != nil {
		return nil, fmt.Errorf("decoder: %w", err)
	}
	steps, err := root.flat(nil, 0)
	if err != nil {
		return nil, err
	}
	fused := false // tokens are one text
	for _, s := range steps {
		switch s.Type {
		case "Replace", "Strip":
			switch {
			case fused:
				p.after = append(p.after, s)
				continue
			case !p.fallback:
				p.each = append(p.each, s)
				continue
			}
		case "Metaspace", "WordPiece":
			if !p.fallback && !fused {
				p.each = append(p.each, s)
				continue
			}
		case "ByteFallback":
			if !fused {
				p.fallback = true
				continue
			}
		case "ByteLevel":
			if !p.fallback && !fused {
				p.bytes, fused = true, true
				continue
			}
		case "Fuse":
			fused = true
			continue
		}
		return nil, fmt.Errorf("the decoder %s at this place of the sequence is not read here", s.Type)
	}
	return p, nil
}

// flat appends the steps of a decoder, those of sequences in its place.
func (s step) flat(all []step, depth int) (_ []step, err error) {
	switch s.Type {
	case "Sequence":
		if depth > 8 {
			return nil, errors.New("decoder: sequences nest too deep")
		}
		for _, d := range s.Decoders {
			if all, err = d.flat(all, depth+1); err != nil {
				return nil, err
			}
		}
		return all, nil
	case "Replace":
		var pattern struct{ String *string }
		if err := json.Unmarshal(s.Pattern, &pattern); err != nil || pattern.String == nil || *pattern.String == "" {
			return nil, fmt.Errorf("the decoder Replace of the pattern %s is not read here", s.Pattern)
		}
		s.find = *pattern.String
	case "Strip":
		if utf8.RuneCountInString(s.Content) != 1 {
			return nil, fmt.Errorf("the decoder Strip of %q is not read here", s.Content)
		}
	case "Metaspace":
		if s.Replacement == "" {
			s.Replacement = "▁"
		}
	case "WordPiece", "ByteFallback", "ByteLevel", "Fuse":
	default:
		return nil, fmt.Errorf("the decoder %q is not read here", s.Type)
	}
	return append(all, s), nil
}

// render returns a token as it is written in a text, at its beginning or after others.
func (p *plan) render(s string, first bool) string {
	for i := range p.each {
		s = p.each[i].apply(s, first)
	}
	switch {
	case p.bytes:
		return toBytes(s)
	case p.spaced && !first:
		return " " + s
	}
	return s
}

// apply does one step to a token, or to a whole text.
func (s *step) apply(text string, first bool) string {
	switch s.Type {
	case "Replace":
		return strings.ReplaceAll(text, s.find, s.Content)
	case "Strip":
		for range s.Start {
			text = strings.TrimPrefix(text, s.Content)
		}
		for range s.Stop {
			text = strings.TrimSuffix(text, s.Content)
		}
	case "Metaspace":
		with := " "
		if first && s.Scheme != "never" && (s.Scheme != "" || s.AddPrefix == nil || *s.AddPrefix) {
			with = ""
		}
		return strings.ReplaceAll(text, s.Replacement, with)
	case "WordPiece":
		if !first {
			if rest, ok := strings.CutPrefix(text, s.Prefix); ok {
				text = rest
			} else {
				text = " " + text
			}
		}
		if s.Cleanup {
			text = cleanup(text)
		}
	}
	return text
}

// cleanup takes away the blanks that WordPiece has before punctuation.
func cleanup(s string) string {
	for _, r := range [...][2]string{
		{" .", "."}, {" ?", "?"}, {" !", "!"}, {" ,", ","}, {" ' ", "'"}, {" n't", "n't"}, {" 'm", "'m"},
		{" do not", " don't"}, {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"},
	} {
		s = strings.ReplaceAll(s, r[0], r[1])
	}
	return s
}

// toBytes returns the bytes that the letters of a byte-level token are. A token with
// another letter, which only an added one has, is its own bytes.
func toBytes(s string) string {
	b := make([]byte, 0, 64)
	for _, r := range s {
		c, ok := byteLetter(r)
		if !ok {
			return s
		}
		b = append(b, c)
	}
	return string(b)
}

// byteLetter returns the byte that a letter of GPT-2's alphabet is: the printable letters of
// Latin-1 are themselves, all other bytes in order the letters from U+0100 on.
func byteLetter(r rune) (byte, bool) {
	printable := func(r rune) bool { return '!' <= r && r <= '~' || '¡' <= r && r <= '¬' || '®' <= r && r <= 'ÿ' }
	switch n := r - 0x100; {
	case r < 0x100:
		return byte(r), printable(r)
	case n <= 0x20:
		return byte(n), true
	case n <= 0x20+0x22:
		return byte(0x7f + n - 0x21), true // 0x7f to 0xa0
	case n == 0x20+0x22+1:
		return 0xad, true
	}
	return 0, false
}
