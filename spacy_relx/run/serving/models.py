"""Requests and answers as pydantic models: requests are checked by them, and /openapi.json describes both."""

# No `from __future__ import annotations` here: pydantic reads annotations.
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, NonNegativeInt, model_validator

from ...data.ids import document_id

#: Longest id that is given back, and longest language code that is taken, in characters.
MAX_ID, MAX_LANG = 1000, 35
Id = Annotated[Annotated[str, Field(max_length=MAX_ID)] | int | None, AfterValidator(document_id)]


class _Strict(BaseModel):
    """No value of another type is made to fit, and no key is passed over: it may be a misspelt one."""

    model_config = ConfigDict(extra="forbid", strict=True)


class TextItem(_Strict):
    """A text; a string stands for one without lang and id."""

    text: str
    lang: str | None = Field(None, description='A code such as "en" or "pt-BR"')
    id: Id = Field(None, description="Given back as it is; without one, the place in texts, from 0")

    @model_validator(mode="before")
    @classmethod
    def _of_string(cls, value: Any) -> Any:
        return {"text": value} if isinstance(value, str) else value


class ExtractRequest(_Strict):
    """The body of POST /extract."""

    texts: Annotated[list[TextItem], Field(fail_fast=True)]

    @classmethod
    def schema_of(cls, max_texts: int) -> dict[str, Any]:
        """Its JSON Schema, without references to others."""
        item = {"anyOf": [{"type": "string"}, TextItem.model_json_schema()]}
        schema = cls.model_json_schema()
        del schema["$defs"]
        schema["properties"]["texts"].update(items=item, maxItems=max_texts)
        return schema


class SpanRecord(BaseModel):
    """A piece of a text; offsets count its characters."""

    text: str
    start: NonNegativeInt
    end: NonNegativeInt


class MentionRecord(SpanRecord):
    label: str
    kb_id: str | None = None


class _Scored(BaseModel):
    label: str
    score: float
    kb_score: float | None = None
    known: bool | None = None
    kb_rank: float | None = None


class RelationRecord(_Scored):
    """head and tail are places in the list of mentions, from 0."""

    head: NonNegativeInt
    tail: NonNegativeInt


class EvidenceRecord(SpanRecord):
    """A sentence: start and end are its place in the text, those of head and tail their places in it."""

    head: SpanRecord
    tail: SpanRecord
    weight: float
    lang: str


class FactRecord(_Scored):
    head: str
    tail: str
    head_text: str
    tail_text: str
    evidence: list[EvidenceRecord]


class PredictionRecord(BaseModel):
    id: str | int
    text: str
    lang: str
    mentions: list[MentionRecord]
    relations: list[RelationRecord]
    meta: dict[str, Any] | None = None
    facts: list[FactRecord] | None = None


class ErrorRecord(BaseModel):
    code: str
    message: str


class ErrorAnswer(BaseModel):
    """A request that is refused as a whole."""

    error: ErrorRecord


class TextError(ErrorAnswer):
    """A text that cannot be used."""

    id: str | int


class ExtractAnswer(BaseModel):
    """For each text, in order."""

    results: list[PredictionRecord | TextError]


class Health(BaseModel):
    status: Literal["ok"] = "ok"


class Info(BaseModel):
    name: str
    version: str
    spacy_relx: str
    langs: list[str]
    labels: dict[str, list[str]]
    limits: dict[str, NonNegativeInt]


def responses(ok: type[BaseModel], **errors: str) -> dict[int | str, dict[str, Any]]:
    """The answers of an address: that to a good request, and what each error status (`_413`) means."""
    refused: dict[int | str, dict[str, Any]] = {
        int(name[1:]): {"model": ErrorAnswer, "description": text} for name, text in errors.items()
    }
    return {200: {"model": ok, "description": "The answer"}, **refused}
