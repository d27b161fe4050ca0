"""Card numbers do not belong in ids or messages; where a source put one there, people see it masked."""

from __future__ import annotations

import re

_RUN = re.compile(
    r"(?<![0-9])(?<![0-9]\.)(?:"
    r"[0-9]{13,19}"  # as long as a card number may be (ISO/IEC 7812); no decimal places
    r"|[0-9]{4}(?P<by>[ .-])[0-9]{4}(?P=by)[0-9]{4}(?P=by)[0-9]{1,4}(?:(?P=by)[0-9]{1,3})?"  # in groups, as they are printed
    r"|[0-9]{4}(?P<in>[ .-])[0-9]{6}(?P=in)[0-9]{4,5}"
    r")(?![0-9])"
)
_FEWEST = 13  # digits
_BEYOND = 10**19  # the smallest number with more digits than a card number; NaN and the infinities are not below it
_OF_AIRLINES = 15  # digits of a card that begins with 1; what is longer is a time in microseconds


def masked(text: str) -> str:
    """The text with every card number in it cut to its first 6 and last 4 digits.

    A card number is 13 to 19 digits whose check digit is right, in one run or in the groups of a card. One in ten other numbers of that
    length passes too, but for decimal places and times in microseconds since 1970.

    >>> masked("card 4111111111111111 of c42, 4111 1111 1111 1111 too")
    'card 411111******1111 of c42, 4111 11** **** 1111 too'
    """
    return _RUN.sub(_mask, text)


def masked_value(value: object) -> object:
    """A text as ``masked`` gives it; a whole number that is a card number as the text of its mask; anything else as it is.

    >>> masked_value(4111111111111111.0), masked_value(25.0), masked_value(None)
    ('411111******1111', 25.0, None)
    """
    if isinstance(value, str):
        return masked(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < _BEYOND or value != int(value):
        return value
    digits = str(int(value))
    return value if masked(digits) == digits else masked(digits)


def unmasked(text: str, original: str) -> str:
    """A text that was made of ``masked(original)``, with the numbers back where their masks still stand.

    Raises ``ValueError`` where two numbers have the same mask, so that nobody can know which is meant.

    >>> unmasked("card 411111******1111 of c43", "card 4111111111111111 of c42")
    'card 4111111111111111 of c43'
    """
    hidden: dict[str, str] = {}
    for number in {run[0] for run in _RUN.finditer(original) if masked(run[0]) != run[0]}:
        if masked(number) in hidden:
            raise ValueError("two card numbers look alike once they are masked")
        hidden[masked(number)] = number
    for mask, number in hidden.items():
        text = text.replace(mask, number)
    return text


def _mask(run: re.Match[str]) -> str:
    shown = run.group()
    digits = re.sub("[^0-9]", "", shown)
    time = shown[0] == "1" and len(shown) > _OF_AIRLINES and shown == digits
    if len(digits) < _FEWEST or not _luhn(digits) or time:
        return shown
    left = iter(f"{digits[:6]}{'*' * (len(digits) - 10)}{digits[-4:]}")
    return "".join(next(left) if character.isdigit() else character for character in shown)


def _luhn(digits: str) -> bool:
    """Whether the check digit is right: every second digit from the right counts twice, its own digits summed (ISO/IEC 7812-1, annex B)."""
    doubled = (sum(divmod(2 * int(d), 10)) for d in digits[-2::-2])
    return (sum(doubled) + sum(int(d) for d in digits[::-2])) % 10 == 0
