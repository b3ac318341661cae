"""Code depends one way: domain <- channels, warehouse, ingest <- report, hooks <- operators, cli <- dags."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "plugins" / "recall"

MAY_IMPORT = {
    "domain": set(),
    "channels": {"domain"},
    "warehouse": {"domain"},
    "ingest": {"domain", "warehouse"},
    "report": {"domain", "warehouse"},
    "testing": {"domain", "channels"},
    "hooks": {"domain", "channels", "warehouse", "ingest", "report"},
    "operators": {"domain", "channels", "warehouse", "ingest", "report", "hooks"},
    "cli": {"domain", "channels", "warehouse", "ingest", "report", "hooks"},
}
"""What each part of the package may import besides itself."""


def imported_modules(path: Path) -> Iterator[str]:
    """The dotted names that a file imports, wherever in the file it does so."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            module = node.module or ""
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names)


def parts_imported(path: Path) -> set[str]:
    """The parts of the package that a file imports."""
    names = (name.split(".") for name in imported_modules(path))
    return {name[1] for name in names if name[0] == "recall" and len(name) > 1 and name[1] in MAY_IMPORT}


def test_package_parts_are_those_with_arrows() -> None:
    parts = {path.name for path in PACKAGE.iterdir() if any(path.glob("*.py"))}

    assert parts == set(MAY_IMPORT)


def wrong_arrows(package: Path, part: str) -> set[str]:
    """The imports of a part that lead to parts which lie after it."""
    return {
        f"{path.relative_to(package)} imports recall.{imported}"
        for path in (package / part).rglob("*.py")
        for imported in parts_imported(path) - MAY_IMPORT[part] - {part}
    }


@pytest.mark.parametrize("part", sorted(MAY_IMPORT))
def test_part_imports_only_what_lies_before_it(part: str) -> None:
    assert wrong_arrows(PACKAGE, part) == set()


def test_a_deliberately_wrong_arrow_is_found(tmp_path: Path) -> None:
    (tmp_path / "domain").mkdir()
    (tmp_path / "domain" / "wrong.py").write_text("def late():\n    from recall.hooks import dbt\n", encoding="utf-8")

    assert wrong_arrows(tmp_path, "domain") == {"domain/wrong.py imports recall.hooks"}


def test_package_imports_no_dag_no_test_and_no_example() -> None:
    offences = {
        f"{path.relative_to(ROOT)} imports {name}"
        for path in PACKAGE.rglob("*.py")
        for name in imported_modules(path)
        if name.split(".")[0] in {"dags", "tests", "examples", "bench"}
    }

    assert offences == set()


def test_dags_only_wire() -> None:
    files = sorted((ROOT / "dags").glob("*.py"))
    offences = {
        f"{path.name} imports {name}"
        for path in files
        for name in imported_modules(path)
        if not name.startswith(("airflow", "recall.operators", "__future__"))
    } | {
        f"{path.name} defines {node.name}"
        for path in files
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    }

    assert files
    assert offences == set()


def test_plugins_folder_holds_one_package() -> None:
    # Airflow imports each loose file there under its bare name, and could so replace a standard module.
    entries = {path.name for path in (ROOT / "plugins").iterdir() if path.name != "__pycache__"}

    assert entries == {"recall", ".airflowignore"}
