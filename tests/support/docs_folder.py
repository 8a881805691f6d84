"""The folder that a page's blocks run in: small trained pipelines and data, under the names that the pages use."""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Iterable, Iterator
from itertools import product
from pathlib import Path

import spacy
from spacy.language import Language
from spacy.tokens import DocBin
from thinc.api import fix_random_seed
from typer.testing import CliRunner

from spacy_relx.cli import relx_app
from spacy_relx.formats.convert import convert
from spacy_relx.formats.reader import make_relation_corpus
from spacy_relx.knowledge.aliases import AliasMatcher, read_aliases
from support import bag as bag_util
from support import joint as joint_util
from support.config import ROOT
from support.detect_samples import SAMPLES, save
from support.docs import read_blocks
from support.format_samples import docbin
from support.model import model_config

PERSONS = ["Clara Oakenfield", "Ann", "Bob", "Eve", "Marta Quill"]
ORGS = ["Wrenfield Bank", "Acme", "Globex", "Initech"]
PLACES = ["Melbourne", "Rome", "Oslo"]
TYPES = {**dict.fromkeys(PERSONS, "PERSON"), **dict.fromkeys(ORGS, "ORG"), **dict.fromkeys(PLACES, "PLACE")}
#: (text, relations) with {p}erson, {o}rganisation, {l} place.
WORDINGS = [
    ("{p} was born in {l} and works for {o}.", [("p", "born_in", "l"), ("p", "works_for", "o")]),
    ("{p} works for {o} in {l}.", [("p", "works_for", "o")]),
    ("{p} works for {o}.", [("p", "works_for", "o")]),
    ("{p} works for {o}", [("p", "works_for", "o")]),
    ("{p} was born in {l}.", [("p", "born_in", "l")]),
    ("{p} left {l}, and {o} was sold.", []),
    ("{o} never hired {p}.", []),
    ("{o} has its seat in {l}.", [("o", "based_in", "l")]),
]
LANGS = ("en", "de", "fr")
#: Those of projects/amnre/configs/amnre.cfg.
BAG_LANGS = ("de", "en", "es", "zh")
#: What of a clone of the repository the pages name.
CLONE = ("configs", "projects", "assets", "project.yml")
#: What `make demo` leaves, as far as pages read it.
DEMO = ("training/pipeline", "corpus/train.spacy", "corpus/dev.spacy", "corpus/test.spacy")
TOKENIZER = {"nlp": {"tokenizer": {"@tokenizers": "spacy_relx.MultilingualTokenizer.v1"}}}
TEXTS = [
    "Ann works for Acme",
    "Clara Oakenfield was born in Melbourne and works for Wrenfield Bank.",
    "Bob founded Initech. Globex is based in Oslo.",
    "Acme employs Ann today.",
]


@Language.factory("docs_name_linker")
def make_name_linker(nlp: Language, name: str, path: str):
    """The linker of docs/bags.md, for pages that load a pipeline with it but do not show it."""
    find = AliasMatcher(read_aliases(path))

    def link(doc):
        doc.spans["mentions"] = [mention.span(doc) for mention in find(doc)]
        return doc

    return link


def rows() -> Iterator[dict]:
    """Lines of our own format: each wording with several names."""
    chosen = list(product(PERSONS, ORGS, PLACES))
    pairs = [(WORDINGS[i % len(WORDINGS)], names) for i, names in enumerate(chosen)]
    pairs += [(wording, chosen[0]) for wording in WORDINGS]
    for number, ((wording, relations), names) in enumerate(pairs):
        used = {letter: name for letter, name in zip("pol", names) if f"{{{letter}}}" in wording}
        text = wording.format(**used)
        order = sorted(used, key=lambda letter: text.index(used[letter]))
        spans = [(text.index(used[letter]), used[letter]) for letter in order]
        mentions = [
            {"start": start, "end": start + len(name), "label": TYPES[name], "kb_id": name.lower()}
            for start, name in spans
        ]
        found = [{"head": order.index(h), "tail": order.index(t), "label": label} for h, label, t in relations]
        lang = LANGS[number % len(LANGS)]
        yield {"id": f"d{number}", "text": text, "lang": lang, "mentions": mentions, "relations": found}


def write_lines(path: Path, lines) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    made = [line if isinstance(line, str) else json.dumps(line, ensure_ascii=False) for line in lines]
    path.write_text("\n".join(made) + "\n", encoding="utf8")
    return path


# Pipelines


def train_relations(gold: Path) -> Language:
    """A ruler, the marker and an extractor that knows the wordings: F1 1.0 on them."""
    fix_random_seed(0)
    nlp = spacy.blank("xx", config=TOKENIZER)
    nlp.add_pipe("entity_type_marker")
    nlp.add_pipe("relation_extractor", config={"model": model_config()})
    examples = list(make_relation_corpus(gold)(nlp))
    optimizer = nlp.initialize(lambda: examples)
    optimizer.learn_rate = 0.02
    for _ in range(25):
        nlp.update(examples, sgd=optimizer)
    full = spacy.blank("xx", config=TOKENIZER)
    full.add_pipe("language_router", config={"detector": None, "default": "en"})
    full.add_pipe("entity_ruler").add_patterns([{"label": label, "pattern": name} for name, label in TYPES.items()])
    for name in nlp.pipe_names:
        full.add_pipe(name, source=nlp)
    return full


def train_joint(gold: Path) -> Language:
    """A router and a joint extractor with a switcher of three languages."""
    fix_random_seed(0)
    nlp = spacy.blank("xx", config=TOKENIZER)
    nlp.add_pipe("language_router", config={"detector": None, "default": "en"})
    nlp.add_pipe("joint_extractor", config={"model": joint_util.joint_model(encoder=joint_util.language_encoder())})
    examples = list(make_relation_corpus(gold, gold_mentions=False)(nlp))[-30:]
    optimizer = nlp.initialize(lambda: examples)
    optimizer.learn_rate = 0.01
    for _ in range(60):
        nlp.update(examples, sgd=optimizer)
    return nlp


def train_facts() -> Language:
    """An extractor that knows the bags of `bag_util`, and that a relation has one direction."""
    model = bag_util.model_config(loss="sigmoid")  # each relation learns from bags that lack it, too
    nlp = bag_util.make_nlp(model, scorer={"@scorers": "spacy_relx.FactScorer.v1"})
    turned = [("acme", "ann", [], ["Ann|t works for Acme|h", "Acme|h employs Ann|t today"])]
    bag_util.train(nlp, bag_util.make_examples(nlp.vocab, [*bag_util.FACTS, *turned]), steps=40)
    return nlp


def add_reader(facts: Path, names: Path, folder: Path) -> None:
    """The pipeline of facts, with sentences and links found: for plain texts."""
    nlp = spacy.load(facts)
    nlp.add_pipe("sentencizer", first=True)
    nlp.add_pipe("docs_name_linker", before="entity_type_marker", config={"path": str(names)})
    nlp.to_disk(folder)


# Data


def write_tools(folder: Path, gold: Path) -> None:
    """A file of each format that docs/formats.md converts, by the names that it uses."""
    for name, format in {
        "redocred.json": "docred",
        "scierc/json/train.json": "ace",
        "tacred/train.json": "tacred",
    }.items():
        write_sample(folder / name, format)
    for name in ("ade/train_triples.json", "scierc/train_triples.json"):
        write_sample(folder / name, "spert")
    packed = folder / "finre" / "train.txt.gz"
    packed.parent.mkdir()
    packed.write_bytes(gzip.compress(SAMPLES["finre"].encode()))
    write_sample(folder / "export" / "annotation" / "a.json", "inception")
    write_sample(folder / "export" / "annotation" / "a.tsv", "webanno")
    (folder / "data" / "crossre_data").mkdir(parents=True)
    (folder / "data" / "crossre_data" / "ai-train.json.gz").write_bytes(
        gzip.compress(json.dumps(SAMPLES["crossre"][0]).encode())
    )
    docbin(folder / "data" / "train.spacy", {(1, 4): {"met": 1.0}})
    outputs = {"labelstudio": "project-1.json", "doccano": "admin.jsonl", "brat": "NEREL-v1.1/train"}
    (folder / "NEREL-v1.1").mkdir()
    for tool, name in outputs.items():
        done = CliRunner().invoke(
            relx_app, ["data", "prelabel", str(gold), "--output", str(folder / name), "--to", tool]
        )
        assert done.exit_code == 0, done.output


def write_sample(path: Path, format: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    save(path, SAMPLES[format])


def write_bags(folder: Path) -> None:
    """Bags of annotated sentences, and the same as lines of GIDS."""
    vocab = spacy.blank("xx").vocab
    bags = [bag_util.make_bag(vocab, *row) for row in bag_util.FACTS]
    # train has other pairs of each relation of test, so that a knowledge base without these knows all relations
    for name, chosen in {"train": bags, "dev": bags, "test": [bags[2], bags[3], bags[5]]}.items():
        path = folder / "bags" / f"{name}.spacy"
        path.parent.mkdir(exist_ok=True)
        DocBin(docs=chosen, store_user_data=True).to_disk(path)
    several = [
        bag_util.make_bag(vocab, *row, langs=[lang] * len(row[3])) for lang in BAG_LANGS for row in bag_util.FACTS
    ]
    for name in ("train", "dev"):
        path = folder / "corpus" / "bags" / f"{name}.spacy"
        path.parent.mkdir(parents=True, exist_ok=True)
        DocBin(docs=several, store_user_data=True).to_disk(path)
    lines = []
    for p, o in product(PERSONS, ORGS):
        label = "works_for" if len(p) > len(o) else "NA"
        head, tail = p.replace(" ", "_"), o.replace(" ", "_")
        lines += [f"{p.lower()}\t{o.lower()}\t{head}\t{tail}\t{label}\t{head} works for {tail} . ###END###"]
    write_lines(folder / "train.tsv", lines)


def write_knowledge(folder: Path) -> None:
    """Triples of cities and countries, and names of the entities of the bags."""
    cities = [(f"city{i}", "capital_of", f"land{i}") for i in range(12)] + [("rome", "capital_of", "italy")]
    triples = [*cities, *((land, "contains", city) for city, _, land in cities)]
    write_lines(folder / "train.txt", ["\t".join(triple) for triple in triples])
    for name in ("valid.txt", "test.txt"):
        write_lines(folder / name, ["city1\tcapital_of\tland2", "land3\tcontains\tcity4"])
    names = {name: name.capitalize() for row in bag_util.FACTS for name in row[:2]}
    write_lines(
        folder / "names.tsv", [f"{name}\t{text}\t{bag_util.TYPES.get(name, 'ORG')}" for name, text in names.items()]
    )


def write_smiler(folder: Path) -> None:
    """Some rows in two languages, each with its pair marked."""
    header = "id\tentity_1\tentity_2\tlabel\ttext\tlang"
    for lang, part in product(("en", "de"), ("train", "test")):
        lines = [
            f"{i}\t{p}\t{o}\tworks-for\t<e1>{p}</e1> works for <e2>{o}</e2>.\t{lang}"
            for i, (p, o) in enumerate(product(PERSONS, ORGS))
        ]
        write_lines(folder / "smiler" / f"{lang}_{part}.tsv", [header, *lines])


def relx(*args) -> None:
    done = CliRunner().invoke(relx_app, [str(arg) for arg in args])
    assert done.exit_code == 0, done.output


def build_shelf(folder: Path) -> dict[str, Path]:
    """Fill a folder with everything that pages use. RETURNS: kind -> pipeline that stands for a trained one."""
    lines = write_lines(folder / "gold.jsonl", rows())
    gold = folder / "gold.spacy"
    convert("jsonl", [lines], gold)
    pipelines = {kind: folder / "trained" / kind for kind in ("relations", "joint", "facts")}
    (folder / "trained").mkdir()
    train_relations(gold).to_disk(pipelines["relations"])
    train_joint(gold).to_disk(pipelines["joint"])
    train_facts().to_disk(pipelines["facts"])
    (folder / "training" / "mine").mkdir(parents=True)
    for name in ("pipeline", "model-best", "mine/model-best"):
        shutil.copytree(pipelines["relations"], folder / "training" / name)
    shutil.copytree(pipelines["relations"], folder / "MODEL")
    shutil.copytree(pipelines["joint"], folder / "training" / "joint" / "model-best")
    write_bags(folder)
    write_knowledge(folder)
    write_smiler(folder)
    add_reader(pipelines["facts"], folder / "names.tsv", folder / "training" / "reader")
    for name in ("train", "dev", "test", "heldout"):
        for path in (f"{name}.spacy", f"{name.upper()}.spacy", f"corpus/{name}.spacy"):
            shutil.copyfile(gold, folder / path)
    write_tools(folder, gold)
    write_lines(folder / "texts.txt", TEXTS)
    write_lines(folder / "texts.jsonl", [{"text": text, "lang": "en"} for text in TEXTS])
    write_lines(folder / "notes.jsonl", rows())
    (folder / "my.jsonl").write_text(block_of("docs/start.md", "my.jsonl"), encoding="utf8")
    write_metrics(folder, pipelines)
    relx("predict", folder / "training" / "pipeline", folder / "texts.jsonl", "--output", folder / "relations.jsonl")
    make_clone(folder)
    return pipelines


def make_clone(folder: Path) -> None:
    """What a page has that begins with nothing but a clone of the repository."""
    folder.mkdir(exist_ok=True)
    for name in CLONE:
        (folder / name).symlink_to(ROOT / name)


def give(shelf: Path, folder: Path, names: Iterable[str]) -> None:
    """Copy files and folders of the shelf, under the names that they have there."""
    for name in names:
        source, target = shelf / name, folder / name
        if not source.exists():
            raise AssertionError(f"the shelf has no {name}")
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, dirs_exist_ok=True)
        else:
            shutil.copyfile(source, target)


def block_of(page: str, name: str) -> str:
    """The text of the file of this name that a page shows."""
    blocks = read_blocks((ROOT / page).read_text(encoding="utf8"))
    return next(block.text for block in blocks if (block.note, block.value) == ("file", name))


def write_metrics(folder: Path, pipelines: dict[str, Path]) -> None:
    """Scores of relations and of facts, by the names of those that pages compare."""
    metrics = folder / "metrics"
    relx("evaluate", pipelines["relations"], folder / "gold.spacy", "--output", metrics / "en.json")
    relx("evaluate", pipelines["facts"], folder / "bags" / "test.spacy", "--output", metrics / "gru.json")
    copies = {"en": ["de", "joint"], "gru": ["pcnn-0", "pcnn-1", "amnre-0", "amnre-1", "opennre"]}
    for name, others in copies.items():
        for other in others:
            shutil.copyfile(metrics / f"{name}.json", metrics / f"{other}.json")
