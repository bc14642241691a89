#include "connectors/files/input_file.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>
#include <map>

#include "connectors/files/glob.h"

namespace trommel {
namespace {

constexpr int64_t hashed_bytes = 64 << 10;  ///< from each end; smaller files are hashed whole

struct Ends {
  uint64_t hash = 0;
  Packing packing = Packing::plain;
};

Result<Ends> look_at_ends(const RandomFile& file) {
  std::vector<uint8_t> bytes(static_cast<size_t>(std::min(file.size(), 2 * hashed_bytes)));
  const auto half = file.size() <= 2 * hashed_bytes ? bytes.size() : static_cast<size_t>(hashed_bytes);
  ASSIGN(size_t got, file.read_at(0, std::span(bytes).first(half)));
  if (half < bytes.size()) {
    ASSIGN(const size_t tail, file.read_at(file.size() - hashed_bytes, std::span(bytes).subspan(half)));
    got += tail;
  }
  return Ends{XXH3_64bits(bytes.data(), got), packing_of(Bytes(bytes).first(std::min(got, half)))};
}

bool is_pipe(const FileInfo& file) {
  return file.path == "-" || file.path == "/dev/stdin" || file.path.starts_with("/dev/fd/") ||
         file.path.starts_with("/proc/self/fd/");
}

Result<std::vector<InputFile>> members_of(const InputFile& archive, const std::shared_ptr<RandomFile>& file,
                                          const std::string& wanted) {
  const std::string& name = archive.split.name;
  ASSIGN(auto members, zip_members(*file, name));
  std::sort(members.begin(), members.end(), [](const ZipMember& a, const ZipMember& b) { return a.name < b.name; });
  std::vector<InputFile> out;
  for (ZipMember& member : members) {
    if (!wanted.empty() && member.name != wanted && !path_matches(wanted, member.name)) continue;
    InputFile input = archive;
    input.split.name = name + "!" + member.name;
    input.split.size = member.size;
    // The archive's own time is left out: adding a file to it makes no new files of the others.
    input.split.facts = fmt::format("{} bytes, {:08x}, crc {:08x}", member.size, member.dos_time, member.crc);
    input.split.id = fmt::format("{}#{}-{:08x}-{:08x}", input.split.name, member.size, member.dos_time, member.crc);
    input.member = std::move(member);
    out.push_back(std::move(input));
  }
  if (out.empty()) {
    return external_error(name, wanted.empty() ? "there is no file in this zip archive"
                                               : "no file in this zip archive matches " + wanted);
  }
  return out;
}

Result<std::vector<InputFile>> new_pipe(const FindInputs& where, FileInfo file) {
  InputFile input;
  input.pipe = std::make_shared<Pipe>(*where.env, file.path, where.spool_folder);
  input.split.name = file.path == "-" ? "standard input" : file.path;
  input.split.id = fmt::format("{}#{}", input.split.name, where.env->now_us());
  input.file = std::move(file);
  const auto stream = input.pipe->stream();
  ASSIGN(const std::string head, read_up_to(*stream, 16));
  input.packing = where.packing.value_or(packing_of(as_bytes(head)));
  if (input.packing != Packing::zip) return std::vector{input};
  ASSIGN(const auto whole, input.pipe->whole());
  return members_of(input, whole, "");
}

Result<std::vector<InputFile>> pipe_input(const FindInputs& where, const FileInfo& file) {
  if (const auto met = where.pipes->find(file.path); met != where.pipes->end()) return met->second;
  ASSIGN(auto inputs, new_pipe(where, file));
  return where.pipes->emplace(file.path, std::move(inputs)).first->second;
}

Result<std::vector<InputFile>> file_inputs(const FindInputs& where, const FileInfo& file, const std::string& members) {
  if (is_pipe(file)) return pipe_input(where, file);
  InputFile input;
  input.file = file;
  input.split.name = input.split.unit = shown_path(file.path, where.folder);
  ASSIGN(std::shared_ptr<RandomFile> bytes, where.env->open_random(file.path));
  ASSIGN(const Ends ends, look_at_ends(*bytes));
  input.packing = where.packing.value_or(ends.packing);
  if (input.packing == Packing::zip) return members_of(input, bytes, members);
  if (!members.empty())
    return config_error(input.split.name, "not a zip archive, so nothing in it can be named", "leave out !" + members);
  input.split.size = file.size;
  input.split.facts = fmt::format("{} bytes, {} us, xxh3 {:016x}", file.size, file.modified_us, ends.hash);
  input.split.id = fmt::format("{}#{}-{}-{:016x}", input.split.name, file.size, file.modified_us, ends.hash);
  return std::vector{std::move(input)};
}

Result<std::shared_ptr<RandomFile>> packed_bytes(Env& env, const InputFile& input) {
  if (input.pipe) return input.pipe->whole();
  ASSIGN(std::shared_ptr<RandomFile> file, env.open_random(input.file.path));
  return file;
}

}  // namespace

Packing packing_of(Bytes head) {
  const auto begins = [&](std::initializer_list<uint8_t> magic) {
    return head.size() >= magic.size() && std::equal(magic.begin(), magic.end(), head.begin());
  };
  if (begins({0x1f, 0x8b, 8})) return Packing::gzip;
  if (begins({'P', 'K', 3, 4}) || begins({'P', 'K', 5, 6})) return Packing::zip;
  // zstd may begin with frames to be skipped, whose mark's lowest half byte is free.
  if (begins({0x28, 0xb5, 0x2f, 0xfd}) ||
      (head.size() >= 4 && head[0] >> 4 == 5 && head[1] == 0x2a && head[2] == 0x4d && head[3] == 0x18))
    return Packing::zstd;
  if (begins({0xfd, '7', 'z', 'X', 'Z', 0})) return Packing::xz;
  if (begins({4, 0x22, 0x4d, 0x18})) return Packing::lz4;
  // A text can begin with BZh; the first block's mark (or the end's, where there is none) tells.
  if (begins({'B', 'Z', 'h'}) && head.size() >= 10 && head[3] >= '1' && head[3] <= '9') {
    const std::string_view mark = as_text(head.subspan(4, 6));
    if (mark == "1AY&SY" || mark == "\x17\x72\x45\x38\x50\x90") return Packing::bzip2;
  }
  return Packing::plain;
}

std::string shown_path(const std::string& path, const std::string& folder) {
  const std::string prefix = folder.ends_with('/') ? folder : folder + "/";
  return path.starts_with(prefix) ? path.substr(prefix.size()) : path;
}

Result<std::vector<InputFile>> look_into(const FindInputs& where, const FileInfo& file) {
  return file_inputs(where, file, "");
}

Result<std::vector<InputFile>> find_inputs(const FindInputs& where, const std::string& pattern) {
  if (pattern == "-") return pipe_input(where, FileInfo{.path = "-"});
  std::string path = join_path(where.folder, pattern);
  std::string members;
  ASSIGN(auto files, find_files(*where.env, path));
  if (const size_t mark = path.rfind('!'); files.empty() && mark != std::string::npos) {
    members = path.substr(mark + 1);
    path.resize(mark);
    ASSIGN(files, find_files(*where.env, path));
  }
  std::vector<InputFile> out;
  for (const FileInfo& file : files) {
    ASSIGN(auto inputs, file_inputs(where, file, members));
    std::move(inputs.begin(), inputs.end(), std::back_inserter(out));
  }
  return out;
}

Result<std::unique_ptr<InputStream>> open_input(Env& env, const InputFile& input, int64_t at) {
  const std::string& name = input.split.name;
  if (input.packing == Packing::plain && !input.pipe) {
    ASSIGN(std::shared_ptr<RandomFile> file, env.open_random(input.file.path));
    return stream_from(std::move(file), at);
  }
  std::unique_ptr<InputStream> stream;
  if (input.packing == Packing::zip) {
    ASSIGN(auto file, packed_bytes(env, input));
    ASSIGN(stream, open_zip_member(std::move(file), *input.member, name));
  } else {
    if (input.pipe) {
      stream = input.pipe->stream();
    } else {
      ASSIGN(std::shared_ptr<RandomFile> file, env.open_random(input.file.path));
      stream = stream_from(std::move(file), 0);
    }
    if (input.packing != Packing::plain) stream = unpack(input.packing, std::move(stream), name);
  }
  TRY(skip(*stream, at, name));
  return stream;
}

Result<std::shared_ptr<RandomFile>> open_input_at_any_place(Env& env, const InputFile& input) {
  if (input.packing != Packing::plain) {
    return config_error(input.split.name, "a file of this format cannot be read while it is packed", "unpack it first");
  }
  return packed_bytes(env, input);
}

Result<> check_unchanged(Env& env, const InputFile& input) {
  if (input.pipe) return {};
  const std::string hint = "have it written under another name and renamed when it is complete";
  if (!env.exists(input.file.path))
    return external_error(input.split.name, "the file was removed while it was read", hint);
  ASSIGN(const FileInfo now, env.info(input.file.path));
  if (now.size == input.file.size && now.modified_us == input.file.modified_us) return {};
  return external_error(
      input.split.name,
      fmt::format("the file changed while it was read: {} bytes before, {} now", input.file.size, now.size), hint);
}

Result<Sample> take_sample(Env& env, const InputFile& input, const SampleSize& size) {
  Sample sample;
  sample.name = input.split.name;
  const bool plain = input.packing == Packing::plain && !input.pipe;
  const bool size_known = input.packing == Packing::plain || input.packing == Packing::zip;
  sample.size = size_known && !input.pipe ? input.split.size : -1;
  const bool all = !plain || sample.size <= static_cast<int64_t>(size.whole);
  ASSIGN(const auto stream, open_input(env, input, 0));
  // One byte more than wanted tells whether that was all.
  size_t wanted = (all ? size.whole : size.head) + 1;
  if (plain && sample.size >= 0) wanted = std::min(wanted, static_cast<size_t>(sample.size) + 1);
  ASSIGN(std::string head, read_up_to(*stream, wanted));
  sample.whole = head.size() < wanted;
  if (!sample.whole) head.pop_back();
  sample.pieces.push_back(std::move(head));
  if (!plain || sample.whole) return sample;
  ASSIGN(const std::shared_ptr<RandomFile> file, env.open_random(input.file.path));
  const int64_t last = file->size() - static_cast<int64_t>(size.piece);
  for (size_t i = 1; i <= size.pieces; ++i) {
    std::string piece(size.piece, '\0');
    // At a whole unit of UTF-16 and UTF-32.
    const int64_t at = last / static_cast<int64_t>(size.pieces) * static_cast<int64_t>(i) / 4 * 4;
    ASSIGN(const size_t got, file->read_at(at, {reinterpret_cast<uint8_t*>(piece.data()), piece.size()}));
    piece.resize(got);
    sample.pieces.push_back(std::move(piece));
  }
  return sample;
}

}  // namespace trommel
