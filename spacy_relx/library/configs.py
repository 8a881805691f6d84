"""The call that makes the config of a training: init_config."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ..data.loading import check_pipeline
from ..data.outputs import check_output, write_output
from ..errors import RelxError
from ..formats.records import is_lang_code

if TYPE_CHECKING:
    from thinc.api import Config

Task = Literal["relations", "joint", "facts"]
TASKS = ("relations", "joint", "facts")
TEMPLATES = Path(__file__).parent / "templates"
#: Encoder -> the transformer that it is, and its peak learning rate.
TRANSFORMERS = {
    "minilm": ("sentence-transformers/all-MiniLM-L6-v2", 0.001),
    "multilingual": ("FacebookAI/xlm-roberta-base", 0.0001),
}
#: Components of a spaCy pipeline that find mentions and sentences, and the one that extractors read.
_SOURCED = ("tok2vec", "parser", "senter", "ner")
#: Languages whose pipelines are not called LANG_core_news_sm.
_PIPELINES = {"en": "en_core_web_sm", "zh": "zh_core_web_sm"}


def init_config(
    output: str | Path | None = None, *, task: Task = "relations", encoder: str = "cpu", lang: str = "xx"
) -> Config:
    """Make a config that `spacy train` and `relx train` take as it is, with every setting filled in.

    Args:
        output: The file to write; None: it is not written.
        task: "relations" of mentions that are given or that a recogniser finds; "joint": mentions and relations from
            raw text; "facts" from bags of sentences.
        encoder: "cpu", which needs no download; "minilm", a small English transformer; "multilingual", XLM-R, for a
            GPU; "spacy", the tok2vec of spaCy's small pipeline of the language; or the name or folder of a spaCy
            pipeline, or of a transformer.
        lang: The language of the pipeline; "xx" for several, or any.

    Returns:
        The config, variables as they are.

    Raises:
        RelxError: RX021 for another task, RX042 for what is no language, RX656 for an encoder that the task cannot
            have, RX180 for a spaCy pipeline that is not installed.
    """
    if task not in TASKS:
        raise RelxError("RX021", name="task", value=task, need=" or ".join(map(repr, TASKS)))
    if not is_lang_code(lang):
        raise RelxError("RX042", where="the setting 'lang'", value=lang)
    if output is not None:
        check_output(Path(output), encoder)
    base = _base(encoder, lang)
    if base is not None:
        config = _on_pipeline(task, base, encoder)
    elif encoder == "cpu":
        config = _template(f"{task}_cpu")
    else:
        config = _on_transformer(task, encoder)
    if base is None and lang != "xx":
        config["nlp"]["lang"] = lang
        config["nlp"]["tokenizer"] = {"@tokenizers": "spacy.Tokenizer.v1"}
    filled = fill(config)
    if output is not None:
        write_output(Path(output), filled.to_str(interpolate=False))
    return filled


def fill(config: Config) -> Config:
    """The config as `spacy init fill-config` completes it. Components with a `source` stay as they are, unread.

    Args:
        config: Not interpolated.
    """
    from spacy.util import load_model_from_config

    own = config.copy()
    sourced = {name: part for name, part in config["components"].items() if "source" in part}
    own["nlp"]["pipeline"] = [name for name in config["nlp"]["pipeline"] if name not in sourced]
    own["components"] = {name: part for name, part in config["components"].items() if name not in sourced}
    filled = load_model_from_config(own, auto_fill=True).config.copy()
    filled["nlp"]["pipeline"] = config["nlp"]["pipeline"]
    filled["components"].update(sourced)
    return filled


def _template(name: str) -> Config:
    from spacy.util import load_config

    return load_config(TEMPLATES / f"{name}.cfg")


def _base(encoder: str, lang: str) -> str | None:
    """The spaCy pipeline that an encoder means, None for another encoder. RAISES: RelxError RX180."""
    if encoder == "spacy":
        return _PIPELINES.get(lang, f"{lang}_core_news_sm")
    try:
        check_pipeline(encoder)
    except RelxError:
        return None
    return encoder


def _on_transformer(task: Task, encoder: str) -> Config:
    """A config over a transformer by its name or folder."""
    name, rate = TRANSFORMERS.get(encoder, (encoder, TRANSFORMERS["minilm"][1]))
    if task == "joint":
        config = _template("joint_cpu")
        transformer = {"@architectures": "spacy_relx.Transformer.v1", "name": "${paths.transformer}", "lr_scale": 0.2}
        config["components"]["joint_extractor"]["model"]["encoder"] = {
            "@architectures": "spacy_relx.TokenTransformer.v1",
            "transformer": transformer,
        }
        config["training"]["optimizer"]["learn_rate"].update(initial_rate=rate, warmup=0.1)
    elif task == "facts":
        config = _template("facts_transformer")
        config["training"]["optimizer"]["learn_rate"]["initial_rate"] = rate
    else:
        config = _template("relations_multilingual" if encoder == "multilingual" else "relations_minilm")
    config["paths"]["transformer"] = name
    if encoder != "multilingual":
        config.setdefault("system", {})["gpu_allocator"] = None
    return config


def _on_pipeline(task: Task, base: str, encoder: str) -> Config:
    """A config over the tok2vec of a spaCy pipeline, whose components it takes over. RAISES: RelxError RX180, RX656."""
    from spacy.util import get_package_path, load_config

    if task == "facts":
        reason = "sentence encoders of bags read words or subwords. Choose cpu, minilm, multilingual or a transformer"
        raise RelxError("RX656", encoder=encoder, task=task, reason=reason)
    check_pipeline(base)
    folder = Path(base)
    if not folder.is_dir():
        folder = next(get_package_path(base).rglob("config.cfg")).parent
    found = load_config(folder / "config.cfg", interpolate=True)
    model = found["components"].get("tok2vec", {}).get("model", {})
    width = model.get("encode", {}).get("width", model.get("width"))
    if not isinstance(width, int):
        raise RelxError("RX656", encoder=encoder, task=task, reason="the pipeline has no tok2vec component")
    wanted = _SOURCED if task == "relations" else ("tok2vec",)
    sourced = [name for name in found["nlp"]["pipeline"] if name in wanted]
    config = _template(f"{task}_cpu")
    extractor = "relation_extractor" if task == "relations" else "joint_extractor"
    config["components"][extractor]["model"]["encoder"] = {
        "@architectures": "spacy.Tok2VecListener.v1",
        "width": width,
        "upstream": "tok2vec",
    }
    config["paths"]["base"] = base
    config["nlp"].update(lang=found["nlp"]["lang"], tokenizer={"@tokenizers": "spacy.Tokenizer.v1"})
    config["nlp"]["pipeline"] = [*sourced, *config["nlp"]["pipeline"]]
    config["components"].update({name: {"source": "${paths.base}"} for name in sourced})
    config["training"].update(frozen_components=sourced, annotating_components=["tok2vec"])
    config.setdefault("initialize", {})["before_init"] = {
        "@callbacks": "spacy_relx.CopyTokenizer.v1",
        "model": "${paths.base}",
    }
    if "ner" in sourced:  # which finds mentions, so that scores are of the whole pipeline
        config["training"]["score_weights"] = _end_to_end(config["training"]["score_weights"])
    return config


def _end_to_end(weights: dict[str, Any]) -> dict[str, Any]:
    """The weights of scores on given mentions, of scores on those that the pipeline finds."""
    given = "gold_mentions_"
    found = {key.removeprefix(given): weight for key, weight in weights.items() if key.startswith(given)}
    return {**dict.fromkeys(weights), **found}
