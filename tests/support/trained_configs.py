"""The configs that the tests train."""

from pathlib import Path

from spacy.util import load_config

ROOT = Path(__file__).parents[2]

#: Name of a config -> its file, those of the projects, too.
CONFIGS = {path.stem: path for path in sorted([*ROOT.glob("configs/*.cfg"), *ROOT.glob("projects/*/configs/*.cfg")])}
#: The configs of `spacy train`, by name.
TRAINED_BY_CONFIGS = sorted(name for name, path in CONFIGS.items() if load_config(path).get("corpora"))
#: The project files.
PROJECTS = sorted([ROOT / "project.yml", *ROOT.glob("projects/*/project.yml")])
