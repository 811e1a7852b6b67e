"""Attacks by modules: of the system, of the library, of the package, and NumPy."""

from __future__ import annotations

from tests.interpreter.attacks.base import Attack, family

_IMPORTS = family(
    "imports",
    "gets hold of a module of the process",
    "\n".join(
        f"--- import {module}\nimport {module}\nreturn str({expression})"
        for module, expression in {
            "os": "os.environ['VISPRO_SESAME']",
            "sys": "sys.modules['__main__'].SESAME",
            "builtins": "builtins.open('@FILE@').read()",
            "io": "io.open('@FILE@').read()",
            "pathlib": "pathlib.Path('@FILE@').read_text()",
            "fileinput": "list(fileinput.input('@FILE@'))",
            "linecache": "linecache.getlines('@FILE@')",
            "importlib": "importlib.import_module('os').environ['VISPRO_SESAME']",
            "posix": "posix.environ[b'VISPRO_SESAME'].decode()",
            "codecs": "codecs.open('@FILE@').read()",
            "tokenize": "tokenize.open('@FILE@').read()",
            "runpy": "runpy.run_path('@FILE@')",
            "os.path": "os.environ['VISPRO_SESAME']",
            "random": "random._os.environ['VISPRO_SESAME']",
            "re": "re.enum.sys.modules['__main__'].SESAME",
            "collections": "collections._sys.modules['__main__'].SESAME",
            "collections.abc": "collections.abc.sys.modules['__main__'].SESAME",
            "functools": "functools.recursive_repr.__globals__['__builtins__']['open']('@FILE@').read()",
            "typing": "typing.sys.modules['__main__'].SESAME",
            "statistics": "statistics.sys.modules['__main__'].SESAME",
            "string": "string._re.enum.sys.modules['__main__'].SESAME",
            "heapq": "heapq.__builtins__['open']('@FILE@').read()",
            "operator": "operator.attrgetter('__self__')(print).open('@FILE@').read()",
            "datetime": "datetime.sys.modules['__main__'].SESAME",
            "json": "json.codecs.builtins.open('@FILE@').read()",
        }.items()
    )
    + r"""
--- star import
from os import *
def execute_command(image):
    return environ['VISPRO_SESAME']
--- star import of an allowed module | 2
from math import *
def execute_command(image):
    return floor(2.5)
--- private name of an allowed module
from collections import _sys
return _sys.modules['__main__'].SESAME
--- module of a module
from re import enum
return enum.sys.modules['__main__'].SESAME
--- relative import
from . import worker
return str(worker)
--- relative import of the parent
from .. import interpreter
return str(interpreter)
--- the package itself
from vispro_gym.interpreter.guest import runtime
return str(runtime)
--- name that imports itself
import math as __import__
import os
return os.environ['VISPRO_SESAME']
--- import in a hidden place
return (lambda: [__import__(m) for m in ['os']])()[0].environ['VISPRO_SESAME']
--- import with a reloader
from importlib import reload, import_module
return import_module('os').environ['VISPRO_SESAME']
--- antigravity and friends
import this, antigravity
return 1
--- greenlet
import greenlet
return str(greenlet.getcurrent().parent)
--- pickle
import pickle
return str(pickle.loads(b"cos\ngetenv\n(S'VISPRO_SESAME'\ntR."))
--- marshal
import marshal, types
return str(marshal.loads(b'c'))
--- numpy load
import numpy as np
return str(np.loadtxt('@FILE@', dtype=str))
--- numpy from a file
import numpy as np
return str(np.fromfile('@FILE@', dtype='uint8').tobytes())
--- numpy memory map
import numpy as np
return str(bytes(np.memmap('@FILE@')))
--- numpy submodule
import numpy as np
return np.os.environ['VISPRO_SESAME']
--- numpy ctypes
import numpy as np
return str(np.ctypeslib.ctypes)
--- numpy strided memory
import numpy as np
return np.lib.stride_tricks.as_strided(np.zeros(1), (10 ** 9,), (8,)).sum()
--- numpy f2py
from numpy.f2py import os
return os.environ['VISPRO_SESAME']
--- numpy apply along
import numpy as np
return str(np.frompyfunc(getattr, 2, 1)(print, '__self__'))
--- numpy save
import numpy as np
np.save('@DROP@', np.zeros(3))
np.savetxt('@DROP@', [1])
return 1
--- numpy object array
import numpy as np
return str(np.array([print], dtype=object)[0].__self__)
--- numpy testing
import numpy as np
return str(np.testing.assert_equal.__globals__)
--- numpy vectorize
import numpy as np
return str(np.vectorize(lambda x: x.__class__)([image]))
""",
)

ATTACKS: list[Attack] = [*_IMPORTS]
