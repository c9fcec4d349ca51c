"""What a prediction request has to look like, from the contract: validation with a message per field, and the OpenAPI page.

Not here: whether the entity and hour that are asked for exist (`online`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal
from zoneinfo import ZoneInfo

FieldType = Literal["string", "integer", "number", "boolean"]
MAX_BODY = 64 * 1024
"""Bytes; a request is a key, not a table."""


@dataclass(frozen=True)
class FieldError:
    """What is wrong with one field of the request; `field` is `body` where it isn't a JSON object at all."""

    field: str
    message: str


class InvalidRequest(Exception):
    """The request can't be understood; `errors` says why, field by field."""

    def __init__(self, errors: list[FieldError]) -> None:
        super().__init__("; ".join(f"{error.field}: {error.message}" for error in errors))
        self.errors = errors


@dataclass(frozen=True)
class Key:
    """What is asked for: the entity's values, in the contract's order, and the target time in UTC where there is one."""

    entity: tuple[Any, ...]
    target_time: datetime | None


@dataclass(frozen=True)
class RequestForm:
    """The fields of a request: entity columns with their types, and the target time's name.

    `zone` is what a target time without an offset is in, as in the feature frame.
    """

    entity: Mapping[str, FieldType]
    target_time: str | None
    zone: str | None = None

    def parse(self, body: bytes) -> Key:
        """The key that `body` (JSON) asks for; InvalidRequest with an error for every field that is wrong."""
        try:
            value = json.loads(body)
        except (ValueError, RecursionError):
            raise InvalidRequest([FieldError("body", "is not JSON")]) from None
        if not isinstance(value, dict):
            raise InvalidRequest([FieldError("body", "must be a JSON object")])
        known = [*self.entity, *([self.target_time] if self.target_time else [])]
        errors = [FieldError(name, "is missing") for name in known if name not in value]
        errors += [
            FieldError(str(name)[:100], f"is not a field; fields: {', '.join(known)}") for name in value if name not in known
        ]
        for name, kind in self.entity.items():
            if name in value and not _is(kind, value[name]):
                errors.append(FieldError(name, f"must be {_ARTICLE[kind]}"))
        when: datetime | None = None
        if self.target_time is not None and self.target_time in value:
            when = self._time(value[self.target_time], errors)
        if errors:
            raise InvalidRequest(errors)
        return Key(tuple(value[name] for name in self.entity), when)

    def _time(self, value: object, errors: list[FieldError]) -> datetime | None:
        assert self.target_time is not None
        try:
            if not isinstance(value, str):
                raise ValueError
            when = datetime.fromisoformat(value)
            if when.tzinfo is None:
                when = when.replace(tzinfo=ZoneInfo(self.zone) if self.zone else UTC)
            return when.astimezone(UTC)
        except (ValueError, OverflowError):
            errors.append(FieldError(self.target_time, "must be an ISO 8601 time such as 2013-06-14T09:00:00Z"))
            return None

    def schema(self) -> dict[str, Any]:
        """JSON schema of the request."""
        properties: dict[str, Any] = {name: {"type": kind} for name, kind in self.entity.items()}
        if self.target_time:
            zone = self.zone or "UTC"
            properties[self.target_time] = {"type": "string", "format": "date-time", "description": f"without an offset: {zone}"}
        return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


_ARTICLE = {"string": "a string", "integer": "an integer", "number": "a number", "boolean": "true or false"}


def _is(kind: FieldType, value: object) -> bool:
    if kind == "string":
        return isinstance(value, str)
    if kind == "boolean":
        return isinstance(value, bool)
    if isinstance(value, bool):
        return False
    return isinstance(value, int) if kind == "integer" else isinstance(value, (int, float))


def openapi(use_case: str, form: RequestForm) -> dict[str, Any]:
    """The OpenAPI document of a use case's prediction service."""
    prediction = {
        "type": "object",
        "required": ["id", "prediction", "model_version", "alias", "features", "latency_ms"],
        "properties": {
            "id": {"type": "string", "description": "name of this prediction in the log; outcomes join by it"},
            "prediction": {"type": ["number", "string", "boolean"]},
            "model_version": {"type": "integer"},
            "alias": {"type": "string"},
            "prediction_time": {"type": ["string", "null"], "format": "date-time"},
            "target_time": {"type": ["string", "null"], "format": "date-time"},
            "features": {"type": "object", "description": "the model's input, as the features stage made it"},
            "latency_ms": {"type": "number"},
        },
    }
    error = {
        "type": "object",
        "required": ["error"],
        "properties": {
            "error": {
                "type": "object",
                "required": ["kind", "message"],
                "properties": {
                    "kind": {"type": "string"},
                    "message": {"type": "string"},
                    "fields": {"type": "array", "items": {"type": "object"}},
                },
            }
        },
    }

    def answer(text: str, schema: str) -> dict[str, Any]:
        return {"description": text, "content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}}

    return {
        "openapi": "3.1.0",
        "info": {"title": f"{use_case}: predictions", "version": "1"},
        "paths": {
            "/predict": {
                "post": {
                    "requestBody": {
                        "required": True,
                        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Request"}}},
                    },
                    "responses": {
                        "200": answer("the champion's prediction", "Prediction"),
                        "404": answer("no such entity or target time", "Error"),
                        "413": answer("the request is too large", "Error"),
                        "422": answer("the request is not valid; `fields` says where", "Error"),
                        "503": answer("the prediction can't be made or recorded", "Error"),
                    },
                }
            },
            "/healthz": {"get": {"responses": {"200": {"description": "what is served"}}}},
            "/metrics": {"get": {"responses": {"200": {"description": "Prometheus text"}}}},
        },
        "components": {"schemas": {"Request": form.schema(), "Prediction": prediction, "Error": error}},
    }
