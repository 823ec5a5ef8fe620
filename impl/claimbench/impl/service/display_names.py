"""Names that people give and read: trimmed, composed, visible, and equal however they are typed."""

import unicodedata

_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Categories of signs that move, hide or break text: controls, directions, zero widths, line separators."""
_JOINERS = "\u200c\u200d"
"""Persian and Indic words and many emoji need these two; where names are compared they do not count."""
_BLANKS = "\u115f\u1160\u2800\u3164\uffa0"
"""Letters by their category, and nothing to see."""


def clean_name(text: str) -> str:
    """The name as it is kept: composed (NFC) and trimmed. ValueError for what cannot be seen or misleads."""
    name = unicodedata.normalize("NFC", text).strip()
    if any(unicodedata.category(sign) in _UNSEEN and sign not in _JOINERS for sign in name):
        raise ValueError("the name holds a control or an invisible or a direction character")
    if any(sign in _BLANKS for sign in name):
        raise ValueError("the name holds a character that shows nothing")
    if not name.strip(_JOINERS):
        raise ValueError("the name is empty")
    return name


def name_key(name: str) -> str:
    """What two names have in common that people take for one: case, composition, width of gaps, joiners."""
    folded = unicodedata.normalize("NFC", unicodedata.normalize("NFD", name).casefold())
    return " ".join(folded.translate(_WITHOUT_JOINERS).split())


_WITHOUT_JOINERS = dict.fromkeys(map(ord, _JOINERS))
