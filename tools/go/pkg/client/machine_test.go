// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

package client

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// machine connects to the driver of this machine, and puts the disk that the variable
// IOEM_TEST_DEVICE names on ioem as Chaos Mesh's daemon does. It returns the disk's path.
func machine(t *testing.T) (*Client, string) {
	disk := os.Getenv("IOEM_TEST_DEVICE")
	if disk == "" {
		t.Skip("IOEM_TEST_DEVICE names no disk whose I/O may be slow")
	}
	file := filepath.Join("/sys/block", disk, "queue/scheduler")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	chosen := ""
	for _, scheduler := range strings.Fields(string(text)) {
		if strings.Contains(scheduler, "ioem") {
			chosen = scheduler
		}
	}
	if !strings.HasPrefix(chosen, "[") {
		if err := os.WriteFile(file, []byte(chosen), 0); err != nil {
			t.Fatal(err)
		}
	}
	c, err := New()
	if err != nil {
		t.Fatal(err)
	}
	return c, filepath.Join("/dev", disk)
}

// read reads a block from the disk itself, and returns how long that took.
func read(t *testing.T, path string) time.Duration {
	t.Helper()
	disk, err := syscall.Open(path, syscall.O_RDONLY|syscall.O_DIRECT, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(disk)
	page, err := syscall.Mmap(-1, 0, 4096, syscall.PROT_READ|syscall.PROT_WRITE,
		syscall.MAP_PRIVATE|syscall.MAP_ANON)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Munmap(page)
	begin := time.Now()
	if _, err := syscall.Read(disk, page); err != nil {
		t.Fatal(err)
	}
	return time.Since(begin)
}

// within asks that each of ten reads takes from `least` to `most`.
func within(t *testing.T, what, path string, least, most time.Duration) {
	t.Helper()
	for range [10]int{} {
		if took := read(t, path); took < least || took > most {
			t.Errorf("%s: a read took %v, and not from %v to %v", what, took, least, most)
		}
	}
}

const (
	ms    = time.Millisecond
	delay = 20 * ms
	quick = 10 * ms
)

func TestMachineDelays(t *testing.T) {
	c, disk := machine(t)
	within(t, "before", disk, 0, quick)
	for _, injection := range []struct {
		what   string
		op     int
		pid    uint
		jitter time.Duration
		slow   bool
	}{
		{"all", OpAll, 0, 0, true},
		{"jitter", OpAll, 0, ms, true},
		{"reads", OpRead, 0, 0, true},
		{"writes", OpWrite, 0, 0, false},
		{"own namespace", OpAll, uint(os.Getpid()), 0, true},
		{"another namespace", OpAll, other(t), 0, false},
	} {
		id, err := c.InjectIOEMDelay(
			disk, injection.op, injection.pid, int64(delay), int64(injection.jitter), 25)
		if err != nil {
			t.Fatal(injection.what, err)
		}
		if injection.slow {
			within(t, injection.what, disk, delay-injection.jitter, 2*delay)
		} else {
			within(t, injection.what, disk, 0, quick)
		}
		if err := c.Recover(id); err != nil {
			t.Fatal(err)
		}
		within(t, "after "+injection.what, disk, 0, quick)
	}
}

// other starts a process in a PID namespace of its own, and returns its id here.
func other(t *testing.T) uint {
	sleep := exec.Command("sleep", "1000")
	sleep.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID}
	if err := sleep.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = sleep.Process.Kill()
		_ = sleep.Wait()
	})
	return uint(sleep.Process.Pid)
}

func TestMachineLimits(t *testing.T) {
	c, disk := machine(t)
	id, err := c.InjectIOEMLimit(disk, 0, 0, 100_000, 10)
	if err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	for range [31]int{} {
		read(t, disk)
	}
	if took := time.Since(begin); took < 200*ms {
		t.Errorf("31 reads of at most 10 in 100 ms took %v", took)
	}
	if err := c.Recover(id); err != nil {
		t.Fatal(err)
	}
}

func TestMachineFreezes(t *testing.T) {
	c, disk := machine(t)
	id, err := c.InjectIOEMFreeze(disk, 0, 0, 500)
	if err != nil {
		t.Fatal(err)
	}
	if took := read(t, disk); took < 400*ms {
		t.Errorf("a read took %v of a freeze of 500 ms", took)
	}
	if err := c.Recover(id); err != nil {
		t.Fatal(err)
	}
	// Recover lets go of held I/O at once.
	id, err = c.InjectIOEMFreeze(disk, 0, 0, 60_000)
	if err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(300*ms, func() {
		if err := c.Recover(id); err != nil {
			t.Error(err)
		}
	})
	if took := read(t, disk); took < 200*ms || took > 5*time.Second {
		t.Errorf("a read took %v of a freeze that ends after 300 ms", took)
	}
}

func TestMachineRefuses(t *testing.T) {
	c, disk := machine(t)
	const nobody = 4_194_304
	id, err := c.InjectIOEMDelay(disk, 0, nobody, int64(delay), 0, 0)
	if !errors.Is(err, syscall.ESRCH) || id != 0 {
		t.Errorf("id %d, %v", id, err)
	}
	if left := injections(t, c); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

// An id from before the driver was loaded again is that of no other injection.
func TestMachineLoadsTheDriverAgain(t *testing.T) {
	c, disk := machine(t)
	var old, now []int
	make := func(ids *[]int) {
		for range [50]int{} {
			id, err := c.InjectIOEMDelay("", 0, 0, 1, 0, 0)
			if err != nil {
				t.Fatal(err)
			}
			*ids = append(*ids, id)
		}
	}
	recover := func(ids []int) {
		for _, id := range ids {
			if err := c.Recover(id); err != nil {
				t.Fatal(err)
			}
		}
	}
	make(&old)
	recover(old)
	scheduler := filepath.Join("/sys/block", filepath.Base(disk), "queue/scheduler")
	if err := os.WriteFile(scheduler, []byte("none"), 0); err != nil {
		t.Fatal(err)
	}
	for _, words := range [][]string{{"rmmod", "chaos_driver"}, {"insmod", "/chaos_driver.ko"}} {
		if said, err := exec.Command(words[0], words[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %v %s", words, err, said)
		}
	}
	make(&now)
	recover(old)
	if left := len(injections(t, c)); left != 50 {
		t.Errorf("%d injections of 50 are left", left)
	}
	recover(now)
	if left := injections(t, c); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}
