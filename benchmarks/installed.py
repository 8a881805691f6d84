"""What it costs that this package is installed: its names in the registries, and what its extras bring along.

    python benchmarks/installed.py FORMAT FILES... [--repeats 3]

A line for each environment: all that is installed, and the same without the entry points of spacy-relx, of
spacy-transformers, of both. CPU seconds, each environment in a process of its own: the first pipeline of the process
(`spacy.blank`), `relx data convert` of the files, and spaCy's own `DocBin.get_docs` of the documents that they gave.
"""

import argparse
import importlib.metadata
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PACKAGES = ("spacy-relx", "spacy-transformers")
ENVIRONMENTS = [(), PACKAGES[:1], PACKAGES[1:], PACKAGES]


def hide(packages):
    """Let no entry point of these be found, in this process and before spaCy is imported."""
    distributions = importlib.metadata.distributions

    def others(**kwargs):
        return (each for each in distributions(**kwargs) if each.metadata["Name"] not in packages)

    importlib.metadata.distributions = others


def seconds(work, repeats=1):
    """The least CPU time of the work. RETURNS: it, and what the work gave."""
    times = []
    for _ in range(repeats):
        start = time.process_time()
        found = work()
        times.append(time.process_time() - start)
    return min(times), found


def measure(hidden, format, files, path, repeats):
    """In this process. RETURNS: entry points, seconds of each part (None for a part that cannot be), documents."""
    hide(hidden)
    import catalogue
    import spacy
    from spacy.tokens import DocBin

    blank, nlp = seconds(lambda: spacy.blank("en"))
    convert = None
    if "spacy-relx" not in hidden:
        from spacy_relx.formats.convert import convert as work

        convert, _ = seconds(lambda: work(format, files, path, lang="en"), repeats)
    docbin = DocBin().from_disk(path)
    read, docs = seconds(lambda: sum(1 for _ in docbin.get_docs(nlp.vocab)), repeats)
    names = catalogue.AVAILABLE_ENTRY_POINTS
    points = names if isinstance(names, tuple) else [point for group in names.values() for point in group]
    return len(points), blank, convert, read, docs


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("format")
    parser.add_argument("files", nargs="+")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--in-process", nargs=2, metavar=("HIDDEN", "PATH"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.in_process:
        hidden, path = args.in_process
        print(json.dumps(measure(hidden.split(), args.format, args.files, path, args.repeats)))
        return
    print(f"{'without':32s} entry points   first blank     convert    get_docs")
    with tempfile.TemporaryDirectory() as folder:
        for hidden in ENVIRONMENTS:
            command = [sys.executable, "-W", "ignore", __file__, args.format, *args.files]
            command += ["--repeats", str(args.repeats), "--in-process", " ".join(hidden), str(Path(folder, "a.spacy"))]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            n, *parts, docs = json.loads(done.stdout.splitlines()[-1])
            cells = "".join(f"{'-' if part is None else f'{part:.2f} s':>12s}" for part in parts)
            print(f"{' and '.join(hidden) or '(nothing)':32s} {n:12d}  {cells}", flush=True)
    print(f"{docs} documents")


if __name__ == "__main__":
    main()
