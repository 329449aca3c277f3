// Storage of a chosen latency: a FUSE file system that shows a folder, read-only, and answers every read of a file
// MILLISECONDS late, many at a time; with a fourth argument also every opening, by as many. What was read stays in the
// page cache, as with a local or a cluster file system. For measuring loaders where no slow storage is at hand.
//
//     cc -O2 slow_storage.c -o slow_storage $(pkg-config --cflags --libs fuse3)
//     ./slow_storage FOLDER MILLISECONDS EMPTY_FOLDER [MILLISECONDS]      # until: umount EMPTY_FOLDER

#define FUSE_USE_VERSION 312
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fuse.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static char root[PATH_MAX];
static struct timespec delay, opening;

static void below(char *whole, const char *path) { snprintf(whole, 2 * PATH_MAX, "%s%s", root, path); }

static void *init(struct fuse_conn_info *connection, struct fuse_config *config)
{
    config->kernel_cache = 1;  // pages survive the end of an open file
    config->entry_timeout = config->attr_timeout = 3600;
    connection->max_background = 256;  // reads ahead of a program wait here; the default of 12 is a limit of its own
    connection->congestion_threshold = 256;
    return NULL;
}

static int attributes(const char *path, struct stat *found, struct fuse_file_info *file)
{
    char whole[2 * PATH_MAX];
    below(whole, path);
    return lstat(whole, found) ? -errno : 0;
}

static int list(const char *path, void *names, fuse_fill_dir_t add, off_t offset, struct fuse_file_info *file,
                enum fuse_readdir_flags flags)
{
    char whole[2 * PATH_MAX];
    below(whole, path);
    DIR *folder = opendir(whole);
    if (!folder) return -errno;
    for (struct dirent *entry; (entry = readdir(folder));) add(names, entry->d_name, NULL, 0, 0);
    closedir(folder);
    return 0;
}

static int open_file(const char *path, struct fuse_file_info *file)
{
    char whole[2 * PATH_MAX];
    if ((file->flags & O_ACCMODE) != O_RDONLY) return -EROFS;
    below(whole, path);
    nanosleep(&opening, NULL);
    int descriptor = open(whole, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) return -errno;
    file->fh = descriptor;
    return 0;
}

static int read_late(const char *path, char *bytes, size_t size, off_t offset, struct fuse_file_info *file)
{
    nanosleep(&delay, NULL);
    ssize_t count = pread(file->fh, bytes, size, offset);
    return count < 0 ? -errno : (int)count;
}

static int close_file(const char *path, struct fuse_file_info *file)
{
    close(file->fh);
    return 0;
}

static const struct fuse_operations operations = {
    .init = init, .getattr = attributes, .readdir = list, .open = open_file, .read = read_late, .release = close_file};

static struct timespec time_of(const char *milliseconds)
{
    double seconds = atof(milliseconds) / 1000;
    return (struct timespec){(time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9)};
}

int main(int count, char **arguments)
{
    if (count < 4 || count > 5 || !realpath(arguments[1], root)) {
        fprintf(stderr, "usage: %s FOLDER MILLISECONDS EMPTY_FOLDER [MILLISECONDS]\n", arguments[0]);
        return 2;
    }
    delay = time_of(arguments[2]);
    opening = time_of(count == 5 ? arguments[4] : "0");
    char *options[] = {arguments[0], "-f", "-o", "ro,max_threads=256", arguments[3], NULL};
    return fuse_main(5, options, &operations, NULL);
}
