"""The pipeline as a function of Arrow's record batches, for data frames of any engine."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

from ..data.loading import pipeline_of_process
from ..formats.texts import FIELDS, Broken, Fields, Text, item_of_row
from ..writers.from_docs import check_what
from .documents import Extraction, check_what_is_found
from .tables import nested_batch, nested_schema

if TYPE_CHECKING:
    from spacy.language import Language


class Annotator:
    """A function from record batches of texts to record batches of documents with their triples.

    For Spark: `frame.mapInArrow(annotator, annotator.ddl)`; for Ray Data: `dataset.map_batches(annotator.table,
    batch_format="pyarrow")`; or for anything that gives `pyarrow.RecordBatch`. A row in gives a row out, in the same
    order, also where the text cannot be used: then `error` says why. The pipeline is loaded where the function runs,
    once a process: what travels is this object's settings.
    """

    def __init__(
        self,
        model: str,
        *,
        what: str = "all",
        batch_size: int = 256,
        fields: Fields = FIELDS,
        code: str | None = None,
        threads: int = 1,
    ):
        """
        model: folder (that each process can read) or name of a pipeline. what: "relations", "facts" or "all". fields:
        the names of the columns with the text, the id and the language; the last two may be absent, and a row without
        an id has the number of the row in what its process has seen. code: a Python file to import first. threads: of
        PyTorch, in each process.
        RAISES: RelxError RX021 for another `what`; when called, RX180 for a pipeline that cannot be loaded.
        """
        check_what(what)
        self.model, self.what, self.batch_size, self.fields, self.code = model, what, batch_size, fields, code
        self.threads = threads

    @property
    def schema(self) -> Any:
        """The `pyarrow.Schema` of what is given: document, lang, characters, triples (a list of structs), error."""
        return nested_schema()

    @property
    def ddl(self) -> str:
        """The same schema as Spark reads it."""
        return ", ".join(f"{field.name} {_spark_type(field.type)}" for field in self.schema)

    @property
    def nlp(self) -> Language:
        """The pipeline, loaded when this process first asks for it.

        Raises:
            RelxError: RX531 where it finds nothing.
        """
        nlp = pipeline_of_process(self.model, self.code, self.threads)
        check_what_is_found(nlp, self.what)
        return nlp

    def __call__(self, batches: Iterator[Any]) -> Iterator[Any]:
        """batches: `pyarrow.RecordBatch`es. RETURNS: as many documents, in record batches of `schema`."""
        extraction = Extraction(self.nlp, what=self.what, batch_size=self.batch_size)
        documents = extraction(self._texts(batches))
        while part := list(islice(documents, self.batch_size)):
            yield nested_batch(part)

    def table(self, table: Any) -> Any:
        """The same for one `pyarrow.Table`."""
        import pyarrow as pa

        batches: list[Any] = list(self(iter(table.to_batches())))
        return pa.Table.from_batches(batches, schema=self.schema)

    def _texts(self, batches: Iterator[Any]) -> Iterator[Text | Broken]:
        number = 0
        for batch in batches:
            for row in batch.select([name for name in self.fields if name in batch.schema.names]).to_pylist():
                number += 1
                yield item_of_row(row, None, f"row {number}", self.fields)


def _spark_type(type: Any) -> str:
    import pyarrow.types as types

    if types.is_list(type):
        return f"array<{_spark_type(type.value_type)}>"
    if types.is_struct(type):
        return f"struct<{', '.join(f'{field.name}: {_spark_type(field.type)}' for field in type)}>"
    return {"string": "string", "double": "double", "int64": "bigint", "bool": "boolean"}[str(type)]
