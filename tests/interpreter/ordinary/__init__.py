"""Ordinary programs, as language models write them, by a name."""

from tests.interpreter.ordinary import control, errors, exceptions, functions, idioms, modules, questions, text, values

PROGRAMS: dict[str, str] = {
    f"{module.__name__.rpartition('.')[2]}, {name}": source
    for module in (questions, functions, idioms, values, control, exceptions, errors, text, modules)
    for family, programs in vars(module).items()
    if family.isupper()
    for name, source in programs.items()
}
