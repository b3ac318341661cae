"""E-mail through Amazon SES (API version 2), one receiver per call.

SES documents no idempotency key, so boto3's own retries are off: it would repeat a call whose answer was lost.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from recall.channels.base import MessageDeliveryBase, missing_extra
from recall.channels.contract import Answer, ChannelUnavailable, Message, Settings, Traits
from recall.channels.http_peer import TIMEOUT_SECONDS, judge, no_connection, was_never_sent
from recall.channels.mail import compose_mail, mail_unsubscribe_address, sender_of, write_mailbox
from recall.channels.quiet_logs import quiet_logs
from recall.channels.unsubscribe import filled

ENDPOINT_VARIABLE = "RECALL_SES_ENDPOINT_URL"

# Errors of SendEmail, https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendEmail.html
_STOP = {
    "AccountSuspendedException": "account_suspended",
    "SendingPausedException": "sending_paused",
    "MailFromDomainNotVerifiedException": "sender_not_verified",
    "LimitExceededException": "quota_exhausted",
    "NotFoundException": "no_such_address",
    "AccessDeniedException": "credentials_refused",
    "UnrecognizedClientException": "credentials_refused",
    "InvalidClientTokenId": "credentials_refused",
    "SignatureDoesNotMatch": "credentials_refused",
    "ExpiredTokenException": "credentials_refused",
}
_LATER = ("TooManyRequestsException", "ThrottlingException", "Throttling")
_NEVER = ("MessageRejected", "BadRequestException")


def open_ses(settings: Settings) -> SesDelivery:
    """Makes the delivery from the environment; the plugin `ses`.

    Args:
        settings: RECALL_SMTP_SENDER, and AWS's own variables (AWS_REGION, AWS_ACCESS_KEY_ID, ...).

    Raises:
        UsageError: The sender is missing or the extra `aws` is not installed.
    """
    return SesDelivery(settings, aws_client("sesv2", settings, ENDPOINT_VARIABLE))


def aws_client(service: str, settings: Settings, endpoint_variable: str, *, timeout: float = TIMEOUT_SECONDS) -> Any:
    """Returns a boto3 client that says everything once.

    Args:
        service: AWS service.
        settings: AWS's own variables in its environment.
        endpoint_variable: Variable that names another endpoint, for S3-like servers; may be unset.
        timeout: Seconds for connecting and for each answer.

    Raises:
        UsageError: The extra `aws` is not installed.
    """
    try:
        import boto3
        from botocore.config import Config
    except ImportError as error:
        raise missing_extra(error, "aws") from None
    quiet_logs()
    variables = settings.environment
    session = boto3.session.Session(
        aws_access_key_id=variables.get("AWS_ACCESS_KEY_ID") or None,
        aws_secret_access_key=variables.get("AWS_SECRET_ACCESS_KEY") or None,
        aws_session_token=variables.get("AWS_SESSION_TOKEN") or None,
        region_name=variables.get("AWS_REGION") or variables.get("AWS_DEFAULT_REGION") or "us-east-1",
    )
    once = Config(
        retries={"total_max_attempts": 1, "mode": "standard"},
        connect_timeout=timeout,
        read_timeout=timeout,
        s3={"addressing_style": "path"} if variables.get(endpoint_variable) else None,
    )
    return session.client(service, endpoint_url=variables.get(endpoint_variable) or None, config=once)


class SesDelivery(MessageDeliveryBase):
    """One call per message.

    Args:
        settings: The sender and, if wanted, the unsubscribe address.
        client: boto3's client of sesv2, without retries.
        now: The clock of the Date header.
    """

    def __init__(
        self, settings: Settings, client: Any, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        super().__init__(settings, Traits(frozenset({"email"})))
        self._client = client
        self._now = now
        self._sender = sender_of(settings)
        self._pattern = mail_unsubscribe_address(settings, self._sender)

    def unsubscribe_url(self, idempotency_key: str) -> str:
        """Returns the address at which the receiver of a message says no."""
        return filled(self._pattern, idempotency_key)

    def deliver_one(self, message: Message) -> Answer:
        """Hands one message over; see the contract."""
        try:
            raw = self._compose(message).as_bytes()
        except (ValueError, UnicodeError):
            return Answer("refused", "not_composable")
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            reply = self._client.send_email(
                FromEmailAddress=self._sender,
                Destination={"ToAddresses": [message.contact_value]},
                Content={"Raw": {"Data": raw}},
            )
        except ClientError as error:
            return aws_answer(error.response, "SES", stop=_STOP, later=_LATER, never=_NEVER)
        except BotoCoreError as error:
            if was_never_sent(error):
                raise no_connection("SES", error) from None
            if type(error).__name__ in ("NoCredentialsError", "PartialCredentialsError"):
                raise ChannelUnavailable("credentials_refused", "AWS_ACCESS_KEY_ID is not set") from None
            return Answer("ambiguous", "no_answer")
        reference = str(reply.get("MessageId") or "")
        return Answer("accepted", reference=reference) if reference else Answer("ambiguous", "unreadable_answer")

    def preview(self, messages: Sequence[Message], folder: Path) -> Path:
        """Writes all messages into one mbox file; see the contract."""
        return write_mailbox((self._compose(message) for message in messages), folder)

    def _compose(self, message: Message) -> Any:
        return compose_mail(
            message,
            sender=self._sender,
            unsubscribe_url=self.unsubscribe_url(message.idempotency_key),
            date=self._now(),
        )


def aws_answer(
    response: dict[str, Any], host: str, *, stop: dict[str, str], later: Sequence[str], never: Sequence[str]
) -> Answer:
    """Says what an error answer of AWS means.

    Args:
        response: As botocore's ClientError carries it.
        host: What the service is called in errors.
        stop: Error codes that stop the channel, with their reasons.
        later: Codes of calls that were not taken.
        never: Codes of messages that are never taken.

    Raises:
        ChannelUnavailable: The code or the status stops the channel.
    """
    code = str(response.get("Error", {}).get("Code", ""))
    meta = response.get("ResponseMetadata", {})
    status = int(meta.get("HTTPStatusCode", 0))
    if code in stop:
        raise ChannelUnavailable(stop[code], f"{host} says {code}")
    retry_after = {name.lower(): value for name, value in meta.get("HTTPHeaders", {}).items()}.get("retry-after")
    if code in later:
        judged = judge(429, retry_after, host=host)
        assert judged is not None
        return judged
    if code in never:
        return Answer("refused", "rejected")
    return judge(status, retry_after, host=host) or Answer("ambiguous", "unreadable_answer")
