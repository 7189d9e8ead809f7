# Writes the Parquet files with LZ4 beside this script, by pyarrow (LZ4_RAW) and
# fastparquet (LZ4, a block without a frame).
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

rows = {
    "id": ["r1", "r2", "r3"],
    "text": ["The ferry leaves at nine.", "Two lamps, one switch; which?", "A mill grinds “fine” flour."],
    "score": [1, 0, 1],
}
table = pa.table(rows)
for version in "1.0", "2.0":
    pq.write_table(table, f"lz4raw-{version[0]}.parquet", compression="lz4", data_page_version=version)
import fastparquet
fastparquet.write("lz4.parquet", pd.DataFrame(rows).astype({"id": object, "text": object}), compression="LZ4")
