#!/usr/bin/env python3
"""A token server for a distribution registry, for the tests.

usage: token-server.py PORT KEY CERTIFICATE LOG

Gives out RS256 tokens signed with KEY (openssl does it) that carry the
CERTIFICATE, to the user "ci" with the password "s3cret"; to nobody in
particular it grants pull alone. Knows the GET flow with Basic credentials and
the OAuth2 POST flow, with the refresh token "kept-by-ci", too. Each request is
a line of LOG: method, user, scopes.

Environment: TOKEN_LIFETIME, seconds after which the registry takes a token no
more (it is told to live for 300); TOKEN_READ_ONLY, a repository that nobody is
granted a push to.
"""
import base64
import http.server
import json
import os
import subprocess
import sys
import time
import urllib.parse

PORT, KEY, CERTIFICATE, LOG = sys.argv[1:5]
USER, PASSWORD = "ci", "s3cret"
REFRESH_TOKEN = "kept-by-ci"
TOLD = 300
# distribution forgives clocks that are a minute off.
LIFETIME = int(os.environ["TOKEN_LIFETIME"]) - 60 if "TOKEN_LIFETIME" in os.environ else TOLD
READ_ONLY = os.environ.get("TOKEN_READ_ONLY")


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def sign(claims):
    with open(CERTIFICATE) as f:
        pem = f.read()
    der = "".join(pem.split("-----")[2].split())
    header = {"typ": "JWT", "alg": "RS256", "x5c": [der]}
    text = ".".join(b64(json.dumps(part).encode()) for part in (header, claims))
    signature = subprocess.run(["openssl", "dgst", "-sha256", "-sign", KEY],
                               input=text.encode(), stdout=subprocess.PIPE, check=True).stdout
    return text + "." + b64(signature)


def access(scopes, known):
    """Scopes "repository:NAME:pull,push" as claims; the unknown only pull."""
    entries = []
    for scope in scopes:
        kind, rest = scope.split(":", 1)
        name, actions = rest.rsplit(":", 1)
        granted = [a for a in actions.split(",") if a == "pull" or (known and name != READ_ONLY)]
        entries.append({"type": kind, "name": name, "actions": granted})
    return entries


class Handler(http.server.BaseHTTPRequestHandler):
    def answer(self, status, body):
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def grant(self, user, password, query):
        scopes = [s for value in query.get("scope", []) for s in value.split()]
        with open(LOG, "a") as log:
            log.write("%s %s %s\n" % (self.command, user or "-", " ".join(scopes)))
        if user and (user, password) != (USER, PASSWORD):
            self.answer(401, {"details": "incorrect username or password"})
            return
        now = int(time.time())
        token = sign({"iss": "tests", "sub": user, "aud": query.get("service", ["tests"])[0],
                      "exp": now + LIFETIME, "nbf": now - 10, "iat": now, "jti": str(time.time_ns()),
                      "access": access(scopes, bool(user))})
        self.answer(200, {"token": token, "access_token": token, "expires_in": TOLD})

    def do_GET(self):
        user = password = ""
        header = self.headers.get("Authorization", "")
        if header.startswith("Basic "):
            user, password = base64.b64decode(header[6:]).decode().split(":", 1)
        self.grant(user, password, urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query))

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", "0"))).decode()
        form = urllib.parse.parse_qs(body)
        if form.get("grant_type") == ["refresh_token"]:
            known = form.get("refresh_token") == [REFRESH_TOKEN]
            self.grant(USER, PASSWORD if known else "", form)
            return
        self.grant(form.get("username", [""])[0], form.get("password", [""])[0], form)

    def log_message(self, *_):
        pass


http.server.ThreadingHTTPServer(("127.0.0.1", int(PORT)), Handler).serve_forever()
