"""The worth rule as the policy bench asks for it: a planted lift, through ledger, outcomes and fit."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from bench.policy import worth_rule
from bench.policy.hillstrom import ACTIONS, Customer
from tests.conftest import Warehouse

RECENT, OLD = 1, 12
ARMS = (*ACTIONS, None)


def planted() -> list[Customer]:
    """Two hundred of each arm and recency; the mens' e-mail lifts the recent from one in ten to one in two."""
    found = []
    for recency in (RECENT, OLD):
        for arm in ARMS:
            for place in range(200):
                period = 2 if (recency, arm) == (RECENT, "mens") else 10
                found.append(
                    Customer(
                        number=len(found),
                        recency_months=recency,
                        history_amount=100.0,
                        features=(),
                        arm=arm,
                        # Chosen on is every other one, so that pairs get the same.
                        spend_amount=40.0 if place // 2 % period == 0 else 0.0,
                    )
                )
    return found


CUSTOMERS = planted()
TRAINING = frozenset(customer.number for customer in CUSTOMERS if customer.number % 2)


@pytest.fixture(scope="module")
def chosen(
    module_warehouse: Warehouse, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[float, dict[int, str | None]]]:
    """By price of an e-mail whom the warehouse writes to, of those it has not seen."""
    folder = tmp_path_factory.mktemp("policy")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("RECALL_HOME", str(module_warehouse.home.root))
        environment.setenv("RECALL_WORKSPACE", str(folder))
        worth_rule.write_workspace(folder, CUSTOMERS, [TRAINING], margin_rate=0.3)
        workspace = worth_rule.build(folder, CUSTOMERS, [TRAINING])
        found = {}
        for price in (0.001, 1.0, 5.0):
            choice = worth_rule.choose(workspace, price)
            found[price] = {
                customer.number: choice[worth_rule.user_of(0, customer)]
                for customer in CUSTOMERS
                if customer.number not in TRAINING
            }
        yield found


def actions(choice: dict[int, str | None], recency: int) -> set[str | None]:
    return {choice[each.number] for each in CUSTOMERS if each.number in choice and each.recency_months == recency}


def test_worth_rule_finds_the_planted_lift_and_stops_where_it_costs_more(
    chosen: dict[float, dict[int, str | None]],
) -> None:
    # 100 treated and 100 held out of each were chosen on; a return is worth 0.3 x 100 = 30. The mens' e-mail to the
    # recent lifts by 0.4, shrunk to (100 x 0.4 + 500 x 0.005) / 600 = 0.0708: 30 x 0.0708 = 2.125. All others lift by
    # nothing, shrunk to 500 x 0.005 / 600 = 0.00417: 30 x 0.00417 = 0.125.
    assert actions(chosen[0.001], RECENT) == {"mens"}
    assert None not in actions(chosen[0.001], OLD)
    assert actions(chosen[1.0], RECENT) == {"mens"}
    assert actions(chosen[1.0], OLD) == {None}
    assert actions(chosen[5.0], RECENT) == actions(chosen[5.0], OLD) == {None}
