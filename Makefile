# mica: the commands that people and scripts use. `make help` lists them.
SHELL := /bin/bash
JOBS ?= $(shell nproc)
PROMPT ?= What is the capital of France? Answer in one sentence.
PREFIX ?= /usr/local
SUDO := $(if $(filter 0,$(shell id -u)),,sudo)
CXX_SOURCES = $(shell git ls-files '*.cpp' '*.h' ':!*.inc')

EXAMPLES = linear_regression digits language_model derivatives

.PHONY: help run test configure build model install test-asan test-tsan lint format fuzz packages packages-test test-data digits docs \
  $(EXAMPLES:%=example-%)

help:
	@echo "make run [PROMPT=…]     install what is needed, build, fetch the default model, answer a prompt"
	@echo "make test               install what is needed, build, run every test"
	@echo "make build              build (Release); the program is build/release/bin/mica"
	@echo "make model              fetch the default model"
	@echo "make example-NAME       build and run an example: $(EXAMPLES)"
	@echo "make install PREFIX=…   install program, library and headers"
	@echo "make test-asan          the tests under AddressSanitizer and UBSan"
	@echo "make test-tsan          the tests under ThreadSanitizer"
	@echo "make fuzz               run the fuzz targets for a short count"
	@echo "make docs               a page for each public name: build/docs/html/index.html"
	@echo "make lint / make format clang-format and clang-tidy, of what changed since it was last clean"

run: packages build model
	@build/release/bin/mica generate --prompt '$(subst ','\'',$(PROMPT))'

test: packages-test configure test-data model
	cmake --build --preset release -j $(JOBS)
	cd build/release && ctest --output-on-failure --no-tests=error
	@if command -v clang++-19 >/dev/null; then $(MAKE) --no-print-directory fuzz; fi

configure: packages
	@cmake --preset release >build/cmake.log 2>&1 || { cat build/cmake.log; exit 1; }

build: configure
	cmake --build --preset release -j $(JOBS) --target mica_program

install: build
	$(SUDO) cmake --install build/release --prefix $(PREFIX)

packages:
	@mkdir -p build
	@scripts/install_packages.sh

packages-test:
	@mkdir -p build
	@scripts/install_packages.sh test

model:
	@scripts/fetch_model.sh

test-data:
	@scripts/fetch_test_data.sh

# ARGS go to the example: make example-language_model ARGS="book.txt 2000"
$(EXAMPLES:%=example-%): example-%: configure
	@cmake --build --preset release -j $(JOBS) --target example_$*
	build/release/bin/example_$* $(ARGS)

example-digits: digits
example-digits: ARGS ?= build/test-data/digits.csv

digits:
	@scripts/fetch_digits.sh

test-asan: packages-test test-data model
	cmake --preset asan >build/cmake-asan.log
	cmake --build --preset asan -j $(JOBS)
	cd build/asan && UBSAN_OPTIONS=print_stacktrace=1 ctest --output-on-failure --no-tests=error

test-tsan: packages-test test-data model
	cmake --preset tsan >build/cmake-tsan.log
	cmake --build --preset tsan -j $(JOBS)
	cd build/tsan && TSAN_OPTIONS="halt_on_error=1 suppressions=$(CURDIR)/tests/tsan.supp" ctest --output-on-failure --no-tests=error

fuzz: packages-test
	cmake --preset fuzz >build/cmake-fuzz.log
	cmake --build --preset fuzz -j $(JOBS)
	fuzz/run.sh build/fuzz/bin

lint: packages-test
	clang-format-19 --dry-run --Werror $(CXX_SOURCES)
	cmake --preset lint >build/cmake-lint.log
	scripts/lint.py build/lint -j $(JOBS)

docs: packages-test
	@mkdir -p build/docs
	doxygen docs/Doxyfile
	scripts/check_docs.py build/docs/xml
	@echo "build/docs/html/index.html"

format:
	clang-format-19 -i $(CXX_SOURCES)
