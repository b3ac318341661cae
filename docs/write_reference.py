"""Writes docs/reference from what the program itself says, so that it cannot drift: `make docs`."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml
from docs.write_channel_matrix import channels_page
from tests.channels.harnesses import HARNESSES
from typer.main import get_command

from recall.cli.app import app
from recall.domain.campaign import schema_text
from recall.domain.tables import TABLES

ROOT = Path(__file__).resolve().parents[1]
REFERENCE = ROOT / "docs" / "reference"
MODELS = ROOT / "dbt_project" / "models"
PUBLIC = ("marts", "audiences", "outcomes")


def pages() -> dict[str, str]:
    """Returns every page of the reference: its text by its file name."""
    return {
        "commands.md": _commands(),
        "inputs.md": _inputs(),
        "tables.md": _tables(),
        "campaign.schema.json": schema_text(),
        "channels.md": channels_page(HARNESSES),
    }


def _commands() -> str:
    # Typer carries a Click of its own, so parameters are told apart by what they say they are.
    program: Any = get_command(app)
    lines = ["# Commands", "", _one_line(program.help), "", _one_line(program.epilog), ""]
    named = [
        (f"{name} {inner_name}", inner)
        for name, command in program.commands.items()
        for inner_name, inner in getattr(command, "commands", {"": command}).items()
    ]
    for name, command in named:
        words = ["recall", *name.split()]
        words += [each.metavar or each.name.upper() for each in command.params if each.param_type_name == "argument"]
        lines += [f"## `{' '.join(words)}`", "", _one_line(command.help), ""]
        options = [
            ("`" + "`, `".join([*each.opts, *each.secondary_opts]) + "`", _one_line(each.help))
            for each in command.params
            if each.param_type_name == "option"
        ]
        if options:
            lines += [*_table(("option", "does"), options), ""]
    return "\n".join(lines).rstrip() + "\n"


def _inputs() -> str:
    lines = [
        "# Inputs",
        "",
        "One folder below `landing/` per table, CSV (with a header, UTF-8, also .gz) or Parquet; columns are matched",
        "by name, a `*` marks a required one. Unknown columns are kept and reported.",
        "",
    ]
    for table in TABLES:
        rows = [
            (
                f"{column.name}{'*' if column.is_required else ''}",
                column.kind.label,
                column.description
                + (f" One of {', '.join(column.values)}." if column.values else "")
                + (f" Default {column.default}." if column.default else ""),
            )
            for column in table.columns
        ]
        key = ", ".join(table.key)
        lines += [f"## {table.name}", "", f"{table.description} Key: {key}.", ""]
        lines += [*_table(("column", "holds", "meaning"), rows), ""]
    return "\n".join(lines).rstrip() + "\n"


def _tables() -> str:
    lines = [
        "# Tables",
        "",
        "The contract of what others read. The same descriptions stand in the database as comments.",
        "",
    ]
    for schema in PUBLIC:
        for model in sorted(_models(schema), key=lambda each: str(each["name"])):
            lines += [f"## {schema}.{model['name']}", "", _one_line(model.get("description")), ""]
            rows = [
                (column["name"], column.get("data_type", ""), _one_line(column.get("description")))
                for column in model.get("columns") or []
            ]
            lines += [*_table(("column", "type", "meaning"), rows), ""]
    return "\n".join(lines).rstrip() + "\n"


def _models(schema: str) -> Iterable[dict[str, Any]]:
    for folder in PUBLIC:
        for path in sorted((MODELS / folder).rglob("*.yml")):
            content = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
            for model in content.get("models") or []:
                if (model.get("config") or {}).get("schema", folder) == schema:
                    yield model


def _table(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> list[str]:
    cells = [header, ("---",) * len(header), *rows]
    return ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in cells]


def _one_line(text: str | None) -> str:
    return " ".join((text or "").split())


def main() -> None:
    """Writes every page and names those that changed."""
    REFERENCE.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        path = REFERENCE / name
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            sys.stdout.write(f"{path.relative_to(ROOT)} written\n")


if __name__ == "__main__":
    main()
