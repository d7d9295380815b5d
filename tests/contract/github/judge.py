"""GitHub's own OpenAPI description as judge of what is sent to the embedded GitHub and of what it answers.

Put it between client and server: `httpx.AsyncClient(transport=Judge(httpx.ASGITransport(github.app)), ...)`, or ask
`judge_webhook(event, action, payload)`. What does not fit raises `Misfit`, an AssertionError, at the request itself.
"""

import json
import lzma
import re
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from urllib.parse import parse_qsl

import httpx
from jsonschema import Draft202012Validator, FormatChecker, ValidationError
from jsonschema.exceptions import best_match

from tests.contract.github.shrink import ASSET

FORMATS = FormatChecker(formats=())


@FORMATS.checks("date-time")
def _is_time(value: object) -> bool:
    return not isinstance(value, str) or bool(
        re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", value)
    )


@FORMATS.checks("uri")
def _is_uri(value: object) -> bool:
    return not isinstance(value, str) or bool(re.fullmatch(r"[a-z][a-z0-9+.-]*:[^\s\[\]{}]*", value))


class Misfit(AssertionError):  # noqa: N818
    """Something that GitHub's description does not allow."""


def converted(value: Any) -> Any:
    """OpenAPI 3.0's `nullable` in the words of JSON Schema."""
    if isinstance(value, list):
        return [converted(x) for x in value]
    if not isinstance(value, dict):
        return value
    out = {k: converted(v) for k, v in value.items() if k != "nullable"}
    if value.get("nullable") is not True:
        return out
    return {"anyOf": [out, {"type": "null"}]}


@dataclass(frozen=True)
class Operation:
    """One operation of the description."""

    method: str
    path: str
    pattern: re.Pattern[str]
    spec: dict[str, Any] = field(repr=False)

    @property
    def name(self) -> str:
        """`get /repos/{owner}/{repo}/issues`."""
        return f"{self.method} {self.path}"


class Description:
    """The shipped part of GitHub's description, ready to judge."""

    def __init__(self) -> None:
        whole = json.loads(lzma.decompress(ASSET.read_bytes()))
        self.components = converted(whole["components"])
        self.webhooks = converted(whole.get("x-webhooks", {}))
        _as_lived(self.components["schemas"])
        found = [
            Operation(method, path, _pattern(path), converted(spec))
            for path, operations in whole["paths"].items()
            for method, spec in operations.items()
        ]
        for operation in found:
            _as_recorded(operation)
        # The path with the fewest parameters speaks first: /issues/comments before /issues/{issue_number}.
        self.operations = sorted(found, key=lambda x: (x.path.count("{"), -len(x.path)))
        self._validators: dict[int, tuple[Any, Draft202012Validator]] = {}

    def find(self, method: str, path: str) -> Operation | None:
        """The operation a request is for."""
        return next(
            (x for x in self.operations if x.method == method.lower() and x.pattern.fullmatch(path)), None
        )

    def resolve(self, value: dict[str, Any]) -> dict[str, Any]:
        """Follow a `$ref` to a component."""
        while "$ref" in value:
            _, _, kind, name = value["$ref"].split("/")
            value = self.components[kind][name]
        return value

    def faults(self, schema: dict[str, Any], value: object) -> list[str]:
        """What is wrong with a value, in words."""
        if id(schema) not in self._validators:
            rooted = {"allOf": [schema], "components": self.components}
            # The schema is kept beside its validator so that its id stays its own.
            self._validators[id(schema)] = (schema, Draft202012Validator(rooted, format_checker=FORMATS))
        found = self._validators[id(schema)][1].iter_errors(value)
        return [_words(x) for x in found]


def _words(fault: ValidationError) -> str:
    """The innermost reason, which is what one has to mend."""
    inner = best_match([fault]) or fault
    reasons = " / ".join(f"{x.json_path}: {x.message[-150:]}" for x in inner.context or [])
    return f"{inner.json_path}: {reasons or inner.message[-300:]}"


def _as_lived(schemas: dict[str, Any]) -> None:
    """Two more of those: a pull request whose fork is gone has no repository at its head, and a label may lack a description."""
    head = schemas["pull-request"]["properties"]["head"]["properties"]
    head["repo"] = {"anyOf": [head["repo"], {"type": "null"}]}
    label = schemas["pull-request-simple"]["properties"]["labels"]["items"]["properties"]
    label["description"] = {"type": ["string", "null"]}


def _as_recorded(operation: Operation) -> None:
    """Two places where the description is at odds with what GitHub sends, by its own recorded examples."""
    if operation.name == "get /search/issues":
        schema = operation.spec["responses"]["200"]["content"]["application/json"]["schema"]
        schema["required"].remove("search_type")
    if operation.name == "get /app/installations":
        schema = operation.spec["responses"]["200"]["content"]["application/json"]["schema"]
        account = schema["items"]["properties"]["account"]["anyOf"][0]
        account["anyOf"] = account.pop("allOf")  # an account is a user or an enterprise, not both


def _pattern(path: str) -> re.Pattern[str]:
    loose = {"path", "ref", "sha", "basehead", "name", "tree_sha", "branch"}
    parts = re.split(r"(\{\w+\})", path)
    return re.compile("".join(_part(x, loose) for x in parts))


def _part(text: str, loose: set[str]) -> str:
    if not text.startswith("{"):
        return re.escape(text)
    name = text[1:-1]
    if name in loose:
        return ".+"
    return r"\d+" if name.endswith(("_number", "_id")) else "[^/]+"


@cache
def description() -> Description:
    """The description, read once a process."""
    return Description()


class Judge(httpx.AsyncBaseTransport):
    """A transport that checks every request and every answer."""

    def __init__(self, inner: httpx.AsyncBaseTransport, *, prefix: str = "") -> None:
        self.inner = inner
        self.prefix = prefix
        self.seen: set[str] = set()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Check, pass on, check."""
        await request.aread()
        path = request.url.path.removeprefix(self.prefix)
        path = re.sub(r"^/repositories/\d+", "/repos/any/any", path)
        operation = description().find(request.method, path)
        answer = await self.inner.handle_async_request(request)
        body = await answer.aread()
        if operation is None:
            if path.startswith(("/graphql", "/login/", "/settings/")):
                return answer
            raise Misfit(f"GitHub has no {request.method} {path}")
        if answer.status_code < 400:
            judge_request(operation, request)
            self.seen.add(operation.name)
        judge_answer(operation, answer, body)
        return answer

    async def aclose(self) -> None:
        """Close what is inside."""
        await self.inner.aclose()


def judge_request(operation: Operation, request: httpx.Request) -> None:
    """Raise Misfit for parameters or a body that GitHub does not know."""
    book = description()
    parameters = [book.resolve(x) for x in operation.spec.get("parameters", [])]
    known = {x["name"]: x for x in parameters if x["in"] == "query"}
    for name, value in parse_qsl(request.url.query.decode(), keep_blank_values=True):
        if name not in known:
            raise Misfit(f"{operation.name} has no parameter {name!r}")
        _judge_parameter(operation, known[name], value)
    wanted = operation.spec.get("requestBody")
    if not request.content:
        if wanted and wanted.get("required"):
            raise Misfit(f"{operation.name} needs a body")
        return
    if wanted is None:
        raise Misfit(f"{operation.name} takes no body")
    content = wanted["content"].get("application/json")
    faults = book.faults(content["schema"], json.loads(request.content)) if content else []
    if faults:
        raise Misfit(f"{operation.name}: the body sent does not fit: {faults[:3]}")


def _judge_parameter(operation: Operation, parameter: dict[str, Any], value: str) -> None:
    schema = parameter["schema"]
    kind = description().resolve(schema).get("type")
    read: object = int(value) if kind == "integer" and value.lstrip("-").isdigit() else value
    if kind == "boolean":
        read = {"true": True, "false": False}.get(value, value)
    faults = description().faults(schema, read)
    if faults:
        raise Misfit(f"{operation.name}: parameter {parameter['name']}={value!r}: {faults[:2]}")


def judge_answer(operation: Operation, answer: httpx.Response, body: bytes) -> None:
    """Raise Misfit for a status or a body that GitHub does not describe."""
    book = description()
    spec = operation.spec["responses"].get(str(answer.status_code))
    if spec is None:
        if answer.status_code < 400 and answer.status_code != 304:
            raise Misfit(f"{operation.name} never answers {answer.status_code}")
        spec = {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/basic-error"}}}}
    content = book.resolve(spec).get("content", {})
    kind = answer.headers.get("content-type", "").partition(";")[0]
    if answer.status_code in (204, 304):
        if body:
            raise Misfit(f"{operation.name}: {answer.status_code} has no body")
        return
    found = content.get(kind)
    if found is None or "json" not in kind:
        return
    faults = book.faults(found["schema"], json.loads(body)) if "schema" in found else []
    if faults:
        raise Misfit(f"{operation.name} answered {answer.status_code} with what does not fit: {faults[:4]}")


def judge_webhook(event: str, action: str | None, payload: object) -> None:
    """Raise Misfit for a webhook payload GitHub would not send."""
    name = event.replace("_", "-") + (f"-{action.replace('_', '-')}" if action else "")
    spec = description().webhooks.get(name)
    if spec is None:
        raise Misfit(f"GitHub has no webhook {name}")
    schema = spec["post"]["requestBody"]["content"]["application/json"]["schema"]
    faults = description().faults(schema, payload)
    if faults:
        raise Misfit(f"webhook {name} does not fit: {faults[:4]}")
