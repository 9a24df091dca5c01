"""`/api/docs`: the API's description as a page of our own, made from the document itself."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, Request
from markupsafe import Markup, escape
from starlette.responses import Response

from alerts.web.site import CurrentSite

router = APIRouter(include_in_schema=False)
_METHODS = ("get", "post", "put", "patch", "delete")
_REF = "#/components/schemas/"
_DEEPEST = 3


@dataclass(frozen=True, slots=True)
class FieldLine:
    """A field of a document, or a parameter: its place, what it holds, what is to be known."""

    name: str
    kind: str
    about: str
    required: bool
    where: str = ""


@dataclass(frozen=True, slots=True)
class AnswerLine:
    """A status that an operation answers with; `shape` is the name of the document."""

    status: str
    about: str
    shape: str


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing that can be asked for, as the page shows it."""

    anchor: str
    method: str
    path: str
    summary: str
    about: str
    scope: str
    takes_push: bool
    parameters: tuple[FieldLine, ...]
    takes: str
    fields: tuple[FieldLine, ...]
    answers: tuple[AnswerLine, ...]
    example: str


@dataclass(frozen=True, slots=True)
class Group:
    """The operations about one thing."""

    name: str
    about: str
    operations: tuple[Operation, ...]


@dataclass(frozen=True, slots=True)
class Shape:
    """A document that is given or taken, field by field."""

    name: str
    about: str
    fields: tuple[FieldLine, ...]


@router.get("/docs")
def docs(request: Request, site: CurrentSite) -> Response:
    """Show the documentation, rendered here: nothing is fetched from elsewhere."""
    document = request.app.openapi()
    context = {
        "title": document["info"]["title"],
        "version": document["info"]["version"],
        "groups": groups_of(document, base_url=site.runtime.settings.base_url),
        "shapes": shapes_of(document),
        "marked": marked,
    }
    return site.pages.page("api_docs.html", context)


def marked(text: str) -> Markup:
    """Return a line of the description with what stands between backticks as code."""
    parts = str(escape(text)).split("`")
    return Markup("".join(f"<code>{one}</code>" if n % 2 else one for n, one in enumerate(parts)))  # noqa: S704 - escaped above


def groups_of(document: Mapping[str, Any], *, base_url: str) -> list[Group]:
    """Return all operations by what they are about, in the order of the description."""
    operations = list(_operations(document, base_url))
    return [
        Group(
            tag["name"],
            tag["description"],
            tuple(one for name, one in operations if name == tag["name"]),
        )
        for tag in document["tags"]
    ]


def shapes_of(document: Mapping[str, Any]) -> list[Shape]:
    """Return the documents that operations give and take, by name."""
    schemas = document["components"]["schemas"]
    return [
        Shape(name, schema.get("description", ""), tuple(_fields(schema)))
        for name, schema in sorted(schemas.items())
        if schema.get("properties")
    ]


def _operations(document: Mapping[str, Any], base_url: str) -> Iterator[tuple[str, Operation]]:
    schemas = document["components"]["schemas"]
    for path, found in document["paths"].items():
        for method in (one for one in _METHODS if one in found):
            yield (
                found[method]["tags"][0],
                _operation(method, path, found[method], schemas, base_url),
            )


def _operation(
    method: str,
    path: str,
    operation: Mapping[str, Any],
    schemas: Mapping[str, Any],
    base_url: str,
) -> Operation:
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    taken = _schema_name(body.get("schema", {}))
    security = operation["security"]
    return Operation(
        anchor=f"{method}-{path.strip('/').replace('/', '-').replace('{', '').replace('}', '')}",
        method=method.upper(),
        path=f"/api{path}",
        summary=operation["summary"],
        about=operation["description"],
        scope=security[0]["token"][0],
        takes_push=len(security) > 1,
        parameters=tuple(_parameter(one, schemas) for one in operation.get("parameters", [])),
        takes=taken,
        fields=tuple(_fields(schemas.get(taken, {}))),
        answers=tuple(_answers(operation["responses"])),
        example=_curl(method, path, operation, schemas.get(taken, {}), base_url),
    )


def _parameter(one: Mapping[str, Any], schemas: Mapping[str, Any]) -> FieldLine:
    schema = one["schema"]
    about = one.get("description") or schema.get("description", "")
    if named := schemas.get(_schema_name(schema)):
        # One of a few words: these are what somebody wants to see.
        schema = named
    # It is left out rather than null.
    kind = _kind(schema).removesuffix(" or null")
    return FieldLine(one["name"], kind, about, bool(one.get("required")), one["in"])


def _fields(schema: Mapping[str, Any]) -> Iterator[FieldLine]:
    required = schema.get("required", [])
    for name, inner in schema.get("properties", {}).items():
        yield FieldLine(name, _kind(inner), inner.get("description", ""), name in required)


def _answers(responses: Mapping[str, Any]) -> Iterator[AnswerLine]:
    for status, response in responses.items():
        content: Mapping[str, Any] = next(iter(response.get("content", {}).values()), {})
        phrase = HTTPStatus(int(status)).phrase
        about = response["description"]
        yield AnswerLine(f"{status} {phrase}", about, _schema_name(content.get("schema", {})))


def _schema_name(schema: Mapping[str, Any]) -> str:
    """Return the name of the document that a schema refers to, also through a list or a choice."""
    if "$ref" in schema:
        return str(schema["$ref"]).removeprefix(_REF)
    if "items" in schema:
        return _schema_name(schema["items"])
    return next(filter(None, map(_schema_name, schema.get("anyOf", []))), "")


def _kind(schema: Mapping[str, Any]) -> str:
    """Return in a few words what a value is."""
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(_kind(one) for one in schema["anyOf"]))
    if "$ref" in schema:
        return str(schema["$ref"]).removeprefix(_REF)
    if "enum" in schema:
        return " | ".join(f"“{one}”" for one in schema["enum"])
    kind = str(schema.get("type", "anything"))
    if kind == "array":
        return f"list of {_kind(schema.get('items', {}))}"
    words = [kind, *([f"({schema['format']})"] if "format" in schema else [])]
    limits = [
        f"{word} {schema[name]}"
        for name, word in (("minimum", "from"), ("maximum", "to"), ("maxLength", "at most"))
        if name in schema and len(str(schema[name])) < len("9223372036854775807")
    ]
    return " ".join([*words, *limits])


def _curl(
    method: str,
    path: str,
    operation: Mapping[str, Any],
    taken: Mapping[str, Any],
    base_url: str,
) -> str:
    """Return a request that can be pasted into a terminal."""
    for one in operation.get("parameters", []):
        if one["in"] == "path":
            path = path.replace(f"{{{one['name']}}}", str(_example(one["schema"], {}, 0)))
    lines = [f"curl -H 'Authorization: Bearer gpa_…'{_flag(method)} {base_url}/api{path}"]
    if required := _sample(taken):
        lines.append("  -H 'Content-Type: application/json'")
        lines.append(f"  -d '{json.dumps(required, ensure_ascii=False)}'")
    return " \\\n".join(lines)


def _flag(method: str) -> str:
    return "" if method == "get" else f" -X {method.upper()}"


def _sample(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return an example of a document, or the fields that have to be given, with one for each."""
    if whole := schema.get("examples"):
        return dict(whole[0])
    properties = schema.get("properties", {})
    return {name: _example(properties[name], {}, 0) for name in schema.get("required", [])}


def _example(schema: Mapping[str, Any], parent: Mapping[str, Any], depth: int) -> object:
    examples = schema.get("examples") or parent.get("examples")
    if examples:
        return examples[0]
    if "anyOf" in schema and depth < _DEEPEST:
        return _example(schema["anyOf"][0], schema, depth + 1)
    if "enum" in schema:
        return schema["enum"][0]
    empty: dict[str, object] = {"integer": 1, "array": [], "object": {}, "boolean": True}
    return empty.get(str(schema.get("type")), "…")
