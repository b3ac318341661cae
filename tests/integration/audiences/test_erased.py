"""Three nights of a small shop, of whose customers one asks to be erased after the first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import pytest
from tests.conftest import Warehouse
from tests.integration.audiences.audience_nights import Night, build_night, look, open_workspace

from recall.hooks import delivery
from recall.ingest.load import load_landing
from recall.warehouse.erasure import erase_user

FIRST, SECOND, THIRD = date(2026, 3, 10), date(2026, 3, 11), date(2026, 3, 12)
ANN = "order_id,user_id,ordered_at,net_amount\no1,ann,2026-02-01,10\n"
FILES = {
    "workspace.yml": "business_time_zone: UTC\ncurrency_code: EUR\nglobal_holdout_rate: 0.01\n",
    "landing/orders/o.csv": f"{ANN}o2,bob,2026-02-01,20\n",
    "landing/contacts/c.csv": "user_id,email\nann,ann@shop-test.example\nbob,bob@shop-test.example\n",
    "landing/consents/s.csv": (
        "user_id,channel,is_opted_in,changed_at\nann,email,true,2025-01-01\nbob,email,true,2025-01-01\n"
    ),
    "campaigns/come_back.yml": """\
campaign_id: come_back
lines: [all]
steps: [{step_number: 1, offset_days: 0}]
max_lapse_days: 60
holdout_share: 0
recall_regardless: true
arms:
  - {arm_code: mail, channel: email, offer_code: content, variant_code: plain, templates: {en: copy.txt}}
""",
    "campaigns/copy.txt": "Subject: hello\n\nCome back.\n",
}
MARTS = ("marts.dim_users", "marts.fct_orders", "marts.fct_user_days", "marts.fct_lapse_episodes")


@dataclass(frozen=True)
class Story:
    """What the nights selected, and whom the marts of the second one knew."""

    nights: dict[date, Night]
    users: dict[str, list[str]]


@pytest.fixture(scope="module")
def story(module_warehouse: Warehouse, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """Ann is erased after the first night, and her order comes again before the third one."""
    folder = tmp_path_factory.mktemp("shop")
    with open_workspace(module_warehouse, folder, FILES) as workspace:
        build_night(FIRST)
        nights = {FIRST: look(module_warehouse, FIRST)}
        delivery.register_members(FIRST)
        erase_user(workspace, "ann")
        build_night(SECOND)
        nights[SECOND] = look(module_warehouse, SECOND)
        with module_warehouse.connect("auditor") as connection:
            users = {
                mart: [
                    user for (user,) in connection.execute(f"select distinct user_id from {mart} order by 1".encode())
                ]
                for mart in MARTS
            }
        (folder / "landing" / "orders" / "again.csv").write_text(ANN, encoding="utf-8")
        # Not yet erased again, as it would be with the load: an audience must not rely on that.
        load_landing(workspace)
        build_night(THIRD, is_tested=True)
        nights[THIRD] = look(module_warehouse, THIRD)
        yield Story(nights, users)


def test_night_after_an_erasure_knows_nothing_of_the_person(story: Story) -> None:
    assert story.nights[FIRST].members == {("come_back", 1): {("ann", "all"), ("bob", "all")}}
    assert story.users == {mart: ["bob"] for mart in MARTS}
    assert story.nights[SECOND].members == {("come_back", 1): {("bob", "all")}}
    assert story.nights[SECOND].exclusions == {}


def test_person_who_comes_again_is_excluded_as_erased_before_any_other_reason(story: Story) -> None:
    # Neither consent nor contact of hers is there any more, which would be reasons too.
    assert story.nights[THIRD].exclusions == {("come_back", 1): {("ann", "all: erased")}}
    assert story.nights[THIRD].members == {("come_back", 1): {("bob", "all")}}
