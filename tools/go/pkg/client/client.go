// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

// Package client makes and ends injections of the I/O scheduler ioem.
//
// It has the functions and types of github.com/chaos-mesh/chaos-driver/pkg/client, so that
// Chaos Mesh can use it in place of that package. It writes the driver's files in configfs and needs
// no cgo. An injection is a directory, and its id is the directory's name.
package client

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// COMPATIBLE_VERSION is the version of the driver's interface that this package knows.
const COMPATIBLE_VERSION = 0x1

var (
	// ErrIncompatibleVersion says that the driver's interface has another version.
	ErrIncompatibleVersion = errors.New("incompatible version")
	// ErrFailToGetStat says that a path is no block device.
	ErrFailToGetStat = errors.New("failed to get stat")
	// ErrInvalidArgument says that a value is out of its range. No injection is left.
	ErrInvalidArgument = errors.New("invalid argument")
)

// The operations of an injection, in the numbers that callers pass.
const (
	OpAll   = 0
	OpWrite = 1
	OpRead  = 2
)

// Client is a connection to the driver. Several goroutines may use it at once.
type Client struct {
	root    string
	version int
	kernel  kernel
}

// New finds the driver's directory: the one that the variable IOEM_CONFIGFS names, or that of this
// mount namespace, or that of the host as chaos-daemon mounts it.
func New() (*Client, error) {
	return newClient(places(), configfs{})
}

func places() []string {
	if named := os.Getenv("IOEM_CONFIGFS"); named != "" {
		return []string{named}
	}
	return []string{"/sys/kernel/config/ioem", "/host-sys/kernel/config/ioem"}
}

func newClient(places []string, kernel kernel) (*Client, error) {
	for _, root := range places {
		text, err := os.ReadFile(filepath.Join(root, "version"))
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("reading the driver's version: %w", err)
		}
		version, err := strconv.Atoi(strings.TrimSpace(string(text)))
		if err != nil || version != COMPATIBLE_VERSION {
			return nil, fmt.Errorf("%w: %s has %q, and this package knows %d",
				ErrIncompatibleVersion, root, strings.TrimSpace(string(text)), COMPATIBLE_VERSION)
		}
		return &Client{root: root, version: version, kernel: kernel}, nil
	}
	return nil, fmt.Errorf("%w: there is no %s; load the module chaos_driver, and mount configfs",
		os.ErrNotExist, strings.Join(places, " and no "))
}

// Close ends the connection. Injections stay.
func (c *Client) Close() error {
	return nil
}

// GetVersion returns the version of the driver's interface.
func (c *Client) GetVersion() int {
	return c.version
}

// InjectIOEMDelay delays I/O by `delay` nanoseconds, give or take `jitter`, and returns the id of
// the injection.
//
// devPath is a block device, or empty for all devices on ioem. op is OpAll, OpWrite or OpRead. With
// pidNs, the id of a process, only I/O counts that processes of its PID namespace submit. corr says
// how much a delay resembles the one before: up to 1 it is a fraction, above 1 per cent up to 100.
func (c *Client) InjectIOEMDelay(
	devPath string, op int, pidNs uint, delay int64, jitter int64, corr float64,
) (int, error) {
	delayUs, err := microseconds("delay", delay)
	if err != nil {
		return 0, err
	}
	jitterUs, err := microseconds("jitter", jitter)
	if err != nil {
		return 0, err
	}
	correlation, err := perCent(corr)
	if err != nil {
		return 0, err
	}
	return c.inject(devPath, op, pidNs, []setting{
		{"jitter_us", jitterUs}, {"correlation", correlation}, {"delay_us", delayUs},
	})
}

// InjectIOEMLimit lets at most `quota` I/Os through in each period, and returns the id of the
// injection. The other arguments are those of InjectIOEMDelay. The driver takes a quota of 0 for no
// limit, so 0 is refused: InjectIOEMFreeze lets nothing through.
func (c *Client) InjectIOEMLimit(
	devPath string, op int, pidNs uint, periodUs uint64, quota uint64,
) (int, error) {
	if quota == 0 || quota > math.MaxUint32 {
		return 0, fmt.Errorf("%w: quota %d is not from 1 to %d",
			ErrInvalidArgument, quota, uint32(math.MaxUint32))
	}
	if periodUs == 0 || periodUs > longestUs {
		return 0, fmt.Errorf("%w: a period of %d us is not from 1 to %d",
			ErrInvalidArgument, periodUs, longestUs)
	}
	return c.inject(devPath, op, pidNs, []setting{
		{"period_us", strconv.FormatUint(periodUs, 10)}, {"quota", strconv.FormatUint(quota, 10)},
	})
}

// InjectIOEMFreeze holds all I/O until Recover, or until `lifeMs` milliseconds have passed; 0 is no
// end. A process that waits for the I/O cannot be killed before, so a caller that may die first
// wants an end. The other arguments are those of InjectIOEMDelay.
func (c *Client) InjectIOEMFreeze(devPath string, op int, pidNs uint, lifeMs uint32) (int, error) {
	return c.inject(devPath, op, pidNs, []setting{
		{"duration_ms", strconv.FormatUint(uint64(lifeMs), 10)}, {"freeze", "1"},
	})
}

// Recover ends an injection and releases its I/O. An id that no injection has is no error: somebody
// else may have ended the injection, and callers try again until they succeed.
func (c *Client) Recover(id int) error {
	err := c.kernel.remove(filepath.Join(c.root, strconv.Itoa(id)))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("recovering injection %d: %w", id, err)
	}
	return nil
}

// longestUs is the longest time that the driver takes, an hour.
const longestUs = 3_600_000_000

// microseconds rounds a time up: a delay that is asked for is never none.
func microseconds(what string, ns int64) (string, error) {
	const us = 1000
	if ns < 0 || ns > longestUs*us {
		return "", fmt.Errorf("%w: a %s of %d ns is not from 0 to an hour",
			ErrInvalidArgument, what, ns)
	}
	return strconv.FormatInt((ns+us-1)/us, 10), nil
}

func perCent(corr float64) (string, error) {
	if !(corr >= 0 && corr <= 100) {
		return "", fmt.Errorf("%w: a correlation of %v is neither a fraction up to 1 nor per cent",
			ErrInvalidArgument, corr)
	}
	if corr <= 1 {
		corr *= 100
	}
	return strconv.FormatFloat(corr, 'f', 2, 64), nil
}

func operations(op int) (string, error) {
	switch op {
	case OpAll:
		return "", nil
	case OpWrite:
		return "write write_zeroes", nil
	case OpRead:
		return "read", nil
	}
	return "", fmt.Errorf("%w: operation %d is not 0 (all), 1 (write) or 2 (read)",
		ErrInvalidArgument, op)
}

// device returns the number of a block device in the form of the driver.
func device(devPath string) (string, error) {
	if devPath == "" {
		return "", nil
	}
	info, err := os.Stat(devPath)
	if err != nil {
		return "", fmt.Errorf("stat file: %w", err)
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok || stat.Mode&syscall.S_IFMT != syscall.S_IFBLK {
		return "", fmt.Errorf("%w: %s is no block device", ErrFailToGetStat, devPath)
	}
	return number(uint64(stat.Rdev)), nil
}

// number takes a device's number apart, as the C library has it.
func number(rdev uint64) string {
	major := rdev>>8&0xfff | rdev>>32&^0xfff
	minor := rdev&0xff | rdev>>12&^0xff
	return fmt.Sprintf("%d:%d", uint32(major), uint32(minor))
}
