# Two promises on a machine with Python 3.11 or newer, git and make: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

export HF_HUB_OFFLINE := 1
export HF_HUB_DISABLE_TELEMETRY := 1
export HF_HUB_DISABLE_PROGRESS_BARS := 1

# The type checker finds vispro_agents, whose folder has another name, through a link.
.PHONY: demo test lint clean

demo: $(INSTALLED)
	$(BIN)/vispro-agents demo

test: $(INSTALLED)
	$(BIN)/python -m pytest -n auto --maxprocesses 8 --dist worksteal

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	ln -sfn ../agents $(VENV)/vispro_agents
	MYPYPATH=$(VENV) $(BIN)/mypy -p vispro_gym -p vispro_agents

$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed, this is " + sys.version.split()[0])'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[all]"
	touch $@

clean:
	rm -rf $(VENV) runs build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache
