package record

import kinds "swab/pipeline/rows"

var (
	formatJSONL, _, _       = kinds.Formats.TypeOf("x.jsonl")
	formatText, _, _        = kinds.Formats.TypeOf("x.txt")
	formatParquet, _, _     = kinds.Formats.TypeOf("x.parquet")
	formatArrowFile, _, _   = kinds.Formats.TypeOf("x.arrow")
	formatArrowStream, _, _ = kinds.Formats.TypeOf("x.arrows")
)
