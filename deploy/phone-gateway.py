#!/usr/bin/env python3
"""A phone gateway for kunobs to begin with, as docs/phone.md has it: adapt `dial` to your telephone exchange or voice service.

    SECRET_FILE=secret REPORT_URL=https://relay.example.com/callback/calls PORT=8088 CALLS_FILE=calls python3 phone-gateway.py

The relay posts to /call. The exchange says what becomes of a call by GET /exchange/<call_id>/<event>?digits=1, which is passed on. Put a
proxy with TLS before it that lets the relay reach /call only. Calls are remembered in CALLS_FILE, so that none is made twice.
"""

import hmac
import json
import os
import shelve
import time
import urllib.request
import uuid
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

SECRET = Path(os.environ["SECRET_FILE"]).read_bytes().strip()


def dial(call):
    """Begin the call and return: read out call["text"] in call["language"] twice, then collect a key. Here, it is only printed."""
    print(f"dial {call['to']}: {call['text']} ({call['call_id']})", flush=True)


def mac(at, body):
    return hmac.digest(SECRET, b"%d.%s" % (at, body), "sha256").hex()


def report(call, event, digits):
    fields = {name: call[name] for name in ("call_id", "idempotency_key", "to")} | {"event": event, "digits": digits}
    body, at = json.dumps(fields).encode(), int(time.time())
    headers = {"Content-Type": "application/json", "X-Kunobs-Signature": f"t={at},v1={mac(at, body)}"}
    # On a failure the exchange gets no answer, and should ask again.
    urllib.request.urlopen(urllib.request.Request(os.environ["REPORT_URL"], body, headers), timeout=10).close()  # noqa: S310


class Handler(BaseHTTPRequestHandler):
    timeout = 10

    def is_signed(self, body):
        parts = dict(part.partition("=")[::2] for part in self.headers.get("X-Kunobs-Signature", "").split(","))
        at = int(parts["t"]) if parts.get("t", "").isdecimal() else 0
        return abs(time.time() - at) <= 300 and hmac.compare_digest(
            mac(at, body).encode(), parts.get("v1", "").encode()
        )

    def do_POST(self):
        body = self.rfile.read(min(int(self.headers.get("Content-Length") or 0), 65536))
        if self.path != "/call" or not self.is_signed(body):
            return self.answer(401)
        call = json.loads(body)
        if known := CALLS.get(call["idempotency_key"]):
            return self.answer(409, call_id=known["call_id"])
        call["call_id"] = uuid.uuid4().hex
        dial(call)
        CALLS[call["idempotency_key"]] = CALLS[call["call_id"]] = call
        CALLS.sync()
        return self.answer(202, call_id=call["call_id"])

    def do_GET(self):
        url = urlsplit(self.path)
        if url.path == "/call":
            return self.answer(200 if self.is_signed(b"") else 401)
        _, _, call_id, event = url.path.split("/")
        report(CALLS[call_id], event, parse_qs(url.query).get("digits", [""])[0])
        return self.answer(200)

    def answer(self, status, **value):
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(value).encode())


if __name__ == "__main__":
    with shelve.open(os.environ.get("CALLS_FILE", "calls")) as CALLS:  # noqa: S301  our own file
        server = HTTPServer(("127.0.0.1", int(os.environ.get("PORT", "8088"))), Handler)
        print(f"listening on {server.server_port}", flush=True)
        server.serve_forever()
