# SPDX-License-Identifier: GPL-2.0
# One command each; everything generated lies under build/.  The work is done
# by the Python packages and shell scripts in scripts/.

export PYTHONPATH := $(CURDIR)/scripts
export PYTHONDONTWRITEBYTECODE := 1
export KERNEL ?= ours
export DEBUG T SUBSET RECORD RUNS SCENARIO RAM CONFIG FAST FORCE V

PY := /usr/bin/env python3

.PHONY: help run test bench shell check tree refresh series kernel deb clean
.DEFAULT_GOAL := help

run: ; @scripts/setup source build vm && $(PY) -m vm run
test: ; @scripts/setup source build vm lint && $(PY) -m vm test
bench: ; @scripts/setup source build vm bench && $(PY) -m bench
shell: ; @scripts/setup source build vm && $(PY) -m vm shell
check: ; @scripts/setup source build vm lint check && $(PY) -m check
tree: ; @scripts/setup source && $(PY) -m series tree
refresh: ; @$(PY) -m series refresh
series: ; @scripts/setup source && $(PY) -m series mails
kernel: ; @scripts/setup source build && $(PY) -m kernel build
deb: ; @scripts/deb/arguments && scripts/setup source build deb && scripts/deb/build
clean: ; @scripts/clean

help:
	@cat scripts/help.txt
