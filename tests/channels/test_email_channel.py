from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from itertools import product
from pathlib import Path

import pytest
from tests.support.smtp_peer import SmtpPeer

from recall.channels.contract import Answer, ChannelUnavailable, Message, MessageDelivery, Settings
from recall.channels.email_channel import EmailDelivery, SmtpAddress, open_email
from recall.channels.mail import compose_mail, mail_bytes
from recall.channels.registry import open_delivery
from recall.domain.errors import UsageError
from recall.domain.message_template import RenderedMessage

NOON = datetime(2026, 3, 11, 12, tzinfo=UTC)


def message(
    receiver: str = "ann@example.com", *, subject: str = "Hello", text: str = "Come back.\n", key: str = "k1"
) -> Message:
    return Message(
        idempotency_key=key,
        contact_value=receiver,
        content=RenderedMessage(subject, text),
        campaign_id="welcome_back",
        step_number=1,
        arm_code="mail",
        variant_code="warm",
        offer_code="content",
        locale="en",
        selected_date=date(2026, 3, 11),
    )


def settings(peer: SmtpPeer, **more: str) -> Settings:
    return Settings("email", peer.environment | more, Path("/nonexistent"))


@contextmanager
def scripted_server(answers: list[bytes]) -> Iterator[SmtpAddress]:
    """A server that reads a line before each answer, after a 354 the whole text, and then hangs up."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = listener.accept()
        with connection, connection.makefile("rb") as lines:
            connection.sendall(b"220 ready\r\n")
            end = b""
            for answer in answers:
                while (line := lines.readline()) not in (end, b"") and end:
                    pass
                if line == b"":
                    return
                connection.sendall(answer)
                end = b".\r\n" if answer.startswith(b"354") else b""

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield SmtpAddress("127.0.0.1", listener.getsockname()[1], "none")
    finally:
        listener.close()
        thread.join(timeout=5)
    assert not thread.is_alive(), "whoever was refused has not hung up"


def deliver_one(way: MessageDelivery, one: Message) -> Answer:
    (answer,) = way.deliver([one])
    return answer


def deliver_to(address: SmtpAddress, one: Message) -> str:
    with EmailDelivery(
        address, "news@shop.example", "mailto:no@shop.example?subject={token}", timeout_seconds=2
    ) as way:
        answer = deliver_one(way, one)
    return f"{answer.verdict} {answer.reason_code}".strip()


def test_email_arrives_with_the_headers_of_one_message(smtp_peer: SmtpPeer) -> None:
    more = {"RECALL_UNSUBSCRIBE_URL": "https://shop.example/no/{token}"}
    with open_email(settings(smtp_peer, **more)) as way:
        answer = deliver_one(way, message(subject="想念您", text="您好。\n.\n.leading dots stay\n"))

    assert answer.verdict == "accepted"
    ((receiver, message_id, mail),) = smtp_peer.log.accepted
    assert receiver == "ann@example.com"
    assert message_id == "<k1@shop.example>"
    assert (mail["To"], mail["From"]) == ("ann@example.com", "Corner Shop <news@shop.example>")
    assert mail["Subject"] == "想念您"
    assert mail["List-Unsubscribe"] == "<https://shop.example/no/k1>"
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert mail.get_content().replace("\r\n", "\n") == "您好。\n.\n.leading dots stay\n"


def test_email_carries_each_receiver_in_a_transaction_of_its_own(smtp_peer: SmtpPeer) -> None:
    with open_email(settings(smtp_peer)) as way:
        for number in range(3):
            deliver_one(way, message(f"user{number}@example.com", key=f"k{number}"))

    assert [str(mail["To"]) for _, _, mail in smtp_peer.log.accepted] == [
        "user0@example.com",
        "user1@example.com",
        "user2@example.com",
    ]


def test_email_that_cannot_be_composed_is_refused_and_the_next_one_sent(smtp_peer: SmtpPeer) -> None:
    with open_email(settings(smtp_peer)) as way:
        first = deliver_one(way, message(subject="Hi\nBcc: everybody@example.com"))
        abroad = deliver_one(way, message("用户@example.com"))
        second = deliver_one(way, message("bob@example.com"))

    assert (first.verdict, first.reason_code) == ("refused", "not_composable")
    assert abroad == first
    assert second.verdict == "accepted"
    assert smtp_peer.log.receivers == ["bob@example.com"]


@pytest.mark.parametrize(
    ("reply", "verdict"),
    [
        ("452 full", ("try_again", "smtp_452")),
        ("550 no such user", ("refused", "smtp_550")),
        ("421 closing", ("try_again", "smtp_421")),
    ],
)
def test_email_refused_after_its_text_says_for_how_long(
    smtp_peer: SmtpPeer, reply: str, verdict: tuple[str, str]
) -> None:
    smtp_peer.behaviour.at_end = lambda receiver: reply
    with open_email(settings(smtp_peer)) as way:
        answer = deliver_one(way, message())

    assert (answer.verdict, answer.reason_code) == verdict


# Line by line, and to a server that takes commands in groups.
GREETINGS = (b"250 hi\r\n", b"250-hi\r\n250 PIPELINING\r\n")


@pytest.mark.parametrize("greeting", GREETINGS)
@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        # MAIL, RCPT and DATA; then the text and its reply.
        ([b"250 ok\r\n", b"250 ok\r\n", b"354 go\r\n"], "ambiguous no_final_reply"),
        ([b"250 ok\r\n", b"250 ok\r\n", b"354 go\r\n", b""], "ambiguous no_final_reply"),
        ([b"250 ok\r\n", b"250 ok\r\n", b"354 go\r\n", b"250 taken\r\n"], "accepted"),
        ([b"250 ok\r\n", b"250 ok\r\n", b"250 hm\r\n"], "try_again smtp_250"),
    ],
)
def test_email_without_a_final_reply_is_ambiguous_only_once_the_text_was_asked_for(
    answers: list[bytes], expected: str, greeting: bytes
) -> None:
    with scripted_server([greeting, *answers]) as address:
        assert deliver_to(address, message()) == expected


def test_receiver_that_is_refused_gets_no_text_from_a_group_of_commands() -> None:
    # The server asks for the text of the group all the same (RFC 2920, 3.1), and gets none.
    answers = [GREETINGS[1], b"250 ok\r\n", b"550 no such user\r\n", b"354 go\r\n", b"554 nobody\r\n", b"250 ok\r\n"]
    with scripted_server(answers) as address:
        assert deliver_to(address, message()) == "refused smtp_550"


@pytest.mark.parametrize("greeting", GREETINGS)
def test_email_to_a_server_that_refuses_the_sender_stops_the_channel(greeting: bytes) -> None:
    later = [b"503 no\r\n"] * 2
    with (
        scripted_server([greeting, b"530 log in first\r\n", *later]) as address,
        pytest.raises(ChannelUnavailable, match="sender_refused_530"),
    ):
        deliver_to(address, message())


def test_email_with_wrong_credentials_stops_the_channel_and_shows_no_password() -> None:
    answers = [b"250-hi\r\n250 AUTH PLAIN\r\n", b"535 no\r\n", b"535 no\r\n"]
    with scripted_server(answers) as address:
        login = SmtpAddress(address.host, address.port, "none", "shop", "s3cret")
        with pytest.raises(ChannelUnavailable, match="credentials_refused") as caught:
            deliver_to(login, message())

    assert "s3cret" not in str(caught.value)
    assert "s3cret" not in repr(login)


def test_email_whose_idle_connection_was_closed_connects_again(smtp_peer: SmtpPeer) -> None:
    with open_email(settings(smtp_peer)) as way:
        deliver_one(way, message("ann@example.com", key="k1"))
        assert isinstance(way, EmailDelivery)
        assert way._smtp is not None
        assert way._smtp.sock is not None
        way._smtp.sock.shutdown(socket.SHUT_RDWR)
        answer = deliver_one(way, message("bob@example.com", key="k2"))

    assert answer.verdict == "accepted"
    assert smtp_peer.log.receivers == ["ann@example.com", "bob@example.com"]


def test_email_preview_writes_a_mailbox_and_connects_to_nothing(tmp_path: Path) -> None:
    nowhere = EmailDelivery(
        SmtpAddress("127.0.0.1", 1, "none"), "news@shop.example", "mailto:no@shop.example?{token}", now=lambda: NOON
    )

    path = nowhere.preview([message(), message("bob@example.com", key="k2")], tmp_path)

    assert path.read_text().count("Message-ID: <k") == 2
    assert path.stat().st_mode & 0o077 == 0


def test_representation_of_a_message_shows_no_contact() -> None:
    assert "ann@" not in repr(message())


@pytest.mark.parametrize(
    ("environment", "fault"),
    [
        ({}, "RECALL_SMTP_URL is not set"),
        ({"RECALL_SMTP_URL": "http://mail.shop.example"}, "RECALL_SMTP_URL: expected smtps://"),
        ({"RECALL_SMTP_URL": "smtp://mail?tls=maybe"}, "RECALL_SMTP_URL: expected smtps://"),
        ({"RECALL_SMTP_URL": "smtps://mail.shop.example"}, "RECALL_SMTP_SENDER: expected"),
        (
            {
                "RECALL_SMTP_URL": "smtps://mail.shop.example",
                "RECALL_SMTP_SENDER": "news@shop.example",
                "RECALL_UNSUBSCRIBE_URL": "https://shop.example/no",
            },
            "RECALL_UNSUBSCRIBE_URL: expected",
        ),
    ],
)
def test_email_with_a_wrong_setting_names_it(environment: dict[str, str], fault: str) -> None:
    with pytest.raises(UsageError, match=fault):
        open_delivery("smtp", Settings("email", environment, Path("/nonexistent")))


def test_unknown_way_of_delivery_names_the_nearest() -> None:
    with pytest.raises(UsageError, match="did you mean smtp"):
        open_delivery("stmp", Settings("email", {}, Path("/nonexistent")))


@pytest.mark.parametrize(
    "text",
    ["hi\n", "hi", "hi\n\n", "\n", f"{'x' * 78}\n", f"{'x' * 79}\n", "你好\n", "a\r\nb\n", "a\fb\n", "a\n.\n"],
)
@pytest.mark.parametrize("subject", ["61 days", "61 天", "long " * 40, "=?utf-8?q?a?="])
def test_bytes_made_for_many_mails_are_those_that_the_library_makes(subject: str, text: str) -> None:
    receivers = ("ann@example.com", "an.n+x@ex-ample.co.uk", "用户@例子.cn", f"{'x' * 60}@{'y' * 60}.example")
    urls = (
        f"https://shop.example/u/{'a' * 32}",
        f"https://shop.example/u/{'a' * 90}",
        "mailto:x@y.example?subject=no%20a",
    )
    for receiver, url in product(receivers, urls):
        mail = message(receiver, subject=subject, text=text)
        sender = "商店 <news@shop.example>"
        try:
            expected = compose_mail(mail, sender=sender, unsubscribe_url=url, date=NOON).as_bytes()
        except (ValueError, UnicodeError) as fault:
            with pytest.raises(type(fault)):
                mail_bytes(mail, sender=sender, unsubscribe_url=url, date=NOON)
        else:
            assert mail_bytes(mail, sender=sender, unsubscribe_url=url, date=NOON) == expected
            assert b"Content-Language: en\r\n" in expected
