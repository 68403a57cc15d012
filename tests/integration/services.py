"""Small servers for tests of networks.

services.py READY ADDRESS SERVICE..: each SERVICE is tcp=IP:PORT or
udp=IP:PORT (answers "here"), abstract=NAME (the same on an abstract socket),
or dns=IP:PORT (answers every question for an A record with ADDRESS, by UDP
and TCP; about big.* by TCP alone). An IP with colons stands in brackets. The
file READY is made when all of them listen.
"""
import socket
import sys
import threading


def answer(query, address):
    end = query.index(b"\0", 12) + 5
    record = b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4" + socket.inet_aton(address)
    is_a = query[end - 4:end - 2] == b"\0\1"
    counts = b"\0\1" + (b"\0\1" if is_a else b"\0\0") + b"\0\0\0\0"
    return query[:2] + b"\x81\x80" + counts + query[12:end] + (record if is_a else b"")


def answer_datagram(query, address):
    reply = answer(query, address)
    is_cut = query[12:16] == b"\3big"
    return reply[:2] + b"\x83\x80\0\1" + bytes(6) + query[12:] if is_cut else reply


def serve_stream(server, reply):
    while True:
        client, _ = server.accept()
        with client:
            reply(client)


def serve_datagrams(server, reply):
    while True:
        data, peer = server.recvfrom(4096)
        server.sendto(reply(data), peer)


def say_here(client):
    client.sendall(b"here\n")


def resolve(address):
    def reply(client):
        query = client.recv(4096)
        data = answer(query[2:], address)
        client.sendall(len(data).to_bytes(2, "big") + data)
    return reply


def start(target, *args):
    threading.Thread(target=target, args=args, daemon=True).start()


def listen(family, address):
    server = socket.socket(family, socket.SOCK_STREAM)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.bind(address)
    server.listen()
    return server


def bind_datagrams(family, address):
    server = socket.socket(family, socket.SOCK_DGRAM)
    server.bind(address)
    return server


def open_service(text, address):
    kind, where = text.split("=", 1)
    if kind == "abstract":
        start(serve_stream, listen(socket.AF_UNIX, "\0" + where), say_here)
        return
    host, port = where.rsplit(":", 1)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    place = (host.strip("[]"), int(port))
    if kind in ("tcp", "dns"):
        reply = say_here if kind == "tcp" else resolve(address)
        start(serve_stream, listen(family, place), reply)
    if kind == "udp":
        start(serve_datagrams, bind_datagrams(family, place), lambda _: b"here\n")
    if kind == "dns":
        start(serve_datagrams, bind_datagrams(family, place), lambda q: answer_datagram(q, address))


def main():
    ready, address = sys.argv[1:3]
    for text in sys.argv[3:]:
        open_service(text, address)
    open(ready, "w").close()
    threading.Event().wait()


main()
