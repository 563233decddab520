"""Says where two answers differ in what a program or a person notices; what is random is made comparable.

A public name, a token or an id at Stripe that was made during the walk is called by the step that showed it
first. Of a page count its text, its links, fields, ids and `hx-` attributes, and drawings that say something;
classes, icons and white space do not.
"""

import difflib
import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from html.parser import HTMLParser
from http import HTTPStatus
from itertools import filterfalse
from typing import Any

Answer = Mapping[str, Any]
_MADE = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
    r"|(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])"
    r"|bpk_[A-Za-z0-9]+|(?:pm|seti|cus|evt|mandate|setatt)_[A-Za-z0-9]{14,}(?:_secret_[A-Za-z0-9]+)?"
)
_CODE_OF_MAIL = re.compile(r"(?<![\w-])[\w-]{30,64}(?![\w-])")
_METHODS = {"get", "put", "post", "delete", "patch"}
_CSRF = re.compile(r'("X-CSRFToken": ?"|name="csrf_token"[^>]*value=")[^"]+')
_STATIC_DIGEST = re.compile(r"(/static/[^\s\"'?>]+)\?[^\s\"'>]+")
_HEADERS_LEFT_OUT = {"Date", "X-Request-Id", "Content-Length", "Server"}
_ATTRIBUTES_LEFT_OUT = {"class", "style", "integrity", "viewbox"}
_ALWAYS_SHOWN = {
    "h1",
    "h2",
    "h3",
    "h4",
    "button",
    "form",
    "th",
    "td",
    "li",
    "tr",
    "table",
    "dt",
    "dd",
    "option",
    "title",
}
_VOID = {"input", "meta", "link", "br", "img", "hr"}


class Veil:
    """Gives what one side made at random a name that the other side's has, too."""

    def __init__(self, known: Collection[str]) -> None:
        self._names = {text: text for text in known}

    def over(self, text: str, step: int) -> str:
        count = 0

        def name(match: re.Match[str]) -> str:
            nonlocal count
            if match[0] not in self._names:
                count += 1
                kind = match[0].partition("_")[0] if "_" in match[0] else "name"
                self._names[match[0]] = f"<{kind} {count} of step {step}>"
            return self._names[match[0]]

        return _MADE.sub(name, text)

    def lines(self, answer: Answer, step: int, path: str) -> list[str]:
        """Return everything that counts of an answer."""
        headers = [(name, _header(name, value)) for name, value in answer["headers"]]
        body = answer.get("text", answer.get("bytes", ""))
        if path == "/openapi.json" and answer["status"] == HTTPStatus.OK:
            body = "\n".join(description_lines(json.loads(body))) if body else ""
            headers = [(name, value) for name, value in headers if name != "ETag"]
            answer = {**answer, "kind": "text/plain"}
        if path == "/demo/mails":
            body = _CODE_OF_MAIL.sub("<code>", body)
        head = [f"status: {answer['status']}"]
        head += [f"{name}: {value}" for name, value in headers if name not in _HEADERS_LEFT_OUT]
        text = "\n".join(head) + f"\n\0{body}"
        request_id = dict(headers).get("X-Request-Id", "")
        text = text.replace(request_id, "<request id>") if request_id else text
        shown, _, body = self.over(text, step).partition("\n\0")
        return shown.split("\n") + _body_lines(body, answer["kind"])


def _header(name: str, value: str) -> str:
    if name == "Set-Cookie":
        return re.sub(r"^(\w+)=[^;]+", r"\1=…", re.sub(r"(?i)(expires|max-age)=[^;]+", "Expires=…", value))
    if name == "Allow":  # comes out of a set
        return ", ".join(sorted(value.split(", ")))
    return value


def _body_lines(body: str, kind: str) -> list[str]:
    if kind == "text/html":
        return page_lines(body)
    if kind == "application/json":
        return [*_pretty(body), f"body: {body}"]  # the same values in other bytes differ, too
    return body.split("\n")


def _pretty(body: str) -> list[str]:
    try:
        return json.dumps(json.loads(body), indent=0, ensure_ascii=False).split("\n")
    except ValueError:
        return []


def differences(old: Sequence[str], new: Sequence[str]) -> list[str]:
    """Return the lines of a unified diff of one side alone; the whole body only if nothing else is."""
    diff = [*difflib.unified_diff(old, new, lineterm="", n=0)][2:]
    changed = [*filterfalse(_is_place, diff)]
    return [*filterfalse(_is_whole_body, changed)] or changed


def _is_place(line: str) -> bool:
    return line.startswith("@@")


def _is_whole_body(line: str) -> bool:
    return line[1:].startswith("body: ")


# -- pages --------------------------------------------------------------------------------------------
def page_lines(html: str) -> list[str]:
    """Return what a person or a script notices of a page, a line for each element and each text."""
    reader = _PageReader()
    reader.feed(_STATIC_DIGEST.sub(r"\1", _CSRF.sub(r"\1…", html)))
    reader.close()
    reader.end_text()
    return reader.lines


class _PageReader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []
        self._text = ""
        self._in_icon = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._text += " "  # white space between elements is the template's affair
        if self._in_icon or (tag == "svg" and "aria-label" not in dict(attrs)):
            self._in_icon += tag == "svg"
            return
        kept = sorted((name, value or "") for name, value in attrs if name not in _ATTRIBUTES_LEFT_OUT)
        if kept or tag in _ALWAYS_SHOWN:
            self.end_text()
            words = [tag, *(f'{name}="{_plain(value)}"' for name, value in kept)]
            self.lines.append(f"<{' '.join(words)}>")

    def handle_endtag(self, tag: str) -> None:
        self._text += " "
        if self._in_icon:
            self._in_icon -= tag == "svg"
        elif tag in _ALWAYS_SHOWN:
            self.end_text()

    def handle_data(self, data: str) -> None:
        if not self._in_icon:
            self._text += data

    def end_text(self) -> None:
        text = " ".join(self._text.split())
        if text:
            self.lines.append(text)
        self._text = ""


def _plain(value: str) -> str:
    """Return the value of an attribute without what its layout adds."""
    settings = _pretty(value) if value.startswith("{") else ()
    return " ".join("".join(settings or value).split())


# -- the description of the JSON faces ------------------------------------------------------------------
def description_lines(document: Mapping[str, Any]) -> list[str]:
    """Return each path, parameter, status, key and type of an OpenAPI document, sorted; no words."""
    lines: set[str] = set()
    for path, item in document["paths"].items():
        for method in item.keys() & _METHODS:
            shared = item.get("parameters", [])
            lines.update(_operation_lines(document, f"{method.upper()} {path}", item[method], shared))
    return sorted(lines)


def _operation_lines(
    document: Mapping[str, Any], name: str, operation: Mapping[str, Any], shared: Sequence[Any]
) -> Iterator[str]:
    yield f"{name} security {json.dumps(operation.get('security'), sort_keys=True)}"
    yield from _parameter_lines(document, name, [*shared, *operation.get("parameters", [])])
    yield from _content_lines(document, f"{name} body", _resolved(document, operation.get("requestBody", {})))
    for status, response in operation.get("responses", {}).items():
        answer = _resolved(document, response)
        yield f"{name} {status}"
        yield from _content_lines(document, f"{name} {status}", answer)
        yield from (f"{name} {status} header {header}" for header in answer.get("headers", {}))


def _parameter_lines(document: Mapping[str, Any], name: str, parameters: Sequence[Any]) -> Iterator[str]:
    for parameter in (_resolved(document, each) for each in parameters):
        place = f"{name} {parameter['in']} {parameter['name']}"
        yield f"{place} required={parameter.get('required', False)}"
        yield from _schema_lines(document, place, parameter.get("schema", {}))


def _content_lines(document: Mapping[str, Any], name: str, holder: Mapping[str, Any]) -> Iterator[str]:
    for kind, media in holder.get("content", {}).items():
        yield f"{name} {kind}"
        yield from _schema_lines(document, f"{name} {kind}", media.get("schema", {}))


def _resolved(document: Mapping[str, Any], value: Mapping[str, Any]) -> Mapping[str, Any]:
    while "$ref" in value:
        found: Any = document
        for part in value["$ref"].removeprefix("#/").split("/"):
            found = found[part.replace("~1", "/").replace("~0", "~")]
        value = {**found, **{name: each for name, each in value.items() if name != "$ref"}}
    return value


def _schema_lines(
    document: Mapping[str, Any], name: str, schema: Any, above: tuple[str, ...] = ()
) -> Iterator[str]:
    """Yield types and keys. `above` stops what contains itself."""
    if not isinstance(schema, Mapping):
        yield f"{name}: {schema}"
        return
    reference = schema.get("$ref")
    if reference in above:
        return
    above = (*above, reference) if reference else above
    schema = _resolved(document, schema)
    yield from _type_lines(name, schema)
    for part, inner in _inner_schemas(name, schema):
        yield from _schema_lines(document, part, inner, above)


def _type_lines(name: str, schema: Mapping[str, Any]) -> Iterator[str]:
    kinds = schema.get("type", [])
    yield from (f"{name}: {kind}" for kind in ([kinds] if isinstance(kinds, str) else kinds))
    yield from (f"{name}: {word} {schema[word]}" for word in ("format", "pattern") if word in schema)
    choices = schema.get("enum", [schema["const"]] if "const" in schema else [])
    yield from (f"{name}: null" if choice is None else f"{name}: one of {choice!r}" for choice in choices)
    required = schema.get("required", [])
    yield from (f"{name}.{key}{'' if key in required else '?'}" for key in schema.get("properties", {}))


def _inner_schemas(name: str, schema: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for word in ("anyOf", "oneOf", "allOf"):
        yield from ((name, variant) for variant in schema.get(word, []))
    yield from ((f"{name}.{key}", value) for key, value in schema.get("properties", {}).items())
    for word, suffix in (("items", "[]"), ("additionalProperties", ".*")):
        if isinstance(schema.get(word), Mapping):
            yield f"{name}{suffix}", schema[word]
