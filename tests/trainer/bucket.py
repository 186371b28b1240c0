"""An S3 store of the tests' own: a real server on loopback, behind a proxy that can make it fail."""

from __future__ import annotations

import http.client
import itertools
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

import obstore
import requests
from obstore.store import S3Store

CREDENTIALS: Final = {
    "AWS_ACCESS_KEY_ID": "quietkeys",
    "AWS_SECRET_ACCESS_KEY": "not-a-secret",
    "AWS_REGION": "us-east-1",
}


class Fault(StrEnum):
    """What may go wrong with a request."""

    ERROR = "500"  # answered with an error, and not carried out
    SILENCE = "silence"  # carried out, never answered
    CUT = "cut"  # carried out, the answer breaks off


@dataclass(slots=True)
class Bucket:
    """The server and the proxy in front of it; `fault` says what goes wrong with a request, by its method."""

    fault: Callable[[str], Fault | None] = lambda _: None
    requests: list[str] = field(default_factory=list)
    _server: subprocess.Popen[bytes] | None = None
    _server_port: int = 0
    _proxy: ThreadingHTTPServer | None = None
    _ended: threading.Event = field(default_factory=threading.Event)
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def start(self) -> None:
        """Starts both."""
        command = [sys.executable, "-m", "tests.trainer.s3_server"]
        self._server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        assert self._server.stdout is not None
        self._server_port = int(self._server.stdout.readline())
        self._proxy = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        threading.Thread(target=self._proxy.serve_forever, daemon=True).start()

    def stop(self) -> None:
        """Ends both."""
        self._ended.set()
        if self._proxy is not None:
            self._proxy.shutdown()
            self._proxy.server_close()
        if self._server is not None:
            self._server.kill()
            self._server.wait()
            assert self._server.stdout is not None
            self._server.stdout.close()

    def environment(self) -> dict[str, str]:
        """What the AWS variables of a process have to be."""
        assert self._proxy is not None
        return {**CREDENTIALS, "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self._proxy.server_port}"}

    def new_store(self) -> str:
        """The address of an empty store."""
        name = f"bucket{next(self._numbers)}"
        assert requests.put(f"http://127.0.0.1:{self._server_port}/{name}", timeout=900).status_code == 200
        return f"s3://{name}/ciphertexts"

    def names(self, store: str) -> list[str]:
        """The names of all that is in a store, in order."""
        bucket, _, prefix = store.removeprefix("s3://").partition("/")
        url = f"http://127.0.0.1:{self._server_port}/{bucket}"
        listing = requests.get(url, params={"list-type": "2", "prefix": prefix}, timeout=900).text
        return sorted(re.findall(rf"<Key>{prefix}/([^<]*)</Key>", listing))

    def put(self, store: str, name: str, content: bytes) -> None:
        """Puts something into a store that no trainer has put there."""
        assert requests.put(f"{self._url(store)}/{name}", data=content, timeout=900).status_code == 200

    def clear(self, store: str) -> None:
        """Deletes everything in a store."""
        opened = S3Store.from_url(
            store,
            endpoint=f"http://127.0.0.1:{self._server_port}",
            client_options={"allow_http": True},
            access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
            secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
            region=CREDENTIALS["AWS_REGION"],
        )
        obstore.delete(opened, self.names(store))

    def _url(self, store: str) -> str:
        return f"http://127.0.0.1:{self._server_port}/{store.removeprefix('s3://')}"

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        bucket = self

        class Proxy(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: Any) -> None:
                return

            def carry(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                bucket.requests.append(self.command)
                fault = bucket.fault(self.command)
                if fault is Fault.ERROR:
                    self.reply(500, {}, b"<Error><Code>InternalError</Code></Error>")
                    return
                status, headers, content = bucket._forward(self.command, self.path, dict(self.headers), body)
                if fault is Fault.SILENCE:
                    bucket._ended.wait(900)
                    self.close_connection = True
                elif fault is Fault.CUT:
                    self.reply(status, headers, content[: len(content) // 2])
                    self.close_connection = True
                else:
                    self.reply(status, headers, content)

            def reply(self, status: int, headers: dict[str, str], content: bytes) -> None:
                self.send_response_only(status)
                for name, value in headers.items():
                    if name.lower() not in {"transfer-encoding", "connection"}:
                        self.send_header(name, value)
                if "content-length" not in {name.lower() for name in headers}:
                    self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = carry  # noqa: N815 - as http.server wants them

        return Proxy

    def _forward(
        self, method: str, path: str, headers: dict[str, str], body: bytes
    ) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self._server_port, timeout=900)
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()
        finally:
            connection.close()
