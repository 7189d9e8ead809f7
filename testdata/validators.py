"""Check what swab writes for other programs with the validators of others, and run the examples of `swab help report`.

    python3 testdata/validators.py SWAB [DIR]     # DIR has what make validators installs; without it, what is on the PATH

A validator that is not there is named and skipped. Titles and names of the audit have characters that break writers
that do not expect them.
"""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent
HOSTILE = '<b>&"quoted"</b> | `x` {{ y }} %s: #\\ & $HOME'


def run(*command, code=0, **more):
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, **more)
    if done.returncode != code:
        raise AssertionError(f"{' '.join(map(str, command))}: exit code {done.returncode}, want {code}\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.stdout


def tool(name):
    path = shutil.which(name)
    if not path:
        raise ImportError(f"there is no {name}")
    return path


def sarif(dir):
    out = dir / "sarif-findings.json"
    run(tool("sarif-multitool"), "validate", dir / "swab.sarif", "--output", out)
    errors = [r for r in json.loads(out.read_text(encoding="utf-8-sig"))["runs"][0].get("results", []) if r.get("level") == "error"]
    assert not errors, errors


def junit(dir):
    import junitparser
    suites = junitparser.JUnitXml.fromfile(str(dir / "swab.xml"))
    cases = [case for suite in suites for case in suite]
    assert len(cases) == 2 and sum(suite.failures for suite in suites) == 1, cases
    assert sum(case.is_failure for case in cases) == 1, [c.result for c in cases]


def croissant(dir):
    import mlcroissant
    read = mlcroissant.Dataset(jsonld=str(dir / "croissant.json"))
    assert not read.metadata.ctx.issues.errors, read.metadata.ctx.issues.errors
    assert any("riverton items" in text for text in read.metadata.data_limitations), read.metadata.data_limitations


def model_index(dir):
    import huggingface_hub
    card = huggingface_hub.ModelCard("---\n" + (dir / "model-index.yaml").read_text() + "---\n# A model\n")
    results = card.data.eval_results
    assert [r.metric_type for r in results] == ["contamination"], results


def workflow(dir):
    example = examples()[0]
    (dir / "workflow.yml").write_text(example)
    run(tool("check-jsonschema"), "--builtin-schema", "vendor.github-workflows", dir / "workflow.yml")
    step = re.search(r"run: (swab .*)", example)[1]
    for name in "swab.sarif", "swab.xml":
        (dir / name).unlink()
    said = run("bash", "-c", step, cwd=dir, code=1)
    assert "::error title=" in said and (dir / "swab.sarif").exists() and (dir / "swab.xml").exists(), said


def pre_commit(dir):
    (dir / ".pre-commit-config.yaml").write_text(examples()[1])
    run(tool("pre-commit"), "validate-config", dir / ".pre-commit-config.yaml")
    run("git", "init", "-q", cwd=dir)
    run("git", "add", "audit.yaml", ".pre-commit-config.yaml", cwd=dir)
    said = run(tool("pre-commit"), "run", "--all-files", cwd=dir, code=1, env={**os.environ, "PRE_COMMIT_HOME": str(dir / "hooks")})
    assert "benchmark contamination" in said and "50.00 % is flagged, more than 5 %" in said, said


def examples():
    return [e for e in re.findall(r"```yaml\n(.*?)```", TOPIC.read_text(), re.S)]


TOPIC = ROOT.parent / "cmd" / "swab" / "help" / "report.md"


def main(swab, installed=None):
    swab = pathlib.Path(swab).resolve()
    if installed:
        installed = pathlib.Path(installed).resolve()
        os.environ["PATH"] = f"{installed}/node_modules/.bin:{installed}/python/bin:{os.environ['PATH']}"
        for site in (installed / "python").glob("l*/python*/*-packages"):
            sys.path.insert(0, str(site))
            os.environ["PYTHONPATH"] = str(site)
    failed = 0
    with tempfile.TemporaryDirectory() as name:
        dir = pathlib.Path(name)
        (dir / "bin").mkdir()
        shutil.copy(swab, dir / "bin" / "swab")
        os.environ["PATH"] = f"{dir}/bin:{os.environ['PATH']}"
        quoted = json.dumps(HOSTILE)
        (dir / "audit.yaml").write_text(
            f"title: {quoted}\nmodel: {quoted}\nowner: {quoted}\nrelease: {quoted}\ncorpus-name: {quoted}\ncorpus: [{ROOT}/corpus]\n"
            f"benchmarks:\n  - {{name: riverton, path: {ROOT}/bench/riverton.jsonl}}\nmethod: [swab, coverage8]\nout: audit\n")
        run("swab", "scan", "audit.yaml", "--sarif", "swab.sarif", "--junit", "swab.xml", cwd=dir)
        for form, file in ("croissant", "croissant.json"), ("model-index", "model-index.yaml"):
            run("swab", "card", "audit", "--format", form, "--out", file, cwd=dir)
        for check in sarif, junit, croissant, model_index, workflow, pre_commit:
            try:
                check(dir)
                print(f"validators: {check.__name__}: valid")
            except ImportError as e:
                print(f"validators: skipped: {check.__name__}: {e}")
            except Exception as e:
                failed += 1
                print(f"validators: {check.__name__}: {type(e).__name__}: {e}")
    sys.exit(f"validators: {failed} failed" if failed else 0)


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    main(*sys.argv[1:])
