"""Google audiences through the Data Manager API: members are added and taken back, up to 10,000 per call.

Ingesting a member that is there changes nothing, so an unclear call may be repeated at any time. A request is taken as
a whole; 300 requests a minute (rate_per_second is in members, so leave it empty or high).
Source: https://developers.google.com/data-manager/api/reference/rest/v1/audienceMembers/ingest
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from recall.channels.ad_hashes import contact_kind, google_hash
from recall.channels.base import MessageDeliveryBase, missing_extra, required
from recall.channels.contract import FOR_EVER, Answer, ChannelUnavailable, Message, Settings, Traits
from recall.channels.halving import deliver_by_halves
from recall.channels.http_peer import TIMEOUT_SECONDS, judge, no_connection, was_never_sent
from recall.channels.quiet_logs import quiet_logs
from recall.domain.errors import UsageError

ACCOUNT_VARIABLE = "RECALL_GOOGLE_ADS_ACCOUNT_ID"
AUDIENCE_VARIABLE = "RECALL_GOOGLE_AUDIENCE_ID"
CREDENTIALS_VARIABLE = "RECALL_GOOGLE_CREDENTIALS_FILE"
ENDPOINT_VARIABLE = "RECALL_GOOGLE_ENDPOINT_URL"
SCOPE = "https://www.googleapis.com/auth/datamanager"
BATCH_SIZE = 10_000


def open_google(settings: Settings) -> GoogleDelivery:
    """Makes the delivery from the environment; the plugin `google`.

    Args:
        settings: RECALL_GOOGLE_ADS_ACCOUNT_ID, RECALL_GOOGLE_AUDIENCE_ID and RECALL_GOOGLE_CREDENTIALS_FILE (a service
            account's key) in its environment.

    Raises:
        UsageError: A variable is missing, the key cannot be read, or the extra `google` is not installed.
    """
    return GoogleDelivery(settings)


class GoogleDelivery(MessageDeliveryBase):
    """One call per up to 10,000 members.

    Args:
        settings: As for `open_google`.
        timeout_seconds: How long an answer may take.
        credentials: google-auth's credentials; default those of the file.
    """

    def __init__(
        self, settings: Settings, *, timeout_seconds: float = TIMEOUT_SECONDS, credentials: Any = None
    ) -> None:
        super().__init__(
            settings,
            Traits(frozenset({"phone", "email"}), batch_size=BATCH_SIZE, remembers_keys_for=FOR_EVER, is_live=False),
        )
        try:
            from google.ads import datamanager_v1
            from google.ads.datamanager_v1.services.ingestion_service.transports import IngestionServiceRestTransport
            from google.oauth2 import service_account
        except ImportError as error:
            raise missing_extra(error, "google") from None
        quiet_logs()
        self._types: Any = datamanager_v1
        self._timeout_seconds = timeout_seconds
        self._account = required(settings, ACCOUNT_VARIABLE, "the advertising account's number").replace("-", "")
        self._audience = required(settings, AUDIENCE_VARIABLE, "the audience's number")
        if credentials is None:
            path = required(settings, CREDENTIALS_VARIABLE, "a service account's key file")
            from_file: Any = service_account.Credentials.from_service_account_file
            try:
                credentials = from_file(path, scopes=[SCOPE])
            except (OSError, ValueError) as error:
                raise UsageError(f"{CREDENTIALS_VARIABLE}: {type(error).__name__}") from None
        endpoint = settings.environment.get(ENDPOINT_VARIABLE, "").strip()
        place = urlsplit(endpoint or "https://datamanager.googleapis.com")
        transport: Any = IngestionServiceRestTransport(
            credentials=credentials, host=place.netloc, url_scheme=place.scheme
        )
        self._client: Any = datamanager_v1.IngestionServiceClient(transport=transport)

    def deliver(self, messages: Sequence[Message]) -> Sequence[Answer]:
        """Adds members; see the contract."""
        return self._ingest(messages, is_removal=False)

    def take_back(self, messages: Sequence[Message]) -> Sequence[Answer]:
        """Removes members; see the contract."""
        return self._ingest(messages, is_removal=True)

    def shown(self, message: Message) -> dict[str, object]:
        """Shows what leaves: the hash."""
        kind = contact_kind(message.contact_value)
        return {"idempotency_key": message.idempotency_key, kind: google_hash(kind, message.contact_value)}

    def _ingest(self, messages: Sequence[Message], *, is_removal: bool) -> Sequence[Answer]:
        hashes = [google_hash(contact_kind(one.contact_value), one.contact_value) for one in messages]
        good = [one for one, value in zip(messages, hashes, strict=True) if value is not None]
        found = iter(deliver_by_halves(good, lambda part: self._call(part, is_removal=is_removal)) if good else ())
        return [Answer("refused", "not_a_contact") if value is None else next(found) for value in hashes]

    def _call(self, messages: Sequence[Message], *, is_removal: bool) -> Answer:
        from google.api_core.exceptions import GoogleAPICallError, RetryError
        from google.auth.exceptions import GoogleAuthError
        from google.protobuf.json_format import ParseError

        types = self._types
        values: dict[str, Any] = {
            "destinations": [
                types.Destination(
                    operating_account=types.ProductAccount(
                        account_type=types.ProductAccount.AccountType.GOOGLE_ADS, account_id=self._account
                    ),
                    product_destination_id=self._audience,
                )
            ],
            "audience_members": [types.AudienceMember(user_data=self._user_data(one)) for one in messages],
            "encoding": types.Encoding.HEX,
        }
        try:
            if is_removal:
                reply = self._client.remove_audience_members(
                    types.RemoveAudienceMembersRequest(**values), retry=None, timeout=self._timeout_seconds
                )
            else:
                values["terms_of_service"] = types.TermsOfService(
                    customer_match_terms_of_service_status=types.TermsOfServiceStatus.ACCEPTED
                )
                reply = self._client.ingest_audience_members(
                    types.IngestAudienceMembersRequest(**values), retry=None, timeout=self._timeout_seconds
                )
        except GoogleAuthError:
            raise ChannelUnavailable(
                "credentials_refused", f"Google gives no token; see {CREDENTIALS_VARIABLE}"
            ) from None
        except (GoogleAPICallError, RetryError) as error:
            return _refusal(error)
        except OSError as error:
            if was_never_sent(error):
                raise no_connection("Google", error) from None
            return Answer("ambiguous", "no_answer")
        except (ValueError, ParseError):
            # A good status whose body is no answer: an HTML page, a cut text.
            return Answer("ambiguous", "unreadable_answer")
        if not reply.request_id:
            return Answer("ambiguous", "unreadable_answer")
        return Answer("accepted", reference=str(reply.request_id))

    def _user_data(self, message: Message) -> Any:
        kind = contact_kind(message.contact_value)
        field = {"phone": "phone_number", "email": "email_address"}[kind]
        identifier = self._types.UserIdentifier(**{field: google_hash(kind, message.contact_value)})
        return self._types.UserData(user_identifiers=[identifier])


def _refusal(error: Any) -> Answer:
    status = int(getattr(error, "code", 0) or 0)
    response = getattr(error, "response", None)
    retry_after = getattr(response, "headers", {}).get("Retry-After") if response is not None else None
    return judge(status, retry_after, host="Google") or Answer("ambiguous", "unreadable_answer")
