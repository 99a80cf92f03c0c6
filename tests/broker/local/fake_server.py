"""A program in the place of the one that loads weights: does what the file that it is given says after its magic."""

import json
import os
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingMixIn, UnixStreamServer

ANSWER = {
    "choices": [{"finish_reason": "stop", "message": {"role": "assistant", "content": "hello"}}],
    "usage": {"prompt_tokens": 3, "completion_tokens": 1},
}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def address_string(self):
        return "client"

    def do_POST(self):
        asked = self.rfile.read(int(self.headers["content-length"]))
        if b"die" in asked:
            os.abort()
        key = json.dumps({"error": {"message": self.headers["authorization"]}}).encode()
        body = key if self.headers["authorization"] != f"Bearer {GIVEN['key']}" else json.dumps(ANSWER).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Server(ThreadingMixIn, UnixStreamServer):
    daemon_threads = True


def say(told):
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()


def end():
    sys.stdin.buffer.read()
    os._exit(0)


GIVEN = json.loads(sys.stdin.buffer.readline())
what = Path(GIVEN["path"]).read_bytes().removeprefix(b"GGUF").decode()
if what == "stubborn":
    time.sleep(600)
threading.Thread(target=end, daemon=True).start()
if what == "abort":
    sys.stderr.write("llama: no memory left\n")
    sys.stderr.flush()
    os.abort()
if what == "chatty":
    sys.stderr.write("x" * 1_000_000 + "\nthe last word\n")
    sys.stderr.flush()
    os._exit(1)
if what == "silent":
    time.sleep(600)
if what == "wrong":
    say({"error": "RuntimeError: no such architecture"})
    time.sleep(600)
server = Server(GIVEN["socket"], Handler)
Path(GIVEN["path"]).with_name("seen.json").write_text(
    json.dumps({"pid": os.getpid(), "env": dict(os.environ), "argv": sys.argv})
)
say({"ready": True})
server.serve_forever()
