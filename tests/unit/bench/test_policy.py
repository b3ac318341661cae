"""How the policy bench judges and what its simple rivals choose, by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from bench.policy import rivals, run
from bench.policy.hillstrom import Customer, draw_splits
from bench.policy.judging import Value, over_splits, profits, value_of
from bench.policy.run import judge


def customer(
    number: int, arm: str | None = None, spend: float = 0.0, *, recency: int = 6, history: float = 100.0
) -> Customer:
    return Customer(
        number=number,
        recency_months=recency,
        history_amount=history,
        features=(1.0, 0.0),
        arm=arm,
        spend_amount=spend,
    )


DRAWN = [customer(0, "mens", 10), customer(1, "mens"), customer(2, None, 5), customer(3, "womens")]


def test_whoever_got_what_a_policy_chooses_stands_for_all_of_them() -> None:
    # Two of four got the mens' e-mail: (0.3 x 10 - 0.1) x 4/2 = 5.8 and (0 - 0.1) x 4/2 = -0.2; (5.8 - 0.2) / 4 = 1.4.
    to_all = value_of(profits(DRAWN, dict.fromkeys(range(4), "mens"), margin_rate=0.3, unit_cost=0.1))
    assert to_all.mean == pytest.approx(1.4)
    # One got none: 0.3 x 5 x 4/1 = 6, over four customers 1.5; nothing was sent, so nothing is paid.
    each = profits(DRAWN, dict.fromkeys(range(4)), margin_rate=0.3, unit_cost=0.1)
    assert list(each) == pytest.approx([0, 0, 6, 0])
    # Deviations -1.5, -1.5, 4.5, -1.5: sample variance 27/3 = 9, standard error 3/2.
    assert value_of(each).error == pytest.approx(1.5)
    assert value_of(each).high == pytest.approx(1.5 + 1.96 * 1.5, abs=1e-4)


def test_more_splits_of_the_same_customers_make_no_interval_narrower() -> None:
    found = over_splits([Value(1.0, 0.2), Value(2.0, 0.4)])
    assert (found.mean, found.error) == (1.5, pytest.approx(0.3))


def test_policies_are_judged_on_nobody_they_were_chosen_on() -> None:
    training = frozenset({0, 1})
    choices = {"worth rule": [{2: None, 3: None}], "to all": [{2: "womens", 3: "womens"}]}
    # Of 2 and 3 each arm was drawn once: none brings 0.3 x 5 x 2 / 2 = 1.5, womens' -0.1 x 2 / 2 = -0.1.
    worth, to_all = judge(DRAWN, [training], choices, unit_cost=0.1)
    assert worth.value.mean == pytest.approx(1.5)
    assert worth.behind_worth is None
    assert to_all.value.mean == pytest.approx(-0.1)
    assert (worth.written_rate, to_all.written_rate) == (0, 1)
    assert to_all.behind_worth is not None
    assert to_all.behind_worth.mean == pytest.approx(1.6)


def test_all_get_the_email_after_which_more_was_spent() -> None:
    training = [customer(0, "mens", 3), customer(1, "womens", 8), customer(2, "mens", 4), customer(3, None, 90)]
    assert rivals.to_all(training, DRAWN) == dict.fromkeys(range(4), "womens")
    assert rivals.to_none(training, DRAWN) == dict.fromkeys(range(4))


def test_best_third_is_recent_and_spent_much() -> None:
    judged = [customer(number, recency=12 - number, history=50.0 * (number + 1)) for number in range(9)]
    chosen = rivals.rfm_best_third([customer(0, "mens", 1), customer(1, "womens")], judged)
    assert {number for number, action in chosen.items() if action == "mens"} == {6, 7, 8}
    assert {action for number, action in chosen.items() if number < 6} == {None}


def test_splits_are_halves_and_the_same_for_the_same_seed() -> None:
    customers = [customer(number) for number in range(100)]
    splits = draw_splits(customers, 3, seed=1)
    assert [len(split) for split in splits] == [50, 50, 50]
    assert len(set(splits)) == 3
    assert splits == draw_splits(customers, 3, seed=1) != draw_splits(customers, 3, seed=2)


def test_forest_writes_to_whom_more_is_expected_from_than_an_email_costs() -> None:
    forest = rivals.UpliftForest(
        numbers=[4, 7, 9], actions=["mens", "womens"], gains=np.array([[0.3, 0.1], [0.05, 0.2], [-0.1, 0.01]])
    )
    assert forest.choose(0.001) == {4: "mens", 7: "womens", 9: "womens"}
    assert forest.choose(0.25) == {4: "mens", 7: None, 9: None}


def test_without_the_data_the_bench_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["bench.policy", str(tmp_path / "absent.csv.gz")])
    with pytest.raises(SystemExit) as ended:
        run.main()
    assert ended.value.code == 2
    assert "absent.csv.gz is not there: the Hillstrom data are not part of the project" in capsys.readouterr().out
