"""Scripts without blanks reach the tokenizer as running text, and each token has the subwords that overlap it."""

import math

import numpy as np
import pytest
import spacy
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.tokens import Doc
from support.tiny_transformer import make_transformer, texts_batch
from tokenizers import ByteLevelBPETokenizer, Tokenizer, models, normalizers, pre_tokenizers, processors

from spacy_relx.core.transformers.bert import token_states
from spacy_relx.core.transformers.loading import LoadedTransformer, TransformerSource, load_transformer
from spacy_relx.core.transformers.subwords import DocSubwords, Subwords
from spacy_relx.core.transformers.token_transformer import PiecePlaces, TokenTransformerLayer

TEXT = "北京大学在杭州。Ann met 马云 at ACME北京, 2 km"
NLP = spacy.blank("xx")


def unigram():
    """Pieces of several characters, as XLM-R has them for Chinese."""
    pieces = [
        "<s>",
        "<pad>",
        "</s>",
        "<unk>",
        "▁",
        "北京",
        "大学",
        "北",
        "京",
        "大",
        "学",
        "在",
        "杭州",
        "马",
        "云",
        "。",
        ",",
    ]
    pieces += ["▁Ann", "▁met", "▁at", "▁km", "ACME", "▁2", "A", "n", "m", "e", "t", "2"]
    made = Tokenizer(
        models.Unigram([(piece, -1.0 * len(piece) ** -2) for piece in pieces], unk_id=3, byte_fallback=False)
    )
    made.normalizer = normalizers.NFKC()
    made.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()])
    made.post_processor = processors.TemplateProcessing(single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)])
    return made


def byte_level():
    made = ByteLevelBPETokenizer(add_prefix_space=False)
    made.train_from_iterator([TEXT] * 3, vocab_size=400, min_frequency=1)
    return Tokenizer.from_str(made.to_str())


def wordpiece():
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *"北京大学在杭州马云。,2", "ann", "met", "at", "acme", "km"]
    made = Tokenizer(models.WordPiece({piece: i for i, piece in enumerate(pieces)}, unk_token="[UNK]"))
    made.normalizer, made.pre_tokenizer = normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer()
    return made


TOKENIZERS = {"unigram": unigram, "byte level": byte_level, "wordpiece": wordpiece}


def doc_of(text, size=1):
    """A Doc of the text; words of `size` characters, as spaCy's multilingual tokenizer cuts scripts without blanks."""
    words, spaces = [], []
    for part in text.split(" "):
        cut = [part[i : i + size] for i in range(0, len(part), size)]
        words += cut
        spaces += [False] * (len(cut) - 1) + [True]
    spaces[-1] = False
    return Doc(NLP.vocab, words=words, spaces=spaces)


@pytest.mark.parametrize("name", TOKENIZERS)
@pytest.mark.parametrize("size", [1, 2, 3, 20])
def test_subwords_are_those_of_the_text_whatever_the_tokens(name, size):
    tokenizer = TOKENIZERS[name]()
    whole = tokenizer.encode(TEXT, add_special_tokens=False)
    doc = doc_of(TEXT, size)
    part = Subwords(tokenizer)([doc])[0]
    assert part.ids.tolist() == whole.ids
    for token, start, end in zip(doc, part.starts.tolist(), part.ends.tolist()):
        begin, last = token.idx, token.idx + len(token)
        wanted = [k for k, (a, b) in enumerate(whole.offsets) if a < last and max(b, a + 1) > begin]
        wanted = [k for k in wanted if TEXT[slice(*whole.offsets[k])].strip() or k in range(start, end)]
        assert list(range(start, end)) == wanted, token.text
    assert (np.diff(part.starts) >= 0).all() and (np.diff(part.ends) >= 0).all()


def test_a_subword_lies_in_several_tokens():
    subwords = Subwords(unigram())
    part = subwords([doc_of("北京大学在")])[0]
    names = [subwords.tokenizer.id_to_token(i) for i in part.ids]
    assert names == ["▁", "北京", "大学", "在"]
    assert part.starts.tolist() == [0, 1, 2, 2, 3] and part.ends.tolist() == [2, 2, 3, 3, 4]
    assert part.spans(np.array([[0, 2], [1, 3], [3, 4]])).tolist() == [[0, 2], [1, 3], [2, 3]]


def test_breaks_end_subwords_and_begin_no_word():
    subwords = Subwords(unigram())
    doc = doc_of("北京大学在")
    part = subwords([doc], None, [np.array([1, 4, 5])])[0]
    names = [subwords.tokenizer.id_to_token(i) for i in part.ids]
    assert names == ["▁", "北", "京", "大学", "在"]
    assert part.starts[1] == part.ends[0] == 2 and part.starts[4] == part.ends[3] == 4


def test_texts_are_tokenized_by_themselves():
    subwords = Subwords(unigram())
    starts = np.array([0, 1])
    parts = subwords([doc_of("北京大学")], [starts])[0].cut(starts)
    names = [[subwords.tokenizer.id_to_token(i) for i in part.ids] for part in parts]
    assert names == [["▁", "北"], ["▁", "京", "大学"]]
    assert parts[1].starts.tolist() == [0, 2, 2] and parts[1].ends.tolist() == [2, 3, 3]


def test_unknown_words_are_not_lumped_together():
    """An unknown subword over several tokens, as SentencePiece joins unknown characters, says nothing of any."""
    subwords = Subwords(unigram())
    part = subwords([doc_of("北京☃☂☃大学")])[0]
    names = [subwords.tokenizer.id_to_token(i) for i in part.ids]
    assert names == ["▁", "北京", "<unk>", "<unk>", "<unk>", "大学"]
    assert part.starts.tolist() == [0, 1, 2, 3, 4, 5, 5]
    subwords = Subwords(wordpiece())  # one unknown letter makes the whole word unknown
    part = subwords([Doc(NLP.vocab, words=["ann", "☃x", "met"], spaces=[False] * 3)])[0]
    assert [subwords.tokenizer.id_to_token(i) for i in part.ids] == ["ann", "[UNK]", "met"]


@settings(max_examples=40, deadline=None)
@given(
    words=st.lists(st.text("北京大学在a\u200b é☃\n\u0301ﬁ", min_size=1, max_size=4), max_size=8),
    data=st.data(),
    name=st.sampled_from(sorted(TOKENIZERS)),
)
def test_any_tokens_have_subwords_in_order(words, data, name):
    spaces = data.draw(st.lists(st.booleans(), min_size=len(words), max_size=len(words)))
    breaks = data.draw(st.lists(st.integers(0, len(words)), max_size=4))
    doc = Doc(NLP.vocab, words=words, spaces=spaces)
    subwords = Subwords(_MADE.setdefault(name, TOKENIZERS[name]()))
    part = subwords([doc], None, [np.array(breaks, dtype="int64")])[0]
    assert len(part.starts) == len(part.ends) == len(doc)
    assert (part.ends >= part.starts).all()
    assert (np.diff(part.starts) >= 0).all() and (np.diff(part.ends) >= 0).all()
    if len(doc):
        assert part.starts[0] >= 0 and part.ends[-1] <= len(part.ids) and len(part.ids)
        for place in breaks:
            if 0 < place < len(doc):
                assert part.ends[place - 1] <= part.starts[place]


_MADE: dict = {}


def test_vectors_are_means_of_all_subwords_that_overlap(tmp_path):
    loaded = load_transformer(TransformerSource(name=make_transformer(tmp_path, max_position_embeddings=64)))
    layer = TokenTransformerLayer(TransformerSource(name="x"), 4096, "fp32", None)
    layer._loaded = LoadedTransformer(loaded.module, Subwords(unigram()))
    layer.set_network(layer.build().eval())
    for text in (TEXT, "北京大学在杭州。" * 20):  # the second one in windows
        doc = doc_of(text)
        with torch.no_grad():
            vectors = layer.vectors([doc], None)
        assert vectors.shape == (len(doc), 32) and bool(vectors.abs().sum(dim=1).gt(0).all())
        same = [i for i in range(len(doc) - 1) if doc[i : i + 2].text in ("大学", "杭州")]
        first, second = vectors[same], vectors[[i + 1 for i in same]]  # characters of one subword are told apart
        assert same and bool((first - second).abs().amax(dim=1).gt(0.5).all())
        torch.testing.assert_close(first - codes([0, 1], 32), second - codes([1, 0], 32), atol=1e-5, rtol=1e-4)
    doc, subwords = doc_of(TEXT), layer.loaded.subwords
    part = subwords([doc])[0]
    with torch.no_grad():
        states = token_states(layer.network, texts_batch([np.array([0, *part.ids, 2])]), 0)[1:-1]
        vectors = layer.vectors([doc], None)
    bounds = list(zip(part.starts.tolist(), part.ends.tolist()))
    for i, (start, end) in enumerate(bounds):
        front = sum(first <= start < last for first, last in bounds[:i])
        back = sum(first <= end - 1 < last for first, last in bounds[i + 1 :])
        wanted = states[start:end].mean(dim=0) + codes([front, back], 32)
        torch.testing.assert_close(vectors[i], wanted, atol=1e-5, rtol=1e-4)


def codes(places, width):
    """A plain loop: sinusoids of both places, each in its half."""
    found = torch.zeros(width)
    for side, place in enumerate(places):
        half = width // 2
        for k in range(half // 2):
            angle = place / 10_000 ** (2 * k / half)
            found[side * half + k] = math.sin(angle)
            found[side * half + half // 2 + k] = math.cos(angle) - 1
    return found


def test_tokens_with_subwords_of_their_own_are_as_they_were():
    states = torch.randn(3, 8)
    alone = DocSubwords(np.arange(4), np.array([0, 1, 3]), np.array([1, 3, 4]))
    assert PiecePlaces([alone]).add(states, np.arange(3)) is states
    shared = DocSubwords(np.arange(4), np.array([0, 0, 3]), np.array([1, 1, 4]))
    found = PiecePlaces([alone, shared]).add(torch.cat([states, states]), np.array([3, 4, 5, 0, 1, 2]))
    assert (found != torch.cat([states, states])).any(dim=1).tolist() == [True, True, False, False, False, False]
    odd = PiecePlaces([shared]).add(torch.zeros(3, 7), np.arange(3))
    assert odd.shape == (3, 7) and not torch.equal(odd[0], odd[1])
