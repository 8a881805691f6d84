"""Settings of models over instances."""

from support.model import SOFTMAX

ENCODERS = {
    "CNN": {"channels": 24},
    "PCNN": {"channels": 16},
    "BiGRU": {"hidden": 16},
    "BiLSTM": {"hidden": 16, "pooling": "attention"},
}


def config(encoder="PCNN", classifier=SOFTMAX, type_width=4, classifier_settings=None, **settings):
    words = {"@architectures": "spacy_relx.WordTable.v1", "width": 16, "min_count": 1}
    positions = {"@architectures": "spacy_relx.PositionFeatures.v1", "width": 4, "type_width": type_width}
    return {
        "@architectures": "spacy_relx.InstanceModel.v1",
        "words": words,
        "encoder": {
            "@architectures": f"spacy_relx.{encoder}.v1",
            "dropout": 0.0,
            "positions": positions,
            **ENCODERS[encoder],
        },
        "classifier": {"@architectures": classifier, **(classifier_settings or {})},
        **settings,
    }
