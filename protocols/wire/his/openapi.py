"""The OpenAPI 3.1 document of the JSON face, made from the table of routes and the models, with the typed examples in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from protocols.wire.his.authentication import (
    INSTITUTION_HEADER,
    KEY_HEADER,
    NONCE_HEADER,
    SIGNATURE_HEADER,
    TIMESTAMP_HEADER,
    WINDOW_S,
)
from protocols.wire.his.examples import EXAMPLES
from protocols.wire.his.fields import MOST_KEY_CHARACTERS
from protocols.wire.his.refusals import REFUSALS
from protocols.wire.his.routes import ROUTES, Route

__all__ = ["document"]

_REF = "#/components/schemas/{model}"
_GATE_STATUSES = (401, 403, 404)
_BODY_STATUSES = (413, 415)

_PROOF = f"""Hexadecimal HMAC-SHA256 under the shared secret over seven lines joined by a line feed: method, target,
{INSTITUTION_HEADER}, {KEY_HEADER} (empty where none is sent), {TIMESTAMP_HEADER} (Unix seconds, within {WINDOW_S} s),
{NONCE_HEADER} (new each time), and the hexadecimal SHA-256 of the body. The reply carries the nonce of its request."""


def document() -> dict[str, Any]:
    """A new document each time: it may be changed."""
    models = {model.__name__: model for route in ROUTES.values() for model in (route.kind.request, route.kind.reply)}
    references, whole = models_json_schema(
        [(model, "validation") for model in models.values()], ref_template=_REF, by_alias=True
    )
    del references
    schemas = cast("dict[str, Any]", whole["$defs"])
    schemas["Refusal"] = _refusal_schema()
    paths: dict[str, dict[str, Any]] = {}
    for route in ROUTES.values():
        paths.setdefault(route.template, {})[route.method.lower()] = _operation(route, schemas)
    requests = {model.__name__ for model in models.values() if not _is_used(model, paths)}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "HIS self-service interface / 社区卫生系统自助服务接口",
            "version": "1.0.0",
            "description": "Operations 1 to 16 of a community HIS for self-service terminals. Amounts are whole fen.",
        },
        "paths": paths,
        "components": {
            "schemas": {name: each for name, each in sorted(schemas.items()) if name not in requests},
            "securitySchemes": {
                "proof": {"type": "apiKey", "in": "header", "name": SIGNATURE_HEADER, "description": _PROOF}
            },
        },
        "security": [{"proof": []}],
    }


def _is_used(model: type[BaseModel], paths: Mapping[str, Any]) -> bool:
    return f'"{_REF.format(model=model.__name__)}"' in repr(paths).replace("'", '"')


def _operation(route: Route, schemas: Mapping[str, Any]) -> dict[str, Any]:
    kind = route.kind
    found: dict[str, Any] = {
        "operationId": kind.operation.value,
        "summary": f"{kind.label.zh} / {kind.label.en}",
        "tags": [f"2.1 #{kind.number}"],
        "parameters": list(_parameters(route, schemas)),
        "responses": dict(_responses(route)),
    }
    description = (kind.request.__doc__ or "").strip()
    if description and not description.startswith("Usage"):
        found["description"] = " ".join(description.split())
    if route.method == "POST":
        body = {name: value for name, value in EXAMPLES[kind.operation].request.items() if name in route.other_fields}
        found["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": _body_schema(route, schemas), "example": body}},
        }
    return found


def _parameters(route: Route, schemas: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    schema = schemas[route.kind.request.__name__]
    example = EXAMPLES[route.operation].request
    for name in route.path_fields:
        yield {
            "name": name,
            "in": "path",
            "required": True,
            "schema": schema["properties"][name],
            "example": example[name],
        }
    if route.method != "POST":
        for name in route.other_fields:
            each: dict[str, Any] = {
                "name": name,
                "in": "query",
                "required": name in schema.get("required", ()),
                "schema": schema["properties"][name],
            }
            yield {**each, "example": example[name]} if name in example else each
    if route.kind.keyed:
        yield {
            "name": "Idempotency-Key",
            "in": "header",
            "required": True,
            "schema": {"type": "string", "pattern": "^[!-~]+$", "minLength": 1, "maxLength": MOST_KEY_CHARACTERS},
            "example": "DG2026112200000001",
        }


def _body_schema(route: Route, schemas: Mapping[str, Any]) -> dict[str, Any]:
    whole = dict(schemas[route.kind.request.__name__])
    whole["properties"] = {
        name: each for name, each in whole.get("properties", {}).items() if name not in route.path_fields
    }
    whole["required"] = [name for name in whole.get("required", ()) if name not in route.path_fields]
    return whole


def _responses(route: Route) -> Iterator[tuple[str, dict[str, Any]]]:
    kind = route.kind
    yield (
        str(route.status),
        {
            "description": f"{kind.label.zh} / {kind.label.en}",
            "headers": {NONCE_HEADER: {"description": "The nonce of the request.", "schema": {"type": "string"}}},
            "content": {
                "application/json": {
                    "schema": {"$ref": _REF.format(model=kind.reply.__name__)},
                    "example": dict(EXAMPLES[kind.operation].reply),
                }
            },
        },
    )
    for status in _refusal_statuses(route):
        codes = [code for code, each in REFUSALS.items() if each.status == status]
        yield (
            str(status),
            {
                "description": "; ".join(f"{code}: {REFUSALS[code].label.en}" for code in codes),
                "content": {
                    "application/json": {
                        "schema": {"$ref": _REF.format(model="Refusal")},
                        "example": {"code": codes[0], "message": str(REFUSALS[codes[0]].label)},
                    }
                },
            },
        )


def _refusal_statuses(route: Route) -> Sequence[int]:
    statuses = {400, *_GATE_STATUSES, 405, 409}
    if route.method == "POST":
        statuses.update(_BODY_STATUSES)
    if route.kind.keyed:
        statuses.add(422)
    return sorted(statuses)


def _refusal_schema() -> dict[str, Any]:
    return {
        "title": "Refusal",
        "type": "object",
        "required": ["code", "message"],
        "properties": {
            "code": {"type": "string", "enum": sorted(REFUSALS)},
            "message": {"type": "string", "description": "Chinese and English, and the place; never a value"},
        },
    }
