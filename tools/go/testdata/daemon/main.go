// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

// Command daemon makes the calls of Chaos Mesh's daemon, with the types that are there.
package main

import (
	"fmt"
	"os"

	"github.com/chaos-mesh/chaos-driver/pkg/client"
)

// delaySpec has the types of the daemon's request.
type delaySpec struct {
	Delay       int64
	Correlation float64
	Jitter      int64
}

func apply(volumePath string, pid uint32, spec delaySpec) (int32, error) {
	c, err := client.New()
	if err != nil {
		return 0, err
	}
	defer c.Close()
	id, err := c.InjectIOEMDelay(
		volumePath, 0, uint(pid), spec.Delay, spec.Jitter, float64(spec.Correlation))
	if err != nil {
		return 0, err
	}
	return int32(id), nil
}

func recover(id int32) error {
	c, err := client.New()
	if err != nil {
		return err
	}
	defer c.Close()
	return c.Recover(int(id))
}

func main() {
	id, err := apply("/dev/vda", uint32(os.Getpid()), delaySpec{Delay: 10_000_000})
	if err == nil {
		err = recover(id)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
