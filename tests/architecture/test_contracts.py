"""Every public column says in what unit its values are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

MODELS = Path(__file__).resolve().parents[2] / "dbt_project" / "models"
CONTRACTS = sorted(path for layer in ("marts", "outcomes", "audiences") for path in MODELS.glob(f"{layer}/**/*.yml"))
UNITS = {
    "_amount": "currency",
    "_at": "UTC",
    "_date": "date",
    "_days": "day",
    "_rate": r"\b0\b|0\.\.1|%|share",
    "_score": r"0\.\.1",
    "_probability": r"0\.\.1",
}
"""By the end of a column's name: what its description must say, as a pattern."""


def columns_without_unit(contract: str) -> list[str]:
    """The columns of a contract, `table.column`, whose description does not say what its name's ending asks for."""
    return [
        f"{model['name']}.{column['name']}"
        for model in yaml.safe_load(contract).get("models") or []
        for column in model.get("columns") or []
        for ending, unit in UNITS.items()
        if column["name"].endswith(ending) and not re.search(unit, column.get("description") or "", re.IGNORECASE)
    ]


@pytest.mark.parametrize("contract", CONTRACTS, ids=lambda path: path.stem)
def test_contract_every_measure_names_its_unit(contract: Path) -> None:
    assert columns_without_unit(contract.read_text(encoding="utf-8")) == []


def test_contract_check_finds_an_amount_without_currency() -> None:
    contract = """
        models:
          - name: fct_sales
            columns:
              - {name: net_amount, description: What was paid.}
              - {name: paid_amount, description: What was paid in the workspace's currency.}
              - {name: paid_at, description: When it was paid.}
    """

    assert columns_without_unit(contract) == ["fct_sales.net_amount", "fct_sales.paid_at"]
