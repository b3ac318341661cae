from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from tests.support.sending import SendingWorld, make_sending_world
from tests.support.smtp_peer import SmtpPeer


@pytest.fixture
def smtp_peer() -> Iterator[SmtpPeer]:
    """A real SMTP server."""
    with SmtpPeer() as peer:
        yield peer


@pytest.fixture
def warehouse(sending_warehouse: Any) -> Any:
    """What these tests call a warehouse has the sending world in it."""
    return sending_warehouse


@pytest.fixture
def world(warehouse: Any, workspace_factory: Any) -> SendingWorld:
    """A finished night without members."""
    return make_sending_world(warehouse, workspace_factory)
