"""Crowds and bombs against `transform serve`: the caps hold, memory stays within what SERVE.md says, and whoever asks is answered."""

import contextlib
import gzip
import json
import resource
import socket
import threading
import time
from pathlib import Path

from harness import Spool, until

MIB = 1 << 20
CONNECTIONS = 1024
ROW = b'{"x": [[1]]}'


def served(room, **settings):
    """A spool's server: its address, as host and port, and its process."""
    spool = Spool(room, serve__listen="127.0.0.1:0", serve__auth="none", **settings)
    spool.approve_line(2, 1)
    host, port = spool.server().split(":")
    return (host, int(port)), room.processes[-1].child.pid


def memory(pid, what="VmRSS"):
    """Bytes; VmHWM is the most that there were."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith(what))


def ask(address, path="/stream", body=ROW, headers="", within=120):
    """The status of an answer; None: the connection was closed."""
    with socket.create_connection(address, timeout=within) as client:
        head = f"POST {path} HTTP/1.1\r\nHost: t\r\nConnection: close\r\nContent-Length: {len(body)}\r\n{headers}\r\n"
        with contextlib.suppress(ConnectionError):
            client.sendall(head.encode() + body)
        answer = b""
        with contextlib.suppress(ConnectionError):
            while more := client.recv(1 << 20):
                answer = answer[:100] + more if len(answer) > 100 else answer + more
        return int(answer.split()[1]) if answer else None


def crowd(address, count, head):
    """So many connections, each with the begin of a request. What the system can't take in at once comes in its time."""
    clients = []
    for _ in range(count):
        client = socket.socket()
        client.setblocking(False)
        client.connect_ex(address)
        clients.append(client)
    for client in clients:
        with contextlib.suppress(OSError):
            client.send(head)
    return clients


def test_ten_thousand_connections_are_held_off_and_the_next_client_is_answered(room):
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    address, pid = served(room)
    assert ask(address) == 200
    before = memory(pid)
    # Nearly all that a head may be.
    head = b"GET /live HTTP/1.1\r\nX-A: " + b"a" * (31 << 10)
    clients = crowd(address, 10_000, head)
    descriptors = Path(f"/proc/{pid}/fd")
    most = 0
    until("the cap is reached", lambda: len(list(descriptors.iterdir())) >= CONNECTIONS)
    start = time.monotonic()
    done = []
    asking = threading.Thread(target=lambda: done.append(ask(address, within=300)))
    asking.start()
    while asking.is_alive():
        most = max(most, len(list(descriptors.iterdir())))
        asking.join(0.2)
    took = time.monotonic() - start
    peak = memory(pid, "VmHWM") - before
    print(f"10,000 connections: {most} descriptors, {peak / MIB:.0f} MiB over {before / MIB:.0f}, answered in {took:.0f} s", flush=True)
    assert done == [200], done
    assert most <= CONNECTIONS + 64, most
    assert peak <= CONNECTIONS * (64 << 10), peak
    for client in clients:
        client.close()
    assert ask(address) == 200


test_ten_thousand_connections_are_held_off_and_the_next_client_is_answered.limit = 400


def hostile(size):
    """Bodies of this size that grow when they are read: path, headers, body."""
    fill = lambda text: text * (size // len(text))
    names = "".join(f'"{i}":[],' for i in range(size // 14))
    json_type = "Content-Type: application/json\r\n"
    return {
        "rows of JSON": ("/batch", "", '{"x":[' + fill("[1],")[:-20].rstrip(",[1") + "]}"),
        "bad rows of JSON": ("/batch", "", '{"x":[' + fill("[],")[:-20].rstrip(",[") + "[]]}"),
        "names of JSON": ("/batch", "", "{" + names + '"y":[]}'),
        "names in a frame": ("/invocations", json_type, '{"dataframe_split":{"columns":[' + fill('"a",')[:-40] + '"x"],"data":[]}}'),
        "instances": ("/v1/models/lines:predict", json_type, '{"instances":[' + fill("1,")[:-20].rstrip(",") + "]}"),
        "objects": ("/invocations", json_type, '{"instances":[' + fill("{},")[:-20].rstrip(",{") + "]}"),
        "rows of a CSV": ("/score", "", "x\n" + fill("1\n")[:-4]),
        "bad rows of a CSV": ("/score", "", "x\n" + fill("?\n")[:-4]),
        "a header of a CSV": ("/score", "", fill("a,")[:-8] + "x\n1\n"),
        "a cell of a CSV": ("/score", "", 'x\n"' + fill("a")[:-8] + '"\n'),
        "inputs": ("/v2/models/lines/infer", json_type, '{"inputs":[' + fill("{},")[:-20].rstrip(",{") + "]}"),
        "a tensor": ("/v2/models/lines/infer", json_type, '{"inputs":[{"name":"x","datatype":"FP64","shape":[%d,1],"data":[' % (size // 2) + fill("1,")[:-200].rstrip(",") + "]}]}"),
        "lines of JSON": ("/score", "Content-Type: application/jsonlines\r\n", fill("{}\n")[:-8]),
    }


def test_no_body_takes_more_memory_than_is_written_down(room):
    size = 10 * MIB - 1024
    report = []
    for what, (path, headers, text) in hostile(size).items():
        for compressed in (False, True):
            address, pid = served(room, serve__bad_rows="null", serve__max_body="10MiB")
            assert ask(address) == 200
            before = memory(pid)
            body = gzip.compress(text.encode(), 1) if compressed else text.encode()
            sent = headers + ("Content-Encoding: gzip\r\n" if compressed else "")
            got = []
            asking = [threading.Thread(target=lambda: got.append(ask(address, path, body, sent))) for _ in range(6)]
            for thread in asking:
                thread.start()
            for thread in asking:
                thread.join()
            peak = memory(pid, "VmHWM") - before
            report.append(f"{what}{', gzip' if compressed else ''}: {sorted(set(map(str, got)))}, {peak / MIB:.0f} MiB")
            print(report[-1], flush=True)
            assert set(got) <= {200, 400, 413, 503}, report[-1]
            assert ask(address) == 200
            room.processes[-1].kill()


test_no_body_takes_more_memory_than_is_written_down.limit = 900
