/* Loaded before libc (LD_PRELOAD): while the file FSYNC_FAILS exists, the disk keeps nothing of what it is asked to keep. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

static int fails(void) {
  const char *flag = getenv("FSYNC_FAILS");
  return flag != NULL && access(flag, F_OK) == 0;
}

int fsync(int fd) {
  if (fails()) {
    errno = EIO;
    return -1;
  }
  return (int)syscall(SYS_fsync, fd);
}

int fdatasync(int fd) {
  if (fails()) {
    errno = EIO;
    return -1;
  }
  return (int)syscall(SYS_fdatasync, fd);
}
