"""`roundsman schema`: the JSON Schema of roundsman.yml."""

import json
from typing import Annotated

import typer

from bot.flow.schema import file_schema, reference


def schema(
    pages: Annotated[
        bool, typer.Option("--reference", help="The reference page in Markdown instead.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="JSON, which it is anyway.")] = False,
) -> None:
    """Print the JSON Schema of roundsman.yml, for editors and checks."""
    typer.echo(
        reference() if pages and not as_json else json.dumps(file_schema(), indent=2, ensure_ascii=False),
        nl=not pages,
    )
