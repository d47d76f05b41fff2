// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
//
// The part of the kernel in configfs, sysfs and /dev that an ordinary folder lacks. The tests
// preload it into kchaos and every program that kchaos starts, so they run the real program, which
// has to be linked dynamically:
//
//  - An injection's files come with its directory, and go with it, all at once. New ones are copies
//    of those in the folder NEW_INJECTION.
//  - A file of configfs or sysfs has its old value or the new one, and nothing in between.
//  - A scheduler that is written into a disk's file `queue/scheduler` is read in brackets. With
//    another scheduler, `queue/nr_requests` has that scheduler's first number.
//  - A cgroup's files come with its directory, and go with it, unless a process of it lives: a
//    directory with a file `cgroup.procs` has cgroups in it. A process that writes 0 into that file
//    is in it from then on.
//  - The names of controllers that are written with a + into `cgroup.subtree_control` are read
//    without it. A cgroup with a process, other than the one above all others, takes none.
//  - A node in /dev is a block device. In the tree it is a file that has its number, such as 8:1.
//  - A file is on a device, and on a mount: the file TREE_STAT says on which.
//  - SIGKILL ends the program before its change number TREE_KILL in configfs, sysfs and the folder
//    of kchaos, and change number TREE_FAIL fails, as on a full file system.
//    From change number TREE_FULL on, the folder of kchaos has no room.

#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
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

// Whether a directory has a file of this name.
static int has(const char *directory, const char *name)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	return !access(path, F_OK);
}

// Whether a process of a cgroup lives.
static int is_populated(const char *directory)
{
	char path[PATH_MAX];
	int pid, lives = 0;
	FILE *file;

	snprintf(path, sizeof(path), "%s/cgroup.procs", directory);
	file = fopen(path, "r");
	while (file && !lives && fscanf(file, "%d", &pid) == 1)
		lives = !kill(pid, 0);
	if (file)
		fclose(file);
	return lives;
}

static void make_cgroup_files(const char *directory)
{
	static const char *const names[] = { "cgroup.procs", "cgroup.subtree_control",
					     "cgroup.type" };
	char path[PATH_MAX];
	size_t place;
	int file;

	for (place = 0; place < sizeof(names) / sizeof(*names); place++) {
		snprintf(path, sizeof(path), "%s/%s", directory, names[place]);
		file = open(path, O_WRONLY | O_CREAT | O_EXCL, 0644);
		check(file >= 0, path);
		close(file);
	}
}

// A path beside the tree's file systems, for a directory that this process makes or removes.
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

// Counts the changes of the program, and ends it or fails one if the test asks for that. A file
// beside NEW_INJECTION says that this has happened.
static int is_stopped(const char *path, int frees)
{
	static const char *const roots[] = { "KCHAOS_CONFIGFS", "KCHAOS_SYSFS", "KCHAOS_STATE" };
	static int changes;
	const char *last = getenv("TREE_KILL"), *failing = getenv("TREE_FAIL");
	const char *full = getenv("TREE_FULL");
	const char *number = last ? last : failing ? failing : full;
	char said[PATH_MAX];
	size_t place;

	for (place = 0; place < 3 && !is_in(path, roots[place]); place++)
		;
	if (!number || place == 3)
		return 0;
	changes++;
	if (full ? changes < atoi(number) || place != 2 || frees : changes != atoi(number))
		return 0;
	snprintf(said, sizeof(said), "%s.stopped", getenv("NEW_INJECTION"));
	close(open(said, O_WRONLY | O_CREAT, 0644));
	if (last)
		raise(SIGKILL);
	errno = place == 2 ? ENOSPC : EIO;
	return 1;
}

int unlink(const char *path)
{
	return is_stopped(path, 1) ? -1 : syscall(SYS_unlinkat, AT_FDCWD, path, 0);
}

int rename(const char *from, const char *to)
{
	return is_stopped(to, 0) ? -1 : renameat2(AT_FDCWD, from, AT_FDCWD, to, 0);
}

int mkdir(const char *path, mode_t mode)
{
	char made[PATH_MAX], parent[PATH_MAX];
	int error;

	if (is_stopped(path, !access(path, F_OK)))
		return -1;
	snprintf(parent, sizeof(parent), "%s", path);
	if (!is_injection(path)) {
		if (syscall(SYS_mkdirat, AT_FDCWD, path, mode))
			return -1;
		if (has(dirname(parent), "cgroup.procs"))
			make_cgroup_files(path);
		return 0;
	}
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

	if (is_stopped(path, 0))
		return -1;
	if (!is_injection(path)) {
		if (has(path, "cgroup.procs")) {
			if (is_populated(path)) {
				errno = EBUSY;
				return -1;
			}
			each(path, path, delete);
		}
		return syscall(SYS_unlinkat, AT_FDCWD, path, AT_REMOVEDIR);
	}
	beside(gone, "gone");
	if (renameat2(AT_FDCWD, path, AT_FDCWD, gone, 0))
		return -1;
	discard(gone);
	return 0;
}

// Gives a file of the kernel another value.
static int replace(const char *path, const void *text, size_t length)
{
	char new[PATH_MAX];
	int file;

	beside(new, "written");
	file = openat(AT_FDCWD, new, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	check(file >= 0, new);
	check(syscall(SYS_write, file, text, length) == (ssize_t)length, new);
	close(file);
	return renameat2(AT_FDCWD, new, AT_FDCWD, path, 0);
}

// A switch of the scheduler loses the number of requests (elevator_switch in block/elevator.c):
// `none` gets the tags that the hardware has, and each scheduler twice as many, or twice 128.
static void reset_requests(const char *directory, const char *scheduler)
{
	char path[PATH_MAX], active[128], before[4096];
	const char *first = strcmp(scheduler, "none") ? "256\n" : "1023\n";
	ssize_t length;
	int file;

	if (!has(directory, "nr_requests"))
		return;
	snprintf(path, sizeof(path), "%s/scheduler", directory);
	file = open(path, O_RDONLY);
	length = read(file, before, sizeof(before) - 1);
	check(length >= 0, path);
	close(file);
	before[length] = 0;
	snprintf(active, sizeof(active), "[%s]", scheduler);
	if (strstr(before, active))
		return;
	snprintf(path, sizeof(path), "%s/nr_requests", directory);
	replace(path, first, strlen(first));
}

// The text that the kernel makes of one that is written into the file `name` in `directory`; 0 if
// it takes the text as it is, and -1 if it refuses.
static int kept(const char *directory, const char *name, const char *text, char *line, size_t most)
{
	size_t from, to = 0;

	if (!strcmp(name, "scheduler")) {
		reset_requests(directory, text);
		return snprintf(line, most, "[%s]\n", text);
	}
	if (!strcmp(name, "cgroup.procs") && !strcmp(text, "0"))
		return snprintf(line, most, "%d\n", getpid());
	if (strcmp(name, "cgroup.subtree_control"))
		return 0;
	if (has(directory, "cgroup.type") && is_populated(directory)) {
		errno = EBUSY;
		return -1;
	}
	for (from = 0; text[from] && to + 2 < most; from++)
		if (text[from] != '+')
			line[to++] = text[from];
	line[to++] = '\n';
	return to;
}

ssize_t write(int fd, const void *text, size_t length)
{
	char link[64], path[PATH_MAX], directory[PATH_MAX], written[8192], line[128];
	struct stat named, own;
	const char *name;
	int shown;
	ssize_t end;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	end = readlink(link, path, sizeof(path) - 1);
	if (end < 0 || length >= sizeof(written))
		return syscall(SYS_write, fd, text, length);
	path[end] = 0;
	name = strrchr(path, '/');
	if (!name)
		return syscall(SYS_write, fd, text, length);
	snprintf(directory, sizeof(directory), "%.*s", (int)(name - path), path);
	if (is_stopped(path, 0))
		return -1;
	memcpy(written, text, length);
	written[length] = 0;
	written[strcspn(written, "\n")] = 0;
	shown = kept(directory, name + 1, written, line, sizeof(line));
	if (shown < 0)
		return -1;
	if (!is_in(path, "KCHAOS_CONFIGFS") && !is_in(path, "KCHAOS_SYSFS")) {
		if (!shown)
			return syscall(SYS_write, fd, text, length);
		return syscall(SYS_write, fd, line, shown) == shown ? (ssize_t)length : -1;
	}
	// A file that is gone takes no value, and neither does another one of its name.
	if (stat(path, &named) || fstat(fd, &own) || named.st_ino != own.st_ino) {
		errno = ENOENT;
		return -1;
	}
	if (shown ? replace(path, line, shown) : replace(path, text, length))
		return -1;
	return length;
}

// The device number of the file system that a file in the tree is on, and the number of its mount:
// the file TREE_STAT has lines such as `/folder 8:1 36`, of which the one with the longest path
// counts.
static int is_placed(const char *path, unsigned int *major, unsigned int *minor,
		     unsigned int *mount)
{
	const char *table = getenv("TREE_STAT");
	char found[PATH_MAX], folder[PATH_MAX], beginning[PATH_MAX];
	unsigned int numbers[3];
	size_t longest = 0;
	FILE *file = table ? fopen(table, "r") : NULL;

	if (!file)
		return 0;
	while (realpath(path, found) && fscanf(file, "%4095s %u:%u %u", folder, &numbers[0],
					       &numbers[1], &numbers[2]) == 4) {
		size_t length;

		if (!realpath(folder, beginning))
			continue;
		length = strlen(beginning);
		if (length < longest || strncmp(found, beginning, length) ||
		    (found[length] && found[length] != '/'))
			continue;
		longest = length;
		*major = numbers[0];
		*minor = numbers[1];
		*mount = numbers[2];
	}
	fclose(file);
	return longest > 0;
}

// A handle that only names a file has the number of the file's mount in /proc/self/fdinfo.
int open64(const char *path, int flags, ...)
{
	const char *proc = getenv("KCHAOS_PROC");
	unsigned int major, minor, mount, mode;
	char about[PATH_MAX];
	va_list arguments;
	FILE *file;
	int fd;

	va_start(arguments, flags);
	mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(arguments, unsigned int) : 0;
	va_end(arguments);
	fd = syscall(SYS_openat, AT_FDCWD, path, flags, mode);
	if (fd < 0 || !(flags & O_PATH) || !proc || !is_placed(path, &major, &minor, &mount))
		return fd;
	snprintf(about, sizeof(about), "%s/self/fdinfo", proc);
	syscall(SYS_mkdirat, AT_FDCWD, about, 0755);
	snprintf(about, sizeof(about), "%s/self/fdinfo/%d", proc, fd);
	file = fopen(about, "w");
	check(file && fprintf(file, "pos:\t0\nmnt_id:\t%u\n", mount) > 0, about);
	fclose(file);
	return fd;
}

int statx(int at, const char *restrict path, int flags, unsigned int mask,
	  struct statx *restrict found)
{
	const char *dev = getenv("KCHAOS_DEV");
	char folder[PATH_MAX], real[PATH_MAX];
	unsigned int major, minor, mount;
	FILE *file;

	if (syscall(SYS_statx, at, path, flags, mask, found))
		return -1;
	if (is_placed(path, &major, &minor, &mount)) {
		found->stx_dev_major = major;
		found->stx_dev_minor = minor;
	}
	if (!S_ISREG(found->stx_mode) || !dev || !realpath(dev, folder) || !realpath(path, real) ||
	    strncmp(real, folder, strlen(folder)))
		return 0;
	file = fopen(real, "r");
	if (file && fscanf(file, "%u:%u", &major, &minor) == 2) {
		found->stx_mode = S_IFBLK | 0660;
		found->stx_rdev_major = major;
		found->stx_rdev_minor = minor;
	}
	if (file)
		fclose(file);
	return 0;
}
