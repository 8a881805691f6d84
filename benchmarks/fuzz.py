"""Mutated inputs for importers, saved pipelines, the HTTP service and SPARQL queries, and what comes of them.

    python -m benchmarks.fuzz [--minutes 10] [--seed 0] [--areas importers pipelines http sparql] [--keep FOLDER]

The areas share the time. Of each: inputs; how many were accepted; how many gave a coded error (RelxError, of HTTP a
4xx answer with a code); raw errors, any other exception; and silent changes: a damaged pipeline that loads and
answers otherwise, or a query that reached a server. The last two must be 0, else the exit status is 1. The same seed
makes the same inputs in the same order; how many there are depends on the machine. Half of the pipelines are damaged;
the others are forged, with right checksums: these may answer as they like, but with no raw error.
--keep FOLDER saves each input that gave a raw error or a silent change, and the slowest where it took seconds. Needs
all extras that the areas use.
"""

import argparse
import json
import logging
import random
import shutil
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]  # tiny pipelines and samples of each format are the tests'

#: What breaks readers more often than chance does.
TOKENS = [
    b"",
    b"\0",
    b'"',
    b"'",
    b"\\",
    b"\n",
    b"\r\n",
    b"\t",
    b"\xff\xfe",
    b"\xef\xbb\xbf",
    b"\xed\xa0\x80",
    b"\\ud800",
    "\u2028\u0085\u00a0".encode(),
    "\U0001f600".encode(),
    b"{}",
    b"[]",
    b"[" * 3000,
    b'{"a":' * 3000,
    b"null",
    b"true",
    b"NaN",
    b"-Infinity",
    b"1e999",
    b"-1",
    b"9" * 30,
    b"9" * 5000,
    b"<!--",
    b"<e1>",
    b"#",
    b"\xc1",
    b"\xdd\xff\xff\xff\xff",
]


def mutate(rng, data, others):
    """One to four changes of bytes. others: inputs of the same kind, to take parts from."""
    data = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        start = rng.randrange(len(data) + 1)
        end = min(len(data), start + rng.choice((1, 1, 2, 8, 64, 1000)))
        kind = rng.randrange(7)
        if kind == 0 and data:
            data[min(start, len(data) - 1)] ^= 1 << rng.randrange(8)
        elif kind == 1:
            del data[start:end]
        elif kind == 2:
            data[start:start] = data[start:end] * rng.choice((1, 2, 50))
        elif kind == 3:
            data[start:end] = rng.choice(TOKENS)
        elif kind == 4:
            data[start:start] = rng.choice(TOKENS)
        elif kind == 5:
            other = rng.choice(others)
            place = rng.randrange(len(other) + 1)
            data[start:end] = other[place : place + rng.choice((4, 40, 400))]
        else:
            del data[start:]
    return bytes(data)


#: Seconds from which on an input is worth a look: they are all small.
SLOW = 5.0


@dataclass
class Counts:
    """What came of the inputs of an area. examples: of raw errors and silent changes, by where they come from."""

    inputs: int = 0
    accepted: int = 0
    coded: int = 0
    raw: int = 0
    silent: int = 0
    slowest: float = 0.0
    slowest_case: tuple = ()
    codes: Counter = field(default_factory=Counter)
    examples: dict = field(default_factory=dict)


class Silent(Exception):
    """An answer that should have been an error."""


class Importers:
    """Samples of each format, mutated, through `convert`."""

    def __init__(self, folder):
        from support.detect_samples import SAMPLES, name_of, save

        from spacy_relx.formats.convert import default_nlp

        self.folder = folder
        self.samples = {}
        for format in SAMPLES:
            (folder / "samples" / format).mkdir(parents=True)
            path = save(folder / "samples" / format / name_of(format), SAMPLES[format])
            self.samples[format] = (path.name, path.read_bytes())
        self.nlp = default_nlp()
        self.others = [data for _, data in self.samples.values()]

    def make(self, rng):
        format = rng.choice(sorted(self.samples))
        name, data = self.samples[format]
        return (format, name, rng.choice(("raise", "skip"))), mutate(rng, data, self.others)

    def run(self, case, data):
        from spacy_relx.formats.convert import convert

        format, name, on_error = case
        place = self.folder / "input"
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir()
        if format == "brat":
            (place / Path(name).with_suffix(".txt")).write_text("Ann works for Acme in Rome.", encoding="utf8")
        (place / name).write_bytes(data)
        convert(format, [place / name], place / "out.spacy", on_error=on_error, nlp=self.nlp)


class Pipelines:
    """Files of saved components, damaged, or forged with right checksums."""

    def __init__(self, folder):
        import spacy
        from support import saving as saving_util

        self.util, self.folder = saving_util, folder
        self.pipes, self.answers = {}, {}
        for name in saving_util.COMPONENTS:
            sources = folder / "sources" / name
            sources.mkdir(parents=True)
            nlp = saving_util.make_pipeline(name, sources)
            nlp.to_disk(folder / name)
            self.pipes[name] = spacy.load(folder / name)
            self.answers[name] = self._answer(name)
        self.files = [(name, file, (folder / name / name / file).read_bytes()) for name, file in saving_util.FILES]

    def _answer(self, name):
        return json.dumps(self.util.answers(self.pipes[name]), sort_keys=True, default=str)

    def make(self, rng):
        name, file, data = rng.choice(self.files)
        forged = rng.random() < 0.5 and file != self.util.saving.CHECKSUMS
        return (name, file, forged), mutate(rng, data, [other for _, _, other in self.files])

    def run(self, case, data):
        name, file, forged = case
        place = self.folder / "copy"
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(self.folder / name / name, place)
        same = data == (place / file).read_bytes()
        (place / file).write_bytes(data)
        if forged:
            self.util.resign(place)
        pipe = self.pipes[name].get_pipe(name)
        try:
            pipe.from_disk(place, exclude=["vocab"])
            answer = self._answer(name)
        finally:
            pipe.from_disk(self.folder / name / name, exclude=["vocab"])
        if not (forged or same) and answer != self.answers[name]:
            raise Silent(f"{name}/{file} was damaged, and the pipeline answers otherwise")


class Http:
    """Bodies of requests, to the service in this process."""

    seeds = (
        b'{"texts": ["Ann works for Acme.", "Ann"]}',
        b'{"texts": [{"text": "Ann works for Acme.", "lang": "en", "id": "a"}]}',
        '{"texts": ["\u6771\u4eac Ann", "", " "]}'.encode(),
    )

    def __init__(self, folder):
        from support.serving import LIMITS, pipeline

        from spacy_relx.run.serving import create_app

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from fastapi.testclient import TestClient
        self.client = TestClient(create_app(pipeline(), LIMITS))
        self.client.__enter__()

    def make(self, rng):
        kind = "application/json"
        if rng.random() < 0.1:
            kind = rng.choice(("application/json; charset=utf-16", "text/plain", "\u00e9", ""))
        path = rng.choice(("/extract/", "/info")) if rng.random() < 0.05 else "/extract"
        return (path, kind), mutate(rng, rng.choice(self.seeds), self.seeds)

    def run(self, case, data):
        path, kind = case
        answer = self.client.post(path, content=data, headers={"content-type": kind.encode("latin-1")})
        if answer.status_code >= 500:
            raise AssertionError(f"status {answer.status_code}: {answer.text[:200]}")
        if answer.status_code == 400 or answer.status_code > 405:
            json.loads(answer.text)
        if answer.status_code >= 400:
            raise Coded(f"HTTP {answer.status_code}")


class Coded(Exception):
    """An answer of the service that is an error of the client's."""


class Sparql:
    """Queries, to a graph of one triple; a server on this machine hears what goes out."""

    def __init__(self, folder):
        from support.sparql import HOSTILE, start_listener

        from spacy_relx.writers.graph import build_graph

        _, url, self.asked = start_listener()
        (folder / "one.nt").write_text("<http://a.example/s> <http://a.example/p> <http://a.example/o> .\n")
        self.graph = folder / "graph"
        build_graph([folder / "one.nt"], self.graph)
        good = (
            "SELECT * { ?s ?p ?o } LIMIT 3",
            "ASK { ?s rdfs:label ?x FILTER(?x < 2) }",
            "DESCRIBE ?s { ?s ?p 'a'@en }",
        )
        self.seeds = [query.replace("URL", url).encode() for query in (*good, *HOSTILE.values()) if len(query) < 9999]

    def make(self, rng):
        return (), mutate(rng, rng.choice(self.seeds), self.seeds)

    def run(self, case, data):
        from spacy_relx.writers.query import query_graph

        before = len(self.asked)
        try:
            query_graph(self.graph, data.decode("utf8", "surrogateescape"), limit=10, timeout=20)
        finally:
            if len(self.asked) > before:
                raise Silent("the query reached a server")


AREAS = {"importers": Importers, "pipelines": Pipelines, "http": Http, "sparql": Sparql}


def fuzz(area, rng, counts, seconds, limit, keep):
    """Try inputs until the time is over, or there were `limit` of them."""
    from spacy_relx.errors import RelxError

    end = time.monotonic() + seconds
    while time.monotonic() < end and not (limit and counts.inputs >= limit):
        case, data = area.make(rng)
        counts.inputs += 1
        start = time.monotonic()
        try:
            area.run(case, data)
        except (RelxError, Coded) as err:
            counts.coded += 1
            counts.codes[getattr(err, "code", str(err))] += 1
        except Exception as err:
            counts.silent += isinstance(err, Silent)
            counts.raw += not isinstance(err, Silent)
            frame = traceback.extract_tb(err.__traceback__)[-1]
            where = f"{type(err).__name__} in {Path(frame.filename).name}:{frame.lineno}"
            if where not in counts.examples:
                counts.examples[where] = f"{case}: {str(err)[:200]}"
                if keep is not None:
                    keep.mkdir(parents=True, exist_ok=True)
                    (keep / f"{type(area).__name__}-{len(counts.examples)}.bin").write_bytes(data)
        else:
            counts.accepted += 1
        seconds_of_it = time.monotonic() - start
        if seconds_of_it > counts.slowest:
            counts.slowest, counts.slowest_case = seconds_of_it, case
            if keep is not None and seconds_of_it > SLOW:
                keep.mkdir(parents=True, exist_ok=True)
                (keep / f"{type(area).__name__}-slowest.bin").write_bytes(data)


def main():
    parser = argparse.ArgumentParser(
        description="Fuzz importers, saved pipelines, the HTTP service and SPARQL queries."
    )
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--areas", nargs="+", choices=AREAS, default=list(AREAS))
    parser.add_argument("--inputs", type=int, default=0, help="of an area at most; 0: as many as there is time for")
    parser.add_argument("--keep", type=Path, default=None)
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.getLogger("spacy_relx").setLevel(logging.CRITICAL + 1)  # the service logs each text that fails
    print(f"{'area':<11}{'inputs':>8}{'accepted':>10}{'coded':>8}{'raw':>6}{'silent':>8}{'slowest':>9}")
    bad = False
    for name in args.areas:
        counts = Counts()
        with tempfile.TemporaryDirectory() as folder:
            area = AREAS[name](Path(folder))
            seconds = args.minutes * 60 / len(args.areas)
            fuzz(area, random.Random(f"{args.seed} {name}"), counts, seconds, args.inputs, args.keep)
        row = f"{name:<11}{counts.inputs:>8}{counts.accepted:>10}{counts.coded:>8}{counts.raw:>6}{counts.silent:>8}"
        print(f"{row}{counts.slowest:>8.1f}s  {', '.join(f'{code} {n}' for code, n in counts.codes.most_common(8))}")
        if counts.slowest > SLOW:
            print(f"  slowest: {counts.slowest_case}")
        for where, example in counts.examples.items():
            print(f"  {where}: {example}")
        bad = bad or bool(counts.raw or counts.silent)
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
