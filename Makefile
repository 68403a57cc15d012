# make [SANITIZE=address,undefined] [CC=clang] [all|unit|check-layers|clean]
#
# Objects go to build/<sanitizers or "plain">/, the program to ./shale.

CC ?= gcc
PKG_CONFIG ?= pkg-config
PREFIX ?= /usr/local
VERSION := 0.1.0

SANITIZE ?=
build := build/$(if $(SANITIZE),$(subst $(comma),-,$(SANITIZE)),plain)
comma := ,
program := $(if $(SANITIZE),$(build)/shale,shale)

packages := libarchive libcrypto libcurl jansson libzstd libseccomp libcap libisal libdeflate
CFLAGS ?= -O2 -g
WARNINGS := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith \
	-Wwrite-strings -Wvla -Wdeclaration-after-statement -Wno-declaration-after-statement
ALL_CFLAGS := -std=c17 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -DSHALE_VERSION='"$(VERSION)"' \
	-I. $(WARNINGS) -pthread $(shell $(PKG_CONFIG) --cflags $(packages)) \
	$(if $(SANITIZE),-fsanitize=$(SANITIZE) -fno-omit-frame-pointer -fno-sanitize-recover=undefined) $(CFLAGS)
ALL_LIBS := $(shell $(PKG_CONFIG) --libs $(packages)) -lm $(LIBS)
ALL_LDFLAGS := -pthread $(if $(SANITIZE),-fsanitize=$(SANITIZE)) $(LDFLAGS)

base_src := $(wildcard store/base/*.c)
store_src := $(wildcard store/*.c)
parser_src := $(wildcard parser/*.c)
registry_src := $(wildcard registry/*.c)
builder_src := $(filter-out builder/main.c,$(wildcard builder/*.c builder/*/*.c))
sources := $(base_src) $(store_src) $(parser_src) $(registry_src) $(builder_src)
objects = $(patsubst %.c,$(build)/%.o,$(1))

# Static libraries in link order; a unit test links only what it uses.
libs := $(build)/libbuilder.a $(build)/libregistry.a $(build)/libparser.a $(build)/libstore.a $(build)/libbase.a

tests_src := $(wildcard tests/unit/*/test_*.c)
tests := $(patsubst %.c,$(build)/%,$(tests_src))

all: $(program)

$(program): $(call objects,builder/main.c) $(libs)
	$(CC) $(ALL_LDFLAGS) -o $@ $^ $(ALL_LIBS)

$(build)/libbuilder.a: $(call objects,$(builder_src))
$(build)/libregistry.a: $(call objects,$(registry_src))
$(build)/libparser.a: $(call objects,$(parser_src))
$(build)/libstore.a: $(call objects,$(store_src))
$(build)/libbase.a: $(call objects,$(base_src))
$(libs):
	@mkdir -p $(@D)
	@rm -f $@
	$(AR) rcsD $@ $^

$(build)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

$(tests): $(build)/%: $(build)/%.o $(libs)
	$(CC) $(ALL_LDFLAGS) -o $@ $^ $(ALL_LIBS) -lcmocka

unit: $(tests)
	@for t in $(tests); do echo "$$t"; $$t || exit 1; done

clean:
	rm -rf build shale

.PHONY: all unit clean
.SECONDARY:
-include $(shell find $(build) -name '*.d' 2>/dev/null)
