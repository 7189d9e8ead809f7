"""swab on Ray: the tasks of a plan on the nodes of a cluster, and the audit from what comes back.

    swab plan --root DIR --corpus CORPUS --bench NAME=PATH --tasks 64 --out plan.json
    swab engine ray > swab_ray.py
    python swab_ray.py --plan plan.json --root DIR --out audit [--address auto] [--results DIR]

It only schedules. A task runs `swab work` and returns its file of results, so no directory has to
be shared but those of the corpus and the benchmarks. A task whose worker or node is lost is run
again; one that ends with exit code 2, trouble of the machine, is tried again too. Results are
merged 32 at a time as they come. --results keeps the file of each task on the driver's disk: the
same command again runs only what is missing. Every node needs the program as --swab names it, and
credentials of stores by the means of Ray's environments, not by this file.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile

import ray

a = argparse.ArgumentParser()
a.add_argument("--plan", required=True)
a.add_argument("--root", default="")
a.add_argument("--out", required=True)
a.add_argument("--swab", default="swab", help="the program, on every node")
a.add_argument("--address", default=None, help="of the cluster; without it, this machine alone")
a.add_argument("--cpus", type=int, default=1, help="cores of a task")
a.add_argument("--results", default="", help="directory in which the driver keeps the tasks' results")
o, merge_flags = a.parse_known_args()
ray.init(address=o.address, logging_level="ERROR")
plan = ray.put(open(o.plan, "rb").read())


def swab(plan, directory, *args):
    path = os.path.join(directory, "plan.json")
    with open(path, "wb") as f:
        f.write(plan)
    subprocess.run([o.swab, args[0], "--plan", path, *args[1:]], check=True, stdout=subprocess.DEVNULL)


def content(path):
    with open(path, "rb") as f:
        return f.read()


@ray.remote(num_cpus=o.cpus, max_retries=5, retry_exceptions=[subprocess.CalledProcessError],
            scheduling_strategy="SPREAD")
def work(plan, task):
    with tempfile.TemporaryDirectory() as d:
        root = ["--root", o.root] if o.root else []
        swab(plan, d, "work", "--task", str(task), "--jobs", str(o.cpus), "--merge", "--out", d, *root)
        folder = os.path.join(d, f"task-{task}")
        [name] = [n for n in os.listdir(folder) if n.endswith(".swabr")]
        return content(os.path.join(folder, name))


@ray.remote(num_cpus=1, max_retries=5)
def merge(plan, *results):
    with tempfile.TemporaryDirectory() as d:
        paths = [os.path.join(d, f"{i}.swabr") for i in range(len(results))]
        for path, result in zip(paths, results):
            with open(path, "wb") as f:
                f.write(result)
        swab(plan, d, "merge", *paths, "--out", os.path.join(d, "merged.swabr"))
        return content(os.path.join(d, "merged.swabr"))


with open(o.plan, "rb") as f:
    f.readline()  # the format and its checksum
    tasks = range(1, len(json.load(f)["tasks"]) + 1)
with tempfile.TemporaryDirectory() as kept:
    kept = o.results or kept
    os.makedirs(kept, exist_ok=True)
    file = lambda name: os.path.join(kept, f"{name}.swabr")
    todo = {work.remote(plan, t): t for t in tasks if not os.path.exists(file(t))}
    waiting, merged = [], []
    while todo:
        [ref], _ = ray.wait(list(todo), num_returns=1)
        t = todo.pop(ref)
        if o.results:
            with open(file(t) + ".part", "wb") as f:
                f.write(ray.get(ref))
            os.rename(file(t) + ".part", file(t))
        waiting.append(ref)
        if len(waiting) == 32 or not todo:
            merged.append(merge.remote(plan, *waiting) if len(waiting) > 1 else waiting[0])
            waiting = []
    for i, ref in enumerate([] if o.results else merged):
        with open(file(f"merged-{i}"), "wb") as f:
            f.write(ray.get(ref))
    paths = [os.path.join(kept, n) for n in sorted(os.listdir(kept)) if n.endswith(".swabr")]
    sys.exit(subprocess.run([o.swab, "merge", "--plan", o.plan, "--out", o.out, *paths, *merge_flags]).returncode)
