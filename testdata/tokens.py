"""Write the tokenizers and tokenised corpora that tests read.

    python3 testdata/tokens.py        # needs PyPI tokenizers, numpy, pyarrow; mosaicml-streaming for MDS

pipeline/tokenizer/testdata/NAME.json is a tokenizer trained on the texts below, NAME.cases.jsonl
has sequences of ids and what the library decodes them to. tokens/ is one corpus in every layout
of tokens, by the tokenizer tokens/tokenizer.json.
"""
import itertools
import json
import pathlib
import random
import shutil
import struct

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

here = pathlib.Path(__file__).parent
bench = [json.loads(line) for line in open(here / "bench/riverton.jsonl")]
prose = [
    "The ferry to Riverton leaves at nine, and the mill opens an hour later.",
    "A café on Zürich's quay sells “fine” tea — 4 € a cup; naïve guests pay 5.",
    "Паром уходит в девять. 渡船九点离开，磨坊十点开门。 🛶 and 👩‍🚀 row home.",
    "def mill(grain):\n\treturn [g.ground() for g in grain if g.dry]\n\n\nprint(mill([]))",
]
documents = [
    prose[0],
    "From a workbook. " + bench[0]["question"] + " Answer: " + bench[0]["answer"],
    prose[1],
    bench[4]["question"],
    prose[2] + "\n" + prose[3],
    "Problem 9: " + bench[8]["question"] + " (solved on the next page)",
]
specials = [AddedToken("<|end|>", special=True), AddedToken("<|pad|>", special=True)]


def byte_level():
    t = Tokenizer(models.BPE())
    t.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    t.decoder = decoders.ByteLevel()
    t.train_from_iterator(
        prose + [d["question"] for d in bench],
        trainers.BpeTrainer(vocab_size=600, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), special_tokens=specials))
    t.add_tokens([AddedToken("    ", normalized=False), AddedToken("<think about it>", special=False)])
    return t


def pieces(strip):
    alphabet = sorted({c for d in prose[:2] for c in d.replace(" ", "▁")})
    vocab, merges = {}, []
    for token in ["<unk>", "<s>", "</s>"] + [f"<0x{i:02X}>" for i in range(256)] + alphabet:
        vocab.setdefault(token, len(vocab))
    for pair in ["▁ t", "h e", "▁t he", "e r", "i l", "l ▁", "▁ ▁", "▁▁ ▁▁"]:
        a, b = pair.split()
        merges.append((a, b))
        vocab.setdefault(a + b, len(vocab))
    t = Tokenizer(models.BPE(vocab, merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    t.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    steps = [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    t.decoder = decoders.Sequence(steps + [decoders.Strip(" ", 1, 0)] if strip else steps)
    t.add_special_tokens(["<s>", "</s>", "<unk>"])
    return t


def unigram(scheme):
    t = Tokenizer(models.Unigram())
    t.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme=scheme)
    t.decoder = decoders.Metaspace(prepend_scheme=scheme)
    t.train_from_iterator(prose * 3 + [d["question"] for d in bench],
                          trainers.UnigramTrainer(vocab_size=300, special_tokens=["<unk>", "</s>"], unk_token="<unk>"))
    return t


def word_piece(cleanup):
    t = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    t.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    t.decoder = decoders.WordPiece(cleanup=cleanup)
    t.train_from_iterator(prose + [d["question"] for d in bench],
                          trainers.WordPieceTrainer(vocab_size=300, special_tokens=["[UNK]", "[CLS]", "[SEP]"]))
    return t


def words():
    t = Tokenizer(models.WordLevel({w: i for i, w in enumerate(dict.fromkeys(" ".join(prose[:2]).split()))}, unk_token="The"))
    t.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return t


def tokenizers(out):
    rng = random.Random(1)
    for name, t in {
        "bytes": byte_level(), "pieces": pieces(True), "unstripped": pieces(False), "unigram": unigram("always"),
        "nospace": unigram("never"), "wordpiece": word_piece(True), "uncleaned": word_piece(False), "words": words(),
    }.items():
        t.save(str(out / f"{name}.json"), pretty=False)
        added = json.loads((out / f"{name}.json").read_text())["added_tokens"]
        plain = sorted(set(t.get_vocab().values()) - {a["id"] for a in added if a["special"]})
        marks = [a["id"] for a in added if a["special"]]
        cases = [[]] + [t.encode(d).ids for d in documents]
        for n in [1] * 20 + [2] * 40 + [3] * 60 + [5] * 60 + [9] * 40 + [40] * 8:
            cases.append([rng.choice(plain) for _ in range(n)])
        if name in ("bytes", "pieces", "unstripped"):  # bytes of characters, whole and not
            lead = plain[:300]
            cases += [[rng.choice(lead) for _ in range(6)] for _ in range(200)]
            for text in "é€🛶\u2581 x":
                ids = t.encode(text).ids
                cases += [ids, ids[:-1], ids[1:], ids + ids[:1]]
        with open(out / f"{name}.cases.jsonl", "w") as f:
            for _ in range(20 if marks else 0):
                parts = [[rng.choice(plain) for _ in range(rng.randrange(4))] for _ in range(3)]
                cases.append(parts[0] + [marks[0]] + parts[1] + [marks[-1], marks[0]] + parts[2])
            for ids in cases:  # what is between special tokens is a text of its own
                parts = [list(p) for special, p in itertools.groupby(ids, lambda i: i in marks) if not special]
                text = "\n".join(itertools.dropwhile(lambda p: p == "", (t.decode(p) for p in parts)))
                print(json.dumps({"ids": ids, "text": text}, ensure_ascii=False), file=f)


def megatron(path, docs, dtype=np.uint16, code=8):
    sequences = [np.array(d, dtype=dtype) for d in docs]
    path.with_suffix(".bin").write_bytes(b"".join(s.tobytes() for s in sequences))
    lengths = np.array([len(s) for s in sequences], dtype=np.int32)
    pointers = np.concatenate([[0], np.cumsum(lengths[:-1].astype(np.int64) * np.dtype(dtype).itemsize)])
    with open(path.with_suffix(".idx"), "wb") as f:
        f.write(b"MMIDIDX\x00\x00" + struct.pack("<QBQQ", 1, code, len(lengths), len(lengths) + 1))
        f.write(lengths.tobytes() + pointers.astype(np.int64).tobytes())
        f.write(np.arange(len(lengths) + 1, dtype=np.int64).tobytes())


def corpora(out):
    t = byte_level()
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    t.save(str(out / "tokenizer.json"), pretty=False)
    end = t.token_to_id("<|end|>")
    docs = [t.encode(d).ids for d in documents]
    megatron(out / "megatron", [d + [end] for d in docs])
    flat = [i for d in docs for i in d + [end]]
    (out / "flat.bin").write_bytes(np.array(flat, dtype=np.uint16).tobytes())
    np.save(out / "flat.npy", np.array(flat, dtype=np.uint32))
    table = pa.table({"input_ids": pa.array(docs, pa.list_(pa.int32())), "attention_mask": pa.array([[1] * len(d) for d in docs], pa.list_(pa.int8()))})
    pq.write_table(table, out / "rows.parquet", compression="zstd")
    with pa.OSFile(str(out / "rows.arrow"), "wb") as f, pa.ipc.new_stream(f, table.schema) as w:
        w.write_table(table)
    with open(out / "rows.jsonl", "w") as f:
        for i, d in enumerate(docs):
            print(json.dumps({"id": f"d{i}", "input_ids": d}), file=f)
    try:
        from streaming.base.format.mds.writer import MDSWriter
    except ImportError:
        print("no mosaicml-streaming: tokens/mds is not written")
        return
    for name, kind, encoding in (("mds", None, "ndarray"), ("mds-typed", None, "ndarray:uint16")):
        columns = {"id": "str", "tokens": encoding, "length": "int"}
        with MDSWriter(out=str(out / name), columns=columns, compression=kind, hashes=["xxh3_64"], size_limit=1024) as w:
            for i, d in enumerate(docs):
                w.write({"id": f"d{i}", "tokens": np.array(d, dtype=np.uint16), "length": len(d)})


cases = here.parent / "pipeline/tokenizer/testdata"
cases.mkdir(exist_ok=True)
tokenizers(cases)
corpora(here / "tokens")
