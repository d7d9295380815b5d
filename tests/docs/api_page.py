"""The page of docs/ about the REST API: how it is spoken to, and the table of its calls from its own description."""

from __future__ import annotations

from fastapi import FastAPI

from bot.web import api, metrics

INTRODUCTION = """\
Everything the dashboard does can be done over REST. The whole description is at `/api/openapi.json`; this page is its short form.

## Who asks

A program sends a token: `Authorization: Bearer rdm_…`. Whoever runs the service makes one by
`roundsman tokens create NAME --scope run`, a person on the page *Machine tokens* of the dashboard's menu or with `POST /api/tokens`, for named repositories and no more than they may do themselves; its text is shown once and only its hash is kept. Scopes: `see`, `run` (also pauses), `edit`, and
`operate` for operators. In the browser the dashboard's own session is used, and a change then carries `X-CSRF-Token`.

<!-- not run: needs a running service -->
```sh
curl -H "Authorization: Bearer $TOKEN" https://rounds.example.com/api/jobs
curl -H "Authorization: Bearer $TOKEN" -H "Idempotency-Key: 1" https://rounds.example.com/api/repos/acme/shop/schedules \\
     --json '{"name": "triage", "on": {"schedule": "0 9 * * 1-5"}, "filter": "is:open label:bug", "command": "issue/root-cause"}'
```

## How it answers

* Lists come in pages: `page` and `limit` (20, at most 100), neighbours in the `Link` header, the count in `X-Total-Count`.
* A creation answers 201 with `Location`. With an `Idempotency-Key` it can be repeated for 24 hours and happens once.
* `PATCH` takes a merge patch (RFC 7396): `null` takes a key away.
* An error is a problem document (RFC 9457): `detail` says what and what to do, `code` is stable for programs, `errors` names each
  fault with a JSON pointer. 401: sign in. 403: you may see it, not change it. 404: it is not there, or not yours to see; the two
  answer alike. 409: the name is taken, the job is disabled, stands in a file, or has ended. 422: what was sent is wrong.
* Each token and person may ask 600 times a minute (`ROUNDSMAN_API_RATE`); then 429 with `Retry-After`.

## Calls
"""


def api_page(note: str) -> str:
    """Introduction and table of calls."""
    app = FastAPI()
    api.install(app)
    app.include_router(metrics.router)
    rows = [
        f"| `{method.upper()}` | `{path}` | {' '.join(str(call.get('description', '')).split())} |"
        for path, calls in sorted(app.openapi()["paths"].items())
        for method, call in calls.items()
    ]
    return "\n".join(["# REST API", "", note, "", INTRODUCTION, "| | | |", "| --- | --- | --- |", *rows, ""])
