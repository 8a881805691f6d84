"""Settings that a command line changes, and whether its config has them."""

from __future__ import annotations

import shlex
from pathlib import Path

from spacy.util import load_config

ROOT = Path(__file__).resolve().parents[2]


def overrides(script: str) -> tuple[str | None, dict[str, str]]:
    """The config that a line of a script uses, None for another line, and its overrides of the config's settings."""
    parts = shlex.split(script)
    configs = [part for part in parts if "configs/" in part and part.endswith(".cfg")]
    found = {}
    for part, value in zip(parts, [*parts[1:], ""]):
        if part in ("--set", "--vary"):  # of scripts/grid.py
            part, _, value = value.partition("=")
        elif not part.startswith("--"):
            continue
        if "." in part:
            found[part.removeprefix("--")] = value
    return (configs[0] if configs else None), found


def unknown_settings(path: str | None, settings, folder: Path = ROOT) -> list[str]:
    """Those settings that the config (relative to the folder) lacks a section for; all of them without a config."""
    config = load_config(folder / path, interpolate=False) if path else {}
    return [setting for setting in settings if not _has_section(config, setting)]


def _has_section(section, setting: str) -> bool:
    *parts, _ = setting.split(".")
    for part in parts:
        if not isinstance(section, dict) or part not in section:
            return False
        section = section[part]
    return isinstance(section, dict) and bool(parts)
