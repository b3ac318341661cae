"""Calls of a channel's peer: only those that it signed count, however often they come."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient
from standardwebhooks.webhooks import Webhook
from tests.support.sending import AS_OF_DATE, SendingWorld
from tests.support.smtp_peer import SmtpPeer

from recall.hooks import delivery, receipt_endpoint
from recall.hooks.airflow_plugin import RecallPlugin

SECRET = "whsec_" + "c2VjcmV0IG9mIDMyIGJ5dGVzIGZvciB0ZXN0cyE="
OTHER_SECRET = "whsec_" + "YW5vdGhlciBzZWNyZXQgb2YgMzIgYnl0ZXMhIQ=="


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> TestClient:
    """The address as Airflow's API server has it."""
    monkeypatch.setenv("RECALL_WEBHOOK_URL", "https://partner.example/events")
    monkeypatch.setenv("RECALL_WEBHOOK_SECRET", SECRET)
    (mounted,) = RecallPlugin().fastapi_apps
    assert mounted["url_prefix"] == "/receipts"
    return TestClient(mounted["app"])


@pytest.fixture
def key(world: SendingWorld, smtp_peer: SmtpPeer) -> str:
    """Ann was written to; from then on the channel's peer is one that calls."""
    world.people(["ann"])
    delivery.register_members(AS_OF_DATE)
    delivery.export_channel(AS_OF_DATE, "email", environment=smtp_peer.environment)
    world.run("update definitions.channels set delivery_code = 'webhook' where channel = 'email'")
    ((found,),) = world.rows("select idempotency_key from ledger.sends")
    return str(found)


def call(
    api: TestClient, body: dict[str, Any], *, secret: str = SECRET, at: datetime | None = None, channel: str = "email"
) -> int:
    """A call as the scheme's own library signs it."""
    text = json.dumps(body)
    instant = at or datetime.now(UTC)
    headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(instant.timestamp())),
        "webhook-signature": Webhook(secret).sign("msg_1", instant, text),
    }
    return int(api.post(f"/{channel}", content=text, headers=headers).status_code)


def told(world: SendingWorld) -> list[tuple[Any, ...]]:
    return world.rows("select event from ledger.receipts order by event")


def test_signed_call_is_taken_in_once_and_a_no_counts_at_once(world: SendingWorld, api: TestClient, key: str) -> None:
    body = {"event": "unsubscribed", "occurred_at": "2026-03-11T12:00:00Z", "idempotency_key": key}

    assert [call(api, body), call(api, body)] == [204, 204]

    assert told(world) == [("unsubscribed",)]
    assert world.rows("select user_id, channel from raw.consents where not is_opted_in") == [("ann", "email")]


def test_call_that_the_peer_did_not_sign_counts_for_nothing(world: SendingWorld, api: TestClient, key: str) -> None:
    body = {"event": "unsubscribed", "occurred_at": "2026-03-11T12:00:00Z", "idempotency_key": key}

    assert call(api, body, secret=OTHER_SECRET) == 401
    assert call(api, body, at=datetime.now(UTC) - timedelta(minutes=10)) == 401
    assert api.post("/email", content=json.dumps(body)).status_code == 401

    assert told(world) == []


def test_channel_whose_peer_cannot_prove_itself_is_not_found(world: SendingWorld, api: TestClient, key: str) -> None:
    body = {"event": "delivered", "occurred_at": "2026-03-11T12:00:00Z", "idempotency_key": key}

    # Files have no signature, and there is no channel of the other name.
    assert call(api, body, channel="gift") == 404
    assert call(api, body, channel="pigeon") == 404
    assert api.get("/email").status_code == 405


def test_call_that_is_too_large_is_not_read(world: SendingWorld, api: TestClient, key: str) -> None:
    too_large = b" " * (receipt_endpoint.LARGEST_CALL_BYTES + 1)

    assert api.post("/email", content=too_large).status_code == 413


def test_call_while_the_database_is_down_is_to_be_told_again(
    world: SendingWorld, api: TestClient, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECALL_DATABASE_URL", "postgresql://nobody:x@127.0.0.1:1/none")

    assert call(api, {"event": "delivered", "occurred_at": "2026-03-11T12:00:00Z", "idempotency_key": key}) == 503
