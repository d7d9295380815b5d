"""Reading the file an agent left: a hostile hand may have put anything in its place."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from bot.flow.outcome_json import MOST_BYTES, Fault, parse
from bot.model.outcome import Outcome

NAME = "outcome.json"


def read(folder: Path) -> Outcome | Fault | None:
    """Read `folder/outcome.json`, which is ours; None when nothing was left there.

    No link is followed, no pipe waited for, no more than the cap read.
    """
    try:
        descriptor = os.open(folder / NAME, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        return Fault(f"the outcome cannot be opened: {error.strerror} (a link, or no permission)")
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            return Fault("the outcome is no regular file")
        if status.st_nlink > 1:
            return Fault("the outcome is a second name of another file")
        if status.st_size > MOST_BYTES:
            return Fault(f"the outcome is larger than {MOST_BYTES // 1024} kB")
        with os.fdopen(os.dup(descriptor), "rb") as file:
            return parse(file.read(MOST_BYTES + 1))
    finally:
        os.close(descriptor)
