"""Components that do their work on a whole batch of Docs at once."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence

from spacy.pipeline import Pipe
from spacy.tokens import Doc
from spacy.util import minibatch


class BatchedPipe(Pipe):
    """Base of components that annotate Docs in place, a batch at a time, and learn nothing from them."""

    name: str

    @abstractmethod
    def annotate(self, docs: Sequence[Doc]) -> None:
        """Annotate a batch of Docs in place. Where that fails, each of them is given again by itself."""

    def __call__(self, doc: Doc) -> Doc:
        """Annotate one Doc."""
        error_handler = self.get_error_handler()
        try:
            self.annotate([doc])
        except Exception as err:
            error_handler(self.name, self, [doc], err)
        return doc

    def pipe(self, stream: Iterable[Doc], *, batch_size: int = 128) -> Iterator[Doc]:
        """Annotate a stream of Docs, a batch at a time.

        Where a batch fails its Docs are tried one by one, so that the error handler gets the bad ones only.
        """
        error_handler = self.get_error_handler()
        for docs in minibatch(stream, size=batch_size):
            try:
                self.annotate(docs)
            except Exception:
                for doc in docs:
                    try:
                        self.annotate([doc])
                    except Exception as err:
                        error_handler(self.name, self, [doc], err)
                    else:
                        yield doc
            else:
                yield from docs
