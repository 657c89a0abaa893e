# SPDX-License-Identifier: LGPL-2.1-or-later
# The commands one types. Building proper is meson's (see meson.build); this adds what comes before and after it.
#
#   make            builds everything into build/
#   make run        ... and starts it with a demo guest           STATE= PORT= PLAIN_PORT= BIND=
#   make check      ... with warnings as errors, and runs tests   SUITE=unit TEST=db/table SANITIZE=1 (or thread)
#   make coverage   runs the tests, prints lines run by folder    MISSING=src/db
#   make fuzz       runs the fuzz targets, for half an hour each  TARGET=xmlrpc SECONDS=1800
#   make bench      prints performance as ratios to references    BENCH= (part of a name)
#   make format     lays the C sources out
#   make install    installs into DESTDIR (as root)               DESTDIR= PREFIX=
#   make clean      removes what was built; a state directory stays

STATE      ?= state
PORT       ?= 8443
PLAIN_PORT ?=
BIND       ?= 127.0.0.1
SANITIZE   ?=
CHECK_SLOWER := 1
SUITE      ?=
TEST       ?=
BENCH      ?=
MISSING    ?=
TARGET     ?=
SECONDS    ?= 1800
DESTDIR    ?=
PREFIX     ?= /usr

PYTHON   := /usr/bin/python3
DEBIAN   := $(PYTHON) tools/debian.py
PACKAGES := build/packages
GUEST    := build/guest/demo.qcow2
# Clients that the tests run as they are.
CLIENTS  := fence-agents ansible ansible-core python3-resolvelib

# make check builds apart from make run: other options, and neither rebuilds what the other made.
ifeq ($(SANITIZE),thread)
CHECK_BUILD   := build-tsan
CHECK_OPTIONS := -Db_sanitize=thread
CHECK_SLOWER  := 10
export TSAN_OPTIONS := suppressions=$(CURDIR)/tests/tsan.supp:history_size=6
# GLib's own pools would give one thread's memory to another without saying so.
export G_SLICE := always-malloc
else ifeq ($(filter 1 yes true,$(SANITIZE)),)
CHECK_BUILD   := build-check
CHECK_OPTIONS := -Dwerror=true
else
CHECK_BUILD   := build-sanitize
CHECK_OPTIONS := -Db_sanitize=address,undefined -Db_lundef=false
export ASAN_OPTIONS := detect_leaks=1:detect_stack_use_after_return=1:strict_string_checks=1
export UBSAN_OPTIONS := print_stacktrace=1:halt_on_error=1
export LSAN_OPTIONS := suppressions=$(CURDIR)/tests/lsan.supp:print_suppressions=0
# GLib's own pools would hide memory errors from the sanitizer.
export G_SLICE := always-malloc
endif

export XYLEM_GUEST_DIR := $(CURDIR)/build/guest
export XYLEM_PACKAGES_DIR := $(CURDIR)/$(PACKAGES)

.PHONY: all run check coverage fuzz bench format install clean deps-build deps-run deps-check deps-fuzz deps-bench

all: deps-build build/build.ninja
	@ninja -C build

run: deps-run build/build.ninja $(GUEST)
	@ninja -C build programs
	@exec $(PYTHON) tools/run.py --build build --state '$(STATE)' --port '$(PORT)' --plain-port '$(PLAIN_PORT)' --bind '$(BIND)'

check: deps-check $(CHECK_BUILD)/build.ninja $(GUEST) $(CLIENTS:%=$(PACKAGES)/%) $(PACKAGES)/slapd
	@ninja -C $(CHECK_BUILD)
	@$(PYTHON) tools/run-tests.py --build $(CHECK_BUILD) --suite '$(SUITE)' --test '$(TEST)' --slower $(CHECK_SLOWER)

# Kept counts would be of lines that have moved.
coverage: deps-check build-coverage/build.ninja $(GUEST) $(PACKAGES)/fence-agents
	@ninja -C build-coverage
	@find build-coverage -name '*.gcda' -delete
	@-$(PYTHON) tools/run-tests.py --build build-coverage --suite '$(SUITE)'
	@$(PYTHON) tools/coverage.py --build build-coverage $(if $(MISSING),--missing '$(MISSING)')

fuzz: deps-fuzz
	@$(PYTHON) tools/fuzz.py --build build-fuzz --target '$(TARGET)' --seconds '$(SECONDS)'

bench: deps-bench all $(GUEST)
	@$(PYTHON) tools/bench/bench.py --build build --only '$(BENCH)'

format:
	@git ls-files -z '*.c' '*.h' | xargs -0 clang-format -i

install: all
	@meson configure build -Dprefix='$(PREFIX)'
	@DESTDIR='$(DESTDIR)' meson install -C build

clean:
	rm -rf build build-check build-sanitize build-tsan build-fuzz

deps-build:
	@$(DEBIAN) install build

deps-run:
	@$(DEBIAN) install build run

deps-check:
	@$(DEBIAN) install build run test

deps-fuzz:
	@$(DEBIAN) install build fuzz

deps-bench:
	@$(DEBIAN) install build run bench

build/build.ninja:
	@meson setup build >build.log 2>&1 || { cat build.log; rm -f build.log; exit 1; }
	@rm -f build.log

$(CHECK_BUILD)/build.ninja:
	@meson setup $(CHECK_OPTIONS) $(CHECK_BUILD) >$(CHECK_BUILD).log 2>&1 || { cat $(CHECK_BUILD).log; rm -f $(CHECK_BUILD).log; exit 1; }
	@rm -f $(CHECK_BUILD).log

build-coverage/build.ninja:
	@meson setup -Db_coverage=true -Dbuildtype=debug build-coverage >build-coverage.log 2>&1 || { cat build-coverage.log; rm -f build-coverage.log; exit 1; }
	@rm -f build-coverage.log

# Debian packages whose files we use without installing them: see tools/packages.txt.
$(PACKAGES)/%:
	@$(DEBIAN) fetch $* $@

$(GUEST): $(shell find tools/guest -type f) | $(PACKAGES)/linux-image-cloud-amd64 $(PACKAGES)/busybox-static
	@$(PYTHON) tools/guest/build.py --kernel $(PACKAGES)/linux-image-cloud-amd64 --busybox $(PACKAGES)/busybox-static --output $(@D)
