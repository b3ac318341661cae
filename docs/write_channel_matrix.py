"""The page of the reference about channels: every way of delivery against every fault, from the suite itself."""

from __future__ import annotations

from collections.abc import Iterable

from recall.testing.channel_suite import FAULTS, ChannelHarness, NotApplicable

ENGINE = (
    (43, "opt-out between selection, claim and send", "tests/faults/test_sending.py", "opt_out"),
    (46, "worker killed after acceptance", "tests/faults/test_crash_points.py", "killed"),
    (47, "part of a call taken", "tests/faults/test_channel_terms.py", "batch_of_which_one"),
    (53, "quota gone at 60 %", "tests/faults/test_channel_terms.py", "quota_that_is_gone"),
    (54, "quiet hours, also such as begin while sending", "tests/faults/test_channel_terms.py", "quiet_hours"),
    (58, "kill switch", "tests/faults/test_sending.py", "kill_switch"),
)
"""What happens around a channel, whichever it is: number, fault, test file, word of the tests' names."""


def channels_page(harnesses: Iterable[type[ChannelHarness]]) -> str:
    """Returns the page.

    Args:
        harnesses: The ways of delivery with their peers, in the order of the page.
    """
    ways = list(harnesses)
    lines = [
        "# Channels",
        "",
        "Each way of delivery (`delivery_code` of definitions/channels.csv) against each fault that a sender meets:",
        "`test` is a test of `tests/channels/test_conformance.py`, `n/a n` is note n below. *Not live* means that",
        "outside of the vendor no program speaks the protocol: the documented interface is played by a server that",
        "misbehaves, driven through the vendor's library where there is one.",
        "",
        "## Ways of delivery",
        "",
        "| delivery_code | channel | peer of the tests | |",
        "|---|---|---|---|",
        *(
            f"| `{way.delivery_code}` | {way.channel} | {way.peer} | {'live' if way.is_live else 'not live'} |"
            for way in ways
        ),
        "",
        "## Faults",
        "",
        "| fault | what is checked |",
        "|---|---|",
        *(
            f"| `{fault}`{f' ({number})' if number else ''} | {sentence} |"
            for fault, (number, sentence) in FAULTS.items()
        ),
        "",
        "## Matrix",
        "",
    ]
    notes: dict[str, int] = {}
    lines.append("| fault | " + " | ".join(f"`{way.delivery_code}`" for way in ways) + " |")
    lines.append("|---|" + "---|" * len(ways))
    for fault in FAULTS:
        cells = []
        for way in ways:
            check = way.faults()[fault]
            if isinstance(check, NotApplicable):
                number = notes.setdefault(check.reason, len(notes) + 1)
                cells.append(f"n/a {number}")
            else:
                cells.append("test")
        lines.append(f"| `{fault}` | " + " | ".join(cells) + " |")
    lines += ["", "Why a fault is left out:", ""]
    lines += [f"{number}. {reason[0].upper()}{reason[1:]}." for reason, number in notes.items()]
    lines += [
        "",
        "## Around every channel",
        "",
        "| fault | what happens | tests |",
        "|---|---|---|",
        *(f"| {number} | {what} | `{path}` (`-k {word}`) |" for number, what, path, word in ENGINE),
        "",
    ]
    return "\n".join(lines)
