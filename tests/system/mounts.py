"""Buckets as folders: s3fs, rclone, and a file system with Mountpoint's rules. Each can die, hang and come back."""

import os
import signal
import sys
from pathlib import Path

from harness import MARK, is_mounted, unmount, until


class Mount:
    """A FUSE process and the folder that it serves.

    `stale`: how old, in seconds, what it shows of others' changes may be.
    """

    def __init__(self, room):
        self.room = room
        self.path = room.path(f"mnt-{type(self).__name__.lower()}")
        room.ends.callback(unmount, self.path)
        self.mount()

    def mount(self):
        self.process = self.room.start(type(self).__name__.lower(), *self.argv())
        until("it is mounted", lambda: is_mounted(self.path) and self.process.alive() or self.check())

    def check(self):
        assert self.process.alive(), f"the mount ended: {self.process.text()}"

    def unmount(self):
        """As an operator does; what is below is an empty folder."""
        unmount(self.path)
        self.process.signal(signal.SIGTERM)
        self.process.wait(10)
        assert not is_mounted(self.path) and not os.listdir(self.path)

    def die(self):
        """The process is gone, the mount stays: `Transport endpoint is not connected`."""
        self.process.kill()

    def remount(self):
        unmount(self.path)
        self.mount()

    def hang(self):
        """Whoever asks it anything waits. Nothing must be asked by a test until it goes on."""
        self.process.signal(signal.SIGSTOP)
        until("it has stopped", lambda: (Path("/proc") / str(self.process.child.pid) / "stat").read_text().split()[2] == "T")

    def hang_between(self, worker):
        """Hangs while it has no request of the worker's in its hands: such a request can't be given up."""

        def caught():
            self.hang()
            if not worker.waits_for_a_mount():
                return True
            self.go_on()
            return False

        until("it hangs between two requests", caught)

    def hang_over(self, worker):
        """Hangs with a request of the worker's in its hands."""

        def caught():
            self.hang()
            if worker.waits_for_a_mount():
                return True
            self.go_on()
            return False

        until("it hangs over a request", caught)

    def go_on(self):
        self.process.signal(signal.SIGCONT)


class S3fs(Mount):
    stale = 2

    def __init__(self, room, bucket):
        self.bucket = bucket
        self.password = room.folder / "s3fs-password"
        self.password.write_text("key:secret")
        self.password.chmod(0o600)
        super().__init__(room)

    def argv(self):
        options = [
            f"passwd_file={self.password}",
            f"url={self.bucket.front.url}",
            "use_path_request_style",
            f"stat_cache_expire={self.stale}",
            "allow_other",
            "retries=1",
            "connect_timeout=2",
        ]
        return ["s3fs", self.bucket.name, self.path, "-f", *[w for o in options for w in ("-o", o)]]


class Rclone(Mount):
    stale = 1

    def __init__(self, room, bucket):
        self.bucket = bucket
        # What was written and not uploaded yet is found again by the next mount.
        self.cache = room.path("rclone-cache")
        super().__init__(room)

    def argv(self):
        options = {
            "config": "/dev/null",
            "s3-provider": "Other",
            "s3-endpoint": self.bucket.front.url,
            "s3-access-key-id": "key",
            "s3-secret-access-key": "secret",
            "s3-force-path-style": "true",
            "vfs-cache-mode": "writes",
            "vfs-write-back": "200ms",
            "dir-cache-time": f"{self.stale}s",
            "cache-dir": self.cache,
            "allow-other": "true",
            "retries": "1",
            "low-level-retries": "1",
            "contimeout": "2s",
        }
        return ["rclone", "mount", f":s3:{self.bucket.name}", self.path, *[f"--{k}={v}" for k, v in options.items()]]


class Mountpoint(Mount):
    """Its bucket is a folder."""

    stale = 0

    def __init__(self, room, *flags):
        self.flags = flags
        self.objects = room.path("bucket")
        super().__init__(room)

    def argv(self):
        return [sys.executable, Path(__file__).with_name("mountpoint.py"), *self.flags, self.objects, self.path]

    def remount(self, *flags):
        self.flags = flags or self.flags
        super().remount()

    # What the bucket's owner sees and does, behind the mount's back.

    def put(self, key, text):
        target = self.objects / key
        target.parent.mkdir(parents=True, exist_ok=True)
        whole = self.objects.with_name("put")
        whole.write_text(text)
        whole.rename(target)

    def get(self, key):
        try:
            return (self.objects / key).read_text()
        except FileNotFoundError:
            return None

    def keys(self, prefix=""):
        files = (str(p.relative_to(self.objects)) for p in self.objects.rglob("*") if p.is_file())
        return sorted(key for key in files if key.startswith(prefix) and not key.endswith(MARK))
