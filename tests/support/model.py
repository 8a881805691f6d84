"""Small relation extractors, trained on the sentences of `util`."""

import spacy
from thinc.api import Config, fix_random_seed

from spacy_relx.relations.relation_extractor import DEFAULT_MODEL_CONFIG
from support.examples import SENTENCES, make_doc, make_examples, triples

SOFTMAX = "spacy_relx.SoftmaxClassifier.v1"
MULTILABEL = "spacy_relx.MultiLabelClassifier.v1"
TOK2VEC = """
@architectures = "spacy.HashEmbedCNN.v2"
pretrained_vectors = null
width = 32
depth = 1
embed_size = 200
window_size = 1
maxout_pieces = 2
subword_features = true
"""


def model_config(classifier=SOFTMAX, **settings):
    config = Config().from_str(DEFAULT_MODEL_CONFIG)["model"]
    config["encoder"]["encoder"].update(hidden=16, dropout=0.0)
    config["pairs"].update(hidden=32, dropout=0.0)
    config["classifier"] = {"@architectures": classifier, **settings}
    return config


def make_nlp(model=None, **config):
    fix_random_seed(0)
    nlp = spacy.blank("en")
    nlp.add_pipe("entity_type_marker")
    nlp.add_pipe("relation_extractor", config={"model": model or model_config(), "scorer": None, **config})
    return nlp


def train(nlp, examples=None, steps=60, rate=0.01):
    examples = examples or make_examples(nlp.vocab)
    optimizer = nlp.initialize(lambda: examples)
    optimizer.learn_rate = rate
    losses = []
    for _ in range(steps):
        step = {}
        nlp.update(examples, sgd=optimizer, losses=step)
        losses.append(step["relation_extractor"])
    return losses


def gold(sentence):
    words, mentions, relations = sentence
    return {(text(words, mentions[h]), label, text(words, mentions[t])) for h, label, t in relations}


def text(words, mention):
    return " ".join(words.split()[mention[0] : mention[1]])


def run(nlp, sentences=SENTENCES):
    docs = list(nlp.pipe([make_doc(nlp.vocab, words, mentions) for words, mentions, _ in sentences]))
    return [triples(doc) for doc in docs]
