"""Clean variants for lighteval, written by swab export: --custom-tasks tasks.py."""

import json
from pathlib import Path

from lighteval.metrics.metrics import Metrics
from lighteval.tasks.lighteval_task import LightevalTaskConfig
from lighteval.tasks.requests import Doc

# Task, dataset beside this file, split, kind of answers.
CLEAN = [
    # TASKS
]


def prompt(line, task_name=None):
    return Doc(
        task_name=task_name,
        query=line["query"],
        choices=[" " + c for c in line["choices"]],
        gold_index=line["gold"],
    )


def task(name, dataset, split, kind):
    fields = dict(
        name=name,
        prompt_function=prompt,
        hf_repo=str(Path(__file__).parent / dataset),
        hf_subset="default",
        hf_avail_splits=[split],
        evaluation_splits=[split],
        generation_size=1 if kind == "choices" else 256,
        stop_sequence=["\n"],
        metrics=[Metrics.loglikelihood_acc if kind == "choices" else Metrics.exact_match],
    )
    return LightevalTaskConfig(**fields)


TASKS_TABLE = [task(*t) for t in CLEAN]
