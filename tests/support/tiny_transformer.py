"""Tiny random transformers with tokenizers of their own, written to a folder as Hugging Face would."""

from __future__ import annotations

import json
import string

import numpy as np
import torch

WORDS = "ann works for acme in rome bob founded initech globex was by eve never worked bought of met nobody knows sings"
SIZES = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 48,
    "max_position_embeddings": 64,
    "hidden_dropout_prob": 0.0,
    "attention_probs_dropout_prob": 0.0,
}
KINDS = ("bert", "roberta", "xlm-roberta", "electra", "deberta-v2")
BERT_LIKE = KINDS[:-1]


def make_transformer(folder, kind="bert", seed=0, **sizes):
    """Save a model of this kind and its tokenizer in the folder. RETURNS: the folder, as a string."""
    import transformers

    tokenizer = _TOKENIZERS.get(kind, _wordpiece)(folder)
    extra = {
        "roberta": {"type_vocab_size": 1},
        "xlm-roberta": {"type_vocab_size": 1},
        "electra": {"embedding_size": 16},
    }
    if kind in ("roberta", "xlm-roberta"):
        sizes = {"max_position_embeddings": SIZES["max_position_embeddings"] + 2, **sizes}
    if kind == "deberta-v2":
        extra[kind] = {"relative_attention": True, "pos_att_type": ["p2c", "c2p"], "position_biased_input": False}
    config = transformers.AutoConfig.for_model(
        kind,
        vocab_size=len(tokenizer),
        **{"pad_token_id": tokenizer.pad_token_id, **SIZES, **extra.get(kind, {}), **sizes},
    )
    torch.manual_seed(seed)
    model = transformers.AutoModel.from_config(config)
    with torch.no_grad():  # as random as that, everything looks alike: spread it out
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.mul_(5.0)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)


def reference(transformer, folder):
    """transformers' own module of the same encoder, around the same word embeddings, to compare with."""
    import transformers

    from spacy_relx.core.transformers.bert import BertModel

    if not isinstance(transformer, BertModel):
        return transformer.eval()
    model = transformers.AutoModel.from_pretrained(folder).to(next(transformer.parameters()).dtype).eval()
    model.set_input_embeddings(transformer.get_input_embeddings())
    return model


def texts_batch(texts):
    """Texts without markers, arrays of ids, as a batch."""
    from spacy_relx.marked.marking import make_batch

    none = np.zeros(0, dtype="int64")
    return make_batch(
        ids=np.concatenate(texts),
        lengths=np.array([len(text) for text in texts]),
        **dict.fromkeys(("opens", "closes", "spans", "texts", "markers", "pairs"), none),
    )


def _wordpiece(folder):
    import transformers

    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    letters = list(string.ascii_lowercase + string.digits + ".,'[]/中国")
    pieces = [*special, *WORDS.split(), *letters, *("##" + letter for letter in string.ascii_lowercase + string.digits)]
    (folder / "vocab.txt").write_text("\n".join(pieces), encoding="utf8")
    return transformers.BertTokenizerFast(str(folder / "vocab.txt"))


def _byte_level(folder):
    import tokenizers
    import transformers

    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    trained = tokenizers.ByteLevelBPETokenizer(add_prefix_space=False)
    trained.train_from_iterator([WORDS] * 3, vocab_size=320, min_frequency=1, special_tokens=special)
    trained.save_model(str(folder))
    return transformers.RobertaTokenizerFast(str(folder / "vocab.json"), str(folder / "merges.txt"))


def _sentencepiece(folder):
    """A Unigram model with SentencePiece's word marks, as XLM-R has one."""
    import transformers
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors

    special = ["<s>", "<pad>", "</s>", "<unk>"]
    pieces = [
        "▁",
        *("▁" + word for word in WORDS.split()),
        *string.ascii_lowercase,
        *string.digits,
        ".",
        ",",
        "'",
        "'s",
    ]
    scores = [(piece, 0.0) for piece in special] + [(piece, -1.0 - 0.01 * i) for i, piece in enumerate(pieces)]
    tokenizer = Tokenizer(models.Unigram(scores, unk_id=3, byte_fallback=False))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    names = dict(zip(("bos_token", "pad_token", "eos_token", "unk_token"), special))
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, cls_token="<s>", sep_token="</s>", mask_token=None, **names
    )


_TOKENIZERS = {"roberta": _byte_level, "xlm-roberta": _sentencepiece}


def model_config(
    folder, mode="packed", pooling="EntityStart", pairs=None, classifier=None, transformer=None, **settings
):
    """The model part of a `relation_extractor`'s config, without dropout."""
    pairs = dict(pairs or {"@architectures": "spacy_relx.ConcatPairs.v1"})
    return {
        "@architectures": "spacy_relx.MarkedModel.v1",
        "mode": mode,
        **settings,
        "transformer": {"@architectures": "spacy_relx.Transformer.v1", "name": str(folder), **(transformer or {})},
        "pooling": {"@architectures": f"spacy_relx.{pooling}.v1"},
        "pairs": {"dropout": 0.0, **pairs},
        "classifier": classifier or {"@architectures": "spacy_relx.SoftmaxClassifier.v1"},
    }


MENTION_PAIRS = {"@architectures": "spacy_relx.MentionPairs.v1", "hidden": 32, "marker_width": 4, "between_heads": 2}


def contains_text(data: bytes, text: str) -> bool:
    """Whether saved bytes hold this text, as it is or as JSON writes it."""
    return text.encode("utf8") in data or json.dumps(text)[1:-1].encode("utf8") in data
