"""What is wrong with a text that is no JSON, in the words of Go's scanner.

In: bytes. Out: a sentence about the first byte that cannot stand where it does; empty, if the text
is JSON to Go, which does not mind bytes that are no UTF-8, or numbers that are too large.
"""

from __future__ import annotations

import re

CUT_OFF = "unexpected end of JSON input"

_SPACE = re.compile(rb"[ \t\r\n]*")
_PLAIN = re.compile(rb'[^"\\\x00-\x1f]*')
_ESCAPED = frozenset(b'"\\/bfnrt')
_HEX = frozenset(b"0123456789abcdefABCDEF")
_DIGITS = re.compile(rb"[0-9]*")
_WORDS = {ord("t"): b"true", ord("f"): b"false", ord("n"): b"null"}

# What may come next, and how Go calls that place.
_VALUE = "looking for beginning of value"
_KEY = "looking for beginning of object key string"
_COLON = "after object key"
_PAIR = "after object key:value pair"
_ITEM = "after array element"
_END = "after top-level value"
_OPENED = {ord("{"): _PAIR, ord("["): _ITEM}
_CLOSING = {_PAIR: ord("}"), _ITEM: ord("]")}


class _Wrong(Exception):
    """The problem."""


def problem_of(text: bytes) -> str:
    try:
        _scan(text)
    except _Wrong as wrong:
        return str(wrong)
    except IndexError:
        return CUT_OFF
    return ""


def _scan(text: bytes) -> None:
    opened: list[str] = []  # what comes after a value, for each object and list that is open
    place, empty = _VALUE, False  # `empty`: an object or list was just opened
    at = 0
    while True:
        at = _skip(_SPACE, text, at)
        if place is _END and at == len(text):
            return
        char = text[at]
        if opened and char == _CLOSING[opened[-1]] and (empty or place is opened[-1]):
            opened.pop()
            place, at = (opened[-1] if opened else _END), at + 1
            empty = False
            continue
        empty = False
        if place is _VALUE:
            if char in _OPENED:
                opened.append(_OPENED[char])
                place, empty = (_KEY if char == ord("{") else _VALUE), True
                at += 1
            else:
                at = _scalar(text, at)
                place = opened[-1] if opened else _END
        elif place is _KEY and char == ord('"'):
            at = _string(text, at + 1)
            place = _COLON
        elif place is _COLON and char == ord(":"):
            at += 1
            place = _VALUE
        elif opened and place is opened[-1] and char == ord(","):
            at += 1
            place = _KEY if place is _PAIR else _VALUE
        else:
            raise _wrong(char, place)


def _skip(what: re.Pattern[bytes], text: bytes, at: int) -> int:
    found = what.match(text, at)
    return at if found is None else found.end()


def _scalar(text: bytes, at: int) -> int:
    char = text[at]
    if char == ord('"'):
        return _string(text, at + 1)
    if char in _WORDS:
        word = _WORDS[char]
        for offset in range(1, len(word)):
            if text[at + offset] != word[offset]:
                where = f"in literal {word.decode()} (expecting '{chr(word[offset])}')"
                raise _wrong(text[at + offset], where)
        return at + len(word)
    if char != ord("-") and not _is_digit(char):
        raise _wrong(char, _VALUE)
    return _number(text, at)


def _number(text: bytes, at: int) -> int:
    if text[at] == ord("-"):
        at = _first_digit(text, at + 1, "in numeric literal")
    at = at + 1 if text[at] == ord("0") else _skip(_DIGITS, text, at)
    if text[at : at + 1] == b".":
        at = _first_digit(text, at + 1, "after decimal point in numeric literal")
        at = _skip(_DIGITS, text, at)
    if text[at : at + 1] in (b"e", b"E"):
        at += 2 if text[at + 1] in b"+-" else 1
        at = _first_digit(text, at, "in exponent of numeric literal")
        at = _skip(_DIGITS, text, at)
    return at


def _first_digit(text: bytes, at: int, where: str) -> int:
    if not _is_digit(text[at]):
        raise _wrong(text[at], where)
    return at


def _is_digit(char: int) -> bool:
    return ord("0") <= char <= ord("9")


def _string(text: bytes, at: int) -> int:
    while True:
        at = _skip(_PLAIN, text, at)
        char = text[at]
        if char == ord('"'):
            return at + 1
        if char != ord("\\"):
            raise _wrong(char, "in string literal")
        escaped = text[at + 1]
        at += 2
        if escaped == ord("u"):
            for _ in range(4):
                if text[at] not in _HEX:
                    raise _wrong(text[at], "in \\u hexadecimal character escape")
                at += 1
        elif escaped not in _ESCAPED:
            raise _wrong(escaped, "in string escape code")


def _wrong(char: int, where: str) -> _Wrong:
    return _Wrong(f"invalid character {_quoted(char)} {where}")


def _quoted(char: int) -> str:
    """As Go quotes a byte, which it takes for a character."""
    if char == ord("'"):
        return r"'\''"
    if char == ord('"'):
        return "'\"'"
    shown = repr(chr(char)).strip("'")  # both write \t, \n, \r, \x01 and é alike
    return f"'{_GO_ESCAPES.get(char, shown)}'"


_GO_ESCAPES = {7: r"\a", 8: r"\b", 11: r"\v", 12: r"\f", 0xAD: r"\u00ad", 0xA0: r"\u00a0"} | {
    char: rf"\u00{char:02x}" for char in range(0x80, 0xA0)
}
