"""Check that swab reads what the writers of data files write, or says why not and what to do.

    python3 testdata/writers.py SWAB [DIR]     # with any of the packages that WRITERS names, and Java for Spark

One file or directory a cell: writer, version of its pages, encoding and codec of the text column. All are scanned in
one run. A cell is right if it has all its documents and all their bytes, and refused if the error has a hint. Formats
without null, or without empty texts, have the documents that they can hold.
"""
import itertools
import shutil
import struct
import json
import pathlib
import subprocess
import sys
import tempfile

TEXTS = ["The ferry to Riverton leaves at nine, and the mill opens an hour later.",
         "A café on Zürich's quay sells “fine” tea at 4 € a cup; naïve guests pay 5.",
         "渡船九点离开，磨坊十点开门。", "", None] + [f"Row {i} of the harbour master's long list of boats and masts." for i in range(300)]
ROWS = {"id": [f"r{i}" for i in range(len(TEXTS))], "text": TEXTS, "score": list(range(len(TEXTS)))}
FULL = [t for t in TEXTS if t]  # what a format without null and empty texts can hold
HINTS = ("--", "convert", "not supported", "write it", "unpacks it", "save it as", "compress it again")


def expect(name):
    """The number of documents of a cell, and of their bytes."""
    n = len(FULL)
    if "full" not in name:  # of CSV, and of a list of null, null is an empty text
        n += 2 if any(part in name for part in (".csv", ".tsv", "polars-list")) else 1
    return n, sum(len(t.encode()) for t in FULL)


def pyarrow_cells(out):
    import pyarrow as pa
    import pyarrow.compute
    import pyarrow.csv
    import pyarrow.feather as feather
    import pyarrow.orc
    import pyarrow.parquet as pq
    types = {"string": pa.string(), "large": pa.large_string(), "view": pa.string_view(), "binary": pa.binary(),
             "dictionary": pa.dictionary(pa.int32(), pa.string()), "list": pa.list_(pa.string()),
             "largelist": pa.large_list(pa.large_string()), "fixedlist": pa.list_(pa.string(), 1), "listview": pa.list_view(pa.string()),
             "ree": pa.run_end_encoded(pa.int32(), pa.string())}
    for kind, t in types.items():
        text = pa.array([[t] if t is not None else None for t in TEXTS], t) if "list" in kind else pa.array(TEXTS, pa.string())
        if "list" not in kind:
            text = pa.compute.run_end_encode(text) if kind == "ree" else text.cast(t)
        table = pa.table(ROWS).set_column(1, "text", text)
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
    yield "pyarrow-norows-full.parquet", lambda p: (pathlib.Path(p).mkdir(), pq.write_table(table.slice(0, 0), p + "/0.parquet"),
                                                    pq.write_table(pa.table({k: [r for r, t in zip(v, TEXTS) if t] for k, v in ROWS.items()}), p + "/1.parquet"))
    chats = pa.table({"id": ROWS["id"], "messages": [[{"role": "user", "content": t, "image": b"\xff"}] for t in TEXTS]})
    yield "pyarrow-chat.parquet", lambda p: pq.write_table(chats, p)
    yield "pyarrow-chat.feather", lambda p: feather.write_feather(chats, p)
    uuid = pa.table({**ROWS, "uuid": pa.array([bytes(16)] * len(TEXTS), pa.uuid()), "half": pa.array([1.5] * len(TEXTS), pa.float16()),
                     "day": pa.array([1] * len(TEXTS), pa.date32()), "price": pa.array([1] * len(TEXTS)).cast(pa.decimal128(30, 2)),
                     "span": pa.array([1] * len(TEXTS), pa.duration("s")), "map": pa.array([[("k", 1)]] * len(TEXTS), pa.map_(pa.string(), pa.int32()))})
    yield "pyarrow-types.parquet", lambda p: pq.write_table(uuid.drop_columns("span"), p)
    yield "pyarrow-types.feather", lambda p: feather.write_feather(uuid, p)
    yield "pyarrow.csv", lambda p: pyarrow.csv.write_csv(table, p)
    yield "pyarrow.orc", lambda p: pyarrow.orc.write_table(table, p)
    yield "pyarrow-dataset-full.parquet", lambda p: pq.write_to_dataset(pa.table(
        {"text": FULL, "part": [i % 3 for i in range(len(FULL))]}), p, partition_cols=["part"])

    def stream(p):
        with pa.OSFile(p, "wb") as f, pa.ipc.new_stream(f, table.schema, options=pa.ipc.IpcWriteOptions(
                compression="zstd" if "zstd" in p else "lz4" if "lz4" in p else None)) as w:
            w.write_table(table, 100)
    for codec in ("", "-zstd", "-lz4"):
        yield f"pyarrow{codec}.arrows", stream


def pandas_cells(out):
    import pandas as pd
    frame = pd.DataFrame(ROWS)
    for codec in ("snappy", "gzip", "zstd", None):
        yield f"pandas-{codec}.parquet", lambda p, codec=codec: frame.to_parquet(p, compression=codec)
    yield "pandas.feather", lambda p: frame.to_feather(p)
    yield "pandas.jsonl", lambda p: frame.to_json(p, orient="records", lines=True)
    for orient in ("records", "columns", "split", "table", "index"):
        yield f"pandas-{orient}.json", lambda p, orient=orient: frame.to_json(p, orient=orient)
        yield f"pandas-{orient}-indented.json", lambda p, orient=orient: frame.to_json(p, orient=orient, indent=2, force_ascii=False)
    for name, own in {"plain": {}, "all": {"quoting": 1}, "text": {"quoting": 2}, "semicolon": {"sep": ";"}, "noindex": {"index": False},
                      "excel": {"encoding": "utf-8-sig", "lineterminator": "\r\n"}, "escaped": {"quoting": 0, "doublequote": False, "escapechar": "\\"}}.items():
        yield f"pandas-{name}.csv", lambda p, own=own: frame.to_csv(p, **own)
    yield "pandas.tsv", lambda p: frame.to_csv(p, sep="\t", index=False)
    for ending in ("gz", "zst", "bz2", "xz"):
        yield f"pandas-csv.csv.{ending}", lambda p: frame.to_csv(p)
        yield f"pandas-jsonl.jsonl.{ending}", lambda p: frame.to_json(p, orient="records", lines=True)
    for ending in ("zip", "tar", "tar.gz"):
        yield f"pandas-jsonl.jsonl.{ending}", lambda p: frame.to_json(p, orient="records", lines=True)
    yield "pandas.xlsx", lambda p: frame.to_excel(p)
    yield "pandas.pkl", lambda p: frame.to_pickle(p)


def polars_cells(out):
    import polars as pl
    frame = pl.DataFrame(ROWS)
    nested = frame.with_columns(pl.struct(pl.col("text").alias("inner"), "score").alias("meta"))
    for codec in ("uncompressed", "snappy", "gzip", "brotli", "zstd", "lz4"):
        yield f"polars-{codec}.parquet", lambda p, codec=codec: frame.write_parquet(p, compression=codec, row_group_size=100, data_page_size=2048)
    for codec in ("uncompressed", "zstd", "lz4"):
        yield f"polars-{codec}.arrow", lambda p, codec=codec: frame.write_ipc(p, compression=codec)
        yield f"polars-nested-{codec}.arrow", lambda p, codec=codec: nested.write_ipc(p, compression=codec)
    yield "polars-nested.parquet", lambda p: nested.write_parquet(p)
    yield "polars-category.arrow", lambda p: frame.with_columns(pl.col("text").cast(pl.Categorical)).write_ipc(p)
    yield "polars-list.arrow", lambda p: frame.with_columns(pl.concat_list("text")).write_ipc(p)
    yield "polars-list.parquet", lambda p: frame.with_columns(pl.concat_list("text")).write_parquet(p)
    yield "polars-old.arrow", lambda p: frame.write_ipc(p, compat_level=pl.CompatLevel.oldest())
    yield "polars-sink.parquet", lambda p: frame.lazy().sink_parquet(p)
    yield "polars.arrows", lambda p: frame.write_ipc_stream(p)
    yield "polars-zstd.arrows", lambda p: frame.write_ipc_stream(p, compression="zstd")
    yield "polars.jsonl", lambda p: frame.write_ndjson(p)
    yield "polars.json", lambda p: frame.write_json(p)
    for style in ("necessary", "always", "non_numeric", "never"):
        yield f"polars-{style}.csv", lambda p, style=style: frame.write_csv(p, quote_style=style, **({"separator": "|"} if style == "never" else {}))
    yield "polars-bom.csv", lambda p: frame.write_csv(p, include_bom=True)
    yield "polars.avro", lambda p: frame.write_avro(p)
    yield "polars-snappy.avro", lambda p: frame.write_avro(p, compression="snappy")


def duckdb_cells(out):
    import duckdb
    con = duckdb.connect()
    con.execute("create table t (id varchar, text varchar, score integer)")
    con.executemany("insert into t values (?, ?, ?)", list(zip(*ROWS.values())))
    for codec, version in itertools.product(("uncompressed", "snappy", "gzip", "brotli", "zstd", "lz4_raw"), ("V1", "V2")):
        yield f"duckdb-{version}-{codec}.parquet", lambda p, codec=codec, version=version: con.execute(
            f"copy t to '{p}' (format parquet, compression {codec}, parquet_version {version})")
    yield "duckdb.jsonl", lambda p: con.execute(f"copy t to '{p}' (format json)")
    yield "duckdb-list.json", lambda p: con.execute(f"copy t to '{p}' (format json, array true)")
    yield "duckdb-key.parquet", lambda p: con.execute(
        f"pragma add_parquet_key('k', '0123456789012345'); copy t to '{p}' (format parquet, encryption_config {{footer_key: 'k'}})")
    yield "duckdb-struct.parquet", lambda p: con.execute(f"copy (select *, {{a: text, b: [1, 2]}} as s from t) to '{p}' (format parquet)")
    yield "duckdb-gzip.jsonl.gz", lambda p: con.execute(f"copy t to '{p}' (format json, compression gzip)")
    for name, own in {"plain": "", "quoted": ", force_quote *", "semicolon": ", delimiter ';'", "gz.csv": ", compression gzip"}.items():
        yield f"duckdb-{name}.csv" + (".gz" if "gz" in name else ""), lambda p, own=own: con.execute(f"copy t to '{p}' (format csv, header{own})")
    yield "duckdb-partitioned-full.parquet", lambda p: con.execute(
        f"copy (select text, score % 3 as part from t where text <> '') to '{p}' (format parquet, partition_by part)")


def fastparquet_cells(out):
    import fastparquet
    import pandas as pd
    frame = pd.DataFrame(ROWS)
    frame["id"], frame["text"] = frame["id"].astype(object), frame["text"].astype(object)
    for codec in ("UNCOMPRESSED", "SNAPPY", "GZIP", "BROTLI", "ZSTD", "LZ4", "LZ4_RAW"):
        yield f"fastparquet-{codec}.parquet", lambda p, codec=codec: fastparquet.write(p, frame, compression=codec, row_group_offsets=100)
    yield "fastparquet-hive.parquet", lambda p: fastparquet.write(p, frame, file_scheme="hive", row_group_offsets=100)


def datasets_cells(out):
    import datasets
    datasets.disable_progress_bars()
    data = datasets.Dataset.from_dict(ROWS)
    yield "datasets.parquet", lambda p: data.to_parquet(p)
    yield "datasets.jsonl", lambda p: data.to_json(p)
    yield "datasets-list.json", lambda p: data.to_json(p, lines=False)
    yield "datasets.csv", lambda p: data.to_csv(p)
    yield "datasets-saved", lambda p: data.save_to_disk(p)
    yield "datasets-saved-sharded", lambda p: data.save_to_disk(p, num_shards=3)
    yield "datasets-dict", lambda p: datasets.DatasetDict({"train": data.select(range(200)), "test": data.select(range(200, len(data)))}).save_to_disk(p)
    yield "datasets-chat", lambda p: datasets.Dataset.from_list(
        [{"messages": [{"role": "user", "content": t}]} for t in TEXTS]).save_to_disk(p)

    def pushed(p):  # the names and the card that push_to_hub writes
        (pathlib.Path(p) / "data").mkdir(parents=True)
        for i in range(2):
            data.shard(2, i, contiguous=True).to_parquet(f"{p}/data/train-{i:05d}-of-00002.parquet")
        (pathlib.Path(p) / "README.md").write_text("---\nconfigs:\n- config_name: default\n---\nA card.\n")
        (pathlib.Path(p) / ".gitattributes").write_text("*.parquet filter=lfs\n")
    yield "datasets-pushed", pushed

    def cached(p):
        source = out / "cached.jsonl"
        data.to_json(source)
        datasets.load_dataset("json", data_files=str(source), cache_dir=p)
    yield "datasets-cache", cached


def fastavro_cells(out):
    import fastavro
    schema = {"type": "record", "name": "Row", "fields": [
        {"name": "id", "type": "string"}, {"name": "text", "type": ["null", "string"]}, {"name": "score", "type": "long"}]}
    for codec in ("null", "deflate", "snappy", "zstandard", "bzip2", "xz", "lz4"):
        def write(p, codec=codec):
            with open(p, "wb") as f:
                fastavro.writer(f, schema, [dict(zip(ROWS, row)) for row in zip(*ROWS.values())], codec=codec, sync_interval=2000)
        yield f"fastavro-{codec}.avro", write


def webdataset_cells(out):
    import webdataset
    for ending in ("tar", "tar.gz"):
        for member in ("txt", "json"):
            def write(p, member=member):
                with webdataset.TarWriter(p) as w:
                    for i, t in enumerate(FULL):
                        w.write({"__key__": f"{i:05d}", member: {"text": t} if member == "json" else t, "cls": 1})
            yield f"webdataset-full-{member}.{ending}", write


def warcio_cells(out):
    from io import BytesIO
    from warcio.statusandheaders import StatusAndHeaders
    from warcio.warcwriter import WARCWriter
    for kind, ending in itertools.product(("response", "conversion"), ("", ".gz")):
        def write(p, kind=kind, ending=ending):
            with open(p, "wb") as f:
                w = WARCWriter(f, gzip=bool(ending))
                w.write_record(w.create_warcinfo_record("x.warc", {"software": "warcio"}))
                for i, t in enumerate(FULL):
                    head = StatusAndHeaders("200 OK", [("Content-Type", "text/html; charset=utf-8")], protocol="HTTP/1.0")
                    body = t if kind == "conversion" else f"<html><head></head><body><p>{t}</p></body></html>"
                    w.write_record(w.create_warc_record(f"http://riverton/{i}", kind, payload=BytesIO(body.encode()),
                                                        http_headers=head if kind == "response" else None))
        yield f"warcio-full-{kind}.warc{'.wet' if kind == 'conversion' else ''}{ending}", write


def streaming_cells(out):
    from streaming import MDSWriter
    for codec in (None, "zstd", "gz"):
        def write(p, codec=codec):
            with MDSWriter(out=p, columns={"id": "str", "text": "str", "score": "int"}, compression=codec, size_limit=4096) as w:
                for i, t in enumerate(FULL):
                    w.write({"id": str(i), "text": t, "score": i})
        yield f"streaming-full-{codec}", write


def pyorc_cells(out):
    import pyorc
    def write(p):
        with open(p, "wb") as f, pyorc.Writer(f, "struct<id:string,text:string,score:int>") as w:
            w.writerows(list(zip(*ROWS.values())))
    yield "pyorc.orc", write


def pyspark_cells(out):
    import pyspark.sql
    if not shutil.which("java"):
        raise ImportError("there is no java")
    spark = pyspark.sql.SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").config(
        "spark.log.level", "OFF").getOrCreate()
    frame = spark.createDataFrame(list(zip(*ROWS.values())), list(ROWS)).repartition(2)
    for codec in ("none", "snappy", "gzip", "zstd", "lz4", "lz4_raw"):
        for version in ("v1", "v2"):
            yield f"pyspark-{version}-{codec}.parquet", lambda p, codec=codec, version=version: frame.write.option(
                "parquet.writer.version", version).parquet(p, compression=codec)
    for codec in ("none", "gzip", "bzip2", "zstd", "lz4", "snappy"):
        yield f"pyspark-{codec}.json", lambda p, codec=codec: frame.write.json(p, compression=codec)
    yield "pyspark.csv", lambda p: frame.write.csv(p, header=True)
    yield "pyspark-escaped.csv", lambda p: frame.write.csv(p, header=True, quoteAll=True, escape='"')
    yield "pyspark.orc", lambda p: frame.write.orc(p)


def token_cells(out):
    import numpy as np
    from tokenizers import Tokenizer
    ids = [Tokenizer.from_file(str(TOKENIZER)).encode(t).ids for t in FULL]
    flat = np.array([i for d in ids for i in d + [0]], np.uint16)
    yield "tokens-full.npy", lambda p: np.save(p, flat)
    yield "tokens-full.bin", lambda p: flat.tofile(p)
    yield "tokens-full.jsonl", lambda p: pathlib.Path(p).write_text("".join(json.dumps({"input_ids": d}) + "\n" for d in ids))

    def megatron(p):  # as its indexed_dataset.py writes them
        pathlib.Path(p).mkdir()
        np.array([i for d in ids for i in d], np.uint16).tofile(p + "/d_text_document.bin")
        lengths = np.array([len(d) for d in ids], np.int32)
        places = np.concatenate(([0], np.cumsum(2 * lengths.astype(np.int64))[:-1]))
        with open(p + "/d_text_document.idx", "wb") as f:
            f.write(b"MMIDIDX\0\0" + struct.pack("<QBQQ", 1, 8, len(ids), len(ids) + 1))
            f.write(lengths.tobytes() + places.tobytes() + np.arange(len(ids) + 1, dtype=np.int64).tobytes())
    yield "tokens-megatron-full", megatron
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
        for t in (pa.uint16(), pa.int32(), pa.int64(), pa.uint32()):
            yield f"tokens-full-{t}.parquet", lambda p, t=t: pq.write_table(pa.table({"input_ids": pa.array(ids, pa.list_(t))}), p)
    except ImportError as e:
        print(f"skipped: token ids in Parquet: {e}")


WRITERS = (pyarrow_cells, pandas_cells, polars_cells, duckdb_cells, fastparquet_cells, datasets_cells, fastavro_cells,
           webdataset_cells, warcio_cells, streaming_cells, pyorc_cells, pyspark_cells, token_cells)
TOKENIZER = pathlib.Path(__file__).parent / "tokens/tokenizer.json"
TOKENS = ["--tokenizer", str(TOKENIZER), "--token-type", "uint16", "--end-of-document", "0"]


def write_cells(writer, out, unwritten):
    """The names of the files that a writer wrote."""
    try:
        for name, write in writer(out):
            path = out / ("tokens" if writer is token_cells else "corpus") / name
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                write(str(path))
                yield name
            except Exception as e:
                unwritten.append((name, (str(e).splitlines() or [""])[0][:80]))
                shutil.rmtree(path, ignore_errors=True)
                path.unlink(missing_ok=True)
    except ImportError as e:
        print(f"skipped: {writer.__name__.removesuffix('_cells')}: {e}")


def scan(swab, out, part, flags):
    """The shards of the cells of a part by the name of their cell, and the files that were not read."""
    found = {}
    if not (out / part).exists():
        return found
    subprocess.run([swab, "scan", "--corpus", str(out / part), "--bench", f"quiz={out / 'bench.jsonl'}", "--out", str(out / f"{part}-audit"),
                    "--no-report", "--allow-incomplete", *flags], capture_output=True)
    audit = json.loads((out / f"{part}-audit/audit.json").read_text().split("\n", 1)[1])
    unread = [{"name": a["name"], "documents": 0, "text_bytes": 0, "error": a["why"]} for a in audit.get("unread") or []]
    for s in audit["shards"] + unread:
        found.setdefault(pathlib.Path(s["name"]).relative_to(out / part).parts[0], []).append(s)
    return found


def main():
    swab, out = sys.argv[1], pathlib.Path(sys.argv[2] if len(sys.argv) > 2 else tempfile.mkdtemp())
    out.mkdir(parents=True, exist_ok=True)
    unwritten = []
    cells = [name for writer in WRITERS for name in write_cells(writer, out, unwritten)]
    if not cells:
        print("skipped: none of the writers is installed")
        return 0
    (out / "bench.jsonl").write_text(json.dumps({"question": TEXTS[0] + " " + TEXTS[1], "answer": "why?"}) + "\n")
    found = {**scan(swab, out, "corpus", []), **scan(swab, out, "tokens", TOKENS)}
    counts, bad = {}, 0
    for name in cells:
        shards = [s for s in found.get(name, []) if s["documents"] or s["error"]]
        errors = [s["error"] for s in shards if s["error"]]
        got = sum(s["documents"] for s in shards), sum(s["text_bytes"] for s in shards)
        if errors:
            state = "refused" if any(h in errors[0] for h in HINTS) else "WRONG: no hint"
        elif got == expect(name):
            state = "read"
        else:
            state = "WRONG: %d documents of %d bytes, not %d of %d" % (*got, *expect(name))
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
