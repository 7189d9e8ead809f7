package rows_test

import (
	"fmt"

	"swab/pipeline/rows"
)

// A record holds the fields of a row that were asked for; a field path names texts in it,
// several of them joined by line feeds.
func ExampleRecord() {
	chat, err := rows.ParseField("messages[].content")
	orPanic(err)
	id, err := rows.ParseField("meta.id")
	orPanic(err)
	want := rows.Wanted(chat, id)
	var r rows.Record
	for _, line := range []string{
		`{"meta":{"id":7},"messages":[{"role":"user","content":"How many?"},{"role":"assistant","content":"42."}]}`,
		`{"meta":{"id":"b"},"image":[0,1e999]}`,
	} {
		orPanic(r.ParseJSON([]byte(line), want))
		name, _, err := r.AppendName(nil, id)
		orPanic(err)
		text, err := r.AppendText(nil, chat, rows.NoObjects)
		fmt.Printf("%s: %q %v\n", name, text, err)
	}
	// Output:
	// 7: "How many?\n42." <nil>
	// b: "" field "messages[].content": missing
}

func orPanic(err error) {
	if err != nil {
		panic(err)
	}
}
