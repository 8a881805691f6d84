"""Requests and answers, as JSON Schema for /openapi.json."""

from __future__ import annotations

from typing import Any

from .requests import MAX_ID, Limits

_STRING: dict[str, Any] = {"type": "string"}
_NUMBER: dict[str, Any] = {"type": "number"}
_COUNT: dict[str, Any] = {"type": "integer", "minimum": 0}
_ID: dict[str, Any] = {"type": ["string", "integer", "null"], "maxLength": MAX_ID}
_SUPPORT: dict[str, Any] = {"kb_score": _NUMBER, "known": {"type": "boolean"}, "kb_rank": _NUMBER}


def _list(of: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": of}


def _object(properties: dict[str, Any], optional: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """An object with these properties, required ones first."""
    return {"type": "object", "properties": {**properties, **(optional or {})}, "required": list(properties), **more}


_SPAN = {"text": _STRING, "start": _COUNT, "end": _COUNT}
_MENTION = _object({**_SPAN, "label": _STRING}, {"kb_id": _STRING}, description="Offsets count characters of the text.")
_RELATION = _object(
    {"head": _COUNT, "label": _STRING, "tail": _COUNT, "score": _NUMBER},
    _SUPPORT,
    description="head and tail are places in the list of mentions, from 0.",
)
_EVIDENCE = _object(
    {**_SPAN, "head": _object(_SPAN), "tail": _object(_SPAN), "weight": _NUMBER, "lang": _STRING},
    description="A sentence: start and end are its place in the text; those of head and tail their places in it.",
)
_FACT = _object(
    {
        **dict.fromkeys(("head", "label", "tail"), _STRING),
        "score": _NUMBER,
        **dict.fromkeys(("head_text", "tail_text"), _STRING),
        "evidence": _list(_EVIDENCE),
    },
    _SUPPORT,
)
_PREDICTION = _object(
    {"id": _ID, "text": _STRING, "lang": _STRING, "mentions": _list(_MENTION), "relations": _list(_RELATION)},
    {"meta": {"type": "object"}, "facts": _list(_FACT)},
)
_ERROR = {"error": _object({"code": _STRING, "message": _STRING})}
_TEXT = _object(
    {"text": _STRING},
    {"lang": {"type": ["string", "null"]}, "id": _ID},
    additionalProperties=False,
)

ERROR = _object(_ERROR)
ANSWER = _object({"results": _list({"anyOf": [_PREDICTION, _object({"id": _ID, **_ERROR})]})})
HEALTH = _object({"status": {"const": "ok"}})
INFO = _object(
    {
        **dict.fromkeys(("name", "version", "spacy_relx"), _STRING),
        "langs": _list(_STRING),
        "labels": {"type": "object", "additionalProperties": _list(_STRING)},
        "limits": {"type": "object", "additionalProperties": _COUNT},
    }
)


def request_schema(limits: Limits) -> dict[str, Any]:
    """The body of POST /extract."""
    texts = {**_list({"anyOf": [_STRING, _TEXT]}), "maxItems": limits.max_texts}
    return _object({"texts": texts}, additionalProperties=False)


def json_content(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema of a body that is JSON, as OpenAPI has it."""
    return {"content": {"application/json": {"schema": schema}}}


def responses(ok: dict[str, Any], **errors: str) -> dict[int | str, dict[str, Any]]:
    """The answers of an address: that to a good request, and what each error status (`_413`) means."""
    described: dict[int | str, dict[str, Any]] = {
        int(name[1:]): {"description": text, **json_content(ERROR)} for name, text in errors.items()
    }
    return {200: {"description": "The answer", **json_content(ok)}, **described}
