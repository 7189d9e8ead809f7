"""Writes media.parquet: items beside columns that are not compared, as data sets have them, by pyarrow.

    python3 media.py FILE
"""
import sys

import pyarrow as pa
import pyarrow.parquet as pq

PICTURE = b"\x89PNG\r\n\x1a\n\x00\xff\xfe"
pq.write_table(pa.table({
    "id": ["r1", "r2", "r3"],
    "text": ["The ferry leaves at nine.", "Two lamps, one switch; which?", "A mill grinds “fine” flour."],
    "image": [{"bytes": PICTURE, "path": None}, None, {"bytes": None, "path": "3.png"}],
    "images": [[{"bytes": PICTURE, "path": "a.png"}, None], [], None],
    "audio": [{"array": [0.5, -1.0], "sampling_rate": 16000}] * 3,
    "raw": [PICTURE, None, b""],
    "vector": pa.array([[1.5, 2.5], [0.0, -0.0], [3.5, 4.5]], pa.list_(pa.float32(), 2)),
    "share": [0.25, None, 1e300],
}), sys.argv[1], use_dictionary=["id", "text"], column_encoding={"share": "BYTE_STREAM_SPLIT"}, write_page_checksum=True)
