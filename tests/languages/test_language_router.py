"""`language_router`: metadata, detection, default, in this order; by Doc and by sentence."""

import json
import pickle
import sys
from pathlib import Path

import pytest
import spacy
from spacy import registry
from spacy.tokens import Doc
from spacy.util import load_config

from spacy_relx.data.extensions import has_sentence_langs, set_sentence_langs
from spacy_relx.data.storage import kept
from spacy_relx.errors import RelxError, RelxWarning
from spacy_relx.languages.detectors import LangidDetector, make_langid_detector
from spacy_relx.languages.language_router import LanguageRouter

TEXTS = {
    "en": "The company was founded in the old town by two brothers.",
    "de": "Die Firma wurde von zwei Brüdern in der Altstadt gegründet.",
    "tr": "Şirket eski şehirde iki kardeş tarafından kuruldu.",
    "zh": "这家公司由两兄弟在老城区创立。",
    "ru": "Компания была основана в старом городе двумя братьями.",
}


class Fake:
    """Names the language that the text ends on ("... =de"), and remembers what it was asked."""

    def __init__(self):
        self.calls = []

    def __call__(self, texts):
        self.calls.append(list(texts))
        return [text.rpartition("=")[2].rstrip(".") if "=" in text else None for text in texts]


@pytest.fixture
def nlp():
    return spacy.blank("xx")


@pytest.fixture
def no_langid(monkeypatch):
    """As where py3langid is not installed."""
    monkeypatch.setitem(sys.modules, "py3langid", None)
    monkeypatch.setitem(sys.modules, "py3langid.langid", None)


def detector_config(**settings):
    return {"detector": {"@misc": "spacy_relx.LangidDetector.v1", **settings}}


# The order of the sources


def test_order_of_sources(nlp):
    fake = Fake()
    router = LanguageRouter(detector=fake, default="nl")
    docs = [nlp.make_doc("a =de") for _ in range(4)] + [nlp.make_doc("nobody knows")]
    docs[0]._.lang = "own"
    docs[0].user_data["lang"] = "fr"
    docs[1].user_data["lang"] = "fr"
    docs[2]._context = {"lang": "it", "id": 3}
    router.route(docs)
    assert [doc._.lang for doc in docs] == ["own", "fr", "it", "de", "nl"]
    assert fake.calls == [["a =de", "nobody knows"]]  # one call, and only for those that need it
    router.route(docs)
    assert [doc._.lang for doc in docs] == ["own", "fr", "it", "de", "nl"] and len(fake.calls) == 1


def test_context_of_as_tuples(nlp):
    nlp.add_pipe("language_router", config={"detector": None, "default": "en", "metadata_key": "language"})
    data = [("a b", {"language": "tr"}), ("a b", {"language": None}), ("a b", {}), ("a b", "no mapping"), ("a b", 7)]
    found = [(doc._.lang, context) for doc, context in nlp.pipe(data, as_tuples=True)]
    assert found == list(zip(["tr", "en", "en", "en", "en"], [context for _, context in data]))


def test_metadata_can_be_ignored(nlp):
    doc = nlp.make_doc("a b")
    doc.user_data["lang"] = 17
    assert LanguageRouter(default="en", metadata_key=None)(doc)._.lang == "en"


@pytest.mark.parametrize(
    "value, lang",
    [("en", "en"), (" EN ", "en"), ("pt-BR", "pt"), ("zh_Hant_TW", "zh"), ("ceb", "ceb")]
    + [(value, "nl") for value in (None, "", "und", "mul", "xx")],
)
def test_metadata_values(nlp, value, lang):
    doc = nlp.make_doc("a b")
    doc.user_data["lang"] = value
    assert LanguageRouter(default="nl")(doc)._.lang == lang


@pytest.mark.parametrize("value", ["English", "e", "e n", 3, ["en"], "12"])
def test_bad_codes(nlp, value):
    doc = nlp.make_doc("a b")
    doc.user_data["lang"] = value
    with pytest.raises(RelxError, match=r"RX042.*'a b'"):
        LanguageRouter(default="nl")(doc)
    with pytest.raises(RelxError, match="RX042"):
        LanguageRouter(default=value)
    assert doc._.lang == ""


@pytest.mark.parametrize("text", ["", " ", "\n\t "])
@pytest.mark.parametrize("default, lang", [(None, ""), ("nl", "nl")])
def test_nothing_to_detect(nlp, text, default, lang):
    fake = Fake()
    router = LanguageRouter(detector=fake, default=default, per_sentence=True)
    assert router(nlp.make_doc(text))._.lang == lang
    assert fake.calls == []
    assert list(router.pipe([])) == []


def test_undecided_without_default_is_unknown(nlp):
    doc = LanguageRouter(detector=Fake())(nlp.make_doc("nobody knows"))
    assert doc._.lang == "" and "lang" in kept(doc)


# Sentences


def test_sentences(nlp):
    nlp.add_pipe("sentencizer")
    fake = Fake()
    doc = nlp("one =de. two. three =fr.")
    LanguageRouter(detector=fake, default="en", per_sentence=True)(doc)
    assert doc._.lang == "fr" and [sent._.lang for sent in doc.sents] == ["de", "fr", "fr"]
    assert doc[0:1]._.lang == "de" and fake.calls == [[doc.text, "one =de.", "two.", "three =fr."]]


def test_sentences_fall_back_on_their_doc(nlp):
    nlp.add_pipe("sentencizer")
    docs = [nlp("one =de. two."), nlp("one =de. two.")]
    docs[0].user_data["lang"] = "tr"
    docs[1].user_data["lang"] = "tr"
    LanguageRouter(detector=Fake(), per_sentence=True).route(docs[:1])
    assert docs[0]._.lang == "tr" and [sent._.lang for sent in docs[0].sents] == ["de", "tr"]
    LanguageRouter(per_sentence=True).route(docs[1:])  # no detector at all: no need for one
    assert docs[1]._.lang == "tr" and [sent._.lang for sent in docs[1].sents] == ["tr", "tr"]


def test_sentences_without_boundaries_and_not_asked(nlp):
    whole, plain = nlp.make_doc("one =de"), nlp.make_doc("one =de")
    LanguageRouter(detector=Fake(), per_sentence=True)(whole)
    LanguageRouter(detector=Fake())(plain)
    assert has_sentence_langs(whole) and whole[:1]._.lang == "de"
    assert not has_sentence_langs(plain) and plain[:1]._.lang == "de"


def test_known_sentences_are_kept(nlp):
    doc = nlp.make_doc("one two =de")
    set_sentence_langs(doc, [(0, 1, "fr")])
    LanguageRouter(detector=Fake(), per_sentence=True)(doc)
    assert doc[0:1]._.lang == "fr" and doc[1:2]._.lang == "de"


# Failing detectors


@pytest.mark.parametrize("answer", [[], ["en", "en", "en"], [3], [("en", 0.9)]])
def test_bad_answers(nlp, answer):
    with pytest.raises(RelxError, match="RX043"):
        LanguageRouter(detector=lambda texts: answer)(nlp.make_doc("a b"))


def test_no_way_to_know(nlp, no_langid):
    nlp.add_pipe("language_router")
    with pytest.raises(RelxError, match=r"RX040.*py3langid.*spacy-relx\[langid\]"):
        nlp("a b")
    with pytest.raises(RelxError, match=r"RX040.*no detector is configured"):
        LanguageRouter()(nlp.make_doc("a b"))


def test_not_installed_but_not_needed(nlp, no_langid):
    nlp.add_pipe("language_router", config=detector_config(langs=["en"]))
    docs = [doc for doc, _ in nlp.pipe([("a", {"lang": "tr"}), ("b", {"lang": "de"})], as_tuples=True)]
    assert [doc._.lang for doc in docs] == ["tr", "de"]


def test_not_installed_with_default_warns_once(nlp, no_langid):
    nlp.add_pipe("language_router", config={"default": "en"})
    with pytest.warns(RelxWarning, match="RX041.*py3langid") as caught:
        docs = list(nlp.pipe(["a", "b", "c"], batch_size=1))
    assert [doc._.lang for doc in docs] == ["en"] * 3
    assert len([w for w in caught if issubclass(w.category, RelxWarning)]) == 1


def test_a_bad_doc_does_not_lose_the_others(nlp):
    router = LanguageRouter(detector=Fake())
    docs = [nlp.make_doc(f"{i} =de") for i in range(5)]
    docs[2].user_data["lang"] = "no code"
    failed = []
    router.set_error_handler(lambda name, proc, docs, err: failed.append((name, [d.text for d in docs], err.code)))
    done = list(router.pipe(docs, batch_size=5))
    assert done == docs[:2] + docs[3:] and [doc._.lang for doc in done] == ["de"] * 4
    assert failed == [("language_router", ["2 =de"], "RX042")]
    assert router(docs[2]) is docs[2] and len(failed) == 2


def test_stream_equals_one_by_one(nlp):
    texts = [f"{i} =d{chr(97 + i)}" for i in range(10)]
    router = LanguageRouter(detector=Fake(), per_sentence=True)
    stream = [doc._.lang for doc in router.pipe(map(nlp.make_doc, texts), batch_size=3)]
    assert stream == [router(nlp.make_doc(text))._.lang for text in texts] == [f"d{c}" for c in "abcdefghij"]


# As a part of a pipeline


def test_disk_and_bytes(nlp, tmp_path):
    pytest.importorskip("py3langid")
    config = {**detector_config(langs=["de", "en"], min_score=0.5), "default": "nl", "per_sentence": True}
    router = nlp.add_pipe("language_router", config=config)
    nlp.to_disk(tmp_path / "pipeline")
    for loaded in (spacy.load(tmp_path / "pipeline"), spacy.blank("xx", config=nlp.config).from_bytes(nlp.to_bytes())):
        other = loaded.get_pipe("language_router")
        assert other.default == "nl" and other.per_sentence and other.metadata_key == "lang"
        assert other.detector.langs == ["de", "en"] and other.detector.min_score == 0.5
        assert loaded(TEXTS["de"])._.lang == "de"
    router.to_disk(tmp_path / "router")
    assert router.from_disk(tmp_path / "router") is router and router.from_bytes(router.to_bytes()) is router


def test_analysis_and_config(nlp):
    nlp.add_pipe("language_router")
    assert "doc._.lang" in nlp.get_pipe_meta("language_router").assigns
    assert nlp.config["components"]["language_router"]["detector"]["langs"] is None
    assert not nlp.analyze_pipes()["problems"]["language_router"]


def test_processes(run_python):
    pytest.importorskip("py3langid")
    source = f"""
import multiprocessing as mp
import spacy

if __name__ == "__main__":
    mp.set_start_method("spawn")
    nlp = spacy.blank("xx")
    detector = {{"@misc": "spacy_relx.LangidDetector.v1", "langs": ["de", "en", "tr", "ru", "zh"]}}
    nlp.add_pipe("language_router", config={{"detector": detector}})
    texts = {TEXTS!r}
    assert nlp(texts["de"])._.lang == "de"
    data = [(text, {{}}) for text in texts.values()] + [(texts["de"], {{"lang": "fr"}}), ("", {{}})]
    print(*(doc._.lang or "none" for doc, _ in nlp.pipe(data, as_tuples=True, n_process=2, batch_size=2)))
"""
    assert run_python(source, timeout=90).split("\n")[0] == "en de tr zh ru fr none"


# The detector


def test_langid():
    pytest.importorskip("py3langid")
    detector = make_langid_detector()
    assert detector(list(TEXTS.values())) == list(TEXTS)
    assert detector(["", "12 34", "!!! ...", "\U00012000\U00012000"])[:3] == [None, None, None]
    assert detector([]) == []


def test_langid_answers_in_two_letters():
    langid = pytest.importorskip("py3langid.langid")
    model = langid.LanguageIdentifier.from_model_file(langid.MODEL_FILE)
    detector = make_langid_detector()
    known = set(detector.load().nb_classes)
    assert {code for code in model.labels if len(code) == 2} < known
    assert not {"ary", "vec", "zxx"} & known and {"ary", "vec", "zxx"} <= set(model.labels)
    texts = [*TEXTS.values(), "Mba'éichapa, che ha'e peteĩ mbo'ehára Paraguay-pe, ha oiko porã ko'ápe"]
    assert detector(texts) == [*TEXTS, "gn"]
    assert make_langid_detector(["gug", "ary"])(texts[-1:]) == ["gug"]  # those that are named are answered as named


def test_the_demo_pipeline_names_the_languages_of_its_data():
    root = Path(__file__).parents[2]
    detector = load_config(root / "configs" / "assemble.cfg")["components"]["language_router"]["detector"]
    lines = (root / "assets" / "sample" / "test.jsonl").read_text(encoding="utf8").splitlines()
    assert set(detector["langs"]) == {json.loads(line)["lang"] for line in lines}
    assert registry.resolve({"x": detector})["x"].langs == detector["langs"]


def test_langid_languages_and_score():
    langid = pytest.importorskip("py3langid.langid")
    detector = make_langid_detector(langs=["en", "tr"])
    assert detector([TEXTS["tr"], TEXTS["en"]]) == ["tr", "en"]
    assert set(detector(list(TEXTS.values()))) <= {"en", "tr", None}
    assert make_langid_detector(langs=["en"])([TEXTS["en"]]) == ["en"]
    assert make_langid_detector(min_score=1.0)([TEXTS["en"], "hi"])[1] is None
    # Neither another detector nor py3langid's own identifier is restricted by it.
    assert make_langid_detector()([TEXTS["de"]]) == ["de"] and langid.classify(TEXTS["de"])[0] == "de"


def test_langid_travels_without_its_model():
    pytest.importorskip("py3langid")
    detector = LangidDetector(["en", "de"], 0.1)
    detector([TEXTS["en"]])
    data = pickle.dumps(detector)
    assert len(data) < 1000
    assert pickle.loads(data)([TEXTS["de"]]) == ["de"] and detector.langs == ["en", "de"]


@pytest.mark.parametrize("languages", [["en", "klingon"], ["english"], [], ["zxx"], ["EN"]])
def test_unknown_languages(nlp, languages):
    pytest.importorskip("py3langid")
    with pytest.raises(RelxError, match="RX044"):
        make_langid_detector(langs=languages)
    with pytest.raises(RelxError, match="RX044"):
        nlp.add_pipe("language_router", config=detector_config(langs=languages))


@pytest.mark.parametrize("min_score", [-0.1, 1.1, float("nan")])
def test_bad_score(min_score):
    with pytest.raises(RelxError, match="RX021"):
        make_langid_detector(min_score=min_score)


@pytest.mark.parametrize("code", ["de", "en", "es"])
def test_shared_data(nlp, data_set, code):
    pytest.importorskip("py3langid")
    lines = (data_set("relx") / f"RELX_{code}.txt").read_text(encoding="utf8").splitlines()
    texts = [line.split("\t", 1)[1] for line in lines if "\t" in line][:300]
    nlp.add_pipe("language_router", config=detector_config(langs=["de", "en", "es", "fr", "tr", "ru"]))
    found = [doc._.lang for doc in nlp.pipe(texts)]
    assert len(found) == 300 and found.count(code) / 300 > 0.97


def test_docs_are_changed_in_place(nlp):
    doc = nlp.make_doc("a =de")
    assert LanguageRouter(detector=Fake())(doc) is doc and isinstance(doc, Doc)
