#!/usr/bin/env python3
"""A proxy before a sound registry that breaks chosen answers, for the tests.

usage: registry_faults.py PORT ELSEWHERE UPSTREAM LOG [RULE..]

Listens on PORT as the registry and on ELSEWHERE as another server that hosts
blobs and uploads. Each request is a line of LOG: "registry" or "elsewhere",
method, path, the host that was asked for, scheme of the Authorization field or
"-". With FAULTY_TLS, a folder of tls_make, both speak TLS; FAULTY_ADDRESS is
where they listen (127.0.0.1).

RULE is METHOD:REGEX:ACTION[:TIMES]; the first that fits (and has not been
used up) decides:

  drop         close the connection without an answer
  drop-late    take half of the body that is sent, then close
  keep-half    the same, but what came is kept, and told when asked (GET)
  cut          half of the body that was announced, then close
  short        half of the body, announced as the whole
  long         one byte more than there is
  flip         one bit is wrong
  status=N     this status, with an error document
  away         a redirect to ELSEWHERE (GET) or an upload's Location there
  gone         takes the upload and answers 404: it is forgotten
  liar         answers with another Docker-Content-Digest
  reset        end the connection with a reset
  busy=N       429 with "Retry-After: N"
  stale        what authorizes the request is lost: the registry answers
  realm=URL    401 that sends to the token server URL
  to=URL       a redirect to URL (GET) or an upload's Location there
  type=TYPE    another Content-Type
  edit=CODE    a manifest changed by this Python, which knows it as m
  flood        a refusal that never ends
  limit=N      413 for more than N bytes
  chunk-min=N  opens an upload that announces OCI-Chunk-Min-Length: N; what
               follows a shorter chunk is refused with 400
"""
import http.client
import http.server
import json
import os
import re
import socket
import ssl
import struct
import sys
import threading
import urllib.parse

PORT, ELSEWHERE, UPSTREAM, LOG = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4]
lock = threading.Lock()
KEEP = ("content-type", "docker-content-digest", "location", "range", "docker-upload-uuid",
        "content-range", "www-authenticate")


class Rule:
    def __init__(self, text):
        self.method, self.path, rest = text.split(":", 2)
        self.action, times = re.fullmatch(r"(.*?)(?::(\d))?", rest, re.DOTALL).groups()
        self.left = int(times) if times else 1 << 30

    def fits(self, method, path):
        if method != self.method or not re.search(self.path, path) or self.left <= 0:
            return False
        self.left -= 1
        return True


KEPT = {}  # path of an upload -> its Location and Range since then
CHUNK_MIN = {}  # path of an upload without its query -> its minimum
SHORT = set()  # those of these that got less
RULES = [Rule(text) for text in sys.argv[5:]]


def action_for(method, path):
    with lock:
        return next((rule.action for rule in RULES if rule.fits(method, path)), "")


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log(self):
        where = "registry" if self.server.server_port == PORT else "elsewhere"
        shown = self.headers.get("Authorization", "-").split()[0]
        with lock, open(LOG, "a") as log:
            log.write("%s %s %s %s %s\n" % (where, self.command, self.path, self.headers["Host"], shown))

    def hang_up(self):
        self.close_connection = True

    def reset(self):
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.hang_up()

    def flood(self):
        self.send_response(400)
        self.end_headers()
        while True:
            self.wfile.write(65536 * b"no ")

    def error(self, status, *fields):
        data = json.dumps({"errors": [{"code": "UNKNOWN", "message": "as the test wants"}]}).encode()
        self.send_response(status)
        for name, value in fields:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def redirect(self, to):
        self.send_response(307)
        self.send_header("Location", to)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def ask(self, body, *dropped):
        upstream = http.client.HTTPConnection(UPSTREAM)
        upstream.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            if name.lower() not in ("transfer-encoding", "content-length", "connection", *dropped):
                upstream.putheader(name, value)
        if self.command not in ("GET", "HEAD"):
            upstream.putheader("Content-Length", str(len(body)))
        upstream.endheaders(body)
        reply = upstream.getresponse()
        return reply, reply.read()

    def reply(self, reply, content, action):
        half = len(content) // 2
        if action == "flip":
            content = content[:half] + bytes([content[half] ^ 1]) + content[half + 1:]
        if action == "short":
            content = content[:half]
        if action == "long":
            content += b"x"
        if action.startswith("edit="):
            manifest = json.loads(content)
            exec(action[5:], {"m": manifest})
            content = json.dumps(manifest).encode()
        self.send_response(reply.status)
        for name, value in reply.getheaders():
            if name.lower() not in KEEP or (name.lower() == "docker-content-digest" and action.startswith("edit=")):
                continue
            if action.startswith("to=") and name.lower() == "location":
                value = action[3:]
            if action.startswith("type=") and name.lower() == "content-type":
                value = action[5:]
            if action == "away" and name.lower() == "location":
                value = re.sub(r"^(https?://[^/]*)?", "http://127.0.0.1:%d" % ELSEWHERE, value)
            if action.startswith("chunk-min=") and name.lower() == "location":
                CHUNK_MIN[urllib.parse.urlsplit(value).path] = int(action[10:])
                self.send_header("OCI-Chunk-Min-Length", action[10:])
            if action == "liar" and name.lower() == "docker-content-digest":
                value = "sha256:" + 64 * "0"
            self.send_header(name, value)
        head = self.command == "HEAD"
        self.send_header("Content-Length", reply.getheader("Content-Length", "0") if head else str(len(content)))
        self.end_headers()
        if head:
            return
        self.wfile.write(content[:half] if action == "cut" else content)
        if action == "cut":
            self.hang_up()

    def body(self):
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length", "0")))
        data = b""
        while True:
            size = int(self.rfile.readline().split(b";")[0], 16)
            data += self.rfile.read(size)
            self.rfile.readline()
            if size == 0:
                return data

    def keep_half(self):
        body = self.body()
        reply, _ = self.ask(body[:len(body) // 2])
        KEPT[self.path] = reply.getheader("Location"), reply.getheader("Range")
        self.hang_up()

    def tell_kept(self):
        location, end = KEPT[self.path]
        self.send_response(204)
        self.send_header("Location", location)
        self.send_header("Range", end)
        self.end_headers()

    def is_behind_a_short_chunk(self, body):
        upload = self.path.split("?")[0]
        if self.command != "PATCH" or upload not in CHUNK_MIN:
            return False
        if upload in SHORT:
            return True
        if len(body) < CHUNK_MIN[upload]:
            SHORT.add(upload)
        return False

    def handle_any(self):
        self.log()
        here = self.server.server_port == PORT
        action = action_for(self.command, self.path) if here else ""
        if action == "drop-late":
            # Of a body in chunks it is not known what half of it is.
            self.rfile.read(int(self.headers.get("Content-Length", "2000")) // 2)
            return self.hang_up()
        if action == "keep-half":
            return self.keep_half()
        if self.command == "GET" and self.path in KEPT:
            return self.tell_kept()
        body = self.body()
        if action in ("drop", "reset", "flood"):
            return {"drop": self.hang_up, "reset": self.reset, "flood": self.flood}[action]()
        if action.startswith("status="):
            return self.error(int(action[7:]))
        if action.startswith("limit=") and len(body) > int(action[6:]):
            return self.error(413)
        if self.is_behind_a_short_chunk(body):
            return self.error(400)
        if action.startswith("busy="):
            return self.error(429, ("Retry-After", action[5:]))
        if action.startswith("realm="):
            return self.error(401, ("WWW-Authenticate", 'Bearer realm="%s",service="tests"' % action[6:]))
        if action == "gone":
            return self.error(404)
        if action == "away" and self.command == "GET":
            return self.redirect("http://127.0.0.1:%d%s" % (ELSEWHERE, self.path))
        if action.startswith("to=") and self.command == "GET":
            return self.redirect(action[3:])
        reply, content = self.ask(body, *(["authorization"] if action == "stale" else []))
        self.reply(reply, content, action)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any

    def log_message(self, *_):
        pass


def listen(port):
    server = http.server.ThreadingHTTPServer((os.environ.get("FAULTY_ADDRESS", "127.0.0.1"), port), Handler)
    folder = os.environ.get("FAULTY_TLS")
    if folder:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder + "/server.crt", folder + "/server.key")
        server.socket = context.wrap_socket(server.socket, server_side=True)
    return server


threading.Thread(target=listen(ELSEWHERE).serve_forever, daemon=True).start()
listen(PORT).serve_forever()
