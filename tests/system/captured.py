"""What `transform serve` captures, on disks that fill up and under SIGKILL."""

import json
import threading
import urllib.error
import urllib.request

from harness import Spool, until
from machine import tmpfs

BODY = json.dumps({"x": [[1]], "note": "n" * 3000}).encode()


def capturing(room, size, **settings):
    """A spool whose capture folder is a small disk of its own."""
    folder = room.path("captured")
    tmpfs(room, folder, size)
    spool = Spool(room, serve__listen="127.0.0.1:0", serve__auth="none", capture__path=str(folder), **settings)
    spool.approve_line(2, 1)
    return spool, folder


def ask(address, inference_id="none"):
    headers = {"Content-Type": "application/json", "X-Amzn-SageMaker-Inference-Id": inference_id}
    with urllib.request.urlopen(urllib.request.Request(f"http://{address}/stream", BODY, headers), timeout=10) as answer:
        assert answer.read() == b"3.0"


def lost(address, reason):
    with urllib.request.urlopen(f"http://{address}/metrics", timeout=10) as answer:
        page = answer.read().decode()
    return int(page.split(f'transform_capture_lost_total{{reason="{reason}"}} ')[1].split()[0])


def texts(folder):
    return [path.read_text() for path in sorted(folder.rglob("*.jsonl"))]


def is_whole(folder):
    """Does each file end with a line's end?"""
    return all(text.endswith("\n") for text in texts(folder) if text)


def ids(folder):
    """The inference ids of all events. Of one that is being written, the end may not be there yet."""
    lines = [line for text in texts(folder) for line in text.split("\n")[:-1]]
    return [json.loads(line)["eventMetadata"].get("inferenceId") for line in lines]


def size(folder):
    return sum(len(text) for text in texts(folder))


def test_a_disk_without_space_tears_no_line(room):
    spool, folder = capturing(room, "1m", capture__max_disk="100%")
    address = spool.server()

    def ask_and_look():
        ask(address)
        return lost(address, "write")

    until("the disk is full", ask_and_look)
    until("each line is whole", lambda: is_whole(folder))
    assert len(ids(folder)) > 200
    for path in folder.rglob("*.jsonl"):
        path.unlink()
    ask(address, "after")
    until("it is captured again", lambda: "after" in ids(folder))


def test_a_disk_that_others_fill_is_left_alone(room):
    spool, folder = capturing(room, "4m")
    address = spool.server()
    ask(address, "before")
    until("it is captured", lambda: ids(folder) == ["before"])
    filler = folder / "filler"
    filler.write_bytes(bytes(3_300_000))
    ask(address)
    until("it is lost", lambda: lost(address, "disk") == 1)
    filler.unlink()
    ask(address, "after")
    until("it is captured again", lambda: ids(folder) == ["before", "after"])


def test_kills_under_load_leave_whole_lines(room):
    spool, folder = capturing(room, "64m", capture__max_disk="100%")

    def load(address):
        try:
            while True:
                ask(address)
        except (OSError, urllib.error.URLError):
            pass  # the server is gone

    for n in range(10):
        address = spool.server()
        server = room.processes[-1]
        before = size(folder)
        threads = [threading.Thread(target=load, args=(address,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        until("there is more", lambda: size(folder) > before + 100_000)
        server.kill()
        for thread in threads:
            thread.join()
        # What a kill can leave, should none of these have.
        last = max(folder.rglob("*.jsonl"))
        with open(last, "ab") as file:
            file.write(b'{"captureData":')
    address = spool.server()
    ask(address, "after")
    until("all is whole", lambda: "after" in ids(folder) and is_whole(folder))
