"""`relx annotate` beside plain `nlp.pipe`: rates of each engine, and runs whose processes are killed.

    python benchmarks/annotate.py MODEL TEXTS.jsonl [--engines local:1 local:2 spark:2 ray:2] [--repeats 3]
    python benchmarks/annotate.py MODEL TEXTS.jsonl --kill [--engines local:2 spark:2 ray:2]

The first prints, for each engine and number of workers: texts a second of the whole run with the start of all its
processes, the same without it (what the shards took, and how many were at work at a time), both also as ratios to
`nlp.pipe` over the same texts in one process (whose pipeline is loaded already), and the most memory of a worker.
Medians of the repeats, which take turns. The second kills three times: a worker at a quarter of the shards, the whole
run at half of them, and the run that goes on at three quarters. It runs the command again, and compares the ids of
documents and the triples with those of a run that nothing disturbs.
"""

import argparse
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

DEFAULT = ["local:1", "local:2", "spark:2", "ray:2"]


def command(args, engine, workers, output):
    arguments = [args.model, args.texts, "--output", output, "--engine", engine, "--workers", workers]
    arguments += ["--shard-size", args.shard_size, "--batch-size", args.batch_size]
    return [sys.executable, "-m", "spacy", "relx", "annotate", *map(str, arguments)]


def time_pipe(args):
    """Texts a second of `nlp.pipe`, in a process of its own, so that nothing of it stays."""
    done = subprocess.run(
        [sys.executable, __file__, str(args.model), str(args.texts), "--pipe", "--batch-size", str(args.batch_size)],
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def pipe(args):
    import spacy
    import torch

    torch.set_num_threads(1)
    nlp = spacy.load(args.model)
    rows = [json.loads(line) for line in args.texts.read_text(encoding="utf8").splitlines()]

    def docs():
        for row in rows:
            doc = nlp.make_doc(row["text"])
            if row.get("lang"):
                doc._.lang = row["lang"]
            yield doc

    begin = time.perf_counter()
    triples = sum(len(doc._.relations) for doc in nlp.pipe(docs(), batch_size=args.batch_size))
    seconds = time.perf_counter() - begin
    json.dump({"rate": len(rows) / seconds, "triples": triples}, sys.stdout)


def measure(args, engine, workers, folder):
    output = folder / f"{engine}-{workers}"
    begin = time.perf_counter()
    subprocess.run(command(args, engine, workers, output), check=True, stdout=subprocess.DEVNULL)
    seconds = time.perf_counter() - begin
    reports = read_reports(output)
    shutil.rmtree(output)
    documents = sum(report["documents"] for report in reports)
    processes = {report["process"] for report in reports}
    return {
        "whole": documents / seconds,
        "steady": documents / sum(report["seconds"] for report in reports) * len(processes),
        "memory": max(report["memory"] for report in reports) / 2**20,
    }


def read_reports(output):
    return [json.loads(path.read_text(encoding="utf8")) for path in (output / "_shards").glob("*.json")]


def rates(args, engines, folder):
    plain, found = [], {each: [] for each in engines}
    for _ in range(args.repeats):
        plain.append(time_pipe(args)["rate"])
        for engine, workers in engines:
            found[engine, workers].append(measure(args, engine, workers, folder))
            print(f"{engine}, {workers} workers: {found[engine, workers][-1]}", file=sys.stderr)
    base = statistics.median(plain)
    print(f"nlp.pipe: {base:.0f} texts/s (from {min(plain):.0f} to {max(plain):.0f})")
    for (engine, workers), runs in found.items():
        whole, steady, memory = (statistics.median(run[key] for run in runs) for key in ("whole", "steady", "memory"))
        print(
            f"{engine}, {workers} workers: {whole:.0f} texts/s in all ({whole / base:.2f}), {steady:.0f} without "
            f"the start ({steady / base:.2f}), {memory:.0f} MiB a worker"
        )


def kill_runs(args, engines, folder):
    expected = folder / "undisturbed"
    subprocess.run(command(args, "local", 2, expected), check=True, stdout=subprocess.DEVNULL)
    n_shards = len(read_reports(expected))
    for engine, workers in engines:
        output = folder / f"killed-{engine}-{workers}"
        process = start(args, engine, workers, output)
        await_shards(output, n_shards // 4, process)
        victim = kill_worker(output)
        done = []
        for quarter in (2, 3):
            await_shards(output, quarter * n_shards // 4, process)
            done.append(len(read_reports(output)))
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            if engine == "ray":
                end_daemons()
            process = start(args, engine, workers, output)
        if process.wait():
            raise SystemExit(f"the resumed run ended with exit code {process.returncode}")
        same = {part: rows(output / part) == rows(expected / part) for part in ("documents", "triples")}
        ids = Counter(json.loads(row)["document"] for row in rows(output / "documents"))
        print(
            f"{engine}, {workers} workers: worker {victim} killed, run at {' and '.join(map(str, done))} of {n_shards} "
            f"shards, resumed: {len(ids)} documents, {sum(n > 1 for n in ids.values())} of them twice; the same as "
            f"undisturbed: {same}",
            flush=True,
        )


def start(args, engine, workers, output):
    """The command as a session of its own, which can be killed with all its processes."""
    return subprocess.Popen(
        command(args, engine, workers, output),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def kill_worker(output):
    """Kill a process that has done a shard, and is at another, if it still is. RETURNS: its number."""
    for process in sorted({report["process"] for report in read_reports(output)}):
        try:
            os.kill(process, signal.SIGKILL)
            return process
        except ProcessLookupError:
            continue
    raise SystemExit("no process that has done a shard is there still")


def end_daemons():
    """Kill what is left of a run of Ray outside its session."""
    tool = Path(sys.executable).with_name("ray")
    subprocess.run([tool, "stop", "--force"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)


def await_shards(output, n, process):
    while len(list((output / "_shards").glob("*.json"))) < n:
        if process.poll() is not None:
            raise SystemExit(f"the run has ended before it could be killed (exit code {process.returncode})")
        time.sleep(0.05)


def rows(folder):
    import pyarrow.parquet as parquet

    found = [row for path in sorted(folder.glob("*.parquet")) for row in parquet.read_table(path).to_pylist()]
    for row in found:
        if "score" in row:  # texts that are read in other batches give scores that differ in their last digits
            row["score"] = round(row["score"], 3)
    return sorted(json.dumps(row, sort_keys=True) for row in found)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("texts", type=Path)
    parser.add_argument("--engines", nargs="+", default=DEFAULT, help="ENGINE:WORKERS")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--shard-size", type=int, default=2500)
    parser.add_argument("--batch-size", type=int, default=256)
    parser.add_argument("--kill", action="store_true")
    parser.add_argument("--pipe", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.pipe:
        pipe(args)
        return
    engines = [(name, int(workers)) for name, workers in (each.split(":") for each in args.engines)]
    with tempfile.TemporaryDirectory(prefix="relx-annotate-") as folder:
        (kill_runs if args.kill else rates)(args, engines, Path(folder))


if __name__ == "__main__":
    main()
