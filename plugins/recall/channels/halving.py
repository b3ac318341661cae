"""Finds the poison in a call that a peer refuses as a whole: by halves."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from recall.channels.contract import Answer, ChannelUnavailable, Message


def deliver_by_halves(
    messages: Sequence[Message], call: Callable[[Sequence[Message]], Answer | Sequence[Answer]]
) -> Sequence[Answer]:
    """Makes one call for all messages, and halves those that are refused whole until the refused ones are found.

    Args:
        messages: One or more.
        call: Makes one call. Returns one answer for all, or one for each.

    Returns:
        The answers in the order of the messages.

    Raises:
        ChannelUnavailable: The first call did not get through. A later one that does not leaves its messages to be
            tried again, because others were handed over already.
    """
    answers: dict[int, Answer] = {}
    waiting = [range(len(messages))]
    while waiting:
        part = waiting.pop()
        try:
            found = call([messages[index] for index in part])
        except ChannelUnavailable as error:
            if not answers and len(part) == len(messages):
                raise
            for each in (part, *waiting):
                answers |= dict.fromkeys(each, Answer("try_again", error.reason_code))
            break
        if not isinstance(found, Answer):
            answers |= dict(zip(part, found, strict=True))
        elif found.verdict == "refused" and len(part) > 1:
            middle = len(part) // 2
            waiting += [part[middle:], part[:middle]]
        else:
            answers |= dict.fromkeys(part, found)
    return [answers[index] for index in range(len(messages))]
