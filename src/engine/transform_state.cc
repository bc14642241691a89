#include "engine/transform_state.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <map>

#include "base/lasting_folder.h"
#include "segment/checksum.h"

namespace trommel {
namespace {

constexpr size_t kFilesMax = 64;  // changes are brought together beyond that, however small

void put_text(std::string& out, std::string_view text) {
  const auto size = static_cast<uint32_t>(text.size());
  for (int shift = 0; shift < 32; shift += 8) out += static_cast<char>(size >> shift & 0xff);
  out += text;
}

bool get_text(std::string_view& in, std::string_view& text) {
  if (in.size() < 4) return false;
  uint32_t size = 0;
  for (size_t i = 0; i < 4; ++i) size |= uint32_t{static_cast<uint8_t>(in[i])} << (8 * i);
  if (in.size() - 4 < size) return false;
  text = in.substr(4, size);
  in.remove_prefix(4 + size_t{size});
  return true;
}

void put_record(std::string& out, bool put, std::string_view node, std::string_view key, std::string_view value) {
  out += put ? '\1' : '\0';
  put_text(out, node);
  put_text(out, key);
  put_text(out, value);
}

using Everything = std::map<std::pair<std::string, std::string>, std::string>;

Result<> apply(Everything& all, bool put, std::string_view node, std::string_view key, std::string_view value) {
  std::pair<std::string, std::string> name(node, key);
  if (put) {
    all[std::move(name)] = value;
  } else {
    all.erase(name);
  }
  return {};
}

Result<> each_record(
    std::string_view bytes, const std::string& path,
    const std::function<Result<>(bool, std::string_view, std::string_view, std::string_view)>& record) {
  while (!bytes.empty()) {
    const bool put = bytes.front() != 0;
    bytes.remove_prefix(1);
    std::string_view node, key, value;
    if (!get_text(bytes, node) || !get_text(bytes, key) || !get_text(bytes, value))
      return external_error(path, "is damaged: a record is cut short");
    TRY(record(put, node, key, value));
  }
  return {};
}

}  // namespace

void StateRecorder::put(std::string_view key, std::string_view value) { put_record(changes_, true, node_, key, value); }
void StateRecorder::remove(std::string_view key) { put_record(changes_, false, node_, key, {}); }

Result<> TransformStates::each(const StateFile& file, const Record& record) const {
  ASSIGN(const std::string bytes, env_.read_text(file.path, int64_t{64} << 30));
  if (static_cast<int64_t>(bytes.size()) != file.size || checksum_of(bytes) != file.checksum) {
    return external_error(file.path,
                          fmt::format("is damaged: {} bytes with checksum {}, written were {} with {}", bytes.size(),
                                      checksum_of(bytes), file.size, file.checksum),
                          "restore the state folder from a copy, or start anew under another name");
  }
  return each_record(bytes, file.path, record);
}

Result<> TransformStates::load(const std::string& node, Transform& transform) const {
  // Later files win, and what was removed must not come back: gathered first, handed over once.
  std::map<std::string, std::string> own;
  for (const StateFile& file : files_) {
    TRY(each(file, [&](bool put, std::string_view of, std::string_view key, std::string_view value) -> Result<> {
      if (of != node) return {};
      if (put) {
        own[std::string(key)] = value;
      } else {
        own.erase(std::string(key));
      }
      return {};
    }));
  }
  for (const auto& [key, value] : own) TRY(transform.load(key, value));
  return {};
}

Result<std::string> TransformStates::all_of_it(const StateChanges& changes) const {
  Everything all;
  for (const StateFile& file : files_) {
    TRY(each(file, [&](bool put, std::string_view node, std::string_view key, std::string_view value) {
      return apply(all, put, node, key, value);
    }));
  }
  TRY(each_record(changes, folder_, [&](bool put, std::string_view node, std::string_view key, std::string_view value) {
    return apply(all, put, node, key, value);
  }));
  std::string bytes;
  for (const auto& [name, value] : all) put_record(bytes, true, name.first, name.second, value);
  return bytes;
}

Result<StateFile> TransformStates::write_file(const std::string& name, const std::string& bytes, bool sync) const {
  StateFile file;
  file.path = folder_ + "/" + name;
  file.size = static_cast<int64_t>(bytes.size());
  file.checksum = checksum_of(bytes);
  TRY(make_lasting_directories(env_, folder_));
  ASSIGN(auto out, env_.create(file.path));
  TRY(out->append(as_bytes(bytes)));
  if (sync) TRY(out->sync());
  TRY(out->close());
  if (sync) TRY(env_.sync_directory(folder_));
  return file;
}

Result<std::vector<StateFile>> TransformStates::write(Epoch epoch, const StateChanges& changes, bool sync) const {
  if (changes.empty()) return files_;
  int64_t since = static_cast<int64_t>(changes.size());
  for (size_t i = 1; i < files_.size(); ++i) since += files_[i].size;
  const bool anew = files_.size() >= kFilesMax || (!files_.empty() && since > files_.front().size);
  if (anew) {
    ASSIGN(const std::string bytes, all_of_it(changes));
    ASSIGN(StateFile file, write_file(fmt::format("{:06}-all", epoch), bytes, sync));
    return std::vector{std::move(file)};
  }
  std::vector<StateFile> files = files_;
  ASSIGN(StateFile file, write_file(fmt::format("{:06}", epoch), changes, sync));
  files.push_back(std::move(file));
  return files;
}

Result<> TransformStates::sweep(const std::vector<std::vector<StateFile>>& kept) const {
  if (!env_.exists(folder_)) return {};
  ASSIGN(const auto entries, env_.list(folder_));
  for (const FileInfo& entry : entries) {
    const bool named = std::any_of(kept.begin(), kept.end(), [&](const auto& files) {
      return std::any_of(files.begin(), files.end(), [&](const StateFile& file) { return file.path == entry.path; });
    });
    if (!named) TRY(env_.remove(entry.path));
  }
  return {};
}

}  // namespace trommel
