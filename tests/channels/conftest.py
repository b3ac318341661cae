from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.support.smtp_peer import SmtpPeer


@pytest.fixture
def smtp_peer() -> Iterator[SmtpPeer]:
    """A real SMTP server."""
    with SmtpPeer() as peer:
        yield peer
