"""The dbt project's macros for sqlfluff, so that it can render models without dbt and without a database.

sqlfluff takes every name of this module into the templates: each macro of `dbt_project/macros` under its own
name, and all of them below `recall`, as dbt offers them. They are rendered for PostgreSQL as dbt does while it parses:
`execute` is false, no relation exists yet, and no query is run.
"""

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from dbt_common.clients.jinja import get_environment

MACROS = Path(__file__).resolve().parents[2] / "dbt_project" / "macros"
PREFIX = "dbt_macro__"


class _Returned(Exception):
    """Carries what a macro returns out of it."""

    def __init__(self, value: Any) -> None:
        super().__init__()
        self.value = value


class _Nothing:
    """Stands for dbt's objects that a model's SQL does not depend on: no relation, no adapter, an empty text."""

    def __getattr__(self, name: str) -> "_Nothing":
        return self

    def __call__(self, *args: Any, **kwargs: Any) -> "_Nothing":
        return self

    def __getitem__(self, key: Any) -> "_Nothing":
        return self

    def __iter__(self) -> Any:
        return iter(())

    def __bool__(self) -> bool:
        return False

    def __str__(self) -> str:
        return ""


def _return(value: Any = None) -> None:
    raise _Returned(value)


def _callable(macro: Any) -> Any:
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return macro(*args, **kwargs)
        except _Returned as returned:
            return returned.value

    return call


# dbt's own cross-database macros that models use.
dbt = SimpleNamespace(type_string=lambda: "text")

# sqlfluff runs this module anew for each file that it lints; the macros are read once per process.
_KEPT_AS = "_macros_of_the_dbt_project"


def _load() -> dict[str, Any]:
    loaded: dict[str, Any] = {}
    nothing = _Nothing()

    def dispatch(name: str, package: str) -> Any:
        return loaded.get(f"postgres__{name}") or loaded[f"default__{name}"]

    context: dict[str, Any] = {
        "execute": False,
        "return": _return,
        "recall": SimpleNamespace(),
        "ref": lambda *names: names[-1],
        "source": lambda source, table: f"{source}.{table}",
        "var": lambda name, default="": default,
        "target": SimpleNamespace(schema="public", name="lint", type="postgres"),
        "caller": None,
        "env_var": lambda name, default="": default,
        "adapter": SimpleNamespace(dispatch=dispatch),
        "dbt": dbt,
        **dict.fromkeys(("api", "config", "exceptions", "graph", "load_result", "log", "model", "modules"), nothing),
        **dict.fromkeys(("run_query", "statement", "this", "builtins"), nothing),
    }
    environment = get_environment()
    for path in sorted(MACROS.rglob("*.sql")):
        module = environment.from_string(path.read_text(encoding="utf-8"), globals=context).module
        for name, macro in vars(module).items():
            if name.startswith(PREFIX):
                loaded[name.removeprefix(PREFIX)] = _callable(macro)
    context["recall"].__dict__.update(loaded)
    context.update(loaded)
    return loaded


if _KEPT_AS not in sys.modules:
    sys.modules[_KEPT_AS] = SimpleNamespace(macros=_load())  # type: ignore[assignment]  # only kept, never imported
_macros = sys.modules[_KEPT_AS].macros
recall = SimpleNamespace(**_macros)
globals().update(_macros)
