# make [V=1] [CC=clang] [SANITIZE=address,undefined] [CFLAGS=..] [GOAL..]
#
#   all           the program, ./shale (the default)
#   install       into $(DESTDIR)$(PREFIX)/bin; uninstall removes it
#   demo          build a small image here and show it
#   test          everything: unit tests, fuzz corpora, layers, headers and
#                 integration tests, under address and undefined sanitizers
#   unit          the unit tests alone; integration: those alone
#   fuzz          a short run of every fuzz target (clang; FUZZ_SECONDS=20)
#   nightly       all that takes long: fuzzing by the hour, many rounds
#   bench         figures, as ratios to other builders installed here
#   lint          clang-tidy and cppcheck; format: clang-format in place
#   check-layers  prove the include directions; headers: each compiles alone
#   packages      install the Debian packages that `make test` needs
#   clean         remove everything built
#
# Objects go to build/<sanitizers, or "plain">/; a sanitized program stays there
# too. `demo`, `test` and `packages` install missing Debian packages and say so;
# nothing else installs anything.

VERSION := 0.1.0
PREFIX ?= /usr/local
PKG_CONFIG ?= pkg-config
INSTALL ?= install
FUZZ_SECONDS ?= 20
NIGHTLY_SECONDS ?= 3600
ifeq ($(origin CC),default)
CC := gcc
endif

# Some goals are about a particular build.
goals := $(or $(MAKECMDGOALS),all)
ifneq ($(filter test,$(goals)),)
SANITIZE ?= address,undefined
endif
ifneq ($(filter fuzz nightly,$(goals)),)
CC := clang
SANITIZE := fuzzer-no-link,address,undefined
endif

comma := ,
build := build/$(if $(SANITIZE),$(subst $(comma),-,$(SANITIZE)),plain)
program := $(if $(SANITIZE),$(build)/shale,shale)

# Debian packages: to build, and on top of that to try and to judge the result.
build_packages := gcc libc6-dev pkg-config libarchive-dev libssl-dev libcurl4-openssl-dev \
	libjansson-dev libzstd-dev libseccomp-dev libcap-dev libisal-dev libdeflate-dev
demo_packages := busybox-static
test_packages := busybox-static libcmocka-dev bats python3 ca-certificates curl git openssl \
	apache2-utils docker-registry skopeo umoci podman runc crun openssh-client mmdebstrap zstd uidmap passt \
	slirp4netns iproute2 strace buildah $(if $(filter true,$(CI)),docker.io nginx-light squid)
lint_packages := clang-tidy clang-format cppcheck
nightly_packages := clang qemu-system-x86
wanted_packages := $(build_packages) \
	$(if $(filter demo,$(goals)),$(demo_packages)) \
	$(if $(filter test packages,$(goals)),$(test_packages)) \
	$(if $(filter nightly,$(goals)),$(nightly_packages))
packages_first := $(if $(filter demo test,$(goals)),packages)

# The libraries' flags are asked for when the first recipe needs them, and
# once: `packages` may only just have installed pkg-config and what it finds.
libraries := libarchive libcrypto libcurl jansson libzstd libseccomp libcap libisal libdeflate
ask = $(eval $(1) := $(shell $(PKG_CONFIG) $(2)))$(if $(filter 0,$(.SHELLSTATUS)),,\
	$(error $(PKG_CONFIG) does not find every library; on Debian: make packages))$($(1))
library_cflags = $(call ask,library_cflags,--cflags $(libraries))
# Those that many others depend on are loaded when needed (store/base/library.h).
library_libs = $(call ask,library_libs,--libs $(filter-out libarchive libcurl,$(libraries)))

CFLAGS ?= -O2 -g
WARNINGS := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
	-Wpointer-arith -Wwrite-strings -Wvla
ALL_CFLAGS = -std=c17 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -DSHALE_VERSION='"$(VERSION)"' \
	-I. $(WARNINGS) -pthread $(library_cflags) \
	$(if $(SANITIZE),-fsanitize=$(SANITIZE) -fno-omit-frame-pointer -fno-sanitize-recover=undefined) \
	$(CFLAGS)
ALL_LIBS = $(library_libs) -lm -ldl $(LIBS)
# Symbols are found at the start and not again in each process of a container.
ALL_LDFLAGS = -pthread -Wl,-z,relro,-z,now $(if $(SANITIZE),-fsanitize=$(SANITIZE)) $(LDFLAGS)

base_src := $(wildcard store/base/*.c)
store_src := $(wildcard store/*.c)
parser_src := $(wildcard parser/*.c)
registry_src := $(wildcard registry/*.c)
builder_src := $(filter-out builder/main.c,$(wildcard builder/*.c builder/*/*.c))
sources := $(base_src) $(store_src) $(parser_src) $(registry_src) $(builder_src) \
	$(wildcard builder/main.c)
headers := $(wildcard store/base/*.h store/*.h parser/*.h registry/*.h builder/*.h builder/*/*.h)
objects = $(patsubst %.c,$(build)/%.o,$(1))

# Static libraries in link order; a unit test links only what it uses.
libs := $(build)/libbuilder.a $(build)/libregistry.a $(build)/libparser.a \
	$(build)/libstore.a $(build)/libbase.a

# Every tests/unit/*/test_*.c is a program; other sources there help them all.
unit_src := $(wildcard tests/unit/*/test_*.c)
unit_helper_src := $(filter-out $(unit_src),$(wildcard tests/unit/*/*.c))
units := $(patsubst %.c,$(build)/%,$(unit_src))

# A fuzz target is driven by libFuzzer, or replays testdata/fuzz/<subject>/.
fuzz_src := $(wildcard tests/fuzz/fuzz_*.c)
fuzzers := $(patsubst %.c,$(build)/%,$(fuzz_src))
replays := $(patsubst tests/fuzz/fuzz_%.c,$(build)/tests/fuzz/replay_%,$(fuzz_src))
integrations := $(wildcard tests/integration/*.bats)

# One short line per object; V=1 shows the commands.
step = $(if $(V),,@echo '  $(1) $@';)

export SHALE := $(abspath $(program))

all: $(libs) $(if $(wildcard builder/main.c),$(program))

$(program): $(call objects,builder/main.c) $(libs)
	$(call step,ld)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(ALL_LIBS)

$(build)/libbuilder.a: $(call objects,$(builder_src))
$(build)/libregistry.a: $(call objects,$(registry_src))
$(build)/libparser.a: $(call objects,$(parser_src))
$(build)/libstore.a: $(call objects,$(store_src))
$(build)/libbase.a: $(call objects,$(base_src))
$(build)/libunit.a: $(call objects,$(unit_helper_src))
$(libs) $(build)/libunit.a: | $(packages_first)
	@mkdir -p $(@D)
	@rm -f $@
	$(call step,ar)$(AR) rcsD $@ $^

$(build)/%.o: %.c $(build)/flags | $(packages_first)
	@mkdir -p $(@D)
	$(call step,cc)$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

# Changes, and with it every object, when the compiler or the flags change.
$(build)/flags: FORCE
	@mkdir -p $(@D)
	@printf '%s\n' '$(CC) $(VERSION) $(CFLAGS) $(WARNINGS)' | cmp -s - $@ || \
		printf '%s\n' '$(CC) $(VERSION) $(CFLAGS) $(WARNINGS)' >$@

$(units): $(build)/%: $(build)/%.o $(build)/libunit.a $(libs)
	$(call step,ld)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(ALL_LIBS) -lcmocka

# Writes archives for us to read.
$(filter %/test_copy_archive,$(units)): LIBS += -larchive

# Programs that let the n-th allocation fail see all of them.
$(filter %/test_torture,$(units)): ALL_LDFLAGS += $(patsubst %,-Wl$(comma)--wrap=%,\
	malloc calloc realloc reallocarray strdup strndup asprintf vasprintf)

$(replays): $(build)/tests/fuzz/replay_%: $(build)/tests/fuzz/fuzz_%.o $(build)/tests/fuzz/replay.o $(libs)
	$(call step,ld)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(ALL_LIBS)

$(fuzzers): $(build)/%: $(build)/%.o $(libs)
	$(call step,ld)$(CC) $(ALL_LDFLAGS) -fsanitize=fuzzer -o $@ $^ $(ALL_LIBS)

# Prerequisites of a header that compiles alone end in .alone
$(build)/%.h.alone: %.h $(build)/flags | $(packages_first)
	@mkdir -p $(@D)
	$(call step,cc)$(CC) $(ALL_CFLAGS) -MMD -MP -MF $@.d -MT $@ -fsyntax-only -x c -include $< /dev/null
	@touch $@

headers: $(headers:%=$(build)/%.alone)

test: all $(units) $(replays) headers
	@tests/run.sh tests/check-layers.sh $(units) $(replays) $(integrations)

unit: $(units)
	@tests/run.sh $(units)

integration: all
	@tests/run.sh $(integrations)

check-layers:
	@tests/check-layers.sh

fuzz: $(fuzzers)
	tests/fuzz/run.sh $(FUZZ_SECONDS) $(fuzzers)

nightly: $(program) $(fuzzers)
	tests/fuzz/run.sh $(NIGHTLY_SECONDS) $(fuzzers)
	SHALE_TEST_ROUNDS=1000 SHALE_TEST_TIMEOUT=86400 tests/run.sh $(integrations) $(wildcard tests/nightly/*.bats)

demo: $(program) | $(packages_first)
	@tests/demo.sh ./$(program)

$(build)/tests/bench/parse: $(build)/tests/bench/parse.o $(build)/libparser.a $(build)/libbase.a
	$(call step,ld)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(ALL_LIBS)

bench: $(program) $(build)/tests/bench/parse
	$(build)/tests/bench/parse
	tests/bench/run.sh

lint:
	tests/packages.sh check $(lint_packages)
	cppcheck --quiet --error-exitcode=1 --std=c11 --inline-suppr -j 2 \
		--enable=warning,performance,portability --suppress=missingInclude \
		--suppress=memleak --suppress=internalAstError --suppress=uninitvar \
		-D'json_object_foreach(o,k,v)=while(next(o,k,v))' \
		-D'json_array_foreach(a,i,v)=while(next(a,i,v))' \
		-I. -D_GNU_SOURCE $(sources)
	printf '%s\n' $(sources) | xargs -P 2 -I {} \
		clang-tidy --quiet --warnings-as-errors='*' {} -- $(ALL_CFLAGS)

format:
	clang-format -i $(sources) $(headers) $(wildcard tests/unit/*/*.[ch] tests/fuzz/*.[ch] tests/bench/*.c)

packages:
	@tests/packages.sh install $(wanted_packages)

install: all
	$(INSTALL) -D -m 755 $(program) $(DESTDIR)$(PREFIX)/bin/shale

uninstall:
	rm -f $(DESTDIR)$(PREFIX)/bin/shale

clean:
	rm -rf build shale

FORCE:
.PHONY: FORCE all bench check-layers clean demo format fuzz headers install integration \
	lint nightly packages test uninstall unit
.SECONDARY:
.DELETE_ON_ERROR:
-include $(shell find $(build) -name '*.d' 2>/dev/null)
