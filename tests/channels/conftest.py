from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import pytest
from botocore import loaders
from tests.support.smtp_peer import SmtpPeer


@pytest.fixture(scope="session", autouse=True)
def _aws_described_once() -> Iterator[None]:
    """What describes AWS's services is read once for all clients: it takes longer than their stories."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loaders, "create_loader", cache(loaders.create_loader))
        yield


@pytest.fixture
def smtp_peer() -> Iterator[SmtpPeer]:
    """A real SMTP server."""
    with SmtpPeer() as peer:
        yield peer
