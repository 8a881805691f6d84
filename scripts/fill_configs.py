"""Write into each config every setting that spaCy would fill in, and leave comments and order as they are.

    python scripts/fill_configs.py          fill the configs of configs/ that train, in place
    python scripts/fill_configs.py --check  change nothing; exit code 1 where one is not complete

`spacy train` fills in what a config leaves out; `spacy debug config` and `spacy debug data` do not.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

from spacy import util
from thinc.api import Config

from spacy_relx.library.configs import fill

ROOT = Path(__file__).resolve().parent.parent
HEADER = re.compile(r"\[([\w.@-]+)\]")
KEY = re.compile(r"([\w@*.-]+) *=")


def sections(text: str) -> list[tuple[str, list[str]]]:
    """(name of a section, its lines) in order; what stands before the first has the name ""."""
    parts: list[tuple[str, list[str]]] = [("", [])]
    for line in text.splitlines():
        header = HEADER.fullmatch(line)
        if header:
            parts.append((header.group(1), [line]))
        else:
            parts[-1][1].append(line)
    return parts


def keys(lines: list[str]) -> dict[str, str]:
    """Key -> line, of the lines of a section."""
    found = ((KEY.match(line), line) for line in lines)
    return {match.group(1): line for match, line in found if match}


def fill_text(text: str, filled: Config) -> str:
    """The text of a config with the keys and sections of `filled` that it lacks."""
    parts = sections(text)
    places = dict(parts)
    for name, lines in sections(filled.to_str(interpolate=False)):
        if not name:
            continue
        if name in places:
            there = keys(places[name])
            missing = [line for key, line in keys(lines).items() if key not in there]
            _insert(places[name], missing)
        else:
            place = _place(parts, name)
            if parts[place - 1][1][-1]:
                parts[place - 1][1].append("")
            places[name] = [*(line for line in lines if line), ""]
            parts.insert(place, (name, places[name]))
    return "\n".join(line for _, lines in parts for line in lines).rstrip("\n") + "\n"


def _insert(lines: list[str], missing: list[str]) -> None:
    """Put lines behind the last key of a section, before comments that belong to the next one."""
    last = max(i for i, line in enumerate(lines) if HEADER.fullmatch(line) or (line.strip() and line[0] != "#"))
    lines[last + 1 : last + 1] = missing


def _place(parts: list[tuple[str, list[str]]], name: str) -> int:
    """Where a new section stands: behind all of its nearest ancestor that there is."""
    ancestor = name
    while ancestor:
        ancestor = ancestor.rpartition(".")[0]
        related = [i for i, (other, _) in enumerate(parts) if f"{other}.".startswith(f"{ancestor}.") and ancestor]
        if related:
            return related[-1] + 1
    return len(parts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    args = parser.parse_args()
    incomplete = []
    for path in sorted([*ROOT.glob("configs/*.cfg"), *ROOT.glob("projects/*/configs/*.cfg")]):
        config = util.load_config(path)
        if not config.get("corpora"):  # it assembles
            continue
        filled = fill(config)
        if filled == config:
            continue
        incomplete.append(path.name)
        if not args.check:
            path.write_text(fill_text(path.read_text(encoding="utf8"), filled), encoding="utf8")
    if incomplete:
        print("\n".join(f"{'incomplete' if args.check else 'filled'}: {name}" for name in incomplete))
    sys.exit(bool(incomplete and args.check))


if __name__ == "__main__":
    main()
