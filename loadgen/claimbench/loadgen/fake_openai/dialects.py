"""Whose paths, names and codes the fake has: OpenAI's own, or those of Azure."""

from dataclasses import replace
from enum import StrEnum

from claimbench.loadgen.fake_openai.models import model_is_known
from claimbench.loadgen.fake_openai.wire import ApiRequest, JsonObject, refuse

PROCESSING_S = 2
"""How long Azure looks at an upload before a batch can be made of it."""


class Dialect(StrEnum):
    """`azure` takes `/openai/…` with an api-version, api-key headers, deployments, its own urls of lines.

    `auto` speaks Azure's to who calls a path of Azure's, and OpenAI's to all others.
    """

    AUTO = "auto"
    OPENAI = "openai"
    AZURE = "azure"

    def of_path(self, path: str) -> "Dialect":
        """The one in which a call of this path is answered."""
        if self is not Dialect.AUTO:
            return self
        return Dialect.AZURE if path.startswith("/openai/") else Dialect.OPENAI

    @property
    def processing_s(self) -> int:
        """How long a new file is `pending`; 0 where it is `processed` at once."""
        return PROCESSING_S if self is Dialect.AZURE else 0

    def translated(self, request: ApiRequest) -> ApiRequest:
        """The request as OpenAI would be sent it. Refused (404) when the version is missing that it needs."""
        if self is not Dialect.AZURE:
            return request
        headers, path = dict(request.headers), request.path
        if key := headers.get("api-key"):
            headers["authorization"] = f"Bearer {key}"
        if path.startswith("/openai/") and not path.startswith("/openai/v1/"):
            if "api-version=" not in request.query:
                raise refuse(404, "Resource not found", code="404")
            path = _without_deployment(path)
        return replace(request, path=path.removeprefix("/openai"), headers=headers)

    def deployment(self, request: ApiRequest) -> str:
        """The deployment that the path names, which is the model; empty for none."""
        parts = request.path.split("/")
        is_named = self is Dialect.AZURE and parts[1:3] == ["openai", "deployments"] and len(parts) > 4
        return parts[3] if is_named else ""

    def endpoint_of(self, url: str) -> str:
        """A line's or batch's endpoint by OpenAI's name; Azure takes both."""
        return f"/v1{url}" if self is Dialect.AZURE and not url.startswith("/v1") else url

    def code(self, code: str) -> str:
        """What a mistake is called."""
        return _AZURE_CODES.get(code, code) if self is Dialect.AZURE else code

    def serves(self, model: str) -> bool:
        """Whether there is such a model; a deployment may have any name."""
        return self is Dialect.AZURE or model_is_known(model)


_AZURE_CODES = {"invalid_url": "url_mismatch", "mismatched_model": "model_mismatch"}


def _without_deployment(path: str) -> str:
    parts = path.split("/")
    if parts[2:3] == ["deployments"]:
        return "/".join(["", "openai", "v1", *parts[4:]])
    return "/".join(["", "openai", "v1", *parts[2:]])


def with_model(body: JsonObject, deployment: str) -> JsonObject:
    """The body of a direct request, whose model is the deployment of its path."""
    return {**body, "model": deployment} if deployment else body
