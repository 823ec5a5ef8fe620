"""The interactive documentation, from files of our own: it works without the internet and under a strict CSP.

The viewer is Swagger UI (Apache-2.0), as the package `fastapi-offline` (MIT) brings it.
"""

from importlib.resources import files
from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import HTMLResponse
from starlette.responses import Response

from claimbench.impl.service.rendering import render

router = APIRouter(include_in_schema=False)
DOCS_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
}


@router.get("/docs")
def docs() -> Response:
    """The viewer; what it shows comes from /openapi.json."""
    return HTMLResponse(render("docs.html.j2"), headers=DOCS_HEADERS)


def assets() -> Path:
    """Where the viewer's script and style are."""
    return Path(str(files("fastapi_offline") / "static"))
