"""Takes away from the calling process what the kernel lets it give up: files, network, other processes, new code, more memory.

The second of two independent layers. It assumes that the first one has failed and that a program runs native code of its
choice: what such a program can still reach is the memory of its own process, its two pipes and the processor.

The worker calls `confine` once, after all its imports and before it sees the first program. Nothing can be undone afterwards,
by anyone. This module needs the standard library only, so that it can be run where no package is installed.

The order matters. The user changes first, because that needs capabilities; capabilities go next; the flags follow, because a
change of user or capabilities resets one of them; Landlock needs a file descriptor, so it precedes the limits; the system
call filter forbids all of these steps and therefore is last.
"""

from __future__ import annotations

import ctypes
import errno
import os
import resource
import signal
import struct
import sys
from collections.abc import Callable

ACTIVE = "active"
UNAVAILABLE = "unavailable: "
REQUIRED = ("limits", "privileges", "capabilities", "seccomp")

NOBODY = 65_534
# The parent ends a worker that overstays, and `ITIMER_PROF` a program; this bound is for a worker whose parent was killed
# while a hostile program kept it from noticing. No honest worker comes near, and if one does, its programs run again.
LIFETIME_CPU_SECONDS = 3_600

# What a filter answers.
KILL, REFUSE, ALLOW = 0x8000_0000, 0x0005_0000 | errno.EPERM, 0x7FFF_0000

# A test of one argument of a system call: (its position, the bits that count, what they may be).
Test = tuple[int, int, tuple[int, ...]]

_ALL = 0xFFFF_FFFF
_NOT_EXECUTABLE: Test = (2, _ALL, (0, 1, 3))  # nothing, read, read and write
_PRIVATE_ANONYMOUS: Test = (3, _ALL, (0x22, 0x4022))  # no file; with or without MAP_NORESERVE

# System calls that go through if all tests hold and are refused if not: number on x86_64, on aarch64, tests.
ALLOWED: dict[str, tuple[int | None, int | None, tuple[Test, ...]]] = {
    "read": (0, 63, ((0, _ALL, (0,)),)),
    "write": (1, 64, ((0, _ALL, (1,)),)),
    "setitimer": (38, 103, ((0, _ALL, (2,)),)),  # ITIMER_PROF, whose signal ends the process; the others are of no use
    "clock_gettime": (228, 113, ((0, _ALL, tuple(range(8))),)),  # clocks of other processes have other numbers
    "mmap": (9, 222, (_NOT_EXECUTABLE, _PRIVATE_ANONYMOUS)),
    "mprotect": (10, 226, (_NOT_EXECUTABLE,)),
    "mremap": (25, 216, ((3, _ALL, (0, 1)),)),  # at most MREMAP_MAYMOVE
    "munmap": (11, 215, ()),
    "brk": (12, 214, ()),
    "futex": (202, 98, ((1, 0x7F, (0, 1, 9, 10)),)),  # wait and wake, with and without bits; the rest has a long record of holes
    "gettimeofday": (96, 169, ()),
    "time": (201, None, ()),
    "getrandom": (318, 278, ()),
    "sched_yield": (24, 124, ()),
    "restart_syscall": (219, 128, ()),
    "exit": (60, 93, ()),
    "exit_group": (231, 94, ()),
}

# System calls that an honest program may cause by accident, by way of CPython or the C library: refused, with EPERM. All others
# end the process. `rt_sigaction` and `rt_sigprocmask` are here so that nobody can ignore or block SIGPROF. `rt_sigreturn` is
# not: with a forged frame it blocks signals, too, and no handler is in force that would have to return.
REFUSED: dict[str, tuple[int | None, int | None]] = {
    "open": (2, None),
    "openat": (257, 56),
    "close": (3, 57),
    "stat": (4, None),
    "fstat": (5, 80),
    "lstat": (6, None),
    "newfstatat": (262, 79),
    "statx": (332, 291),
    "access": (21, None),
    "faccessat": (269, 48),
    "faccessat2": (439, 439),
    "readlink": (89, None),
    "readlinkat": (267, 78),
    "getcwd": (79, 17),
    "getdents64": (217, 61),
    "lseek": (8, 62),
    "ioctl": (16, 29),
    "fcntl": (72, 25),
    "poll": (7, None),
    "ppoll": (271, 73),
    "select": (23, None),
    "pselect6": (270, 72),
    "dup": (32, 23),
    "dup2": (33, None),
    "dup3": (292, 24),
    "pipe": (22, None),
    "pipe2": (293, 59),
    "epoll_create1": (291, 20),
    "nanosleep": (35, 101),
    "clock_nanosleep": (230, 115),
    "clock_getres": (229, 114),
    "rt_sigaction": (13, 134),
    "rt_sigprocmask": (14, 135),
    "sigaltstack": (131, 132),
    "prctl": (157, 167),
    "getrlimit": (97, 163),
    "setrlimit": (160, 164),
    "prlimit64": (302, 261),
    "getrusage": (98, 165),
    "madvise": (28, 233),
    "membarrier": (324, 283),
    "sysinfo": (99, 179),
    "uname": (63, 160),
    "getpid": (39, 172),
    "gettid": (186, 178),
    "getppid": (110, 173),
    "getuid": (102, 174),
    "geteuid": (107, 175),
    "getgid": (104, 176),
    "getegid": (108, 177),
    "sched_getaffinity": (204, 123),
    "times": (100, 153),
    "getitimer": (36, 102),
}

# Per machine: its column in the tables above, the kernel's name for its system call interface, the number of `seccomp`.
MACHINES = {"x86_64": (0, 0xC000_003E, 317), "aarch64": (1, 0xC000_00B7, 277)}

_LOAD, _AND, _JUMP_EQUAL, _JUMP_AT_LEAST, _RETURN = 0x20, 0x54, 0x15, 0x35, 0x06
_X32 = 0x4000_0000  # set in the numbers of a second interface that x86_64 kernels offer


def system_call_filter(machine: str) -> bytes:
    """The filter as a program of classic BPF: instructions of 8 bytes that inspect number and arguments of a system call."""
    column, interface, _ = MACHINES[machine]

    def instruction(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
        return struct.pack("=HBBI", code, if_true, if_false, value)

    def load_argument(position: int) -> bytes:
        return instruction(_LOAD, 16 + 8 * position)  # its lower half; no call in the table looks at the upper one

    program = [
        instruction(_LOAD, 4),
        instruction(_JUMP_EQUAL, interface, 1),
        instruction(_RETURN, KILL),
        instruction(_LOAD, 0),
        instruction(_JUMP_AT_LEAST, _X32, 0, 1),
        instruction(_RETURN, KILL),
    ]
    for *numbers, tests in ALLOWED.values():
        number = numbers[column]
        if number is None:
            continue
        body = []
        for position, mask, values in tests:
            body += [load_argument(position), instruction(_AND, mask)]
            body += [instruction(_JUMP_EQUAL, value, len(values) - i) for i, value in enumerate(values)]
            body += [instruction(_RETURN, REFUSE)]
        body += [instruction(_RETURN, ALLOW)]
        program += [instruction(_JUMP_EQUAL, number, 0, len(body)), *body]
    for pair in REFUSED.values():
        if (number := pair[column]) is not None:
            program += [instruction(_JUMP_EQUAL, number, 0, 1), instruction(_RETURN, REFUSE)]
    program.append(instruction(_RETURN, KILL))
    return b"".join(program)


def confine(memory_bytes: int) -> dict[str, str]:
    """Confines the calling process for the rest of its life. Call it from the main thread, when there is no other thread.

    Layers are applied as far as the system allows; one that cannot be applied keeps none of the others from being applied.

    Args:
        memory_bytes: Largest size of the address space.

    Returns:
        For every layer `"active"`, or why it is not. A reason that begins with `"unavailable: "` says that the system has no
        such thing.
    """
    steps: dict[str, Callable[[], str]] = {
        "user": _leave_root,
        "capabilities": _drop_capabilities,
        "privileges": _keep_privileges_down,
        "landlock": _deny_landlock,
        "limits": lambda: _limit(memory_bytes),
        "seccomp": _filter_system_calls,
    }
    _restore_signals()
    layers = {}
    for name, step in steps.items():
        if name != "limits" and not sys.platform.startswith("linux"):
            layers[name] = UNAVAILABLE + "only Linux has it"
            continue
        try:
            layers[name] = step()
        except (OSError, ValueError, AttributeError) as error:  # AttributeError: this C library lacks a function
            layers[name] = str(error) or type(error).__name__
    return layers


def missing(layers: dict[str, str]) -> list[str]:
    """What full confinement needs and `confine` did not bring about: for each such layer its name and the reason.

    Landlock is needed where the kernel offers it.
    """
    needed = {name: layers.get(name, "not reported") for name in (*REQUIRED, "landlock")}
    if needed["landlock"].startswith(UNAVAILABLE):
        del needed["landlock"]
    return [f"{name}: {state}" for name, state in needed.items() if state != ACTIVE]


def _restore_signals() -> None:
    """Makes the signals that end the process end it, whatever the parent had ignored or blocked when it started this one."""
    for number in (signal.SIGPROF, signal.SIGXCPU, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def _libc() -> ctypes.CDLL:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long
    return libc


def _check(result: int, what: str) -> int:
    """The result of a function of the C library; raises OSError where it says failure."""
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(f"{what}: {os.strerror(code)} ({errno.errorcode.get(code, code)})")
    return result


def _prctl(option: int, value: int = 0, value2: int = 0) -> int:
    more = (ctypes.c_ulong(n) for n in (value, value2, 0, 0))
    return int(_libc().prctl(ctypes.c_int(option), *more))


def _leave_root() -> str:
    """Becomes the user `nobody`."""
    for capability in range(64):
        _prctl(24, capability)  # PR_CAPBSET_DROP; fails without harm where not permitted: PR_SET_NO_NEW_PRIVS does the same
    if 0 not in (*os.getresuid(), *os.getresgid()):
        return "not root"
    kept = ""
    try:
        os.setgroups([])
    except OSError as error:  # some user namespaces forbid it
        kept = f"the supplementary groups are kept: {error}"
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)
    return kept or ACTIVE


def _drop_capabilities() -> str:
    """Gives up every capability."""
    libc = _libc()
    _prctl(47, 4)  # PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL; old kernels lack it, and have no such set
    # The third version of this structure; the calling thread.
    header = ctypes.create_string_buffer(struct.pack("=Ii", 0x2008_0522, 0), 8)
    _check(libc.capset(header, bytes(24)), "capset")
    held = ctypes.create_string_buffer(24)
    _check(libc.capget(header, held), "capget")
    return ACTIVE if not any(held.raw) else f"capabilities are left: {held.raw.hex()}"


def _keep_privileges_down() -> str:
    """Nothing that is started can have more privileges, no process of this user can look inside, no data can be run as code."""
    _check(_prctl(38, 1), "PR_SET_NO_NEW_PRIVS")
    _check(_prctl(4, 0), "PR_SET_DUMPABLE")
    _forbid_writable_code()
    return ACTIVE


def _forbid_writable_code() -> None:
    """Makes memory that is writable and executable, which libraries such as libffi may have made, no longer executable.

    The system call filter sees to it that there will be no more.
    """
    libc = _libc()
    read_implies_execute = 0x0040_0000
    persona = libc.personality(ctypes.c_ulong(0xFFFF_FFFF))
    if persona & read_implies_execute:
        _check(libc.personality(ctypes.c_ulong(persona & ~read_implies_execute)), "personality")
    try:
        with open("/proc/self/maps") as file:
            lines = file.readlines()
    except FileNotFoundError:  # no /proc here
        return
    for line in lines:
        extent, flags = line.split()[:2]
        if "w" in flags and "x" in flags:
            start, end = (int(part, 16) for part in extent.split("-"))
            _check(libc.mprotect(ctypes.c_void_p(start), ctypes.c_size_t(end - start), 3), "mprotect")


def _deny_landlock() -> str:
    """Denies every kind of access that the kernel's Landlock knows: files, TCP, abstract sockets, signals to others."""
    libc = _libc()
    version = libc.syscall(ctypes.c_long(444), None, ctypes.c_size_t(0), ctypes.c_uint(1))  # landlock_create_ruleset
    if version < 1:
        return UNAVAILABLE + f"not in this kernel ({os.strerror(ctypes.get_errno())})"
    files = (1 << 13) - 1
    for since, bit in ((2, 13), (3, 14), (5, 15)):  # refer, truncate, ioctl on devices
        files |= (1 << bit) * (version >= since)
    words = [files]
    if version >= 4:
        words.append(0b11)  # TCP: bind, connect
    if version >= 6:
        words.append(0b11)  # scopes: abstract sockets, signals
    ruleset = struct.pack(f"={len(words)}Q", *words)
    size = ctypes.c_size_t(len(ruleset))
    descriptor = _check(libc.syscall(ctypes.c_long(444), ruleset, size, ctypes.c_uint(0)), "landlock_create_ruleset")
    try:
        _check(libc.syscall(ctypes.c_long(446), ctypes.c_int(descriptor), ctypes.c_uint(0)), "landlock_restrict_self")
    finally:
        os.close(descriptor)
    return ACTIVE


def _limit(memory_bytes: int) -> str:
    """Bounds memory and the rest: no new descriptors, no growing files, no processes, no core dumps."""
    bounds = {
        "RLIMIT_AS": (memory_bytes, memory_bytes),
        "RLIMIT_CPU": (LIFETIME_CPU_SECONDS, LIFETIME_CPU_SECONDS + 5),  # SIGXCPU, then SIGKILL
        **dict.fromkeys(("RLIMIT_NOFILE", "RLIMIT_FSIZE", "RLIMIT_NPROC", "RLIMIT_CORE"), (0, 0)),
        **dict.fromkeys(("RLIMIT_MEMLOCK", "RLIMIT_MSGQUEUE"), (0, 0)),
    }
    failures = []
    for name, wanted in bounds.items():
        kind = getattr(resource, name, None)
        if kind is None:  # not known to this system
            continue
        in_force = resource.getrlimit(kind)[1]
        soft, hard = (bound if in_force == resource.RLIM_INFINITY else min(bound, in_force) for bound in wanted)
        try:
            resource.setrlimit(kind, (soft, hard))
        except (ValueError, OSError) as error:
            failures.append(f"{name}: {error}")
    return "; ".join(failures) or ACTIVE


class _Program(ctypes.Structure):
    """`struct sock_fprog`."""

    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def _filter_system_calls() -> str:
    """Leaves only the system calls of the tables above."""
    machine = os.uname().machine
    if machine not in MACHINES or sys.maxsize < 2**32:
        bits = 64 if sys.maxsize > 2**32 else 32
        return UNAVAILABLE + f"expected a 64-bit Python on {' or '.join(MACHINES)}, this is {bits}-bit on {machine}"
    libc = _libc()
    filter_ = system_call_filter(machine)
    program = _Program(len(filter_) // 8, filter_)
    number = ctypes.c_long(MACHINES[machine][2])
    # SECCOMP_SET_MODE_FILTER; with SECCOMP_FILTER_FLAG_TSYNC, so that no other thread, should there be one, stays outside.
    left_out = libc.syscall(number, ctypes.c_uint(1), ctypes.c_uint(1), ctypes.byref(program))
    return ACTIVE if _check(left_out, "seccomp") == 0 else f"thread {left_out} cannot be confined"
