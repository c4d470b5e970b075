"""Callers of a running server, who count whatever goes wrong. Ends when its stdin does, and prints what came of it.

    callers.py PORT KEY SECONDS-BEFORE-A-CALLER-GIVES-UP

Version V must answer x with V * (10 x + 1), whatever the protocol, so an answer that is made by two versions, or by another one than
it says, can't be right. Each caller goes on over its connection until an answer closes it, as real clients do; some make a new one for
each request, some pause between requests.
"""

import json
import random
import select
import socket
import sys
import threading
import time

PORT, KEY, PATIENCE = int(sys.argv[1]), sys.argv[2], float(sys.argv[3])
done = threading.Event()


class Gone(Exception):
    """The connection ended before the answer."""


def request(path, kind, body, keep):
    close = "" if keep else "Connection: close\r\n"
    head = f"POST {path} HTTP/1.1\r\nHost: callers\r\nx-api-key: {KEY}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
    return f"{head}{close}\r\n{body}".encode()


def stream(values):
    return "/stream", "application/json", json.dumps({"x": [[values[0]]]}), values[:1], lambda text: [json.loads(text)]


def batch(values):
    flat = lambda text: [row for [row] in json.loads(text)]
    return "/production/batch", "application/json", json.dumps({"x": [[v] for v in values]}), values, flat


def score(values):
    numbers = lambda text: [float(line) for line in text.split()[1:]]
    return "/score", "text/csv", "x\n" + "".join(f"{v}\n" for v in values), values, numbers


class Caller(threading.Thread):
    def __init__(self, protocol, keep=True, pause=None):
        super().__init__(daemon=True)
        self.protocol, self.keep, self.pause = protocol, keep, pause
        self.connection = None
        self.behind = b""
        self.answered = []  # when, by a clock that all on this machine share
        self.versions = {}
        self.failures = []
        self.longest = 0

    def run(self):
        while not done.is_set():
            start = time.monotonic()
            try:
                self.ask()
                self.answered.append(time.monotonic())
                self.longest = max(self.longest, self.answered[-1] - start)
            except (OSError, Gone, ValueError, AssertionError) as error:
                self.failures.append({"at": start, "took": time.monotonic() - start, "what": f"{type(error).__name__}: {error}"})
                self.close()
                # Whoever can't connect would try too often.
                time.sleep(0.02)
            if self.pause:
                done.wait(random.uniform(*self.pause))

    def close(self):
        if self.connection:
            self.connection.close()
        self.connection, self.behind = None, b""

    def ask(self):
        if self.connection and select.select([self.connection], [], [], 0)[0]:
            # Closed while it was idle, which its client can see, and sees.
            assert self.connection.recv(1) == b"", "an answer that nobody asked for"
            self.close()
        if self.connection is None:
            self.connection = socket.create_connection(("127.0.0.1", PORT), PATIENCE)
            self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        values = [random.randrange(1000) for _ in range(random.randrange(1, 4))]
        path, kind, body, asked, read = self.protocol(values)
        self.connection.sendall(request(path, kind, body, self.keep))
        status, headers, text = self.answer()
        assert status == 200, f"{status} {text}"
        version = int(headers["transform-model"].rpartition("/")[2])
        want = [float(version * (10 * v + 1)) for v in asked]
        assert read(text) == want, f"version {version} answered {text} instead of {want}"
        self.versions[version] = self.versions.get(version, 0) + 1
        if headers.get("connection") == "close":
            self.close()

    def answer(self):
        while b"\r\n\r\n" not in self.behind:
            self.more()
        head, _, self.behind = self.behind.partition(b"\r\n\r\n")
        status, *lines = head.decode().split("\r\n")
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        length = int(headers["content-length"])
        while len(self.behind) < length:
            self.more()
        text, self.behind = self.behind[:length].decode(), self.behind[length:]
        return int(status.split()[1]), headers, text

    def more(self):
        got = self.connection.recv(1 << 16)
        if not got:
            raise Gone("closed before the answer")
        self.behind += got


def main():
    callers = [Caller(protocol) for protocol in (stream, batch, score) for _ in range(3)]
    callers += [Caller(stream, keep=False), Caller(batch, keep=False), Caller(score, keep=False)]
    # Less than the 2 s for which idle connections are kept when a server stops, and more.
    callers += [Caller(stream, pause=(0.1, 1.5)) for _ in range(4)] + [Caller(batch, pause=(2, 5)) for _ in range(2)]
    for caller in callers:
        caller.start()
    sys.stdin.read()
    done.set()
    for caller in callers:
        caller.join(PATIENCE + 5)
    versions = {}
    for caller in callers:
        for version, count in caller.versions.items():
            versions[version] = versions.get(version, 0) + count
    failures = sorted((f for c in callers for f in c.failures), key=lambda f: f["at"])
    answered = sorted(at for c in callers for at in c.answered)
    hung = sum(caller.is_alive() for caller in callers)
    longest = max(caller.longest for caller in callers)
    print(json.dumps({"answered": answered, "versions": versions, "failures": failures, "hung": hung, "longest": longest}))


main()
