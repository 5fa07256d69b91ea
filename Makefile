# MAGE. Bare `make` lists the targets; each one sets up its own .venv first.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
EXTRAS ?= dev
BIN    := .venv/bin
STAMP  := .venv/.installed-$(EXTRAS)

OUT      ?= runs
SCENARIO ?= town
WORKERS  ?= $(shell nproc 2>/dev/null || getconf _NPROCESSORS_ONLN)
CAPTURES ?= $(OUT)/captures
ADAPTED  ?= $(OUT)/adapted/captures
TARGET   ?=
GOLD     ?=
VAL      ?=
PRE      ?=
POST     ?=
MODEL    ?= $(OUT)/model/model.pt
ARGS     ?=

opt = $(if $($(1)),--$(2) '$($(1))')

.DEFAULT_GOAL := help
.PHONY: help setup demo simulate adapt train evaluate map test test-all test-carla check bench clean

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 18
	@echo "variables: OUT SCENARIO WORKERS CAPTURES ADAPTED TARGET GOLD VAL PRE POST MODEL ARGS (see docs/guide.md)"

$(STAMP): pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "no python3 found; install Python 3.11"; exit 2; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or later is needed; set PYTHON="; exit 2; }
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[$(EXTRAS)]'
	@touch $@

setup: $(STAMP) ## make .venv with everything installed

demo: $(STAMP) ## simulate, adapt, train, evaluate, map; TARGET= GOLD= VAL= PRE= POST= give it real data
	$(BIN)/mage demo --out '$(OUT)/demo$(if $(TARGET),-real)' --workers $(WORKERS) $(call opt,TARGET,target) $(call opt,GOLD,gold) \
	  $(call opt,VAL,val) $(call opt,PRE,pre) $(call opt,POST,post) $(ARGS)

simulate: $(STAMP) ## captures of cities before and after disasters: SCENARIO= OUT= WORKERS=
	$(BIN)/mage simulate --config '$(SCENARIO)' --out '$(CAPTURES)' --workers $(WORKERS) $(ARGS)

adapt: $(STAMP) ## make captures look like TARGET=<folder of unlabelled real images>
	$(BIN)/mage adapt --captures '$(CAPTURES)' $(call opt,TARGET,target) --out '$(OUT)/adapted' $(ARGS)

train: $(STAMP) ## train on ADAPTED= (OUT/adapted/captures) and, if given, GOLD=<labelled real folder>
	$(BIN)/mage train --captures '$(ADAPTED)' $(call opt,GOLD,gold) --out '$(OUT)/model' $(ARGS)

evaluate: $(STAMP) ## score MODEL= on VAL=<labelled real folder>
	$(BIN)/mage evaluate --model '$(MODEL)' $(call opt,VAL,data) --out '$(OUT)/evaluation' $(ARGS)

map: $(STAMP) ## map damage between PRE='before/*.tif' and POST='after/*.tif' with MODEL=
	$(BIN)/mage map --model '$(MODEL)' $(call opt,PRE,pre) $(call opt,POST,post) --out '$(OUT)/map' $(ARGS)

test: $(STAMP) ## the tests (minutes)
	$(BIN)/python -m pytest -q $(ARGS)

test-all: $(STAMP) ## the tests and the slow proofs
	$(BIN)/python -m pytest -q -m '' --timeout 1800 $(ARGS)

test-carla: $(STAMP) ## CARLA's client against the stand-in for a CARLA server
	$(BIN)/python -m pytest -q -m 'carla and not slow' $(ARGS)

check: $(STAMP) ## lint, format and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/ty check --python .venv

bench: $(STAMP) ## measure speed; JSON into benchmarks/results/
	$(BIN)/python -m benchmarks.run $(ARGS)

clean: ## remove .venv and runs/
	rm -rf .venv runs
