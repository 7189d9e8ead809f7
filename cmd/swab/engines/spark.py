"""swab on Spark: the tasks of a plan on the executors, and the audit from what comes back.

    swab plan --root DIR --corpus CORPUS --bench NAME=PATH --tasks 64 --out plan.json
    swab engine spark > swab_spark.py
    spark-submit swab_spark.py --plan plan.json --root DIR --out audit

It only schedules. A task runs `swab work` and returns its file of results; a task whose executor
is lost is run again. Every executor needs the program as --swab names it, the corpus and the
benchmarks, and credentials of stores by Spark's own means.
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


def work(task):
    with tempfile.TemporaryDirectory() as d:
        path, folder = os.path.join(d, "plan.json"), os.path.join(d, f"task-{task}")
        with open(path, "wb") as f:
            f.write(shared.value)
        subprocess.run([program, "work", "--plan", path, "--task", str(task), "--jobs", "1", "--merge", "--out", d, *root],
                       check=True, stdout=subprocess.DEVNULL)
        [name] = [n for n in os.listdir(folder) if n.endswith(".swabr")]
        with open(os.path.join(folder, name), "rb") as f:
            return f.read()


tasks = range(1, len(json.loads(plan.split(b"\n", 1)[1])["tasks"]) + 1)
with tempfile.TemporaryDirectory() as d:
    for i, result in enumerate(spark.parallelize(tasks, len(tasks)).map(work).toLocalIterator()):
        with open(os.path.join(d, f"{i}.swabr"), "wb") as f:
            f.write(result)
    spark.stop()
    sys.exit(subprocess.run([o.swab, "merge", "--plan", o.plan, "--out", o.out, d, *merge_flags]).returncode)
