"""A short-lived program of its own that hands one message to Apprise: reads JSON from standard input, says what went wrong.

Apprise loads a hundred services and speaks to whatever its URL names; apart from us it can cost no memory while nothing
is sent, and a service that hangs is ended with it.
"""

import json
import logging
import sys


def main() -> int:
    """Send `{"url", "title", "body", "kind"}`; the fault, if any, goes to standard output."""
    import apprise

    asked = json.load(sys.stdin)
    faults: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            faults.append(record.getMessage())

    logger = logging.getLogger("apprise")
    logger.addHandler(Keep(level=logging.WARNING))
    logger.propagate = False
    box = apprise.Apprise()
    if not box.add(asked["url"]):
        sys.stdout.write("its URL is none that Apprise knows; see https://github.com/caronc/apprise/wiki")
        return 3
    said = {"title": asked["title"], "body": asked["body"], "notify_type": asked["kind"]}
    if box.notify(**said, body_format=apprise.NotifyFormat.TEXT):
        return 0
    sys.stdout.write("; ".join(faults)[:500] or "the service would not take it")
    return 4


if __name__ == "__main__":
    sys.exit(main())
