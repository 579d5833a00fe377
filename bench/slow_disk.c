/* A disk that needs SLOW_DISK_MS longer for each fsync: preloaded into a gateway that is measured. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>

static int late(const char *name, int fd) {
    static struct timespec pause;
    if (!pause.tv_sec && !pause.tv_nsec) {
        long ms = atol(getenv("SLOW_DISK_MS"));
        pause = (struct timespec){ms / 1000, ms % 1000 * 1000000L};
    }
    nanosleep(&pause, NULL);
    return ((int (*)(int))dlsym(RTLD_NEXT, name))(fd);
}

int fsync(int fd) { return late("fsync", fd); }
int fdatasync(int fd) { return late("fdatasync", fd); }
