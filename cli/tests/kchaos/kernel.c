// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
//
// The part of the kernel in configfs, sysfs and /dev that an ordinary folder lacks. The tests
// preload it into kchaos and every program that kchaos starts, so they run the real program, which
// has to be linked dynamically:
//
//  - An injection's files come with its directory, and go with it, all at once. New ones are copies
//    of those in the folder NEW_INJECTION.
//  - A file of configfs or sysfs has its old value or the new one, and nothing in between.
//  - A scheduler that is written into a disk's file `queue/scheduler` is read in brackets.
//  - A node in /dev is a block device. In the tree it is a file that has its number, such as 8:1.

#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static void check(int holds, const char *what)
{
	if (!holds) {
		perror(what);
		abort();
	}
}

// Whether `path` is the directory of an injection, or would be.
static int is_injection(const char *path)
{
	const char *configfs = getenv("KCHAOS_CONFIGFS");
	char parent[PATH_MAX], found[PATH_MAX], ioem[PATH_MAX], expected[PATH_MAX];

	if (!configfs)
		return 0;
	snprintf(parent, sizeof(parent), "%s", path);
	snprintf(ioem, sizeof(ioem), "%s/ioem", configfs);
	return realpath(dirname(parent), found) && realpath(ioem, expected) &&
	       !strcmp(found, expected);
}

// Copies a file, or a link as a link: a link to a file that refuses writes stands for a driver that
// refuses.
static void copy(int from, int to, const char *name)
{
	char text[PATH_MAX];
	ssize_t length = readlinkat(from, name, text, sizeof(text) - 1);
	int file;

	if (length >= 0) {
		text[length] = 0;
		check(!symlinkat(text, to, name), name);
		return;
	}
	file = openat(from, name, O_RDONLY);
	length = read(file, text, sizeof(text));
	check(length >= 0, name);
	close(file);
	file = openat(to, name, O_WRONLY | O_CREAT | O_EXCL, 0644);
	check(write(file, text, length) == length, name);
	close(file);
}

// Calls `act` with the name of each file in a directory.
static void each(const char *directory, const char *other, void (*act)(int, int, const char *))
{
	DIR *entries = opendir(directory);
	int to = open(other, O_RDONLY | O_DIRECTORY);
	struct dirent *entry;

	check(entries && to >= 0, directory);
	while ((entry = readdir(entries)))
		if (entry->d_type != DT_DIR)
			act(dirfd(entries), to, entry->d_name);
	close(to);
	closedir(entries);
}

static void delete(int from, int to, const char *name)
{
	(void)to;
	check(!unlinkat(from, name, 0), name);
}

// A path beside the tree's file systems, for the file or directory that this process makes or
// removes.
static void beside(char *path, const char *use)
{
	snprintf(path, PATH_MAX, "%s.%s.%d", getenv("NEW_INJECTION"), use, gettid());
}

// Removes the directory of an injection that nobody else sees.
static void discard(const char *path)
{
	each(path, path, delete);
	check(!syscall(SYS_unlinkat, AT_FDCWD, path, AT_REMOVEDIR), path);
}

int mkdir(const char *path, mode_t mode)
{
	char made[PATH_MAX];
	int error;

	if (!is_injection(path))
		return syscall(SYS_mkdirat, AT_FDCWD, path, mode);
	beside(made, "made");
	check(!syscall(SYS_mkdirat, AT_FDCWD, made, mode), made);
	each(getenv("NEW_INJECTION"), made, copy);
	if (!renameat2(AT_FDCWD, made, AT_FDCWD, path, RENAME_NOREPLACE))
		return 0;
	error = errno;
	discard(made);
	errno = error;
	return -1;
}

int rmdir(const char *path)
{
	char gone[PATH_MAX];

	if (!is_injection(path))
		return syscall(SYS_unlinkat, AT_FDCWD, path, AT_REMOVEDIR);
	beside(gone, "gone");
	if (rename(path, gone))
		return -1;
	discard(gone);
	return 0;
}

// Whether a path is in the folder that a variable names.
static int is_in(const char *path, const char *variable)
{
	const char *root = getenv(variable);
	char found[PATH_MAX];
	size_t length;

	if (!root || !realpath(root, found))
		return 0;
	length = strlen(found);
	return !strncmp(path, found, length) && path[length] == '/';
}

// Gives a file of the kernel another value.
static ssize_t replace(const char *path, const void *text, size_t length)
{
	static const char scheduler[] = "/queue/scheduler";
	size_t end = strlen(path);
	char new[PATH_MAX], line[128];
	const char *newline;
	size_t shown;
	int file;

	beside(new, "written");
	file = openat(AT_FDCWD, new, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	check(file >= 0, new);
	if (end >= sizeof(scheduler) && !strcmp(path + end - sizeof(scheduler) + 1, scheduler)) {
		newline = memchr(text, '\n', length);
		shown = newline ? (size_t)(newline - (const char *)text) : length;
		shown = snprintf(line, sizeof(line), "[%.*s]\n", (int)shown, (const char *)text);
		check(syscall(SYS_write, file, line, shown) == (ssize_t)shown, new);
	} else {
		check(syscall(SYS_write, file, text, length) == (ssize_t)length, new);
	}
	close(file);
	return rename(new, path) ? -1 : (ssize_t)length;
}

ssize_t write(int fd, const void *text, size_t length)
{
	struct stat named, own;
	char link[64], path[PATH_MAX];
	ssize_t end;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	end = readlink(link, path, sizeof(path) - 1);
	if (end < 0)
		return syscall(SYS_write, fd, text, length);
	path[end] = 0;
	if (!is_in(path, "KCHAOS_CONFIGFS") && !is_in(path, "KCHAOS_SYSFS"))
		return syscall(SYS_write, fd, text, length);
	// A file that is gone takes no value, and neither does another one of its name.
	if (stat(path, &named) || fstat(fd, &own) || named.st_ino != own.st_ino) {
		errno = ENOENT;
		return -1;
	}
	return replace(path, text, length);
}

int statx(int at, const char *restrict path, int flags, unsigned int mask,
	  struct statx *restrict found)
{
	const char *dev = getenv("KCHAOS_DEV");
	char folder[PATH_MAX];
	unsigned int major, minor;
	FILE *file;

	if (syscall(SYS_statx, at, path, flags, mask, found))
		return -1;
	if (!S_ISREG(found->stx_mode) || !dev || !realpath(dev, folder) ||
	    strncmp(path, folder, strlen(folder)))
		return 0;
	file = fopen(path, "r");
	if (file && fscanf(file, "%u:%u", &major, &minor) == 2) {
		found->stx_mode = S_IFBLK | 0660;
		found->stx_rdev_major = major;
		found->stx_rdev_minor = minor;
	}
	if (file)
		fclose(file);
	return 0;
}
