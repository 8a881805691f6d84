"""Execute the notebooks of docs/notebooks and store their outputs.

    python scripts/notebooks.py [NAME...]

Without names all of them. Each runs in a process of its own and needs about a minute of one core. Progress bars and
warnings are not stored.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "notebooks"


def execute(path: Path, timeout: int = 600) -> Any:
    """Run a notebook from its first cell to its last.

    Args:
        path: The notebook.
        timeout: The most seconds for one cell.

    Returns:
        The notebook with its outputs.

    Raises:
        nbclient.exceptions.CellExecutionError: A cell raises an error.
    """
    notebook = nbformat.read(path, as_version=4)
    resources = {"metadata": {"path": str(path.parent)}}
    # on a busy machine outputs may arrive late, and nbclient would go on without them
    client = NotebookClient(notebook, timeout=timeout, kernel_name="python3", iopub_timeout=60, resources=resources)
    client.execute()
    for cell in notebook.cells:
        cell.metadata = {}
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if output.get("name") != "stderr"]
    notebook.metadata = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    return notebook


def main(names: list[str]) -> None:
    for path in [FOLDER / f"{name}.ipynb" for name in names] or sorted(FOLDER.glob("*.ipynb")):
        nbformat.write(execute(path), path)


if __name__ == "__main__":
    main(sys.argv[1:])
