"""Rate and memory of each export format: invented triples, merged on disk and written.

    python benchmarks/export.py [--triples 1000000] [--formats csv parquet] [--folder FOLDER]

Formats that end in "/oxigraph" are the same RDF by the library's serializer, to which each term is handed; its Turtle
has the prefixes in another order in each process, and its JSON-LD knows no context. A line for each format, each in a
process of its own: the size of the output; seconds to take the triples in and
seconds to write them; triples a second of both together; and the peak memory beyond that of the imports, for a tenth of
the triples and for all. 2.5 triples say the same fact, on average; entities have 100,000 and 50,000 names.
"""

import argparse
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from functools import lru_cache
from pathlib import Path

FORMATS = ["jsonl", "csv", "parquet", "ntriples", "turtle", "jsonld", "graphml", "neo4j"]
#: The same RDF as the formats of these names, written by pyoxigraph: rows to compare with.
LIBRARY = {"ntriples/oxigraph": "N_TRIPLES", "turtle/oxigraph": "TURTLE", "jsonld/oxigraph": "JSON_LD"}


def make_triples(n):
    from spacy_relx.writers import EntityMention, Triple

    n_facts = max(1, n * 2 // 5)
    for i in range(n):
        fact = i % n_facts
        head, tail = f"Person {fact % 100_003}", f"Company {fact * 7 % 50_021}"
        sentence = f"{head} has worked for {tail} since the spring of {1900 + i % 120}, as the register says."
        start = len(head) + 16
        yield Triple(
            EntityMention(head, "PERSON", f"Q{fact % 100_003}", 0, len(head)),
            f"relation_{fact % 20}",
            EntityMention(tail, "ORG", "", start, start + len(tail)),
            f"document {i // 5}",
            sentence,
            i % 5 * 90,
            i % 5 * 90 + len(sentence),
            "en",
            (i % 1000) / 1000,
            model="xx_relx",
            model_version="0.1.0",
        )


def peak_mib():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def size_of(path):
    return sum(each.stat().st_size for each in ([path] if path.is_file() else path.iterdir()))


def measure(format, n, folder):
    """In this process. RETURNS: (seconds to take in, seconds to write, extra MiB, MB written)."""
    from spacy_relx.writers import Settings, TripleSpool, export, get_writer

    path = Path(folder) / "small"
    export(make_triples(100), path, format.partition("/")[0])
    before, start = peak_mib(), time.perf_counter()
    with TripleSpool() as spool:
        spool.add(make_triples(n))
        middle = time.perf_counter()
        write = write_by_library(format) if format in LIBRARY else get_writer(format)
        write(spool, Path(folder) / "large", Settings())
        end = time.perf_counter()
    return middle - start, end - middle, peak_mib() - before, size_of(Path(folder) / "large") / 1e6


def write_by_library(format):
    """A writer."""
    import pyoxigraph as ox

    from spacy_relx.writers.rdf import PREFIXES, XSD, Iri, resources

    node = lru_cache(1 << 15)(ox.NamedNode)

    def term_of(term):
        if isinstance(term, Iri):
            return node(term)
        if term.datatype != "string":
            return ox.Literal(term.value, datatype=node(XSD + term.datatype))
        return ox.Literal(term.value, language=term.lang) if term.lang else ox.Literal(term.value)

    def triples(spool, settings):
        for described in resources(spool, settings.iris, settings.bare):
            subject = node(described.subject)
            for verb, term in described.pairs:
                yield ox.Triple(subject, node(verb), term_of(term))

    def write(spool, path, settings):
        prefixes = None if format.startswith("ntriples") else {**PREFIXES, **settings.iris.prefixes}
        with path.open("wb") as stream:
            ox.serialize(triples(spool, settings), stream, getattr(ox.RdfFormat, LIBRARY[format]), prefixes=prefixes)

    return write


def in_its_own_process(format, n, folder):
    place = tempfile.mkdtemp(dir=folder)
    try:
        command = [sys.executable, __file__, "--one", format, "--triples", str(n), "--folder", place]
        done = subprocess.run(command, stdout=subprocess.PIPE, encoding="utf8", check=True)
        return json.loads(done.stdout)
    finally:
        shutil.rmtree(place)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--triples", type=int, default=1_000_000)
    parser.add_argument("--formats", nargs="+", default=[*FORMATS, *LIBRARY])
    parser.add_argument("--folder", help="for the output, which is removed (else the system's place)")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        print(json.dumps(measure(args.one, args.triples, args.folder)))
        return
    print(f"{args.triples} triples")
    print(f"{'format':<17} {'MB':>8} {'take in s':>10} {'write s':>8} {'triples/s':>10} {'MiB, 1/10':>10} {'MiB':>6}")
    for format in args.formats:
        tenth = in_its_own_process(format, max(1, args.triples // 10), args.folder)[2]
        taken, written, memory, size = in_its_own_process(format, args.triples, args.folder)
        rate = args.triples / (taken + written)
        row = f"{format:<17} {size:>8.1f} {taken:>10.1f} {written:>8.1f} {rate:>10.0f} {tenth:>10.0f} {memory:>6.0f}"
        print(row, flush=True)


if __name__ == "__main__":
    main()
