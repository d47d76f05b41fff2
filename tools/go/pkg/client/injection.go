// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

package client

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
)

// A setting is a file of an injection and its value.
type setting struct {
	file  string
	value string
}

// The kernel makes and removes the directories of injections, with the files in them.
type kernel interface {
	make(directory string) error
	remove(directory string) error
}

type configfs struct{}

func (configfs) make(directory string) error {
	return os.Mkdir(directory, 0o755)
}

func (configfs) remove(directory string) error {
	return os.Remove(directory)
}

// attempts is so many that only a broken source of random numbers needs them all.
const attempts = 64

// inject makes an injection that is off, writes its settings, and switches it on. After an error,
// no injection is left.
func (c *Client) inject(devPath string, op int, pidNs uint, effect []setting) (id int, err error) {
	device, err := device(devPath)
	if err != nil {
		return 0, err
	}
	operations, err := operations(op)
	if err != nil {
		return 0, err
	}
	settings := []setting{{"enabled", "0"}, {"device", device}, {"op", operations}}
	if pidNs != 0 {
		settings = append(settings, setting{"pid_ns", strconv.FormatUint(uint64(pidNs), 10)})
	}
	settings = append(settings, effect...)
	settings = append(settings, setting{"enabled", "1"})

	id, directory, err := c.makeDirectory()
	if err != nil {
		return 0, err
	}
	defer func() {
		if err != nil {
			// The caller learns of the first error.
			_ = c.kernel.remove(directory)
			id = 0
		}
	}()
	for _, setting := range settings {
		if setting.value == "" {
			continue
		}
		if err := write(filepath.Join(directory, setting.file), setting.value); err != nil {
			return 0, fmt.Errorf("injection of %s %s: %w", setting.file, setting.value, err)
		}
	}
	return id, nil
}

// makeDirectory makes an injection with a random id. A counter would begin again after a restart of
// the machine, and an id that a caller still has would then be that of another injection.
func (c *Client) makeDirectory() (int, string, error) {
	for attempt := 0; attempt < attempts; attempt++ {
		var bytes [4]byte
		if _, err := rand.Read(bytes[:]); err != nil {
			return 0, "", fmt.Errorf("choosing an id: %w", err)
		}
		// Chaos Mesh keeps ids in 32 bits with a sign.
		id := int(binary.LittleEndian.Uint32(bytes[:]) >> 1)
		if id == 0 {
			continue
		}
		directory := filepath.Join(c.root, strconv.Itoa(id))
		err := c.kernel.make(directory)
		if errors.Is(err, os.ErrExist) {
			continue
		}
		if err != nil {
			return 0, "", fmt.Errorf("making an injection: %w", err)
		}
		return id, directory, nil
	}
	return 0, "", fmt.Errorf("no free id in %d attempts", attempts)
}

// write gives a file a value in a single write: the driver takes each write as a whole value. A
// file that is not there is not made.
func write(file, value string) error {
	opened, err := os.OpenFile(file, os.O_WRONLY|os.O_TRUNC, 0)
	if err != nil {
		return err
	}
	_, err = opened.WriteString(value + "\n")
	if closed := opened.Close(); err == nil {
		err = closed
	}
	return err
}
