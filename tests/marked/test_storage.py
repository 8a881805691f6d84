"""How saved pipelines keep a transformer's weights: in 32, 16 or 8 bits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import spacy
import srsly
import torch
from support.marked import make_nlp, marked_docs, network, train
from support.tiny_transformer import make_transformer, model_config

from spacy_relx.core.storage import exact_weights

#: Storage -> how much a weight may be off, as a share of its row's largest, and a score.
BOUNDS = {"fp16": (2**-11, 0.005), "int8": (1 / 254, 0.02)}


@pytest.fixture(scope="module", params=["bert", "xlm-roberta", "deberta-v2"])
def folder(request, tmp_path_factory):
    pytest.importorskip("transformers")
    return make_transformer(tmp_path_factory.mktemp(request.param), request.param)


def trained(folder, storage="fp32", steps=20):
    nlp = make_nlp(model_config(folder, "single", transformer={"storage": storage}))
    train(nlp, steps)
    return nlp


def weights(nlp):
    return {name: tensor.numpy().copy() for name, tensor in network(nlp).state_dict().items()}


def model_size(path):
    return (Path(path) / "relation_extractor" / "model").stat().st_size


def scores(nlp):
    """Of all pairs in some sentences, *Shape:* (n_pairs, n_labels)."""
    pipe, docs = nlp.get_pipe("relation_extractor"), marked_docs(nlp)
    return np.concatenate([np.asarray(each) for each in pipe.predict(docs)])


@pytest.mark.parametrize("storage", BOUNDS)
def test_a_reloaded_pipeline_scores_as_before(folder, storage, tmp_path):
    nlp = trained(folder, storage)
    nlp.to_disk(tmp_path / "small")
    loaded = spacy.load(tmp_path / "small")
    off, score_off = BOUNDS[storage]
    before, after = weights(nlp), weights(loaded)
    assert before.keys() == after.keys()
    changed = 0
    for name, old in before.items():
        assert after[name].dtype == old.dtype
        largest = np.abs(old).max(axis=-1, keepdims=True) if old.ndim == 2 else np.abs(old)
        assert (np.abs(after[name] - old) <= largest * off * 1.001 + 1e-7).all(), name
        exact = not name.startswith("transformer.") or (storage == "int8" and old.ndim != 2)
        assert not exact or np.array_equal(after[name], old), name
        changed += not np.array_equal(after[name], old)
    assert changed > 10
    assert np.abs(scores(nlp) - scores(loaded)).max() <= score_off
    # what has been loaded and is saved again has lost nothing more
    loaded.to_disk(tmp_path / "again")
    again = weights(spacy.load(tmp_path / "again"))
    assert all(np.allclose(again[name], after[name], rtol=1e-6, atol=0) for name in after)


def test_a_setting_at_loading_makes_a_pipeline_smaller(folder, tmp_path):
    trained(folder, steps=0).to_disk(tmp_path / "fp32")
    sizes = {"fp32": model_size(tmp_path / "fp32")}
    for storage in BOUNDS:
        settings = {"components": {"relation_extractor": {"model": {"transformer": {"storage": storage}}}}}
        spacy.load(tmp_path / "fp32", config=settings).to_disk(tmp_path / storage)
        sizes[storage] = model_size(tmp_path / storage)
        assert f'storage = "{storage}"' in (tmp_path / storage / "config.cfg").read_text()
    assert sizes["fp32"] > 1.5 * sizes["fp16"] > 1.5 * sizes["int8"]


def test_training_that_goes_on_has_lost_nothing(folder, tmp_path):
    nlp = trained(folder, "int8", steps=0)
    with exact_weights():
        nlp.to_disk(tmp_path)
    before, after = weights(nlp), weights(spacy.load(tmp_path))
    assert all(np.array_equal(before[name], after[name]) for name in before)


def test_what_is_too_large_for_16_bits_keeps_32(folder):
    nlp = trained(folder, "fp16", steps=0)
    shim = nlp.get_pipe("relation_extractor").model.shims[0]
    name, parameter = next((n, p) for n, p in shim.module.named_parameters() if n.startswith("transformer."))
    with torch.no_grad():
        parameter.view(-1)[0] = 1e6
    saved = shim.weights()
    assert saved[name].dtype == np.float32 and saved[name].flat[0] == 1e6
    assert sum(array.dtype == np.float16 for array in saved.values()) > 10


@pytest.mark.parametrize(
    "change",
    [
        lambda saved: saved.pop("scales"),
        lambda saved: saved.update(scales=saved["scales"][:-1]),
        lambda saved: saved.update(scales=saved["scales"].astype("float64")),
        lambda saved: saved.update(rows=saved["rows"].astype("int64")),
        lambda saved: saved.update(rows="all"),
        lambda saved: saved.update(more=saved["rows"]),
    ],
)
def test_rows_without_their_scales_are_no_weights(change, tmp_path):
    pytest.importorskip("transformers")
    nlp = trained(make_transformer(tmp_path), "int8", steps=0)
    shim = nlp.get_pipe("relation_extractor").model.shims[0]
    state = srsly.msgpack_loads(shim.to_bytes())
    name = next(name for name, saved in state["weights"].items() if isinstance(saved, dict))
    change(state["weights"][name])
    with pytest.raises(ValueError, match="8 bits"):
        shim.from_bytes(srsly.msgpack_dumps(state))
