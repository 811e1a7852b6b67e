"""Where a library is missing, the adapter says which extra to install."""

from __future__ import annotations

import subprocess
import sys

import pytest

ADAPTERS = {
    "import vispro_gym.integrations.openenv": ("openenv", "openenv"),
    "import vispro_gym.integrations.openenv.server": ("openenv", "openenv"),
    "from vispro_gym.integrations.openenv.server import main": ("fastapi", "openenv"),
    "import vispro_gym.integrations.verifiers": ("verifiers", "verifiers"),
    "import vispro_gym.integrations.skyrl": ("skyrl_gym", "skyrl"),
    "from vispro_gym.integrations.trl import build_dataset; build_dataset('VisProg-GQA-v0')": ("datasets", "agents"),
}


@pytest.mark.parametrize(("code", "library", "extra"), [(code, *names) for code, names in ADAPTERS.items()])
def test_a_missing_library_is_named_with_its_extra(code: str, library: str, extra: str) -> None:
    script = f"import sys; sys.modules[{library!r}] = None\n{code}"  # as if it were not installed
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("ImportError:") and library in last and last.endswith(f"pip install 'vispro-gym[{extra}]'"), (
        done.stderr
    )
