"""Text that a row can keep: Postgres refuses NUL, UTF-8 refuses lone surrogates; JSON can hold both."""


def is_storable(text: str) -> bool:
    """Whether the text can be stored as it is."""
    return "\x00" not in text and not any("\ud800" <= letter <= "\udfff" for letter in text)


def storable(text: str, characters_max: int = 300) -> str:
    """The text, cut and without what cannot be stored."""
    return text[:characters_max].replace("\x00", "").encode(errors="replace").decode()
