#include "telemetry/log_file.h"

#include <array>

namespace trommel {

namespace {

Result<bool> ends_within_a_line(Env& env, const std::string& path) {
  ASSIGN(const auto file, env.open_random(path));
  if (file->size() == 0) return false;
  std::array<uint8_t, 1> last{};
  ASSIGN(const size_t got, file->read_at(file->size() - 1, last));
  return got == 1 && last[0] != '\n';
}

}  // namespace

Result<std::unique_ptr<LogFile>> LogFile::open(Env& env, Options options) {
  TRY(env.make_directories(folder_of(options.path)));
  std::unique_ptr<LogFile> file(new LogFile(env, std::move(options)));
  TRY(file->open_end());
  return file;
}

LogFile::~LogFile() {
  if (!stream_) return;
  (void)stream_->sync();
  (void)stream_->close();
}

Result<> LogFile::open_end() {
  ASSIGN(stream_, env_.append_to(options_.path));
  ASSIGN(const FileInfo info, env_.info(options_.path));
  size_ = info.size;
  ASSIGN(const bool unfinished, ends_within_a_line(env_, options_.path));
  if (!unfinished) return {};
  ++size_;
  return stream_->append(as_bytes("\n"));
}

Result<> LogFile::rotate() {
  TRY(stream_->sync());
  // Another process may have put the file aside already.
  const auto now = env_.info(options_.path);
  if (now && now->size >= size_) {
    int64_t last = 1;
    while (last < options_.keep && env_.exists(aside(last))) ++last;
    for (int64_t number = last; number > 1; --number) TRY(env_.rename(aside(number - 1), aside(number)));
    TRY(env_.rename(options_.path, aside(1)));
  }
  auto before = std::move(stream_);
  auto opened = open_end();
  if (!opened) {
    stream_ = std::move(before);
    return opened;
  }
  (void)before->close();
  return env_.sync_directory(folder_of(options_.path));
}

Result<> LogFile::append(std::string_view line) {
  const std::scoped_lock lock(mutex_);
  std::string text(line);
  text += '\n';
  const auto length = static_cast<int64_t>(text.size());
  if (size_ > 0 && size_ + length > options_.max_bytes && !rotate()) size_ = 0;  // tried again a file's length later
  TRY(stream_->append(as_bytes(text)));
  size_ += length;
  return {};
}

}  // namespace trommel
