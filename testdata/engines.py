"""Check that the drivers of swab engine publish the audit of swab scan, also when workers and nodes are lost.

    python3 testdata/engines.py SWAB ray|slurm|spark …

An engine that is not installed, or does not start here, is skipped, and that is said: Ray and PySpark are looked for
in this Python; Slurm is slurmctld, slurmd and munged of Debian's packages, run by root. Each has two nodes on this
machine. The driver is given a program in place of swab which holds some tasks: it stops their swab (SIGSTOP) as soon
as it runs, so that what is killed then has a running task for certain. The test ends a worker or a node, sees that
the task was in its hands, that it was run again, and that the audit has the bytes of swab scan's.
"""
import importlib.util
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

REPO = pathlib.Path(__file__).resolve().parent.parent
TASKS = 6
WORDS = ("harbour", "kettle", "slate", "moor", "quay", "lamp")
LIMIT = 480  # seconds for one engine; on an idle machine each takes less than 60

SHIM = """#!/bin/bash
# swab, but that the tasks whose names are in {dir}/hold are stopped once they run
[ "$1" = work ] || exec {swab} "$@"
for a; do [ "$last" = --task ] && task=$a; last=$a; done
echo "begin $task" >>{dir}/log
if mv {dir}/hold/$task {dir}/taken-$task 2>/dev/null; then
    {swab} "$@" &
    kill -STOP $!
    echo "$! ${{SLURMD_NODENAME:-}}" >{dir}/part-$task
    mv {dir}/part-$task {dir}/held-$task
    wait $!
else
    {swab} "$@"
fi
code=$?
echo "end $task $code" >>{dir}/log
exit $code
"""


class Skip(Exception):
    """The engine cannot be run here."""


class Wrong(Exception):
    """The audit is not that of swab scan."""


class Engine:
    """A directory with a plan, its audit by swab scan, and the program that the driver runs."""

    def __init__(self, name, swab, directory):
        self.name, self.swab, self.dir = name, swab, pathlib.Path(directory)
        self.end = time.monotonic() + LIMIT
        self.started = []
        corpus = self.dir / "root" / "corpus"
        corpus.mkdir(parents=True)
        rng = random.Random(7)
        items = [json.loads(line)["question"] for line in open(REPO / "testdata/bench/riverton.jsonl")]
        for shard in range(2 * TASKS):
            with open(corpus / f"{shard:02}.jsonl", "w") as f:
                for row in range(400):
                    text = " ".join(rng.choice(WORDS) for _ in range(60))
                    if row % 100 == shard:
                        text += " " + items[shard % len(items)]
                    f.write(json.dumps({"id": f"{shard}-{row}", "text": text}) + "\n")
        flags = ["--root", str(self.dir / "root"), "--corpus", "corpus", "--no-report",
                 "--bench", f"riverton={REPO}/testdata/bench/riverton.jsonl"]
        self.plan, self.root, self.out = (str(self.dir / name) for name in ("plan.json", "root", "audit"))
        run([swab, "scan", *flags, "--out", str(self.dir / "scan")])
        run([swab, "plan", *flags, "--tasks", str(TASKS), "--out", self.plan])
        self.driver = self.dir / ("driver.sh" if name == "slurm" else "driver.py")
        self.driver.write_bytes(run([swab, "engine", name]))
        self.shim = self.dir / "swab"
        self.shim.write_text(SHIM.format(dir=self.dir, swab=swab))
        self.shim.chmod(0o755)
        (self.dir / "hold").mkdir()
        for task in (1, 2):
            (self.dir / "hold" / str(task)).touch()

    def start(self, args, **kw):
        """Starts a process, which is killed at the end; its output is in a file."""
        log = open(self.dir / f"{len(self.started)}-{os.path.basename(args[0])}.log", "wb")
        p = subprocess.Popen([str(a) for a in args], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                             start_new_session=True, **kw)
        p.log = log.name
        self.started.append(p)
        return p

    def wait(self, condition, what, seconds=600, error=TimeoutError):
        """Waits until condition returns something."""
        end = min(self.end, time.monotonic() + seconds)
        while not (value := condition()):
            if time.monotonic() > end:
                raise error(f"{what}\n{self.tails()}")
            time.sleep(0.1)
        return value

    def held(self, task):
        """Returns the process of a task that is held, and the name of its node if the engine has one."""
        path = self.dir / f"held-{task}"

        def arrived():
            dead = [p for p in self.started if p.poll()]
            if dead:
                raise AssertionError(f"{dead[0].args[0]} ended with {dead[0].returncode}\n{self.tails()}")
            return path.exists()
        self.wait(arrived, f"task {task} does not run")
        pid, _, node = path.read_text().strip().partition(" ")
        assert state(int(pid)) == "T", f"the held task {task} is in state {state(int(pid))}"
        return int(pid), node

    def finish(self, driver):
        """Waits for the driver, which ends well."""
        self.wait(lambda: driver.poll() is not None, "the driver does not end")
        assert driver.returncode == 0, f"the driver ended with {driver.returncode}\n{self.tails()}"

    def compare(self, killed):
        """Sees that every task ended well once, those that were killed at a second try, and compares the audits."""
        log = (self.dir / "log").read_text().split("\n")
        for task in range(1, TASKS + 1):
            begun, ended = log.count(f"begin {task}"), log.count(f"end {task} 0")
            assert ended >= 1, f"task {task} did not end well\n{log}"
            assert begun - ended == (task in killed), f"task {task}: {begun} times begun, {ended} ended\n{log}"
        want, got = files(self.dir / "scan"), files(self.out)
        other = sorted(name for name in want.keys() | got.keys() if want.get(name) != got.get(name))
        if other:
            raise Wrong(f"files differ from swab scan's: {other}")

    def tails(self):
        """Returns the ends of all logs."""
        return "\n".join(f"--- {p.log}\n" + open(p.log, errors="replace").read()[-1500:] for p in self.started)

    def close(self):
        for task in (1, 2):
            if (self.dir / f"held-{task}").exists():
                kill(int((self.dir / f"held-{task}").read_text().split()[0]))
        for p in reversed(self.started):
            if p.poll() is None:
                kill(p.pid)
                p.wait()


def run(args, **kw):
    args = [str(a) for a in args]
    return subprocess.run(args, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, **kw).stdout


def files(root):
    """The files of an audit, but for the results of shards that it keeps for its next run."""
    root = pathlib.Path(root)
    return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*")
            if p.is_file() and p.relative_to(root).parts[0] != "shards"}


def stat(pid):
    """The state and the parent of a process; of none, a blank and 0."""
    try:
        fields = open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()
        return fields[0], int(fields[1])
    except (FileNotFoundError, ProcessLookupError):
        return " ", 0


def state(pid):
    return stat(pid)[0]


def ancestors(pid):
    """The processes above one, from its parent up."""
    while (pid := stat(pid)[1]) > 1:
        yield pid


def name_of(pid):
    try:
        return open(f"/proc/{pid}/cmdline").read().replace("\0", " ").strip()
    except OSError:
        return ""


def kill(pid, sign=signal.SIGKILL):
    try:
        os.kill(pid, sign)
    except ProcessLookupError:
        pass


def kill_task(pid):
    """Kills what is left of a task whose worker is gone: its swab, and the program that runs it."""
    parent = stat(pid)[1]
    kill(parent if parent > 1 else pid)
    kill(pid)


def ray(e):
    try:
        os.environ.update(RAY_USAGE_STATS_ENABLED="0", RAY_memory_monitor_refresh_ms="0", RAY_DEDUP_LOGS="0")
        from ray.cluster_utils import Cluster
    except ImportError as err:
        raise Skip(err)
    node = {"num_cpus": 1, "object_store_memory": 80 << 20}
    cluster = None
    try:
        try:
            cluster = Cluster(initialize_head=True, head_node_args={
                **node, "include_dashboard": False, "temp_dir": str(e.dir / "ray")})
            second = cluster.add_node(**node)
            cluster.wait_for_nodes(60)
            program = "import ray, sys; ray.init(address=sys.argv[1]); print(ray.get(ray.remote(lambda: 7).remote()))"
            if run([sys.executable, "-c", program, cluster.address], timeout=120).split()[-1:] != [b"7"]:
                raise Skip("it runs no task here")
        except Exception as err:
            if isinstance(err, Skip):
                raise
            raise Skip(f"it does not start here: {err}")
        raylet = lambda n: n.all_processes["raylet"][0].process.pid
        driver = e.start([sys.executable, e.driver, "--plan", e.plan, "--root", e.root, "--swab", e.shim,
                          "--address", cluster.address, "--out", e.out])
        by_node = {}
        for task in (1, 2):
            pid, _ = e.held(task)
            above = list(ancestors(pid))  # the program that runs it, its worker, the raylet
            [place] = [n for n in (cluster.head_node, second) if raylet(n) in above]
            by_node[place is second] = task, pid, above[1]
        assert len(by_node) == 2, "both tasks are on one node"
        _, pid, worker = by_node[False]
        assert "ray::" in name_of(worker), name_of(worker)
        kill(worker)
        kill_task(pid)
        task, pid, worker = by_node[True]
        assert state(pid) == "T"
        cluster.remove_node(second, allow_graceful=False)
        kill_task(pid)
        e.finish(driver)
        e.compare({1, 2})
        return f"a worker killed that had task {by_node[False][0]}, and a node removed that had task {task}"
    finally:
        if cluster:
            cluster.shutdown()


SLURM = """ClusterName=swab
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={port}
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={dir}/munge
CredType=cred/munge
StateSaveLocation={dir}/state
SlurmdSpoolDir={dir}/spool-%n
SlurmctldPidFile={dir}/slurmctld.pid
SlurmdPidFile={dir}/slurmd-%n.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerType=sched/builtin
MpiDefault=none
ReturnToService=2
SlurmdTimeout=10
InactiveLimit=0
JobRequeue=1
NodeName=n1 NodeHostname={host} NodeAddr=127.0.0.1 Port={port1} CPUs=1
NodeName=n2 NodeHostname={host} NodeAddr=127.0.0.1 Port={port2} CPUs=1
PartitionName=all Nodes=n1,n2 Default=YES MaxTime=INFINITE State=UP
"""


def free_ports(n):
    import socket
    sockets = [socket.socket() for _ in range(n)]
    for s in sockets:
        s.bind(("127.0.0.1", 0))
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


def slurm(e):
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    missing = [p for p in ("munged", "slurmctld", "slurmd", "sbatch", "scontrol") if not shutil.which(p)]
    if missing:
        raise Skip(f"there is no {missing[0]}")
    if os.geteuid() != 0:
        raise Skip("only root can start its nodes")
    d = e.dir / "slurm"
    d.mkdir()
    (d / "state").mkdir()
    (d / "key").write_bytes(os.urandom(128))
    (d / "key").chmod(0o400)
    e.dir.chmod(0o755)
    host = os.uname().nodename.partition(".")[0]
    port, port1, port2 = free_ports(3)
    (d / "slurm.conf").write_text(SLURM.format(dir=d, host=host, port=port, port1=port1, port2=port2))
    env = {**os.environ, "SLURM_CONF": str(d / "slurm.conf"), "SWAB": str(e.shim)}
    ask = lambda *args: subprocess.run(args, env=env, capture_output=True, text=True).stdout.split()
    e.start(["munged", "--foreground", "--force", "--key-file", d / "key", "--socket", d / "munge", "--pid-file",
             d / "munged.pid", "--log-file", d / "munged.log", "--seed-file", d / "seed", "--num-threads", "2"])
    e.wait((d / "munge").exists, "munged does not start here", 20, Skip)
    e.start(["slurmctld", "-D", "-f", d / "slurm.conf"], env=env)
    nodes = {n: e.start(["slurmd", "-D", "-N", n, "-f", d / "slurm.conf"], env=env) for n in ("n1", "n2")}
    e.wait(lambda: ask("sinfo", "-h", "-N", "-o", "%T") == ["idle", "idle"], "its nodes do not start here", 60, Skip)
    subprocess.run(["sbatch", "--output", d / "first.log", "--wrap", "echo done"], env=env, capture_output=True)
    e.wait(lambda: (d / "first.log").exists() and "done" in (d / "first.log").read_text() and not ask("squeue", "-h"),
           "it runs no job here", 60, Skip)
    results = e.dir / "results"
    submitted = subprocess.run(["bash", e.driver, e.plan, e.root, results, e.out], env=env, cwd=e.dir,
                               capture_output=True, text=True)
    assert submitted.returncode == 0, submitted.stderr
    held = {node: (task, pid) for task in (1, 2) for pid, node in [e.held(task)]}
    assert held.keys() == nodes.keys(), held
    task, pid = held["n2"]
    above = list(ancestors(pid))
    [step] = [i for i, a in enumerate(above) if name_of(a).startswith("slurmstepd")]
    nodes["n2"].kill()  # the node is lost with all its processes
    nodes["n2"].wait()
    e.started.remove(nodes["n2"])
    for process in [*above[step::-1], pid]:
        kill(process)
    kill(held["n1"][1], signal.SIGCONT)

    def ended():
        queue = ask("squeue", "-h", "-o", "%A=%r")
        for job in queue:
            job, _, why = job.partition("=")
            if why == "BeginTime":  # a requeued task waits two minutes
                ask("scontrol", "update", f"JobId={job}", "StartTime=now")
        return not queue and (results / "merge.log").exists()
    e.wait(ended, "the jobs do not end")
    assert os.path.isdir(e.out), (results / "merge.log").read_text()
    e.compare({task})
    return f"a node killed that had task {task}"


def spark(e):
    home = importlib.util.find_spec("pyspark")
    if not home:
        raise Skip("there is no PySpark")
    if not shutil.which("java"):
        raise Skip("there is no Java")
    home = os.path.dirname(home.origin)
    env = {**os.environ, "SPARK_HOME": home, "SPARK_LOCAL_IP": "127.0.0.1", "PYSPARK_PYTHON": sys.executable,
           "SPARK_WORKER_DIR": str(e.dir / "work"), "SPARK_LOCAL_DIRS": str(e.dir / "local")}
    driver = e.start([os.path.join(home, "bin", "spark-submit"), "--master", "local-cluster[2,1,1024]", "--conf",
                      "spark.ui.enabled=false", e.driver, "--plan", e.plan, "--root", e.root, "--swab", e.shim,
                      "--out", e.out], env=env)
    executor = {}
    for task in (1, 2):
        pid, _ = e.held(task)
        [executor[task]] = [a for a in ancestors(pid) if "CoarseGrainedExecutorBackend" in name_of(a)]
    assert executor[1] != executor[2]
    (one, _), (two, _) = e.held(1), e.held(2)
    kill(executor[1])
    kill_task(one)
    kill(two, signal.SIGCONT)
    e.finish(driver)
    e.compare({1})
    return "an executor killed that had task 1"


def attempt(name, swab):
    """Runs one engine; returns None, or what failed. Raises Wrong."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="swab-", ignore_cleanup_errors=True) as d:
        e = Engine(name, os.path.abspath(swab), d)
        try:
            seen = {"ray": ray, "slurm": slurm, "spark": spark}[name](e)
            print(f"engines: {name}: the audit is swab scan's: {TASKS} tasks on two nodes, {seen}; "
                  f"{time.monotonic() - began:.0f} s", flush=True)
        except Skip as why:
            print(f"engines: {name}: SKIPPED: {why}", flush=True)
        except Wrong:
            raise
        except Exception as err:
            return f"{err!r}\n{e.tails()}"
        finally:
            e.close()


def main(swab, names):
    """What fails once and not again, as a node that starts too late, is printed; a wrong audit fails at once."""
    failed = False
    for name in names:
        for last in (False, True):
            why = attempt(name, swab)
            if not why:
                break
            print(f"engines: {name}: {'FAILED again' if last else 'failed, and is tried again'}: {why}", flush=True)
            failed = failed or last
    return failed


sys.exit(main(sys.argv[1], sys.argv[2:]))
