"""Frames on the screen, for the render mode "human". The library is imported when the first frame is shown."""

from __future__ import annotations

import os
import time
import warnings
from typing import Any

import numpy as np
from gymnasium.error import DependencyNotInstalled
from numpy.typing import NDArray

_NO_HANDLERS = "SDL_NO_SIGNAL_HANDLERS"


class Window:
    """The window of an environment. It opens with the first frame. A process has one: the environments of a process share it."""

    def __init__(self) -> None:
        self._is_open = False

    def show(self, frame: NDArray[np.uint8], seconds: float = 0.0) -> None:
        """Shows a frame.

        Args:
            frame: uint8 of shape `(height, width, 3)`.
            seconds: How long to wait then, so that people can look at it.

        Raises:
            gymnasium.error.DependencyNotInstalled: If pygame is missing.
        """
        pygame = _start_pygame()
        size = frame.shape[1], frame.shape[0]
        surface = pygame.display.get_surface()
        if surface is None or surface.get_size() != size:  # not open yet, or other code closed or changed the process's window
            pygame.display.set_caption("vispro_gym")
            surface = pygame.display.set_mode(size)
        self._is_open = True
        surface.blit(pygame.image.frombuffer(frame.tobytes(), size, "RGB"), (0, 0))
        pygame.event.pump()
        pygame.display.flip()
        time.sleep(seconds)

    def close(self) -> None:
        """Closes the window, if this object has opened it."""
        if self._is_open:
            self._is_open = False
            _start_pygame().display.quit()


def _start_pygame() -> Any:
    """Imports pygame and opens its screen; does nothing the second time. Gymnasium has seen to it that pygame does not greet."""
    is_set = _NO_HANDLERS in os.environ
    os.environ.setdefault(_NO_HANDLERS, "1")  # else SIGTERM would no longer end the process, but be an event of the window
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # pygame imports pkg_resources, which warns
            import pygame
        pygame.display.init()
    except ImportError as error:
        raise DependencyNotInstalled(
            f'render_mode="human" needs pygame, which is missing ({error}): pip install "vispro-gym[play]"'
        ) from error
    finally:
        if not is_set:
            del os.environ[_NO_HANDLERS]
    return pygame
