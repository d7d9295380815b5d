"""What is wrong with a job, and where: one value for file, form and API."""

from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning"]
Where = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Objection:
    """Something wrong with a job by the path of its keys, like `("limits", "timeout")`."""

    where: Where
    message: str
    hint: str = ""
    severity: Severity = "error"

    @property
    def dotted(self) -> str:
        """The path as people write it: `limits.timeout`."""
        return ".".join(str(part) for part in self.where)


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """Something wrong with a configuration file; lines and columns count from 1, `where` is like `jobs.x.limits`."""

    path: str
    line: int
    column: int
    where: str
    message: str
    hint: str = ""
    severity: Severity = "error"

    def __str__(self) -> str:
        word = "warning: " if self.severity == "warning" else ""
        place = f"{self.where}: " if self.where else ""
        hint = f"; {self.hint}" if self.hint else ""
        return f"{self.path}:{self.line}:{self.column}: {word}{place}{self.message}{hint}"
