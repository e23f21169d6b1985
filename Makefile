# triptych: make demo (set up, build, one idea in, a text, a tune and a sprite out) and make test do everything.
#   CC=clang   another compiler          SAN=1  AddressSanitizer and UBSan       V=1  show the commands
CC ?= cc
MODE := $(if $(SAN),san,opt)
BUILD := build/$(notdir $(CC))-$(MODE)
Q := $(if $(V),,@)
PREFIX ?= /usr/local

PACKAGES := libpng libcjson libpcre2-8 sndfile
WARNINGS := -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wundef -Wwrite-strings \
            -Wvla -Wformat=2 -Wdouble-promotion $(if $(findstring clang,$(CC)),,-Wno-format-truncation) $(if $(CI),-Werror)
CFLAGS ?= -O3 -g1
# -ffp-contract=off: the same sums on every CPU and with every compiler, so that a seed gives the same piece everywhere.
OWN := -std=gnu11 -I. -D_GNU_SOURCE -fPIE -ffp-contract=off -fno-math-errno -fno-trapping-math -fstack-protector-strong $(WARNINGS)
SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer -O1
SANFLAGS := $(if $(SAN),$(SANITIZE))
PKG_CFLAGS = $(shell pkg-config --cflags $(PACKAGES))
PKG_LIBS = $(shell pkg-config --libs $(PACKAGES))
LIBS = $(PKG_LIBS) -lpthread -ldl -lm

ROOMS := core outputs tokenizers modalities app
SOURCES := $(wildcard $(addsuffix /*.c,$(ROOMS)))
OBJECTS := $(SOURCES:%.c=$(BUILD)/%.o)
PARTS := $(filter-out $(BUILD)/app/main.o,$(OBJECTS))
TESTS := $(patsubst tests/%.c,$(BUILD)/tests/%,$(wildcard tests/test_*.c))

.PRECIOUS: $(BUILD)/%.o $(BUILD)/tests/%.o
.PHONY: FORCE all test demo bench layers install clean setup kill
all: triptych

triptych: $(BUILD)/triptych FORCE
	$(Q)cmp -s $< $@ || { cp -f $< $@.new && mv -f $@.new $@; }

$(BUILD)/triptych: $(OBJECTS)
	$(Q)$(CC) $(SANFLAGS) -pie -Wl,-z,relro -Wl,-z,now -Wl,--as-needed -o $@ $^ $(LIBS)

$(BUILD)/%.o: %.c | setup
	@mkdir -p $(@D)
	$(Q)$(CC) $(OWN) $(CFLAGS) $(SANFLAGS) $(PKG_CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/tests/%: $(BUILD)/tests/%.o $(PARTS)
	$(Q)$(CC) $(SANFLAGS) -pie -Wl,--as-needed -o $@ $^ $(shell pkg-config --libs check zlib) $(LIBS)

$(BUILD)/tests/%.o: PKG_CFLAGS += $(shell pkg-config --cflags check)

# Missing packages are installed where that is allowed, else the one command to run is printed.
setup:
	@tests/setup.sh

test: layers triptych $(TESTS)
	$(Q)BUILD=$(BUILD) tests/run.sh $(TESTS)

demo: triptych
	$(Q)./triptych compose "a brave mouse and the moon" -o demo --overwrite

# core <- outputs <- tokenizers <- modalities <- app: an include against the arrows is an error.
layers:
	$(Q)tests/layers.sh

# Longer checks, not part of make test.
kill: triptych
	$(Q)tests/kill.sh 20

# SECTIONS="limits training characters decoding shipped tokens codes retrieval fill program"; PEERS=a Python with the peers (bench/bench.h).
bench: triptych $(BUILD)/bench/bench
	$(Q)PEERS=$(PEERS) SMOLLM2=$(SMOLLM2) $(BUILD)/bench/bench $(SECTIONS)

BENCH := $(patsubst %.c,$(BUILD)/%.o,$(wildcard bench/*.c))
$(BUILD)/bench/bench: $(BENCH) $(PARTS)
	$(Q)$(CC) $(SANFLAGS) -pie -Wl,--as-needed -o $@ $^ $(LIBS)

install: triptych
	install -D -m 755 triptych $(DESTDIR)$(PREFIX)/bin/triptych
	mkdir -p $(DESTDIR)$(PREFIX)/share/triptych/models
	cp -r models/default $(DESTDIR)$(PREFIX)/share/triptych/models/

clean:
	rm -rf build triptych demo

-include $(OBJECTS:.o=.d) $(TESTS:=.d) $(BENCH:.o=.d)
