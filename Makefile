# SPDX-License-Identifier: GPL-2.0-only
#
# Builds the module and the program, and runs the tests and the demo.

# The kernel to build for: a folder of headers.
KBUILD_PATH ?= /lib/modules/$(shell uname -r)/build
# That kernel's type information, which has the layout of its structures. The running kernel has
# only its own. With 'headers', the types come from the headers, and from those in SOURCE, a folder
# of the kernel's source: see driver/kernels.md.
KERNEL_RELEASE := $(shell tools/kernel-release "$(KBUILD_PATH)")
IS_RUNNING := $(filter $(shell uname -r),$(KERNEL_RELEASE))
BTF ?= $(firstword $(wildcard $(KBUILD_PATH)/vmlinux \
	$(if $(IS_RUNNING),/sys/kernel/btf/vmlinux) \
	$(if $(KERNEL_RELEASE),/boot/vmlinuz-$(KERNEL_RELEASE))) $(KBUILD_PATH)/vmlinux)
# The crate `kernel` of the module: `kernel` is the kernel's own, which takes its Rust metadata and
# its rustc; `own` is that of driver/kernel. Without a choice, the former where it can be had.
KERNEL_CRATE ?=
RUSTC ?= rustc
# The programs of tools/ that help to build; a package of a distribution has them built already.
MODULE_BUILD ?= $(CARGO) run --quiet --release --package module-build --
LAYOUTS ?= $(CARGO) run --quiet --release --package layouts --
PREFIX ?= /usr/local
PROGRAM ?= target/release/kchaos
INSTALL_MOD_PATH ?= $(DESTDIR)
CARGO ?= cargo
# The program that runs the tests.
SUITE = $(CARGO) run --quiet --release --package suite --
# For `make torture`: its duration, and the choice of its actions.
SECONDS ?= 120
SEED ?= 1

.PHONY: all module kchaos layouts test test-debug test-install matrix torture demo bench
.PHONY: rust-analyzer install install-program deb rpm release test-packages test-reproducible
.PHONY: docs clean help

# `make help` prints the text after ## in the line of a target.
all: module kchaos ## build the module and kchaos [KBUILD_PATH=/lib/modules/.../build]

# The kernel crate's `warn_on!` includes generated files. The dependencies that kbuild has saved
# would generate these again for the present kernel, but inside the headers of the previous build,
# which may be read-only. So `make` drops them first.
module: ## build driver/chaos_driver.ko [KERNEL_CRATE=kernel|own]
	@crate=$$(RUSTC="$(RUSTC)" BTF="$(BTF)" tools/check-kernel "$(KBUILD_PATH)" \
			"$(KERNEL_CRATE)") || exit; \
	if [ "$$crate" = own ]; then \
		exec $(MODULE_BUILD) --btf "$(BTF)" \
			$(if $(SOURCE),--source "$(SOURCE)") \
			--headers "$(KBUILD_PATH)" --rustc "$(RUSTC)"; \
	fi; \
	$(MAKE) --no-print-directory layouts || exit; \
	test ! -e driver/.chaos_driver.o.cmd || \
		sed -i '/\/rust\/kernel\/generated_arch_/d' driver/.chaos_driver.o.cmd; \
	exec $(MAKE) -C "$(KBUILD_PATH)" M="$(CURDIR)" modules

kchaos: ## build target/release/kchaos
	$(CARGO) build --release --package kchaos

layouts: ## generate the kernel's private structures from its type information [BTF=vmlinux]
	@for room in elevator sys; do \
		$(LAYOUTS) --btf "$(BTF)" --contract driver/$$room/layouts.contract \
			--output driver/$$room/layouts/generated.rs || exit; \
	done

test: ## run all tests, on this machine and in VMs
	@$(SUITE) test

test-debug: ## run tests on kernels with sanitizers [KERNELS=forky-kasan] [STEPS='torture volumes']
	@$(SUITE) debug '$(STEPS)'

matrix: ## build, load and test the module on each kernel of tools/targets [MATRIX='forky-rt sid']
	@$(SUITE) matrix

test-install: ## install by README's commands on fresh machines of Debian [TARGET=bookworm]
	@$(SUITE) install $(TARGET)

torture: ## run the torture alone [SECONDS=600] [SEED=7] [KERNELS=forky-kasan]
	@TORTURE_SECONDS="$(SECONDS)" SEED="$(SEED)" $(SUITE) debug torture

demo: ## boot a distribution's kernel in a VM and show everything [TARGET=trixie]
	@$(SUITE) demo $(TARGET)

bench: ## measure costs and exactness [BOOTS=3] [PARTS='idle rules'] [KERNEL_CRATE=own] [OUT=...]
	@$(SUITE) bench

rust-analyzer: ## describe the kernel crate and the module to editors, in driver/rust-project.json
	@tools/lab rust-analyzer

# Builds nothing: root may have no cargo. With the crate of driver/kernel, kbuild has linked the
# module in a folder of its own. kbuild runs no depmod without a System.map, which Debian's headers
# lack, so this target runs it; for a package, the package's own installation does.
#
# The files of tools/boot do nothing by themselves. udev and systemd find them if PREFIX is /usr or
# /usr/local.
OWN_BUILD = $(CURDIR)/target/module/$(KERNEL_RELEASE)/link
IS_OWN = cmp -s driver/chaos_driver.ko "$(OWN_BUILD)/chaos_driver.ko"
install: ## install the module and kchaos [PREFIX=/usr/local] [DESTDIR=/tmp/package]
	@tools/check-installable "$(KBUILD_PATH)"
	@$(MAKE) --no-print-directory install-program
	folder="$(CURDIR)"; if $(IS_OWN); then folder="$(OWN_BUILD)"; fi; \
		$(MAKE) -C "$(KBUILD_PATH)" M="$$folder" \
		INSTALL_MOD_PATH="$(INSTALL_MOD_PATH)" DEPMOD=true modules_install
	test -n "$(INSTALL_MOD_PATH)" || PATH="$$PATH:/usr/sbin:/sbin" depmod "$(KERNEL_RELEASE)"

install-program: ## install kchaos and the files for the boot [PREFIX=/usr/local] [DESTDIR=...]
	install -D -m 755 "$(PROGRAM)" "$(DESTDIR)$(PREFIX)/bin/kchaos"
	install -D -m 644 -t "$(DESTDIR)$(PREFIX)/lib/udev/rules.d" tools/boot/99-zz-ioem.rules
	install -D -m 644 -t "$(DESTDIR)$(PREFIX)/lib/modules-load.d" tools/boot/chaos-driver.conf
	install -D -m 644 -t "$(DESTDIR)$(PREFIX)/lib/systemd/system" tools/boot/kchaos@.service
	sed -i 's|/usr/local/bin|$(PREFIX)/bin|' \
		"$(DESTDIR)$(PREFIX)/lib/systemd/system/kchaos@.service"

deb: ## build the packages of Debian, in target/deb
	@CARGO="$(CARGO)" tools/packages/build

rpm: ## build the packages of rpm, in target/rpm; nobody has tried them on Fedora
	@CARGO="$(CARGO)" tools/packages/rpm/build

release: ## make the files of a release from the commit that is checked out, in target/dist
	@CARGO="$(CARGO)" tools/packages/release

test-reproducible: ## make a release of two clones, and compare all bytes
	@$(SUITE) reproducible

test-packages: ## install and remove the packages on a fresh machine [TARGET=trixie]
	@$(SUITE) packages $(TARGET)

docs: ## make the manual in target/docs, with mdBook
	@$(CARGO) run --quiet --release --package manual -- book

clean: ## remove all built files
	-test ! -e "$(KBUILD_PATH)/Makefile" || $(MAKE) -C "$(KBUILD_PATH)" M="$(CURDIR)" clean
	$(CARGO) clean
	rm -f driver/*/layouts/generated.rs driver/rust-project.json

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /make \1\t/p' $(firstword $(MAKEFILE_LIST)) | expand -t 20
