"""Writes avro-*.avro, the rows of the tests beside a value of every type, in each codec.

    python3 avro.py DIR    # with fastavro, backports.zstd and a snappy that fastavro finds
"""
import sys

import fastavro

out = sys.argv[1]
SCHEMA = {"type":"record","name":"Row","namespace":"riverton","doc":"rows of the tests","fields":[
 {"name":"id","type":"string"},
 {"name":"image","type":["null","bytes"],"default":None},
 {"name":"meta","type":{"type":"map","values":{"type":"array","items":["int","null",{"type":"enum","name":"Side","symbols":["LEFT","RIGHT"]}]}}},
 {"name":"tree","type":["null",{"type":"record","name":"Node","fields":[{"name":"v","type":"double"},{"name":"next","type":["null","Node"]}]}]},
 {"name":"when","type":{"type":"long","logicalType":"timestamp-millis"}},
 {"name":"digest","type":{"type":"fixed","name":"Digest","size":4}},
 {"name":"flag","type":"boolean"},{"name":"share","type":"float"},
 {"name":"text","type":["null","string"]},
 {"name":"score","type":"int"}]}
TEXTS = ["The ferry leaves at nine.","Two lamps, one switch; which?","A mill grinds “fine” flour."]
rows = [{"id":f"r{i+1}","image":b"\x89PNG\xff\xfe\x00","meta":{"a":[1,None],"b":["LEFT"]} ,"tree":{"v":1.5,"next":{"v":-2.0,"next":None}},
 "when":1700000000000,"digest":b"\0\1\2\3","flag":True,"share":0.5,"text":t,"score":[1,0,1][i]} for i,t in enumerate(TEXTS)]

for codec in ["null","deflate","snappy","zstandard","bzip2","xz"]:
    with open(f"{out}/avro-{codec}.avro", "wb") as f:
        fastavro.writer(f, SCHEMA, rows, codec=codec,sync_interval=1 if codec=="null" else 16000,sync_marker=b"0123456789abcdef")
