"""The system call filter, interpreted here, so that the filters of all machines are tested on each."""

from __future__ import annotations

import re
import struct
from pathlib import Path

import pytest

from tests.interpreter.native import HOSTILE, KILLED
from vispro_gym.interpreter.guest.confine import ALLOW, ALLOWED, KILL, MACHINES, REFUSE, REFUSED, system_call_filter

HEADERS = {
    "x86_64": [Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"), Path("/usr/include/asm/unistd_64.h")],
    "aarch64": [Path("/usr/include/asm-generic/unistd.h")],
}
MINUS_ONE = 0xFFFF_FFFF_FFFF_FFFF


def answer(machine: str, number: int, *arguments: int, interface: int | None = None) -> int:
    """What the filter answers; the arithmetic is that of the kernel's documentation of classic BPF."""
    program = list(struct.iter_unpack("=HBBI", system_call_filter(machine)))
    padded = [*arguments, *[0] * (6 - len(arguments))]
    data = struct.pack("<IIQ6Q", number, MACHINES[machine][1] if interface is None else interface, 0, *padded)
    at = accumulator = 0
    while True:
        code, if_true, if_false, value = program[at]
        at += 1
        if code == 0x20:
            assert value % 4 == 0
            (accumulator,) = struct.unpack_from("<I", data, value)
        elif code == 0x54:
            accumulator &= value
        elif code == 0x15:
            at += if_true if accumulator == value else if_false
        elif code == 0x35:
            at += if_true if accumulator >= value else if_false
        elif code == 0x06:
            return int(value)
        else:
            raise AssertionError(f"instruction {code:#x} is not known")


def number_of(machine: str, name: str) -> int:
    number = (ALLOWED.get(name) or REFUSED[name])[MACHINES[machine][0]]
    assert isinstance(number, int)
    return number


machines = pytest.mark.parametrize("machine", sorted(MACHINES))

ARGUMENTS = [
    ("read", (0, 1, 1), ALLOW),
    ("read", (1, 1, 1), REFUSE),
    ("read", (2, 1, 1), REFUSE),
    ("read", (3, 1, 1), REFUSE),
    ("read", (MINUS_ONE, 1, 1), REFUSE),
    ("write", (1, 1, 1), ALLOW),
    ("write", (0, 1, 1), REFUSE),
    ("write", (2, 1, 1), REFUSE),
    ("write", (MINUS_ONE, 1, 1), REFUSE),
    ("mmap", (0, 4096, 3, 0x22, MINUS_ONE, 0), ALLOW),
    ("mmap", (0, 4096, 0, 0x4022, MINUS_ONE, 0), ALLOW),
    ("mmap", (0, 4096, 4, 0x22, MINUS_ONE, 0), REFUSE),
    ("mmap", (0, 4096, 5, 0x22, MINUS_ONE, 0), REFUSE),
    ("mmap", (0, 4096, 7, 0x22, MINUS_ONE, 0), REFUSE),
    ("mmap", (0, 4096, 1, 0x02, 0, 0), REFUSE),  # of a file
    ("mmap", (0, 4096, 3, 0x21, MINUS_ONE, 0), REFUSE),  # shared
    ("mmap", (0, 4096, 3, 0x32, MINUS_ONE, 0), REFUSE),  # at a fixed place
    ("mprotect", (0, 4096, 1), ALLOW),
    ("mprotect", (0, 4096, 3), ALLOW),
    ("mprotect", (0, 4096, 4), REFUSE),
    ("mprotect", (0, 4096, 5), REFUSE),
    ("mprotect", (0, 4096, 0x0100_0003), REFUSE),
    ("mremap", (0, 4096, 8192, 1), ALLOW),
    ("mremap", (0, 4096, 8192, 3, 4096), REFUSE),
    ("futex", (0, 0), ALLOW),
    ("futex", (0, 128 | 1), ALLOW),
    ("futex", (0, 256 | 128 | 9), ALLOW),
    ("futex", (0, 6), REFUSE),  # FUTEX_LOCK_PI
    ("futex", (0, 128 | 3), REFUSE),  # FUTEX_REQUEUE
    ("futex", (0, 0x200 | 12), REFUSE),
    ("setitimer", (2, 1, 1), ALLOW),
    ("setitimer", (0, 1, 1), REFUSE),
    ("setitimer", (1, 1, 1), REFUSE),
    ("clock_gettime", (1, 1), ALLOW),
    ("clock_gettime", (2, 1), ALLOW),
    ("clock_gettime", (MINUS_ONE - 5, 1), REFUSE),  # the clock of another process
    ("brk", (0,), ALLOW),
    ("munmap", (0, 4096), ALLOW),
    ("exit_group", (0,), ALLOW),
    ("openat", (0, 1, 0), REFUSE),
    ("rt_sigaction", (27, 1, 0, 8), REFUSE),
    ("rt_sigprocmask", (0, 1, 0, 8), REFUSE),
    ("prctl", (4, 1, 0, 0, 0), REFUSE),
]


@machines
@pytest.mark.parametrize(("name", "arguments", "expected"), ARGUMENTS)
def test_arguments(machine: str, name: str, arguments: tuple[int, ...], expected: int) -> None:
    assert answer(machine, number_of(machine, name), *arguments) == expected


@machines
def test_only_the_calls_of_the_tables_survive(machine: str) -> None:
    column = MACHINES[machine][0]
    allowed = {row[column] for row in ALLOWED.values()}
    refused = {row[column] for row in REFUSED.values()}
    assert not (allowed & refused) - {None}
    for number in range(1024):
        outcome = answer(machine, number, MINUS_ONE, MINUS_ONE, MINUS_ONE, MINUS_ONE)
        assert (outcome != KILL) == (number in allowed | refused), number
        if number in refused:
            assert outcome == REFUSE, number


@machines
@pytest.mark.parametrize("interface", [0x4000_0003, 0x4000_0028, 0xC000_003E, 0xC000_00B7, 0])
def test_other_interfaces_are_closed(machine: str, interface: int) -> None:
    expected = ALLOW if interface == MACHINES[machine][1] else KILL
    assert answer(machine, number_of(machine, "brk"), interface=interface) == expected


@machines
@pytest.mark.parametrize("number", [0x4000_0000, 0x4000_000C, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF])
def test_numbers_of_other_interfaces_are_closed(machine: str, number: int) -> None:
    assert answer(machine, number) == KILL


@machines
def test_hostile_calls(machine: str) -> None:
    column = MACHINES[machine][0]
    pointers = {"path": 0x7F00_0000_0000, "buffer": 0x7F00_0000_1000, "parent": 100, "self": 101}
    for name, (*numbers, arguments, expected) in HOSTILE.items():
        if (number := numbers[column]) is not None:
            values = [pointers[a] if isinstance(a, str) else a & MINUS_ONE for a in arguments]
            assert answer(machine, number, *values) == (KILL if expected == KILLED else REFUSE), name


@machines
def test_numbers_are_those_of_the_system_headers(machine: str) -> None:
    header = next((path for path in HEADERS[machine] if path.exists()), None)
    if header is None:
        pytest.skip(f"the kernel's headers for {machine} are not installed")
    known = {name: int(number) for name, number in re.findall(r"#define __NR(?:3264)?_(\w+)\s+(\d+)", header.read_text())}
    if machine == "aarch64":
        known["newfstatat"] = known["fstatat"]
    column = MACHINES[machine][0]
    for name, row in [*ALLOWED.items(), *REFUSED.items(), *HOSTILE.items()]:
        # Headers may be older than a call; a name that an interface never had must be absent there.
        assert known.get(name, row[column]) == row[column], name
        assert row[column] is not None or name not in known, name
    assert known["seccomp"] == MACHINES[machine][2]
