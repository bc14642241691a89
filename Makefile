# What a person types. Each target does all that it needs; a second call finds it done.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.ONESHELL:
MAKEFLAGS += --no-print-directory

export TROMMEL_CACHE ?= $(if $(XDG_CACHE_HOME),$(XDG_CACHE_HOME),$(HOME)/.cache)/trommel
JOBS ?= $(shell nproc)
TARGET ?= all
SOURCES = $(shell git ls-files 'src/*.h' 'src/*.cc' 'tests/*.cc' 'tests/*.h' 'bench/*.cc')

.PHONY: help deps build debug install package package-test test test-servers demo demo-students demo-upload venv reference lint format format-check asan tsan soak soak-inputs soak-crashes soak-servers bench bench-small bench-epochs bench-avro bench-upload bench-posts bench-queries test-registry clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

deps: ## Install missing system packages, fetch Arrow and DuckDB into the cache
	@scripts/system_packages build
	scripts/fetch arrow > /dev/null
	scripts/fetch duckdb > /dev/null
	scripts/fetch web > /dev/null

build: deps ## Build build/release/trommel
	@scripts/build release $(TARGET)

debug: deps ## Build build/debug without optimisation
	@scripts/build debug $(TARGET)

venv: ## Make the python environment of the tests
	@scripts/system_packages python
	scripts/venv venv requirements/test.txt
	scripts/venv api-venv requirements/api.txt

test: build venv ## Build, then run every test
	@ctest --preset release

test-servers: TARGET = trommel connectors_clickhouse_test
test-servers: build ## Run the tests on real servers, fetched and started here: Kafka, two ClickHouses, a schema registry
	@scripts/system_packages servers
	scripts/venv servers-venv requirements/servers.txt
	TROMMEL=$(CURDIR)/build/release/trommel TROMMEL_SOURCE=$(CURDIR) TROMMEL_BUILD=$(CURDIR)/build/release \
	  $(TROMMEL_CACHE)/servers-venv/bin/python -m pytest -q -p no:cacheprovider tests/servers
	$(MAKE) test-registry

demo: TARGET = trommel
demo: build ## Run examples/flights on real data
	@examples/flights/demo

demo-students: TARGET = trommel
demo-students: build ## Run examples/students: files are dropped while it runs
	@examples/students/demo

demo-upload: TARGET = trommel
demo-upload: build ## Run examples/game_rounds: upload a CSV, ask the hourly aggregate over HTTP (DATA=flights: other data)
	@examples/game_rounds/demo $(DATA)

reference: build ## Write docs/reference from the components' own descriptions
	@rm -rf docs/reference
	build/release/trommel describe --all --markdown docs/reference
	build/release/trommel describe --schema > docs/reference/pipeline.schema.json

lint: deps ## Run clang-tidy over src, or over FILES="..." (some 15 s a file)
	@scripts/system_packages lint
	scripts/build release
	printf '%s\n' $(or $(FILES),$(filter-out %_test.cc bench/%,$(filter %.cc,$(SOURCES)))) | \
	  xargs -P $(JOBS) -n 1 clang-tidy-19 -p build/release --quiet

format: ## Rewrite all C++ in the house style
	@scripts/system_packages lint
	clang-format-19 -i $(SOURCES)

format-check: ## Fail if any C++ is not in the house style
	@scripts/system_packages lint
	clang-format-19 --dry-run --Werror $(SOURCES)

asan: deps venv ## Build everything with address and undefined-behaviour sanitizers, run every test
	@scripts/build asan $(TARGET)
	ctest --preset asan

tsan: deps ## Build the engine with the thread sanitizer, run its tests
	@scripts/build tsan $(TARGET)
	ctest --preset tsan

soak: build venv ## Run the long tests: 10 GB, a 5 GB upload, 99,900 files, 100,000 simulated histories, a crash at every call, 1,000 kills, 500 on real servers
	@scripts/build release bench_generate
	$(MAKE) --no-print-directory --output-sync=target -j2 soak-inputs soak-crashes
	$(MAKE) --no-print-directory soak-servers

soak-inputs: # what is large, and what is random
	$(TROMMEL_CACHE)/venv/bin/python -m pytest -q -s -p no:cacheprovider tests/soak

soak-crashes: # a crash at every call, and kills
	STEPS=all KILLS=1000 $(TROMMEL_CACHE)/venv/bin/python -m pytest -q -s -p no:cacheprovider tests/crash

soak-servers: TARGET = trommel
soak-servers: build # 500 kills of brokers, stores and of us, on real servers
	@scripts/system_packages servers
	scripts/venv servers-venv requirements/servers.txt
	KILLS=500 TROMMEL=$(CURDIR)/build/release/trommel TROMMEL_SOURCE=$(CURDIR) TROMMEL_BUILD=$(CURDIR)/build/release \
	  $(TROMMEL_CACHE)/servers-venv/bin/python -m pytest -q -s -p no:cacheprovider tests/servers/test_game_rounds.py -k "whole_way or over_and_over"

bench: build ## Race DuckDB, Polars, pandas and pyarrow on the same files
	@scripts/system_packages python
	scripts/venv bench-venv requirements/bench.txt
	$(TROMMEL_CACHE)/bench-venv/bin/python bench/run.py

bench-small: build ## Race pandas and Polars on a folder of small files
	@scripts/system_packages python
	scripts/venv bench-venv requirements/bench.txt
	$(TROMMEL_CACHE)/bench-venv/bin/python bench/small_files.py

bench-epochs: build ## What epochs, the spool and a restart cost
	@scripts/build release bench_generate
	scripts/system_packages python
	scripts/venv bench-venv requirements/bench.txt
	$(TROMMEL_CACHE)/bench-venv/bin/python bench/epochs.py

bench-avro: build venv ## Decode and encode Avro beside fastavro (and libavro, where it is installed)
	@scripts/build release bench_avro
	$(TROMMEL_CACHE)/venv/bin/python bench/avro.py

bench-upload: build ## CSV upload to ClickHouse through Kafka, beside the way it is usually written, on servers started here
	@scripts/system_packages servers
	scripts/venv upload-venv requirements/upload.txt
	$(TROMMEL_CACHE)/upload-venv/bin/python bench/upload.py

bench-posts: build ## Small POSTs that are durable when answered, beside FastAPI with an fsync for each
	@scripts/system_packages python
	scripts/venv upload-venv requirements/upload.txt
	$(TROMMEL_CACHE)/upload-venv/bin/python bench/posts.py

bench-queries: build ## Ask the query API over 10,000,000 rows, 50 and 200 times a second
	@scripts/system_packages python
	scripts/venv upload-venv requirements/upload.txt
	$(TROMMEL_CACHE)/upload-venv/bin/python bench/queries.py

test-registry: build venv ## Try Avro in topics against a real schema registry
	@folder=$$(mktemp -d)
	trap 'tests/servers/schema_registry stop '$$folder'; rm -rf '$$folder EXIT
	REGISTRY_URL=$$(tests/servers/schema_registry start $$folder $(or $(PORT),18081)) TROMMEL=$(CURDIR)/build/release/trommel \
	  $(TROMMEL_CACHE)/venv/bin/python -m pytest -q -p no:cacheprovider tests/avro/test_registry.py

PREFIX ?= /usr/local
install: TARGET = trommel
install: build ## Install under PREFIX=/usr/local (DESTDIR goes before it)
	@scripts/install build/release $(PREFIX)
	echo "$(DESTDIR)$(PREFIX)/bin/trommel"

package: TARGET = trommel
package: build ## Make build/packages/*.tar.gz (unpack it anywhere) and *.deb
	@scripts/system_packages package
	scripts/package build/release build/packages

package-test: package ## Install, try and remove both in a minimal Debian of its own (root)
	@scripts/package_test build/packages/*.deb build/packages/*.tar.gz

clean: ## Remove build/ (the cache of dependencies stays)
	@rm -rf build compile_commands.json
