"""For OpenEnv: a server of episodes, and its client. TRL, SkyRL, verifiers and others can play what such a server offers.

    vispro-openenv-server --env VisProg-GQA-v0          # or the Docker image of deploy/openenv

    with VisualProgramClient(base_url="http://localhost:8000").sync() as client:
        result = client.reset(seed=0)
        result = client.step(ProgramAction(program="..."))
        print(result.reward, result.observation.outcome)

Written for openenv 0.10.
"""

from vispro_gym.integrations.extras import missing_extra

try:
    import openenv.core  # noqa: F401
except ImportError as error:
    raise missing_extra("vispro_gym.integrations.openenv", "openenv", error) from error

from vispro_gym.integrations.openenv.client import VisualProgramClient
from vispro_gym.integrations.openenv.environment import VisualProgramEnvironment
from vispro_gym.integrations.openenv.models import ProgramAction, ProgramObservation, ProgramState

__all__ = ["ProgramAction", "ProgramObservation", "ProgramState", "VisualProgramClient", "VisualProgramEnvironment"]
