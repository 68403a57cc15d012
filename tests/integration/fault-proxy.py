#!/usr/bin/env python3
"""A registry that misbehaves: a proxy in front of a sound one, for the tests.

usage: fault-proxy.py PORT UPSTREAM LOG FAULT

Each request is a line of LOG: method, path, whether it carried credentials.
FAULT says what is wrong with the answers:

  none            nothing
  unauthorized    401 for everything, with a Basic challenge
  corrupt-blob    one byte of every blob is changed
  short-blob      blobs end after half of their announced bytes
  corrupt-manifest  one byte of every manifest asked for by digest is changed
  unavailable=N   503 for the first N requests below /v2/NAME/
  busy=N          429 with Retry-After: 1 for the first N of them
  refuse-push     403 with a registry error document for every upload
"""
import http.client
import http.server
import json
import sys
import threading

PORT, UPSTREAM, LOG, FAULT = sys.argv[1:5]
FAULT, _, COUNT = FAULT.partition("=")
lock = threading.Lock()
left = int(COUNT or "0")
KEEP = ("content-type", "docker-content-digest", "location", "range", "docker-upload-uuid",
        "etag", "accept-ranges", "content-range", "www-authenticate")


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def error(self, status, code, message, headers=()):
        data = json.dumps({"errors": [{"code": code, "message": message}]}).encode()
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def body(self):
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            data = b""
            while True:
                size = int(self.rfile.readline().split(b";")[0], 16)
                data += self.rfile.read(size)
                self.rfile.readline()
                if size == 0:
                    return data
        return self.rfile.read(int(self.headers.get("Content-Length", "0")))

    def refused(self):
        """Answer without the upstream; true when done."""
        global left
        if FAULT == "unauthorized":
            self.error(401, "UNAUTHORIZED", "authentication required",
                       [("WWW-Authenticate", 'Basic realm="tests"')])
        elif FAULT == "refuse-push" and self.command in ("POST", "PUT", "PATCH"):
            self.error(403, "DENIED", "requested access to the resource is denied")
        elif FAULT in ("unavailable", "busy") and len(self.path) > len("/v2/"):
            with lock:
                left -= 1
                fail = left >= 0
            if not fail:
                return False
            if FAULT == "busy":
                self.error(429, "TOOMANYREQUESTS", "slow down", [("Retry-After", "1")])
            else:
                self.error(503, "UNAVAILABLE", "try again")
        else:
            return False
        return True

    def spoiled(self, data):
        is_blob = "/blobs/sha256:" in self.path
        is_manifest = "/manifests/sha256:" in self.path
        if (FAULT == "corrupt-blob" and is_blob) or (FAULT == "corrupt-manifest" and is_manifest):
            middle = len(data) // 2
            return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1:]
        return data

    def handle_any(self):
        with open(LOG, "a") as log:
            log.write("%s %s %s\n" % (self.command, self.path,
                                      "credentials" if self.headers.get("Authorization") else "-"))
        data = self.body()
        if self.refused():
            return
        upstream = http.client.HTTPConnection(UPSTREAM)
        upstream.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():  # a name may come several times
            if name.lower() not in ("transfer-encoding", "content-length", "connection"):
                upstream.putheader(name, value)
        upstream.putheader("Content-Length", str(len(data)))
        upstream.endheaders(data)
        reply = upstream.getresponse()
        content = self.spoiled(reply.read()) if reply.status in (200, 206) else reply.read()
        self.send_response(reply.status)
        for name, value in reply.getheaders():
            if name.lower() in KEEP:
                self.send_header(name, value)
        length = reply.getheader("Content-Length", "0") if self.command == "HEAD" else str(len(content))
        self.send_header("Content-Length", length)
        self.end_headers()
        if self.command == "HEAD":
            return
        if FAULT == "short-blob" and self.command == "GET" and "/blobs/" in self.path:
            self.wfile.write(content[:len(content) // 2])
            self.wfile.flush()
            self.connection.shutdown(2)
            self.close_connection = True
            return
        self.wfile.write(content)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any

    def log_message(self, *_):
        pass


http.server.ThreadingHTTPServer(("127.0.0.1", int(PORT)), Handler).serve_forever()
