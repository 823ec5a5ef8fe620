"""The models that the fake knows: their dated snapshots, what they take, and how much they write."""

import re
from dataclasses import dataclass
from functools import lru_cache

from claimbench.loadgen.fake_openai.wire import JsonObject

_KNOWN_MODEL = re.compile(
    r"(gpt-|chatgpt-|o\d|text-embedding-|text-moderation-|omni-moderation-|davinci-|babbage-|dall-e-|sora-|ft:)"
    r"[\w.:/-]*"
)


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """One model. `context_tokens` and `output_tokens` are its limits, `width` is that of its embeddings.

    `reasons`: it thinks before it writes, by one of its `efforts`, and refuses what steers sampling.
    `follows_schemas`: it takes `json_schema`. `shortens`: its embeddings may have fewer dimensions.
    """

    name: str
    snapshot: str
    context_tokens: int
    output_tokens: int
    reasons: bool = False
    follows_schemas: bool = True
    width: int = 0
    shortens: bool = False
    efforts: tuple[str, ...] = ()


def _chat(name: str, date: str, context_tokens: int, output_tokens: int) -> ModelSpec:
    return ModelSpec(name, f"{name}-{date}", context_tokens, output_tokens)


def _old_chat(name: str, date: str, context_tokens: int, output_tokens: int) -> ModelSpec:
    return ModelSpec(name, f"{name}-{date}", context_tokens, output_tokens, follows_schemas=False)


_EFFORTS = {
    "o": ("low", "medium", "high"),
    "gpt-5": ("minimal", "low", "medium", "high"),
    "gpt-5.1": ("none", "low", "medium", "high"),
    "gpt-5.2": ("none", "low", "medium", "high", "xhigh"),
}
"""By the longest beginning of a model's name."""


def _reasoning(name: str, date: str, context_tokens: int, output_tokens: int) -> ModelSpec:
    efforts = _EFFORTS[max((one for one in _EFFORTS if name.startswith(one)), key=len)]
    return ModelSpec(name, f"{name}-{date}", context_tokens, output_tokens, reasons=True, efforts=efforts)


def _embedding(name: str, snapshot: str, width: int) -> ModelSpec:
    return ModelSpec(name, snapshot, 8_192, 0, width=width, shortens=True)


_MILLION = 1_047_576

MODELS = (
    _chat("gpt-4o", "2024-08-06", 128_000, 16_384),
    _chat("gpt-4o-mini", "2024-07-18", 128_000, 16_384),
    _chat("gpt-4.1", "2025-04-14", _MILLION, 32_768),
    _chat("gpt-4.1-mini", "2025-04-14", _MILLION, 32_768),
    _chat("gpt-4.1-nano", "2025-04-14", _MILLION, 32_768),
    _old_chat("gpt-4", "0613", 8_192, 8_192),
    _old_chat("gpt-4-turbo", "2024-04-09", 128_000, 4_096),
    _old_chat("gpt-3.5-turbo", "0125", 16_385, 4_096),
    _reasoning("o1", "2024-12-17", 200_000, 100_000),
    _reasoning("o3", "2025-04-16", 200_000, 100_000),
    _reasoning("o3-mini", "2025-01-31", 200_000, 100_000),
    _reasoning("o4-mini", "2025-04-16", 200_000, 100_000),
    _reasoning("gpt-5", "2025-08-07", 400_000, 128_000),
    _reasoning("gpt-5-mini", "2025-08-07", 400_000, 128_000),
    _reasoning("gpt-5-nano", "2025-08-07", 400_000, 128_000),
    _reasoning("gpt-5.1", "2025-11-13", 400_000, 128_000),
    _reasoning("gpt-5.2", "2025-12-11", 400_000, 128_000),
    ModelSpec("gpt-5-chat-latest", "gpt-5-chat-latest", 128_000, 16_384),
    _embedding("text-embedding-3-small", "text-embedding-3-small", 1_536),
    _embedding("text-embedding-3-large", "text-embedding-3-large", 3_072),
    ModelSpec("text-embedding-ada-002", "text-embedding-ada-002-v2", 8_192, 0, width=1_536),
    ModelSpec("omni-moderation-latest", "omni-moderation-2024-09-26", 32_768, 0),
    ModelSpec("text-moderation-latest", "text-moderation-007", 32_768, 0),
)
"""The models of `GET /v1/models`. Any other name of their form is served as well, as its family is."""

_BY_NAME = {spec.name: spec for spec in MODELS}
_FALLBACK = ModelSpec("", "", _MILLION, 128_000)


def model_is_known(model: str) -> bool:
    """Whether the name has the form of one of OpenAI's models; every one of these is served."""
    return _KNOWN_MODEL.fullmatch(model) is not None


@lru_cache(maxsize=512)
def spec_of(model: str) -> ModelSpec:
    """What is known of a model: of its own, or as the longest name that it begins with has it."""
    family = model.removeprefix("ft:")
    if not model_is_known(model):
        family = _deployed(family)
    names = [name for name in _BY_NAME if family == name or family.startswith((f"{name}-", f"{name}:"))]
    if names:
        return _BY_NAME[max(names, key=len)]
    return next((spec for prefix, spec in _FAMILIES if family.startswith(prefix)), _FALLBACK)


def _deployed(deployment: str) -> str:
    """The model behind a deployment: the one that its name reminds of, or else gpt-4o."""
    plain = "".join(filter(str.isalnum, deployment.lower()))
    found = [name for name in _BY_NAME if "".join(filter(str.isalnum, name)) in plain]
    return max(found, key=len, default="gpt-4o")


_FAMILIES = (
    ("gpt-5", _BY_NAME["gpt-5"]),
    ("o", _BY_NAME["o3"]),
    ("text-embedding-", _BY_NAME["text-embedding-3-small"]),
)


def snapshot_of(model: str) -> str:
    """The dated name by which an answer tells the model."""
    spec = _BY_NAME.get(model if model_is_known(model) else _deployed(model))
    return spec.snapshot if spec else model


def shown_model(name: str) -> JsonObject:
    """The object of the API."""
    return {"id": name, "object": "model", "created": 1_715_367_049, "owned_by": "system"}
