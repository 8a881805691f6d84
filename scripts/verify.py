"""Check files against a list of SHA-256 sums, and say what is missing or different.

    python scripts/verify.py SUMS FOLDER          check; exit code 1 where something is wrong
    python scripts/verify.py SUMS FOLDER --write  make the list

A line of SUMS: sum, two blanks, path in FOLDER. Sums are of the contents: a file may as well be gzipped (PATH.gz).
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import sys
from pathlib import Path


def content_sum(path: Path) -> str:
    data = path.read_bytes()
    return hashlib.sha256(gzip.decompress(data) if path.suffix == ".gz" else data).hexdigest()


def find(folder: Path, name: str) -> Path | None:
    return next((path for path in (folder / name, folder / f"{name}.gz") if path.is_file()), None)


def check(sums: Path, folder: Path) -> list[str]:
    """RETURNS: what is wrong, a line for each file."""
    problems = []
    for line in sums.read_text(encoding="utf8").splitlines():
        wanted, name = line.split("  ", 1)
        path = find(folder, name)
        if path is None:
            problems.append(f"missing: {folder / name}")
        elif content_sum(path) != wanted:
            problems.append(f"different from the file that was published: {path}")
    return problems


def write(sums: Path, folder: Path) -> None:
    kinds = tuple(kind + gz for kind in (".json", ".jsonl", ".txt") for gz in ("", ".gz"))
    paths = sorted(path for path in folder.rglob("*") if path.name.endswith(kinds))
    lines = [f"{content_sum(path)}  {str(path.relative_to(folder)).removesuffix('.gz')}\n" for path in paths]
    sums.write_text("".join(lines), encoding="utf8")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sums", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    if args.write:
        write(args.sums, args.folder)
        return 0
    problems = check(args.sums, args.folder)
    for problem in problems[:20]:
        print(f"✘ {problem}", file=sys.stderr)
    if problems:
        print(
            f"✘ {len(problems)} files are not as {args.sums} wants them. How to get them: README, 'Data'.",
            file=sys.stderr,
        )
        return 1
    print(f"✔ {args.folder}: all files as published")
    return 0


if __name__ == "__main__":
    sys.exit(main())
