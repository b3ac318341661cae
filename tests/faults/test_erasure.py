"""Stories of persons who asked to be erased: gone from everywhere, known again if they come, and left alone."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import cloned, write_workspace
from tests.integration.backup.test_backup import Disaster
from tests.support.sending import AS_OF_DATE, SELECTED_DATE, SendingWorld, make_sending_world
from tests.support.smtp_peer import SmtpPeer

from recall.channels.base import MessageDeliveryBase
from recall.channels.contract import FOR_EVER, Answer, ChannelUnavailable, Message, Settings, Traits
from recall.domain.errors import GateBlocked, RecallError, UsageError
from recall.domain.home import Home
from recall.domain.workspace import load_workspace
from recall.hooks import delivery, removals
from recall.hooks.erasure import tell_channels
from recall.ingest.load import load_landing
from recall.warehouse import backup
from recall.warehouse.erasure import erase_arrivals, erase_user
from recall.warehouse.secrets import read_secrets, write_secrets

LANDING = {
    "landing/users/u.csv": "user_id,gender,merged_into\nann,f,\nold_ann,f,ann\nbob,m,\n",
    "landing/contacts/c.csv": (
        "user_id,email,phone\nann,ann@example.com,+493012345671\nold_ann,old.ann@example.com,\n"
        "bob,bob@example.com,+493012345671\n"
    ),
    "landing/orders/o.csv": (
        "order_id,user_id,ordered_at,net_amount\no1,ann,2026-01-09,10\no2,bob,2026-01-09,20\no3,old_ann,2025-12-01,5\n"
    ),
    "landing/orders/o2.csv": "order_id,user_id,ordered_at,net_amount\no1,ann,2026-01-09,10\no4,bob,2026-01-08,20\n",
    "landing/order_items/i.csv": "order_id,line_number,product_id,quantity,net_amount\no1,1,p,1,10\no2,1,p,1,20\n",
    "landing/refunds/r.csv": "refund_id,order_id,refunded_at,amount\nr1,o1,2026-01-10,1\n",
    "landing/visits/v.csv": "visit_id,user_id,visited_at,action\nv1,ann,2026-01-09,view\nv2,bob,2026-01-09,view\n",
    "landing/feedback/f.csv": (
        "feedback_id,user_id,submitted_at,kind,text\nf1,ann,2026-01-09,complaint,Call me Ann\n"
        "f2,bob,2026-01-09,complaint,Hello\n"
    ),
    "landing/consents/s.csv": (
        "user_id,channel,is_opted_in,changed_at\nann,email,true,2026-01-01\nbob,email,true,2026-01-01\n"
        "ann,media,true,2026-01-01\n"
    ),
    "landing/redemptions/d.csv": "redemption_id,user_id,redeemed_at\nd1,ann,2026-01-09\nd2,bob,2026-01-09\n",
    # A line that cannot be read is set aside whole, with the contact that stands in it.
    "landing/contacts/wrong.csv": "user_id,email,updated_at\nann,ann@example.com,not a date\n",
    "definitions/load_rules.csv": "max_bad_rate,valid_from\n1,2020-01-01\n",
}
OF_USERS = ("raw.users", "raw.orders", "raw.visits", "raw.feedback", "raw.consents", "raw.redemptions", "pii.contacts")


@pytest.fixture(scope="module")
def landed(
    sending_template: Home, parsed_projects: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SendingWorld]:
    """The world of these stories, of which each takes a copy: of folder, database and keys."""
    root = tmp_path_factory.mktemp("landed")
    with (
        pytest.MonkeyPatch.context() as patch,
        cloned(sending_template, parsed_projects, root / "home", "test_module") as warehouse,
    ):
        patch.setenv("RECALL_HOME", str(warehouse.home.root))
        world = make_sending_world(warehouse, lambda files: write_workspace(root / "workspace", files), LANDING)
        assert load_landing(world.workspace).rejected == ()
        world.refresh()
        patch.undo()
        warehouse.kept.close()
        yield world


@pytest.fixture
def world(
    landed: SendingWorld, parsed_projects: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[SendingWorld]:
    """Ann, who was once registered as old_ann, and Bob, with whom she shares a phone."""
    monkeypatch.setenv("RECALL_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("RECALL_WORKSPACE", str(tmp_path / "workspace"))
    shutil.copytree(landed.workspace.path, tmp_path / "workspace")
    with cloned(landed.warehouse.home, parsed_projects, tmp_path / "home", "test_function") as warehouse:
        yield replace(landed, warehouse=warehouse, workspace=load_workspace(tmp_path / "workspace"))


@pytest.fixture
def smtp_peer() -> Any:
    """A real SMTP server."""
    with SmtpPeer() as peer:
        yield peer


@pytest.fixture
def lose_database(cluster: Home, world: SendingWorld) -> Disaster:
    return Disaster(cluster, world.warehouse)


def users_in(world: SendingWorld, table: str) -> list[str]:
    return [user for (user,) in world.rows(f"select distinct user_id from {table} order by 1")]


def everything(world: SendingWorld) -> str:
    """All rows of all tables of inputs, quarantine and contacts, as text."""
    tables = world.rows(
        "select table_schema || '.' || table_name from information_schema.tables"
        " where table_schema in ('raw', 'pii', 'quarantine') and table_type = 'BASE TABLE'"
    )
    return "\n".join(str(world.rows(f"select * from {table}")) for (table,) in tables)


def unaccounted(world: SendingWorld) -> list[Any]:
    return world.rows(
        "select file_path from control.files where state = 'loaded' and row_count <> loaded_count"
        " + quarantined_count + repeated_count + superseded_count + erased_count"
    )


def test_erased_person_is_in_no_table_of_inputs_and_others_are_where_they_were(world: SendingWorld) -> None:
    bob_before = {table: world.rows(f"select * from {table} where user_id = 'bob'") for table in OF_USERS}

    counts = erase_user(world.workspace, "ann")

    # Users 2, contacts 2, orders 2, items 1, refunds 1, visits 1, feedback 1, consents 2, redemptions 1.
    assert (counts.user_count, counts.row_count) == (2, 13)
    # ann@, old.ann@ and the phone.
    assert (counts.contact_count, counts.waiting_count) == (3, 0)
    for table in OF_USERS:
        assert users_in(world, table) == ["bob"], table
    assert bob_before == {table: world.rows(f"select * from {table} where user_id = 'bob'") for table in OF_USERS}
    assert world.rows("select order_id from raw.order_items") == [("o2",)]
    assert world.rows("select 1 from raw.refunds") == []
    left = everything(world)
    for word in ("ann@example.com", "old.ann", "Call me Ann"):
        assert word not in left
    assert unaccounted(world) == []


def test_erasure_done_again_changes_nothing(world: SendingWorld) -> None:
    erase_user(world.workspace, "ann")
    before = world.rows("select * from pii.erased_contacts order by 1, 2"), world.rows("select * from ledger.erasures")

    again = erase_user(world.workspace, "ann")

    assert again.row_count == 0
    assert before == (
        world.rows("select * from pii.erased_contacts order by 1, 2"),
        world.rows("select * from ledger.erasures"),
    )


def test_unknown_user_is_wrong_use(world: SendingWorld) -> None:
    with pytest.raises(UsageError, match="'eve' is no user"):
        erase_user(world.workspace, "eve")


def test_shared_contact_reaches_nobody_any_more_and_the_other_one_keeps_their_own(world: SendingWorld) -> None:
    erase_user(world.workspace, "ann")

    assert world.rows("select contact_code from pii.user_contact_points where user_id = 'bob'") == [("email",)]
    # Also not when his contacts are delivered anew.
    world.run("update pii.contacts set _load_id = _load_id + 1000 where user_id = 'bob'")
    world.refresh()
    assert world.rows("select contact_code from pii.user_contact_points where user_id = 'bob'") == [("email",)]


def test_contact_of_an_erased_person_is_known_when_it_comes_again_under_another_name(world: SendingWorld) -> None:
    erase_user(world.workspace, "ann")
    world.contact("ann_again", email="ANN@example.com")
    world.refresh()

    assert world.rows("select 1 from pii.user_contact_points where user_id = 'ann_again'") == []


def test_rows_that_come_again_go_again_before_the_night(world: SendingWorld) -> None:
    erase_user(world.workspace, "ann")
    landing = world.workspace.path / "landing" / "orders" / "o3.csv"
    landing.write_text(
        "order_id,user_id,ordered_at,net_amount\no1,ann,2026-01-09,10\no5,ann,2026-03-01,10\no6,bob,2026-03-01,1\n"
    )
    load_landing(world.workspace)
    assert users_in(world, "raw.orders") == ["ann", "bob"]

    counts = erase_arrivals(world.workspace)

    assert counts.row_count == 2
    assert users_in(world, "raw.orders") == ["bob"]
    assert unaccounted(world) == []
    assert world.rows("select erased_count from control.files where file_path like '%%o3.csv'") == [(2,)]


def test_message_that_waits_for_an_erased_person_is_not_sent(world: SendingWorld, smtp_peer: SmtpPeer) -> None:
    world.member("ann")
    world.member("bob")
    delivery.register_members(AS_OF_DATE)
    erase_user(world.workspace, "ann")

    delivery.export_channel(AS_OF_DATE, "email", environment=smtp_peer.environment, sleep=lambda seconds: None)

    assert smtp_peer.log.receivers == ["bob@example.com"]
    assert world.entries()[f"ann-1-{SELECTED_DATE}"] == ("suppressed", "erased")


class Audience(MessageDeliveryBase):
    """An advertising audience that may be down."""

    def __init__(self, folder: Path) -> None:
        super().__init__(
            Settings("media", {}, folder), Traits(frozenset({"phone"}), batch_size=10, remembers_keys_for=FOR_EVER)
        )
        self.members: set[str] = set()
        self.is_down = False

    def deliver(self, messages: Sequence[Message]) -> Sequence[Answer]:
        """Adds members."""
        self.members |= {one.contact_value for one in messages}
        return [Answer("accepted")] * len(messages)

    def take_back(self, messages: Sequence[Message]) -> Sequence[Answer]:
        """Removes members."""
        if self.is_down:
            raise ChannelUnavailable("no_connection", "nobody listens")
        self.members -= {one.contact_value for one in messages}
        return [Answer("accepted")] * len(messages)


def test_audience_is_told_and_only_then_the_contact_is_forgotten(
    warehouse: Any, workspace_factory: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.faults.test_removals import ADS

    world = make_sending_world(warehouse, workspace_factory, {**LANDING, "campaigns/welcome_back.yml": ADS})
    load_landing(world.workspace)
    world.refresh()
    audience = Audience(tmp_path)
    for module in (delivery, removals):
        monkeypatch.setattr(module, "open_delivery", lambda code, settings: audience)
    world.member("ann", arm="ads")
    delivery.register_members(AS_OF_DATE)
    delivery.export_channel(AS_OF_DATE, "media", environment={}, sleep=lambda seconds: None)
    assert audience.members == {"+493012345671"}

    assert erase_user(world.workspace, "ann").waiting_count == 1
    audience.is_down = True
    with pytest.raises(RecallError, match="no_connection"):
        tell_channels(world.workspace, environment={})
    audience.is_down = False
    told = tell_channels(world.workspace, environment={})

    assert (told.channel_count, told.removed_count, told.waiting_count) == (1, 1, 0)
    assert audience.members == set()
    assert world.rows("select 1 from pii.contact_points where contact_code = 'phone'") == []
    assert world.rows("select reason_code, state from ledger.removals") == [("erased", "done")]
    assert tell_channels(world.workspace, environment={}).channel_count == 0


def test_person_stays_erased_when_the_database_is_lost_and_restored(
    world: SendingWorld, tmp_path: Path, lose_database: Disaster
) -> None:
    erase_user(world.workspace, "ann")
    backup.write_backup(tmp_path / "kept.zip")
    lose_database()
    backup.restore_backup(tmp_path / "kept.zip")
    load_landing(world.workspace)
    assert "ann" in users_in(world, "raw.orders")

    erase_arrivals(world.workspace)
    world.refresh()

    assert users_in(world, "raw.orders") == ["bob"]
    assert users_in(world, "pii.user_contact_points") == ["bob"]
    assert "ann@example.com" not in everything(world)


def test_lost_key_of_erasures_stops_the_night_instead_of_forgetting_who_is_erased(world: SendingWorld) -> None:
    erase_user(world.workspace, "ann")
    content = read_secrets(world.warehouse.home)
    write_secrets(world.warehouse.home, content | {"keys": content["keys"] | {"erasure": "another key altogether"}})
    world.contact("ann_again", email="ann@example.com")

    with pytest.raises(GateBlocked, match=r"put the secrets\.json"):
        world.refresh()
