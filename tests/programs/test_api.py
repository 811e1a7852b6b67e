from __future__ import annotations

import ast
import inspect

import pytest

from vispro_gym.interpreter.guest import runtime
from vispro_gym.interpreter.guest.language import ATTRIBUTES
from vispro_gym.perception.protocol import Perception
from vispro_gym.programs.api import API, DEVIATIONS, Member

FUNCTIONS = [member for member in API if member.kind != "attribute"]


@pytest.mark.parametrize("member", FUNCTIONS, ids=lambda member: member.name)
def test_the_runtime_has_the_signature_of_the_table(member: Member) -> None:
    function = getattr(runtime.ImagePatch, member.name) if member.kind == "method" else runtime.NAMES[member.name]
    declared = ast.parse(f"def f{member.signature}: ...").body[0]
    assert isinstance(declared, ast.FunctionDef)
    names = [argument.arg for argument in declared.args.args]
    assert list(inspect.signature(function).parameters) == (["self"] if member.kind == "method" else []) + names
    defaults = [ast.literal_eval(default) for default in declared.args.defaults]
    assert list(function.__defaults__ or ()) == defaults


def test_every_member_exists_and_nothing_else_does() -> None:
    members = {member.name for member in API}
    assert len(members) == len(API)
    public = {name for name in vars(runtime.ImagePatch) if not name.startswith("_")} | set(runtime.NAMES) - {"ImagePatch"}
    assert public == members


def test_the_static_check_admits_every_member_of_a_patch() -> None:
    assert {member.name for member in API if member.kind != "function"} <= ATTRIBUTES


def test_operations_are_those_of_the_protocol() -> None:
    operations = {name for name in vars(Perception) if not name.startswith("_")} - {"name"}
    assert {member.operation for member in API} - {None} == operations


def test_examples_are_python() -> None:
    for member in API:
        if member.example is not None:
            ast.parse(f"def f():\n    {member.example}")


def test_deviations_name_members_or_what_is_left_out() -> None:
    assert {name for name, *_ in DEVIATIONS} - {member.name for member in API} == {"==", "llm_query"}
