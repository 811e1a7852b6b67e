"""What can be wrong is told at once and says how to mend it; what the results depend on is in the identity."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import huggingface_hub
import pytest
import torch
from transformers.utils import is_torchvision_available

from tests.perception.transformers.tiny_models import picture, write
from vispro_gym.perception.protocol import Answer, BackendError, Detect, Identified, PerceptionError, Similarity, Verify
from vispro_gym.perception.transformers import TransformersPerception

IMAGE = picture(1, 64, 48)
WHOLE = (0, 0, 64, 48)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"preset": "heavy"}, "preset='heavy' is unknown. Expected one of: 'viunit', 'light'."),
        ({"dtype": "int8"}, "dtype='int8' is unknown"),
        ({"verify": "guess"}, "verify='guess' is unknown"),
        ({"device": "gpu"}, "device='gpu' is unknown. Expected 'auto', 'cpu'"),
        ({"device": "meta"}, "device='meta' is not supported"),
        ({"batch_size": 0}, "batch_size=0 is out of range. Expected a whole number of at least 1."),
        ({"batch_size": True}, "batch_size=True"),
        ({"max_boxes": 2.5}, "max_boxes=2.5 is out of range"),
        ({"box_threshold": 20}, "box_threshold=20 is out of range. Expected a number from 0 to 1."),
        ({"verify_threshold": "0.8"}, "verify_threshold='0.8' is out of range"),
        ({"detector": ""}, "detector='' is not a model"),
    ],
)
def test_options_that_are_not_expected(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        TransformersPerception(**options)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_device_that_is_not_there() -> None:
    with pytest.raises(BackendError, match=r"device='cuda' asks for a GPU .* has none. Use device='cpu' or 'auto'"):
        TransformersPerception(device="cuda")


@pytest.mark.parametrize("library", ["torch", "transformers"])
def test_a_library_that_is_not_there(monkeypatch: pytest.MonkeyPatch, library: str) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(BackendError, match=rf"(?s){library}.*pip install 'vispro-gym\[vision\]'"):
        TransformersPerception()


def test_a_model_that_is_not_in_the_cache() -> None:
    with pytest.raises(BackendError, match=r"detector 'nobody/nothing' is neither in the cache .*hf download nobody/nothing"):
        TransformersPerception(detector="nobody/nothing", device="cpu")


def test_folders_that_are_no_models(make: Any, tmp_path: Path) -> None:
    with pytest.raises(BackendError, match=r"detector='.*missing' is no folder"):
        TransformersPerception(detector=str(tmp_path / "missing"))
    with pytest.raises(BackendError, match=r"detector='.*' has no config.json"):
        TransformersPerception(detector=str(tmp_path))
    (tmp_path / "config.json").write_text('{"model_type": "of-next-year"}')
    with pytest.raises(BackendError, match="not one that transformers .* understands"):
        TransformersPerception(detector=str(tmp_path))
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(BackendError, match=re.escape(str(tmp_path))):
        TransformersPerception(detector=str(tmp_path))


@pytest.mark.parametrize(
    ("models", "message"),
    [
        ({"detector": "clip"}, "is a model of type 'clip'. As detector this backend takes Grounding DINO,"),
        ({"answerer": "dino"}, "is a model of type 'grounding-dino'. As answerer this backend takes ViLT, BLIP-2,"),
        ({"matcher": "owlv2"}, "is a model of type 'owlv2'. As matcher this backend takes CLIP or SigLIP."),
        ({"depth": "vilt"}, "is a model of type 'vilt'. As depth this backend takes Depth Anything or DPT."),
    ],
)
def test_models_that_are_for_something_else(make: Any, models: dict[str, str], message: str) -> None:
    with pytest.raises(BackendError, match=re.escape(message)):
        make(**models)


def test_a_dpt_that_does_not_say_what_it_tells(make: Any, model: Any, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "dpt", "backbone_config": {"model_type": "dinov2"}}')
    with pytest.raises(BackendError, match="whether it tells distances or their inverse"):
        TransformersPerception(
            detector=model("dino"), answerer=model("vilt"), matcher=model("clip"), depth=str(tmp_path), device="cpu"
        )


def test_weights_that_are_missing_are_told_when_they_are_needed(make: Any, model: Any, tmp_path: Path) -> None:
    asked = [Answer(IMAGE, WHOLE, "is it red?")]
    with pytest.raises(BackendError, match=r"no trained weights for \d+ of the tensors that ViltForQuestionAnswering needs"):
        make(answerer="vilt_untrained").answer(asked)
    with pytest.raises(BackendError, match="has no chat template"):
        make(answerer="llava_silent").answer(asked)
    shutil.copy(Path(model("clip")) / "config.json", tmp_path)
    perception = TransformersPerception(
        detector=model("dino"), answerer=model("vilt"), matcher=str(tmp_path), depth=model("depth"), device="cpu"
    )
    with pytest.raises(BackendError, match="cannot be loaded: .* Check the files of the folder"):
        perception.similarity([Similarity(IMAGE, WHOLE, ("a",))])
    assert perception.forward_passes["similarity"] == 0


@pytest.mark.skipif(is_torchvision_available(), reason="torchvision is installed")
def test_a_model_whose_processor_needs_torchvision(make: Any) -> None:
    with pytest.raises(BackendError, match=r"(?s)answerer '.*qwen' needs something .*pip install torchvision"):
        make(answerer="qwen").answer([Answer(IMAGE, WHOLE, "is it red?")])


def test_old_files_of_blip_that_leave_no_place_for_the_picture(make: Any, tmp_path: Path) -> None:
    folder = write("blip2_t5", tmp_path / "blip")
    path = folder / "processor_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "num_query_tokens": None}))
    perception = make()
    perception = TransformersPerception(**{**perception.options.models, "answerer": str(folder)}, device="cpu")
    with pytest.raises(BackendError, match="makes 0 places for the picture where the model needs 4"):
        perception.answer([Answer(IMAGE, WHOLE, "is it red?")])


def test_requests_that_cannot_be_served_do_not_stop_the_others(make: Any) -> None:
    perception = make(answerer="llava", box_threshold=0.0)
    good, marked, long = perception.answer(
        [Answer(IMAGE, WHOLE, text) for text in ("is it red?", "<image> is it <|im_end|>?", "very " * 300)]
    )
    assert isinstance(good, str)
    assert isinstance(marked, PerceptionError) and "which the model reserves. Leave it out." in str(marked)
    assert isinstance(long, PerceptionError) and "tokens" in str(long) and "reads at most 256" in str(long)
    # The detector has too few candidates there; ViLT has no patches.
    narrow, other = perception.detect([Detect(IMAGE, box, "cup") for box in ((0, 0, 64, 1), WHOLE)])
    assert isinstance(narrow, PerceptionError) and "part of 64 by 1 pixels" in str(narrow) and len(other) == 10
    narrow, other = make().answer([Answer(IMAGE, box, "is it red?") for box in ((0, 0, 64, 1), WHOLE)])
    assert isinstance(narrow, PerceptionError) and "part of 64 by 1 pixels" in str(narrow) and isinstance(other, str)
    told = perception.similarity([Similarity(IMAGE, WHOLE, ("cup", "x" * 40)), Similarity(IMAGE, WHOLE, ())])
    assert isinstance(told[0], PerceptionError) and "reads at most 32" in str(told[0]) and told[1] == []
    assert isinstance(perception.verify([Verify(IMAGE, WHOLE, "x" * 3000, "red")])[0], PerceptionError)


@pytest.mark.parametrize("name", ["dino", "owlv2"])
def test_phrases_that_are_too_long(make: Any, name: str) -> None:
    refused, found = make(detector=name, box_threshold=0.0).detect([Detect(IMAGE, WHOLE, "q" * 90), Detect(IMAGE, WHOLE, "cup")])
    assert isinstance(refused, PerceptionError) and "reads at most" in str(refused) and found


def test_each_operation_has_an_identity_of_its_own(make: Any) -> None:
    first = make()
    assert isinstance(first, Identified)
    known = {name: first.identity(name) for name in ("detect", "verify", "answer", "similarity", "depth", "relate")}
    assert len(set(known.values())) == 6
    changes: dict[str, tuple[dict[str, Any], set[str]]] = {
        "answerer": ({"answerer": "blip2_t5"}, {"answer", "relate"}),
        "detector": ({"detector": "owlv2"}, {"detect", "relate"}),
        "boxes": ({"max_boxes": 3}, {"detect", "relate"}),
        "threshold": ({"verify_threshold": 0.7}, {"verify"}),
        "verify": ({"verify": "question"}, {"verify"}),
        "batches": ({"batch_size": 2}, set()),
        "dtype": ({"dtype": "bfloat16"}, set(known)),
    }
    for options, changed in changes.values():
        other = make(**options)
        assert {name for name, text in known.items() if other.identity(name) != text} == changed
    with pytest.raises(ValueError, match="operation='guess' is unknown"):
        first.identity("guess")


def test_a_changed_file_changes_the_identity_until_the_model_is_loaded(make: Any, tmp_path: Path) -> None:
    models = make().options.models

    def fresh() -> TransformersPerception:
        return TransformersPerception(**{**models, "matcher": str(folder)}, device="cpu")

    folder = write("clip", tmp_path / "clip")
    elsewhere = shutil.copytree(folder, tmp_path / "copy")
    perception = fresh()
    before = perception.identity("similarity")
    other = TransformersPerception(**{**models, "matcher": str(elsewhere)}, device="cpu")
    assert other.identity("similarity") == before, "a copy of a model is the same model"
    path = folder / "tokenizer_config.json"
    text = path.read_text()
    path.write_text(text + " ")
    os.utime(path, ns=(1, 1))
    changed = perception.identity("similarity")
    assert changed != before
    perception.similarity([Similarity(IMAGE, WHOLE, ("cup",))])
    path.write_text(text)
    assert perception.identity("similarity") == changed, "what is loaded stays"
    assert fresh().identity("similarity") == before


def test_bfloat16_is_near(make: Any) -> None:
    asked = [Similarity(IMAGE, WHOLE, ("cup", "dog"))]
    exact, rough = make().similarity(asked)[0], make(dtype="bfloat16").similarity(asked)[0]
    assert exact != rough and exact == pytest.approx(rough, abs=0.1)


def test_hub_models_are_identified_by_their_commit(model: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commit = "0123456789abcdef0123456789abcdef01234567"
    repository = tmp_path / "models--someone--clip"
    shutil.copytree(model("clip"), repository / "snapshots" / commit)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(commit)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    others = {"detector": model("dino"), "answerer": model("vilt"), "depth": model("depth")}
    perception = TransformersPerception(matcher="someone/clip", device="cpu", **others)
    assert json.loads(perception.identity("similarity"))["model"] == f"someone/clip@{commit}"
    # What is loaded is what was named, whatever the name stands for by then.
    (repository / "refs" / "main").write_text("f" * 40)
    asked = [Similarity(IMAGE, WHOLE, ("a", "b"))]
    local = TransformersPerception(matcher=model("clip"), device="cpu", **others)
    assert perception.similarity(asked) == local.similarity(asked)


def test_importing_the_backend_imports_no_models() -> None:
    script = "import sys; from vispro_gym.perception.transformers import TransformersPerception; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


@pytest.mark.parametrize(("role", "name", "request_"), [("matcher", "clip", "similarity"), ("answerer", "blip2_opt", "answer")])
def test_a_processor_that_fails_on_every_picture_is_no_fault_of_programs(
    make: Any, tmp_path: Path, role: str, name: str, request_: str
) -> None:
    folder = write(name, tmp_path / name)
    path = folder / "processor_config.json"
    config = json.loads(path.read_text())
    config["image_processor"]["image_mean"] = [0.5, 0.5]
    path.write_text(json.dumps(config))
    perception = TransformersPerception(**{**make().options.models, role: str(folder)}, device="cpu")
    asked = Similarity(IMAGE, WHOLE, ("a",)) if request_ == "similarity" else Answer(IMAGE, WHOLE, "is it red?")
    with pytest.raises(BackendError, match="cannot prepare even a plain grey picture"):
        getattr(perception, request_)([asked])


def test_models_that_are_not_named_are_those_of_the_preset(model: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    named = TransformersPerception(matcher=model("clip"), device="cpu")
    assert named.similarity([Similarity(IMAGE, WHOLE, ("a",))])[0]
    for ask in (lambda: named.identity("detect"), lambda: named.answer([Answer(IMAGE, WHOLE, "is it red?")])):
        with pytest.raises(BackendError, match="neither in the cache nor could it be fetched.*hf download"):
            ask()
    with pytest.raises(BackendError, match="neither in the cache nor could it be fetched"):
        TransformersPerception(device="cpu")


def test_a_weights_file_that_was_cut_short(model: Any, tmp_path: Path) -> None:
    folder = write("clip", tmp_path / "clip")
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:5_000])
    perception = TransformersPerception(matcher=str(folder), device="cpu")
    with pytest.raises(BackendError, match="cannot be loaded: .* Check the files of the folder"):
        perception.similarity([Similarity(IMAGE, WHOLE, ("a",))])
