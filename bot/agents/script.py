"""A script command: a program of the library or of the default branch that works without a model."""

from __future__ import annotations

from bot.agents.parse import ParserState, tail, text
from bot.agents.spec import AgentSpec, Launch, View
from bot.model.agent import Event, Failure, Noted, Said, SessionRequest

_INTERPRETERS = {".py": "python3", ".sh": "sh", ".bash": "bash", ".js": "node", ".mjs": "node"}


MOST_LINES = 2_000


class ScriptParser(ParserState):
    """Every line is said, up to a number; the whole output is its last message, so a script may print its outcome."""

    def __init__(self) -> None:
        """Nothing was said yet."""
        super().__init__()
        self._lines: list[str] = []
        self._length = 0

    @property
    def message(self) -> str:
        """The end of what was printed."""
        return "\n".join(self._lines)[-200_000:]

    @message.setter
    def message(self, value: str) -> None:
        self._lines = [value] if value else []

    def feed(self, line: bytes) -> list[Event]:
        """Read one line."""
        said = text(line.decode("utf-8", "replace").rstrip("\r\n"), 200_000)
        self._length += len(said) + 1
        if self._length <= 1_000_000:
            self._lines.append(said)
        if not said.strip() or len(self._lines) > MOST_LINES:
            return []
        if len(self._lines) == MOST_LINES:
            return [Noted(level="warning", text=f"more than {MOST_LINES} lines; the rest is not shown")]
        return [Said(text=text(said))]

    def verdict(self, code: int | None, stderr: str) -> Failure | None:
        """Success is exit 0."""
        if code == 0:
            return None
        words = f"the script ended with code {code}: {tail(stderr) or tail(self.message)}"
        return Failure.of("crash", words, retryable=code is None or code < 0 or code > 128)


def _launch(request: SessionRequest, view: View) -> Launch | str:
    """Run the script by its first line, else by the ending of its name; its payload is standard input."""
    script = request.script
    if script is None:
        return "a session of the engine script needs a script"
    name = script.name.rsplit("/", 1)[-1]
    ending = name[name.rfind(".") :] if "." in name else ""
    program = _INTERPRETERS.get(ending)
    if script.source.startswith("#!"):
        words = script.source[2 : script.source.find("\n")].split()
        words = words[1:] if words and words[0].endswith("/env") else words
        program = words[0].rsplit("/", 1)[-1] if words else program
    if program not in set(_INTERPRETERS.values()):
        return f"the script {script.name!r} names no interpreter we run (python3, sh, bash, node)"
    path = f"{view.state}/script{ending or '.txt'}"
    payload = script.payload.encode()
    return Launch((program, path), payload, {}, {f"script{ending or '.txt'}": script.source})


SPEC = AgentSpec(
    engine="script",
    package="",
    command="",
    pinned="",
    minimum="",
    api=lambda _request: None,
    launch=_launch,
    parser=lambda _request: ScriptParser(),
    check=lambda _request: None,
    default_model=None,
    keeps=None,
    calls_per_turn=None,
)
