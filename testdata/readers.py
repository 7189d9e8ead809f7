"""Check that the lines of `swab help audit` load an audit, and that its two forms are one table of the same types.

    python3 testdata/readers.py SWAB     # with any of the packages that the lines name

Each line under "In a notebook" is run as it is printed, in a directory that has an audit of testdata/. A package that
Python does not have is named and skipped.
"""
import importlib
import os
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent


def types(table):
    """The types of a table's columns, by name, whatever the package."""
    if hasattr(table, "features"):  # datasets
        return {k: str(v) for k, v in table.features.items()}
    if hasattr(table, "schema"):  # polars
        return {k: str(v) for k, v in table.schema.items()}
    kinds = table.dtypes
    return {k: str(v) for k, v in zip(table.columns, kinds)}


def main(swab):
    swab = pathlib.Path(swab).resolve()
    topic = subprocess.run([swab, "help", "audit"], check=True, capture_output=True, text=True).stdout
    lines = re.findall(r"^\s*((?:pandas|polars|duckdb|datasets)\..*)$", topic, re.M)
    if len(lines) < 8:
        sys.exit(f"readers: {len(lines)} lines in swab help audit, want one for each package and form")
    failed = 0
    with tempfile.TemporaryDirectory() as dir:
        bench = ROOT / "bench" / "riverton.jsonl"
        subprocess.run([swab, "scan", "--corpus", ROOT / "corpus", "--bench", bench, "--method", "swab,llama2,gpt3", "--no-report",
                        "--out", "audit"], cwd=dir, check=True, capture_output=True)
        os.chdir(dir)
        os.environ["HF_HOME"] = dir
        found = {}
        for line in lines:
            package = line.split(".")[0]
            try:
                module = importlib.import_module(package)
            except ImportError:
                print(f"readers: skipped: {package}: Python does not have it")
                continue
            for name in "verdicts", "evidence":
                call = line.replace("verdicts", name)
                table = eval(call, {package: module})
                rows = len(table)
                kinds = types(table)
                found.setdefault((package, name), []).append((rows, kinds))
                print(f"readers: {call}: {rows} rows, {len(kinds)} columns")
        for key, forms in found.items():
            for other in forms[1:]:
                if other != forms[0]:
                    failed += 1
                    print(f"readers: {key}: the two forms differ:\n  {forms[0]}\n  {other}")
    sys.exit(f"readers: {failed} tables differ" if failed else 0)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
