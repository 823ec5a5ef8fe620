"""Reads multipart uploads: small fields into memory, the file straight to disk."""

from dataclasses import dataclass

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from claimbench.loadgen.fake_openai.blobs import CHUNK, Blob, BlobFolder, BlobWriter
from claimbench.loadgen.fake_openai.limits import Limits
from claimbench.loadgen.fake_openai.line_index import LineIndexer
from claimbench.loadgen.fake_openai.wire import Refusal, Refused, refuse

_FIELD_BYTES = 64 * 1024
_PARTS = 64


@dataclass(frozen=True, slots=True)
class FormFile:
    """The uploaded file; `lines` has read it already if it was known to be for a batch when it came."""

    filename: str
    content: Blob
    lines: LineIndexer | None


@dataclass(frozen=True)
class UploadForm:
    """The fields of an upload by name, and its `file` part if it has one."""

    fields: dict[str, str]
    file: FormFile | None


class FormReader:
    """Takes a multipart request apart while it arrives. Whatever is wrong shows in `form`."""

    def __init__(self, content_type: str, folder: BlobFolder, limits: Limits) -> None:
        self.size = 0
        self._parts = _Parts(folder, limits)
        self._refusal: Refusal | None = None
        kind, options = parse_options_header(content_type)
        boundary = options.get(b"boundary")
        if kind != b"multipart/form-data" or not boundary:
            self._refuse("Uploads must be sent as multipart/form-data, with a boundary.")
            return
        try:
            self._parser = self._parser_for(boundary)
        except FormParserError:
            self._refuse("The multipart boundary of your request is too long.")

    def write(self, data: bytes) -> None:
        """Read on; after a mistake nothing is looked at any more."""
        self.size += len(data)
        if self._refusal is not None:
            return
        try:
            self._parser.write(data)
        except FormParserError:
            self._refuse("There was an error parsing the multipart body of your request.")
        except Refused as refused:
            self._refusal = refused.refusal

    def form(self) -> UploadForm:
        """The whole form. Refused (400) when this was no whole multipart message."""
        if self._refusal is None and not self._parts.ended:
            self._refuse("The multipart body of your request ended before its closing boundary.")
        if self._refusal is not None:
            raise Refused(self._refusal)
        return UploadForm(self._parts.fields, self._parts.file)

    def _refuse(self, message: str) -> None:
        self._refusal = Refusal(400, message)

    def _parser_for(self, boundary: bytes) -> MultipartParser:
        parts = self._parts
        return MultipartParser(
            boundary,
            {
                "on_part_begin": parts.begin,
                "on_part_data": parts.data,
                "on_part_end": parts.end,
                "on_header_field": parts.header_name,
                "on_header_value": parts.header_value,
                "on_header_end": parts.header_end,
                "on_headers_finished": parts.headers_finished,
                "on_end": parts.finished,
            },
        )


def read_form(content_type: str, body: bytes, folder: BlobFolder, limits: Limits) -> UploadForm:
    """Take a multipart body apart. Refused (400) when it is no whole multipart message."""
    reader = FormReader(content_type, folder, limits)
    reader.write(body)
    return reader.form()


class _Parts:
    """Listens to the parser."""

    def __init__(self, folder: BlobFolder, limits: Limits) -> None:
        self.fields: dict[str, str] = {}
        self.file: FormFile | None = None
        self.ended = False
        self._folder, self._limits = folder, limits
        self._count = 0
        self._name = ""
        self._filename: str | None = None
        self._header, self._header_data = bytearray(), bytearray()
        self._text = bytearray()
        self._writer: BlobWriter | None = None
        self._lines: LineIndexer | None = None

    def begin(self) -> None:
        self._count += 1
        if self._count > _PARTS:
            raise refuse(400, f"The multipart body has more than {_PARTS} parts.")
        self._name, self._filename = "", None
        self._text.clear()

    def header_name(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def header_value(self, data: bytes, start: int, end: int) -> None:
        self._header_data += data[start:end]

    def header_end(self) -> None:
        if self._header.lower() == b"content-disposition":
            _, options = parse_options_header(bytes(self._header_data))
            self._name = options.get(b"name", b"").decode("utf-8", "replace")
            filename = options.get(b"filename")
            self._filename = None if filename is None else filename.decode("utf-8", "replace")
        self._header.clear()
        self._header_data.clear()

    def headers_finished(self) -> None:
        if self._name == "file" and self.file is None:
            self._writer = self._folder.writer()
            self._lines = LineIndexer(self._limits) if self.fields.get("purpose") == "batch" else None

    def data(self, data: bytes, start: int, end: int) -> None:
        if self._writer is not None:
            for place in range(start, end, CHUNK):
                self._keep(data[place : min(end, place + CHUNK)], self._writer)
            return
        self._text += data[start:end]
        if len(self._text) > _FIELD_BYTES:
            raise refuse(400, f"A form field is longer than {_FIELD_BYTES} bytes.", param=self._name or None)

    def end(self) -> None:
        if self._writer is not None:
            self.file = FormFile(self._filename or "upload", self._writer.finish(), self._lines)
            self._writer = self._lines = None
        else:
            self.fields[self._name] = self._text.decode("utf-8", "replace")

    def _keep(self, piece: bytes, writer: BlobWriter) -> None:
        """Write a piece of the file, and read its lines unless the file will be refused for its size."""
        writer.write(piece)
        if writer.size > self._limits.bytes_per_batch_file:
            self._lines = None
        if self._lines is not None:
            self._lines.feed(piece)

    def finished(self) -> None:
        self.ended = True
