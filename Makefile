# Two commands: `make certify` and `make test`. Each does its whole set-up.
VENV ?= $(CURDIR)/.venv
export ONECARD_VENV = $(VENV)
# Compiled once for all processes, whatever the caller's environment says: half of a start is compiling otherwise.
export PYTHONPYCACHEPREFIX = $(VENV)/pycache
unexport PYTHONDONTWRITEBYTECODE
ONECARD = $(VENV)/bin/onecard
PYTHON = $(VENV)/bin/python

.PHONY: certify test setup gates lint bench load tui mutants clean help

help:
	@echo "make certify  认证仿真读卡器与三代社保卡，生成并复核档案 / certify, write and verify the dossier"
	@echo "make test     全部测试 / all tests"
	@echo "make gates    变异矩阵、空设备、架构、泄漏、文档命令 / the gates of CI"
	@echo "make bench    性能比值 / speed, as ratios"
	@echo "make load     全城自助机的负载，四分钟内得出结论 / a whole city of kiosks, a verdict within four minutes"
	@echo "make tui      终端界面 / the terminal screens"

setup:
	@./setup/setup.sh

certify: setup
	@$(ONECARD) certify

test: setup
	@$(PYTHON) -m pytest -n 2

lint: setup
	@$(VENV)/bin/ruff check . && $(VENV)/bin/ruff format --check . && $(VENV)/bin/pyright --pythonpath $(PYTHON) && $(VENV)/bin/lint-imports

mutants: setup
	@$(ONECARD) mutants

gates: lint mutants
	@$(ONECARD) gates

bench: setup
	@$(PYTHON) -m scenarios.benchmark

load: setup
	@$(ONECARD) load dongguan beijing

tui: setup
	@$(ONECARD) tui

clean:
	rm -rf .venv dossiers .pytest_cache .ruff_cache .hypothesis .import_linter_cache
