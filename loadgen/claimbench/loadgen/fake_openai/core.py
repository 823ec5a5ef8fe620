"""The fake OpenAI itself: requests in, responses out; no socket, no sleep, no clock of its own."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from itertools import count
from threading import RLock

from claimbench.errors import UsageError
from claimbench.loadgen.fake_openai.batch_store import BatchStore
from claimbench.loadgen.fake_openai.blobs import BlobFolder
from claimbench.loadgen.fake_openai.chance import Chance
from claimbench.loadgen.fake_openai.chat import check_chat, complete
from claimbench.loadgen.fake_openai.fault_injection import (
    ActiveFaults,
    Triggers,
    after_effect,
    before_effect,
    visible_from,
)
from claimbench.loadgen.fake_openai.faults import NO_FAULTS, Faults
from claimbench.loadgen.fake_openai.file_store import FileStore, check_upload
from claimbench.loadgen.fake_openai.limits import DOCUMENTED, Limits, RateWindow
from claimbench.loadgen.fake_openai.meters import MeterBook, Meters
from claimbench.loadgen.fake_openai.multipart import FormReader, UploadForm, read_form
from claimbench.loadgen.fake_openai.outcomes import Model
from claimbench.loadgen.fake_openai.parameters import query_values, read_json
from claimbench.loadgen.fake_openai.routes import UNKNOWN, Route, find_route
from claimbench.loadgen.fake_openai.validation import ORGANIZATION
from claimbench.loadgen.fake_openai.wire import ApiRequest, ApiResponse, Refused, json_response, refuse
from claimbench.loadgen.fake_openai.work import Planner

_TYPICAL_HEADERS = {
    "openai-organization": ORGANIZATION,
    "openai-processing-ms": "1",
    "openai-version": "2020-10-01",
}


class FakeOpenAI:
    """Files, batches and chat completions. Safe in threads.

    seed: decides all chance. clock: gives Unix seconds; only it moves batches on. faults: what goes wrong on
    purpose. failed_line_rate: the share (0..1) of requests that fail with a 4xx or 5xx. api_key: the only key
    that is accepted (None: any). limits: the documented ones unless told otherwise.

    Every answer is a function of the seed, the canonical body, and how often that body was asked before, on
    whatever channel: so grouping and order do not change it.
    """

    def __init__(
        self,
        *,
        seed: int,
        clock: Callable[[], float],
        faults: Faults = NO_FAULTS,
        failed_line_rate: float = 0.0,
        api_key: str | None = None,
        limits: Limits = DOCUMENTED,
    ) -> None:
        if not 0 <= failed_line_rate <= 1:
            raise UsageError(
                f"{failed_line_rate} is not a share",
                where="failed_line_rate",
                remedy="use a number from 0 to 1",
            )
        self._clock, self._faults, self._api_key, self._limits = clock, faults, api_key, limits
        self._chance, self._model = Chance(seed), Model(failed_line_rate)
        self._folder, self._lock = BlobFolder(), RLock()
        self._request_numbers = count(1)
        self._book = MeterBook(self._folder)
        self._operations = {
            "files.create": self._upload,
            "files.list": self._list_files,
            "files.retrieve": self._retrieve_file,
            "files.content": self._content,
            "files.delete": self._delete_file,
            "batches.create": self._create_batch,
            "batches.list": self._list_batches,
            "batches.retrieve": self._retrieve_batch,
            "batches.cancel": self._cancel_batch,
            "chat.completions.create": self._chat,
        }
        self.reset()

    def reset(self) -> None:
        """Forget all files, batches, attempts and meters, as if just made."""
        with self._lock:
            self._triggers = Triggers(self._faults, self._chance)
            self._planner = Planner(self._chance, self._model, self._triggers)
            self._files = FileStore(self._folder, self._chance, self._limits.batch_files_expire_s)
            self._batches = BatchStore(
                self._files, self._planner, self._triggers, self._chance, self._limits, self._book
            )
            speed = self._limits.clock_speed
            self._uploads = RateWindow(self._limits.uploads_per_minute, 60, speed)
            self._chats = RateWindow(self._limits.chat_per_minute, 60, speed)
            self._book.reset()

    def meters(self) -> Meters:
        """What was called and submitted since the last reset."""
        return self._book.read()

    def reset_meters(self) -> None:
        """Count from zero again; files, batches and attempts stay."""
        self._book.reset()

    def flight(self) -> AbstractContextManager[None]:
        """For adapters: to be held around a call, from its arrival to the end of its response."""
        return self._book.flight()

    def receive_upload(self, content_type: str) -> FormReader:
        """For adapters: takes an upload's body chunk by chunk, so that it is never held in memory.

        It then is the `body` of the request.
        """
        return FormReader(content_type, self._folder, self._limits)

    def close(self) -> None:
        """Delete everything that is stored on disk."""
        self._folder.close()

    def handle(self, request: ApiRequest) -> ApiResponse:
        """Answer one request. Never raises for anything that a client can send."""
        call = UNKNOWN
        try:
            route = find_route(request.method, request.path)
            call = route.call
            self._check_key(request)
            response = self._served(route, request)
        except Refused as refused:
            response = refused.refusal.response()
        self._book.count(call, _body_size(request), _response_size(response))
        headers = {"x-request-id": f"req_{next(self._request_numbers):032x}", **_TYPICAL_HEADERS}
        return replace(response, headers={**headers, **response.headers})

    def _served(self, route: Route, request: ApiRequest) -> ApiResponse:
        operation = self._operations[route.call]
        if not self._triggers.touch_calls:
            return operation(route, request, ActiveFaults())
        with self._lock:
            active = self._triggers.call(route.call, lambda: _text_of(request))
        lost = before_effect(active)
        if lost is not None:
            return lost
        return after_effect(active, operation(route, request, active))

    def _check_key(self, request: ApiRequest) -> None:
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        key = key.strip()
        if scheme.lower() != "bearer" or not key:
            raise refuse(
                401,
                "You didn't provide an API key. You need to provide your API key in an Authorization header "
                "using Bearer auth (i.e. Authorization: Bearer YOUR_KEY).",
            )
        if self._api_key is not None and key != self._api_key:
            shown = f"{key[:3]}***{key[-4:]}" if len(key) > 12 else "***"
            raise refuse(401, f"Incorrect API key provided: {shown}.", code="invalid_api_key")

    def _upload(self, _: Route, request: ApiRequest, active: ActiveFaults) -> ApiResponse:
        now = self._clock()
        with self._lock:
            self._uploads.take(now, "file uploads per minute")
        upload = check_upload(self._form(request), self._limits)
        return json_response(self._files.keep(upload, now, visible_from(active, now)).shown())

    def _form(self, request: ApiRequest) -> UploadForm:
        if isinstance(request.body, FormReader):
            return request.body.form()
        return read_form(
            request.headers.get("content-type", ""), self._raw(request), self._folder, self._limits
        )

    def _list_files(self, _: Route, request: ApiRequest, __: ActiveFaults) -> ApiResponse:
        return json_response(self._files.page(query_values(request.query), self._clock()))

    def _retrieve_file(self, route: Route, _: ApiRequest, __: ActiveFaults) -> ApiResponse:
        return json_response(self._files.get(route.id, self._clock()).shown())

    def _delete_file(self, route: Route, _: ApiRequest, __: ActiveFaults) -> ApiResponse:
        return json_response(self._files.delete(route.id, self._clock()))

    def _content(self, route: Route, _: ApiRequest, __: ActiveFaults) -> ApiResponse:
        file = self._files.get(route.id, self._clock())
        blob = file.blob()
        headers = {
            "content-type": "application/octet-stream",
            "content-disposition": f'attachment; filename="{_header_safe(file.filename)}"',
        }
        return ApiResponse(200, headers, blob.chunks(), content_length=blob.size)

    def _create_batch(self, _: Route, request: ApiRequest, __: ActiveFaults) -> ApiResponse:
        raw = self._raw(request)
        body = read_json(raw)
        with self._lock:
            return json_response(self._batches.create(raw, body, self._clock()))

    def _list_batches(self, _: Route, request: ApiRequest, __: ActiveFaults) -> ApiResponse:
        values = query_values(request.query)
        with self._lock:
            return json_response(self._batches.page(values, self._clock()))

    def _retrieve_batch(self, route: Route, _: ApiRequest, __: ActiveFaults) -> ApiResponse:
        with self._lock:
            return json_response(self._batches.retrieve(route.id, self._clock()))

    def _cancel_batch(self, route: Route, _: ApiRequest, __: ActiveFaults) -> ApiResponse:
        with self._lock:
            return json_response(self._batches.cancel(route.id, self._clock()))

    def _chat(self, _: Route, request: ApiRequest, __: ActiveFaults) -> ApiResponse:
        raw = self._raw(request)
        chat = check_chat(raw, read_json(raw), self._limits)
        with self._lock:
            now = self._clock()
            self._chats.take(now, f"requests per minute of {chat.read.model_request.model}")
            self._book.chat(chat.canonical)
            response = complete(chat, self._planner, now)
            return replace(response, headers={**response.headers, **self._chats.headers(now)})

    def _raw(self, request: ApiRequest) -> bytes:
        return request.body if isinstance(request.body, bytes) else b""


def _text_of(request: ApiRequest) -> bytes:
    head = f"{request.method} {request.path}?{request.query}\n".encode(errors="replace")
    return head + request.body if isinstance(request.body, bytes) else head


def _body_size(request: ApiRequest) -> int:
    return len(request.body) if isinstance(request.body, bytes) else request.body.size


def _response_size(response: ApiResponse) -> int:
    return len(response.body) if isinstance(response.body, bytes) else response.content_length or 0


def _header_safe(filename: str) -> str:
    return "".join(
        sign if sign.isascii() and sign.isprintable() and sign not in '"\\' else "_" for sign in filename
    )
