#include "base/lock_holder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <sstream>
#include <string>

namespace trommel {

namespace {

/// By the list of the system (proc(5), /proc/locks): `1: FLOCK  ADVISORY  WRITE 4711 fe:00:5006 0 EOF`. Nothing where
/// there is no such list.
std::optional<bool> is_listed(ino_t inode) {
  std::ifstream list("/proc/locks");
  if (!list) return std::nullopt;
  for (std::string line; std::getline(list, line);) {
    std::istringstream words(line);
    std::string number, kind, advisory, access, process, place;
    words >> number >> kind >> advisory >> access >> process >> place;
    // The device is that of the file system below where several lie on one another: the file's number has to do.
    if (kind == "FLOCK" && access == "WRITE" && place.ends_with(":" + std::to_string(inode))) return true;
  }
  return false;
}

}  // namespace

std::optional<std::string> lock_holder(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return std::nullopt;
  struct stat info{};
  std::optional<bool> held;
  if (::fstat(fd, &info) == 0) held = is_listed(info.st_ino);
  if (!held) held = ::flock(fd, LOCK_SH | LOCK_NB) != 0;  // let go of again when the file is closed
  char text[256];
  const ssize_t got = *held ? ::pread(fd, text, sizeof text, 0) : 0;
  ::close(fd);
  if (!*held) return std::nullopt;
  return got > 0 ? std::string(text, static_cast<size_t>(got)) : std::string("another process");
}

}  // namespace trommel
