"""`python -m vispro_agents` is `vispro-agents`."""

from __future__ import annotations

import sys

from vispro_agents.cli import main

sys.exit(main())
