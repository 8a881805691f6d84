"""The fact checker: the component, its errors, saving, the commands."""

from __future__ import annotations

import json
import shutil
import warnings

import pytest
import spacy
from spacy.tokens import Doc, DocBin
from spacy.util import registry
from support.bag import add_mentions, text_doc
from support.consistency import BASE, EMBEDDINGS, KNOWN, alike, naive, raises
from typer.testing import CliRunner

from spacy_relx import merge_docs, span_as_doc
from spacy_relx.cli import relx_app
from spacy_relx.data.facts import Evidence, Fact
from spacy_relx.data.storage import FACTS, RELATIONS, kept, put
from spacy_relx.data.types import SUPPORT, Mention, Relation
from spacy_relx.errors import RelxError, RelxWarning
from spacy_relx.knowledge.consistency import Consistency
from spacy_relx.knowledge.fact_checker import FactChecker
from spacy_relx.knowledge.triples import KnowledgeBase

# The component


def make_doc(nlp) -> Doc:
    words = "Ann works for Acme . Ann lives in Rome . Zoe knows Bob ."
    mentions = [(0, 1, "ann"), (3, 4, "acme"), (5, 6, "ann"), (8, 9, "rome"), (10, 11, ""), (12, 13, "bob")]
    doc = text_doc(nlp.vocab, words, [(start, end, "ENT", name) for start, end, name in mentions])
    ann, acme, also_ann, rome, zoe, bob = (Mention.from_any(span) for span in doc.spans["mentions"])
    doc._.relations = [
        Relation(ann, "works_for", acme, 0.7),
        Relation(zoe, "knows", bob, 0.6, kb_score=0.5, known=True),  # of an earlier look: Zoe is linked no more
        Relation(also_ann, "lives_in", rome, 0.9),
    ]
    evidence = (Evidence(0, 5, ann, acme, 1.0),)
    doc._.facts = [Fact("ann", "works_for", "acme", 0.7, evidence), Fact("eve", "lives_in", "rome", 0.4)]
    return doc


def fact_docs(nlp):
    """Docs with facts and relations, with facts or relations alone, with neither, and an empty one."""
    docs = [make_doc(nlp) for _ in range(3)]
    docs[1]._.relations = []
    put(docs[2], FACTS, None)
    docs[2]._.relations = [*docs[2]._.relations, docs[2]._.relations[0]]
    return [*docs, nlp.make_doc("Nothing here"), nlp.make_doc("")]


def support(item):
    return {name: getattr(item, name) for name in SUPPORT}


def all_support(docs):
    return [[support(item) for item in (*doc._.facts, *doc._.relations)] for doc in docs]


@pytest.fixture
def sources(tmp_path):
    """Folder of embeddings, file of triples."""
    folder = tmp_path / "sources"
    EMBEDDINGS.save(folder / "embeddings")
    (folder / "triples.tsv").write_text("".join("\t".join(row) + "\n" for row in KNOWN), encoding="utf8")
    return folder / "embeddings", folder / "triples.tsv"


def paths(sources):
    return {"embeddings": str(sources[0]), "triples": str(sources[1])}


@pytest.fixture
def nlp(sources):
    nlp = spacy.blank("xx")
    nlp.add_pipe("fact_checker", config=paths(sources))
    return nlp


def checked(nlp):
    return all_support(nlp.pipe(fact_docs(nlp)))


def test_facts_and_relations_are_checked(nlp):
    doc = nlp.get_pipe("fact_checker")(make_doc(nlp))
    before = make_doc(nlp)
    for fact, old in zip(doc._.facts, before._.facts, strict=True):
        alike(support(fact), naive(EMBEDDINGS, KNOWN, (fact.head, fact.label, fact.tail)))
        assert (fact.score, fact.evidence) == (old.score, old.evidence)
    works, knows, lives = doc._.relations
    alike(support(works), naive(EMBEDDINGS, KNOWN, ("ann", "works_for", "acme")))
    alike(support(lives), naive(EMBEDDINGS, KNOWN, ("ann", "lives_in", "rome")))
    assert support(knows) == dict.fromkeys(SUPPORT)
    assert [relation.score for relation in doc._.relations] == [0.7, 0.6, 0.9]
    assert support(works) == support(doc._.facts[0])
    assert doc._.facts[1].known and doc._.facts[1].kb_rank is None and works.known is False and works.kb_rank >= 1
    assert json.loads(json.dumps(list(doc.user_data.values())))


def test_a_second_checker_is_warned_of(nlp, sources, tmp_path):
    """What it says is defined: of what both can tell the one that runs last holds, the rest stays."""
    first = all_support(nlp.pipe([make_doc(nlp)]))
    other = tmp_path / "other.tsv"
    other.write_text("ann\tworks_for\tacme\n", encoding="utf8")
    with pytest.warns(RelxWarning, match=r"RX428.*'second' and 'fact_checker'"):
        nlp.add_pipe("fact_checker", name="second", config={"triples": str(other)})
    (doc,) = nlp.pipe([make_doc(nlp)])
    both = all_support([doc])
    for one, two in zip(first[0], both[0]):
        assert (two["kb_score"], two["kb_rank"]) == (one["kb_score"], one["kb_rank"])
    assert [fact.known for fact in doc._.facts] == [True, False] != [row["known"] for row in first[0][:2]]
    nlp.to_disk(tmp_path / "two")
    with pytest.warns(RelxWarning, match="RX428") as caught:
        spacy.load(tmp_path / "two")
    assert len(caught) == 1


def test_fields_that_are_set_stay_unless_they_are_overwritten(nlp, sources):
    doc = make_doc(nlp)
    doc._.facts = [Fact("ann", "works_for", "acme", 0.7, kb_score=0.25), Fact("eve", "lives_in", "rome", known=False)]
    checker = FactChecker("keeps", **paths(sources), overwrite=False)
    checker(doc)
    works, lives = doc._.facts
    plain = make_doc(nlp)
    nlp.get_pipe("fact_checker")(plain)
    one, other = map(support, plain._.facts)
    assert support(works) == {**one, "kb_score": 0.25} and support(lives) == {**other, "known": False}
    assert (doc._.relations[1].kb_score, doc._.relations[1].known) == (0.5, True)
    nlp.get_pipe("fact_checker")(doc)
    assert all_support([doc]) == all_support([plain])


def test_batches_are_one_question_and_say_what_single_docs_do(nlp, monkeypatch):
    one_by_one = all_support(nlp.get_pipe("fact_checker")(doc) for doc in fact_docs(nlp))
    sizes = []
    check = Consistency.check
    monkeypatch.setattr(Consistency, "check", lambda self, rows: sizes.append(len(rows)) or check(self, rows))
    docs = list(nlp.pipe(fact_docs(nlp), batch_size=4))
    assert FACTS not in kept(docs[2]) and FACTS not in kept(docs[3]) and RELATIONS not in kept(docs[3])
    assert all_support(docs) == one_by_one
    assert sizes == [2 + 2 + 2 + 3, 0]


def test_two_processes(nlp):
    nlp.initialize()
    assert all_support(nlp.pipe(fact_docs(nlp), n_process=2, batch_size=2)) == checked(nlp)


def test_ids_that_the_knowledge_base_lacks(nlp):
    doc = nlp.make_doc("Ann met Zoe")
    doc._.facts = [Fact("ann", "knows", "zoe"), Fact("eve", "lives_in", "paris"), Fact("ann", "eats", "bob")]
    nlp.get_pipe("fact_checker")(doc)
    assert [support(fact) for fact in doc._.facts] == [
        {"kb_score": None, "known": known, "kb_rank": None} for known in (False, True, False)
    ]


def test_relations_of_other_names_are_warned_of_once(nlp):
    docs = [nlp.make_doc("Ann and Bob") for _ in range(2)]
    for doc in docs:
        doc._.facts = [Fact("ann", "P108", "acme")]
    with pytest.warns(RelxWarning, match="RX252") as caught:
        assert len(list(nlp.pipe(docs, batch_size=1))) == 2
    message = str(caught[0].message)
    assert len(caught) == 1 and "relations P108 in the embeddings" in message
    assert all(name in message for name in nlp.get_pipe("fact_checker").consistency.embeddings.ids.relation_ids)


@pytest.mark.parametrize("part", ["embeddings", "triples"])
def test_entities_of_other_names_are_warned_of_if_they_are_many(sources, part):
    checker = FactChecker(**{part: str(sources[part == "triples"])})
    doc = spacy.blank("xx").make_doc("Ann and Bob")
    relation = next(iter(checker.consistency.strangers([("x", "no such", "y")])[3]))
    doc._.facts = [Fact(f"http://x/{i}", relation, "http://x/y") for i in range(18)]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        checker(doc)
    doc._.facts = [Fact(f"http://x/{i}", relation, "http://x/y") for i in range(19)]
    with pytest.warns(RelxWarning, match=f"RX252.*entities.*{part}"):
        checker(doc)


def test_only_a_part(sources):
    found = []
    for settings_ in ({"triples": str(sources[1])}, {"embeddings": str(sources[0])}):
        nlp = spacy.blank("xx")
        nlp.add_pipe("fact_checker", config=settings_)
        found.append(support(nlp.get_pipe("fact_checker")(make_doc(nlp))._.facts[0]))
    assert found[0] == {"kb_score": None, "known": False, "kb_rank": None}
    assert found[1]["kb_score"] > 0 and found[1]["known"] is None and found[1]["kb_rank"] is None


def test_the_fields_stay_on_the_doc(nlp):
    doc = nlp.get_pipe("fact_checker")(make_doc(nlp))
    data = DocBin(docs=[doc], store_user_data=True).to_bytes()
    after = next(DocBin().from_bytes(data).get_docs(spacy.blank("xx").vocab))
    assert after._.facts == doc._.facts and after._.relations == doc._.relations
    assert Doc(nlp.vocab).from_bytes(doc.to_bytes())._.facts == doc._.facts
    merged = merge_docs([make_doc(nlp), doc])
    assert [support(fact) for fact in merged._.facts] == [support(fact) for fact in doc._.facts]
    assert support(merged._.relations[3]) == support(doc._.relations[0])
    part = span_as_doc(doc[5:10])
    assert support(part._.relations[0]) == support(doc._.relations[2])
    assert nlp.get_pipe("fact_checker")(after)._.facts == doc._.facts


def test_it_is_not_taken_for_what_finds_facts(nlp):
    """Evaluation scores what components declare to assign."""
    assert not nlp.get_pipe_meta("fact_checker").assigns
    assert "fact_checker" in registry.factories.get_all() and not nlp.analyze_pipes()["problems"]["fact_checker"]


# Errors


def test_errors(tmp_path, sources):
    checker = FactChecker()
    with raises("RX253"):
        checker(make_doc(spacy.blank("xx")))
    for part in ("embeddings", "triples"):
        nlp = spacy.blank("xx")
        nlp.add_pipe("fact_checker", config={**paths(sources), part: str(tmp_path / "nowhere")})  # read when needed
        for use in (lambda nlp=nlp: nlp("Ann"), nlp.initialize, nlp.to_bytes, lambda nlp=nlp: nlp.to_disk(tmp_path)):
            with raises("RX250") as err:
                use()
            assert "nowhere" in str(err.value) and part in str(err.value)
    with raises("RX205"):
        checker.read_paths(embeddings=sources[0].parent)
    with raises("RX111"):
        checker.read_paths(triples=sources[0] / "entities.txt")


def test_a_doc_that_fails_does_not_cost_the_others(nlp):
    docs = fact_docs(nlp)
    put(docs[1], FACTS, [{"head": "ann"}])
    with pytest.raises(KeyError):
        list(nlp.pipe(docs))
    failed = []
    nlp.get_pipe("fact_checker").set_error_handler(lambda name, proc, docs, err: failed.append((docs, err)))
    assert list(nlp.pipe(docs)) == [docs[0], *docs[2:]]
    assert [each for each, _ in failed] == [[docs[1]]] and type(failed[0][1]) is KeyError


# Saving


def test_a_saved_pipeline_needs_no_sources(nlp, sources, tmp_path):
    nlp.to_disk(tmp_path / "pipeline")  # before anything was checked
    data = nlp.to_bytes()
    expected = checked(nlp)
    shutil.rmtree(sources[0].parent)
    loaded = spacy.load(tmp_path / "pipeline")
    assert checked(loaded) == expected
    loaded.to_disk(tmp_path / "pipeline")  # over itself
    loaded.to_disk(tmp_path / "copy")
    shutil.rmtree(tmp_path / "pipeline")
    assert checked(spacy.load(tmp_path / "copy")) == expected == checked(loaded)
    assert checked(from_bytes(nlp, data)) == expected


def from_bytes(nlp, data):
    other = spacy.util.load_model_from_config(nlp.config)
    return other.from_bytes(data)


def test_objects_are_saved_too(tmp_path):
    nlp = spacy.blank("xx")
    checker = nlp.add_pipe("fact_checker")
    nlp.to_disk(tmp_path / "empty")
    checker.set_knowledge(embeddings=EMBEDDINGS, triples=BASE)
    expected = checked(nlp)
    nlp.to_disk(tmp_path / "pipeline")
    assert checked(spacy.load(tmp_path / "pipeline")) == checked(from_bytes(nlp, nlp.to_bytes())) == expected
    checker.set_knowledge(triples=KnowledgeBase.from_rows([("ann", "works_for", "acme")]))  # the embeddings stay
    assert [fact.known for fact in checker(make_doc(nlp))._.facts] == [True, False]
    assert FactChecker().from_disk(tmp_path / "pipeline" / "fact_checker").consistency.known is not None
    part = FactChecker().from_disk(tmp_path / "pipeline" / "fact_checker", exclude=["triples"]).consistency
    assert part.known is None and part.embeddings is not None
    with raises("RX253"):
        spacy.load(tmp_path / "empty")("Ann")


def test_another_path_in_the_config_is_read(nlp, sources, tmp_path):
    nlp.to_disk(tmp_path / "pipeline")
    other = tmp_path / "other.tsv"
    other.write_text("ann\tworks_for\tacme\n", encoding="utf8")
    config = {"components": {"fact_checker": {"triples": str(other)}}}
    loaded = spacy.load(tmp_path / "pipeline", config=config)
    facts = loaded.get_pipe("fact_checker")(make_doc(loaded))._.facts
    assert [fact.known for fact in facts] == [True, False] and facts[1].kb_score is not None
    loaded.to_disk(tmp_path / "again")
    other.unlink()
    again = spacy.load(tmp_path / "again")
    assert again.get_pipe("fact_checker")(make_doc(again))._.facts == facts


def test_broken_files_are_named(nlp, tmp_path):
    nlp.to_disk(tmp_path)
    table = tmp_path / "fact_checker" / "embeddings" / "entities.npy"
    table.write_bytes(table.read_bytes()[:-8])
    with pytest.raises(RelxError, match=r"RX591.*embeddings/entities\.npy"):
        spacy.load(tmp_path)
    (tmp_path / "fact_checker" / "triples" / "meta.json").unlink()
    with pytest.raises(RelxError, match=r"RX591.*triples/meta\.json.*missing"):
        FactChecker().from_disk(tmp_path / "fact_checker", exclude=["embeddings"])


# Commands


@spacy.Language.component("consistency_test_relations", assigns=["doc._.relations"])
def find_relations(doc):
    """Links Ann and Acme, and says that the first works for the second."""
    add_mentions(doc, [(0, 1, "ENT", "ann"), (3, 4, "ENT", "acme")])
    ann, acme = (Mention.from_any(span) for span in doc.spans["mentions"])
    doc._.relations = [Relation(ann, "works_for", acme, 0.5)]
    return doc


def test_predict_and_show(tmp_path, nlp):
    nlp.add_pipe("consistency_test_relations", first=True)
    nlp.to_disk(tmp_path / "pipeline")
    (tmp_path / "texts.txt").write_text("Ann works for Acme\n", encoding="utf8")
    args = [str(tmp_path / "pipeline"), str(tmp_path / "texts.txt")]
    result = CliRunner().invoke(relx_app, ["predict", *args])
    assert result.exit_code == 0, result.output
    (relation,) = json.loads(result.stdout)["relations"]
    wanted = naive(EMBEDDINGS, KNOWN, ("ann", "works_for", "acme"))
    alike({name: relation[name] for name in SUPPORT}, wanted)
    result = CliRunner().invoke(relx_app, ["show", args[1], "--model", args[0]])
    assert f"(0.50, new, kb_score {wanted['kb_score']:.2f}, kb_rank {wanted['kb_rank']:g})" in result.stdout
