"""Audience files in an S3 bucket, for whoever picks them up there: hashes only, no contact.

An object is complete or absent, and a put under the same name replaces it, so an unclear put is done again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from recall.channels.ad_hashes import contact_kind, meta_hash
from recall.channels.base import required
from recall.channels.contract import Batch, ChannelUnavailable, Settings, Traits
from recall.channels.file_drop_channel import FILE_ROWS, FileDropDelivery
from recall.channels.http_peer import TIMEOUT_SECONDS, no_connection
from recall.channels.ses_channel import aws_client

BUCKET_VARIABLE = "RECALL_S3_BUCKET"
PREFIX_VARIABLE = "RECALL_S3_PREFIX"
ENDPOINT_VARIABLE = "RECALL_S3_ENDPOINT_URL"

COLUMNS = ("idempotency_key", "phone_sha256", "email_sha256", "campaign_id", "arm_code", "selected_date")

_CREDENTIALS = ("AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "403", "401")


def open_s3_file(settings: Settings) -> S3FileDelivery:
    """Makes the delivery from the environment; the plugin `s3_file`.

    Args:
        settings: RECALL_S3_BUCKET, RECALL_S3_PREFIX if wanted, and AWS's own variables; RECALL_S3_ENDPOINT_URL names a
            server that speaks S3.

    Raises:
        UsageError: The bucket is missing, or the extra `aws` is not installed.
    """
    return S3FileDelivery(settings)


class S3FileDelivery(FileDropDelivery):
    """One CSV of hashes and one manifest per batch.

    Args:
        settings: As for `open_s3_file`.
        timeout_seconds: How long an answer may take.
    """

    def __init__(self, settings: Settings, *, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        prefix = settings.environment.get(PREFIX_VARIABLE, "").strip().strip("/")
        client = aws_client("s3", settings, ENDPOINT_VARIABLE, timeout=timeout_seconds)
        bucket = required(settings, BUCKET_VARIABLE, "the bucket's name")
        folder = "/".join(part for part in (prefix, settings.channel) if part)
        super().__init__(BucketPlace(client, bucket, folder), "")

    @property
    def traits(self) -> Traits:
        """Phones and e-mails, which are hashed."""
        return Traits(frozenset({"phone", "email"}), batch_size=FILE_ROWS)

    def rows_of(self, batch: Batch) -> Iterator[Sequence[str]]:
        """Returns hashes as Meta's rules have them, under the names of their kinds."""
        yield COLUMNS
        for message in batch.messages:
            kind = contact_kind(message.contact_value)
            value = meta_hash(kind, message.contact_value) or ""
            hashes = (value, "") if kind == "phone" else ("", value)
            yield (
                message.idempotency_key,
                *hashes,
                message.campaign_id,
                message.arm_code,
                message.selected_date.isoformat(),
            )


class BucketPlace:
    """A folder of a bucket. What is written is kept until it is named, and then put whole.

    Args:
        client: boto3's client of s3, without retries.
        bucket: The bucket's name.
        folder: Prefix of the objects' names.
    """

    def __init__(self, client: Any, bucket: str, folder: str) -> None:
        self._client = client
        self._bucket = bucket
        self._folder = folder
        self._parts: dict[str, bytes] = {}

    def open(self) -> None:
        """Makes sure that the bucket is there and lets us in."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            self._client.head_bucket(Bucket=self._bucket)
        except ClientError as error:
            code = str(error.response.get("Error", {}).get("Code", ""))
            reason = "credentials_refused" if code in _CREDENTIALS else "no_folder"
            raise ChannelUnavailable(reason, f"the bucket of {BUCKET_VARIABLE} answers with {code}") from None
        except BotoCoreError as error:
            raise no_connection("S3", error) from None

    def close(self) -> None:
        """Nothing is held open."""

    def write_part(self, name: str, chunks: Iterable[bytes]) -> None:
        """Keeps the content until it is named."""
        self._parts[name] = b"".join(chunks)

    def rename_part(self, name: str) -> None:
        """Puts the object."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            self._client.put_object(
                Bucket=self._bucket,
                Key=f"{self._folder}/{name}",
                Body=self._parts.pop(name),
                ServerSideEncryption="AES256",
            )
        except (BotoCoreError, ClientError) as error:
            raise OSError(type(error).__name__) from None

    def names(self, folder: str) -> Sequence[str]:
        """Returns the names below a folder; nobody writes answers into a bucket."""
        return ()

    def read(self, name: str) -> bytes:
        """Nothing is read back."""
        raise FileNotFoundError(name)
