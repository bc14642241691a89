#include "engine/output_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/numbered_path.h"
#include "base/planted.h"
#include "segment/checksum.h"

namespace trommel {
namespace {

std::string list_path(const std::string& state_folder) { return state_folder + "/temporaries"; }

std::string existing_folder(Env& env, std::string folder) {
  while (!env.exists(folder) && folder != "." && folder != "/") folder = folder_of(folder);
  return folder;
}

/// `out/a.parquet` -> `out/a-2.parquet`, ...: the first that is neither there (unless that one is to be replaced) nor
/// taken by this epoch: two inputs of one name lose nothing.
std::string numbered(Env& env, const std::string& path, std::set<std::string>& taken, bool replace) {
  std::string name = first_numbered(path, [&](const std::string& candidate) {
    return !taken.contains(candidate) && (replace || !env.exists(candidate));
  });
  taken.insert(name);
  return name;
}

}  // namespace

class TemporaryFiles::File final : public OutputFile {
 public:
  File(TemporaryFiles& owner, std::unique_ptr<OutputStream> stream, PreparedFile file)
      : owner_(owner), stream_(std::move(stream)), file_(std::move(file)) {}

  Result<> append(Bytes bytes) override {
    checksum_.update(bytes);
    file_.size += static_cast<int64_t>(bytes.size());
    return stream_->append(bytes);
  }
  Result<> sync() override { return stream_->sync(); }
  Result<> close() override {
    TRY(stream_->close());
    file_.checksum = checksum_.text();
    owner_.closed_.push_back(file_);
    --owner_.open_;
    return {};
  }
  int64_t written() const override { return file_.size; }
  void set_rows(int64_t rows) override { file_.rows = rows; }

 private:
  TemporaryFiles& owner_;
  std::unique_ptr<OutputStream> stream_;
  PreparedFile file_;
  Checksum checksum_;
};

Result<std::unique_ptr<OutputFile>> TemporaryFiles::create(const std::string& path) {
  PreparedFile file;
  file.sink = options_.sink;
  file.final_path = path;
  const std::string folder = path == "-" ? options_.state_folder : existing_folder(env_, folder_of(path));
  file.temporary = fmt::format("{}/.{}.{}-{}-{}-{}.tmp", folder, path == "-" ? "stdout" : name_of(path),
                               options_.pipeline, options_.sink, options_.epoch, ++made_);
  ASSIGN(auto list, env_.append_to(list_path(options_.state_folder)));
  TRY(list->append(as_bytes(file.temporary + "\n")));
  TRY(list->close());
  ASSIGN(auto stream, env_.create(file.temporary));
  ++open_;
  return std::make_unique<File>(*this, std::move(stream), std::move(file));
}

/// Many small files last by one call for their file system; a few by one each, which waits for nobody else's bytes.
/// Their names have to last too: a checkpoint will know them.
Result<> TemporaryFiles::sync_closed() {
  constexpr size_t few = 8;
  std::set<std::string> folders;
  for (const PreparedFile& file : closed_) folders.insert(folder_of(file.temporary));
  if (closed_.size() > few && folders.size() <= few) {
    for (const std::string& folder : folders) TRY(env_.sync_filesystem(folder));
    return {};
  }
  for (const PreparedFile& file : closed_) {
    ASSIGN(auto stream, env_.append_to(file.temporary));
    TRY(stream->sync());
    TRY(stream->close());
  }
  for (const std::string& folder : folders) TRY(env_.sync_directory(folder));
  return {};
}

Result<std::vector<PreparedFile>> TemporaryFiles::prepare() {
  TROMMEL_CHECK(open_ == 0, fmt::format("sink {} left {} files open", options_.sink, open_));
  if (options_.sync && !planted(Mistake::temporary_not_synced)) TRY(sync_closed());
  std::vector<PreparedFile> files;
  std::set<std::string> taken;
  for (PreparedFile& file : closed_) {
    if (file.final_path != "-" && options_.if_exists != IfExists::error)
      file.final_path = numbered(env_, file.final_path, taken, options_.if_exists == IfExists::replace);
    if (file.final_path != "-" && options_.if_exists == IfExists::error && env_.exists(file.final_path)) {
      return external_error(file.final_path, "is there already",
                            "move it away, or write if_exists: number or if_exists: replace");
    }
    files.push_back(std::move(file));
  }
  closed_.clear();
  return files;
}

namespace {

/// Where files appear, and from there up to the folder that was there before: what was made in between. Those too that
/// a dead run renamed: it may not have come to syncing them.
std::set<std::string> folders_with_new_names(const std::vector<PreparedFile>& files) {
  std::set<std::string> folders;
  for (const PreparedFile& file : files) {
    if (file.final_path == "-") continue;
    const std::string there_before = folder_of(file.temporary);
    std::string folder = folder_of(file.final_path);
    while (folders.insert(folder), folder != there_before && folder != folder_of(folder)) folder = folder_of(folder);
  }
  return folders;
}

}  // namespace

Result<> commit_files(Env& env, const std::vector<PreparedFile>& files, bool sync,
                      const std::set<std::string>& replaced) {
  for (const PreparedFile& file : files) {
    if (file.final_path == "-") continue;
    const std::string folder = folder_of(file.final_path);
    if (env.exists(file.temporary)) {
      TRY(env.make_directories(folder));
      TRY(env.rename(file.temporary, file.final_path));
      continue;
    }
    if (replaced.contains(file.final_path)) continue;
    ASSIGN(const FileInfo info, env.info(file.final_path));
    if (planted(Mistake::number_on_recommit)) {
      ASSIGN(const std::string bytes, env.read_text(file.final_path));
      TRY(env.write_text(first_numbered(file.final_path, [&](const auto& path) { return !env.exists(path); }), bytes));
    }
    if (info.size != file.size) {
      Error changed{Error::Domain::external, file.final_path,
                    fmt::format("has {} bytes where the run wrote {}", info.size, file.size),
                    "somebody else changed it", false};
      return tl::unexpected(std::move(changed));
    }
  }
  if (sync) {
    for (const std::string& folder : folders_with_new_names(files)) TRY(env.sync_directory(folder));
  }
  // Standard output comes last: what went down a pipe cannot be taken back.
  for (const PreparedFile& file : files) {
    if (file.final_path != "-" || !env.exists(file.temporary)) continue;
    ASSIGN(auto in, env.open_stream(file.temporary));
    ASSIGN(auto out, env.create("-"));
    std::vector<uint8_t> buffer(1 << 20);
    for (;;) {
      ASSIGN(const size_t got, in->read(buffer));
      if (got == 0) break;
      TRY(out->append({buffer.data(), got}));
    }
    TRY(env.remove(file.temporary));
  }
  return {};
}

Result<std::vector<std::string>> listed_temporaries(Env& env, const std::string& state_folder) {
  std::vector<std::string> paths;
  if (!env.exists(list_path(state_folder))) return paths;
  ASSIGN(const std::string list, env.read_text(list_path(state_folder)));
  for (size_t at = 0; at < list.size();) {
    const size_t end = std::min(list.find('\n', at), list.size());
    if (end > at) paths.push_back(list.substr(at, end - at));
    at = end + 1;
  }
  return paths;
}

Result<> sweep_temporaries(Env& env, const std::string& state_folder, const std::vector<PreparedFile>& keep) {
  if (!env.exists(list_path(state_folder))) return {};
  ASSIGN(const auto paths, listed_temporaries(env, state_folder));
  for (const std::string& path : paths) {
    const bool kept =
        std::any_of(keep.begin(), keep.end(), [&](const PreparedFile& file) { return file.temporary == path; });
    const bool whole = path.ends_with(".tmp");  // else torn by a crash, and it may name anything
    if (!kept && whole) TRY(env.remove(path));
  }
  return env.remove(list_path(state_folder));
}

}  // namespace trommel
