#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "connectors/files/inflate.h"
#include "connectors/files/streams.h"

namespace trommel {
namespace {

constexpr int64_t end_record_bytes = 22;
constexpr int64_t comment_bytes_max = 65535;
constexpr int64_t directory_bytes_max = 256 << 20;
constexpr uint32_t in_zip64 = 0xFFFFFFFF;

tl::unexpected<Error> damaged(const std::string& name, const std::string& how) {
  return external_error(name, "damaged zip: " + how, "copy or download it again");
}

/// Little-endian fields of a record; reading beyond its end gives zeros and is remembered.
class Record {
 public:
  explicit Record(Bytes bytes) : bytes_(bytes) {}
  uint64_t number(size_t at, size_t bytes) {
    if (at + bytes > bytes_.size()) {
      short_ = true;
      return 0;
    }
    uint64_t value = 0;
    for (size_t i = bytes; i-- > 0;) value = value << 8 | bytes_[at + i];
    return value;
  }
  uint16_t u16(size_t at) { return static_cast<uint16_t>(number(at, 2)); }
  uint32_t u32(size_t at) { return static_cast<uint32_t>(number(at, 4)); }
  uint64_t u64(size_t at) { return number(at, 8); }
  Bytes part(size_t at, size_t length) {
    if (at + length > bytes_.size()) {
      short_ = true;
      return {};
    }
    return bytes_.subspan(at, length);
  }
  bool is_short() const { return short_; }

 private:
  Bytes bytes_;
  bool short_ = false;
};

Result<std::vector<uint8_t>> read_exactly(const RandomFile& file, int64_t at, int64_t bytes, const std::string& name) {
  if (at < 0 || bytes < 0 || at + bytes > file.size())
    return damaged(name, fmt::format("it ends before byte {}", at + bytes));
  std::vector<uint8_t> out(static_cast<size_t>(bytes));
  ASSIGN(const size_t got, file.read_at(at, out));
  if (got != out.size()) return damaged(name, fmt::format("it ends at byte {}", at + static_cast<int64_t>(got)));
  return out;
}

struct Directory {
  uint64_t entries = 0;
  int64_t size = 0;
  int64_t offset = 0;
};

/// The end record of an archive with more or larger files than 16 and 32 bits can count.
Result<Directory> find_zip64(const RandomFile& file, int64_t end_record, const std::string& name) {
  ASSIGN(const auto locator_bytes, read_exactly(file, end_record - 20, 20, name));
  Record locator(locator_bytes);
  if (locator.u32(0) != 0x07064b50) return damaged(name, "its 64-bit directory is missing");
  ASSIGN(const auto bytes, read_exactly(file, static_cast<int64_t>(locator.u64(8)), 56, name));
  Record record(bytes);
  if (record.u32(0) != 0x06064b50) return damaged(name, "its 64-bit directory is missing");
  return Directory{record.u64(32), static_cast<int64_t>(record.u64(40)), static_cast<int64_t>(record.u64(48))};
}

Result<Directory> find_directory(const RandomFile& file, const std::string& name) {
  const int64_t tail = std::min(file.size(), end_record_bytes + comment_bytes_max);
  ASSIGN(const auto bytes, read_exactly(file, file.size() - tail, tail, name));
  for (int64_t at = tail - end_record_bytes; at >= 0; --at) {
    Record record(Bytes(bytes).subspan(static_cast<size_t>(at)));
    if (record.u32(0) != 0x06054b50 || at + end_record_bytes + record.u16(20) != tail) continue;
    if (record.u16(4) != 0 && record.u16(4) != 0xFFFF)
      return external_error(name, "this zip archive is in several parts", "join them first");
    const Directory directory{record.u16(10), record.u32(12), record.u32(16)};
    if (record.u16(10) == 0xFFFF || record.u32(12) == in_zip64 || record.u32(16) == in_zip64) {
      return find_zip64(file, file.size() - tail + at, name);
    }
    return directory;
  }
  return damaged(name, fmt::format("no directory at its end (byte {}), so it is cut short", file.size()));
}

/// Sizes and offset that did not fit in 32 bits stand in the extra field 1, only those, in this order.
Result<> read_zip64_extra(Bytes extra, ZipMember& member, uint32_t size, uint32_t packed, uint32_t offset,
                          const std::string& name) {
  if (size != in_zip64 && packed != in_zip64 && offset != in_zip64) return {};
  Record fields(extra);
  for (size_t at = 0; at + 4 <= extra.size(); at += 4 + fields.u16(at + 2)) {
    if (fields.u16(at) != 1) continue;
    size_t next = at + 4;
    const auto take = [&](uint32_t narrow, int64_t& wide) {
      if (narrow != in_zip64) return;
      wide = static_cast<int64_t>(fields.u64(next));
      next += 8;
    };
    take(size, member.size);
    take(packed, member.packed_size);
    take(offset, member.offset);
    if (fields.is_short()) break;
    return {};
  }
  return damaged(name, "the 64-bit sizes of " + member.name + " are missing");
}

/// The upper half of code page 437, in which old programs write names.
constexpr std::array<const char*, 128> code_page_437 = {
    "Ç", "ü", "é", "â", "ä", "à", "å", "ç", "ê", "ë", "è", "ï", "î", "ì", "Ä", "Å", "É", "æ",     "Æ", "ô", "ö", "ò",
    "û", "ù", "ÿ", "Ö", "Ü", "¢", "£", "¥", "₧", "ƒ", "á", "í", "ó", "ú", "ñ", "Ñ", "ª", "º",     "¿", "⌐", "¬", "½",
    "¼", "¡", "«", "»", "░", "▒", "▓", "│", "┤", "╡", "╢", "╖", "╕", "╣", "║", "╗", "╝", "╜",     "╛", "┐", "└", "┴",
    "┬", "├", "─", "┼", "╞", "╟", "╚", "╔", "╩", "╦", "╠", "═", "╬", "╧", "╨", "╤", "╥", "╙",     "╘", "╒", "╓", "╫",
    "╪", "┘", "┌", "█", "▄", "▌", "▐", "▀", "α", "ß", "Γ", "π", "Σ", "σ", "µ", "τ", "Φ", "Θ",     "Ω", "δ", "∞", "φ",
    "ε", "∩", "≡", "±", "≥", "≤", "⌠", "⌡", "÷", "≈", "°", "∙", "·", "√", "ⁿ", "²", "■", "\u00a0"};

/// RFC 3629: no overlong forms, no surrogates.
bool is_utf8(Bytes bytes) {
  for (size_t at = 0; at < bytes.size();) {
    const uint8_t first = bytes[at];
    const size_t more = first < 0x80                    ? 0
                        : first >= 0xc2 && first < 0xe0 ? 1
                        : first >= 0xe0 && first < 0xf0 ? 2
                        : first >= 0xf0 && first < 0xf5 ? 3
                                                        : 4;
    if (more == 4 || at + more >= bytes.size()) return false;
    for (size_t i = 1; i <= more; ++i) {
      if (bytes[at + i] >> 6 != 2) return false;
    }
    const uint8_t second = more > 0 ? bytes[at + 1] : 0;
    if ((first == 0xe0 && second < 0xa0) || (first == 0xed && second > 0x9f) || (first == 0xf0 && second < 0x90) ||
        (first == 0xf4 && second > 0x8f))
      return false;
    at += more + 1;
  }
  return true;
}

/// The flag for UTF-8 is not believed: macOS writes UTF-8 without it, others set it and write anything.
std::string utf8_name(Bytes raw) {
  if (is_utf8(raw)) return std::string(as_text(raw));
  std::string out;
  for (const uint8_t byte : raw)
    out += byte < 128 ? std::string(1, static_cast<char>(byte)) : code_page_437[byte - 128];
  return out;
}

bool is_wanted(const std::string& name) {
  return !name.empty() && !name.ends_with('/') && !name.starts_with("__MACOSX/") && name_of(name) != ".DS_Store";
}

}  // namespace

Result<std::vector<ZipMember>> zip_members(const RandomFile& file, const std::string& name) {
  ASSIGN(const Directory directory, find_directory(file, name));
  if (directory.size > directory_bytes_max)
    return external_error(name, fmt::format("its directory is too large: {} bytes", directory.size));
  ASSIGN(const auto bytes, read_exactly(file, directory.offset, directory.size, name));
  std::vector<ZipMember> members;
  size_t at = 0;
  for (uint64_t i = 0; i < directory.entries; ++i) {
    Record entry(Bytes(bytes).subspan(std::min(at, bytes.size())));
    if (entry.u32(0) != 0x02014b50) return damaged(name, fmt::format("entry {} of its directory is broken", i + 1));
    ZipMember member;
    const uint16_t flags = entry.u16(8);
    member.encrypted = (flags & 1) != 0;
    member.method = entry.u16(10);
    member.dos_time = entry.u32(12);
    member.crc = entry.u32(16);
    member.packed_size = entry.u32(20);
    member.size = entry.u32(24);
    member.offset = entry.u32(42);
    const size_t name_bytes = entry.u16(28);
    const size_t extra_bytes = entry.u16(30);
    member.name = utf8_name(entry.part(46, name_bytes));
    TRY(read_zip64_extra(entry.part(46 + name_bytes, extra_bytes), member, entry.u32(24), entry.u32(20), entry.u32(42),
                         name));
    if (entry.is_short()) return damaged(name, fmt::format("entry {} of its directory is broken", i + 1));
    at += 46 + name_bytes + extra_bytes + entry.u16(32);
    if (is_wanted(member.name)) members.push_back(std::move(member));
  }
  return members;
}

Result<std::unique_ptr<InputStream>> open_zip_member(std::shared_ptr<RandomFile> file, const ZipMember& member,
                                                     const std::string& name) {
  if (member.encrypted) return config_error(name, "this zip member is encrypted", "unpack it with its password first");
  if (member.method != 0 && member.method != 8) {
    return external_error(name, fmt::format("packed by zip method {}, which is not known here", member.method),
                          "unpack it first");
  }
  ASSIGN(const auto bytes, read_exactly(*file, member.offset, 30, name));
  Record header(bytes);
  if (header.u32(0) != 0x04034b50) return damaged(name, fmt::format("no member begins at byte {}", member.offset));
  const int64_t begin = member.offset + 30 + header.u16(26) + header.u16(28);
  if (begin + member.packed_size > file->size())
    return damaged(name, fmt::format("it ends before byte {}", begin + member.packed_size));

  class Part : public InputStream {
   public:
    Part(std::shared_ptr<RandomFile> file, int64_t at, int64_t end) : file_(std::move(file)), at_(at), end_(end) {}
    Result<size_t> read(std::span<uint8_t> into) override {
      const auto wanted = static_cast<size_t>(std::min<int64_t>(end_ - at_, static_cast<int64_t>(into.size())));
      ASSIGN(const size_t got, file_->read_at(at_, into.first(wanted)));
      at_ += static_cast<int64_t>(got);
      return got;
    }

   private:
    std::shared_ptr<RandomFile> file_;
    int64_t at_;
    int64_t end_;
  };
  auto packed = std::make_unique<Part>(std::move(file), begin, begin + member.packed_size);
  return unpack_member(std::move(packed), begin, member.method == 8, {member.size, member.crc}, name);
}

}  // namespace trommel
