"""Entity types as an explicit input of any encoder."""

import numpy as np
import pytest
import spacy
from support.examples import SENTENCES, make_doc
from support.model import TOK2VEC, gold, make_nlp, model_config, run, train
from thinc.api import Config, fix_random_seed

from spacy_relx.core.docs_to_batch import DocBatch, token_markers
from spacy_relx.core.task import layer_of
from spacy_relx.data.extensions import set_candidates
from spacy_relx.data.types import Candidates, Mention
from spacy_relx.relations.encoders import build_hash_bigru, build_with_entity_types

HASH_BIGRU = {"@architectures": "spacy_relx.HashBiGRU.v1", "hidden": 16, "dropout": 0.0}
ENCODERS = {"hash_bigru": HASH_BIGRU, "tok2vec": Config().from_str(f"[e]{TOK2VEC}")["e"]}


def typed(encoder, **settings):
    return {"@architectures": "spacy_relx.WithEntityTypes.v1", "width": 8, **settings, "encoder": encoder}


def marked(nlp, types=None):
    """The sentences, marked; types: those of all mentions."""
    docs = []
    for words, mentions, _ in SENTENCES:
        spans = [(start, end, types or label) for start, end, label in mentions]
        docs.append(nlp.get_pipe("entity_type_marker")(make_doc(nlp.vocab, words, spans)))
    return docs


@pytest.mark.parametrize("name", ENCODERS)
def test_vectors_depend_on_types(name, tmp_path):
    nlp = make_nlp({**model_config(), "encoder": typed(ENCODERS[name])})
    train(nlp)
    expected = [gold(sentence) for sentence in SENTENCES]
    assert run(nlp) == expected
    nlp.to_disk(tmp_path)
    loaded = spacy.load(tmp_path)
    assert run(loaded) == expected
    encoder = nlp.get_pipe("relation_extractor").model.layers[0]
    assert encoder.get_dim("nO") == layer_of(encoder).width_out == (32 if name == "hash_bigru" else 40)
    one, other = (np.concatenate(encoder.predict(marked(nlp, kind))) for kind in (None, "ORG"))
    assert not np.allclose(one, other)
    batch = DocBatch(marked(nlp))
    np.testing.assert_array_equal(np.concatenate(encoder.predict(batch)), one)
    batch.markers = np.zeros_like(batch.markers)  # hidden: as mentions whose types training never showed
    hidden = np.concatenate(encoder.predict(batch))
    with pytest.warns(UserWarning, match="RX025"):
        unknown = marked(nlp, "NEVER")
    np.testing.assert_array_equal(hidden, np.concatenate(encoder.predict(unknown)))


def test_an_encoder_by_itself_reads_no_candidates():
    nlp = make_nlp({**model_config(), "encoder": HASH_BIGRU})
    train(nlp, steps=1)
    encoder = nlp.get_pipe("relation_extractor").model.layers[0]
    plain = [make_doc(nlp.vocab, words, []) for words, _, _ in SENTENCES]
    for one, other in zip(encoder.predict(marked(nlp)), encoder.predict(plain)):
        np.testing.assert_array_equal(one, other)


def test_a_listener_gets_its_gradient_through_the_types():
    fix_random_seed(0)
    nlp = spacy.blank("en")
    tok2vec = nlp.add_pipe("tok2vec", config=Config().from_str(f"[model]{TOK2VEC}"))
    nlp.add_pipe("entity_type_marker")
    encoder = typed({"@architectures": "spacy.Tok2VecListener.v1", "width": 32, "upstream": "*"})
    nlp.add_pipe("relation_extractor", config={"model": {**model_config(), "encoder": encoder}, "scorer": None})
    train(nlp, steps=80)
    assert len(tok2vec.listeners) == 1
    assert run(nlp) == [gold(sentence) for sentence in SENTENCES]


def test_types_are_read_with_words_by_the_recurrent_encoder():
    """One network below the recurrent layer, and no second pass over the tokens."""
    inner = build_hash_bigru(hidden=4)
    model = build_with_entity_types(inner, rows=8, width=3)
    assert not model.layers and len(layer_of(model).tables) == 5 and len(layer_of(inner).tables) == 4


def test_the_innermost_mention_counts():
    vocab = spacy.blank("en").vocab
    doc = make_doc(vocab, "a b c d e", [])
    mentions = [Mention(start, end, "") for start, end in ((2, 3), (0, 4), (1, 3), (4, 5))]
    set_candidates(doc, Candidates(mentions, np.array([3, 1, 2, 4]), np.array([[0, 1]])))
    batch = DocBatch([make_doc(vocab, "x y", []), doc, doc])
    assert token_markers(batch).tolist() == [0, 0, *[2, 3, 4, 2, 5] * 2]
    batch.markers = np.arange(8)
    taken = batch.take(np.array([2, 0]))
    assert taken[0] is doc and taken.markers.tolist() == [4, 5, 6, 7] and len(taken.candidates[1]) == 0
    assert token_markers(taken).tolist() == [6, 7, 5, 6, 8, 0, 0]
    assert token_markers(DocBatch([])).tolist() == []
