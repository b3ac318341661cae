"""Keeps what vendors' libraries say about a call out of the logs: bodies with contacts, addresses with tokens."""

from __future__ import annotations

import logging

# httpx tells each address at INFO, WeChat's token included; the others tell bodies at DEBUG or INFO.
_TALKATIVE = (
    "alibabacloud_credentials",
    "boto3",
    "botocore",
    "google.auth",
    "httpcore",
    "httpx",
    "s3transfer",
    "smpplib",
    "twilio",
    "urllib3",
)


def quiet_logs() -> None:
    """Lets those libraries speak from WARNING on only; called whenever a delivery that uses one is made."""
    for name in _TALKATIVE:
        logger = logging.getLogger(name)
        if logger.level < logging.WARNING:
            logger.setLevel(logging.WARNING)
