"""Writes encrypted.parquet: leaves beside the texts are encrypted, by pyarrow.

    python3 encrypted.py FILE
"""
import base64
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pyarrow.parquet.encryption as pe


class Kms(pe.KmsClient):
    def __init__(self, _):
        super().__init__()

    def wrap_key(self, key, master):
        return base64.b64encode(key)

    def unwrap_key(self, wrapped, master):
        return base64.b64decode(wrapped)


TEXTS = ["The ferry leaves at nine.", "Two lamps, one switch; which?", "A mill grinds “fine” flour."]
table = pa.table({
    "id": ["r1", "r2", "r3"],
    "meta": [{"secret": "s", "text": t, "tags": ["a", None]} for t in TEXTS],
    "messages": [[{"role": "user", "secret": 1, "content": t}, {"role": "bot", "secret": None, "content": None}] for t in TEXTS],
})
factory = pe.CryptoFactory(Kms)
config = pe.EncryptionConfiguration(
    footer_key="f", column_keys={"k": ["meta.secret", "meta.tags.list.element", "messages.list.element.secret"]}, plaintext_footer=True)
with pq.ParquetWriter(sys.argv[1], table.schema, encryption_properties=factory.file_encryption_properties(
        pe.KmsConnectionConfig(), config), compression="none") as w:
    w.write_table(table)
