# make demo [SECONDS=20]   see the main job on a simulated dock
# make test                every check and every test
# make soak                20 readers at 200 reads/s for a minute: is any read lost, is memory flat
# make torture [SCALE=0.1] kill, cut, freeze, fill, clone: does everything arrive, once; a table of counts
# make fuzz                100,000 mutated frames, scans and configurations
# make bench [ONLY=path,start]   how fast it is, next to others in the same run: a table, JSON and a picture
# make bench-compare OLD=REVISION [NEW=REVISION]   did something become slower? NEW: the working tree
# make bench-fleet         100 gateways, one broker: who is the limit?
# make bench-doors [TRACKS=FOLDER] [SEEDS=5]   how well doors decide, next to others: simulated tracks, recordings too

.PHONY: demo test check soak torture fuzz bench bench-compare bench-fleet bench-doors clean

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

bench-doors: .cache/installed-bench
	.venv/bin/python -m bench.doors $(if $(TRACKS),--tracks $(TRACKS)) $(if $(SEEDS),--seeds $(SEEDS))

soak: .cache/installed-dev
	.venv/bin/python -m bench.soak --readers 20 --rate 200 --seconds 60

torture: .cache/installed-dev
	tools/install-mosquitto
	.venv/bin/python -m tests.torture $(if $(SCALE),--scale $(SCALE))

fuzz: .cache/installed-dev
	.venv/bin/python -m bench.fuzz

bench: .cache/installed-dev
	tools/install-mosquitto
	.venv/bin/python -m bench $(if $(ONLY),--only $(ONLY))

bench-compare: .cache/installed-dev
	tools/install-mosquitto
	.venv/bin/python -m bench.compare $(OLD) $(NEW) $(if $(ONLY),--only $(ONLY))

bench-fleet: .cache/installed-dev
	tools/install-mosquitto
	.venv/bin/python -m bench.fleet

.cache/installed: pyproject.toml constraints.txt tools/install
	tools/install

.cache/installed-dev: pyproject.toml constraints.txt tools/install
	tools/install dev

# XGBoost is for comparison only: where there is none, its row is left out
.cache/installed-bench: pyproject.toml constraints.txt tools/install
	tools/install bench || { tools/install && touch $@; }

clean:
	rm -rf .venv .cache build dist src/*.egg-info .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
