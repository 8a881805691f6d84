"""Small extractors over marked texts, trained on the sentences of `util`."""

import spacy
from thinc.api import fix_random_seed

from support import model as model_util
from support.examples import SENTENCES, make_doc, make_example
from support.tiny_transformer import MENTION_PAIRS

CUED = [(words.lower(), mentions, relations) for words, mentions, relations in SENTENCES]
MODELS = {
    "single": {"mode": "single"},
    "single-max": {"mode": "single", "pooling": "EntityMax", "pairs": {**MENTION_PAIRS}},
    "sentence": {"mode": "single", "pooling": "SentenceStart"},
    "packed": {"mode": "packed", "pairs": {"@architectures": "spacy_relx.ConcatPairs.v1", "hidden": 32}},
    "mixed": {"mode": "single", "inference_mode": "packed", "pooling": "EntityMax"},
    "inline": {"mode": "shared", "pairs": MENTION_PAIRS, "pooling": "EntityEnds"},
    "beside": {"mode": "shared", "inline": False, "pairs": MENTION_PAIRS},
    "multilabel": {
        "mode": "packed",
        "classifier": {"@architectures": "spacy_relx.MultiLabelClassifier.v1", "negative_ratio": 5.0},
    },
    "windows": {"mode": "shared", "transformer": {"max_subwords": 32}, "batch_tokens": 40},
}


def make_nlp(config, markers="typed"):
    fix_random_seed(0)
    nlp = spacy.blank("en")
    nlp.add_pipe("entity_type_marker", config={"markers": markers})
    nlp.add_pipe("relation_extractor", config={"model": config, "scorer": None})
    return nlp


def train(nlp, steps, rate=0.003):
    return model_util.train(nlp, [make_example(nlp.vocab, *sentence) for sentence in CUED], steps, rate)


def run(nlp, sentences=CUED):
    return model_util.run(nlp, sentences)


def network(nlp):
    return nlp.get_pipe("relation_extractor").model.shims[0].module


def marked_docs(nlp, sentences=CUED):
    marker = nlp.get_pipe("entity_type_marker")
    return [marker(make_doc(nlp.vocab, words, mentions)) for words, mentions, _ in sentences]
