"""Models by hub id or folder: their configuration at once, their weights when they are needed, and what identifies them."""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b
from pathlib import Path
from typing import Any

import torch
import transformers

from vispro_gym.perception.protocol import BackendError

# Role -> model type in config.json -> family, which is the class that runs it.
FAMILIES = {
    "detector": {"grounding-dino": "dino", "mm-grounding-dino": "dino", "owlv2": "owl", "owlvit": "owl"},
    "answerer": {"vilt": "vilt", "blip-2": "blip", "instructblip": "blip"},
    "matcher": {"clip": "clip", "siglip": "siglip"},
    "depth": {"depth_anything": "depth", "dpt": "depth"},
}
_WANTED = {
    "detector": "Grounding DINO, MM Grounding DINO, OWL-ViT or OWLv2",
    "answerer": "ViLT, BLIP-2, InstructBLIP or a chat model that reads pictures, such as Qwen2.5-VL, LLaVA or SmolVLM",
    "matcher": "CLIP or SigLIP",
    "depth": "Depth Anything or DPT",
}
# These read pictures and write texts, too, but do not chat.
_NO_CHAT = frozenset({"blip", "git", "pix2struct", "udop", "vision-encoder-decoder", "florence2", "instructblipvideo"})


def resolve_device(name: str) -> torch.device:
    """The device that an option names.

    Raises:
        ValueError: If that is not the name of a device.
        BackendError: If the machine has no such device.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except (RuntimeError, TypeError) as error:
        raise ValueError(f"device={name!r} is unknown. Expected 'auto', 'cpu', 'cuda', 'cuda:1', 'mps' or the like.") from error
    number = {"cpu": 1, "cuda": torch.cuda.device_count(), "mps": int(torch.backends.mps.is_available())}.get(device.type)
    if number is None:
        raise ValueError(f"device={name!r} is not supported. Expected 'auto', 'cpu', 'cuda', 'cuda:1' or 'mps'.")
    if (device.index or 0) >= number:
        kind = "GPU that torch can use" if device.type == "cuda" else f"device of type {device.type!r}"
        found = f"{number} of them" if number else "none"
        raise BackendError(f"device={name!r} asks for a {kind}, and this machine has {found}. Use device='cpu' or 'auto'.")
    return device


class Checkpoint:
    """A model that is named but need not be loaded yet.

    Args:
        role: What it is for: "detector", "answerer", "matcher" or "depth".
        source: Hub id or path of a folder.
        device: Where it will run.
        dtype: "float32", "bfloat16", "float16", or "auto": bfloat16 for models that generate text on a GPU, else float32.

    Attributes:
        config: The model's configuration.
        family: Which class runs it: "dino", "owl", "vilt", "blip", "chat", "clip", "siglip" or "depth".

    Raises:
        BackendError: If there is no such model, or it is none that the role takes.
    """

    def __init__(self, role: str, source: str, device: torch.device, dtype: str) -> None:
        self.role = role
        self.source = source
        self.device = device
        self._commit = ""
        self.folder = Path(source).expanduser() if _is_path(source) else None
        self.config = self._read_config()
        self.family = self._family()
        generates = self.family in ("blip", "chat")
        self.dtype = ("bfloat16" if generates and device.type != "cpu" else "float32") if dtype == "auto" else dtype
        self._loaded_from: str | None = None

    def identity(self) -> dict[str, str]:
        """What the results of the model depend on: its name and commit, or all files of its folder; number format and device.

        Once the model is loaded, later changes of its folder change nothing.
        """
        weights = self._loaded_from or self._weights()
        return {"model": weights, "dtype": self.dtype, "device": self.device.type}

    def load(self, auto_class: str) -> tuple[Any, Any]:
        """Loads the model, ready for inference, and its processor.

        Args:
            auto_class: Name of the class of transformers that reads the weights, such as "AutoModelForDepthEstimation".

        Raises:
            BackendError: If weights or files of the processor are missing, or something they need is not installed.
        """
        weights = self._weights()
        where, options = self._where()
        try:
            # Pillow's resizing, whether torchvision is installed or not: results do not depend on that.
            processor = image_processor = transformers.AutoImageProcessor.from_pretrained(where, backend="pil", **options)
            if self.role != "depth":
                processor = transformers.AutoProcessor.from_pretrained(where, **options)
                processor.image_processor = image_processor
            model, report = getattr(transformers, auto_class).from_pretrained(
                where, dtype=getattr(torch, self.dtype), output_loading_info=True, **options
            )
        except ImportError as error:
            raise BackendError(
                f"The {self.role} {self.source!r} needs something that is not installed: {_short(error)}. Install "
                "it (processors of videos need torchvision: pip install torchvision), or choose another model."
            ) from error
        except Exception as error:  # damaged files fail in as many ways as there are libraries
            raise BackendError(f"The {self.role} {self.source!r} cannot be loaded: {_short(error)}. {self._fetch()}") from error
        if missing := sorted(report["missing_keys"]):
            raise BackendError(
                f"The {self.role} {self.source!r} has no trained weights for {len(missing)} of the tensors that "
                f"{type(model).__name__} needs, such as {missing[0]!r}. Choose a model that was trained for this."
            )
        self._loaded_from = weights
        return model.to(self.device).eval(), processor

    def _read_config(self) -> Any:
        if self.folder is not None:
            if not self.folder.is_dir():
                raise BackendError(f"{self.role}={self.source!r} is no folder. Expected a folder of a model, or a hub id.")
            if not (self.folder / "config.json").is_file():
                raise BackendError(
                    f"{self.role}={self.source!r} has no config.json. Expected a folder that save_pretrained wrote, or "
                    "hf download --local-dir."
                )
        try:
            if self.folder is None:
                # .../snapshots/<commit>/config.json
                path = transformers.utils.cached_file(self.source, "config.json")
                self._commit = Path(path).parent.name
            where, options = self._where()
            return transformers.AutoConfig.from_pretrained(where, **options)
        except OSError as error:
            if self.folder is not None:
                raise BackendError(
                    f"The config.json of the {self.role} {self.source!r} cannot be read: {_short(error)}."
                ) from error
            raise BackendError(
                f"The {self.role} {self.source!r} is neither in the cache nor could it be fetched: {_short(error)}. "
                f"{self._fetch()}"
            ) from error
        except (ValueError, KeyError) as error:
            raise BackendError(
                f"The configuration of the {self.role} {self.source!r} is not one that transformers {transformers.__version__} "
                f"understands: {_short(error)}."
            ) from error

    def _where(self) -> tuple[str, dict[str, Any]]:
        """What `from_pretrained` is given. All parts of a hub model are of one commit: the one that the identity names."""
        if self.folder is not None:
            return str(self.folder), {}
        return self.source, {"revision": self._commit}

    def _family(self) -> str:
        model_type = self.config.model_type
        family = FAMILIES[self.role].get(model_type)
        if family is None and self.role == "answerer" and _chats(model_type):
            family = "chat"
        if family is None:
            raise BackendError(
                f"{self.role}={self.source!r} is a model of type {model_type!r}. "
                f"As {self.role} this backend takes {_WANTED[self.role]}."
            )
        backbone = getattr(getattr(self.config, "backbone_config", None), "model_type", "")
        if model_type == "dpt" and backbone.startswith("dinov2"):
            raise BackendError(
                f"depth={self.source!r} is a DPT on DINOv2, whose files do not say whether it tells distances or their inverse. "
                "Choose Depth Anything or a MiDaS model such as 'Intel/dpt-large'."
            )
        return family

    def _weights(self) -> str:
        if self.folder is not None:
            return f"{self.config.model_type} files:{folder_digest(self.folder)}"
        return f"{self.source}@{self._commit}"

    def _fetch(self) -> str:
        if self.folder is not None:
            return "Check the files of the folder."
        return f"Fetch it where there is a network (hf download {self.source}), or give the path of a local folder."


def _is_path(source: str) -> bool:
    """Whether a source is a folder rather than a hub id, which is one name or two with a slash between them."""
    return Path(source).expanduser().is_dir() or source.startswith((".", "/", "~")) or source.count("/") > 1


def _chats(model_type: str) -> bool:
    from transformers.models.auto.modeling_auto import MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES

    return model_type in MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES and model_type not in _NO_CHAT


def _short(error: Exception) -> str:
    """The first line of what a library says, without its full stop."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0].strip().rstrip(".")[:600]


def folder_digest(folder: Path) -> str:
    """Digest of the names and contents of all files below a folder. A file is read again only if its size or time changed."""
    digest = blake2b(digest_size=16)
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        if path.is_file() and not any(part.startswith(".") for part in name.parts):
            state = path.stat()
            digest.update(f"{name.as_posix()}\0{_file_digest(path, state.st_size, state.st_mtime_ns)}\0".encode())
    return digest.hexdigest()


@lru_cache(maxsize=4096)
def _file_digest(path: Path, size: int, changed: int) -> str:
    digest = blake2b(digest_size=16)
    with path.open("rb") as file:
        while block := file.read(1 << 22):
            digest.update(block)
    return digest.hexdigest()
