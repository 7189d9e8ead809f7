"""swab on Spark: the tasks of a plan on the executors, and the audit from what comes back.

    swab plan --root DIR --corpus CORPUS --bench NAME=PATH --tasks 64 --out plan.json
    swab engine spark > swab_spark.py
    spark-submit swab_spark.py --plan plan.json --root DIR --out audit

It only schedules. A task runs `swab work` and returns its file of results; a task whose executor
is lost is run again. Results are merged on the executors, about 32 at a time. Every executor
needs the program as --swab names it, the corpus and the benchmarks, and credentials of stores by
Spark's own means.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile

from pyspark import SparkContext

a = argparse.ArgumentParser()
a.add_argument("--plan", required=True)
a.add_argument("--root", default="")
a.add_argument("--out", required=True)
a.add_argument("--swab", default="swab", help="the program, on every executor")
o, merge_flags = a.parse_known_args()
spark = SparkContext(appName="swab")
with open(o.plan, "rb") as f:
    plan = f.read()
shared, program, root = spark.broadcast(plan), o.swab, ["--root", o.root] if o.root else []


def swab(d, verb, *args):
    path = os.path.join(d, "plan.json")
    with open(path, "wb") as f:
        f.write(shared.value)
    subprocess.run([program, verb, "--plan", path, *args], check=True, stdout=subprocess.DEVNULL)


def content(path):
    with open(path, "rb") as f:
        return f.read()


def write(d, results):
    paths = [os.path.join(d, f"{i}.swabr") for i in range(len(results))]
    for path, result in zip(paths, results):
        with open(path, "wb") as f:
            f.write(result)
    return paths


def work(task):
    with tempfile.TemporaryDirectory() as d:
        swab(d, "work", "--task", str(task), "--jobs", "1", "--merge", "--out", d, *root)
        folder = os.path.join(d, f"task-{task}")
        [name] = [n for n in os.listdir(folder) if n.endswith(".swabr")]
        return content(os.path.join(folder, name))


def merge(results):
    with tempfile.TemporaryDirectory() as d:
        if paths := write(d, list(results)):
            swab(d, "merge", *paths, "--out", os.path.join(d, "merged.swabr"))
            yield content(os.path.join(d, "merged.swabr"))


tasks = range(1, len(json.loads(plan.split(b"\n", 1)[1])["tasks"]) + 1)
results = spark.parallelize(tasks, len(tasks)).map(work)
merged = results.repartition((len(tasks) + 31) // 32).mapPartitions(merge).collect()
spark.stop()
with tempfile.TemporaryDirectory() as d:
    args = ["merge", "--plan", o.plan, "--out", o.out, *write(d, merged), *merge_flags]
    sys.exit(subprocess.run([o.swab, *args]).returncode)
