// A preloaded library that trips a program at a chosen moment of what it does to files in one folder: the process is
// killed before its n-th call, or in the middle of its n-th write, or the disk is full from then on, or a sync fails.
// It also notes in a page shared with the test how far the program is, so that a kill can be told, and aimed, by phase.
//
// It sees calls that go through libc's dynamic symbols, from the program and from the libraries it links; test_trip.py
// compares that with what strace sees. What stdio writes from within libc is not seen.
//
// In the environment:
//   - TRIP_FOLDER: only files below it count.
//   - TRIP_PAGE: a file of at least 4096 bytes that is mapped: struct page.
//   - TRIP_LOG: calls that counted, a line each: what they are (enum kind), after `*` the one that tripped.
//   - TRIP_DO: kill; torn: a part of the write, then kill; full: a part of it, then ENOSPC for good; sync: EIO, once.
//     Left out: nothing happens.
//   - TRIP_AT: the number of the call, from 1: kill counts all calls, torn writes, full those that take room, sync
//     those that sync.
//   - TRIP_PART: how much of the write, in percent (50).
//   - TRIP_PHASE, TRIP_ENTERED, TRIP_DELAY_US: SIGKILL so many microseconds after the phase was entered so many times.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

// Shared with trip.py: order and sizes.
enum phase { START, READ, PREPARE, CHECKPOINT, COMMIT, DURABLE, IDLE, PHASES };
struct page {
  atomic_int phase, calls, tripped;
  atomic_int entered[PHASES];
  atomic_long since_us, spent_us[PHASES];  // in a phase once it was left
};

enum what { KILL, TORN, FULL, SYNC, NOTHING };
enum kind { OTHER = 0, WRITES = 1, TAKES_ROOM = 2, SYNCS = 4 };

static struct {
  char folder[4096];
  size_t folder_size;
  struct page* page;
  int log;
  enum what what;
  int at, part, aim, aim_entered;
  long delay_us;
  int count;
  int full;
  pthread_mutex_t mutex;
} trip = {.log = -1, .what = NOTHING, .aim = -1, .mutex = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP};

static long number(const char* name, long otherwise) {
  const char* text = getenv(name);
  return text != NULL && *text != '\0' ? atol(text) : otherwise;
}

__attribute__((constructor)) static void start(void) {
  const char* folder = getenv("TRIP_FOLDER");
  if (folder == NULL || realpath(folder, trip.folder) == NULL) return;
  trip.folder_size = strlen(trip.folder);
  const char* page = getenv("TRIP_PAGE");
  if (page != NULL) {
    const int fd = (int)syscall(SYS_openat, AT_FDCWD, page, O_RDWR | O_CLOEXEC);
    void* at = fd < 0 ? MAP_FAILED : mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (at == MAP_FAILED) abort();
    syscall(SYS_close, fd);
    trip.page = at;
  }
  const char* log = getenv("TRIP_LOG");
  if (log != NULL) trip.log = (int)syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  const char* what = getenv("TRIP_DO");
  const char* names[] = {"kill", "torn", "full", "sync"};
  for (int i = 0; what != NULL && i < NOTHING; ++i) {
    if (strcmp(what, names[i]) == 0) trip.what = (enum what)i;
  }
  trip.at = (int)number("TRIP_AT", 0);
  trip.part = (int)number("TRIP_PART", 50);
  trip.aim = (int)number("TRIP_PHASE", -1);
  trip.aim_entered = (int)number("TRIP_ENTERED", 1);
  trip.delay_us = number("TRIP_DELAY_US", 0);
}

static void die(void) {
  if (trip.page != NULL) atomic_store(&trip.page->tripped, 1);
  kill(getpid(), SIGKILL);
  for (;;) pause();
}

static int ends_with(const char* text, const char* with) {
  const size_t size = strlen(text), wanted = strlen(with);
  return size >= wanted && strcmp(text + size - wanted, with) == 0;
}

// ---- phases -------------------------------------------------------------------------------------------------------

static void kill_in(long us) {
  struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGKILL};
  timer_t timer;
  if (timer_create(CLOCK_MONOTONIC, &event, &timer) != 0) abort();
  const struct itimerspec when = {.it_value = {us / 1000000, us % 1000000 * 1000 + 1}};
  timer_settime(timer, 0, &when, NULL);
}

static void enter(enum phase phase) {
  struct page* page = trip.page;
  if (page == NULL) return;
  const int before = atomic_exchange(&page->phase, (int)phase);
  if (before == (int)phase) return;
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  const long now_us = now.tv_sec * 1000000 + now.tv_nsec / 1000, since_us = atomic_exchange(&page->since_us, now_us);
  if (since_us != 0) atomic_fetch_add(&page->spent_us[before], now_us - since_us);
  const int times = atomic_fetch_add(&page->entered[phase], 1) + 1;
  if ((int)phase == trip.aim && times == trip.aim_entered) {
    atomic_store(&page->tripped, 1);
    kill_in(trip.delay_us);
  }
}

// What a call on these files says about where in the protocol the program is. `to` is where a rename goes.
static void notice(const char* call, int kind, const char* path, const char* to) {
  if (trip.page == NULL) return;
  const enum phase now = (enum phase)atomic_load(&trip.page->phase);
  const int removes = call[0] == 'u', renames = strncmp(call, "rename", 6) == 0;
  if (kind == SYNCS && strcmp(call, "syncfs") == 0) return enter(PREPARE);
  if (strstr(path, "/checkpoint-") != NULL || strstr(path, "/transforms/") != NULL) {
    if (!removes) enter(CHECKPOINT);
  } else if (strstr(path, "/taken.jsonl") != NULL) {
    enter(DURABLE);
  } else if (renames && strstr(to, "/.trommel-") != NULL) {
    enter(READ);  // an input is claimed
  } else if ((renames || removes) && strstr(path, "/.trommel-") != NULL) {
    enter(DURABLE);  // and put away
  } else if (ends_with(path, "/temporaries") && removes) {
    if (now == DURABLE) enter(IDLE);
  } else if (strstr(path, ".duckdb") != NULL) {
    if (now == CHECKPOINT || now == START) enter(COMMIT);
  } else if (ends_with(path, ".tmp") || strstr(path, "/spool/") != NULL) {
    if (renames)
      enter(COMMIT);
    else if (kind == SYNCS)
      enter(PREPARE);
    else if (!removes && now != PREPARE)
      enter(READ);
  }
}

// ---- what every call goes through ----------------------------------------------------------------------------------

static int below(const char* path) {
  return trip.folder_size > 0 && strncmp(path, trip.folder, trip.folder_size) == 0 &&
         (path[trip.folder_size] == '/' || path[trip.folder_size] == '\0');
}

static const char* path_of_fd(int fd, char* buffer, size_t size) {
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  const ssize_t got = readlink(link, buffer, size - 1);
  buffer[got < 0 ? 0 : got] = '\0';
  return buffer;
}

static const char* absolute(int folder, const char* path, char* buffer, size_t size) {
  if (path[0] == '/') return path;
  if (folder == AT_FDCWD) {
    if (getcwd(buffer, size) == NULL) buffer[0] = '\0';
  } else {
    path_of_fd(folder, buffer, size);
  }
  const size_t had = strlen(buffer);
  snprintf(buffer + had, size - had, "/%s", path);
  return buffer;
}

enum verdict { PASS, PART, PART_AND_DIE, NO_ROOM, FAILS };

// Counts a call and says what is to become of it. With something to trip at, calls come one after the other, so that
// the n-th call is that also in the order of their effects; `leave` ends a call.
static enum verdict arrive(const char* call, int kind, const char* path, const char* to) {
  const int error = errno;
  if (trip.what != NOTHING) pthread_mutex_lock(&trip.mutex);
  notice(call, kind, path, to);
  if (trip.page != NULL) atomic_fetch_add(&trip.page->calls, 1);
  const int counts = trip.what == KILL   ? 1
                     : trip.what == TORN ? kind & WRITES
                     : trip.what == FULL ? kind & TAKES_ROOM
                     : trip.what == SYNC ? kind & SYNCS
                                         : 0;
  const int mine = counts && ++trip.count == trip.at;
  if (trip.log >= 0) {
    char line[8400];
    const int size = snprintf(line, sizeof line, "%c%d %s %s%s%s\n", mine ? '*' : ' ', kind, call,
                              path + trip.folder_size, to[0] ? " -> " : "", to);
    (void)!syscall(SYS_write, trip.log, line, size);
  }
  errno = error;
  if (mine) {
    if (trip.page != NULL) atomic_store(&trip.page->tripped, 1);
    if (trip.what == KILL) die();
    if (trip.what == TORN) return PART_AND_DIE;
    if (trip.what == SYNC) return FAILS;
    trip.full = 1;
    return kind & WRITES ? PART : NO_ROOM;
  }
  return trip.full && (kind & TAKES_ROOM) ? NO_ROOM : PASS;
}

static void leave(void) {
  if (trip.what != NOTHING) pthread_mutex_unlock(&trip.mutex);
}

static long fail_with(int code) {
  errno = code;
  return -1;
}

#define REAL(name) ((__typeof__(&name))real(&real_##name, #name))
static void* real(void** kept, const char* name) {
  if (*kept == NULL) *kept = dlsym(RTLD_NEXT, name);
  return *kept;
}
#define KEEP(name) static void* real_##name

// DuckDB counts on its header being written whole, and rewrites the block of its catalogue in place: torn early in
// either the file cannot be opened any more, and nobody but DuckDB could help that. In the middle of a block it can.
static size_t part_of(const char* path) {
  return (size_t)(strstr(path, ".duckdb") != NULL && !ends_with(path, ".wal") ? 50 : trip.part);
}

// A call that either happens or fails.
#define GUARDED(call, kind, path, to, run)                                                                        \
  do {                                                                                                            \
    const enum verdict verdict_ = arrive(call, kind, path, to);                                                   \
    const long result_ = verdict_ == PASS ? (long)(run) : verdict_ == FAILS ? fail_with(EIO) : fail_with(ENOSPC); \
    leave();                                                                                                      \
    return (__typeof__(run))result_;                                                                              \
  } while (0)

// A write of `size` bytes, of which `run(n)` writes n.
#define WRITTEN(call, path, size, run)                                         \
  do {                                                                         \
    const enum verdict verdict_ = arrive(call, WRITES | TAKES_ROOM, path, ""); \
    const size_t part_ = (size) * part_of(path) / 100;                         \
    ssize_t result_;                                                           \
    if (verdict_ == PASS)                                                      \
      result_ = run(size);                                                     \
    else if (verdict_ == NO_ROOM || part_ == 0)                                \
      result_ = fail_with(ENOSPC);                                             \
    else                                                                       \
      result_ = run(part_);                                                    \
    if (verdict_ == PART_AND_DIE) die();                                       \
    leave();                                                                   \
    return result_;                                                            \
  } while (0)

// ---- opening --------------------------------------------------------------------------------------------------------

static int takes_a_name(const char* path, int flags) {
  struct stat st;
  return (flags & O_CREAT) != 0 && stat(path, &st) != 0;
}

KEEP(openat);
int openat(int folder, const char* path, int flags, ...) {
  mode_t mode = 0;
  if (flags & (O_CREAT | O_TMPFILE)) {
    va_list list;
    va_start(list, flags);
    mode = va_arg(list, mode_t);
    va_end(list);
  }
  char buffer[8192];
  const char* full = absolute(folder, path, buffer, sizeof buffer);
  if ((flags & (O_CREAT | O_TRUNC)) == 0 || !below(full)) return REAL(openat)(folder, path, flags, mode);
  GUARDED("open", takes_a_name(full, flags) ? TAKES_ROOM : OTHER, full, "", REAL(openat)(folder, path, flags, mode));
}
int openat64(int folder, const char* path, int flags, ...) {
  va_list list;
  va_start(list, flags);
  const mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(list, mode_t) : 0;
  va_end(list);
  return openat(folder, path, flags, mode);
}
int open(const char* path, int flags, ...) {
  va_list list;
  va_start(list, flags);
  const mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(list, mode_t) : 0;
  va_end(list);
  return openat(AT_FDCWD, path, flags, mode);
}
int open64(const char* path, int flags, ...) {
  va_list list;
  va_start(list, flags);
  const mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(list, mode_t) : 0;
  va_end(list);
  return openat(AT_FDCWD, path, flags, mode);
}

// ---- writing --------------------------------------------------------------------------------------------------------

KEEP(write);
ssize_t write(int fd, const void* bytes, size_t size) {
  char buffer[8192];
  const char* path = path_of_fd(fd, buffer, sizeof buffer);
#define RUN(n) REAL(write)(fd, bytes, n)
  if (!below(path)) return RUN(size);
  WRITTEN("write", path, size, RUN);
#undef RUN
}
KEEP(pwrite);
ssize_t pwrite(int fd, const void* bytes, size_t size, off_t at) {
  char buffer[8192];
  const char* path = path_of_fd(fd, buffer, sizeof buffer);
#define RUN(n) REAL(pwrite)(fd, bytes, n, at)
  if (!below(path)) return RUN(size);
  WRITTEN("pwrite", path, size, RUN);
#undef RUN
}
ssize_t pwrite64(int fd, const void* bytes, size_t size, off_t at) { return pwrite(fd, bytes, size, at); }
static size_t length(const struct iovec* parts, int count) {
  size_t sum = 0;
  for (int i = 0; i < count; ++i) sum += parts[i].iov_len;
  return sum;
}
static ssize_t write_first(int fd, const struct iovec* parts, size_t size) {
  return REAL(write)(fd, parts[0].iov_base, size < parts[0].iov_len ? size : parts[0].iov_len);
}
KEEP(writev);
ssize_t writev(int fd, const struct iovec* parts, int count) {
  char buffer[8192];
  const char* path = path_of_fd(fd, buffer, sizeof buffer);
#define RUN(n) ((n) == length(parts, count) ? REAL(writev)(fd, parts, count) : write_first(fd, parts, n))
  if (!below(path)) return REAL(writev)(fd, parts, count);
  WRITTEN("writev", path, length(parts, count), RUN);
#undef RUN
}

KEEP(ftruncate);
int ftruncate(int fd, off_t size) {
  char buffer[8192];
  const char* path = path_of_fd(fd, buffer, sizeof buffer);
  if (!below(path)) return REAL(ftruncate)(fd, size);
  struct stat st;
  GUARDED("ftruncate", fstat(fd, &st) == 0 && st.st_size < size ? TAKES_ROOM : OTHER, path, "",
          REAL(ftruncate)(fd, size));
}
int ftruncate64(int fd, off_t size) { return ftruncate(fd, size); }
KEEP(fallocate);
int fallocate(int fd, int mode, off_t at, off_t size) {
  char buffer[8192];
  const char* path = path_of_fd(fd, buffer, sizeof buffer);
  if (!below(path)) return REAL(fallocate)(fd, mode, at, size);
  GUARDED("fallocate", mode == 0 ? TAKES_ROOM : OTHER, path, "", REAL(fallocate)(fd, mode, at, size));
}
int fallocate64(int fd, int mode, off_t at, off_t size) { return fallocate(fd, mode, at, size); }

// ---- syncing --------------------------------------------------------------------------------------------------------

KEEP(fsync);
int fsync(int fd) {
  char buffer[8192];
  const char* path = path_of_fd(fd, buffer, sizeof buffer);
  if (!below(path)) return REAL(fsync)(fd);
  GUARDED("fsync", SYNCS, path, "", REAL(fsync)(fd));
}
KEEP(fdatasync);
int fdatasync(int fd) {
  char buffer[8192];
  const char* path = path_of_fd(fd, buffer, sizeof buffer);
  if (!below(path)) return REAL(fdatasync)(fd);
  GUARDED("fdatasync", SYNCS, path, "", REAL(fdatasync)(fd));
}
KEEP(syncfs);
int syncfs(int fd) {
  char buffer[8192];
  const char* path = path_of_fd(fd, buffer, sizeof buffer);
  if (!below(path)) return REAL(syncfs)(fd);
  GUARDED("syncfs", SYNCS, path, "", REAL(syncfs)(fd));
}

// ---- names ----------------------------------------------------------------------------------------------------------

KEEP(renameat);
int renameat(int folder, const char* from, int to_folder, const char* to) {
  char buffer[8192], to_buffer[8192];
  const char* full = absolute(folder, from, buffer, sizeof buffer);
  const char* to_full = absolute(to_folder, to, to_buffer, sizeof to_buffer);
  if (!below(full)) return REAL(renameat)(folder, from, to_folder, to);
  GUARDED("rename", OTHER, full, to_full, REAL(renameat)(folder, from, to_folder, to));
}
int rename(const char* from, const char* to) { return renameat(AT_FDCWD, from, AT_FDCWD, to); }
KEEP(renameat2);
int renameat2(int folder, const char* from, int to_folder, const char* to, unsigned flags) {
  char buffer[8192], to_buffer[8192];
  const char* full = absolute(folder, from, buffer, sizeof buffer);
  const char* to_full = absolute(to_folder, to, to_buffer, sizeof to_buffer);
  if (!below(full)) return REAL(renameat2)(folder, from, to_folder, to, flags);
  GUARDED("rename", OTHER, full, to_full, REAL(renameat2)(folder, from, to_folder, to, flags));
}
KEEP(unlinkat);
int unlinkat(int folder, const char* path, int flags) {
  char buffer[8192];
  const char* full = absolute(folder, path, buffer, sizeof buffer);
  if (!below(full)) return REAL(unlinkat)(folder, path, flags);
  GUARDED("unlink", OTHER, full, "", REAL(unlinkat)(folder, path, flags));
}
int unlink(const char* path) { return unlinkat(AT_FDCWD, path, 0); }
int rmdir(const char* path) { return unlinkat(AT_FDCWD, path, AT_REMOVEDIR); }
int remove(const char* path) {
  if (unlinkat(AT_FDCWD, path, 0) == 0) return 0;
  return errno == EISDIR || errno == EPERM ? unlinkat(AT_FDCWD, path, AT_REMOVEDIR) : -1;
}
KEEP(mkdirat);
int mkdirat(int folder, const char* path, mode_t mode) {
  char buffer[8192];
  const char* full = absolute(folder, path, buffer, sizeof buffer);
  if (!below(full)) return REAL(mkdirat)(folder, path, mode);
  GUARDED("mkdir", TAKES_ROOM, full, "", REAL(mkdirat)(folder, path, mode));
}
int mkdir(const char* path, mode_t mode) { return mkdirat(AT_FDCWD, path, mode); }
KEEP(linkat);
int linkat(int folder, const char* from, int to_folder, const char* to, int flags) {
  char buffer[8192], to_buffer[8192];
  const char* full = absolute(folder, from, buffer, sizeof buffer);
  const char* to_full = absolute(to_folder, to, to_buffer, sizeof to_buffer);
  if (!below(full)) return REAL(linkat)(folder, from, to_folder, to, flags);
  GUARDED("link", TAKES_ROOM, full, to_full, REAL(linkat)(folder, from, to_folder, to, flags));
}
int link(const char* from, const char* to) { return linkat(AT_FDCWD, from, AT_FDCWD, to, 0); }
