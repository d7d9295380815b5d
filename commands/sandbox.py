"""The template language, small enough to bound: what it may say, how long it may run, how much it may print.

Jinja's own sandbox keeps templates from Python's insides; it does not keep them from running for ever or filling
the memory. So every loop draws on one budget of steps, every string on one budget of characters, and what could
grow in other ways (macros, recursion, arithmetic on text, containers of containers) is not part of the language.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from itertools import islice
from typing import Any

from jinja2 import StrictUndefined, Undefined, nodes
from jinja2.exceptions import SecurityError
from jinja2.filters import FILTERS
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import internalcode

from commands.faults import Fault
from commands.fence import Untrusted

TEXT_CAP = 400_000
"""Characters any one text in a template, and the prompt itself, may have."""
STEPS = 100_000
"""Loop steps and filtered values a rendering may take."""
_RANGE = 1_000
_INTEGER = 10**15
_NESTED = 10_000

FILTER_NAMES = [
    "abs",
    "capitalize",
    "count",
    "d",
    "default",
    "dictsort",
    "first",
    "float",
    "int",
    "items",
    "join",
    "last",
    "length",
    "list",
    "lower",
    "map",
    "max",
    "min",
    "reject",
    "rejectattr",
    "replace",
    "reverse",
    "select",
    "selectattr",
    "sort",
    "string",
    "sum",
    "title",
    "tojson",
    "trim",
    "truncate",
    "unique",
    "upper",
    "wordcount",
]
_ON_UNTRUSTED = frozenset({"default", "d", "length", "count", "string", "truncate", "trim"})
_TEXT_METHODS = frozenset(
    {"lower", "upper", "strip", "startswith", "endswith", "split", "splitlines", "title"}
)
_MAPPING_METHODS = frozenset({"items", "keys", "values", "get"})

_LANGUAGE: tuple[type[nodes.Node], ...] = (
    nodes.Template, nodes.Output, nodes.TemplateData, nodes.Block, nodes.For, nodes.If, nodes.Assign, nodes.AssignBlock,
    nodes.Name, nodes.Const, nodes.List, nodes.Tuple, nodes.Dict, nodes.Pair, nodes.Keyword, nodes.CondExpr, nodes.Filter,
    nodes.Test, nodes.Call, nodes.Getattr, nodes.Getitem, nodes.Slice, nodes.Compare, nodes.Operand, nodes.And, nodes.Or,
    nodes.Not, nodes.Neg, nodes.Pos, nodes.Add, nodes.Sub, nodes.Mul, nodes.Div, nodes.FloorDiv, nodes.Mod, nodes.Concat,
)  # fmt: skip


class OverBudgetError(Exception):
    """A template that would run too long or print too much."""


@dataclass(slots=True)
class _Budget:
    steps: int = STEPS

    def take(self, *values: Any) -> None:
        """One step, and more for long values: copying a long text a thousand times is a loop as well."""
        self.steps -= 1 + sum(_weight(value) for value in values)
        if self.steps < 0:
            raise OverBudgetError(f"it takes more than {STEPS:,} steps")


_budget: ContextVar[_Budget] = ContextVar("template_budget")


def with_budget(render: Callable[[], str]) -> str:
    """Run one rendering on a budget of its own; raises OverBudgetError."""
    token = _budget.set(_Budget())
    try:
        return _sized(render())
    finally:
        _budget.reset(token)


def forbidden(tree: nodes.Template) -> Iterator[Fault]:
    """What `tree` says that is not part of the language, with its line in the body."""
    for node in tree.find_all(nodes.Node):
        word = type(node).__name__.lower()
        if not isinstance(node, _LANGUAGE):
            yield Fault("forbidden", f"templates have no `{word}`", node.lineno)
        elif isinstance(node, nodes.For) and node.recursive:
            yield Fault("forbidden", "templates have no recursive loops", node.lineno)
        elif isinstance(node, nodes.Call) and not _callable(node.node):
            yield Fault("forbidden", "templates call nothing but `range` and simple methods", node.lineno)
        elif isinstance(node, nodes.Filter) and node.name not in FILTER_NAMES:
            hint = f"these exist: {', '.join(sorted(FILTER_NAMES))}"
            yield Fault("unknown-filter", f"unknown filter {node.name!r}", node.lineno, hint=hint)


def budgeted(tree: nodes.Template) -> nodes.Template:
    """`tree` with every loop, assignment and concatenation under the rendering's budget."""
    for loop in tree.find_all(nodes.For):
        loop.iter = _through("_counted", loop.iter)
    for assign in tree.find_all(nodes.Assign):
        assign.node = _through("_kept", assign.node)
    for compared in tree.find_all(nodes.Compare):
        compared.expr = _through("_weighed", compared.expr)
        for operand in compared.ops:
            operand.expr = _through("_weighed", operand.expr)
    for test in tree.find_all(nodes.Test):
        test.args = [_through("_weighed", argument) for argument in test.args]
    for taken in tree.find_all(nodes.Getitem):
        taken.node = _through("_weighed", taken.node)  # slices are compiled past every hook
    _replace_concat(tree)
    return tree


class Environment(ImmutableSandboxedEnvironment):
    """Jinja's sandbox with attributes by allow-list, capped operators and fenced output."""

    intercepted_binops = frozenset({"+", "*", "%", "**"})

    def __init__(self) -> None:
        super().__init__(
            undefined=StrictUndefined,
            finalize=printed,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
            optimized=False,  # constants would be folded while compiling, outside the budget
            cache_size=0,
        )
        self.globals = {"range": _range}
        self.filters = {name: _bounded(name, FILTERS[name]) for name in FILTER_NAMES}
        self.filters |= {
            "_counted": _counted,
            "_kept": _kept,
            "_weighed": _weighed,
            "join": _join,
            "string": printed,
            "truncate": _truncate,
        }
        self.filters |= {"trim": _trim}
        self.concat = _concat  # type: ignore[method-assign]

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:  # noqa: ARG002
        """Only the named methods of text and mappings; everything else is reached by key."""
        if isinstance(obj, str):
            return attr in _TEXT_METHODS
        if isinstance(obj, Mapping):
            return attr in _MAPPING_METHODS
        return type(obj).__name__ == "LoopContext" and attr in {
            "index", "index0", "first", "last", "length", "revindex"
        }  # fmt: skip

    @internalcode
    def getattr(self, obj: Any, attribute: str) -> Any:
        """A key of a mapping before a method of the same name: `item.items` is the item's."""
        if isinstance(obj, Mapping) and attribute in obj:
            return obj[attribute]
        if isinstance(obj, Untrusted):
            return self.unsafe_undefined(obj, attribute)
        return super().getattr(obj, attribute)

    @internalcode
    def getitem(self, obj: Any, argument: Any) -> Any:
        """By key or position, never by attribute through brackets."""
        _budget.get().take(obj)
        if isinstance(obj, (Mapping, list, tuple, str)):
            try:
                return obj[argument]
            except (LookupError, TypeError):
                return self.undefined(obj=obj, name=argument)
        return self.unsafe_undefined(obj, str(argument))

    @internalcode
    def call(self, context: Any, called: Any, /, *given: Any, **named: Any) -> Any:
        """A simple method, paid for by the size of what it works on."""
        _budget.get().take(getattr(called, "__self__", None))
        return super().call(context, called, *given, **named)

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """Arithmetic on numbers; `+` joins texts as well."""
        _budget.get().take(left, right)
        if operator == "+" and isinstance(left, str) and isinstance(right, str):
            return _sized(left + right)
        if not (isinstance(left, (int, float)) and isinstance(right, (int, float))) or operator == "**":
            raise SecurityError(f"`{operator}` works on numbers only")
        value = super().call_binop(context, operator, left, right)
        if abs(value) > _INTEGER:
            raise OverBudgetError("a number grows too large")
        return value


def printed(value: Any) -> str:
    """What a value looks like in the prompt; text of strangers comes out fenced, lists do not come out at all."""
    if isinstance(value, Undefined):
        return str(value)  # raises, naming it
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Untrusted):
        return str(value)
    if isinstance(value, (str, int, float)):
        return str(value)
    raise SecurityError(f"a {type(value).__name__} cannot be printed; use `| join(', ')` or `| tojson`")


def _callable(node: nodes.Node) -> bool:
    if isinstance(node, nodes.Getattr):
        return node.attr in _TEXT_METHODS | _MAPPING_METHODS
    return isinstance(node, nodes.Name) and node.name == "range"


def _through(name: str, expression: nodes.Node) -> nodes.Filter:
    wrapped = nodes.Filter(expression, name, [], [], None, None, lineno=expression.lineno)
    wrapped.set_environment(expression.environment)  # type: ignore[arg-type]
    return wrapped


def _replace_concat(node: nodes.Node) -> None:
    """`a ~ b` becomes `[a, b] | join`, because Jinja compiles `~` past every hook."""
    for field, value in node.iter_fields():
        if isinstance(value, list):
            setattr(node, field, [_without_concat(child) for child in value])
        elif isinstance(value, nodes.Node):
            setattr(node, field, _without_concat(value))


def _without_concat(node: Any) -> Any:
    if not isinstance(node, nodes.Node):
        return node
    _replace_concat(node)
    if not isinstance(node, nodes.Concat):
        return node
    listed = nodes.List(node.nodes, lineno=node.lineno)
    listed.set_environment(node.environment)  # type: ignore[arg-type]
    return _through("join", listed)


def _sized(text: str) -> str:
    if len(text) > TEXT_CAP:
        raise OverBudgetError(f"it prints more than {TEXT_CAP:,} characters")
    return text


def _concat(parts: Iterable[str]) -> str:
    pieces, length = [], 0
    for part in parts:
        length += len(part)
        if length > TEXT_CAP:
            raise OverBudgetError(f"it prints more than {TEXT_CAP:,} characters")
        pieces.append(part)
    return "".join(pieces)


def _range(*bounds: int) -> range:
    span = range(*bounds)
    if len(span) > _RANGE:
        raise OverBudgetError(f"a range has at most {_RANGE:,} steps")
    return span


def _counted(values: Any) -> Iterator[Any]:
    budget = _budget.get()
    if isinstance(values, Untrusted):
        raise SecurityError(f"{values.name} is text from outside: print it, do not walk through it")
    for value in values:
        budget.take()
        yield value


def _weighed(value: Any) -> Any:
    _budget.get().take(value)
    return value


def _kept(value: Any) -> Any:
    """A value a template may give a name to: text, or a container of bounded size all the way down."""
    room, waiting = _NESTED, [value]
    while waiting:
        here = waiting.pop()
        if isinstance(here, Mapping):
            here = here.values()
        elif not isinstance(here, (list, tuple)):
            continue
        room -= len(here)
        if room < 0:
            raise OverBudgetError("a list grows too large")
        waiting.extend(here)
    if isinstance(value, Iterator):
        return list(_counted(islice(value, _NESTED)))
    return value


def _bounded(name: str, filtered: Callable[..., Any]) -> Callable[..., Any]:
    """The filter under the budget: no huge widths or pads, no text of strangers unless it stays fenced."""

    def bounded(*given: Any, **named: Any) -> Any:
        _budget.get().take(*given)
        for value in (*given, *named.values()):
            if isinstance(value, Untrusted) and name not in _ON_UNTRUSTED:
                raise SecurityError(f"`{name}` does not work on {value.name}: it is text from outside")
        if name == "replace":
            _checked_replace(*given[1:])
        if name == "tojson" and (len(given) > 2 or named):
            raise SecurityError("`tojson` takes no argument")
        result = filtered(*given, **named)
        return _sized(result) if isinstance(result, str) else result

    for mark in ("jinja_pass_arg", "jinja_async_variant"):
        if hasattr(filtered, mark):
            setattr(bounded, mark, getattr(filtered, mark))
    return bounded


def _weight(value: Any) -> int:
    if isinstance(value, str):
        return len(value) // 1_000
    return len(value) if isinstance(value, (list, tuple, dict)) else 0


def _checked_replace(text: Any, old: Any = "", new: Any = "", *_count: Any) -> None:
    if not old or len(printed(text)) + printed(text).count(old) * len(new) > TEXT_CAP:
        raise OverBudgetError("`replace` would grow the text too much")


def _join(values: Any, separator: str = "") -> str:
    texts = [printed(value) for value in _counted(values)]
    if sum(map(len, texts)) + len(separator) * len(texts) > TEXT_CAP:
        raise OverBudgetError(f"it prints more than {TEXT_CAP:,} characters")
    return str(separator).join(texts)


def _truncate(value: Any, length: int = 255) -> Any:
    """At most `length` characters; text of strangers stays fenced and says what was cut."""
    if isinstance(value, Untrusted):
        return Untrusted(value.text, value.name, value.nonce, min(value.cap, max(0, int(length))))
    text = printed(value)
    return text if len(text) <= length else text[: max(0, length - 1)].rstrip() + "…"


def _trim(value: Any) -> Any:
    if isinstance(value, Untrusted):
        return Untrusted(value.text.strip(), value.name, value.nonce, value.cap)
    return printed(value).strip()
