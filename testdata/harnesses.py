"""Run the whole circle with real harnesses: scan, export, the harness on the clean variant, and scores of both logs.

    python3 testdata/harnesses.py SWAB [DIR]     # with any of lm_eval, inspect_ai, evals, lighteval, evalplus, datasets

Models are mocks. Of each harness one run is of all items and one of what swab export wrote. Swab must read both logs,
agree with the harness's own scores, and find that the clean run has exactly the exported items; and that the
full run has not.
"""
import importlib.metadata
import importlib.util
import json
import os
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
OFFLINE = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}


def run(*command, code=0, **env):
    """Run a command, and return what it prints."""
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, env={**OFFLINE, **env})
    if done.returncode != code:
        raise AssertionError(f"{' '.join(map(str, command))}: exit {done.returncode}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}")
    return done.stdout


class Circle:
    def __init__(self, swab, root):
        self.swab, self.root = swab, root
        self.audit = root / "audit"
        # Without an ending, rows of CSV have no ids: harnesses count them.
        run(swab, "scan", "--corpus", HERE / "corpus", "--bench", HERE / "bench/riverton.jsonl",
            "--bench", HERE / "bench/crafts.csv", "--out", self.audit)
        self.rows = {"riverton": [json.loads(line) for line in (HERE / "bench/riverton.jsonl").open()]}
        import csv
        self.rows["crafts"] = list(csv.DictReader((HERE / "bench/crafts.csv").open()))

    def export(self, form):
        out = self.root / form
        run(self.swab, "export", self.audit, "--for", form, "--out", out)
        return out, {s["benchmark"]: s for s in json.loads((out / "export.json").read_text())["splits"]}

    def score(self, form, full, clean, benchmarks=("riverton", "crafts"), stated=True):
        """Score both logs: the clean one must be of exactly the exported items."""
        out, splits = self.export(form) if not (self.root / form).exists() else (self.root / form, {
            s["benchmark"]: s for s in json.loads((self.root / form / "export.json").read_text())["splits"]})
        scores = self.root / f"{form}.json"
        run(self.swab, "score", self.audit, "--results", f"full={full}", "--results", f"clean={clean}",
            "--ran", f"clean={out}", "--out", scores)
        joins = {(j["model"], j["benchmark"]): j for j in json.loads(scores.read_text())["joins"]}
        for b in benchmarks:
            whole, part, kept = joins["full", b], joins["clean", b], splits[b]["kept"]
            assert whole["items"] == whole["results"] == len(self.rows[b]), whole
            assert part["ran"] == {"exported": kept, "missing": [], "not_exported": []}, part
            for j in whole, part:
                assert j["compared"] == j["agree"] == (kept if j is part else len(self.rows[b])), j
                assert not stated or j["stated"] is not None and j["stated_agree"], j
        run(self.swab, "score", self.audit, "--results", f"full={full}", "--ran", f"full={out}", code=1)


def lm_eval(c):
    out, _ = c.export("lm-eval")
    tasks = c.root / "tasks"
    tasks.mkdir()
    (tasks / "riverton.yaml").write_text(f"""task: riverton
dataset_path: json
dataset_kwargs: {{data_files: {{test: {HERE}/bench/riverton.jsonl}}}}
test_split: test
output_type: generate_until
doc_to_text: "{{{{question}}}}"
doc_to_target: "{{{{answer}}}}"
generation_kwargs: {{until: ["\\n"]}}
metric_list: [{{metric: exact_match}}]
""")
    (tasks / "crafts.yaml").write_text(f"""task: crafts
dataset_path: csv
dataset_kwargs: {{data_files: {{test: {HERE}/bench/crafts.csv}}}}
test_split: test
output_type: multiple_choice
doc_to_text: "{{{{question}}}}"
doc_to_choice: ["A", "B", "C", "D"]
doc_to_target: answer
metric_list: [{{metric: acc}}]
""")
    command = [sys.executable, "-m", "lm_eval", "--model", "dummy", "--include_path", tasks, "--log_samples"]
    run(*command, "--tasks", "riverton,crafts", "--output_path", c.root / "lm-full")
    for b in "riverton", "crafts":
        run(*command, "--tasks", b, "--output_path", c.root / "lm-clean", "--samples", out / f"{b}.json")
    c.score("lm-eval", c.root / "lm-full", c.root / "lm-clean")


class Bytes:
    """Stands in for a tokenizer that would be downloaded: inspect_ai counts a mock's tokens."""

    def encode(self, text, **_):
        return text.encode()


def inspect_ai(c):
    import inspect_ai
    import tiktoken
    tiktoken.get_encoding = lambda name: Bytes()
    from inspect_ai.dataset import MemoryDataset, Sample
    from inspect_ai.model import ModelOutput, get_model
    from inspect_ai.scorer import match
    out, splits = c.export("inspect")

    def evaluate(b, log, **which):
        samples = [Sample(input=r["question"], target=r["answer"], id=r.get("id", i + 1)) for i, r in enumerate(c.rows[b])]
        outputs = (ModelOutput.from_content("mock", "ABCD"[i % 4]) for i in range(1000))
        task = inspect_ai.Task(dataset=MemoryDataset(samples, name=b), scorer=match(), name=b)
        model = get_model("mockllm/model", custom_outputs=outputs)
        logs = inspect_ai.eval(task, model=model, log_dir=str(log), display="none", max_connections=1, **which)
        assert logs[0].status == "success", logs[0].error

    for b in "riverton", "crafts":
        evaluate(b, c.root / "inspect-full")
        ids = (out / splits[b]["file"]).read_text().strip().split(",")
        evaluate(b, c.root / "inspect-clean", sample_id=ids if b == "riverton" else [int(i) for i in ids])
    c.score("inspect", c.root / "inspect-full", c.root / "inspect-clean")


def evals(c):
    """The exported registry on the dummy model: the harness has no registry of all items."""
    out, splits = c.export("evals")
    oaieval = pathlib.Path(sys.executable).parent / "oaieval"
    logs = c.root / "evals-clean"
    logs.mkdir()
    for b, s in splits.items():
        run(oaieval, "dummy", s["task"], "--registry_path", out / "registry", "--record_path", logs / f"{b}.jsonl", EVALS_SEQUENTIAL="1",
            OPENAI_API_KEY="none")
    scores = c.root / "evals.json"
    run(c.swab, "score", c.audit, "--results", f"clean={logs}", "--ran", f"clean={out}", "--out", scores)
    for j in json.loads(scores.read_text())["joins"]:
        kept = splits[j["benchmark"]]["kept"]
        assert j["ran"] == {"exported": kept, "missing": [], "not_exported": []} and j["how"] == "export", j
        assert j["stated_agree"], j  # its mock records no prompts to compare


def lighteval(c):
    out, splits = c.export("lighteval")
    for name, tasks in ("clean", out / "tasks.py"),:
        run(sys.executable, "-m", "lighteval", "accelerate", "model_name=dummy", ",".join(f"{s['task']}|0" for s in splits.values()),
            "--custom-tasks", tasks, "--save-details", "--output-dir", c.root / f"lighteval-{name}")
    run(c.swab, "score", c.audit, "--results", f"clean={c.root}/lighteval-clean/details", "--ran", f"clean={out}")


def evalplus(c):
    """EvalPlus's own evaluation of two problems of ours, one solved."""
    problems = [{"task_id": f"HumanEval/{i}", "prompt": f"def {name}(x):\n    \"\"\"{text}\"\"\"\n", "entry_point": name,
                 "canonical_solution": f"    return {body}\n", "base_input": [[1], [2]], "plus_input": [[3]], "atol": 0, "contract": "",
                 "test": ""}
                for i, (name, text, body) in enumerate([("oars", "Return twice the number of rowing boats at the northern quay.", "2 * x"),
                                                        ("masts", "Return the number of masts of x ketches in the harbour.", "x + x")])]
    bench, samples = c.root / "plus.jsonl", c.root / "plus-samples.jsonl"
    bench.write_text("".join(json.dumps(p) + "\n" for p in problems))
    bodies = ["    return x + x\n", "    return x\n"]
    samples.write_text("".join(json.dumps({"task_id": p["task_id"], "solution": p["prompt"] + b}) + "\n" for p, b in zip(problems, bodies)))
    audit, corpus = c.root / "plus-audit", c.root / "plus-corpus.jsonl"
    corpus.write_text('{"text":"Nothing of it."}\n')
    run(c.swab, "scan", "--corpus", corpus, "--bench", f"humaneval={bench}", "--fields", "question=prompt,id=task_id", "--out", audit)
    run(sys.executable, "-m", "evalplus.evaluate", "--dataset", "humaneval", "--samples", samples, "--parallel", "1",
        HUMANEVAL_OVERRIDE_PATH=str(bench), XDG_CACHE_HOME=str(c.root / "cache"))
    results = next(c.root.glob("plus-samples*eval_results.json"))
    scores = c.root / "plus.json"
    run(c.swab, "score", audit, "--results", f"m={results}", "--out", scores)
    row = json.loads(scores.read_text())["rows"][0]
    assert row["n_all"] == 2 and row["all"] == 0.5, row


def datasets(c):
    out, splits = c.export("hf")
    import datasets
    for b, s in splits.items():
        places = [int(i) for part in s["indices"].split(",") for i in range(int(part.split("-")[0]), int(part.split("-")[-1]) + 1)]
        have = list(datasets.load_dataset(str(out / b), split=s["split"], cache_dir=str(c.root / "cache")))
        assert have == [c.rows[b][i] for i in places], (b, have)


HARNESSES = {"lm_eval": lm_eval, "inspect_ai": inspect_ai, "evals": evals, "lighteval": lighteval, "evalplus": evalplus, "datasets": datasets}

NEEDS = {"lighteval": ["torch", "accelerate"]}


def main():
    swab = pathlib.Path(sys.argv[1]).resolve()
    for key in "HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE":
        os.environ[key] = "1"
    failed = 0
    for name, circle in HARNESSES.items():
        missing = [m for m in (name, *NEEDS.get(name, ())) if importlib.util.find_spec(m) is None]
        if missing:
            print(f"harnesses: {name}: SKIPPED: Python has no module {' and no '.join(missing)}")
            continue
        with tempfile.TemporaryDirectory() as tmp:
            root = pathlib.Path(sys.argv[2]) / name if len(sys.argv) > 2 else pathlib.Path(tmp)
            root.mkdir(parents=True, exist_ok=True)
            try:
                circle(Circle(swab, root))
                print(f"harnesses: {name} {importlib.metadata.version(name)}: right")
            except ImportError as e:
                print(f"harnesses: {name}: SKIPPED: {e}")
            except Exception as e:
                failed += 1
                print(f"harnesses: {name}: WRONG: {e!r:.3000}")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
