// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

package client

import (
	"errors"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// files are those of an injection that this package writes, with the defaults of the driver.
var files = map[string]string{
	"enabled": "1", "device": "", "op": "", "pid_ns": "", "delay_us": "0", "jitter_us": "0",
	"correlation": "0", "period_us": "1000000", "quota": "0", "duration_ms": "0", "freeze": "0",
}

// A folder stands for the driver's directory. What an ordinary folder lacks is here.
type folder struct {
	// refuses is a file that takes no value.
	refuses string
	// taken is how many ids are taken before one is free.
	taken int
	mutex sync.Mutex
}

func (f *folder) make(directory string) error {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	if f.taken > 0 {
		f.taken--
		return &os.PathError{Op: "mkdir", Path: directory, Err: syscall.EEXIST}
	}
	if err := os.Mkdir(directory, 0o755); err != nil {
		return err
	}
	for file, value := range files {
		path := filepath.Join(directory, file)
		if file == f.refuses {
			if err := os.Symlink("/dev/full", path); err != nil {
				return err
			}
		} else if err := os.WriteFile(path, []byte(value+"\n"), 0o644); err != nil {
			return err
		}
	}
	return nil
}

func (f *folder) remove(directory string) error {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	if _, err := os.Stat(directory); err != nil {
		return err
	}
	return os.RemoveAll(directory)
}

func loaded(t *testing.T, version string) string {
	root := t.TempDir()
	if err := os.WriteFile(filepath.Join(root, "version"), []byte(version), 0o444); err != nil {
		t.Fatal(err)
	}
	return root
}

func connected(t *testing.T, f *folder) *Client {
	c, err := newClient([]string{"/no/such/folder", loaded(t, "1\n")}, f)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func injections(t *testing.T, c *Client) []string {
	found, err := filepath.Glob(filepath.Join(c.root, "*/enabled"))
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func value(t *testing.T, c *Client, id int, file string) string {
	text, err := os.ReadFile(filepath.Join(c.root, strconv.Itoa(id), file))
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(text))
}

func expect(t *testing.T, c *Client, id int, values map[string]string) {
	t.Helper()
	for file, standard := range files {
		expected, isGiven := values[file]
		if !isGiven {
			expected = standard
		}
		if found := value(t, c, id, file); found != expected {
			t.Errorf("%s has %q and not %q", file, found, expected)
		}
	}
}

func TestTheFourCallsOfChaosDaemon(t *testing.T) {
	c := connected(t, &folder{})
	if c.GetVersion() != COMPATIBLE_VERSION {
		t.Errorf("version %d", c.GetVersion())
	}
	// Delay, jitter and correlation are in this order, each in its own file.
	id, err := c.InjectIOEMDelay("", 0, uint(os.Getpid()), 10_000_000, 2_000_000, 50)
	if err != nil {
		t.Fatal(err)
	}
	if id <= 0 || id > math.MaxInt32 {
		t.Errorf("id %d has no place in 31 bits", id)
	}
	expect(t, c, id, map[string]string{
		"delay_us": "10000", "jitter_us": "2000", "correlation": "50.00", "pid_ns": strconv.Itoa(os.Getpid()),
	})
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	// Chaos Mesh recovers by another client, and again if it does not know whether it has.
	other := &Client{root: c.root, kernel: c.kernel}
	for range [2]int{} {
		if err := other.Recover(id); err != nil {
			t.Fatal(err)
		}
	}
	if left := injections(t, c); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

func TestRecoverOfNoIdIsNoError(t *testing.T) {
	c := connected(t, &folder{})
	for _, id := range []int{0, -1, 1, math.MaxInt32, math.MaxInt64} {
		if err := c.Recover(id); err != nil {
			t.Errorf("%d: %v", id, err)
		}
	}
	if _, err := os.Stat(filepath.Join(c.root, "version")); err != nil {
		t.Error(err)
	}
}

func TestTimesAreRoundedUpAndMayBeLong(t *testing.T) {
	c := connected(t, &folder{})
	for _, time := range []struct {
		ns int64
		us string
	}{{0, "0"}, {1, "1"}, {999, "1"}, {1000, "1"}, {1001, "2"}, {3_600_000_000_000, "3600000000"}} {
		id, err := c.InjectIOEMDelay("", 0, 0, time.ns, time.ns, 0)
		if err != nil {
			t.Fatal(err)
		}
		expect(t, c, id, map[string]string{
			"delay_us": time.us, "jitter_us": time.us, "correlation": "0.00",
		})
	}
}

func TestCorrelationIsAFractionOrPerCent(t *testing.T) {
	c := connected(t, &folder{})
	for corr, text := range map[float64]string{
		0: "0.00", 0.25: "25.00", 1: "100.00", 1.5: "1.50", 25: "25.00", 99.999: "100.00",
		100: "100.00",
	} {
		id, err := c.InjectIOEMDelay("", 0, 0, 1000, 0, corr)
		if err != nil {
			t.Fatal(err)
		}
		if found := value(t, c, id, "correlation"); found != text {
			t.Errorf("%v is %s and not %s", corr, found, text)
		}
	}
}

func TestOperationsAreThoseOfTheDocumentation(t *testing.T) {
	c := connected(t, &folder{})
	for op, text := range []string{OpAll: "", OpWrite: "write write_zeroes", OpRead: "read"} {
		id, err := c.InjectIOEMLimit("", op, 0, 1000, 15)
		if err != nil {
			t.Fatal(err)
		}
		expect(t, c, id, map[string]string{"op": text, "period_us": "1000", "quota": "15"})
	}
}

func TestAFreezeHasItsEndBeforeItBegins(t *testing.T) {
	c := connected(t, &folder{})
	id, err := c.InjectIOEMFreeze("", OpRead, 0, 10_000)
	if err != nil {
		t.Fatal(err)
	}
	expect(t, c, id, map[string]string{"freeze": "1", "duration_ms": "10000", "op": "read"})
	withoutEnd := &folder{refuses: "duration_ms"}
	c = connected(t, withoutEnd)
	if _, err := c.InjectIOEMFreeze("", 0, 0, 10_000); err == nil {
		t.Error("a freeze without its end began")
	}
}

func TestRefusedArgumentsMakeNothing(t *testing.T) {
	c := connected(t, &folder{})
	hour := int64(3_600_000_000_000)
	delay := func(path string, op int, delay, jitter int64, corr float64) error {
		_, err := c.InjectIOEMDelay(path, op, 0, delay, jitter, corr)
		return err
	}
	limit := func(period, quota uint64) error {
		_, err := c.InjectIOEMLimit("", 0, 0, period, quota)
		return err
	}
	for _, refused := range []struct {
		err  error
		kind error
	}{
		{delay("", 0, -1, 0, 0), ErrInvalidArgument},
		{delay("", 0, hour+1, 0, 0), ErrInvalidArgument},
		{delay("", 0, math.MaxInt64, 0, 0), ErrInvalidArgument},
		{delay("", 0, 0, -1, 0), ErrInvalidArgument},
		{delay("", 0, 0, hour+1, 0), ErrInvalidArgument},
		{delay("", 0, 0, 0, -0.1), ErrInvalidArgument},
		{delay("", 0, 0, 0, 100.1), ErrInvalidArgument},
		{delay("", 0, 0, 0, math.NaN()), ErrInvalidArgument},
		{delay("", 0, 0, 0, math.Inf(1)), ErrInvalidArgument},
		{delay("", 3, 0, 0, 0), ErrInvalidArgument},
		{delay("", -1, 0, 0, 0), ErrInvalidArgument},
		{delay("/no/such/device", 0, 0, 0, 0), os.ErrNotExist},
		{delay("/", 0, 0, 0, 0), ErrFailToGetStat},
		{delay("/dev/null", 0, 0, 0, 0), ErrFailToGetStat},
		{limit(0, 1), ErrInvalidArgument},
		{limit(3_600_000_001, 1), ErrInvalidArgument},
		{limit(1, 0), ErrInvalidArgument},
		{limit(1, math.MaxUint32+1), ErrInvalidArgument},
	} {
		if !errors.Is(refused.err, refused.kind) {
			t.Errorf("%v is no %v", refused.err, refused.kind)
		}
	}
	if left := injections(t, c); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

// Each write of an injection fails in turn, and the caller learns the kernel's reason.
func TestAFailedWriteLeavesNothing(t *testing.T) {
	for _, file := range []string{"enabled", "op", "pid_ns", "delay_us", "jitter_us", "correlation"} {
		c := connected(t, &folder{refuses: file})
		id, err := c.InjectIOEMDelay("", OpRead, 1, 1000, 1000, 0)
		if !errors.Is(err, syscall.ENOSPC) || id != 0 {
			t.Errorf("%s: id %d, %v", file, id, err)
		}
		if left := injections(t, c); len(left) > 0 {
			t.Errorf("%s: left: %v", file, left)
		}
	}
}

func TestIdsAreFreeOnes(t *testing.T) {
	taken := &folder{taken: 5}
	c := connected(t, taken)
	if _, err := c.InjectIOEMDelay("", 0, 0, 1000, 0, 0); err != nil || taken.taken != 0 {
		t.Errorf("%d are left to try: %v", taken.taken, err)
	}
	taken.taken = attempts
	if _, err := c.InjectIOEMDelay("", 0, 0, 1000, 0, 0); err == nil {
		t.Error("an id was found though all are taken")
	}
}

// After a restart of the machine no injection is there, and no id comes again.
func TestIdsDoNotComeAgain(t *testing.T) {
	seen := map[int]bool{}
	for range [2]int{} {
		c := connected(t, &folder{})
		var mutex sync.Mutex
		var group sync.WaitGroup
		for worker := 0; worker < 10; worker++ {
			group.Add(1)
			go func() {
				defer group.Done()
				for range [10]int{} {
					id, err := c.InjectIOEMDelay("", 0, 0, 1000, 0, 0)
					mutex.Lock()
					if err != nil || seen[id] {
						t.Errorf("id %d again, or %v", id, err)
					}
					seen[id] = true
					mutex.Unlock()
				}
			}()
		}
		group.Wait()
		if made := len(injections(t, c)); made != 100 {
			t.Errorf("%d injections of 100", made)
		}
	}
}

func TestTheDriverIsFoundAndItsVersionChecked(t *testing.T) {
	for _, version := range []string{"2\n", "", "one\n"} {
		_, err := newClient([]string{loaded(t, version)}, configfs{})
		if !errors.Is(err, ErrIncompatibleVersion) {
			t.Errorf("%q: %v", version, err)
		}
	}
	_, err := newClient([]string{"/no/such/folder"}, configfs{})
	if !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "chaos_driver") {
		t.Errorf("%v", err)
	}
	t.Setenv("IOEM_CONFIGFS", loaded(t, "1\n"))
	if _, err := New(); err != nil {
		t.Error(err)
	}
}

func TestNumbersOfDevices(t *testing.T) {
	for rdev, text := range map[uint64]string{
		0x810: "8:16", 0x12310345: "259:74565", 0x1000_0002_3400: "4660:0",
	} {
		if found := number(rdev); found != text {
			t.Errorf("%x is %s and not %s", rdev, found, text)
		}
	}
}

// Chaos Mesh's daemon builds with this package in place of the other.
func TestAReplaceLineIsEnough(t *testing.T) {
	tool, err := exec.LookPath("go")
	if err != nil {
		t.Skip("there is no go")
	}
	build := exec.Command(tool, "build", "-o", os.DevNull, ".")
	build.Dir = "../../testdata/daemon"
	build.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOPROXY=off", "GOWORK=off")
	if said, err := build.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, said)
	}
}
