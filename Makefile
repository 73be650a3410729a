# lua-evs. `make help` lists the targets. Every variable below can be given on the command line, for
# instance `make LUA=jit LUA_INCDIR=/usr/local/openresty/luajit/include/luajit-2.1`.

# Which Lua to build for: 5.1, 5.2, 5.3, 5.4, 5.5 or jit. The tests have three more: asan is 5.4 under
# AddressSanitizer and UBSan, oldcurl is 5.2 with the code that a libcurl older than 7.80 needs, x87 is
# 5.4 with the arithmetic of 32-bit x86, which rounds late.
LUA = 5.4

PREFIX  = /usr/local
DESTDIR =
LIBDIR  = $(PREFIX)/lib/lua/$(LUA_ABI)
LUADIR  = $(PREFIX)/share/lua/$(LUA_ABI)

PKG_CONFIG = pkg-config
INSTALL    = install
SPEC       = spec
SECONDS    = 60

# Where headers and libraries are. Left empty, pkg-config is asked, and where it knows nothing the
# compiler's own folders have to do.
LUA_INCDIR    =
CURL_INCDIR   =
CURL_LIBDIR   =
NETTLE_INCDIR =
NETTLE_LIBDIR =

CFLAGS   ?= -O2 -g
CPPFLAGS ?=
LDFLAGS  ?=
WARNINGS  = -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wwrite-strings
# The tests set this to -Werror.
WERROR    =

HARDENING = -fstack-protector-strong -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2
ifeq ($(shell uname -s),Darwin)
LIBFLAG = -bundle -undefined dynamic_lookup
else
LIBFLAG = -shared
HARDENING_LINK = -Wl,-z,relro,-z,now
endif

# What LUA stands for: the folder Lua looks for modules in, the name pkg-config and the interpreter
# have, and the folder of its headers where there is no pkg-config.
LUA_ABI  = $(LUA)
LUA_NAME = lua$(LUA_ABI)
LUA_DIR  = /usr/include/$(LUA_NAME)
ifeq ($(LUA),jit)
LUA_ABI  = 5.1
LUA_NAME = luajit
LUA_DIR  = /usr/include/luajit-2.1
endif
ifeq ($(LUA),oldcurl)
LUA_ABI  = 5.2
VARIANT  = -DEVS_OLD_CURL
endif
ifeq ($(LUA),x87)
LUA_ABI = 5.4
VARIANT = -mfpmath=387
endif
ifeq ($(LUA),asan)
LUA_ABI   = 5.4
VARIANT   = -O1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined
HARDENING =
endif

# make V=1 shows the commands themselves.
say = $(if $(V),,@echo '$(1) $@';)
pkg = $(shell $(PKG_CONFIG) $(1) 2>/dev/null)

lua_found      := $(call pkg,--cflags-only-I $(LUA_NAME))
lua_headers    := $(if $(LUA_INCDIR),-I$(LUA_INCDIR),$(or $(lua_found),-I$(LUA_DIR)))
curl_headers   := $(if $(CURL_INCDIR),-I$(CURL_INCDIR),$(call pkg,--cflags-only-I libcurl))
curl_folder    := $(if $(CURL_LIBDIR),-L$(CURL_LIBDIR),$(call pkg,--libs-only-L libcurl))
nettle_headers := $(if $(NETTLE_INCDIR),-I$(NETTLE_INCDIR),$(call pkg,--cflags-only-I nettle))
nettle_folder  := $(if $(NETTLE_LIBDIR),-L$(NETTLE_LIBDIR),$(call pkg,--libs-only-L nettle))

BUILD = build/$(LUA)

# The rooms that know nothing of Lua.
CORE    := $(sort $(wildcard $(addprefix src/,$(addsuffix /*.c,api base call client http key sign))))
SOURCES := lua_evs.c $(CORE) $(sort $(wildcard src/lua/*.c src/machine/*.c src/module/*.c))
OBJECTS  = $(SOURCES:%.c=$(BUILD)/%.o)
PROBE    = $(wildcard spec/support/core_probe.c)
SYSTEM   = $(BUILD)/evs/cli/system.so
EXPLORER = $(sort $(wildcard spec/model/explorer/*.c))
FUZZERS  = $(patsubst %.c,$(BUILD)/%,$(wildcard fuzz/*.c))
MODULES  = $(BUILD)/evs.so $(SYSTEM) $(PROBE:%.c=$(BUILD)/core_probe.so) \
           $(if $(EXPLORER),$(BUILD)/explorer)

# liblua is not linked: the interpreter that loads the module has it.
LIBS     = $(curl_folder) $(nettle_folder) -lcurl -lnettle -lpthread -ldl
COMPILE  = $(CC) -std=gnu11 -Isrc $(lua_headers) $(curl_headers) $(nettle_headers) $(CPPFLAGS) \
           $(CFLAGS) -fPIC $(HARDENING) $(WARNINGS) $(WERROR) $(VARIANT)
LINK     = $(CC) $(CFLAGS) $(LDFLAGS) $(HARDENING_LINK) $(VARIANT) $(LIBFLAG)

ifeq ($(BUILD),build/5.4)
all: evs.so $(SYSTEM)
else
all: $(BUILD)/evs.so $(SYSTEM)
endif

help: ## Show this list
	@echo "make                 build ./evs.so for Lua 5.4"
	@echo "make LUA=5.1         build build/5.1/evs.so; also 5.2, 5.3, 5.5, jit"
	@sed -n 's/^\([a-z]*\):[^#]*## /\1 /p' Makefile | \
	    while read -r target what; do printf 'make %-15s %s\n' "$$target" "$$what"; done

# A copy, whatever its time says: LuaRocks leaves a module of another Lua under this name.
evs.so: build/5.4/evs.so FORCE
	@cmp -s $< $@ || { echo 'copy $@'; $(INSTALL) -m 755 $< $@; }

$(BUILD)/evs.so: $(OBJECTS)
	$(call say,link)$(LINK) -o $@ $(OBJECTS) $(LIBS)

# The command's own.
$(SYSTEM): $(BUILD)/src/evs/cli/system.o
	@mkdir -p $(@D)
	$(call say,link)$(LINK) -o $@ $<

# A module of the specs' own: the core's inner functions and the table of options, callable from Lua.
$(BUILD)/core_probe.so: $(BUILD)/spec/support/core_probe.o $(CORE:%.c=$(BUILD)/%.o) \
                        $(BUILD)/src/lua/options.o $(BUILD)/src/lua/headers.o
	$(call say,link)$(LINK) -o $@ $^ $(LIBS)

# A program of the specs' own: a deletion along every sequence of answers.
$(BUILD)/explorer: $(patsubst %.c,$(BUILD)/%.o,$(EXPLORER) $(filter-out src/http/%,$(CORE)))
	$(call say,link)$(CC) $(CFLAGS) $(LDFLAGS) $(VARIANT) -o $@ $^ $(nettle_folder) -lnettle

# Programs that libFuzzer feeds; tools/fuzz has the flags for them.
$(FUZZERS): $(BUILD)/%: $(BUILD)/%.o $(OBJECTS)
	$(call say,link)$(CC) $(CFLAGS) $(LDFLAGS) $(VARIANT) -fsanitize=fuzzer -o $@ $^ $(LIBS) \
	    $(call pkg,--libs $(LUA_NAME))

$(BUILD)/spec/%.o: spec/%.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,cc  )$(COMPILE) -MMD -MP -c -o $@ $<

$(BUILD)/%.o: %.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,cc  )$(COMPILE) -fvisibility=hidden -MMD -MP -c -o $@ $<

# Changes only when the flags do, and everything is then compiled anew. Headers of another Lua than LUA
# names are an error: 5.4's have 504 for a number.
$(BUILD)/flags: FORCE
	@mkdir -p $(@D)
	@if ! echo '$(COMPILE) $(LINK)' | cmp -s - $@; then \
	    has=$$(printf '#include <lua.h>\nhas LUA_VERSION_NUM\n' | \
	        $(COMPILE) -x c -E -P - 2>/dev/null | sed -n 's/^has //p'); \
	    has=$$(($${has:-0})); \
	    if [ "$$has" != 0 ] && [ "$$has" != $(subst .,0,$(LUA_ABI)) ]; then \
	        echo "LUA=$(LUA) needs the headers of Lua $(LUA_ABI), but$(lua_headers:-I%= %) has those of" \
	            "$$((has / 100)).$$((has % 100)): name their folder by LUA_INCDIR=" >&2; \
	        exit 1; \
	    fi; \
	    echo '$(COMPILE) $(LINK)' >$@; \
	fi

-include $(OBJECTS:.o=.d) $(BUILD)/src/evs/cli/system.d $(BUILD)/spec/support/core_probe.d \
    $(EXPLORER:%.c=$(BUILD)/%.d) $(FUZZERS:%=%.d)

modules: $(MODULES)

# What the compiler thinks of the sources, without an object of them.
syntax:
	$(COMPILE) -fsyntax-only $(SOURCES) $(PROBE) $(EXPLORER) src/evs/cli/system.c

fuzzers: $(FUZZERS)

# The interpreter that the installed command names in its first line.
LUA_BIN = $(or $(notdir $(shell command -v $(LUA_NAME))),lua)

# What goes where: the modules in Lua, and pairs of a file and its place under PREFIX.
lua_modules = $(patsubst src/%,%,$(wildcard src/*/*.lua src/*/*/*.lua src/*/*/*/*.lua))
types       = $(wildcard library/*.lua library/*/*.lua)
pages       = README.md CHANGELOG.md LICENSE $(wildcard docs/*.md docs/pictures/*.svg examples/*)
emulator    = $(filter-out %_spec.lua,$(wildcard spec/emulator/*))
data_files  = man/evs.1:share/man/man1/evs.1 \
              completion/evs.bash:share/bash-completion/completions/evs \
              completion/evs.zsh:share/zsh/site-functions/_evs \
              $(foreach file,$(emulator),$(file):share/lua-evs/emulator/$(notdir $(file))) \
              $(foreach file,$(types),$(file):share/lua-evs/$(file)) \
              $(foreach file,$(pages),$(file):share/doc/lua-evs/$(file))

emulator_programs = $(foreach name,start certificates, \
                      '$(DESTDIR)$(PREFIX)/share/lua-evs/emulator/$(name)')

install: $(BUILD)/evs.so $(SYSTEM) ## Install under PREFIX (/usr/local); DESTDIR, LIBDIR and LUADIR are heeded
	$(INSTALL) -d '$(DESTDIR)$(LIBDIR)/evs/cli' '$(DESTDIR)$(PREFIX)/bin'
	$(INSTALL) -m 755 $(BUILD)/evs.so '$(DESTDIR)$(LIBDIR)/evs.so'
	$(INSTALL) -m 755 $(SYSTEM) '$(DESTDIR)$(LIBDIR)/evs/cli/system.so'
	@set -e; for file in $(lua_modules); do \
	    $(INSTALL) -d "$(DESTDIR)$(LUADIR)/$$(dirname "$$file")"; \
	    $(INSTALL) -m 644 "src/$$file" "$(DESTDIR)$(LUADIR)/$$file"; \
	done; for pair in $(data_files); do \
	    $(INSTALL) -d "$(DESTDIR)$(PREFIX)/$$(dirname "$${pair#*:}")"; \
	    $(INSTALL) -m 644 "$${pair%:*}" "$(DESTDIR)$(PREFIX)/$${pair#*:}"; \
	done
	@chmod 755 $(emulator_programs)
	@ln -sf ../share/lua-evs/emulator/start '$(DESTDIR)$(PREFIX)/bin/evs-emulator'
	@{ echo '#!/usr/bin/env $(LUA_BIN)'; \
	    echo 'package.path = "$(LUADIR)/?.lua;" .. package.path'; \
	    echo 'package.cpath = "$(LIBDIR)/?.so;" .. package.cpath'; \
	    sed 1d bin/evs; } >'$(DESTDIR)$(PREFIX)/bin/evs'
	@chmod 755 '$(DESTDIR)$(PREFIX)/bin/evs'

uninstall: ## Remove what install has put under PREFIX
	rm -f '$(DESTDIR)$(LIBDIR)/evs.so' '$(DESTDIR)$(LIBDIR)/evs/cli/system.so' \
	    '$(DESTDIR)$(PREFIX)/bin/evs' '$(DESTDIR)$(PREFIX)/bin/evs-emulator'
	@for file in $(lua_modules); do rm -f "$(DESTDIR)$(LUADIR)/$$file"; done
	@for pair in $(data_files); do rm -f "$(DESTDIR)$(PREFIX)/$${pair#*:}"; done
	@cd '$(DESTDIR)$(LIBDIR)' && rmdir -p evs/cli 2>/dev/null || :
	@cd '$(DESTDIR)$(LUADIR)' && rmdir -p $(sort $(dir $(lua_modules))) 2>/dev/null || :
	@cd '$(DESTDIR)$(PREFIX)/share' && \
	    rmdir -p lua-evs/emulator $(sort $(dir $(types:%=lua-evs/%) $(pages:%=doc/lua-evs/%))) 2>/dev/null || :

deps: ## Install what building, demo and tests need and is missing
	@tools/deps test

# Where a target installs packages, the rest of it is made by a second make, which sees them.
demo: ## Delete snapshots of the local emulator
	@tools/deps demo
	@$(MAKE) --no-print-directory LUA=5.4 all
	@tools/demo

emulator: ## Run the local EVS in the foreground; it prints its endpoint and keys
	@tools/deps demo
	@exec spec/emulator/start

check: ## The inner loop: build, lint and what needs no server, in seconds
	@$(MAKE) --no-print-directory LUA=5.4 CC=gcc WERROR=-Werror modules
	@tools/check luacheck shellcheck house cppcheck rules

format: ## Give the C sources the form of .clang-format
	find lua_evs.c src spec fuzz bench tools -name '*.[ch]' -exec clang-format -i {} +

tidy: ## Let clang-tidy read the C sources; takes a minute
	clang-tidy --quiet lua_evs.c $(wildcard src/*/*.c) -- $$(cat compile_flags.txt)

test: ## Everything that must hold before a change lands
	@tools/deps test
	@tools/check $(STEPS)

mutants: ## Break the core in small ways; a spec must notice each break
	@tools/deps test
	@tools/check mutants

spec: ## Run specs only, as in make spec LUA=5.3 SPEC=spec/api/sign_spec.lua
	@$(MAKE) --no-print-directory modules
	@tools/spec $(LUA) $(SPEC)

model: ## Run the model cloud on a new seed, as in make model SECONDS=600
	@$(MAKE) --no-print-directory LUA=5.4 modules
	@tools/model $(SECONDS)

dist: ## Make a release's files in build/dist: archive, rockspecs, rocks and what OPM takes
	@tools/dist

deb: ## Build Debian's packages of library, command and emulator in build/deb
	@tools/deps deb
	@tools/deb

coverage: ## Print which lines and branches the specs run, as in make coverage VARIANTS=5.4
	@tools/deps test coverage
	@tools/coverage $(VARIANTS)

fuzz: ## Feed what reads bytes from outside, as in make fuzz SECONDS=600 FUZZ=json
	@tools/deps test
	@tools/fuzz $(SECONDS) $(FUZZ)

interop: ## Let the official Node core talk to the emulator
	@tools/deps demo interop
	@spec/interop/run

suites: ## Demo and specs in clean chroots of other Debians, as in make suites SUITES=sid
	@tools/deps suites
	@tools/suites $(SUITES)

bench: ## Measure against the floors and the alternatives; prints a table (see bench/README.md)
	@tools/deps test
	@$(MAKE) --no-print-directory LUA=5.4 build/5.4/evs.so
	@$(MAKE) --no-print-directory LUA=jit build/jit/evs.so
	@bench/run

clean: ## Remove what was built
	rm -rf build evs.so

FORCE:

.DEFAULT_GOAL = all
.DELETE_ON_ERROR:
.PHONY: all help check format tidy modules fuzzers syntax install uninstall deps demo emulator test mutants \
        spec model dist deb coverage fuzz interop suites bench clean FORCE
