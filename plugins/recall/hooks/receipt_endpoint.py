"""The address at which channels' peers tell what became of messages, in Airflow's API server: /receipts/<channel>.

It is open to everybody who can reach the server, as a vendor has no account here. What comes in counts only if the
channel's own signature proves that its peer sent it (Twilio's, or the Standard Webhooks scheme); a channel that has
none is not found. An answer holds no word of what was called.
"""

from __future__ import annotations

import logging

import psycopg
from fastapi import FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool

from recall.channels.contract import ReceiptRefused
from recall.domain.errors import RecallError, UsageError
from recall.hooks.receipts import take_call

LARGEST_CALL_BYTES = 1 << 20

log = logging.getLogger(__name__)


async def receive(channel: str, request: Request) -> Response:
    """Takes one call in.

    Args:
        channel: Channel code.
        request: The call.

    Returns:
        204: taken in, now or before. 401: not the peer's. 404: no peer of such a channel calls. 413: too large. 503: to
        be told again later, because the database does not answer.
    """
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST_CALL_BYTES:
            return Response(status_code=413)
    headers = {name.lower(): value for name, value in request.headers.items()}
    try:
        await run_in_threadpool(take_call, channel, bytes(body), headers)
    except ReceiptRefused as refusal:
        log.warning("a call for channel %s was refused: %s", channel[:40].encode("unicode_escape").decode(), refusal)
        return Response(status_code=401)
    except UsageError:
        return Response(status_code=404)
    except (RecallError, psycopg.OperationalError):
        return Response(status_code=503)
    return Response(status_code=204)


def make_app() -> FastAPI:
    """Returns the application of this one address, without pages of its own."""
    app = FastAPI(title="recall receipts", docs_url=None, redoc_url=None, openapi_url=None)
    app.add_api_route("/{channel}", receive, methods=["POST"], status_code=204, response_class=Response)
    return app
