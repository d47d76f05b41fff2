# SPDX-License-Identifier: GPL-2.0-only
#
# Builds the module and the program, and runs the tests and the demo.

# The kernel to build for: a folder of headers whose `rust/` has the metadata of the kernel crate.
KBUILD_PATH ?= /lib/modules/$(shell uname -r)/build
# Where that kernel tells how its structures are laid out. The kernel that runs tells it of itself, and of no other.
IS_RUNNING := $(filter $(shell uname -r),$(shell cat "$(KBUILD_PATH)/include/config/kernel.release" 2>/dev/null))
BTF ?= $(firstword $(wildcard $(KBUILD_PATH)/vmlinux $(if $(IS_RUNNING),/sys/kernel/btf/vmlinux)) $(KBUILD_PATH)/vmlinux)
PREFIX ?= /usr/local
INSTALL_MOD_PATH ?= $(DESTDIR)
CARGO ?= cargo
# What runs the tests.
SUITE = $(CARGO) run --quiet --release --package suite --
# For `make torture`: for how long, and which choice of actions.
SECONDS ?= 120
SEED ?= 1

.PHONY: all module kchaos layouts check-kernel test test-debug matrix torture demo bench
.PHONY: rust-analyzer install clean help

# What follows ## in a target's line is its line in `make help`.
all: module kchaos ## build the module and kchaos [KBUILD_PATH=/lib/modules/.../build]

# The kernel crate's `warn_on` includes files that kbuild can make, so that of what depends on them it makes them anew, by the
# settings of whatever kernel it builds for now: in the headers that the last build was for, where it may not even write.
module: check-kernel layouts ## build driver/chaos_driver.ko
	@test ! -e driver/.chaos_driver.o.cmd || sed -i '/\/rust\/kernel\/generated_arch_/d' driver/.chaos_driver.o.cmd
	$(MAKE) -C "$(KBUILD_PATH)" M="$(CURDIR)" modules

kchaos: ## build target/release/kchaos
	$(CARGO) build --release --package kchaos

layouts: ## generate the kernel's private structures from its type information [BTF=vmlinux]
	@for room in elevator sys; do \
		$(CARGO) run --quiet --release --package layouts -- --btf "$(BTF)" \
			--contract driver/$$room/layouts.contract \
			--output driver/$$room/layouts/generated.rs || exit; \
	done

check-kernel: ## say what the kernel lacks for a module in Rust
	@tools/check-kernel "$(KBUILD_PATH)"

test: ## run all tests, on this machine and in VMs
	@$(SUITE) test

test-debug: ## run tests on kernels with sanitizers [KERNELS=forky-kasan] [STEPS='torture volumes']
	@$(SUITE) debug '$(STEPS)'

matrix: ## build, load and test the module on each kernel of tools/targets [MATRIX='forky-rt sid']
	@$(SUITE) matrix

torture: ## run the torture alone [SECONDS=600] [SEED=7] [KERNELS=forky-kasan]
	@TORTURE_SECONDS="$(SECONDS)" SEED="$(SEED)" $(SUITE) debug torture

demo: ## boot a distribution's kernel in a VM and show everything
	@$(SUITE) demo

bench: ## measure costs and exactness [BOOTS=3] [PARTS='idle rules'] [OUT=target/bench/results]
	@$(SUITE) bench

rust-analyzer: ## describe the kernel crate and the module to editors, in driver/rust-project.json
	@tools/lab rust-analyzer

# What was built, be it by `tools/lab build`: where the headers lack Rust's metadata, nothing else can, and root may have no cargo.
# kbuild leaves out depmod where there is no System.map, as with Debian's headers; for a package that is made, its installation does it.
install: ## install what is built [PREFIX=/usr/local] [DESTDIR=/tmp/package]
	@tools/check-installable "$(KBUILD_PATH)"
	install -D -m 755 target/release/kchaos "$(DESTDIR)$(PREFIX)/bin/kchaos"
	$(MAKE) -C "$(KBUILD_PATH)" M="$(CURDIR)" INSTALL_MOD_PATH="$(INSTALL_MOD_PATH)" DEPMOD=true modules_install
	test -n "$(INSTALL_MOD_PATH)" || \
		PATH="$$PATH:/usr/sbin:/sbin" depmod "$$(cat "$(KBUILD_PATH)/include/config/kernel.release")"

clean: ## remove what is built
	-test ! -e "$(KBUILD_PATH)/Makefile" || $(MAKE) -C "$(KBUILD_PATH)" M="$(CURDIR)" clean
	$(CARGO) clean
	rm -f driver/*/layouts/generated.rs driver/rust-project.json

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /make \1\t/p' $(firstword $(MAKEFILE_LIST)) | expand -t 20
