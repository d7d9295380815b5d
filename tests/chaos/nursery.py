"""Lives are born here: a process that has imported everything and forks a real process for each, so that dying is cheap.

Speaks JSON lines on its standard streams: `{"live": Orders}` answers `{"pid": N}`; `{"dead": N}` answers `{"code": C}` or null.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import traceback

from tests.chaos.life import Orders, live


def born(orders: Orders) -> int:
    """Fork a life; gives its process id."""
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        log = os.open(orders.folder / "lives.log", os.O_CREAT | os.O_APPEND | os.O_WRONLY)
        for stream in (1, 2):
            os.dup2(log, stream)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        live(orders)
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def dead(pid: int) -> int | None:
    """The code a life ended with, negative for a signal; None while it lives."""
    found, status = os.waitpid(pid, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if found else None


def main() -> None:
    """Answer until the other side hangs up."""
    alive = set[int]()
    for line in sys.stdin:
        asked = json.loads(line)
        if "live" in asked:
            pid = born(Orders.model_validate(asked["live"]))
            answer: dict[str, int | None] = {"pid": pid}
            alive.add(pid)
        else:
            answer = {"code": dead(asked["dead"])}
            if answer["code"] is not None:
                alive.discard(asked["dead"])
        print(json.dumps(answer), flush=True)
    for pid in alive:  # the other side is gone, its lives go too
        os.kill(pid, signal.SIGKILL)


if __name__ == "__main__":
    main()
