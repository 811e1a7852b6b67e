"""Runs hostile code in processes that are confined as workers are, without any check of the code's source."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vispro_gym.interpreter.guest import confine as module

MEMORY_BYTES = 256 << 20

# The process starts like a worker. `say` reports; `call` makes a system call and returns its result, or the name of the error.
PRELUDE = f"""
import ctypes, errno, gc, json, mmap, os, random, resource, runpy, signal, socket, struct, sys, threading, time
confinement = runpy.run_path({os.fspath(Path(module.__file__))!r})
confine, MEMORY_BYTES = confinement["confine"], {MEMORY_BYTES}
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
path, buffer = ctypes.create_string_buffer(b"/etc/passwd"), ctypes.create_string_buffer(4096)
def say(value):
    os.write(1, json.dumps(value).encode() + b"\\n")
def call(number, *arguments):
    known = {{"path": ctypes.addressof(path), "buffer": ctypes.addressof(buffer), "parent": os.getppid(), "self": os.getpid()}}
    result = libc.syscall(*(ctypes.c_long(known.get(a, a)) for a in (number, *arguments)))
    return result if result != -1 else errno.errorcode[ctypes.get_errno()]
def attempt(function):
    try:
        return repr(function())
    except Exception as error:
        return type(error).__name__
"""

# What a container's seccomp profile does: some system calls fail with an error, the others go through.
PROFILE = """
def profile(refused):
    instruction = lambda code, value, if_true=0, if_false=0: struct.pack("=HBBI", code, if_true, if_false, value)
    program = [instruction(0x20, 0)]
    for number, error in refused:
        program += [instruction(0x15, number, 0, 1), instruction(0x06, 0x50000 | error)]
    program = b"".join([*program, instruction(0x06, 0x7FFF0000)])
    assert libc.prctl(38, *map(ctypes.c_ulong, (1, 0, 0, 0))) == 0
    filter_ = confinement["_Program"](len(program) // 8, program)
    assert libc.prctl(22, ctypes.c_ulong(2), ctypes.byref(filter_)) == 0
"""


@dataclass(frozen=True)
class Ended:
    """What a process said, and how it ended: its exit status, or minus the signal's number."""

    said: list[Any]
    status: int


def run(script: str, *arguments: str) -> Ended:
    """Runs a script after the prelude."""
    done = subprocess.run(
        [sys.executable, "-s", "-S", "-P", "-B", "-c", PRELUDE + script, *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        env={"PYTHONHASHSEED": "0"},
        cwd="/",
        timeout=100,
    )
    assert done.returncode <= 0, done.stderr.decode()
    return Ended([json.loads(line) for line in done.stdout.splitlines()], done.returncode)


# Each system call in a process of its own: they end in different ways.
EACH = """
for number, *arguments in json.loads(sys.argv[1]):
    from_child, to_parent = os.pipe()
    child = os.fork()
    if child == 0:
        os.dup2(to_parent, 1)
        os.close(from_child)
        parent, me = os.getppid(), os.getpid()
        os.getppid, os.getpid = lambda: parent, lambda: me  # they are refused later
        confine(MEMORY_BYTES)
        try:
            say(call(number, *arguments))
        finally:
            os._exit(0)
    os.close(to_parent)
    with os.fdopen(from_child) as pipe:
        said = pipe.read()
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    say(json.loads(said) if said else signal.Signals(-status).name if status < 0 else "left")
"""


def system_calls(calls: list[tuple[int | str, ...]]) -> list[str | int]:
    """Makes each system call in a confined process; returns the result, the error's name or the signal that ended the process."""
    ended = run(EACH, json.dumps(calls))
    assert ended.status == 0 and len(ended.said) == len(calls), ended
    return ended.said


def signal_of(ended: Ended) -> str:
    """Name of the signal that ended a process; empty if none did."""
    return signal.Signals(-ended.status).name if ended.status < 0 else ""


# What native code may try: number on x86_64, on aarch64 (None: no such call), arguments, expected outcome.
KILLED, REFUSED = "SIGSYS", "EPERM"
HOSTILE: dict[str, tuple[int | None, int | None, tuple[int | str, ...], str]] = {
    "openat": (257, 56, (-100, "path", 0), REFUSED),
    "open": (2, None, ("path", 0), REFUSED),
    "openat2": (437, 437, (-100, "path", "buffer", 24), KILLED),
    "open_by_handle_at": (304, 265, (-100, "buffer", 0), KILLED),
    "newfstatat": (262, 79, (-100, "path", "buffer", 0), REFUSED),
    "getdents64": (217, 61, (0, "buffer", 4096), REFUSED),
    "unlinkat": (263, 35, (-100, "path", 0), KILLED),
    "renameat2": (316, 276, (-100, "path", -100, "path", 0), KILLED),
    "fchmodat": (268, 53, (-100, "path", 0), KILLED),
    "socket": (41, 198, (2, 1, 0), KILLED),
    "socketpair": (53, 199, (1, 1, 0, "buffer"), KILLED),
    "connect": (42, 203, (0, "buffer", 16), KILLED),
    "sendmsg": (46, 211, (1, "buffer", 0), KILLED),
    "recvmsg": (47, 212, (0, "buffer", 0), KILLED),
    "clone": (56, 220, (17, 0, 0, 0, 0), KILLED),
    "clone3": (435, 435, ("buffer", 88), KILLED),
    "fork": (57, None, (), KILLED),
    "vfork": (58, None, (), KILLED),
    "execve": (59, 221, ("path", 0, 0), KILLED),
    "execveat": (322, 281, (-100, "path", 0, 0, 0), KILLED),
    "kill": (62, 129, ("parent", 0), KILLED),
    "tgkill": (234, 131, ("parent", "parent", 0), KILLED),
    "tkill": (200, 130, ("parent", 0), KILLED),
    "rt_sigqueueinfo": (129, 138, ("parent", 10, "buffer"), KILLED),
    "pidfd_open": (434, 434, ("parent", 0), KILLED),
    "pidfd_send_signal": (424, 424, (0, 0, 0, 0), KILLED),
    "pidfd_getfd": (438, 438, (0, 0, 0), KILLED),
    "ptrace": (101, 117, (0x4206, "parent", 0, 0), KILLED),
    "process_vm_readv": (310, 270, ("parent", "buffer", 1, "buffer", 1, 0), KILLED),
    "process_vm_writev": (311, 271, ("parent", "buffer", 1, "buffer", 1, 0), KILLED),
    "kcmp": (312, 272, ("parent", "self", 0, 0, 0), KILLED),
    "memfd_create": (319, 279, ("path", 0), KILLED),
    "memfd_secret": (447, 447, (0,), KILLED),
    "io_uring_setup": (425, 425, (1, "buffer"), KILLED),
    "bpf": (321, 280, (0, "buffer", 0), KILLED),
    "userfaultfd": (323, 282, (0,), KILLED),
    "perf_event_open": (298, 241, ("buffer", 0, -1, -1, 0), KILLED),
    "add_key": (248, 217, ("path", "path", 0, 0, -3), KILLED),
    "keyctl": (250, 219, (0, -3, 0), KILLED),
    "unshare": (272, 97, (0x1000_0000,), KILLED),
    "setns": (308, 268, (0, 0), KILLED),
    "mount": (165, 40, ("path", "path", 0, 0, 0), KILLED),
    "chroot": (161, 51, ("path",), KILLED),
    "setuid": (105, 146, (0,), KILLED),
    "setresuid": (117, 147, (0, 0, 0), KILLED),
    "capset": (126, 91, ("buffer", "buffer"), KILLED),
    "personality": (135, 92, (0x0040_0000,), KILLED),
    "seccomp": (317, 277, (0, 0, 0), KILLED),
    "landlock_create_ruleset": (444, 444, (0, 0, 1), KILLED),
    "init_module": (175, 105, ("buffer", 1, "path"), KILLED),
    "reboot": (169, 142, (0, 0, 0, 0), KILLED),
    "shmget": (29, 194, (0, 4096, 0o1777), KILLED),
    "mq_open": (240, 180, ("path", 66, 0o600, 0), KILLED),
    "inotify_init1": (294, 26, (0,), KILLED),
    "setpriority": (141, 140, (0, 0, 0), KILLED),
    "sched_setaffinity": (203, 122, (0, 8, "buffer"), KILLED),
    "rt_sigreturn": (15, 139, (), KILLED),
    "signalfd4": (289, 74, (-1, "buffer", 8, 0), KILLED),
    "timer_create": (222, 107, (0, 0, "buffer"), KILLED),
    "pkey_mprotect": (329, 288, ("buffer", 4096, 7, -1), KILLED),
    "remap_file_pages": (216, 234, ("buffer", 4096, 0, 0, 0), KILLED),
    "sendfile": (40, 71, (1, 0, 0, 1), KILLED),
    "splice": (275, 76, (0, 0, 1, 0, 1, 0), KILLED),
    "readv": (19, 65, (0, "buffer", 1), KILLED),
    "writev": (20, 66, (2, "buffer", 1), KILLED),
    "pread64": (17, 67, (0, "buffer", 1, 0), KILLED),
    "rt_sigaction": (13, 134, (27, "buffer", 0, 8), REFUSED),
    "rt_sigprocmask": (14, 135, (0, "buffer", 0, 8), REFUSED),
    "prctl": (157, 167, (4, 1, 0, 0, 0), REFUSED),
    "prlimit64": (302, 261, (0, 9, "buffer", 0), REFUSED),
    "dup": (32, 23, (0,), REFUSED),
    "fcntl": (72, 25, (0, 0, 0), REFUSED),
    "ioctl": (16, 29, (0, 0x5413, "buffer"), REFUSED),
    "pipe2": (293, 59, ("buffer", 0), REFUSED),
    "nanosleep": (35, 101, ("buffer", 0), REFUSED),
    "getppid": (110, 173, (), REFUSED),
    "madvise": (28, 233, ("buffer", 4096, 4), REFUSED),
    # Calls that are allowed, with arguments that are not.
    "read": (0, 63, (2, "buffer", 1), REFUSED),
    "write": (1, 64, (2, "buffer", 1), REFUSED),
    "mmap": (9, 222, (0, 4096, 7, 0x22, -1, 0), REFUSED),
    "mprotect": (10, 226, (0, 0, 5), REFUSED),
    "mremap": (25, 216, ("buffer", 4096, 4096, 3, 0), REFUSED),
    "futex": (202, 98, ("buffer", 6, 0, 0), REFUSED),
    "setitimer": (38, 103, (0, "buffer", 0), REFUSED),
    "clock_gettime": (228, 113, (-6, "buffer"), REFUSED),
}
