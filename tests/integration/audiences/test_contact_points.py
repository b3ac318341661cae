"""Who can be reached where, and who shares a contact point with whom."""

from __future__ import annotations

from datetime import date
from typing import Any

import psycopg
import pytest
from tests.support.sending import AS_OF_DATE, SendingWorld, make_sending_world

from recall.domain.errors import UsageError
from recall.domain.workspace import load_workspace
from recall.warehouse.contact_points import ContactRefresh, refresh_contact_points

MARCH_11 = date(2026, 3, 11)


@pytest.fixture
def world(sending_warehouse: Any, workspace_factory: Any) -> SendingWorld:
    return make_sending_world(sending_warehouse, workspace_factory)


def contact_ids(world: SendingWorld) -> dict[tuple[str, str], str]:
    return {
        (user, code): contact_id
        for user, code, contact_id in world.rows(
            "select user_id, contact_code, contact_id from pii.user_contact_points"
        )
    }


def test_refresh_gives_one_mailbox_in_two_spellings_one_id(world: SendingWorld) -> None:
    world.contact("ann", email="Ann@Example.com")
    world.contact("bob", email=" ann@EXAMPLE.com ")
    world.refresh()

    ids = contact_ids(world)
    assert ids["ann", "email"] == ids["bob", "email"]
    # The spelling of the smallest user is kept; only the domain is always lower case.
    assert world.rows("select contact_value from pii.contact_points") == [("Ann@example.com",)]


def test_refresh_counts_what_reaches_nobody_and_makes_no_contact_point_of_it(world: SendingWorld) -> None:
    world.contact("ann", email="ann(at)example.com", phone="12")
    world.contact("bob", email="  ")

    assert refresh_contact_points(world.workspace, AS_OF_DATE) == ContactRefresh(
        user_count=2, unusable_count=2, shared_count=0
    )
    assert contact_ids(world) == {}


def test_refresh_again_looks_at_changed_users_only_and_keeps_every_id(world: SendingWorld) -> None:
    world.contact("ann", email="ann@example.com")
    world.contact("bob", email="bob@example.com")
    world.refresh()
    before = contact_ids(world)
    world.run("update pii.contacts set email = 'robert@example.com', _load_id = 2 where user_id = 'bob'")

    assert refresh_contact_points(world.workspace, AS_OF_DATE).user_count == 1

    after = contact_ids(world)
    assert after["ann", "email"] == before["ann", "email"]
    assert after["bob", "email"] != before["bob", "email"]
    # The old mailbox stays known: the ledger may speak of it.
    assert len(world.rows("select 1 from pii.contact_points")) == 3


def test_refresh_takes_a_contact_away_that_is_no_longer_delivered(world: SendingWorld) -> None:
    world.contact("ann", email="ann@example.com")
    world.refresh()
    world.run("update pii.contacts set email = null, _load_id = 2 where user_id = 'ann'")
    world.refresh()

    assert contact_ids(world) == {}


def test_refresh_of_a_day_sees_the_version_that_held_on_it(world: SendingWorld) -> None:
    # The version of 11 March was delivered ahead; on 10 March the older one holds, on 11 March the newer.
    world.land("pii.contacts_versions", user_id="ann", email="old@example.com", updated_at="2026-01-01 00:00+00")
    world.land("pii.contacts", user_id="ann", email="new@example.com", updated_at="2026-03-11 08:00+00")
    value = "select contact_value from pii.contact_points inner join pii.user_contact_points using (contact_id)"

    refresh_contact_points(world.workspace, AS_OF_DATE)
    assert world.rows(value) == [("old@example.com",)]

    refresh_contact_points(world.workspace, MARCH_11)
    assert world.rows(value) == [("new@example.com",)]

    refresh_contact_points(world.workspace, AS_OF_DATE)
    assert world.rows(value) == [("old@example.com",)]


def test_users_are_grouped_through_others(world: SendingWorld) -> None:
    # ann and bob share a mailbox, bob and eve a phone; so do eve and ann, through bob. tom is alone.
    world.contact("ann", email="a@example.com")
    world.contact("bob", email="a@example.com", phone="+49 30 901820")
    world.contact("eve", phone="0049 30 90 18 20", email="e@example.com")
    world.contact("tom", email="t@example.com")
    world.refresh()

    groups = "select user_id, group_id from pii.person_groups order by 1"
    # The zone of this workspace is UTC, which is no country's, so 0049 cannot be dialled; +49 can.
    assert world.rows(groups) == [("ann", "ann"), ("bob", "ann")]

    world.run("update pii.contacts set phone = '+493090 1820', _load_id = 2 where user_id = 'eve'")
    world.refresh()
    assert world.rows(groups) == [("ann", "ann"), ("bob", "ann"), ("eve", "ann")]


def test_new_key_finds_every_contact_under_its_old_id(world: SendingWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    world.contact("ann", email="ann@example.com")
    world.refresh()
    before = contact_ids(world)
    hashes = "select contact_hash, key_version from pii.contact_points"
    (old_hash,) = world.rows(hashes)
    monkeypatch.setenv("NEW_KEY", "another key of many letters")
    settings = world.workspace.path / "workspace.yml"
    settings.write_text(settings.read_text() + "pseudonym_key: env:NEW_KEY\n")
    world.contact("bob", email="ANN@example.com")

    refresh_contact_points(load_workspace(), AS_OF_DATE)

    after = contact_ids(world)
    assert after["ann", "email"] == after["bob", "email"] == before["ann", "email"]
    (new_hash,) = world.rows(hashes)
    assert (old_hash[1], new_hash[1]) == (1, 2)
    assert old_hash[0] != new_hash[0]


def test_key_that_is_too_short_or_missing_is_refused(world: SendingWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEW_KEY", "short")
    settings = world.workspace.path / "workspace.yml"
    settings.write_text(settings.read_text() + "pseudonym_key: env:NEW_KEY\n")

    with pytest.raises(UsageError, match="holds no key of at least 16 characters"):
        refresh_contact_points(load_workspace(), AS_OF_DATE)


@pytest.mark.parametrize("table", ["contacts", "contact_points", "contact_keys"])
@pytest.mark.parametrize("role", ["transformer", "bi_reader", "auditor"])
def test_roles_that_need_no_contact_cannot_read_one(world: SendingWorld, role: Any, table: str) -> None:
    with (
        world.warehouse.connect(role) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute(f"select * from pii.{table}")
