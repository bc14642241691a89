"""A current ClickHouse in a process of its own: the engine as the library libchdb, behind the part of ClickHouse's HTTP interface that clients of ours and others use.

usage: clickhouse_engine.py LIBRARY FOLDER PORT [USER PASSWORD]

No package of Debian 12 has a server newer than 18.16. What parses, executes, deduplicates and stores here is ClickHouse's own code; only the
HTTP around it is ours. Settings in an address hold for its request alone, because each request has a connection to the engine of its own. Rows of
an INSERT are handed on as they arrive: who breaks off in the middle leaves nothing. There are no sessions, no frames of `compress=1`, no packed answers."""
import base64
import ctypes
import json
import os
import re
import signal
import sys
import threading
import time
import urllib.parse
import zlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

try:
    from compression import zstd
except ImportError:
    from backports import zstd

POINTER, SIZE, TEXT = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_char_p
NOT_SETTINGS = {"query", "database", "user", "password", "query_id", "default_format", "wait_end_of_query", "buffer_size", "compress", "decompress",
                "session_id", "session_timeout", "quota_key", "role", "enable_http_compression", "http_zlib_compression_level", "cancel_http_readonly_queries_on_client_close"}
# HTTP statuses of exceptions that are not the server's own fault, as ClickHouse gives them.
STATUS = {60: 404, 81: 404, 62: 400, 47: 404, 46: 404, 36: 400, 27: 400, 6: 400, 53: 400, 115: 404, 16: 404, 516: 403, 48: 501, 159: 408}
INSERT = re.compile(rb"\s*(INSERT\s+INTO\s.*?\bFORMAT\s+(\w+))[ \t]*\r?(?:\n|$)", re.IGNORECASE | re.DOTALL)


class Refused(Exception):
    pass


class Library:
    def __init__(self, path, folder):
        self.lib = ctypes.CDLL(path)
        self.folder = folder
        self.lib.chdb_set_signal_handlers_enabled(0)
        self.connect = self.function("connect", ctypes.POINTER(POINTER), ctypes.c_int, ctypes.POINTER(TEXT))
        self.close = self.function("close_conn", None, ctypes.POINTER(POINTER))
        self.query = self.function("query_with_params_n", POINTER, POINTER, TEXT, SIZE, TEXT, SIZE, POINTER, POINTER, POINTER, POINTER, SIZE)
        self.insert = self.function("stream_insert_n", POINTER, POINTER, TEXT, SIZE, TEXT, SIZE)
        self.append = self.function("stream_append", ctypes.c_int, POINTER, TEXT, SIZE)
        self.done = self.function("stream_done", POINTER, POINTER)
        self.cancel = self.function("stream_cancel_insert", None, POINTER)
        self.insert_error = self.function("stream_insert_error", TEXT, POINTER)
        self.free_insert = self.function("destroy_insert_stream", None, POINTER)
        self.error = self.function("result_error", TEXT, POINTER)
        self.buffer = self.function("result_buffer", POINTER, POINTER)
        self.length = self.function("result_length", SIZE, POINTER)
        self.free = self.function("destroy_query_result", None, POINTER)
        self.counts = {name: self.function("result_" + there, ctypes.c_uint64, POINTER)
                       for name, there in (("read_rows", "storage_rows_read"), ("read_bytes", "storage_bytes_read"), ("written_rows", "rows_written"), ("written_bytes", "bytes_written"))}
        self.first = self.open([])  # keeps the engine up from request to request
        self.settings = set(self.run(self.first, b"SELECT name FROM system.settings", b"TSV")[0].decode().split())

    def function(self, name, result, *arguments):
        found = getattr(self.lib, "chdb_" + name)
        found.restype, found.argtypes = result, arguments
        return found

    def open(self, settings):
        for name, _ in settings:  # the engine itself takes an unknown one without a word
            if name not in self.settings:
                raise Refused(f"Code: 115. DB::Exception: Unknown setting '{name}'. (UNKNOWN_SETTING)")
        words = [b"clickhouse", b"--path=" + self.folder.encode()] + [f"--{name}={value}".encode() for name, value in settings]
        connection = self.connect(len(words), (TEXT * len(words))(*words))
        if not connection:
            raise Refused("Code: 27. DB::Exception: a setting has a value that it cannot have. (CANNOT_PARSE_INPUT_ASSERTION_FAILED)")
        return connection

    def taken(self, result):
        try:
            if error := self.error(result):
                raise Refused(error.decode("utf-8", "replace"))
            size = self.length(result)
            return ctypes.string_at(self.buffer(result), size) if size else b"", {name: count(result) for name, count in self.counts.items()}
        finally:
            self.free(result)

    def run(self, connection, sql, form, parameters=()):
        names, values = [name.encode() for name, _ in parameters], [value.encode() for _, value in parameters]
        many = max(1, len(names))
        texts, sizes = TEXT * many, SIZE * many
        return self.taken(self.query(connection[0], sql, len(sql), form, len(form), texts(*names), sizes(*map(len, names)), texts(*values), sizes(*map(len, values)), len(names)))

    def take_rows(self, connection, sql, form, pieces):
        stream = self.insert(connection[0], sql, len(sql), form, len(form))
        try:
            self.check(stream)
            try:
                for piece in pieces:
                    if piece and self.append(stream, piece, len(piece)):
                        self.check(stream)
                        raise Refused("Code: 1000. DB::Exception: the rows were not taken. (UNKNOWN)")
            except BaseException:
                self.cancel(stream)
                raise
            return self.taken(self.done(stream))
        finally:
            self.free_insert(stream)

    def check(self, stream):
        if error := self.insert_error(stream):
            raise Refused(error.decode("utf-8", "replace"))


class Handler(BaseHTTPRequestHandler):
    protocol_version, disable_nagle_algorithm, wbufsize = "HTTP/1.1", True, 1 << 16

    def log_message(self, *_):
        pass

    def raw_body(self):
        def exactly(size):
            while size:
                piece = self.rfile.read(min(size, 1 << 20))
                if not piece:
                    raise ConnectionError
                size -= len(piece)
                yield piece

        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            yield from exactly(int(self.headers.get("Content-Length") or 0))
            return
        while size := int(self.rfile.readline().split(b";")[0], 16):
            yield from exactly(size)
            self.rfile.readline()
        self.rfile.readline()

    def body(self):
        packing = self.headers.get("Content-Encoding", "")
        if packing not in ("", "gzip", "deflate", "zstd"):
            raise Refused(f"Code: 89. DB::Exception: Unknown compression method: {packing}. (UNKNOWN_COMPRESSION_METHOD)")
        if not packing:
            yield from self.raw_body()
            return
        unpack = zstd.ZstdDecompressor() if packing == "zstd" else zlib.decompressobj(47)
        for piece in self.raw_body():
            yield unpack.decompress(piece)
        if not unpack.eof:
            raise Refused("Code: 354. DB::Exception: the body ends too early. (ZLIB_INFLATE_FAILED)")

    def answer(self, status, body, **headers):
        self.send_response(status)
        for name, value in {"Content-Type": "text/plain; charset=UTF-8", "Content-Length": len(body), **headers}.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        self.wfile.flush()

    def let_in(self, words):
        if not self.server.user:
            return True
        given = (self.headers.get("X-ClickHouse-User") or words.get("user"), self.headers.get("X-ClickHouse-Key") or words.get("password"))
        basic = self.headers.get("Authorization", "")
        if basic.startswith("Basic "):
            given = tuple(base64.b64decode(basic[6:]).decode().split(":", 1))
        return given == (self.server.user, self.server.password)

    def handle_request(self):
        began = time.monotonic_ns()
        parts = urllib.parse.urlsplit(self.path)
        pairs = urllib.parse.parse_qsl(parts.query, keep_blank_values=True)
        words = dict(pairs)
        if parts.path == "/ping" or (self.command != "POST" and "query" not in words):
            return self.answer(200, b"Ok.\n")
        connection, pieces = None, self.body()
        try:
            if not self.let_in(words):
                raise Refused(f"Code: 516. DB::Exception: {words.get('user', 'default')}: Authentication failed: password is incorrect. (AUTHENTICATION_FAILED)")
            settings = [(name, value) for name, value in pairs if name not in NOT_SETTINGS and not name.startswith("param_")]
            if self.command != "POST":
                settings.append(("readonly", "2"))
            connection = self.server.library.open(settings)
            if words.get("database"):
                self.server.library.run(connection, b"USE `" + words["database"].encode() + b"`", b"TSV")
            out, counts, form = self.execute(connection, words, [(name[6:], value) for name, value in pairs if name.startswith("param_")], pieces)
            for _ in pieces:
                pass
            summary = {**counts, "result_rows": counts["written_rows"], "elapsed_ns": time.monotonic_ns() - began}
            self.answer(200, out, X_ClickHouse_Summary=json.dumps({name: str(value) for name, value in summary.items()}, separators=(",", ":")), X_ClickHouse_Format=form)
        except (Refused, zlib.error, zstd.ZstdError) as refused:
            for _ in self.raw_body() if not hasattr(pieces, "gi_frame") or pieces.gi_frame is not None else ():
                pass
            self.close_connection = True
            found = re.search(r"Code: (\d+)", str(refused))
            code = int(found[1]) if found else 1000
            self.answer(STATUS.get(code, 500), (str(refused).rstrip() + "\n").encode(), X_ClickHouse_Exception_Code=code)
        except ConnectionError:
            self.close_connection = True
        finally:
            if connection:
                self.server.library.close(connection)

    def execute(self, connection, words, parameters, pieces):
        """The text is what the address says, and what the body begins with; rows of an INSERT follow its line."""
        library, sql = self.server.library, words.get("query", "").encode()
        if sql.strip():
            sql += b"\n"
        while not INSERT.match(sql):
            piece = next(pieces, None)
            if piece is None:
                break
            sql += piece
        found = INSERT.match(sql)
        if found and not re.search(rb"\b(SELECT|VALUES)\b", re.sub(rb"`[^`]*`|\([^()]*\)", b"", found[1]), re.IGNORECASE):
            def rows():
                yield sql[found.end():]
                yield from pieces

            text = found[1][:found.start(2) - found.start(1)].rstrip()[:-len(b"FORMAT")]
            return *library.take_rows(connection, text, found[2], rows()), ""
        form = (words.get("default_format") or self.headers.get("X-ClickHouse-Format") or "TabSeparated")
        return *library.run(connection, sql + b"".join(pieces), form.encode(), parameters), form

    do_GET = do_POST = do_HEAD = handle_request


class Server(ThreadingHTTPServer):
    daemon_threads, request_queue_size = True, 128


def main():
    path, folder, port, user, password = (sys.argv[1:] + ["", ""])[:5]
    os.makedirs(folder, exist_ok=True)
    server = Server(("127.0.0.1", int(port)), Handler)
    server.library, server.user, server.password = Library(path, os.path.abspath(folder)), user, password
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    server.serve_forever()
    server.library.close(server.library.first)
    os._exit(0)  # threads of the engine would keep it


main()
