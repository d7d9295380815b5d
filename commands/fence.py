"""Text written by strangers, made harmless to show to a model: cleaned, capped, fenced and named as data."""

import re
import unicodedata
from dataclasses import dataclass

DEFAULT_CAP = 20_000
"""Characters of one untrusted text that reach a prompt unless the caller says otherwise."""

_HTML_COMMENT = re.compile(r"<!--.*?(?:--!?>|\Z)", re.DOTALL)
_NAME = re.compile(r"[^a-z0-9 _.#/-]+")
_MARKER = re.compile(r"(?i)\b(BEGIN|END)([\s_-]+UNTRUSTED)\b")
_NONCE = re.compile(r"[A-Za-z0-9]{8,64}\Z")
_KEPT_CONTROLS = "\n\t"
_INVISIBLE = frozenset(
    map(
        chr,
        [
            0x00AD,  # soft hyphen
            0x034F,  # combining grapheme joiner
            0x115F,
            0x1160,
            0x3164,
            0xFFA0,  # Hangul fillers
            0x17B4,
            0x17B5,  # Khmer inherent vowels
            0x2028,
            0x2029,  # line and paragraph separators
            0x2800,  # Braille blank
            *range(0x180B, 0x1810),  # Mongolian selectors
            *range(0xFE00, 0xFE10),  # variation selectors
            *range(0xE0000, 0xE1000),  # tags and further variation selectors
        ],
    )
)


def cleaned(text: str) -> str:
    """`text` as a person sees it: no HTML comments, no invisible, bidirectional or control characters, NFC."""
    text = _visible(text.replace("\r\n", "\n").replace("\r", "\n"))
    # Taking a comment out can close another around it: `<!-<!-- -->- …`.
    for _ in range(5):
        text, found = _HTML_COMMENT.subn("", text)
        if not found:
            break
    return unicodedata.normalize("NFC", text.replace("<!--", "<! --"))


def fence(text: str, name: str, nonce: str, cap: int = DEFAULT_CAP) -> str:
    """`text` cleaned, capped at `cap` characters and put between BEGIN and END lines that carry `nonce`.

    `nonce` is 8 to 64 letters and digits that whoever wrote the text could not know. Whatever in the text looks
    like a marker is broken up, so that only our own lines open and close the fence. Raises ValueError for a nonce
    that could be guessed.
    """
    if not _NONCE.match(nonce):
        raise ValueError("a fence's nonce is 8 to 64 letters and digits")
    label = " ".join(_NAME.sub(" ", name.lower()).split())[:60] or "text"
    shown = re.sub(re.escape(nonce), "·", cleaned(text), flags=re.IGNORECASE)
    shown = _MARKER.sub(r"\1·\2", shown)
    shown, note = _capped(shown, cap)
    begin = f"<<<BEGIN UNTRUSTED {label} {nonce}>>>"
    end = f"<<<END UNTRUSTED {label} {nonce}>>>"
    return f"{begin}\n{shown}\n{note}{end}"


@dataclass(frozen=True, slots=True)
class Untrusted:
    """Marks text of strangers on its way into a template; printed, it is the fence and never the bare text."""

    text: str
    name: str
    nonce: str
    cap: int = DEFAULT_CAP

    def __str__(self) -> str:
        return fence(self.text, self.name, self.nonce, self.cap)

    def __len__(self) -> int:
        return len(self.text)

    def __contains__(self, part: object) -> bool:
        return isinstance(part, str) and part.casefold() in self.text.casefold()


def _visible(text: str) -> str:
    if text.isascii() and text.isprintable():
        return text
    return "".join(character for character in text if _shows(character))


def _shows(character: str) -> bool:
    if character in _KEPT_CONTROLS:
        return True
    # Cc controls, Cf format (zero width, bidirectional), Cs surrogates, Co private use, Cn unassigned.
    return unicodedata.category(character)[0] != "C" and character not in _INVISIBLE


def _capped(text: str, cap: int) -> tuple[str, str]:
    if len(text) <= cap:
        return text, ""
    return text[:cap], f"[… {len(text) - cap:,} more characters were cut here]\n"
