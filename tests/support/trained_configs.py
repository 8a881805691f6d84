"""The configs that the tests train."""

from pathlib import Path

from spacy.util import load_config

ROOT = Path(__file__).parents[2]


#: The configs of `spacy train`.
TRAINED_BY_CONFIGS = sorted(path.name for path in (ROOT / "configs").glob("*.cfg") if load_config(path).get("corpora"))
