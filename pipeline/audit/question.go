package audit

import (
	"fmt"
	"strconv"
	"strings"

	"swab/ngram"
	"swab/ngram/item"
)

// QuestionStart is the number of words in Question.Start.
const QuestionStart = 8

// A Question identifies an item's question by its words, in the normal form of [ngram.Words],
// so that texts are compared with it without the benchmark's file. It is of the item's context
// where the question has no words. All and Start are hashes of n-grams: of all words, and of the
// first QuestionStart, or of all if there are fewer.
type Question struct {
	All, Start uint64
	Words      uint32 // 0: the item has none
}

// HashQuestion returns the question that has words with these hashes.
func HashQuestion(words []uint64) Question {
	return Question{
		All: ngram.HashGram(words), Start: ngram.HashGram(words[:min(len(words), QuestionStart)]), Words: uint32(len(words)),
	}
}

// A Questioner computes the questions of items. It is for one goroutine; its zero value is ready.
type Questioner struct {
	scan  *ngram.Scanner
	words []uint64
}

// Words returns the hashes of a text's words, lent until the next call.
func (q *Questioner) Words(text string) []uint64 {
	if q.scan == nil {
		q.scan, _ = ngram.Words(1).NewScanner()
	}
	q.words = q.words[:0]
	q.scan.Reset([]byte(text))
	for q.scan.Next() {
		q.words = append(q.words, q.scan.Hashes()...)
	}
	return q.words
}

// Question returns that of an item with these texts.
func (q *Questioner) Question(text *[item.NumParts]string) Question {
	words := q.Words(text[item.Question])
	if len(words) == 0 {
		words = q.Words(text[item.Context])
	}
	return HashQuestion(words)
}

// String returns the form of the column question: number of words, All and Start in 16 hex digits.
func (q Question) String() string { return fmt.Sprintf("%d-%016x-%016x", q.Words, q.All, q.Start) }

// parseQuestion reads the column question; "" is that of an audit that does not have it.
func parseQuestion(s string) (q Question, err error) {
	if s == "" {
		return q, nil
	}
	parts := strings.Split(s, "-")
	if len(parts) != 3 || len(parts[1]) != 16 || len(parts[2]) != 16 {
		return q, corrupt("%.60q is no question", s)
	}
	n, err1 := strconv.ParseUint(parts[0], 10, 32)
	all, err2 := strconv.ParseUint(parts[1], 16, 64)
	start, err3 := strconv.ParseUint(parts[2], 16, 64)
	if err1 != nil || err2 != nil || err3 != nil {
		return q, corrupt("%.60q is no question", s)
	}
	return Question{all, start, uint32(n)}, nil
}
