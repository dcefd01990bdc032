/* Preloaded into the server: spoils fdatasync and fsync as TORTURE_SYNC says, while the file named
 * by TORTURE_SYNC_IF exists.
 *
 * skip   they return success and do nothing
 * late   they return success at once; the real call follows 20 ms later
 * fail   they fail with EIO
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int real(const char *name, int fd) {
    return ((int (*)(int))dlsym(RTLD_NEXT, name))(fd);
}

static void *later(void *fd) {
    usleep(20000);
    real("fdatasync", (int)(intptr_t)fd);
    close((int)(intptr_t)fd);
    return NULL;
}

static int sync_as_told(const char *name, int fd) {
    const char *how = getenv("TORTURE_SYNC"), *trigger = getenv("TORTURE_SYNC_IF");
    if (!how || !trigger || access(trigger, F_OK) != 0) return real(name, fd);
    if (!strcmp(how, "skip")) return 0;
    if (!strcmp(how, "fail")) {
        errno = EIO;
        return -1;
    }
    if (!strcmp(how, "late")) {
        pthread_t thread;
        int copy = dup(fd);
        if (copy >= 0 && pthread_create(&thread, NULL, later, (void *)(intptr_t)copy) == 0) {
            pthread_detach(thread);
            return 0;
        }
    }
    return real(name, fd);
}

int fdatasync(int fd) { return sync_as_told("fdatasync", fd); }
int fsync(int fd) { return sync_as_told("fsync", fd); }
