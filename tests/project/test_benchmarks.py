"""The benchmarks run, on data that is too small to say anything."""

import importlib.metadata
import sys

import pytest
import spacy
import srsly
from spacy.tokens import DocBin
from spacy.util import import_file
from support.benchmarks import BENCHMARKS
from support.examples import SENTENCES, make_doc
from support.tiny_transformer import make_transformer


def test_markers(tmp_path, monkeypatch, capsys):
    pytest.importorskip("transformers")
    markers = import_file("relx_markers_test", BENCHMARKS / "markers.py")
    monkeypatch.setattr(markers.torch, "set_num_threads", lambda number: None)  # not for the tests after this one
    (tmp_path / "bert").mkdir()
    folder = make_transformer(tmp_path / "bert", num_hidden_layers=1)
    vocab = spacy.blank("xx").vocab
    docs = [make_doc(vocab, *sentence) for sentence in SENTENCES[:2]]
    DocBin(docs=docs, store_user_data=True).to_disk(tmp_path / "data.spacy")
    args = [folder, tmp_path / "data.spacy", "--docs", 2, "--repeats", 1, "--single"]
    monkeypatch.setattr(sys, "argv", ["markers.py", *map(str, args)])
    markers.main()
    first, heads, alone, *rows = capsys.readouterr().out.splitlines()
    assert first.startswith("2 Docs, 8 pairs") and heads.split() == ["pass", "seconds", "ratio", "pairs/s"]
    assert alone.startswith("text alone") and float(alone.split()[3]) == 1.0
    names = [f"{name}: {part}" for name in (*markers.WAYS, "single, start") for part in ("model", "pipe")]
    assert [row[:36].strip() for row in rows] == names
    assert all(float(row.split()[-1]) > 0 for row in rows)


def test_complex(tmp_path, monkeypatch, capsys):
    module = import_file("relx_complex_test", BENCHMARKS / "complex.py")
    monkeypatch.setattr(module.torch, "set_num_threads", lambda number: None)
    rows = [(f"e{i}", "next", f"e{(i + 1) % 12}") for i in range(12)]
    files = []
    for name, part in (("train", rows), ("valid", rows[:3]), ("test", rows[3:6])):
        files.append(tmp_path / f"{name}.txt")
        files[-1].write_text("".join("\t".join(row) + "\n" for row in part), encoding="utf8")
    args = [*files, "--dim", 8, "--epochs", 20, "--batch-size", 8, "--n3", 0.001, "--eval-every", 10, "--plain"]
    monkeypatch.setattr(sys, "argv", ["complex.py", *map(str, args)])
    module.main()
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:3] for line in lines[:4]] == [
        [x, "epoch", n] for n in ("10", "20") for x in ("ours", "plain")
    ]
    ours, plain = ([float(x) for x in line.split()[1:]] for line in lines[6:8])
    assert ours[3] == ours[4] == 1 and plain[3] > 0
    assert all(row[5] > 0.9 and row[6] <= row[7] == 1 for row in (ours, plain))
    assert lines[-1].startswith("training ") and lines[-1].endswith(" MiB")


def test_installed(tmp_path, monkeypatch):
    module = import_file("relx_installed_test", BENCHMARKS / "installed.py")
    monkeypatch.setattr(module.importlib.metadata, "distributions", importlib.metadata.distributions)  # put back
    rows = [{"text": "Ann met Bob.", "mentions": [{"start": 0, "end": 3}]}] * 3
    srsly.write_jsonl(tmp_path / "a.jsonl", rows)
    n, *seconds, docs = module.measure((), "jsonl", [tmp_path / "a.jsonl"], tmp_path / "a.spacy", 1)
    assert n > 11 and all(each >= 0 for each in seconds) and docs == 3
    module.hide(module.PACKAGES)
    names = {each.metadata["Name"] for each in importlib.metadata.distributions()}
    assert "spacy" in names and not names & set(module.PACKAGES)
    assert not [point for point in importlib.metadata.entry_points(group="spacy_readers") if "relx" in point.name]


def test_fuzz(monkeypatch, capsys, tmp_path):
    """A few inputs of each area that this machine has the packages for; the seed makes them the same each time."""
    for package in ("spacy_transformers", "fastapi", "httpx", "pyoxigraph", "rdflib"):
        pytest.importorskip(package)
    fuzz = import_file("relx_fuzz_test", BENCHMARKS / "fuzz.py")
    monkeypatch.setattr(sys, "path", [*sys.path])
    args = ["--minutes", 5, "--seed", 3, "--inputs", 6, "--keep", tmp_path / "kept"]
    monkeypatch.setattr(sys, "argv", ["fuzz.py", *map(str, args)])
    with pytest.raises(SystemExit) as end:
        fuzz.main()
    lines = capsys.readouterr().out.splitlines()
    assert end.value.code == 0 and not (tmp_path / "kept").exists()
    rows = [line.split() for line in lines[1:5]]
    assert [row[0] for row in rows] == list(fuzz.AREAS)
    assert all(int(row[1]) == 6 == int(row[2]) + int(row[3]) and row[4] == row[5] == "0" for row in rows)


def test_fuzz_counts_what_it_finds(tmp_path, monkeypatch):
    fuzz = import_file("relx_fuzz_test", BENCHMARKS / "fuzz.py")
    monkeypatch.setattr(sys, "path", [*sys.path])

    class Area:
        outcomes = iter([None, fuzz.Silent("s"), KeyError("k"), fuzz.Coded("HTTP 422")])

        def make(self, rng):
            return (), fuzz.mutate(rng, b"some text", [b"other"])

        def run(self, case, data):
            outcome = next(self.outcomes)
            if outcome is not None:
                raise outcome

    counts = fuzz.Counts()
    fuzz.fuzz(Area(), fuzz.random.Random(0), counts, 60, 4, tmp_path)
    assert (counts.inputs, counts.accepted, counts.silent, counts.raw, counts.coded) == (4, 1, 1, 1, 1)
    assert len(counts.examples) == 2 and len(list(tmp_path.iterdir())) == 2
