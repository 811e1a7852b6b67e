"""Attacks on the process and the kernel: files, the parent's memory, processes, sockets, signals, native code."""

from __future__ import annotations

from tests.interpreter.attacks.base import Attack, family

_THEFT = family(
    "files and memory of others",
    "reads a secret out of a file, the environment or the memory of the process that started it",
    r"""
--- open
return open('@FILE@').read()
--- open by os
import os
return os.read(os.open('@FILE@', 0), 100).decode()
--- open relative to a folder
import os
folder = os.open('/', os.O_RDONLY)
return open(os.open('@FILE@', 0, dir_fd=folder)).read()
--- pathlib
from pathlib import Path
return Path('@FILE@').read_text()
--- evaluation
return eval("open('@FILE@').read()")
--- execution
names = {}
exec("x = open('@FILE@').read()", names)
return names['x']
--- compilation
return eval(compile("open('@FILE@').read()", 'x', 'eval'))
--- memory map
import mmap, os
return mmap.mmap(os.open('@FILE@', 0), 0, prot=mmap.PROT_READ)[:].decode()
--- raw file object
import _io
return _io.FileIO('@FILE@').read().decode()
--- loader of files
import importlib.machinery
return importlib.machinery.SourceFileLoader('x', '@FILE@').get_data('@FILE@').decode()
--- database
import sqlite3
return str(sqlite3.connect('@FILE@').execute('select 1').fetchall()) and open('@FILE@').read()
--- environment of this process
import os
return os.environ['VISPRO_SESAME']
--- environment of the parent
return open('/proc/@HOST@/environ', 'rb').read().split(b'VISPRO_SESAME=')[1].split(b'\0')[0].decode()
--- environment of every process
import os
found = []
for number in os.listdir('/proc'):
    try:
        found.append(open(f'/proc/{number}/environ', 'rb').read().decode('latin-1'))
    except OSError: pass
return [text for text in found if 'VISPRO_SESAME' in text][0]
--- memory of the parent
def execute_command(image):
    memory = open('/proc/@HOST@/mem', 'rb', 0)
    for line in open('/proc/@HOST@/maps'):
        bounds, rights, *rest = line.split()
        if 'r' not in rights or rest[-1] in ('[vvar]', '[vsyscall]'):
            continue
        start, end = (int(b, 16) for b in bounds.split('-'))
        try:
            memory.seek(start)
            data = memory.read(min(end - start, 1 << 26))
        except OSError:
            continue
        at = data.find(b'sesame-memory-')
        while at >= 0:
            if data[at + 14:at + 46].isalnum():
                return data[at:at + 46].decode()
            at = data.find(b'sesame-memory-', at + 1)
    return 'none'
--- memory of the parent by a system call
def execute_command(image):
    import ctypes
    libc = ctypes.CDLL(None)
    class Piece(ctypes.Structure):
        _fields_ = [('base', ctypes.c_void_p), ('size', ctypes.c_size_t)]
    for line in open('/proc/@HOST@/maps'):
        bounds, rights, *_ = line.split()
        start, end = (int(b, 16) for b in bounds.split('-'))
        size = min(end - start, 1 << 24)
        buffer = ctypes.create_string_buffer(size)
        here, there = Piece(ctypes.addressof(buffer), size), Piece(start, size)
        libc.process_vm_readv(@HOST@, ctypes.byref(here), 1, ctypes.byref(there), 1, 0)
        at = buffer.raw.find(b'sesame-memory-')
        while at >= 0:
            if buffer.raw[at + 14:at + 46].isalnum():
                return buffer.raw[at:at + 46].decode()
            at = buffer.raw.find(b'sesame-memory-', at + 1)
    return 'none'
--- shell
import os
return os.popen('cat @FILE@').read()
--- subprocess
import subprocess
return subprocess.check_output(['cat', '@FILE@']).decode()
--- fork and pipe
import os
r, w = os.pipe()
if os.fork() == 0:
    os.write(w, open('@FILE@', 'rb').read())
    os._exit(0)
return os.read(r, 100).decode()
--- open by libc
import ctypes
libc = ctypes.CDLL(None)
buffer = ctypes.create_string_buffer(100)
libc.read(libc.open(b'@FILE@', 0), buffer, 100)
return buffer.value.decode()
--- open by a raw system call
import ctypes
libc = ctypes.CDLL(None)
buffer = ctypes.create_string_buffer(100)
libc.read(libc.syscall(257, -100, b'@FILE@', 0), buffer, 100)
return buffer.value.decode()
--- open by another raw system call
import ctypes, struct
libc = ctypes.CDLL(None)
buffer = ctypes.create_string_buffer(100)
how = struct.pack('QQQ', 0, 0, 0)
libc.read(libc.syscall(437, -100, b'@FILE@', how, 24), buffer, 100)
return buffer.value.decode()
--- open by libc's streams
import ctypes
libc = ctypes.CDLL(None)
libc.fopen.restype = ctypes.c_void_p
libc.fgets.argtypes = [ctypes.c_char_p, ctypes.c_int, ctypes.c_void_p]
buffer = ctypes.create_string_buffer(100)
libc.fgets(buffer, 100, libc.fopen(b'@FILE@', b'r'))
return buffer.value.decode()
--- open by a thread
import threading
found = []
thread = threading.Thread(target=lambda: found.append(open('@FILE@').read()))
thread.start()
thread.join()
return found[0]
--- hard link and read
import os
os.link('@FILE@', '@DROP@')
return open('@DROP@').read()
--- password file
return open('/etc/passwd').read()
--- own program file
import sys
return open(sys.argv[0]).read()
--- list of a folder
import os
return open(os.path.join(os.path.dirname('@FILE@'), os.listdir(os.path.dirname('@FILE@'))[0])).read()
""",
    steals=True,
)

_HARM = family(
    "processes, sockets and signals",
    "starts, harms or talks to anything outside, or stays alive",
    r"""
--- writing a file
open('@DROP@', 'w').write('x')
return 1
--- writing by os
import os
os.write(os.open('@DROP@', os.O_CREAT | os.O_WRONLY), b'x')
return 1
--- making a folder
import os
os.mkdir('@DROP@')
return 1
--- making a link
import os
os.symlink('/etc/passwd', '@DROP@')
return 1
--- making a pipe with a name
import os
os.mkfifo('@DROP@')
return 1
--- temporary file
import tempfile
return tempfile.mkdtemp()
--- shell that writes
import os
os.system('touch @DROP@')
return 1
--- removing the secret
import os
os.remove('@FILE@')
return 1
--- emptying the secret
import os
os.truncate('@FILE@', 0)
return 1
--- rights of the secret
import os
os.chmod('@FILE@', 0)
return 1
--- killing the parent
import os
os.kill(@HOST@, 9)
return 1
--- stopping the parent
import os, signal
os.kill(@HOST@, signal.SIGSTOP)
return 1
--- killing the direct parent
import os, signal
os.kill(os.getppid(), signal.SIGKILL)
return 1
--- killing by a raw system call
import ctypes
return ctypes.CDLL(None).syscall(62, @HOST@, 9)
--- killing a thread by a raw system call
import ctypes
return ctypes.CDLL(None).syscall(234, @HOST@, @HOST@, 9)
--- signal by a process descriptor
import os, signal
signal.pidfd_send_signal(os.pidfd_open(@HOST@), 9)
return 1
--- tracing the parent
import ctypes
return ctypes.CDLL(None).ptrace(16, @HOST@, 0, 0)
--- limits of the parent
import resource
resource.prlimit(@HOST@, resource.RLIMIT_CPU, (1, 1))
return 1
--- priority of the parent
import os
os.setpriority(os.PRIO_PROCESS, @HOST@, 19)
return 1
--- fork that stays
import os, time
if os.fork() == 0:
    time.sleep(5)
    open('@DROP@', 'w').write('x')
    os._exit(0)
return 1
--- forks, a few
import os, time
for _ in range(5):
    if os.fork() == 0: time.sleep(5)
return 1
--- new program
import os
os.execv('/bin/sh', ['sh', '-c', 'touch @DROP@'])
--- spawned program
import os
return os.posix_spawn('/bin/touch', ['touch', '@DROP@'], {})
--- multiprocessing
import multiprocessing
multiprocessing.Process(target=open, args=('@DROP@', 'w')).start()
return 1
--- daemon
import os
os.setsid()
if os.fork(): return 1
open('@DROP@', 'w')
--- threads
import threading, time
for _ in range(50): threading.Thread(target=time.sleep, args=(5,)).start()
return 1
--- thread that loops
import _thread
def f():
    while True: pass
_thread.start_new_thread(f, ())
return 1
--- socket
import socket
s = socket.socket()
s.bind(('127.0.0.1', 0))
s.listen()
return s.getsockname()[1]
--- socket of the machine
import socket
s = socket.socket(socket.AF_UNIX)
s.bind('@DROP@')
return 1
--- socket pair
import socket
a, b = socket.socketpair()
a.send(b'x')
return str(b.recv(1))
--- datagram
import socket
return socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', 9))
--- name look-up
import socket
return socket.gethostbyname('localhost')
--- download
import urllib.request
return str(urllib.request.urlopen('http://127.0.0.1:9/').read())
--- signal handler
import signal
signal.signal(signal.SIGPROF, signal.SIG_IGN)
while True: pass
--- all signal handlers
import signal
for s in range(1, 64):
    try: signal.signal(s, signal.SIG_IGN)
    except (OSError, ValueError): pass
while True: pass
--- timer switched off
import signal
signal.setitimer(signal.ITIMER_PROF, 0)
while True: pass
--- signals blocked
import signal
signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 64))
while True: pass
--- timer of an endless time
import signal
while True: signal.setitimer(signal.ITIMER_PROF, 10 ** 6)
--- sleep
import time
time.sleep(3600)
return 1
--- wait without computing
import threading
threading.Event().wait()
--- wait on a closed pipe
import os
while True: os.read(0, 1)
--- select for ever
import select
select.select([], [], [])
--- limits raised
import resource
resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))
open('@DROP@', 'w')
return 1
--- back to root
import os
os.setuid(0)
open('@DROP@', 'w')
return 1
--- new namespaces
import ctypes
ctypes.CDLL(None).unshare(0x10000000)
open('@DROP@', 'w')
return 1
--- mount
import ctypes
ctypes.CDLL(None).mount(b'none', b'/mnt', b'tmpfs', 0, 0)
open('@DROP@', 'w')
return 1
--- executable memory
import mmap
m = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
m.write(b'\xc3')
return 'executable'
--- file in memory
import os
return os.memfd_create('x')
--- asynchronous kernel interface
import ctypes
return ctypes.CDLL(None).syscall(425, 8, ctypes.create_string_buffer(120))
--- programs for the kernel
import ctypes
return ctypes.CDLL(None).syscall(321, 0, 0, 0)
--- segmentation fault
import ctypes
ctypes.string_at(0)
--- abort
import os
os.abort()
--- end of the process
import os
os._exit(0)
--- end of the process with a message
import sys
sys.exit('done')
--- collector of garbage
import gc
return str(gc.get_objects())
--- referrers
import gc
return str(gc.get_referrers(image))
--- finalizers at the end
import atexit
atexit.register(open, '@DROP@', 'w')
return 1
--- trace function
import sys
sys.settrace(lambda *a: open('@DROP@', 'w'))
return 1
--- higher limit of recursion
import sys
sys.setrecursionlimit(10 ** 9)
def f(): return f()
return f()
--- audit hook
import sys
sys.addaudithook(lambda *a: None)
return 1
--- modules patched
import sys
sys.modules['math'] = None
return 1
--- integers changed
import ctypes
ctypes.memmove(id(3) + 24, id(4) + 24, 4)
return 1 + 2
--- refcounts changed
import ctypes
ctypes.pythonapi.Py_DecRef(ctypes.py_object(None))
for _ in range(10 ** 6): ctypes.pythonapi.Py_DecRef(ctypes.py_object(()))
return 1
""",
)

ATTACKS: list[Attack] = [*_THEFT, *_HARM]
