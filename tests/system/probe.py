"""Tries, as the service's user, what the service must not be able to do. Prints each try and what came of it.

Runs with Debian's python3-minimal, as the `worker`, the worker beside a cluster (`ray`), the `server` or its `staging`. `may ...` must work, all else must not.
"""

import errno
import os
import signal
import socket
import subprocess
import sys

SPOOL = "spool"
KIND = sys.argv[1]
SERVER = KIND not in ("worker", "ray")
# What Ray needs, and nobody else has.
FOR_RAY = "may " if KIND == "ray" else ""
# What it may write.
OWN = {
    "worker": ("output", "failed", "state"),
    "ray": ("output", "failed", "state"),
    "server": ("state/serve", "state/halts", "capture"),
    "staging": ("state/serve", "capture"),
}[KIND]


def attempt(what, act):
    try:
        act()
        outcome = "done"
    except OSError as error:
        outcome = errno.errorcode.get(error.errno, str(error))
    except subprocess.CalledProcessError as error:
        outcome = f"exit code {error.returncode}"
    print(f"{what} -> {outcome}", flush=True)


def write(path):
    with open(path, "w") as file:
        file.write("escaped\n")


def make(folder):
    """Makes a file in a folder, and leaves it there as proof."""
    write(f"{folder}/escaped")


def run(*argv):
    subprocess.run(argv, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def perl(call):
    """A system call by its number, for what Python has no word for."""
    run("perl", "-e", f"exit({call} == -1)")


def become_root():
    """By a program that is set to run as root: what it is, it prints."""
    uid = subprocess.run(["/opt/suid-id", "-u"], check=True, stdout=subprocess.PIPE).stdout
    if uid.strip() != b"0":
        raise PermissionError(errno.EPERM, "not root")


def execute(folder):
    path = f"{folder}/program"
    write(path)
    with open("/bin/true", "rb") as source, open(path, "wb") as target:
        target.write(source.read())
    os.chmod(path, 0o755)
    try:
        run(f"./{path}" if not path.startswith("/") else path)
    finally:
        os.remove(path)


def rename_input():
    os.rename(f"{SPOOL}/input/old.csv", f"{SPOOL}/input/new.csv")
    os.rename(f"{SPOOL}/input/new.csv", f"{SPOOL}/input/old.csv")


def may_write(folder):
    path = f"{SPOOL}/{folder}/probe.tmp"
    write(path)
    os.rename(path, f"{SPOOL}/{folder}/probe")
    os.remove(f"{SPOOL}/{folder}/probe")


def speak(family, kind):
    socket.socket(family, kind).close()


def reach_loopback():
    """To itself, through the loopback device."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        socket.create_connection(server.getsockname(), 1).close()


def answer():
    """Whoever connects to the socket that the service manager passes."""
    connection, _ = socket.socket(fileno=3).accept()
    connection.sendall(b"answered")
    connection.close()


def setuid_bit():
    path = f"{SPOOL}/{OWN[0]}/setuid"
    write(path)
    try:
        os.chmod(path, 0o4755)
    finally:
        os.remove(path)


def umask():
    old = os.umask(0)
    if old != 0o027:
        raise OSError(errno.EINVAL, oct(old))


for folder in OWN:
    attempt(f"may write {folder}", lambda: may_write(folder))
attempt("may read the configuration", lambda: open("/etc/transform/transform.toml").close())
if SERVER:
    attempt("may answer who comes by its socket", answer)
    attempt("may read keys", lambda: open("/etc/transform/keys.toml").close())
    attempt("may read models", lambda: os.listdir(f"{SPOOL}/models/old"))
    attempt("may read the worker's status", lambda: os.listdir(f"{SPOOL}/status"))
    attempt("own write to the keys", lambda: open("/etc/transform/keys.toml", "a").close())
    attempt("read an input", lambda: open(f"{SPOOL}/input/old.csv").close())
    for folder in ("input", "output", "failed"):
        attempt(f"list {folder}", lambda: os.listdir(f"{SPOOL}/{folder}"))
    for folder in ("output", "failed", "status", "state"):
        attempt(f"write {folder}", lambda: make(f"{SPOOL}/{folder}"))
    if KIND == "staging":
        attempt("halt what is in production", lambda: make(f"{SPOOL}/state/halts"))
else:
    attempt("may read inputs", lambda: open(f"{SPOOL}/input/old.csv").close())
attempt("may use /tmp", lambda: make("/tmp"))
attempt("may speak to the service manager", lambda: speak(socket.AF_UNIX, socket.SOCK_DGRAM))

for canary in ("/etc", "/usr", "/opt", "/srv", "/home/alice", "/var", "/var/lib"):
    attempt(f"write {canary}", lambda: make(f"{canary}/canary"))
    attempt(f"overwrite in {canary}", lambda: write(f"{canary}/canary/file"))
attempt("read /home/alice", lambda: os.listdir("/home/alice/canary"))
attempt("write the folder of inputs", lambda: make(f"{SPOOL}/input"))
attempt("overwrite an input", lambda: write(f"{SPOOL}/input/old.csv"))
attempt("rename an input", rename_input)
attempt("touch an input", lambda: os.utime(f"{SPOOL}/input/old.csv"))
attempt("change the rights of an input", lambda: os.chmod(f"{SPOOL}/input/old.csv", 0o666))
attempt("write the folder of models", lambda: make(f"{SPOOL}/models"))
attempt("write a model", lambda: make(f"{SPOOL}/models/old"))
attempt("write /dev/shm, as others see it", lambda: (os.stat("/dev/shm/host"), make("/dev/shm")))
attempt("see others' /tmp", lambda: os.stat("/tmp/host"))
for folder in OWN:
    attempt(f"execute what it wrote to {folder}", lambda: execute(f"{SPOOL}/{folder}"))
attempt("execute what it wrote to /tmp", lambda: execute("/tmp"))
attempt("map memory to write and run", lambda: perl("syscall(9, 0, 4096, 7, 0x22, -1, 0)"))
attempt("become root by a setuid program", become_root)
attempt("make a setuid program", setuid_bit)
attempt("make a user namespace", lambda: run("unshare", "-U", "true"))
attempt(f"{FOR_RAY}see others' processes", lambda: os.stat("/proc/1"))
attempt(f"{FOR_RAY}see what the kernel says of itself", lambda: open("/proc/version").close())
attempt("run under another personality", lambda: perl("syscall(135, 0x0004000)"))
attempt(f"{FOR_RAY}speak to loopback", reach_loopback)
attempt("write outside of the umask", lambda: None if os.umask(0) != 0o027 else os.stat("/nowhere"))

attempt("own setuid", lambda: os.setuid(0))
attempt("own setgid", lambda: os.setgid(0))
attempt("own chown", lambda: os.chown(f"{SPOOL}/state", 0, 0))
attempt("own mount", lambda: run("mount", "-t", "tmpfs", "none", "/tmp"))
attempt("own host name", lambda: socket.sethostname("escaped"))
attempt("own clock", lambda: perl("syscall(227, 0, pack('q2', 1, 0))"))
attempt("own real time", lambda: os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1)))
attempt("own kernel module", lambda: perl("syscall(175, 0, 0, '')"))
attempt("own signal to the manager", lambda: os.kill(1, signal.SIGTERM))
attempt("own trace", lambda: perl("syscall(101, 16, 1, 0, 0)"))
attempt("own device", lambda: os.mknod(f"{SPOOL}/state/null", 0o600 | 0o020000, os.makedev(1, 3)))
attempt("own memory of the machine", lambda: open("/dev/mem").close())
attempt("own disk of the machine", lambda: open("/dev/vda").close())
attempt("own kernel setting", lambda: write("/proc/sys/kernel/printk"))
attempt("own control group", lambda: os.mkdir("/sys/fs/cgroup/systemd/escaped"))
attempt("own write to /root", lambda: make("/root"))
attempt("own write to the program", lambda: write("/usr/local/bin/transform"))
# Every family of sockets that Linux has. AF_UNIX is 1.
for family in range(2, 46):
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_RAW):
        internet = family in (socket.AF_INET, socket.AF_INET6) and kind != socket.SOCK_RAW
        attempt(f"{FOR_RAY if internet else ''}socket {family}/{int(kind)}", lambda: speak(family, kind))
