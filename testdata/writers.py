"""Check that swab reads what the writers of Parquet and Arrow write, or says why not and what to do.

    python3 testdata/writers.py SWAB [DIR]     # with any of pyarrow, pandas, polars, duckdb, fastparquet, datasets

One file a cell: writer, version of its pages, encoding and codec of the text column. All are scanned in one run.
A cell is right if the file has all its documents and all their bytes, and refused if the error has a hint.
"""
import itertools
import json
import pathlib
import subprocess
import sys
import tempfile

TEXTS = ["The ferry to Riverton leaves at nine, and the mill opens an hour later.",
         "A café on Zürich's quay sells “fine” tea at 4 € a cup; naïve guests pay 5.",
         "渡船九点离开，磨坊十点开门。", "", None] + [f"Row {i} of the harbour master's long list of boats and masts." for i in range(300)]
ROWS = {"id": [f"r{i}" for i in range(len(TEXTS))], "text": TEXTS, "score": list(range(len(TEXTS)))}
DOCUMENTS = sum(t is not None for t in TEXTS)
BYTES = sum(len(t.encode()) for t in TEXTS if t is not None)
HINTS = ("--", "convert", "not supported", "write it")


def pyarrow_cells(out):
    import pyarrow as pa
    import pyarrow.feather as feather
    import pyarrow.parquet as pq
    types = {"string": pa.string(), "large": pa.large_string(), "view": pa.string_view(), "dictionary": pa.dictionary(pa.int32(), pa.string())}
    for kind, t in types.items():
        table = pa.table(ROWS).set_column(1, "text", pa.array(TEXTS, pa.string()).cast(t))
        for codec, page, encoding in itertools.product(
                ("none", "snappy", "gzip", "brotli", "zstd", "lz4"), ("1.0", "2.0"),
                ("DICTIONARY", "PLAIN", "DELTA_BYTE_ARRAY", "DELTA_LENGTH_BYTE_ARRAY")):
            if kind != "string" and (codec not in ("none", "zstd") or encoding != "DICTIONARY"):
                continue
            own = {} if encoding == "DICTIONARY" else {"use_dictionary": False, "column_encoding": {"text": encoding}}
            yield f"pyarrow-{kind}-{encoding}-v{page[0]}-{codec}.parquet", lambda p, table=table, codec=codec, page=page, own=own: pq.write_table(
                table, p, compression=codec, data_page_version=page, data_page_size=2048, write_page_checksum=page == "2.0", row_group_size=100, **own)
        for codec in ("uncompressed", "zstd", "lz4"):
            yield f"pyarrow-{kind}-{codec}.feather", lambda p, table=table, codec=codec: feather.write_feather(table, p, compression=codec, chunksize=100)
    table = pa.table(ROWS)
    yield "pyarrow-split.parquet", lambda p: pq.write_table(table, p, use_dictionary=False, column_encoding={"score": "BYTE_STREAM_SPLIT"})
    yield "pyarrow-index.parquet", lambda p: pq.write_table(table, p, write_page_index=True, sorting_columns=[pq.SortingColumn(0)])

    def stream(p):
        with pa.OSFile(p, "wb") as f, pa.ipc.new_stream(f, table.schema) as w:
            w.write_table(table, 100)
    yield "pyarrow.arrows", stream


def pandas_cells(out):
    import pandas as pd
    frame = pd.DataFrame(ROWS)
    for codec in ("snappy", "gzip", "zstd", None):
        yield f"pandas-{codec}.parquet", lambda p, codec=codec: frame.to_parquet(p, compression=codec)
    yield "pandas.feather", lambda p: frame.to_feather(p)
    yield "pandas.jsonl", lambda p: frame.to_json(p, orient="records", lines=True)
    yield "pandas-records.json", lambda p: frame.to_json(p, orient="records")


def polars_cells(out):
    import polars as pl
    frame = pl.DataFrame(ROWS)
    for codec in ("uncompressed", "snappy", "gzip", "brotli", "zstd", "lz4"):
        yield f"polars-{codec}.parquet", lambda p, codec=codec: frame.write_parquet(p, compression=codec, row_group_size=100, data_page_size=2048)
    for codec in ("uncompressed", "zstd", "lz4"):
        yield f"polars-{codec}.arrow", lambda p, codec=codec: frame.write_ipc(p, compression=codec)
    yield "polars-category.arrow", lambda p: frame.with_columns(pl.col("text").cast(pl.Categorical)).write_ipc(p)
    yield "polars-sink.parquet", lambda p: frame.lazy().sink_parquet(p)
    yield "polars.arrows", lambda p: frame.write_ipc_stream(p)
    yield "polars.jsonl", lambda p: frame.write_ndjson(p)


def duckdb_cells(out):
    import duckdb
    con = duckdb.connect()
    con.execute("create table t (id varchar, text varchar, score integer)")
    con.executemany("insert into t values (?, ?, ?)", list(zip(*ROWS.values())))
    for codec, version in itertools.product(("uncompressed", "snappy", "gzip", "brotli", "zstd", "lz4_raw"), ("V1", "V2")):
        yield f"duckdb-{version}-{codec}.parquet", lambda p, codec=codec, version=version: con.execute(
            f"copy t to '{p}' (format parquet, compression {codec}, parquet_version {version})")
    yield "duckdb.jsonl", lambda p: con.execute(f"copy t to '{p}' (format json)")


def fastparquet_cells(out):
    import fastparquet
    import pandas as pd
    frame = pd.DataFrame(ROWS)
    frame["id"], frame["text"] = frame["id"].astype(object), frame["text"].astype(object)
    for codec in ("UNCOMPRESSED", "SNAPPY", "GZIP", "BROTLI", "ZSTD", "LZ4", "LZ4_RAW"):
        yield f"fastparquet-{codec}.parquet", lambda p, codec=codec: fastparquet.write(p, frame, compression=codec, row_group_offsets=100)


def datasets_cells(out):
    import datasets
    data = datasets.Dataset.from_dict(ROWS)
    yield "datasets.parquet", lambda p: data.to_parquet(p)
    yield "datasets.jsonl", lambda p: data.to_json(p)
    yield "datasets-saved", lambda p: data.save_to_disk(p)


def main():
    swab, out = sys.argv[1], pathlib.Path(sys.argv[2] if len(sys.argv) > 2 else tempfile.mkdtemp())
    corpus, cells, unwritten = out / "corpus", [], []
    corpus.mkdir(parents=True, exist_ok=True)
    for writer in (pyarrow_cells, pandas_cells, polars_cells, duckdb_cells, fastparquet_cells, datasets_cells):
        try:
            for name, write in writer(out):
                try:
                    write(str(corpus / name))
                    cells.append(name)
                except Exception as e:
                    unwritten.append((name, str(e).splitlines()[0][:80]))
                    (corpus / name).unlink(missing_ok=True)
        except ImportError as e:
            print(f"skipped: {writer.__name__.removesuffix('_cells')}: {e}")
    if not cells:
        print("skipped: none of the writers is installed")
        return 0
    bench = out / "bench.jsonl"
    bench.write_text(json.dumps({"question": TEXTS[0] + " " + TEXTS[1], "answer": "why?"}) + "\n")
    subprocess.run([swab, "scan", "--corpus", str(corpus), "--bench", f"quiz={bench}", "--out", str(out / "audit"), "--no-report",
                    "--allow-incomplete"], capture_output=True)
    audit = json.loads((out / "audit/audit.json").read_text().split("\n", 1)[1])
    found = {}
    for s in audit["shards"]:
        found.setdefault(pathlib.Path(s["name"]).relative_to(corpus).parts[0], []).append(s)
    counts, bad = {}, 0
    for name in cells:
        shards = [s for s in found.get(name, []) if s["documents"] or s["error"]]
        errors = [s["error"] for s in shards if s["error"]]
        if errors:
            state = "refused" if any(h in errors[0] for h in HINTS) else "WRONG: no hint"
        elif sum(s["documents"] for s in shards) == DOCUMENTS and sum(s["text_bytes"] for s in shards) == BYTES:
            state = "read"
        else:
            state = "WRONG: %d documents" % sum(s["documents"] for s in shards)
        if state != "read":
            print(f"{name}: {state}: {' '.join(errors)}")
        bad += state.startswith("WRONG")
        key = (name.split("-")[0].split(".")[0], pathlib.Path(name).suffix or "directory", state.split(":")[0])
        counts[key] = counts.get(key, 0) + 1
    for (writer, ending, state), n in sorted(counts.items()):
        print(f"{writer:12} {ending:10} {state:8} {n:4}")
    for name, why in unwritten:
        print(f"not written by its writer: {name}: {why}")
    return 1 if bad else 0


sys.exit(main())
