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
from claimbench.loadgen.fake_openai.dialects import with_model
from claimbench.loadgen.fake_openai.direct import check_direct, complete
from claimbench.loadgen.fake_openai.fault_injection import (
    ActiveFaults,
    Triggers,
    after_effect,
    before_effect,
    hidden,
)
from claimbench.loadgen.fake_openai.faults import NO_FAULTS, Faults
from claimbench.loadgen.fake_openai.file_store import FileStore, check_upload
from claimbench.loadgen.fake_openai.fixtures import NO_FIXTURES, Fixtures, Recording
from claimbench.loadgen.fake_openai.limits import DOCUMENTED, Limits, RateWindow
from claimbench.loadgen.fake_openai.meters import MeterBook, Meters
from claimbench.loadgen.fake_openai.model_requests import ModelEndpoint
from claimbench.loadgen.fake_openai.models import MODELS, model_is_known, shown_model
from claimbench.loadgen.fake_openai.multipart import FormReader, UploadForm, read_form
from claimbench.loadgen.fake_openai.outcomes import Model
from claimbench.loadgen.fake_openai.parameters import query_values, read_json
from claimbench.loadgen.fake_openai.planning import Planner
from claimbench.loadgen.fake_openai.routes import UNKNOWN, Route, find_route
from claimbench.loadgen.fake_openai.state import StateFolder, file_of, file_record
from claimbench.loadgen.fake_openai.validation import ORGANIZATION
from claimbench.loadgen.fake_openai.wire import (
    ApiRequest,
    ApiResponse,
    JsonObject,
    Refused,
    http_date,
    json_response,
    refuse,
)

_DIRECT = {
    "chat.completions.create": ModelEndpoint.CHAT,
    "responses.create": ModelEndpoint.RESPONSES,
    "embeddings.create": ModelEndpoint.EMBEDDINGS,
    "completions.create": ModelEndpoint.COMPLETIONS,
    "moderations.create": ModelEndpoint.MODERATIONS,
}
"""The calls by which the model is asked without a batch."""

_TYPICAL_HEADERS = {
    "openai-organization": ORGANIZATION,
    "openai-processing-ms": "1",
    "openai-version": "2020-10-01",
}


class FakeOpenAI:
    """Files, batches and chat completions. Safe in threads.

    seed: decides all chance. clock: gives Unix seconds; only it moves batches on. dates: the same for the
    header `Date`, if that is to tell another time. faults: what goes wrong on purpose. failed_line_rate: the
    share (0..1) of requests that fail with a 4xx or 5xx. api_key: the only key that is accepted (None: any).
    salt: makes other identifiers. limits: the documented ones by default. fixtures: answers that some
    requests get instead of made ones. state: what outlives the process. recording: where answers go.

    Every answer is a function of the seed, the canonical body, and how often that body was asked before, on
    whatever channel: so grouping and order do not change it.
    """

    def __init__(  # noqa: PLR0913 (all named; each is one choice of a user)
        self,
        *,
        seed: int,
        clock: Callable[[], float],
        dates: Callable[[], float] | None = None,
        faults: Faults = NO_FAULTS,
        failed_line_rate: float = 0.0,
        api_key: str | None = None,
        salt: str = "",
        limits: Limits = DOCUMENTED,
        fixtures: Fixtures = NO_FIXTURES,
        state: StateFolder | None = None,
        recording: Recording | None = None,
    ) -> None:
        self._clock, self._faults, self._api_key, self._limits = clock, faults, api_key, limits
        self._dates = dates or clock
        self._chance = Chance(seed, state.salt if state else salt)
        self._fixtures, self._state, self._model = fixtures, state, Model(failed_line_rate)
        self._recording = recording
        self._folder, self._lock = BlobFolder(state.uploads if state else None), RLock()
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
            **dict.fromkeys(_DIRECT, self._direct),
            "models.list": self._list_models,
            "models.retrieve": self._retrieve_model,
        }
        self._forget()
        self._restore()

    def _note(self, record: JsonObject, now: float) -> None:
        """Let the state folder remember."""
        if self._state is not None:
            self._state.note(record, now)

    def _restore(self) -> None:
        """Take up what the servers before this one have left in the state folder."""
        state = self._state
        if state is None:
            return
        for number, record in enumerate(state.records, start=2):
            try:
                self._restore_one(state, record)
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                state.close()
                told = f"its line {number} is damaged ({type(error).__name__}: {error})"
                where = str(state.path / "state.jsonl")
                raise UsageError(told, where=where, remedy="name another folder") from error
        names = {record["content"] for record in state.records if "file" in record}
        for stray in state.stray(names):
            stray.unlink(missing_ok=True)

    def _restore_one(self, state: StateFolder, record: JsonObject) -> None:
        """Take up one record."""
        if "file" in record:
            file = file_of(record, state.uploads, self._limits)
            if file is not None:
                self._files.restore(file)
        elif "batch" in record:
            self._batches.restore(record)
        elif "deleted" in record:
            self._files.forget(record["deleted"])
        elif "asked" in record:
            self._planner.attempt(bytes.fromhex(record["asked"]))
        elif "reset" in record:
            self._forget()

    def reset(self) -> None:
        """Forget all files, batches, attempts and meters, as if just made."""
        self._forget()
        self._note({"reset": True}, self._clock())

    def _forget(self) -> None:
        with self._lock:
            self._triggers = Triggers(self._faults, self._chance)
            self._planner = Planner(self._chance, self._model, self._triggers, self._fixtures)
            self._files = FileStore(self._folder, self._chance, self._limits)
            note = self._note if self._state is not None else None
            self._batches = BatchStore(
                self._files, self._planner, self._triggers, self._chance, self._limits, self._book, note
            )
            speed, minute_s = self._limits.clock_speed, 60 / self._limits.model_speed
            self._uploads = RateWindow(self._limits.uploads_per_minute, minute_s, speed)
            self._direct_calls = RateWindow(self._limits.chat_per_minute, minute_s, speed)
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

    def receive_upload(self, content_type: str, path: str) -> FormReader:
        """For adapters: takes an upload's body chunk by chunk, so that it is never held in memory.

        It then is the `body` of the request.
        """
        return FormReader(content_type, self._folder, self._limits.in_dialect(path))

    def close(self) -> None:
        """Delete everything that is stored on disk, but for a state folder, which is let go of."""
        self._folder.close()
        if self._state is not None:
            self._state.close()

    def handle(self, request: ApiRequest) -> ApiResponse:
        """Answer one request. Never raises for anything that a client can send."""
        call = UNKNOWN
        try:
            dialect = self._limits.dialect.of_path(request.path)
            deployment, request = dialect.deployment(request), dialect.translated(request)
            found = find_route(request.method, request.path)
            route = replace(found, deployment=deployment, dialect=dialect)
            call = route.call
            self._check_key(request)
            response = self._served(route, request)
        except Refused as refused:
            response = refused.refusal.response()
        self._book.count(call, _body_size(request), _response_size(response))
        headers = {
            "x-request-id": f"req_{self._chance.number(next(self._request_numbers)):032x}",
            "date": http_date(int(self._dates())),
            **_TYPICAL_HEADERS,
        }
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

    def _upload(self, route: Route, request: ApiRequest, active: ActiveFaults) -> ApiResponse:
        now, limits = self._clock(), replace(self._limits, dialect=route.dialect)
        with self._lock:
            self._uploads.take(now, "file uploads per minute")
        upload = check_upload(self._form(request, limits), limits)
        file = self._files.keep(upload, now, hidden(active, now))
        if self._state is not None:
            upload.file.content.keep()
        self._note(file_record(file), now)
        with self._lock:
            self._batches.make_room(now)
        return json_response(file.shown(now))

    def _form(self, request: ApiRequest, limits: Limits) -> UploadForm:
        if isinstance(request.body, FormReader):
            return request.body.form()
        return read_form(request.headers.get("content-type", ""), self._raw(request), self._folder, limits)

    def _list_files(self, _: Route, request: ApiRequest, __: ActiveFaults) -> ApiResponse:
        return json_response(self._files.page(query_values(request.query), self._clock()))

    def _retrieve_file(self, route: Route, _: ApiRequest, __: ActiveFaults) -> ApiResponse:
        now = self._clock()
        return json_response(self._files.get(route.id, now).shown(now))

    def _delete_file(self, route: Route, _: ApiRequest, __: ActiveFaults) -> ApiResponse:
        now = self._clock()
        deleted = self._files.delete(route.id, now)
        self._note({"deleted": route.id}, now)
        return json_response(deleted)

    def _content(self, route: Route, _: ApiRequest, __: ActiveFaults) -> ApiResponse:
        file = self._files.get(route.id, self._clock())
        blob = file.blob()
        self._files.fetched.add(file.id)
        with self._lock:
            if self._recording is not None:
                self._batches.record(file.id, blob, self._recording)
            self._batches.make_room(self._clock())
        headers = {
            "content-type": "application/octet-stream",
            "content-disposition": f'attachment; filename="{_header_safe(file.filename)}"',
        }
        return ApiResponse(200, headers, blob.chunks(), content_length=blob.size)

    def _create_batch(self, route: Route, request: ApiRequest, _: ActiveFaults) -> ApiResponse:
        raw = self._raw(request)
        body = read_json(raw)
        with self._lock:
            return json_response(self._batches.create(raw, body, route.dialect, self._clock()))

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

    def _direct(self, route: Route, request: ApiRequest, _: ActiveFaults) -> ApiResponse:
        raw, endpoint = self._raw(request), _DIRECT[route.call]
        body = with_model(read_json(raw), route.deployment)
        limits = replace(self._limits, dialect=route.dialect)
        direct = check_direct(endpoint, raw, body, limits, self._fixtures)
        with self._lock:
            now = self._clock()
            self._direct_calls.take(now, f"requests per minute of {direct.read.model_request.model}")
            if endpoint == ModelEndpoint.CHAT:
                self._book.chat(direct.canonical)
            self._note({"asked": direct.digest.hex()}, now)
            response = complete(direct, self._planner, now)
            if self._recording is not None and isinstance(response.body, bytes):
                self._recording.direct(body, response.status, response.body)
            return replace(response, headers={**response.headers, **self._direct_calls.headers(now)})

    def _list_models(self, _: Route, __: ApiRequest, ___: ActiveFaults) -> ApiResponse:
        return json_response({"object": "list", "data": [shown_model(spec.name) for spec in MODELS]})

    def _retrieve_model(self, route: Route, _: ApiRequest, __: ActiveFaults) -> ApiResponse:
        if not model_is_known(route.id):
            message = f"The model '{route.id[:100]}' does not exist"
            raise refuse(404, message, param="model", code="model_not_found")
        return json_response(shown_model(route.id))

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
