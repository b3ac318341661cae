"""Meta custom audiences: members are added and taken back, up to 10,000 hashes per call.

Adding a hash that is there changes nothing, so an unclear call may be repeated at any time.
Source: https://developers.facebook.com/docs/marketing-api/audiences/guides/custom-audiences
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from recall.channels.ad_hashes import contact_kind, meta_hash
from recall.channels.base import MessageDeliveryBase, missing_extra, required
from recall.channels.contract import ACCEPTED, FOR_EVER, Answer, ChannelUnavailable, Message, Settings, Traits
from recall.channels.halving import deliver_by_halves
from recall.channels.http_peer import TIMEOUT_SECONDS, judge, no_connection, was_never_sent
from recall.channels.quiet_logs import quiet_logs

TOKEN_VARIABLE = "RECALL_META_ACCESS_TOKEN"
AUDIENCE_VARIABLE = "RECALL_META_AUDIENCE_ID"
ENDPOINT_VARIABLE = "RECALL_META_ENDPOINT_URL"
BATCH_SIZE = 10_000

_SCHEMAS = {"phone": "PHONE_SHA256", "email": "EMAIL_SHA256"}

# https://developers.facebook.com/docs/marketing-api/error-reference and .../graph-api/overview/rate-limiting
_CREDENTIALS = (102, 190, 200, 294)
_LATER = (4, 17, 32, 613, 80003)
_UNCLEAR = (1, 2)


def open_meta(settings: Settings) -> MetaDelivery:
    """Makes the delivery from the environment; the plugin `meta`.

    Args:
        settings: RECALL_META_ACCESS_TOKEN and RECALL_META_AUDIENCE_ID in its environment.

    Raises:
        UsageError: A variable is missing, or the extra `meta` is not installed.
    """
    return MetaDelivery(settings)


class MetaDelivery(MessageDeliveryBase):
    """One call per up to 10,000 members.

    Args:
        settings: As for `open_meta`.
        timeout_seconds: How long an answer may take.
    """

    def __init__(self, settings: Settings, *, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        super().__init__(
            settings,
            Traits(frozenset(_SCHEMAS), batch_size=BATCH_SIZE, remembers_keys_for=FOR_EVER, is_live=False),
        )
        try:
            from facebook_business.api import FacebookAdsApi
            from facebook_business.session import FacebookSession
        except ImportError as error:
            raise missing_extra(error, "meta") from None
        quiet_logs()
        token = required(settings, TOKEN_VARIABLE, "a system user's token")
        self._audience = required(settings, AUDIENCE_VARIABLE, "the custom audience's id")
        session: Any = FacebookSession(access_token=token, timeout=timeout_seconds)
        endpoint = settings.environment.get(ENDPOINT_VARIABLE, "").strip()
        if endpoint:
            session.GRAPH = endpoint
        self._api: Any = FacebookAdsApi(session)

    def deliver(self, messages: Sequence[Message]) -> Sequence[Answer]:
        """Adds members; see the contract."""
        return self._each_kind(messages, {})

    def take_back(self, messages: Sequence[Message]) -> Sequence[Answer]:
        """Removes members; see the contract."""
        # The library puts a DELETE's 10,000 hashes into the address; Graph takes the same as a POST.
        return self._each_kind(messages, {"method": "delete"})

    def shown(self, message: Message) -> dict[str, object]:
        """Shows what leaves: the hash."""
        kind = contact_kind(message.contact_value)
        return {"idempotency_key": message.idempotency_key, _SCHEMAS[kind]: meta_hash(kind, message.contact_value)}

    def _each_kind(self, messages: Sequence[Message], parameters: dict[str, str]) -> Sequence[Answer]:
        """One call for phones and one for e-mails, where both are there."""
        kinds = [contact_kind(one.contact_value) for one in messages]
        hashes = [meta_hash(kind, one.contact_value) for kind, one in zip(kinds, messages, strict=True)]
        answers: dict[int, Answer] = {
            index: Answer("refused", "not_a_contact") for index, value in enumerate(hashes) if value is None
        }
        for kind, schema in _SCHEMAS.items():
            good = [index for index, value in enumerate(hashes) if value is not None and kinds[index] == kind]
            if not good:
                continue
            values = {messages[index].idempotency_key: str(hashes[index]) for index in good}

            def call(part: Sequence[Message], schema: str = schema, values: Mapping[str, str] = values) -> Answer:
                return self._call(schema, [values[one.idempotency_key] for one in part], parameters)

            try:
                found = deliver_by_halves([messages[index] for index in good], call)
            except ChannelUnavailable as error:
                if not answers:
                    raise
                found = [Answer("try_again", error.reason_code)] * len(good)
            answers |= dict(zip(good, found, strict=True))
        return [answers[index] for index in range(len(messages))]

    def _call(self, schema: str, hashes: list[str], parameters: dict[str, str]) -> Answer:
        from facebook_business.exceptions import FacebookRequestError

        payload = {"schema": schema, "data": hashes}
        try:
            response = self._api.call(
                "POST", (self._audience, "users"), params={"payload": json.dumps(payload)} | parameters
            )
        except FacebookRequestError as error:
            return self._refusal(error)
        except OSError as error:
            if was_never_sent(error):
                raise no_connection("Meta", error) from None
            return Answer("ambiguous", "no_answer")
        values = response.json()
        if not isinstance(values, dict) or values.get("num_received") != len(hashes):
            return Answer("ambiguous", "unreadable_answer")
        # It counts those that it could not read, and does not say which: they are found by halves, since adding the
        # others again changes nothing. A person who is not on Meta is no error.
        return ACCEPTED if not values.get("num_invalid_entries") else Answer("refused", "not_read")

    def _refusal(self, error: Any) -> Answer:
        code, status = error.api_error_code(), int(error.http_status())
        retry_after = {str(name).lower(): value for name, value in dict(error.http_headers() or {}).items()}.get(
            "retry-after"
        )
        if code in _CREDENTIALS:
            raise ChannelUnavailable("credentials_refused", f"Meta says {code}; see {TOKEN_VARIABLE}")
        if code in _LATER:
            return judge(429, retry_after, host="Meta") or Answer("try_again", "vendor_limit")
        if code in _UNCLEAR:
            return Answer("ambiguous", f"meta_{code}")
        return judge(status, retry_after, host="Meta") or Answer("ambiguous", "unreadable_answer")
