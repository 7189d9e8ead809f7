#!/usr/bin/env python3
"""Times swab beside tools that read the same bytes: make bench-peers.

usage: peers.py SWAB [--base COMMIT] [--runs N] [--corpus FILE.jsonl] [--bench [NAME=]PATH ...] [--few]

The commands run in turn, so that other work on the machine disturbs them alike, on one core where
taskset is installed. Printed are CPU seconds (user and system) of whole processes, loading
included: the least and the median of all runs, and MB of plain JSONL a second of the least. With
--base the program of that commit is built and run beside: its figure and the ratio are on the
same line; what takes more than 5 % longer in three of five runs beside each other is named last.
--few leaves out peers, loading and all but one compression. Without --corpus it is Go's own source tree, which everybody has who builds swab.

Peers that are not installed are named and left out. They are installed by:
  zstd, gzip, rg   apt-get install zstd gzip ripgrep
  igzip            apt-get install isal
"""
import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile


def write_go_tree(path):
    root = subprocess.check_output(["go", "env", "GOROOT"], text=True).strip()
    with open(path, "w", encoding="utf-8") as out:
        for folder, folders, names in os.walk(os.path.join(root, "src")):
            folders.sort()
            for name in sorted(names):
                try:
                    with open(os.path.join(folder, name), encoding="utf-8") as f:
                        text = f.read()
                except (UnicodeDecodeError, OSError):
                    continue
                out.write(json.dumps({"id": name, "text": text}, ensure_ascii=False) + "\n")


def build(commit, work):
    tree = os.path.join(work, "base")
    subprocess.run(["git", "worktree", "add", "-q", "--detach", tree, commit], check=True)
    try:
        build = ["go", "build", "-trimpath", "-ldflags", "-s -w", "-o", os.path.join(work, "swab-base"), "./cmd/swab"]
        subprocess.run(build, cwd=tree, check=True, env={**os.environ, "CGO_ENABLED": "0"}) # as make build does
    finally:
        subprocess.run(["git", "worktree", "remove", "--force", tree], check=True)
    return os.path.join(work, "swab-base")


def cpu(command, work):
    """Returns the CPU seconds of a command, of which nothing is left behind."""
    out = tempfile.mkdtemp(dir=work)
    command = [word.replace("{out}", os.path.join(out, "out")) for word in command]
    if shutil.which("taskset"):
        command = ["taskset", "-c", str(max(os.sched_getaffinity(0))), *command]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode not in (0, 1):  # rg that finds nothing, and a limit that is exceeded
        sys.exit(f"{' '.join(command)}: exit code {done.returncode}: {done.stderr.decode()[-500:]}")
    shutil.rmtree(out)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("swab")
    parser.add_argument("--base")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--corpus")
    parser.add_argument("--bench", action="append")
    parser.add_argument("--few", action="store_true")
    args = parser.parse_args()
    work = tempfile.mkdtemp(prefix="swab-peers-")
    try:
        compare(args, work)
    finally:
        shutil.rmtree(work)


def compare(args, work):
    plain = args.corpus
    if not plain:
        plain = os.path.join(work, "corpus.jsonl")
        write_go_tree(plain)
    size = os.path.getsize(plain) / 1e6
    packed = {"gz": ["gzip", "-c"], "zst": ["zstd", "-q", "-3", "-c"]}
    if args.few:
        del packed["zst"]
    for ending, command in packed.items():
        with open(f"{work}/packed.jsonl.{ending}", "wb") as out:
            subprocess.run([*command, plain], stdout=out, check=True)
    with open(f"{work}/none.jsonl", "w", encoding="utf-8") as out:
        out.write('{"text": "nothing"}\n')
    bench = [word for b in args.bench or ["testdata/bench"] for word in ("--bench", b)]

    def scan(ending, *method):
        corpus = f"{work}/packed.jsonl.{ending}" if ending else f"{work}/none.jsonl"
        return ["{swab}", "scan", "-j", "1", "--corpus", corpus, *bench, *method, "--no-report", "--out", "{out}"]

    commands = {
        "zstd -dc": ["zstd", "-dc", f"{work}/packed.jsonl.zst"],
        "gzip -dc": ["gzip", "-dc", f"{work}/packed.jsonl.gz"],
        "igzip -dc": ["igzip", "-dc", f"{work}/packed.jsonl.gz"],
        "rg -F": ["rg", "-c", "-F", "contamination of benchmark items", plain],
        "swab, gpt3, loading": scan("", "--method", "gpt3"),
        "swab, gpt3, .zst": scan("zst", "--method", "gpt3"),
        "swab, gpt3, .gz": scan("gz", "--method", "gpt3"),
        "swab, default, loading": scan(""),
        "swab, default, .zst": scan("zst"),
        "swab, default, .gz": scan("gz"),
        "swab index, .zst": [
            "{swab}", "index", "-j", "1", "--corpus", f"{work}/packed.jsonl.zst", "--segment-size", "64MiB", "--out", "{out}",
        ],
    }
    if args.few:
        commands = {
            "swab, gpt3, .gz": commands["swab, gpt3, .gz"],
            "swab, default, .gz": commands["swab, default, .gz"],
            "swab index, .gz": [word.replace(".zst", ".gz") for word in commands["swab index, .zst"]],
        }
    for name, command in list(commands.items()):
        if command[0] != "{swab}" and not shutil.which(command[0]):
            print(f"{name}: not installed, left out")
            del commands[name]
    programs = [os.path.abspath(args.swab)] + ([build(args.base, work)] if args.base else [])
    seconds = {}
    for run in range(args.runs):
        for name, command in commands.items():
            order = programs if run % 2 == 0 else programs[::-1]  # who comes first may pay for what was before
            for program in order if command[0] == "{swab}" else programs[:1]:
                command = [program if word == "{swab}" else word for word in commands[name]]
                seconds.setdefault((name, program), []).append(cpu(command, work))
    base = f"; {args.base}: least, ratio" if args.base else ""
    print(f"{size:.0f} MB of JSONL, {args.runs} runs, CPU seconds on one core: least, median, MB/s{base}")
    for name in commands:
        list_ = seconds[name, programs[0]]
        least = max(min(list_), 0.001)
        rate = "" if "loading" in name else f"{size / least:.0f}"
        line = f"{name:24} {least:7.2f} {statistics.median(list_):7.2f} {rate:>7}"
        if (name, programs[-1]) in seconds and args.base:
            base = min(seconds[name, programs[-1]])
            line += f"   {base:7.2f} {least / base:6.2f}"
        print(line)
    for name in commands:
        pairs = list(zip(seconds[name, programs[0]], seconds.get((name, programs[-1]), [])))
        slower = sum(ours > 1.05 * theirs for ours, theirs in pairs)
        if args.base and 5 * slower >= 3 * len(pairs) > 0:
            print(f"SLOWER than {args.base}: {name}: by more than 5 % in {slower} of {len(pairs)} runs")


if __name__ == "__main__":
    main()
