"""A FUSE file system that follows the published rules of Mountpoint for Amazon S3 (doc/SEMANTICS.md of its repository).

No rename. Writes begin at the start of a new file and go on in order. A new object appears whole at close or fsync;
after fsync it takes no more. Replacing an object needs --allow-overwrite and O_TRUNC at open, deleting one
--allow-delete. A folder that was made exists here alone until an object is in it. No links, modes or owners. No fsync of
folders. A file that its writer has not closed can't be read or deleted.

    mountpoint.py [--allow-overwrite] [--allow-delete] [--slow] BUCKET DIR

BUCKET is a folder that stands for the bucket: the objects are its files, and come into it whole, by rename.
"""

import errno
import os
import stat
import sys
import tempfile
import threading
import time

from fuse import FUSE, FuseOSError, Operations


class Upload:
    """An object in the making: hidden, and put in its place as a whole."""

    def __init__(self, hidden, target):
        self.target = target
        self.fd, self.path = tempfile.mkstemp(dir=hidden)
        self.bytes = 0
        self.done = False

    def write(self, data, offset):
        if self.done or offset != self.bytes:
            raise FuseOSError(errno.EINVAL)
        os.write(self.fd, data)
        self.bytes += len(data)
        return len(data)

    def finish(self):
        if not self.done:
            self.done = True
            os.close(self.fd)
            os.makedirs(os.path.dirname(self.target), exist_ok=True)
            os.rename(self.path, self.target)


class Mountpoint(Operations):
    def __init__(self, bucket, hidden, allow_overwrite, allow_delete, delay):
        self.bucket = bucket
        self.hidden = hidden
        self.allow_overwrite = allow_overwrite
        self.allow_delete = allow_delete
        self.delay = delay
        self.mutex = threading.Lock()
        self.uploads = {}  # path -> Upload
        self.reads = {}  # handle -> path
        self.handles = {}  # handle -> Upload
        self.folders = set()  # made here, still without an object
        self.next = 1

    def __call__(self, operation, path, *arguments):
        if not hasattr(self, operation):
            raise FuseOSError(errno.ENOSYS)
        with self.mutex:
            time.sleep(self.delay)
            try:
                return getattr(self, operation)(path, *arguments)
            except OSError as e:
                raise FuseOSError(e.errno) from None

    def real(self, path):
        return os.path.join(self.bucket, path.lstrip("/"))

    def getattr(self, path, fh=None):
        if path in self.uploads:
            return self.attributes(stat.S_IFREG | 0o644, self.uploads[path].bytes, time.time())
        if path in self.folders:
            return self.attributes(stat.S_IFDIR | 0o755, 0, time.time())
        found = os.stat(self.real(path))
        kind = stat.S_IFDIR | 0o755 if stat.S_ISDIR(found.st_mode) else stat.S_IFREG | 0o644
        return self.attributes(kind, found.st_size, int(found.st_mtime))

    def attributes(self, mode, size, mtime):
        times = {"st_mtime": mtime, "st_atime": mtime, "st_ctime": mtime}
        return {"st_mode": mode, "st_size": size, "st_nlink": 1, "st_uid": os.getuid(), "st_gid": os.getgid(), **times}

    def readdir(self, path, fh):
        inside = path.rstrip("/") + "/"
        own = [p for p in [*self.uploads, *self.folders] if p.startswith(inside)]
        names = {p[len(inside) :].split("/")[0] for p in own}
        if path not in self.folders or os.path.isdir(self.real(path)):
            names |= set(os.listdir(self.real(path)))
        return [".", "..", *sorted(names)]

    def handle(self, table, value):
        self.next += 1
        table[self.next] = value
        return self.next

    def create(self, path, mode, fi=None):
        # An object of that name can have come behind this mount's back.
        return self.begin(path) if not os.path.exists(self.real(path)) else self.replace(path)

    def open(self, path, flags):
        if flags & os.O_ACCMODE == os.O_RDONLY:
            if path in self.uploads:
                raise FuseOSError(errno.EPERM)
            return self.handle(self.reads, path) if os.path.isfile(self.real(path)) else self.absent()
        if not flags & os.O_TRUNC:
            raise FuseOSError(errno.EINVAL)
        return self.replace(path)

    def absent(self):
        raise FuseOSError(errno.ENOENT)

    def replace(self, path):
        if not self.allow_overwrite or path in self.uploads or path in self.reads.values():
            raise FuseOSError(errno.EPERM)
        return self.begin(path)

    def begin(self, path):
        upload = Upload(self.hidden, self.real(path))
        self.uploads[path] = upload
        return self.handle(self.handles, upload)

    def read(self, path, size, offset, fh):
        if fh not in self.reads:
            raise FuseOSError(errno.EBADF)
        with open(self.real(path), "rb") as file:
            file.seek(offset)
            return file.read(size)

    def write(self, path, data, offset, fh):
        return self.handles[fh].write(data, offset)

    def truncate(self, path, length, fh=None):
        upload = self.uploads.get(path)
        if upload is None or length != upload.bytes:
            raise FuseOSError(errno.EPERM)

    def flush(self, path, fh):
        # An empty file may still be written by another holder of its handle.
        if fh in self.handles and self.handles[fh].bytes:
            self.finish(path, self.handles[fh])

    def fsync(self, path, datasync, fh):
        self.finish(path, self.handles[fh])

    def release(self, path, fh):
        self.reads.pop(fh, None)
        upload = self.handles.pop(fh, None)
        if upload:
            self.finish(path, upload)

    def finish(self, path, upload):
        upload.finish()
        if self.uploads.get(path) is upload:
            del self.uploads[path]
        self.folders = {f for f in self.folders if not path.startswith(f + "/")}

    def unlink(self, path):
        if not self.allow_delete or path in self.uploads:
            raise FuseOSError(errno.EPERM)
        os.unlink(self.real(path))
        # A folder is there as long as an object is in it.
        folder = os.path.dirname(self.real(path))
        while folder != self.bucket and not os.listdir(folder):
            os.rmdir(folder)
            folder = os.path.dirname(folder)

    def mkdir(self, path, mode):
        self.folders.add(path)

    def rmdir(self, path):
        if path not in self.folders:
            raise FuseOSError(errno.EPERM)
        self.folders.discard(path)

    def utimens(self, path, times=None):
        if path not in self.uploads:
            raise FuseOSError(errno.EPERM)

    def refuse(self, *_):
        raise FuseOSError(errno.EPERM)

    chmod = chown = link = symlink = mknod = refuse

    def unsupported(self, *_):
        raise FuseOSError(errno.ENOSYS)

    # Not EPERM: the kernel's answer for what a file system doesn't know.
    rename = fsyncdir = unsupported


def main(bucket, mount, *flags):
    # Beside the bucket, so that an object can be renamed into it.
    hidden = bucket.rstrip("/") + ".uploads"
    os.makedirs(hidden, exist_ok=True)
    delay = 0.01 if "--slow" in flags else 0
    rules = Mountpoint(os.path.abspath(bucket), hidden, "--allow-overwrite" in flags, "--allow-delete" in flags, delay)
    # atomic_o_trunc: O_TRUNC comes with open, not as a truncate before it. hard_remove: no renames behind a deletion.
    options = {"atomic_o_trunc": True, "hard_remove": True, "attr_timeout": 0, "entry_timeout": 0, "big_writes": True}
    FUSE(rules, mount, foreground=True, allow_other=True, fsname="mountpoint", **options)


if __name__ == "__main__":
    words = sys.argv[1:]
    main(*[w for w in words if not w.startswith("--")], *[w for w in words if w.startswith("--")])
