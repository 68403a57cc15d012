"""A web server for files, on a free loopback port.

usage: file-server.py FOLDER LOG PORTFILE

Files of FOLDER are sent with ETag and Last-Modified; a request that names the
ETag gets 304. Below these paths it behaves otherwise:

  /private/..      needs the Authorization field "Bearer t0ken" or
                   "Basic eC1hY2Nlc3MtdG9rZW46dDBrZW4=" (x-access-token:t0ken)
  /to/URL          a redirect to URL
  /status/N        that status
  /short/..        half of the file, then the connection ends
  /evil-name/..    with a Content-Disposition that leads out

Each request becomes a line of LOG: method, path, status, "auth" if there was an
Authorization field.
"""

import functools
import hashlib
import http.server
import os
import sys

KNOWN = ("Bearer t0ken", "Basic eC1hY2Nlc3MtdG9rZW46dDBrZW4=")


class Handler(http.server.SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def note(self, status):
        shown = " auth" if self.headers.get("Authorization") else ""
        with open(self.server.log_path, "a") as log:
            log.write(f"{self.command} {self.path} {status}{shown}\n")

    def answer(self, status, fields=(), body=b"", length=None):
        self.note(status)
        self.send_response(status)
        for name, value in fields:
            self.send_header(name, value)
        if status != 304:
            self.send_header("Content-Length", str(length or len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_GET(self):
        path = self.path.split("?")[0]
        if path.startswith("/to/"):
            return self.answer(302, [("Location", self.path[len("/to/"):])])
        if path.startswith("/status/"):
            return self.answer(int(path.split("/")[2]))
        if path.startswith("/private/"):
            if self.headers.get("Authorization") not in KNOWN:
                return self.answer(401, [("WWW-Authenticate", "Basic realm=tests")])
            path = path[len("/private"):]
        for mode in ("/short", "/evil-name"):
            if path.startswith(mode + "/"):
                return self.send_file(path[len(mode):], mode)
        return self.send_file(path, None)

    def send_file(self, path, mode):
        name = self.translate_path(path)
        try:
            with open(name, "rb") as f:
                body = f.read()
        except OSError:
            return self.answer(404)
        etag = '"' + hashlib.sha256(body).hexdigest()[:16] + '"'
        if self.headers.get("If-None-Match") == etag:
            return self.answer(304, [("ETag", etag)])
        fields = [("ETag", etag), ("Last-Modified", self.date_time_string(int(os.stat(name).st_mtime)))]
        if mode == "/evil-name":
            fields.append(("Content-Disposition", 'attachment; filename="../../evil"'))
        length = len(body)
        if mode == "/short":
            body = body[: length // 2]
            self.close_connection = True
        return self.answer(200, fields, body, length)

    def log_message(self, *args):
        pass


def main():
    folder, log_path, port_file = sys.argv[1:]
    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Handler, directory=folder))
    server.log_path = log_path
    with open(port_file + ".new", "w") as f:
        f.write(str(server.server_address[1]))
    os.rename(port_file + ".new", port_file)
    server.serve_forever()


main()
