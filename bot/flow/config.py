"""`roundsman.yml`: text in, jobs out, or every fault with its place. Pure: files are texts, time is an argument."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches

from pydantic import ValidationError

from bot.flow.document import UnreadableError, read_document
from bot.flow.layers import merge
from bot.flow.refusal import objections, where_of
from bot.flow.review import Surroundings, review
from bot.flow.tree import Mapping, Node, Place, Scalar, is_null, nulls, plain_of
from bot.flow.tree import Sequence as Listed
from bot.model.fault import Fault, Objection
from bot.model.job import JobSpec
from bot.model.schedule import JOB_NAME, After

TOP_KEYS = ("version", "defaults", "jobs")
SEVERAL_KEYS = ("version", "defaults", "repositories")
REPOSITORY = r"[A-Za-z0-9][A-Za-z0-9-]{0,99}/[A-Za-z0-9._-]{1,100}"
NOT_FOR_DEFAULTS = ("description", "on", "target", "filter", "command", "prompt", "expires", "status")
DEFAULT_KEYS = tuple(key for key in JobSpec.model_fields if key not in NOT_FOR_DEFAULTS)
_MAIN = re.compile(r"(^|/)\.github/roundsman\.ya?ml$")


@dataclass(frozen=True, slots=True)
class Source:
    """A configuration file: where it lies and what it holds."""

    path: str
    text: str | bytes


@dataclass(frozen=True, slots=True)
class ConfiguredJob:
    """A job of a file, and where it begins."""

    name: str
    spec: JobSpec
    path: str
    line: int


@dataclass(frozen=True, slots=True)
class Configuration:
    """The jobs of all files, or the faults that keep them from being applied (then `jobs` holds the sound ones)."""

    jobs: tuple[ConfiguredJob, ...]
    faults: tuple[Fault, ...] = ()
    warnings: tuple[Fault, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether it may be applied."""
        return not self.faults


@dataclass(frozen=True, slots=True)
class _Draft:
    """A job as written, with defaults merged in, and the mapping its faults are placed in."""

    name: str
    node: Mapping
    place: Place
    written: Mapping


def read_configuration(
    files: Sequence[Source], around: Surroundings | None = None, organisation: Source | None = None
) -> Configuration:
    """Read the files of one repository together.

    Defaults of the organisation's file hold below those of `.github/roundsman.yml`, those below the file's own,
    those below the job's. Every fault of every file is told.
    """
    around = around or Surroundings()
    faults: list[Fault] = []
    documents = {source.path: _document(source, TOP_KEYS, faults) for source in files}
    general = [_defaults(_document(organisation, TOP_KEYS, faults), faults)] if organisation else []
    main = next((path for path in documents if _MAIN.search(path)), None)
    if main is not None:
        general.append(_defaults(documents[main], faults))
    drafts: list[_Draft] = []
    for path, document in documents.items():
        layers = general if path == main else [*general, _defaults(document, faults)]
        drafts += _drafts(document, layers, drafts, faults)
    return _configuration(drafts, around, faults)


def read_repositories(
    source: Source, around: Callable[[str], Surroundings] | None = None
) -> dict[str, Configuration]:
    """Read the jobs of several repositories from one file, by the repositories' names as written.

    Defaults of the file hold below those of a repository. Faults of the file itself are told of every repository in
    it, or, where it names none, under the empty name.
    """
    faults: list[Fault] = []
    document = _document(source, SEVERAL_KEYS, faults)
    general, repositories = _defaults(document, faults), document.get("repositories")
    if not isinstance(repositories, Mapping):
        if not faults:
            hint = "write repositories: with OWNER/REPO: under it, and their jobs: under those"
            faults.append(_fault(document.place, "", "it names no repositories", hint))
        return {"": Configuration((), tuple(_once(faults)))}
    found: dict[str, Configuration] = {}
    for name, (place, node) in repositories.entries.items():
        here = list(faults)
        if not re.fullmatch(REPOSITORY, name):
            here.append(_fault(place, "repositories", f"{name[:60]!r} is no repository", "write OWNER/REPO"))
        elif any(name.casefold() == other.casefold() for other in found):
            here.append(_fault(place, "repositories", f"a second {name!r}", "put its jobs under the first"))
        if not isinstance(node, Mapping):
            here.append(_fault(node.place, f"repositories.{name}", "not a mapping", "write jobs: under it"))
            node = Mapping({}, node.place)
        here += _keys(node, ("defaults", "jobs"))
        layers = [general, _defaults(node, here)]
        found[name] = _configuration(
            list(_drafts(node, layers, [], here)),
            around(name) if around else Surroundings(repository=name),
            here,
        )
    return found


def names_repositories(source: Source) -> bool:
    """Whether a file holds the jobs of several repositories."""
    try:
        document, _ = read_document(source.path, source.text)
    except UnreadableError:
        return False
    return "repositories" in document.entries


def _configuration(drafts: list[_Draft], around: Surroundings, faults: list[Fault]) -> Configuration:
    """Build the drafted jobs and look at them together."""
    around = replace(
        around, jobs=around.jobs if around.jobs is not None else [draft.name for draft in drafts]
    )
    jobs = [job for draft in drafts if (job := _job(draft, around, faults)) is not None]
    faults += _circles(jobs, drafts)
    ordered = _once(faults)
    return Configuration(
        tuple(jobs),
        tuple(fault for fault in ordered if fault.severity == "error"),
        tuple(fault for fault in ordered if fault.severity == "warning"),
    )


def _document(source: Source, keys: Sequence[str], faults: list[Fault]) -> Mapping:
    try:
        document, found = read_document(source.path, source.text)
    except UnreadableError as error:
        faults += error.faults
        return Mapping({}, Place(source.path, 1, 1))
    faults += found
    faults += _keys(document, keys)
    return document


def _keys(document: Mapping, known: Sequence[str]) -> Iterator[Fault]:
    """Refuse keys that are not known here, and values of another shape."""
    for key, (place, _) in document.entries.items():
        if key not in known:
            hint = (
                "a job's keys stand under jobs: NAME:"
                if key in JobSpec.model_fields
                else f"known here: {', '.join(known)}"
            )
            yield _fault(place, "", f"unknown key {key[:60]!r}", _near(key, known) or hint)
    version = document.entries.get("version")
    if version and not (isinstance(version[1], Scalar) and version[1].value == 1):
        yield _fault(version[1].place, "version", "an unknown version", "write version: 1")
    for key in ("defaults", "jobs", "repositories"):
        node = document.get(key)
        if node is not None and not isinstance(node, Mapping) and not is_null(node):
            yield _fault(node.place, key, "not a mapping", f"write keys with values under {key}:")


def _defaults(document: Mapping, faults: list[Fault]) -> Mapping:
    """Return the defaults of a file, each fault in them told once."""
    node = document.get("defaults")
    if not isinstance(node, Mapping):
        return Mapping({}, document.place)
    for key, (place, _) in node.entries.items():
        if key in NOT_FOR_DEFAULTS:
            faults.append(_fault(place, "defaults", f"{key!r} has no default", "write it in each job"))
        elif key not in DEFAULT_KEYS:
            hint = _near(key, DEFAULT_KEYS) or f"known here: {', '.join(DEFAULT_KEYS)}"
            faults.append(_fault(place, "defaults", f"unknown key {key[:60]!r}", hint))
    usable = Mapping({key: entry for key, entry in node.entries.items() if key in DEFAULT_KEYS}, node.place)
    given = {"on": {"every": "3650d"}, "prompt": "…", **plain_of(usable)}
    try:
        JobSpec.model_validate(given)
    except ValidationError as error:
        kinds = [detail["type"] for detail in error.errors(include_url=False)]
        found = [each for each, kind in zip(objections(error), kinds, strict=True) if kind != "disagreement"]
        faults += [_placed(each, usable, given, "defaults") for each in found]
    return usable


def _drafts(
    document: Mapping, layers: list[Mapping], earlier: list[_Draft], faults: list[Fault]
) -> Iterator[_Draft]:
    jobs = document.get("jobs")
    if jobs is None or not isinstance(jobs, Mapping):
        return
    taken = {draft.name: draft.place for draft in earlier}
    for name, (place, node) in jobs.entries.items():
        if not re.fullmatch(JOB_NAME, name):
            hint = "letters, digits, spaces, _ and -, starting with a letter or digit, at most 200"
            faults.append(_fault(place, "jobs", f"{name[:60]!r} is not a name for a job", hint))
        elif name in taken:
            first = taken[name]
            faults.append(
                _fault(
                    place,
                    "jobs",
                    f"a second job {name!r}",
                    f"the first is at {first.path}:{first.line}; rename one",
                )
            )
        elif not isinstance(node, Mapping):
            faults.append(
                _fault(
                    node.place, f"jobs.{name}", "not a mapping", "write its keys (on, command, …) under it"
                )
            )
        else:
            merged = Mapping({}, node.place)
            for layer in (*layers, node):
                merged = merge(merged, layer)
            yield _Draft(name, replace(merged, place=place), place, node)


def _job(draft: _Draft, around: Surroundings, faults: list[Fault]) -> ConfiguredJob | None:
    """Build one job; its faults are placed where the key stands, be it in the job or in defaults."""
    where = f"jobs.{draft.name}"
    empty = [Objection(null, "no value", "write one, or remove the key") for null in nulls(draft.node)]
    faults += [_placed(each, draft.node, {}, where) for each in empty]
    unset = {str(each.where[0]) for each in empty if len(each.where) == 1}
    given = plain_of(draft.node.without(*unset))
    found, spec = _built(given, around)
    deeper = [null.where for null in empty]
    faults += [
        _placed(each, draft.node, given, where)
        for each in found
        if not any(where_of(each.where, given)[: len(null)] == null for null in deeper)
    ]
    return ConfiguredJob(draft.name, spec, draft.place.path, draft.place.line) if spec and not empty else None


def _built(given: dict[str, object], around: Surroundings) -> tuple[list[Objection], JobSpec | None]:
    """Build and review a job; where keys are at fault, review the others all the same."""
    try:
        spec = JobSpec.model_validate(given)
    except ValidationError as error:
        refused = list(objections(error))
    else:
        return list(review(spec, around)), spec
    bad = {str(each.where[0]) for each in refused if each.where}
    sound = {key: value for key, value in given.items() if key not in bad}
    stand_in: dict[str, object] = {} if sound.keys() & {"command", "prompt"} else {"prompt": "…"}
    try:
        rest = JobSpec.model_validate({"on": {"every": "3650d"}} | stand_in | sound)
    except ValidationError:
        return refused, None
    hidden = bad | ({"jitter", "expires"} if "on" in bad else set())
    if bad & {"target", "prompt", "command"}:
        hidden |= {"prompt", "command", "variables"}
    return refused + [
        each for each in review(rest, around) if not each.where or each.where[0] not in hidden
    ], None


def _circles(jobs: Iterable[ConfiguredJob], drafts: Iterable[_Draft]) -> Iterator[Fault]:
    """Refuse jobs that follow each other in a circle, once for each job of it."""
    after = {job.name: [t.after.job for t in job.spec.on if isinstance(t, After)] for job in jobs}
    nodes = {draft.name: draft.node for draft in drafts}
    for name in after:
        seen, ahead = set[str](), list(after[name])
        while ahead:
            step = ahead.pop()
            if step == name:
                message = (
                    "it follows itself"
                    if name in after[name]
                    else f"it follows itself by way of {after[name][0]!r}"
                )
                yield _placed(
                    Objection(("on",), message, "break the circle"),
                    nodes[name],
                    plain_of(nodes[name]),
                    f"jobs.{name}",
                )
                break
            if step not in seen:
                seen.add(step)
                ahead += after.get(step, [])


def _placed(objection: Objection, node: Mapping, given: object, prefix: str) -> Fault:
    """Find where an objection's key is written: an unknown key at itself, any other at its value."""
    where = where_of(objection.where, given) if given else objection.where
    here: Node = node
    place = node.place
    for part in where:
        if isinstance(here, Mapping) and part in here.entries:
            key_place, here = here.entries[str(part)]
            place = key_place if objection.message.startswith("unknown key") or is_null(here) else here.place
        elif isinstance(here, Listed) and isinstance(part, int) and part < len(here.items):
            here = here.items[part]
            place = here.place
        else:
            break
    dotted = ".".join(str(part) for part in (prefix, *where) if part != "")
    return _fault(place, dotted, objection.message, objection.hint, objection)


def _fault(place: Place, where: str, message: str, hint: str, like: Objection | None = None) -> Fault:
    return Fault(
        place.path, place.line, place.column, where, message, hint, like.severity if like else "error"
    )


def _once(faults: Iterable[Fault]) -> list[Fault]:
    """Order faults by place and tell each once, though several jobs share the defaults it is in."""
    first: dict[tuple[str, int, int, str], Fault] = {}
    for fault in faults:
        first.setdefault((fault.path, fault.line, fault.column, fault.message), fault)
    return sorted(first.values())


def _near(key: str, known: Iterable[str]) -> str:
    near = get_close_matches(key, list(known), n=1, cutoff=0.65)
    return f"did you mean {near[0]!r}?" if near else ""
