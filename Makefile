# make demo [SECONDS=20]   see the main job on a simulated dock
# make test                every check and every test
# make bench-doors TRACKS=FOLDER   how well doors decide, on labelled recordings

.PHONY: demo test check clean soak torture fuzz bench bench-doors

demo: .cache/installed
	.venv/bin/edgegw demo $(if $(SECONDS),--seconds $(SECONDS))

test: check
	.venv/bin/python -m pytest

check: .cache/installed-dev
	tools/install-mosquitto
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	.venv/bin/lint-imports
	.venv/bin/mypy

bench-doors: .cache/installed-dev
	.venv/bin/python -m bench.doors --tracks $(TRACKS)

.cache/installed: pyproject.toml constraints.txt tools/install
	tools/install

.cache/installed-dev: pyproject.toml constraints.txt tools/install
	tools/install dev

clean:
	rm -rf .venv .cache build dist src/*.egg-info .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
