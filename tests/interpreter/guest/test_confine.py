"""What a program can do that has broken out of everything that Python forbids."""

from __future__ import annotations

import json
import os
import sys

import pytest

from tests.interpreter.native import EACH, HOSTILE, KILLED, MEMORY_BYTES, PROFILE, REFUSED, run, signal_of, system_calls
from vispro_gym.interpreter.guest.confine import ACTIVE, MACHINES, NOBODY, REQUIRED, UNAVAILABLE, missing

MACHINE = os.uname().machine
LAYERS = ["user", "capabilities", "privileges", "landlock", "limits", "seccomp"]
ALL_ACTIVE = dict.fromkeys(LAYERS, ACTIVE)

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux") or MACHINE not in MACHINES,
    reason=f"the kernel of {sys.platform} on {MACHINE} has no filter",
)
as_root = pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
column = MACHINES[MACHINE][0] if MACHINE in MACHINES else 0


@pytest.fixture(scope="module")
def outcomes() -> dict[str, str | int]:
    calls = {name: (row[column], *row[2]) for name, row in HOSTILE.items() if row[column] is not None}
    return dict(zip(calls, system_calls(list(calls.values())), strict=True))  # type: ignore[arg-type]


@pytest.mark.parametrize("name", [name for name, row in HOSTILE.items() if row[column] is not None])
def test_system_call(name: str, outcomes: dict[str, str | int]) -> None:
    assert outcomes[name] == HOSTILE[name][3]


@pytest.mark.skipif(MACHINE != "x86_64", reason="other machines have no second interface")
def test_second_interface_of_x86_64() -> None:
    assert system_calls([(0x4000_0000 + 39,), (0x4000_0000 + 12, 0)]) == [KILLED, KILLED]


def test_what_the_worker_needs_goes_through() -> None:
    allowed: list[tuple[str, int, int, tuple[int | str, ...], int]] = [
        ("getrandom", 318, 278, ("buffer", 16, 0), 16),
        ("clock_gettime", 228, 113, (2, "buffer"), 0),
        ("setitimer", 38, 103, (2, "buffer", 0), 0),
        ("sched_yield", 24, 124, (), 0),
        ("write", 1, 64, (1, "buffer", 0), 0),
        ("read", 0, 63, (0, "buffer", 1), 0),
    ]
    calls = [((x86_64, aarch64)[column], *arguments) for _, x86_64, aarch64, arguments, _ in allowed]
    assert system_calls(calls) == [row[-1] for row in allowed]


PYTHON = {
    "open": "open('/etc/passwd')",
    "listdir": "os.listdir('/')",
    "stat": "os.stat('/')",
    "getcwd": "os.getcwd()",
    "pipe": "os.pipe()",
    "dup": "os.dup(1)",
    "sleep": "time.sleep(1)",
    "sigaction": "signal.signal(signal.SIGPROF, signal.SIG_IGN)",
    "sigmask": "signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGPROF})",
    "alarm": "signal.setitimer(signal.ITIMER_REAL, 1)",
    "import": "__import__('sqlite3')",
    "mmap exec": "mmap.mmap(-1, 4096, prot=mmap.PROT_EXEC | mmap.PROT_READ)",
    "mmap shared": "mmap.mmap(-1, 4096)",
    "mmap file": "mmap.mmap(0, 4096, prot=mmap.PROT_READ)",
    "limits": "resource.setrlimit(resource.RLIMIT_CPU, (7200, 7200))",
    "stderr": "os.write(2, b'x')",
    "thread": "threading.Thread(target=int).start()",
    "spawn": "os.posix_spawn('/bin/true', ['true'], {})",
}
PYTHON_KILLED = {
    "fork": "os.fork()",
    "exec": "os.execv('/bin/true', ['true'])",
    "socket": "socket.socket()",
    "socketpair": "socket.socketpair()",
    "kill": "os.kill(parent, 9)",
    "setuid": "os.setuid(0)",
    "memfd": "os.memfd_create('x')",
    "unlink": "os.unlink('/etc/passwd')",
    "abort": "os.abort()",
}


def test_python_level_attempts_raise() -> None:
    script = "confine(MEMORY_BYTES)\nfor code in json.loads(sys.argv[1]): say(attempt(lambda: eval(code)))"
    ended = run(script, json.dumps(list(PYTHON.values())))
    assert ended.status == 0
    results = dict(zip(PYTHON, ended.said, strict=True))
    expected = dict.fromkeys(PYTHON, "PermissionError")
    expected |= {"import": "ModuleNotFoundError", "limits": "ValueError", "thread": "RuntimeError", "alarm": "itimer_error"}
    assert {name: result for name, result in results.items() if result != expected[name]} == {}


@pytest.mark.parametrize("name", sorted(PYTHON_KILLED))
def test_python_level_attempts_are_ended(name: str) -> None:
    ended = run(f"parent = os.getppid()\nconfine(MEMORY_BYTES)\nsay('before')\n{PYTHON_KILLED[name]}\nsay('after')")
    assert (ended.said, signal_of(ended)) == (["before"], KILLED)


def test_no_new_callback_for_native_code() -> None:
    """A library makes callbacks in memory that is writable and executable, or, failing that, in a file in memory."""
    ended = run("confine(MEMORY_BYTES)\nsay(attempt(lambda: [ctypes.CFUNCTYPE(ctypes.c_int)(int) for _ in range(1000)]))")
    assert ended.said == ["MemoryError"] or (ended.said, signal_of(ended)) == ([], KILLED)


class TestMemory:
    @pytest.mark.parametrize(
        "bomb",
        [
            "bytearray(1 << 29)",
            "[bytes(1 << 20) for _ in range(1 << 20)]",
            "'x' * (1 << 40)",
            "[bytes(9000) for _ in range(1 << 30)]",
        ],
    )
    def test_bomb_in_python(self, bomb: str) -> None:
        ended = run(f"confine(MEMORY_BYTES)\nsay(attempt(lambda: {bomb}))\nsay('still here')")
        assert (ended.said, ended.status) == (["MemoryError", "still here"], 0)

    def test_bomb_in_native_code(self) -> None:
        number = {"x86_64": 9, "aarch64": 222}[MACHINE]
        ended = run(
            "confine(MEMORY_BYTES)\n"
            f"pieces = iter(lambda: call({number}, 0, 1 << 20, 3, 0x22, -1, 0), 'ENOMEM')\n"
            "say(sum(1 for _ in pieces))"
        )
        assert ended.status == 0 and 0 < ended.said[0] <= MEMORY_BYTES >> 20


class TestTimer:
    SPIN = "\nsay('spinning')\nwhile True: pass"

    def test_ends_the_process_whatever_it_tries(self) -> None:
        sigaction, sigprocmask = {"x86_64": (13, 14), "aarch64": (134, 135)}[MACHINE]
        ended = run(
            "confine(MEMORY_BYTES)\nsignal.setitimer(signal.ITIMER_PROF, 0.02)\n"
            "buffer[:] = bytes([1] + [0] * 7) * 512\n"  # as a signal action: ignore; as a set of signals: some
            f"say([call({sigaction}, 27, 'buffer', 0, 8), call({sigprocmask}, 0, 'buffer', 0, 8)])"
            "\ntry:\n    while True: pass\nexcept BaseException: say('caught')\nfinally: say('finally')"
        )
        assert (ended.said, signal_of(ended)) == ([[REFUSED, REFUSED]], "SIGPROF")

    @pytest.mark.parametrize(
        "inherited",
        ["signal.signal(signal.SIGPROF, signal.SIG_IGN)", "signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGPROF})"],
    )
    def test_works_whatever_the_parent_had_set(self, inherited: str) -> None:
        ended = run(f"{inherited}\nconfine(MEMORY_BYTES)\nsignal.setitimer(signal.ITIMER_PROF, 0.02){self.SPIN}")
        assert (ended.said, signal_of(ended)) == (["spinning"], "SIGPROF")


def test_memory_that_was_writable_and_executable_is_not_any_more() -> None:
    code = {"x86_64": "c3", "aarch64": "c0035fd6"}[MACHINE]  # return
    ended = run(
        "page = mmap.mmap(-1, mmap.PAGESIZE, prot=7)\n"
        f"page.write(bytes.fromhex({code!r}))\n"
        "function = ctypes.CFUNCTYPE(None)(ctypes.addressof(ctypes.c_char.from_buffer(page)))\n"
        "function()\nsay('before')\nconfine(MEMORY_BYTES)\nfunction()\nsay('after')"
    )
    assert (ended.said, signal_of(ended)) == (["before"], "SIGSEGV")


def test_honest_work_goes_on() -> None:
    ended = run(
        "import collections, statistics\nconfine(MEMORY_BYTES)\n"
        "signal.setitimer(signal.ITIMER_PROF, 60)\n"
        "items = []\nfor i in range(300_000): items.append(str(i))\n"  # grows by mremap
        "big = bytearray()\nfor _ in range(64): big += bytes(1 << 20)\n"
        "del items, big\ngc.collect()\n"
        "def deep(n): return n and deep(n - 1)\n"
        "deep(500)\n"
        "lock = threading.Lock()\nlock.acquire(), lock.acquire(timeout=0.001)\n"
        "assert time.process_time() > 0 and time.monotonic() and time.time() and len(os.urandom(4)) == 4\n"
        "signal.setitimer(signal.ITIMER_PROF, 0)\n"
        "say([json.loads('[1]'), statistics.mean([1, 3]), random.Random(1).random() < 1, os.read(0, 1) == b''])"
    )
    assert (ended.said, ended.status) == ([[[1], 2, True, True]], 0)


class TestUsers:
    STATE = """
fields = {line.split(":")[0]: line.split(":")[1].split() for line in open("/proc/self/status")}
say({name: fields[name] for name in ("Uid", "Gid", "Groups", "NoNewPrivs", "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")})
"""
    # The filter and Landlock would hide the process from itself.
    WITHOUT_FILTER = """
globals_ = confine.__globals__
globals_["_deny_landlock"] = globals_["_filter_system_calls"] = globals_["_limit"] = lambda *_: "left out"
say(confine(MEMORY_BYTES))
"""

    @as_root
    def test_root(self) -> None:
        assert run("say(confine(MEMORY_BYTES))").said == [ALL_ACTIVE]

    @as_root
    def test_nothing_of_root_is_left(self) -> None:
        _, state = run(self.WITHOUT_FILTER + self.STATE).said
        assert state["Uid"] == state["Gid"] == [str(NOBODY)] * 4
        assert (state["Groups"], state["NoNewPrivs"]) == ([], ["1"])
        assert {int(state[name][0], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapAmb")} == {0}

    def test_ordinary_user(self) -> None:
        become = "if os.getuid() == 0: os.setgroups([]), os.setresgid(4321, 4321, 4321), os.setresuid(4321, 4321, 4321)\n"
        ended = run(become + "layers = confine(MEMORY_BYTES)\nsay(layers)\nsay(attempt(lambda: open('/etc/passwd')))\nos.fork()")
        assert ended.said == [ALL_ACTIVE | {"user": "not root"}, "PermissionError"]
        assert signal_of(ended) == KILLED
        assert missing(ended.said[0]) == []

    @as_root
    def test_root_that_may_not_change_users(self) -> None:
        set_by_user = {"x86_64": 117, "aarch64": 147}[MACHINE]  # setresuid
        layers, refused = run(
            f"{PROFILE}\nprofile([({set_by_user}, 1)])\nsay(confine(MEMORY_BYTES))\nsay(attempt(os.listdir))"
        ).said
        assert layers == ALL_ACTIVE | {"user": "[Errno 1] Operation not permitted"}
        assert (missing(layers), refused) == ([], "PermissionError")


class TestContainers:
    """The process is under a filter already, which refuses some of the calls that confinement needs."""

    def confined(self, *refused: tuple[str, int]) -> dict[str, str]:
        column_ = {"x86_64": 0, "aarch64": 1}[MACHINE]
        numbers = {"seccomp": (317, 277), "capset": (126, 91), "landlock_create_ruleset": (444, 444)}
        numbers |= {"landlock_restrict_self": (446, 446), "ptrace": (101, 117), "prlimit64": (302, 261), "setrlimit": (160, 164)}
        pairs = [(numbers[name][column_], error) for name, error in refused]
        ended = run(f"{PROFILE}\nprofile({pairs})\nsay(confine(MEMORY_BYTES))\nsay('alive')")
        assert ended.said[1:] == ["alive"] and ended.status == 0
        layers = ended.said[0]
        if os.getuid() != 0:
            layers["user"] = ACTIVE
        assert isinstance(layers, dict)
        return layers

    def test_filters_stack(self) -> None:
        assert self.confined(("ptrace", 1)) == ALL_ACTIVE

    @pytest.mark.parametrize(
        ("error", "words"), [(1, "Operation not permitted (EPERM)"), (38, "Function not implemented (ENOSYS)")]
    )
    def test_no_filter_allowed(self, error: int, words: str) -> None:
        layers = self.confined(("seccomp", error))
        assert layers == ALL_ACTIVE | {"seccomp": f"seccomp: {words}"}
        assert missing(layers) == [f"seccomp: seccomp: {words}"]

    @pytest.mark.parametrize("error", [1, 38, 95])
    def test_kernel_without_landlock(self, error: int) -> None:
        layers = self.confined(("landlock_create_ruleset", error))
        assert layers.pop("landlock").startswith(UNAVAILABLE)
        assert missing(layers | {"landlock": UNAVAILABLE}) == [] and set(layers.values()) == {ACTIVE}

    def test_landlock_that_cannot_be_used(self) -> None:
        layers = self.confined(("landlock_restrict_self", 1))
        assert missing(layers) == ["landlock: landlock_restrict_self: Operation not permitted (EPERM)"]

    def test_capabilities_that_cannot_be_dropped(self) -> None:
        assert missing(self.confined(("capset", 1))) == ["capabilities: capset: Operation not permitted (EPERM)"]

    def test_limits_that_cannot_be_set(self) -> None:
        (gap,) = missing(self.confined(("prlimit64", 1), ("setrlimit", 1)))
        assert gap.startswith("limits: ")


class TestSingleLayers:
    """Each layer holds where another one is missing."""

    def test_landlock(self) -> None:
        ended = run(
            "confinement['_keep_privileges_down']()\nstate = confinement['_deny_landlock']()\n"
            "def code(function):\n    try: function()\n    except OSError as error: return errno.errorcode[error.errno]\n"
            "say([state, code(lambda: open('/etc/passwd')), code(lambda: os.listdir('/')), code(lambda: open('/tmp/x', 'w'))])"
        )
        if ended.said[0][0].startswith(UNAVAILABLE):
            pytest.skip(ended.said[0][0])
        assert ended.said == [[ACTIVE, "EACCES", "EACCES", "EACCES"]]

    def test_limits(self) -> None:
        ended = run(
            "confinement['_limit'](MEMORY_BYTES)\n"
            "names = ('AS', 'CPU', 'NOFILE', 'FSIZE', 'NPROC', 'CORE', 'MEMLOCK', 'MSGQUEUE')\n"
            "say([resource.getrlimit(getattr(resource, 'RLIMIT_' + name))[1] for name in names])\n"
            "say(attempt(lambda: open('/etc/passwd')))"
        )
        assert ended.said == [[MEMORY_BYTES, 3605, 0, 0, 0, 0, 0, 0], "OSError"]

    def test_stricter_limits_stay(self) -> None:
        ended = run(
            "resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES // 2,) * 2)\n"
            "resource.setrlimit(resource.RLIMIT_CPU, (50, 60))\nsay(confinement['_limit'](MEMORY_BYTES))\n"
            "say([resource.getrlimit(kind)[1] for kind in (resource.RLIMIT_AS, resource.RLIMIT_CPU)])"
        )
        assert ended.said == [ACTIVE, [MEMORY_BYTES // 2, 60]]


class TestReport:
    def test_missing(self) -> None:
        assert missing(ALL_ACTIVE) == []
        assert missing({}) == [f"{name}: not reported" for name in (*REQUIRED, "landlock")]
        assert missing(ALL_ACTIVE | {"landlock": UNAVAILABLE + "no", "user": "not root"}) == []
        assert missing(ALL_ACTIVE | {"seccomp": UNAVAILABLE + "no"}) == [f"seccomp: {UNAVAILABLE}no"]

    @pytest.mark.parametrize("machine", ["riscv64", "i686"])
    def test_unknown_machine(self, machine: str) -> None:
        layers = run(f"os.uname = lambda: type('', (), {{'machine': {machine!r}}})\nsay(confine(MEMORY_BYTES))").said[0]
        assert layers["seccomp"].startswith(UNAVAILABLE) and machine in layers["seccomp"]
        assert len(missing(layers)) == 1

    def test_other_systems_have_limits_only(self) -> None:
        layers = run("sys.platform = 'darwin'\nsay(confine(MEMORY_BYTES))").said[0]
        assert layers.pop("limits") == ACTIVE
        assert all(state.startswith(UNAVAILABLE) for state in layers.values()) and len(layers) == len(LAYERS) - 1


def test_outcomes_are_the_work_of_confinement() -> None:
    """Without it the same system calls go through."""
    calls = [(HOSTILE[name][column], *HOSTILE[name][2]) for name in ("openat", "getppid", "dup", "memfd_create", "socket")]
    ended = run(EACH.replace("confine(MEMORY_BYTES)", "pass"), json.dumps(calls))
    assert all(isinstance(result, int) for result in ended.said) and len(ended.said) == len(calls)
