#include "engine/reject_logs.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "engine/rejects.h"
#include "telemetry/numbers.h"

namespace trommel {
namespace {

constexpr int64_t kPause = 60'000'000;   // microseconds between two looks
constexpr size_t kSmall = 200;           // logs of single epochs, before they are put together
constexpr int64_t kTogether = 16 << 20;  // bytes of what is put together

std::optional<RejectLogFile> log_of(const FileInfo& entry) {
  const std::string name = name_of(entry.path);
  constexpr std::string_view start = "epoch-", end = ".jsonl";
  if (!name.starts_with(start) || !name.ends_with(end)) return std::nullopt;
  const char* at = name.data() + start.size();
  const char* stop = name.data() + name.size() - end.size();
  RejectLogFile file{entry.path, 0, 0, entry.size, entry.modified_us};
  auto read = std::from_chars(at, stop, file.first);
  file.last = file.first;
  if (read.ec == std::errc{} && read.ptr < stop && *read.ptr == '-')
    read = std::from_chars(read.ptr + 1, stop, file.last);
  if (read.ec != std::errc{} || read.ptr != stop) return std::nullopt;
  return file;
}

}  // namespace

Result<std::vector<RejectLogFile>> reject_log_files(Env& env, const std::string& state_folder,
                                                    std::vector<std::string>* copies) {
  std::vector<RejectLogFile> files, out;
  const std::string folder = state_folder + "/rejects";
  if (!env.exists(folder)) return out;
  ASSIGN(const auto entries, env.list(folder));
  for (const FileInfo& entry : entries) {
    if (auto file = log_of(entry)) files.push_back(std::move(*file));
  }
  std::sort(files.begin(), files.end(), [](const RejectLogFile& a, const RejectLogFile& b) {
    return a.first != b.first ? a.first < b.first : a.last > b.last;
  });
  for (RejectLogFile& file : files) {
    if (out.empty() || file.last > out.back().last) {
      out.push_back(std::move(file));
    } else if (copies != nullptr) {
      copies->push_back(file.path);
    }
  }
  return out;
}

Result<> RejectLogs::tidy(const std::function<Result<std::set<std::string>>()>& replayed, const Say& say) {
  const int64_t now = env_.steady_us();
  if (now < next_us_) return {};
  next_us_ = now + kPause;
  std::vector<std::string> copies;
  ASSIGN(auto files, reject_log_files(env_, state_folder_, &copies));
  for (const std::string& path : copies) TRY(env_.remove(path));
  TRY(remove_old(files, replayed, say));
  ASSIGN(files, reject_log_files(env_, state_folder_));
  return put_together(files);
}

/// The last one stays, whatever it is: its epoch has just ended.
Result<> RejectLogs::remove_old(const std::vector<RejectLogFile>& files,
                                const std::function<Result<std::set<std::string>>()>& replayed, const Say& say) {
  int64_t bytes = 0;
  for (const RejectLogFile& file : files) bytes += file.size;
  std::optional<std::set<std::string>> back;
  const int64_t now = env_.now_us();
  for (size_t i = 0; i + 1 < files.size(); ++i) {
    const RejectLogFile& file = files[i];
    const bool old = settings_.max_age_us > 0 && now - file.modified_us > settings_.max_age_us;
    const bool many = settings_.max_bytes > 0 && bytes > settings_.max_bytes;
    if (!old && !many) break;
    if (!back) {
      ASSIGN(back, replayed());
    }
    int64_t rows = 0, open = 0;
    TRY(for_each_reject_of(env_, file.path, [&](const Reject& reject) {
      rows += reject.rows;
      if (!back->contains(reject.id)) open += reject.rows;
      return true;
    }));
    TRY(env_.remove(file.path));
    bytes -= file.size;
    say(fmt::format("removed {}: {} past the limit of {}, {} of them never replayed", name_of(file.path),
                    rejects_text(rows), old ? "rejects: max_age" : "rejects: max_size", count_text(open)));
  }
  return {};
}

Result<> RejectLogs::put_together(const std::vector<RejectLogFile>& files) {
  std::vector<const RejectLogFile*> small;
  for (size_t i = 0; i + 1 < files.size(); ++i) {
    if (files[i].first == files[i].last && files[i].size < kTogether / 16) {
      small.push_back(&files[i]);
    } else {
      small.clear();  // only neighbours make one log
    }
  }
  if (small.size() < kSmall) return {};
  std::string text;
  size_t taken = 0;
  while (taken < small.size() && static_cast<int64_t>(text.size()) < kTogether) {
    ASSIGN(text, env_.read_text(small[taken]->path).map([&](const std::string& more) { return text + more; }));
    ++taken;
  }
  TRY(env_.write_durably(
      fmt::format("{}/rejects/epoch-{:06}-{:06}.jsonl", state_folder_, small[0]->first, small[taken - 1]->last), text));
  for (size_t i = 0; i < taken; ++i) TRY(env_.remove(small[i]->path));
  return {};
}

}  // namespace trommel
